"""Ops whose function in PyTorch saves the input, although the gradient doesn't depend on it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from ...rules import Rule
from ...rules.rule import Result, also_saved


def saving_input(rule: Rule, derivative: str, **presented: Any) -> Rule:
    """A rule that is linear in its first operand, but saves it.

    So a write to the operand before the backward pass is an error. The gradient's node, which is
    called `derivative`, gives the operand a gradient of 0.
    """

    @functools.wraps(rule.forward)
    def forward(input: Any, *args: Any) -> Result:
        y, (pullback, *others) = rule.forward(input, *args)
        assert pullback is not None
        return y, (lambda g: also_saved(pullback(g), input), *others)

    shown = rule.presented(
        derivative_node=derivative, derivative_node_repeats=False, edges=("input",), **presented
    )
    return replace(shown, forward=forward, linear=False, write=None)
