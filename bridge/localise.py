"""Where two runs part, when no op is to blame: the first value that only one of them has.

Ops that agree one by one can still be put together wrongly: a loss that is another sum of the right
terms, a gradient that the tape lost. Then what PyTorch computed is recorded, every intermediate
result of it, and minigrad's values are looked for there, in program order and then, for the
gradients that arrive at them, backwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .closeness import Array, Scaled, measured
from .convert import array_of
from .findings import Finding
from .replay import Op


class Recorded(TorchDispatchMode):
    """Within it, a copy of every tensor that an op of PyTorch returns is kept, by its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[tuple[int, ...], list[Array]] = defaultdict(list)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor):
                self.values[tuple(x.shape)].append(array_of(x))
        return result


def first_stranger(ops: Sequence[Op], recorded: Recorded) -> Finding | None:
    """The first of minigrad's values, or of the gradients arriving there, that PyTorch has not.

    None if it has them all, as far as can be told: what is looked for is a value alike in half its
    digits.
    """
    for op in ops:
        found = _stranger(op.value, "value", op, recorded)
        if found is not None:
            return found
    for op in reversed(ops):
        if op.cotangent is not None:
            found = _stranger(op.cotangent, "gradient that arrives at the value", op, recorded)
            if found is not None:
                return found
    return None


def _stranger(value: Array, what: str, op: Op, recorded: Recorded) -> Finding | None:
    candidates = [x for x in recorded.values[value.shape] if x.dtype == value.dtype]
    if not candidates or value.size == 0:
        return None  # nothing to be told from: a view, say, that PyTorch never made
    strength = Scaled(1 / np.sqrt(np.finfo(value.dtype).eps) if value.dtype.kind == "f" else 0)
    apart = [measured(value, x, strength, np.abs(x).max(initial=0)) for x in candidates]
    nearest = min(apart, key=lambda difference: difference.distance)
    return None if nearest.ok else Finding(what, nearest, op.name, op.number, op.where)
