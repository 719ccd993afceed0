"""A long program in several functions does what it does in one."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.compiling.numba import parts
from minigrad.compiling.numba.parts import LEAVE, split

ARRAYS = ("a", "b", "c")


def run(lines: list[str], definitions: list[str] | None = None) -> tuple[Any, dict[str, Any]]:
    """What the program of some lines returns, and its arrays after it."""
    arrays = {name: [float(len(name) + i) for i in range(3)] for name in ARRAYS}
    body = "\n        ".join([*lines, "pass"])
    text = "\n".join(
        [
            *(definitions or []),
            f"def program({', '.join(ARRAYS)}):",
            "    for step in range(2):",
            f"        {body}",
            "    return 2",
        ]
    )
    space: dict[str, Any] = {"njit": lambda **options: lambda function: function}
    exec(text, space)
    return space["program"](**arrays), arrays


def in_parts(items: list[list[str]]) -> tuple[list[str], list[str]]:
    numbers = count(1)
    return split(items, {*ARRAYS}, lambda: f"part_{next(numbers)}")


@st.composite
def items(draw: st.DrawFn) -> list[list[str]]:
    """Loops over arrays, numbers that later ones use, and loops that leave the program."""
    found: list[list[str]] = []
    numbers: list[str] = []
    for i in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["loop", "loop", "number", "leave"]))
        source, target = draw(st.sampled_from(ARRAYS)), draw(st.sampled_from(ARRAYS))
        factor = draw(st.sampled_from([*numbers, "0.5"]))
        if kind == "number":
            numbers.append(f"u_{i}")
            found.append([f"u_{i} = {source}[1] * {factor}"])
            continue
        lines = [f"v{i} = {source}[i0]", f"{target}[i0] = v{i} * {factor} + {i}"]
        if kind == "leave":
            lines.insert(1, f"if v{i} > {draw(st.integers(3, 30))}: {LEAVE}")
        found.append(["for i0 in range(3):", *[f"    {line}" for line in lines]])
    return found


@given(items=items(), longest=st.integers(1, 20), shortest=st.integers(1, 6))
def test_parts_do_what_the_whole_does(items: list[list[str]], longest: int, shortest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LONGEST", longest)
        patch.setattr(parts, "_SHORTEST", shortest)
        definitions, main = in_parts(items)
    assert run(main, definitions) == run([line for lines in items for line in lines])


def test_no_part_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LONGEST", 20)
    loops = [["for i0 in range(3):", *[f"    a[i0] = b[i0] + {j}" for j in range(4)]]] * 40
    definitions, main = in_parts(loops)
    assert main == [f"part_{i}(a, b)" for i in range(1, 11)]
    assert len(definitions) == 10 * (20 + 3)


def test_a_short_program_stays_whole() -> None:
    assert in_parts([["n = a[0]"], ["b[0] = n"]]) == ([], ["n = a[0]", "b[0] = n"])


def test_a_number_of_two_parts_is_in_the_main_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LONGEST", 12)
    loop = ["for i0 in range(3):", *["    a[i0] = a[i0] * n"] * 12]
    definitions, main = in_parts([["n = a[0]"], loop, loop])
    assert main == ["n = a[0]", "part_1(a, n)", "part_2(a, n)"]
    assert not any("n =" in line for line in definitions)
