"""How exact every op is: how far its results and gradients may be from PyTorch's, and why.

A claim is made in one of three strengths, each as strict as the arithmetic of an op allows:

- `Exact`: the same bits, for what is computed exactly or rounded once in the same way by everyone.
- `Ulps(bound)`: at most so many units in the last place apart, for elementwise functions, which no
  two libraries round alike.
- `Scaled(bound)`: |a - b| <= bound * eps * Σ|terms|, for sums of products. Under cancellation ULPs
  mean nothing: two correct sums of a thousand terms can be thousands of ULPs apart.

NaN equals NaN whatever its bits, infinities are equal by sign, and -0 differs from +0 under `Exact`
alone.

An op that is not in the table `BOUNDS` is exact in value and gradient. The table speaks of the
elements of one call; a gradient that was summed over what its operand was broadcast to is a sum,
whatever the op, and has the bound `SUMMED`. What holds an op to its claim is the bridge.

A sum's `Scaled` bound needs the magnitude of its terms. Where they are what each element of an
operand contributes, that is |J| |x| for the value and |J|ᵀ |g| for the gradient, J being the op's
Jacobian; the caller works that out. Where more than that was added up on the way, the table says
what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Array = np.ndarray

# The strengths ------------------------------------------------------------------------------------


class Strength(Protocol):
    """A unit of distance between elements, and the largest distance that is allowed."""

    @property
    def bound(self) -> float: ...

    @property
    def unit(self) -> str: ...

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        """The distance of each pair of elements of two float arrays; infinite where hopeless."""


@dataclass(frozen=True)
class Exact:
    """The same bits, but that any NaN equals any NaN."""

    bound: float = 0
    unit = "ULP"

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        bits = f"u{ours.itemsize}"
        same = (ours.view(bits) == theirs.view(bits)) | (np.isnan(ours) & np.isnan(theirs))
        # Zeros of two signs are one place apart here, and so are two floats with none between them.
        apart = _settled(ours, theirs, _steps(ours, theirs))
        return np.where(same, 0, np.maximum(apart, 1))


@dataclass(frozen=True)
class Ulps:
    """At most `bound` floats of the dtype lie between one and the other, the other included."""

    bound: float
    unit = "ULP"

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        return _settled(ours, theirs, _steps(ours, theirs))


@dataclass(frozen=True)
class Scaled:
    """|ours - theirs| <= bound * eps * terms, where `terms` is the sum of the terms' magnitudes.

    `terms` comes with the arrays and has a shape that broadcasts to theirs. Where it exceeds the
    dtype's largest number nothing is claimed: whether such a sum overflows on the way depends on
    the order in which it is taken.
    """

    bound: float
    unit = "eps Σ|terms|"

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        if terms is None:
            raise TypeError("Scaled needs terms: the sum of the magnitudes of what was added up")
        kind = np.finfo(ours.dtype)
        gap = np.abs(ours.astype(np.longdouble) - theirs)
        # No rounding is finer than the smallest float there is.
        grain = kind.eps * np.asarray(terms, np.longdouble) + kind.smallest_subnormal
        distance = _settled(ours, theirs, (gap / grain).astype(np.float64))
        return np.where(np.asarray(terms) > kind.max, 0, distance)


def _settled(ours: Array, theirs: Array, distance: Array) -> Array:
    """`distance`, with 0 between equals and infinity between a finite number and what is not."""
    equal = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    return np.where(equal, 0, np.where(finite, distance, np.inf))


def _steps(ours: Array, theirs: Array) -> Array:
    """How many floats up or down it is from one to the other.

    A float's bits, read as an integer, count the floats from zero up. Numbers on the two sides of
    zero are both counted to zero, which is one place, whatever its sign.
    """
    integer = f"i{ours.itemsize}"
    a, b = (np.abs(x).view(integer) for x in (ours, theirs))
    apart = np.signbit(ours) != np.signbit(theirs)
    return np.where(apart, a.astype(np.float64) + b, np.abs(a - b))


# The bounds ---------------------------------------------------------------------------------------

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
    "clamp": _SELECTION,
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
    "index": Bound(gradient=SUMMED, why="An element named more than once gets a sum."),
    "scatter": Bound(SUMMED, why="What comes to one place is summed."),
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

# With an `alpha` other than 1.
FUSED: dict[str, Bound] = dict.fromkeys(
    ("add", "rsub", "sub"),
    Bound(Scaled(2), why="PyTorch may round the product and the sum at once, or each."),
)


# Where PyTorch computes on a GPU and does what it does not do on a CPU.
ON_CUDA: dict[str, Bound] = {
    "div": Bound(Ulps(2), Ulps(6), "PyTorch's CUDA kernel multiplies by a number's reciprocal."),
}


def bound(op: str, alpha: float = 1, device: str = "cpu") -> Bound:
    """The bounds of an op, by the name of its rule; `alpha` is the factor in `add` and `sub`, and
    `device` where PyTorch computes.

    >>> bound("add").value, bound("add", alpha=0.1).value, bound("exp").value
    (Exact(bound=0), Scaled(bound=2), Ulps(bound=4))
    """
    if device.startswith("cuda") and op in ON_CUDA:
        return ON_CUDA[op]
    return FUSED[op] if alpha != 1 and op in FUSED else BOUNDS.get(op, Bound())
