"""Find where two runs part although each op is right: the first value that PyTorch never computed.

Ops that agree one by one can still be combined wrongly: a loss that sums other terms, or a gradient
that the tape lost. So every tensor that PyTorch computes is recorded, and each array that minigrad
computed is looked up there, in the order of computation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bridge.libraries.convert import array_of

from .closeness import Array, Difference, normwise
from .findings import Finding
from .replay import Computed


class RecordedTensors(TorchDispatchMode):
    """A context in which `values` gets a copy of each tensor that PyTorch computes, by shape."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[tuple[int, ...], list[Array]] = defaultdict(list)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if "empty" in func.name():
            return result  # it has no contents yet
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor):
                self.values[tuple(x.shape)].append(array_of(x))
        return result


def first_unmatched(computed: Sequence[Computed], recorded: RecordedTensors) -> Finding | None:
    """Return the first array of an op that minigrad computed and PyTorch didn't.

    Float arrays match if they agree in half the digits of the coarsest dtype so far. Returns None
    if all match, or if the first unmatched array is the gradient of a leaf, which no single op
    computed. Arrays computed after the last gradient are ignored: a wrong update shows in the
    parameters.
    """
    leaves = [i for i, each in enumerate(computed) if each.op is None]
    eps = 0.0
    for each in computed[: leaves[-1] + 1] if leaves else computed:
        if each.array.dtype.kind != "f":
            continue  # PyTorch may use other masks
        eps = max(eps, float(np.finfo(each.array.dtype).eps))
        nearest = _nearest_unless_matched(each.array, recorded, eps)
        if nearest is not None:
            if each.op is None:
                return None
            what = f"{each.what}, unlike any in PyTorch (the nearest is shown),"
            return Finding(what, nearest, each.op.name, each.op.number, each.op.where)
    return None


def _nearest_unless_matched(
    array: Array, recorded: RecordedTensors, eps: float
) -> Difference | None:
    """Return the difference from the nearest recorded tensor, or None if one matches."""
    candidates = [x for x in recorded.values[array.shape] if x.dtype == array.dtype]
    if not candidates or not array.size:
        return None  # PyTorch may have skipped it, a view for example
    matching = float(eps**0.5 / np.finfo(array.dtype).eps)
    differences = [normwise(array, x, matching) for x in candidates]
    nearest = min(differences, key=lambda found: found.distance)
    return None if nearest.ok else nearest
