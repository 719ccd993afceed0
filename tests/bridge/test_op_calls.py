"""bridge/libraries/op_calls.py: every rule has a call that both libraries understand."""

from __future__ import annotations

import pytest

import minigrad
from bridge.libraries.op_calls import spelling, split_arguments
from minigrad.rules import REGISTRY


@pytest.mark.parametrize("name", REGISTRY)
def test_every_rule_has_a_spelling(name: str) -> None:
    assert callable(spelling(name))


def test_an_unknown_rule_raises() -> None:
    with pytest.raises(KeyError):
        spelling("nothing")


def test_arguments_are_split_into_operands_and_options() -> None:
    assert split_arguments("add", ("x", 2), {"alpha": 3}) == (("x", 2), {"alpha": 3})
    assert split_arguments("cat", ("x", "y", "z"), {"dim": 1}) == (("x", "y", "z"), {"dim": 1})
    assert split_arguments("clamp", ("x", None, 3), {}) == (("x", None, 3), {})
    assert split_arguments("softmax", ("x", -1, None), {}) == (("x",), {"dim": -1})


def test_in_place_rules_write_into_a_copy() -> None:
    x = minigrad.ones(2)
    assert spelling("zero")(minigrad, x).tolist() == [0, 0]
    assert spelling("copy")(minigrad, x, minigrad.full((2,), 3.0)).tolist() == [3, 3]
    assert spelling("index_put")(minigrad, x, 5.0, key=(minigrad.tensor([0]),)).tolist() == [5, 1]
    assert x.tolist() == [1, 1]
