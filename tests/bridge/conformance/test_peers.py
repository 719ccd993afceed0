"""The adapters of other engines load, and what was verified of the engines is still so."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from bridge.conformance import rules, tape
from bridge.conformance.adapter import load

# A module of each engine: folders of these tests have the names of some packages.
MODULES = {
    "autograd": "autograd.numpy",
    "jax": "jax.numpy",
    "micrograd": "micrograd.engine",
    "mygrad": "mygrad",
}
# What differs from PyTorch: the engine, the op or check of the tape, and the property.
KNOWN = [
    ("autograd", "sinc", "ties"),
    ("autograd", "where", "broadcasting"),
    ("jax", "logaddexp", "infinities"),
    ("mygrad", "maximum", "ties"),
    ("mygrad", "relu", "infinities"),
    ("micrograd", "second_walk", "second_walk"),
]


@pytest.mark.parametrize("engine", MODULES)
def test_plain_multiplication_is_right(engine: str) -> None:
    pytest.importorskip(MODULES[engine])
    found = list(rules.judge(load(engine), "mul", examples=3, kinds=["plain", "broadcasting"]))
    assert [v.verdict for v in found] == ["right", "right"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("engine", "op", "kind"), KNOWN)
def test_a_known_difference_is_found(engine: str, op: str, kind: str) -> None:
    pytest.importorskip(MODULES[engine])
    adapter = load(engine)
    if op in tape.CHECKS:
        found = list(tape.judge(adapter, op))
    else:
        found = list(rules.judge(adapter, op, examples=20, kinds=[kind]))
    assert {v.verdict for v in found} & {"wrong", "error"}
