"""Measure how far rounding alone carries a computation, by perturbing PyTorch's operands.

Two correct libraries round each op differently, by up to its tolerance in
`minigrad/catalogue/accuracy.py`. How much that changes a program's result depends on the program's
condition, which is measured here: PyTorch runs the program again several times, and each time the
floating-point operands of every op are perturbed at random by up to 4 eps, as if another library
had computed them. LAPACK's errors are relative to a whole matrix, and so are the perturbations of
its operands. A result that moves that far may also differ between the libraries.

This is Monte Carlo arithmetic (Parker, "Monte Carlo Arithmetic: exploiting randomness in
floating-point arithmetic", 1997). Unlike a derivative, it notices an activation so near its kink
that rounding decides on which side it falls.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch._decomp import get_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from minigrad.catalogue.accuracy import Scaled

from .closeness import Array, Difference, compare_arrays

# The largest relative perturbation of an operand, in eps.
PERTURBATION = 4
# A result may be off by twice the farthest that it moved.
ALLOWED = Scaled(2)
# How many runs to do at first, and how many more while a result has not moved far enough.
RUNS = (2, 6, 56)

Results = dict[str, Array]

_aten = torch.ops.aten
_DECOMPOSED = get_decompositions(
    [
        _aten._softmax,
        _aten._softmax_backward_data,
        _aten._log_softmax,
        _aten._log_softmax_backward_data,
        _aten.gelu,
        _aten.gelu_backward,
    ]
)

_NOT_LAPACK = ("linalg_cross", "linalg_vector_norm")
_EXPONENTIAL = (_aten._softmax.default, _aten._log_softmax.default)


class PerturbedOperands(TorchDispatchMode):
    """A context in which PyTorch perturbs the floating-point operands of every op by up to 4 eps.

    An operand of LAPACK is a matrix, or a stack of them, and each element is perturbed by up to 4
    eps of the largest in its matrix. The softmaxes and GELU are decomposed, since perturbing their
    operands doesn't show what cancels inside of them. The exponents of softmaxes stay at most 0, as
    in any library. The operands of views are left alone, and so is a tensor that an op writes into,
    unless it is the op's only operand, as in `x.exp_()`. The perturbations depend on `seed` only
    and draw nothing from PyTorch's own random streams.
    """

    def __init__(self, seed: int, keep_infinities: bool = True) -> None:
        """With `keep_infinities`, an infinity stays one. Otherwise it may become NaN."""
        super().__init__()
        self._keep_infinities = keep_infinities
        self._generators: dict[torch.device, torch.Generator] = {}
        self._seed = seed
        self._positions: dict[Any, tuple[int, ...]] = {}  # of the operands to perturb, by op

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DECOMPOSED:
            if func in _EXPONENTIAL and args[0].numel():
                args = (self._below_largest(*args[:2]), *args[1:])
            with self:
                return _DECOMPOSED[func](*args, **kwargs)
        if func not in self._positions:
            self._positions[func] = _perturbable(func)
        perturbed, of_matrices = list(args), _is_lapack(func)
        for i in self._positions[func]:
            x = args[i] if i < len(args) else None
            if isinstance(x, torch.Tensor) and x.is_floating_point() and not x.is_meta:
                # An op that is given a dtype computes in it, and it may be coarser than x's.
                size = _largest_of_matrix(x) if of_matrices and x.ndim > 1 and x.numel() else None
                perturbed[i] = self._perturb(x, kwargs.get("dtype"), size)
        if _is_unary_write(func) and args[0].is_floating_point():
            args[0].copy_(self._perturb(args[0], None))
        return func(*perturbed, **kwargs)

    def _below_largest(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        """Perturb `x` once and subtract its largest, so that no later perturbation overflows exp.

        The decomposition subtracts the largest again, but that is 0 now, and 0 isn't perturbed.
        """
        x = self._perturb(x, None)
        return x - x.amax(dim, keepdim=True)

    def _perturb(
        self, x: torch.Tensor, computed_in: torch.dtype | None, size: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Perturb `x` in proportion to `size`, which is `x` itself by default."""
        generator = self._generators.get(x.device)
        if generator is None:
            generator = torch.Generator(x.device).manual_seed(self._seed)
            self._generators[x.device] = generator
        units = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device) * 2 - 1
        eps = torch.finfo(x.dtype).eps
        if computed_in is not None and computed_in.is_floating_point:
            eps = max(eps, torch.finfo(computed_in).eps)
        units *= PERTURBATION * eps
        if size is None and self._keep_infinities:
            return x * (1 + units)
        return x + (x if size is None else size) * units


