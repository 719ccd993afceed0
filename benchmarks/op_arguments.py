"""The arguments with which the part "ops" calls each rule, for a given size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.rules import REGISTRY

# The results of these rules are packed, in signs that differ between libraries, or, for cofactors,
# no function of PyTorch's.
_NOT_MEASURED = {"cofactors", "eigh", "qr", "svd"}
MEASURED = tuple(name for name in REGISTRY if name not in _NOT_MEASURED)


@dataclass(frozen=True)
class OpArguments:
    """The operands of a rule, arrays or numbers, and its options."""

    operands: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)


def op_arguments(name: str, size: int, dtype: np.dtype) -> OpArguments:
    """Return arguments for the rule `name` whose first operand has about `size` elements.

    >>> [x.shape for x in op_arguments("linear", 100, np.dtype("float32")).operands]
    [(10, 10), (10, 10), (10,)]
    """
    draw = OperandSource(size, dtype)
    if name in _SPECIAL_ARGUMENTS:
        return _SPECIAL_ARGUMENTS[name](draw)
    operands = REGISTRY[name].operands
    return OpArguments(tuple(draw.floats() for kind in operands if kind in ("Array", "Operand")))


class OperandSource:
    """Draws arrays: by default vectors of `size` elements. `square` has about as many."""

    def __init__(self, size: int, dtype: np.dtype) -> None:
        self.size, self.dtype = size, dtype
        self.side = round(size**0.5)
        self.square = self.side, self.side
        self._rng = np.random.default_rng(0)

    def floats(self, *shape: int) -> np.ndarray:
        """Floats in [0.1, 1), where every op is differentiable."""
        return self._rng.uniform(0.1, 1, shape or (self.size,)).astype(self.dtype)

    def bools(self, *shape: int) -> np.ndarray:
        return self._rng.random(shape or (self.size,)) < 0.5

    def indices(self, bound: int, *shape: int) -> np.ndarray:
        return self._rng.integers(0, bound, shape or (self.size,))

    def matrix_arguments(self, **options: Any) -> OpArguments:
        return OpArguments((self.floats(*self.square),), options)


def _batched_matrices(d: OperandSource) -> OpArguments:
    side = round(d.size ** (1 / 3))
    return OpArguments((d.floats(side, side, side), d.floats(side, side, side)))


def _two_halves(d: OperandSource) -> OpArguments:
    half = max(d.size // 2, 1)
    return OpArguments((d.floats(half), d.floats(half)), {"dim": 0})


def _regular(d: OperandSource) -> np.ndarray:
    """A symmetric matrix that is far from a singular one."""
    x = d.floats(*d.square) / max(d.side, 1)
    return np.asarray(x + x.T + 2 * np.eye(d.side, dtype=d.dtype), d.dtype)


# The rules that take anything but float vectors.
_SPECIAL_ARGUMENTS: dict[str, Callable[[OperandSource], OpArguments]] = {
    "argmax": lambda d: d.matrix_arguments(dim=1),
    "argmin": lambda d: d.matrix_arguments(dim=1),
    "all": lambda d: OpArguments((d.bools(),)),
    "any": lambda d: OpArguments((d.bools(),)),
    "bitwise_and": lambda d: OpArguments((d.bools(), d.bools())),
    "bitwise_not": lambda d: OpArguments((d.bools(),)),
    "bitwise_or": lambda d: OpArguments((d.bools(), d.bools())),
    "bitwise_xor": lambda d: OpArguments((d.bools(), d.bools())),
    "cast": lambda d: OpArguments((d.floats(),), {"dtype": np.dtype(np.float64)}),
    "cat": _two_halves,
    "clamp": lambda d: OpArguments((d.floats(), 0.3, 0.7)),
    "cholesky": lambda d: OpArguments((_regular(d),)),
    "det": lambda d: OpArguments((_regular(d),)),
    "diagonal": lambda d: d.matrix_arguments(),
    "flip": lambda d: OpArguments((d.floats(),), {"dims": (0,)}),
    "inv": lambda d: OpArguments((_regular(d),)),
    "matrix_exp": lambda d: OpArguments((_regular(d),)),
    "pinv": lambda d: OpArguments(
        (_regular(d),), {"atol": np.zeros(()), "rtol": np.full((), 1e-6), "hermitian": False}
    ),
    "slogdet": lambda d: OpArguments((_regular(d),)),
    "put_diagonal": lambda d: OpArguments(
        (d.floats(),), {"shape": (d.size, d.size), "offset": 0, "dim1": 0, "dim2": 1}
    ),
    "put_windows": lambda d: OpArguments(
        (d.floats(*d.square),), {"dimension": 0, "step": d.side, "shape": (d.side**2,)}
    ),
    "roll": lambda d: OpArguments((d.floats(),), {"shifts": 1}),
    "solve": lambda d: OpArguments((_regular(d), d.floats(*d.square))),
    "tril": lambda d: d.matrix_arguments(),
    "triu": lambda d: d.matrix_arguments(),
    "unfold": lambda d: OpArguments((d.floats(),), {"dimension": 0, "size": 1, "step": 1}),
    "contiguous_copy": lambda d: OpArguments((d.floats(*d.square).T,)),
    "expand": lambda d: OpArguments((d.floats(d.side, 1),), {"size": d.square}),
    "fill": lambda d: OpArguments((d.floats(), 0.5)),
    "index": lambda d: OpArguments((d.floats(),), {"key": (d.indices(d.size),)}),
    "index_put": lambda d: OpArguments((d.floats(), 0.5), {"key": (d.indices(d.size),)}),
    "linear": lambda d: OpArguments((d.floats(*d.square), d.floats(*d.square), d.floats(d.side))),
    "log_softmax": lambda d: d.matrix_arguments(dim=1),
    "logical_and": lambda d: OpArguments((d.bools(), d.bools())),
    "logical_not": lambda d: OpArguments((d.bools(),)),
    "logical_or": lambda d: OpArguments((d.bools(), d.bools())),
    "masked_fill": lambda d: OpArguments((d.floats(), d.bools(), 0.5)),
    "matmul": _batched_matrices,
    "max_dim": lambda d: d.matrix_arguments(dim=1),
    "min_dim": lambda d: d.matrix_arguments(dim=1),
    "mm": lambda d: OpArguments((d.floats(*d.square), d.floats(*d.square))),
    "mv": lambda d: OpArguments((d.floats(*d.square), d.floats(d.side))),
    "nll_loss": lambda d: OpArguments((d.floats(*d.square), d.indices(d.side, d.side))),
    "permute": lambda d: d.matrix_arguments(dims=(1, 0)),
    "put": lambda d: OpArguments((d.floats(),), {"key": (slice(1, None),), "shape": (d.size + 1,)}),
    "reshape": lambda d: d.matrix_arguments(shape=(d.side**2,)),
    "rounded_div": lambda d: OpArguments((d.floats(), d.floats()), {"rounding_mode": "floor"}),
    "scatter": lambda d: OpArguments(
        (d.floats(),), {"key": (d.indices(d.size),), "shape": (d.size,), "repeats": True}
    ),
    "select": lambda d: d.matrix_arguments(dim=0, index=0),
    "slice": lambda d: OpArguments((d.floats(),), {"dim": 0, "start": 0, "end": d.size, "step": 2}),
    "softmax": lambda d: d.matrix_arguments(dim=1),
    "squeeze": lambda d: OpArguments((d.floats(1, d.size),), {"dim": 0}),
    "stack": _two_halves,
    "t": lambda d: d.matrix_arguments(),
    "transpose": lambda d: d.matrix_arguments(dim0=0, dim1=1),
    "unsqueeze": lambda d: OpArguments((d.floats(),), {"dim": 0}),
    "view": lambda d: d.matrix_arguments(size=(d.side**2,)),
    "where": lambda d: OpArguments((d.bools(), d.floats(), d.floats())),
}
