"""How far rounding alone carries a computation: PyTorch's own, with every operand moved a little.

Two correct libraries round differently, op by op, by up to what `minigrad.accuracy` says. What
becomes of that in a whole program depends on its condition, which is measured: PyTorch runs the
program again and again, while each op gets its floating-point operands moved at random by up to 4
units in the last place, as if another library had computed them. Where that moves a result, nothing
can be claimed of it. This is Monte Carlo arithmetic (Parker, "Monte Carlo Arithmetic: exploiting
randomness in floating-point arithmetic", 1997). It sees what no derivative does: an activation so
near its kink that rounding decides on which side it falls.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch._decomp import get_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from minigrad.catalogue.accuracy import Scaled

from .closeness import Array, Difference, measured

UNITS = 4
# A result may be off by so many times the farthest that it was seen to move.
MOVED = Scaled(2)
# How often the program is run at first, and how often again while it has not moved far enough.
RUNS = (2, 6, 56)

Results = dict[str, Array]

_aten = torch.ops.aten
_TAKEN_APART = get_decompositions(
    [
        _aten._softmax,
        _aten._softmax_backward_data,
        _aten._log_softmax,
        _aten._log_softmax_backward_data,
    ]
)


class Moved(TorchDispatchMode):
    """Within it, every op of PyTorch gets its floating-point operands moved by up to 4 units.

    The softmaxes are taken apart for it: what cancels inside of them no operand shows. Views get
    theirs as they are, as does what an op writes into. The moves follow from `seed`, and
    take nothing from PyTorch's own random streams.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generators: dict[torch.device, torch.Generator] = {}
        self._seed = seed
        self._movable: dict[Any, tuple[int, ...]] = {}  # for each op, the positions of operands

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _TAKEN_APART:
            with self:
                return _TAKEN_APART[func](*args, **(kwargs or {}))
        positions = self._movable.get(func)
        if positions is None:
            positions = self._movable[func] = _movable(func)
        moved = list(args)
        # An op that is told a dtype computes in that, be it coarser than its operands.
        told = (kwargs or {}).get("dtype")
        for i in positions:
            x = moved[i] if i < len(moved) else None
            if isinstance(x, torch.Tensor) and x.is_floating_point():
                moved[i] = self._move(x, told)
        return func(*moved, **(kwargs or {}))

    def _move(self, x: torch.Tensor, told: torch.dtype | None) -> torch.Tensor:
        generator = self._generators.get(x.device)
        if generator is None:
            generator = torch.Generator(x.device).manual_seed(self._seed)
            self._generators[x.device] = generator
        units = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device) * 2 - 1
        eps = torch.finfo(x.dtype).eps
        if told is not None and told.is_floating_point:
            eps = max(eps, torch.finfo(told).eps)
        return x + x * (units * (UNITS * eps))


def _movable(func: Any) -> tuple[int, ...]:
    """The positions of the operands that may be moved: none of a view's, none that is written."""
    returned = [r.alias_info for r in func._schema.returns if r.alias_info is not None]
    if any(not alias.is_write for alias in returned):
        return ()
    return tuple(i for i, a in enumerate(func._schema.arguments) if a.alias_info is None)


def beside_rounding(
    ours: Results,
    theirs: Results,
    suspects: list[str],
    run: Callable[[AbstractContextManager[Any]], Results],
    seed: int = 0,
    overflowed: bool = False,
) -> dict[str, Difference]:
    """How far apart each of the `suspects` is, as a multiple of what rounding does there.

    The result is not `ok` where rounding does not explain the difference. Where sums have
    `overflowed` on the way in one library alone, nothing is claimed of what is not finite.

    `run` computes PyTorch's results again, with what is to be moved inside the context it is given.
    """
    spread = {name: np.zeros(theirs[name].shape) for name in suspects}
    found: dict[str, Difference] = {}
    done = 0
    suspects = list(suspects)
    for runs in RUNS:
        for _ in range(runs):
            moved = run(Moved(seed + done))
            done += 1
            for name in suspects:
                np.maximum(spread[name], _gap(moved[name], theirs[name]), out=spread[name])
        for name in suspects:
            if overflowed and ours[name].shape == theirs[name].shape:
                spread[name][~(np.isfinite(ours[name]) & np.isfinite(theirs[name]))] = np.inf
            found[name] = _apart(ours[name], theirs[name], spread[name])
        suspects = [name for name in suspects if not found[name].ok]
        if not suspects:
            break
    return found


def _gap(moved: Array, theirs: Array) -> Array:
    """How far each element moved: infinitely, where it became or ceased to be a finite number."""
    same = (moved == theirs) | ((moved != moved) & (theirs != theirs))
    with np.errstate(all="ignore"):
        gap = np.abs(moved.astype(np.float64) - theirs)
    return np.where(same, 0, np.where(np.isfinite(gap), gap, np.inf))


def _apart(ours: Array, theirs: Array, spread: Array) -> Difference:
    if theirs.dtype.kind != "f" and ours.shape == theirs.shape:
        return measured(np.where(spread > 0, theirs, ours), theirs, MOVED)
    finite = np.where(np.isfinite(theirs), theirs, 0).astype(np.float64)
    with np.errstate(over="ignore"):
        terms = spread / np.finfo(theirs.dtype).eps + 2 * np.abs(finite)
    apart = measured(ours, theirs, MOVED, terms)
    return replace(apart, unit="times as far as rounding carries it")
