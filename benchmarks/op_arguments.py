"""The arguments with which the part "ops" calls each rule, for a given size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.api.compositions.pooling import adapted_windows
from minigrad.rules import REGISTRY, polynomials
from minigrad.rules.rule import names_in

# The results of these rules are packed, in signs that differ between libraries.
_NOT_MEASURED = {"eigh", "qr", "svd"}
# They have no function of their own: another op, its derivative, or a layer calls them.
_NOT_MEASURED |= {"cofactors", "gelu_backward", "lstm", "pinv", "prelu_kernel"}
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
    """A symmetric matrix that is far from a singular one, with a determinant near 1."""
    x = d.floats(*d.square) / max(d.side, 1)
    return np.asarray(x + x.T + np.eye(d.side, dtype=d.dtype), d.dtype)


def _images(d: OperandSource) -> np.ndarray:
    """An image of one channel."""
    return d.floats(1, 1, *d.square)


def _window(d: OperandSource) -> tuple[int, int]:
    """The size of a window: 2×2, or that of a smaller image."""
    return min(d.side, 2), min(d.side, 2)


def _windows(d: OperandSource, **options: Any) -> OpArguments:
    """Arguments for windows that don't overlap."""
    return OpArguments((_images(d),), {"kernel": _window(d), "stride": _window(d), **options})


def _adaptive(d: OperandSource) -> OpArguments:
    x = _images(d)
    return OpArguments((x,), {"windows": adapted_windows(x.shape[2:], _window(d)), "size": 2})


def _columns(d: OperandSource, **options: Any) -> dict[str, Any]:
    kernel = {"kernel_size": _window(d), "stride": _window(d)}
    return options | kernel | {"dilation": (1, 1), "padding": (0, 0)}


def _column_images(d: OperandSource) -> OpArguments:
    size, _ = _window(d)
    x = d.floats(1, size * size, (d.side // size) ** 2)
    return OpArguments((x,), _columns(d, output_size=d.square))


def _convolution(d: OperandSource) -> OpArguments:
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "transposed": False}
    options |= {"output_padding": (0, 0), "groups": 1}
    return OpArguments((_images(d), d.floats(4, 1, 3, 3), d.floats(4)), options)


def _layer_norm(d: OperandSource) -> OpArguments:
    side = max(d.side, 2)
    options = {"split": (side, side), "over": (1,), "affine": (side,), "eps": 1e-5, "kind": "Layer"}
    return OpArguments((d.floats(side, side), d.floats(side), d.floats(side)), options)


def _batch_norm(d: OperandSource) -> OpArguments:
    columns = (d.floats(d.side) for _ in range(4))
    return OpArguments((d.floats(*d.square), *columns), {"eps": 1e-5})


def _integers(d: OperandSource, bound: int = 100) -> OpArguments:
    return OpArguments((d.indices(bound), d.indices(bound)))


def _scattered(d: OperandSource, **options: Any) -> OpArguments:
    return OpArguments((d.floats(), d.floats(), d.indices(d.size)), {"dim": 0, **options})


def _spread(d: OperandSource) -> OpArguments:
    return OpArguments((d.floats(max(d.size, 2)),), {"dim": None, "correction": 1})


# The rules that take anything but float vectors.
_SPECIAL_ARGUMENTS: dict[str, Callable[[OperandSource], OpArguments]] = {
    "acosh": lambda d: OpArguments((d.floats() + 1,)),
    "avg_pool": lambda d: _windows(
        d, padding=(0, 0), ceil_mode=False, count_include_pad=True, divisor_override=None
    ),
    "bitwise_left_shift": lambda d: _integers(d, 8),
    "bitwise_right_shift": lambda d: _integers(d, 8),
    "col2im": _column_images,
    "constant_pad": lambda d: OpArguments((d.floats(),), {"padding": ((1, 1),), "value": 0.5}),
    "convolution": _convolution,
    "cumprod": lambda d: OpArguments((d.floats(),), {"dim": 0}),
    "cumsum": lambda d: OpArguments((d.floats(),), {"dim": 0}),
    "deviation": _spread,
    "embedding": lambda d: OpArguments((d.floats(*d.square), d.indices(d.side, d.side))),
    "gather_along": lambda d: OpArguments((d.floats(), d.indices(d.size)), {"dim": 0}),
    "gcd": _integers,
    "glu": lambda d: OpArguments((d.floats(2 * max(d.size // 2, 1)),), {"dim": 0}),
    "im2col": lambda d: OpArguments((_images(d),), _columns(d)),
    "lcm": _integers,
    "logcumsumexp": lambda d: OpArguments((d.floats(),), {"dim": 0}),
    "logsumexp": lambda d: OpArguments((d.floats(),), {"dim": 0}),
    "max_of_windows": _adaptive,
    "max_pool": lambda d: _windows(d, padding=(0, 0), dilation=(1, 1), ceil_mode=False),
    "mean_of_windows": _adaptive,
    "mvlgamma": lambda d: OpArguments((d.floats() + 2,), {"p": 2}),
    "normalise": _layer_norm,
    "normalise_by": _batch_norm,
    "polygamma": lambda d: OpArguments((d.floats(),), {"n": 1}),
    "scatter_amax": lambda d: _scattered(d, largest=True, include_self=True),
    "scatter_product": lambda d: _scattered(d, include_self=True),
    "scatter_sum": _scattered,
    "scatter_values": _scattered,
    "soft_margin_loss": lambda d: OpArguments((d.floats(), (2 * d.bools() - 1).astype(d.dtype))),
    **dict.fromkeys(names_in(polynomials), lambda d: OpArguments((d.floats(), 3))),
    "special_zeta": lambda d: OpArguments((d.floats() + 1, d.floats())),
    "threshold": lambda d: OpArguments((d.floats(),), {"threshold": 0.5, "value": 0.0}),
    "variance": _spread,
    "vector_norm": lambda d: OpArguments((d.floats(),), {"ord": 2}),
    "as_strided": lambda d: OpArguments((d.floats(),), {"size": (d.size,), "stride": (1,)}),
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
    "lu": lambda d: OpArguments((_regular(d),)),
    "matrix_exp": lambda d: OpArguments((_regular(d),)),
    "slogdet": lambda d: OpArguments((_regular(d),)),
    "put_diagonal": lambda d: OpArguments(
        (d.floats(d.size, 1),), {"shape": (d.size, 1, 1), "offset": 0, "dim1": 1, "dim2": 2}
    ),
    "put_windows": lambda d: OpArguments(
        (d.floats(*d.square),), {"dimension": 0, "step": d.side, "shape": (d.side**2,)}
    ),
    "repeat": lambda d: OpArguments((d.floats(d.size // 2 or 1),), {"repeats": (2,)}),
    "roll": lambda d: OpArguments((d.floats(),), {"shifts": 1}),
    "solve": lambda d: OpArguments((_regular(d), d.floats(*d.square))),
    "solve_triangular": lambda d: OpArguments(
        (_regular(d), d.floats(*d.square)), {"upper": False, "unitriangular": True}
    ),
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
