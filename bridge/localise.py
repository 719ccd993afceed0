"""Where two runs part, when no op is to blame: the first value that only one of them has.

Ops that agree one by one can still be put together wrongly: a loss that is another sum of the right
terms, a gradient that the tape lost. Then what PyTorch computes is recorded, every intermediate
result of it, and what minigrad computed is looked for there, in the order of time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .closeness import Array, Difference, normwise
from .convert import array_of
from .findings import Finding
from .replay import Event


class Recorded(TorchDispatchMode):
    """Within it, a copy of every tensor that an op of PyTorch returns is kept, by its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[tuple[int, ...], list[Array]] = defaultdict(list)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if "empty" in func.name():
            return result  # which has no contents yet
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor):
                self.values[tuple(x.shape)].append(array_of(x))
        return result


def first_stranger(events: Sequence[Event], recorded: Recorded) -> Finding | None:
    """The first thing that minigrad computed and PyTorch did not, if it is of an op.

    What is looked for is an array of floats alike in half its digits, of those that the coarsest
    dtype on the way there has. None if PyTorch has computed all, as
    far as can be told, and if what is missing is the gradient of a leaf: no op made that, but the
    tape, which adds up what the ops sent. What is done with the gradients then is not looked at: an
    update shows in the parameters.
    """
    leaves = [i for i, event in enumerate(events) if event.op is None]
    eps = 0.0
    for event in events[: leaves[-1] + 1] if leaves else events:
        if event.array.dtype.kind != "f":
            continue  # a mask may be PyTorch's own business
        eps = max(eps, float(np.finfo(event.array.dtype).eps))
        apart = _from_all(event.array, recorded, eps)
        if apart is not None:
            if event.op is None:
                return None
            what = f"{event.what}, unlike any in PyTorch (the nearest is shown),"
            return Finding(what, apart, event.op.name, event.op.number, event.op.where)
    return None


def _from_all(array: Array, recorded: Recorded, eps: float) -> Difference | None:
    """How far the array is from the nearest that PyTorch computed; None if there is one alike."""
    candidates = [x for x in recorded.values[array.shape] if x.dtype == array.dtype]
    if not candidates or not array.size:
        return None  # nothing to be told from: a view, say, that PyTorch never made
    alike = float(eps**0.5 / np.finfo(array.dtype).eps)
    apart = [normwise(array, x, alike) for x in candidates]
    nearest = min(apart, key=lambda difference: difference.distance)
    return None if nearest.ok else nearest
