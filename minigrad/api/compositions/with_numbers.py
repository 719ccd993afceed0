"""Ops of a tensor and a Python number, as PyTorch's own functions call them.

Their nodes, such as `MulBackward1`, have no edge for the number. Those of `x * 2` in a user's
program have one.
"""

from __future__ import annotations

from ...core.dispatch import OPS, number_op

plus, minus, times, over = (number_op(name) for name in ("add", "sub", "mul", "div"))
at_least = OPS["clamp_min"]
