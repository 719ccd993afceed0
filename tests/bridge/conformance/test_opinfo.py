"""The suite `opinfo` runs on complete libraries and on adapters."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")  # the database imports it

from bridge.conformance import opinfo
from bridge.conformance.adapter import load
from tests.bridge.conformance.toys import loaded


def verdict(adapter: object, name: str) -> str:
    (found,) = opinfo.judge(adapter, name, examples=12)  # type: ignore[arg-type]
    return found.verdict


@pytest.mark.parametrize("library", ["torch", "minigrad"])
@pytest.mark.parametrize("name", ["exp", "abs", "amax", "max.binary"])
def test_nothing_is_wrong_with_a_complete_library(library: str, name: str) -> None:
    assert verdict(load(library), name) == "right"


def test_a_dtype_that_numpy_lacks_is_missing() -> None:
    assert verdict(load("torch"), "bfloat16") == "missing"


def test_known_shortfalls_are_conventions() -> None:
    assert verdict(load("minigrad"), "special.bessel_j0") == "convention"


def test_an_adapter_is_judged_by_its_ops(tmp_path: Path) -> None:
    toy = loaded(tmp_path)
    assert {"exp", "mul", "nn.functional.relu"} <= {*opinfo.units(toy)}
    assert "tanh" not in opinfo.units(toy)
    assert verdict(toy, "exp") == "right"
    wrong = loaded(tmp_path, ("lambda g: g * y)", "lambda g: g * y * 1.001)"))
    assert verdict(wrong, "exp") == "wrong"


def test_a_version_without_the_database_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ImportError

    monkeypatch.setattr(opinfo, "_database", absent)
    (name,) = opinfo.units(load("torch"))
    assert verdict(load("torch"), name) == "missing"
