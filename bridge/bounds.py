"""How far apart minigrad and PyTorch may be, op by op, and why.

An op that is not in the table is exact in value and gradient. The table speaks of the elements of
one call; a gradient that was summed over what its operand was broadcast to is a sum, whatever the
op, and has the bound `SUMMED`.

A sum's `Scaled` bound needs the magnitude of its terms. Where they are what each element of an
operand contributes, that is |J| |x| for the value and |J|ᵀ |g| for the gradient, J being the op's
Jacobian; the caller works that out. Where more than that was added up on the way, the table says
what.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .closeness import Array, Exact, Scaled, Strength, Ulps

# Any two orders of summing n terms differ by at most (n - 1) eps Σ|terms| (Higham, "Accuracy and
# Stability of Numerical Algorithms", 2002, §4.2). 32 holds for 33 terms in any order, and, as both
# libraries sum pairwise or in blocks, for as many terms as memory does.
SUMMED = Scaled(32)


EXACT = Exact()


@dataclass(frozen=True)
class Bound:
    """The bounds of one op, and a sentence of why they are not zero."""

    value: Strength = EXACT
    gradient: Strength = EXACT
    why: str = ""
    # The sum of the terms' magnitudes, from the result; and from result, cotangent and `dim`.
    value_terms: Callable[[Array], Array] | None = None
    gradient_terms: Callable[[Array, Array, int], Array] | None = None


def _nothing_cancels(y: Array) -> Array:
    return np.abs(y)


def _softmax_slope(y: Array, g: Array, dim: int) -> Array:
    return y * (np.abs(g) + np.add.reduce(np.abs(g) * y, _dim(y, dim), keepdims=True))


def _log_softmax_slope(y: Array, g: Array, dim: int) -> Array:
    # exp(y) has the absolute error of y, which is eps |y|, as a relative one.
    share = np.exp(y) * (1 + np.abs(y))
    return np.abs(g) + share * np.add.reduce(np.abs(g), _dim(y, dim), keepdims=True)


def _dim(y: Array, dim: int) -> int | tuple[()]:
    return dim if y.ndim else ()


_PRODUCT = Bound(SUMMED, SUMMED, "A BLAS sums products in an order of its own.")
_SELECTION = Bound(
    Ulps(0),
    why="Exact, but for the sign of a zero that was tied with the other zero: PyTorch's own "
    "vectorised loops and scalar loops pick different ones.",
)

BOUNDS: dict[str, Bound] = {
    # Elementwise functions: NumPy, SLEEF, MKL and CUDA each document their largest error; what is
    # allowed is the sum of two of them, rounded up. CUDA's are 2 ULP at most, but 4 of powf.
    "exp": Bound(Ulps(4), Ulps(6), "NumPy's float32 exp errs by up to 2.6 ULP, MKL's by 1."),
    "log": Bound(Ulps(5), why="NumPy's float32 log errs by up to 3.9 ULP, MKL's by 1."),
    "sqrt": Bound(Ulps(1), Ulps(2), "MKL does not round a square root correctly; NumPy does."),
    "sigmoid": Bound(
        Ulps(8),
        Scaled(16),
        "An exp, then a sum and a quotient that round on both sides; in the derivative 1 - y "
        "cancels where y is near 1.",
        gradient_terms=lambda y, g, dim: np.abs(g) * y * (1 + y),
    ),
    "tanh": Bound(
        Ulps(5),
        Scaled(16),
        "NumPy's errs by up to 4 ULP, MKL's by 1; in the derivative 1 - y² cancels where |y| is "
        "near 1.",
        gradient_terms=lambda y, g, dim: np.abs(g) * (1 + y * y),
    ),
    "pow": Bound(
        Ulps(5), Ulps(12), "Two libraries' pow; the derivatives multiply it by a log or a factor."
    ),
    "maximum": _SELECTION,
    "minimum": _SELECTION,
    # Sums and products.
    "sum": Bound(SUMMED, why="The order of summation differs."),
    "mean": Bound(SUMMED, why="The order of summation differs."),
    "mm": _PRODUCT,
    "mv": _PRODUCT,
    "dot": _PRODUCT,
    "matmul": _PRODUCT,
    "linear": _PRODUCT,
    "expand": Bound(gradient=SUMMED, why="The gradient sums over the copies that were not made."),
    "copy": Bound(gradient=SUMMED, why="The gradient of a broadcast source is a sum."),
    "index": Bound(gradient=SUMMED, why="An element named more than once gets a sum."),
    "index_put": Bound(gradient=SUMMED, why="The gradient of a broadcast value is a sum."),
    # What a network adds.
    "softmax": Bound(
        SUMMED,
        SUMMED,
        "An exp over a sum of exps; the derivative subtracts a weighted mean of the cotangent.",
        value_terms=_nothing_cancels,
        gradient_terms=_softmax_slope,
    ),
    "log_softmax": Bound(
        SUMMED,
        SUMMED,
        "The log of a sum of exps has that sum's relative error as an absolute one.",
        value_terms=lambda y: np.abs(y) + 1,
        gradient_terms=_log_softmax_slope,
    ),
    "nll_loss": Bound(SUMMED, SUMMED, "The order in which terms and weights are summed differs."),
    "mse_loss": Bound(SUMMED, why="The order of summation differs.", value_terms=_nothing_cancels),
}


_FUSED = Bound(
    Scaled(2), why="With an alpha, PyTorch may round the product and the sum at once, or each."
)


def bound(op: str, alpha: float = 1) -> Bound:
    """The bounds of an op, by the name of its rule; `alpha` is the factor in `add` and `sub`.

    >>> bound("add").value, bound("exp").value
    (Exact(bound=0), Ulps(bound=4))
    """
    return _FUSED if alpha != 1 else BOUNDS.get(op, Bound())


@dataclass(frozen=True)
class Otherwise:
    """What PyTorch itself answers otherwise before some version; minigrad answers as the newest.

    `applies` says of an op's operands and options whether it is about them.
    """

    before: tuple[int, int]
    applies: Callable[[Sequence[Any], dict[str, Any]], bool]
    why: str


def _one_bound_is_nan(operands: Sequence[Any], options: dict[str, Any]) -> bool:
    bounds = [x for x in operands[1:] if x is not None]
    return len(bounds) == 1 and isinstance(bounds[0], float) and math.isnan(bounds[0])


BY_VERSION: dict[str, Otherwise] = {
    "clamp": Otherwise(
        (2, 12),
        _one_bound_is_nan,
        "before PyTorch 2.12 a number NaN that is the only bound is passed over; since then, and "
        "in minigrad, it makes the result NaN",
    ),
}


def known_otherwise(op: str, operands: Sequence[Any], options: dict[str, Any], version: str) -> str:
    """Why that version of PyTorch answers otherwise than the newest; "" where it does not.

    >>> known_otherwise("clamp", ("x", None, float("nan")), {}, "2.4.0")[:26]
    'before PyTorch 2.12 a numb'
    >>> known_otherwise("clamp", ("x", None, 1.0), {}, "2.4.0")
    ''
    """
    entry = BY_VERSION.get(op)
    if entry is None:
        return ""
    major, minor, *_ = version.split(".")
    older = (int(major), int(minor)) < entry.before
    return entry.why if older and entry.applies(operands, options) else ""
