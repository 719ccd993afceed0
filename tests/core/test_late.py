"""Functions that are compiled at their first call."""

from __future__ import annotations

import inspect
import linecache
import sys
import threading
from collections.abc import Iterator

import pytest

import minigrad
from minigrad.core.late import late_function

SOURCE = """\
def scaled(x, factor=2, *, offset=0, **others):
    return x * factor + offset + unit + sum(others.values())
"""


@pytest.fixture
def scaled() -> Iterator[object]:
    yield late_function("scaled", "scaled.py (made)", lambda: SOURCE, {"unit": 1})
    linecache.cache.pop("scaled.py (made)", None)


def test_the_first_call_is_like_the_others(scaled: object) -> None:
    assert callable(scaled)
    for _ in range(2):
        assert scaled(3) == 7
        assert scaled(3, 4, offset=5, more=6) == 24
        with pytest.raises(TypeError, match=r"^scaled\(\) missing 1 required positional argument"):
            scaled()


def test_an_error_of_the_first_call_names_the_line_of_the_source(scaled: object) -> None:
    assert callable(scaled)
    with pytest.raises(TypeError) as caught:
        scaled("a", "b")
    assert str(caught.traceback[-1].statement).strip() == SOURCE.splitlines()[1].strip()


def test_the_source_is_there_before_and_after_the_first_call() -> None:
    source = "def twice(x):\n    return 2 * x\n"
    twice = late_function("twice", "twice.py (made)", lambda: source, {})
    assert inspect.getsource(twice) == source
    assert twice(2) == 4
    assert inspect.getsource(twice) == source
    assert inspect.getsource(minigrad.hypot).startswith("def hypot(")


def test_nothing_is_compiled_before_the_first_call() -> None:
    def source() -> str:
        raise AssertionError

    waiting = late_function("waiting", "waiting.py (made)", source, {})
    with pytest.raises(AssertionError):
        waiting()


def test_threads_may_call_it_first_at_once() -> None:
    found: list[int] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            function = late_function("scaled", "scaled.py (made)", lambda: SOURCE, {"unit": 1})
            threads = [
                threading.Thread(target=lambda f=function: found.append(f(1, offset=1)))
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == [4] * 80