def _is_lapack(func: Any) -> bool:
    name = func.name().removeprefix("aten::").partition(".")[0]
    return name.lstrip("_").startswith(("linalg_", "cholesky_")) and name not in _NOT_LAPACK


def _largest_of_matrix(x: torch.Tensor) -> torch.Tensor:
    return x.abs().amax((-2, -1), keepdim=True)


def _perturbable(func: Any) -> tuple[int, ...]:
    """Return the positions of the operands that may be perturbed: none of a view, none written."""
    returned = [r.alias_info for r in func._schema.returns if r.alias_info is not None]
    if any(not alias.is_write for alias in returned):
        return ()
    return tuple(i for i, a in enumerate(func._schema.arguments) if a.alias_info is None)


def _is_unary_write(func: Any) -> bool:
    """Tell whether an op writes into its first operand, which is its only tensor."""
    first, *others = func._schema.arguments
    writes = first.alias_info is not None and first.alias_info.is_write
    return writes and not any("Tensor" in str(a.type) for a in others)


def judge_by_rounding(
    ours: Results,
    theirs: Results,
    suspects: list[str],
    rerun: Callable[[AbstractContextManager[Any]], Results],
    seed: int = 0,
    overflowed: bool = False,
    keep_infinities: bool = True,
) -> dict[str, Difference]:
    """Compare the results named in `suspects`, in units of how far rounding carries each element.

    A difference is `ok` if rounding explains it. If a sum `overflowed` on the way in one library
    only, any element that is not finite is accepted. Without `keep_infinities`, so is what comes of
    an infinite operand.

    `rerun(context)` computes PyTorch's results again, with the perturbed part inside `context`.
    """
    spread = {name: np.zeros(theirs[name].shape) for name in suspects}
    found: dict[str, Difference] = {}
    seeds = itertools.count(seed)
    suspects = list(suspects)
    for runs in RUNS:
        if not suspects:
            break
        for _ in range(runs):
            perturbed = rerun(PerturbedOperands(next(seeds), keep_infinities))
            for name in suspects:
                # A derivative that the perturbed computation doesn't have is 0.
                result = perturbed.get(name, np.zeros_like(theirs[name]))
                np.maximum(spread[name], _movement(result, theirs[name]), out=spread[name])
        for name in suspects:
            if overflowed and ours[name].shape == theirs[name].shape:
                spread[name][~(np.isfinite(ours[name]) & np.isfinite(theirs[name]))] = np.inf
            found[name] = _in_units_of_spread(ours[name], theirs[name], spread[name])
        suspects = [name for name in suspects if not found[name].ok]
    return found


def _movement(perturbed: Array, theirs: Array) -> Array:
    """Return how far each element moved; infinity if it became finite or stopped being finite."""
    same = (perturbed == theirs) | ((perturbed != perturbed) & (theirs != theirs))
    with np.errstate(all="ignore"):
        gap = np.abs(perturbed.astype(np.float64) - theirs)
    return np.where(same, 0, np.where(np.isfinite(gap), gap, np.inf))


def _in_units_of_spread(ours: Array, theirs: Array, spread: Array) -> Difference:
    if theirs.dtype.kind != "f" and ours.shape == theirs.shape:
        return compare_arrays(np.where(spread > 0, theirs, ours), theirs, ALLOWED)
    finite = np.where(np.isfinite(theirs), theirs, 0).astype(np.float64)
    with np.errstate(over="ignore"):
        terms = spread / np.finfo(theirs.dtype).eps + 2 * np.abs(finite)
    found = compare_arrays(ours, theirs, ALLOWED, terms)
    return replace(found, unit="times as far as rounding carries it")
