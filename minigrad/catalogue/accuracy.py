"""How far each op's results and gradients may be from PyTorch's, and why.

There are three kinds of tolerance. Each op has the strictest one that its arithmetic allows:

- `Exact()`: the same bits. For ops that are computed exactly, or whose one rounding is prescribed.
- `Ulps(bound)`: at most `bound` units in the last place. For elementwise functions, which no two
  libraries round alike.
- `Scaled(bound)`: |a - b| <= bound * eps * Σ|terms|. For sums of products: under cancellation, two
  correct sums of a thousand terms can be thousands of ULPs apart.

NaN equals NaN, whatever the bits. Infinities are equal if their signs are. -0 differs from +0 only
under `Exact`.

`TOLERANCES` lists the ops that are not exact. An op that is not listed is exact in value and
gradient, unless NumPy computes it with a floating-point ufunc: then it is `ELEMENTWISE`. An entry
covers the elements of one call. A gradient that was summed over a broadcast operand has the
tolerance `SUMMED`, whatever the op. The tests and the bridge enforce all of this.

A `Scaled` tolerance needs Σ|terms|. By default the terms are the contributions of the operand's
elements, so the sum is |J| |x| for the value and |J|ᵀ |g| for the gradient, where J is the op's
Jacobian; the caller computes it. An op with larger intermediate terms says so in its entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..rules import REGISTRY, bessel, polynomials
from ..rules.rule import names_in

Array = np.ndarray

# Kinds of tolerance -------------------------------------------------------------------------------


class Tolerance(Protocol):
    """A unit of distance between two elements, and the largest distance allowed."""

    @property
    def bound(self) -> float: ...

    @property
    def unit(self) -> str: ...

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        """Return the distance between each pair of elements of two float arrays.

        It is infinite between a finite number and one that is not finite.
        """


@dataclass(frozen=True)
class Exact:
    """The same bits, except that any NaN equals any NaN."""

    bound: float = 0
    unit = "ULP"

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        bits = f"u{ours.itemsize}"
        same = (ours.view(bits) == theirs.view(bits)) | (np.isnan(ours) & np.isnan(theirs))
        # Adjacent floats are 1 apart, and so are the zeros of either sign.
        apart = _with_special_values(ours, theirs, _steps(ours, theirs))
        return np.where(same, 0, np.maximum(apart, 1))


@dataclass(frozen=True)
class Ulps:
    """At most `bound` steps from one float of the dtype to the next."""

    bound: float
    unit = "ULP"

    def distance(self, ours: Array, theirs: Array, terms: Array | None = None) -> Array:
        return _with_special_values(ours, theirs, _steps(ours, theirs))


@dataclass(frozen=True)
class Scaled:
    """|ours - theirs| <= bound * eps * terms, where `terms` is the sum of the terms' magnitudes.

    `terms` broadcasts to the shape of the arrays. Where it exceeds the dtype's largest number, any
    result is accepted, because whether the sum overflows depends on the order of summation.
    """

    bound: float
    unit = "eps Σ|terms|"

    def distance(self, ours: Array, theirs: Array, terms: Array | None) -> Array:
        if terms is None:
            raise TypeError("Scaled needs terms, the sum of the magnitudes of the terms")
        kind = np.finfo(ours.dtype)
        gap = np.abs(ours.astype(np.longdouble) - theirs)
        # No rounding error is smaller than the smallest positive float.
        grain = kind.eps * np.asarray(terms, np.longdouble) + kind.smallest_subnormal
        distance = _with_special_values(ours, theirs, (gap / grain).astype(np.float64))
        return np.where(np.asarray(terms) > kind.max, 0, distance)


def _with_special_values(ours: Array, theirs: Array, distance: Array) -> Array:
    """Set `distance` to 0 between equals, and to infinity where either is not finite."""
    equal = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    return np.where(equal, 0, np.where(finite, distance, np.inf))


def _steps(ours: Array, theirs: Array) -> Array:
    """Count the floats from one number to the other.

    A float's bits, read as an integer, count the floats between it and zero. The zeros of either
    sign count as one float.
    """
    integer = f"i{ours.itemsize}"
    a, b = (np.abs(x).view(integer) for x in (ours, theirs))
    apart = np.signbit(ours) != np.signbit(theirs)
    return np.where(apart, a.astype(np.float64) + b, np.abs(a - b))


# Tolerances of ops --------------------------------------------------------------------------------

# Two orders of summing n terms differ by at most (n - 1) eps Σ|terms| (Higham, "Accuracy and
# Stability of Numerical Algorithms", 2002, §4.2). So 32 is enough for 33 terms in any order. Both
# libraries sum pairwise or in blocks, so it is also enough for as many terms as fit into memory.
SUMMED = Scaled(32)
EXACT = Exact()


@dataclass(frozen=True)
class OpTolerance:
    """The tolerances of one op, and the reason why they are not exact.

    `value_terms(result)` and `gradient_terms(result, cotangent, dim)` return Σ|terms| for ops
    whose terms are not the contributions of their operand's elements.
    """

    value: Tolerance = EXACT
    gradient: Tolerance = EXACT
    why: str = ""
    value_terms: Callable[[Array], Array] | None = None
    gradient_terms: Callable[[Array, Array, int], Array] | None = None


def _without_cancellation(y: Array) -> Array:
    return np.abs(y)


def _size(y: Array) -> Array:
    """|y|, and 0 for an infinity, which doesn't round. As a term it would allow any error."""
    return np.where(np.isinf(y), 0, np.abs(y))


def _and_one(y: Array) -> Array:
    """|y| + 1, for terms of order 1 that cancel."""
    return _size(y) + 1


def _softmax_gradient_terms(y: Array, g: Array, dim: int) -> Array:
    return y * (np.abs(g) + np.add.reduce(np.abs(g) * y, _axis(y, dim), keepdims=True))


def _log_softmax_gradient_terms(y: Array, g: Array, dim: int) -> Array:
    # The relative error of exp(y) is the absolute error of y, which is eps |y|.
    share = np.exp(y) * (1 + np.abs(y))
    return np.abs(g) + share * np.add.reduce(np.abs(g), _axis(y, dim), keepdims=True)


def _axis(y: Array, dim: int) -> int | tuple[()]:
    return dim if y.ndim else ()


def _erfcx_terms(y: Array) -> Array:
    """The terms 2 |x| y and 2 / √π, times x²; where x is negative, x² is less than log(y)."""
    return 2 + 2 * y * (1 + np.log(np.maximum(y, 1))) ** 2


_PRODUCT = OpTolerance(SUMMED, SUMMED, "Each BLAS sums products in its own order.")
_FACTORISED = OpTolerance(
    Scaled(64),
    Scaled(256),
    "Each LAPACK factorises a matrix in its own order. The error of each element is relative to "
    "the whole matrix and grows with its condition number; the bounds are for small ones.",
    value_terms=lambda y: 1 + np.abs(y).max(initial=0),
    gradient_terms=lambda y, g, dim: (1 + np.abs(y).max(initial=0)) ** 3 * np.abs(g).sum(),
)
_SELECTION = OpTolerance(
    Ulps(0),
    why="Exact, except for the sign of a zero tied with the other zero: PyTorch's own vectorised "
    "and scalar loops pick different ones.",
)
_EXTREME = OpTolerance(Ulps(0), Ulps(0), "Exact, except for the sign of a zero.")

_SPECIAL = OpTolerance(
    Scaled(64),
    Scaled(64),
    "SciPy computes float32 in float64, PyTorch in float32, by other series.",
    value_terms=_and_one,
)

_BESSEL = OpTolerance(
    Scaled(64),
    why="SciPy computes float32 in float64, PyTorch in float32, by other series.",
    value_terms=_and_one,
)
# Of these, PyTorch's own values have 12 digits in float64 below 3, and down to 6 around 5.
FEW_DIGITS_IN_PYTORCH = tuple(f"special_bessel_{kind}" for kind in ("j0", "j1", "y0", "y1"))
_ORDINARY_BESSEL = OpTolerance(
    Scaled(2**15),
    why="PyTorch's has 12 digits in float64 for arguments below 3, and fewer above.",
    value_terms=_and_one,
)
_POLYNOMIAL = OpTolerance(
    Scaled(1024),
    why="PyTorch may round products and sums once together, or each. The terms of a small result "
    "are up to 300 times as large as it, if the degree is 5 at most and |x| < 1.",
    value_terms=_and_one,
)

# Most slopes are less than 1, and so are the terms of the result next to the linear part.
_ACTIVATION = OpTolerance(
    Scaled(16),
    Scaled(16),
    "The libraries' exp, log1p, tanh and erf differ, and terms of order 1 cancel.",
    value_terms=_and_one,
    gradient_terms=lambda y, g, dim: np.abs(g) * _and_one(y),
)
_LOSS = OpTolerance(
    SUMMED,
    SUMMED,
    "The libraries' exp and log differ, and the terms are summed.",
    value_terms=_and_one,
)
_QUADRATIC_LOSS = OpTolerance(
    SUMMED,
    Ulps(4),
    "The terms, which are positive, are summed; the derivative is a product of three factors.",
    value_terms=_without_cancellation,
)
_NORMALISATION = OpTolerance(
    SUMMED,
    SUMMED,
    "Means over many elements are subtracted; each library sums them in its own order.",
    value_terms=_and_one,
)


TOLERANCES: dict[str, OpTolerance] = {
    # Elementwise functions. NumPy, SLEEF, MKL and CUDA each document their largest error; the
    # tolerance is the sum of two of them, rounded up. CUDA's are 2 ULP at most, except powf's 4.
    "exp": OpTolerance(Ulps(4), Ulps(6), "NumPy's float32 exp errs by up to 2.6 ULP, MKL's by 1."),
    "log": OpTolerance(Ulps(5), why="NumPy's float32 log errs by up to 3.9 ULP, MKL's by 1."),
    "reciprocal": OpTolerance(why="Both libraries round a quotient correctly."),
    "sqrt": OpTolerance(
        Ulps(1), Ulps(2), "MKL does not round a square root correctly; NumPy does."
    ),
    "sigmoid": OpTolerance(
        Ulps(8),
        Scaled(16),
        "An exp, a sum and a quotient, each of which both libraries round; in the derivative, "
        "1 - y cancels where y is near 1.",
        gradient_terms=lambda y, g, dim: np.abs(g) * y * (1 + y),
    ),
    "tanh": OpTolerance(
        Ulps(5),
        Scaled(16),
        "NumPy's tanh errs by up to 4 ULP, MKL's by 1; in the derivative, 1 - y² cancels where "
        "|y| is near 1.",
        gradient_terms=lambda y, g, dim: np.abs(g) * (1 + y * y),
    ),
    "pow": OpTolerance(
        Ulps(5),
        Ulps(12),
        "The two libraries' pow differ; the derivatives multiply it by a log or a factor.",
    ),
    "clamp": _SELECTION,
    "clamp_max": _SELECTION,
    "clamp_min": _SELECTION,
    "fmax": _SELECTION,
    "fmin": _SELECTION,
    "maximum": _SELECTION,
    "minimum": _SELECTION,
    "rsqrt": OpTolerance(
        Ulps(2), Ulps(12), "A root and a quotient, which PyTorch may round once together."
    ),
    "hypot": OpTolerance(Ulps(2), Ulps(12), "Neither library rounds it correctly."),
    "atan2": OpTolerance(Ulps(5), Ulps(12), "NumPy's and SLEEF's atan2 differ."),
    "expm1": OpTolerance(Ulps(5), Ulps(24), "In the derivative, y + 1 cancels where y is near -1."),
    **dict.fromkeys(
        ("logaddexp", "logaddexp2"),
        OpTolerance(
            Scaled(16),
            Scaled(32),
            "A log of a sum of exps; the derivative is a quotient with an exp of a difference.",
            value_terms=_and_one,
        ),
    ),
    "sinc": OpTolerance(
        Ulps(8),
        Scaled(64),
        "The derivative subtracts two terms that are 1/x times as large as the cotangent.",
        gradient_terms=lambda y, g, dim: 16 * np.abs(g),
    ),
    **dict.fromkeys(
        ("addcdiv", "addcmul", "lerp"),
        OpTolerance(
            Scaled(4), Scaled(4), "PyTorch may round products and sums once together, or each."
        ),
    ),
    "logit": OpTolerance(
        Scaled(8),
        Ulps(12),
        "A log near 1 of a rounded quotient.",
        value_terms=_and_one,
    ),
    # Special functions.
    **dict.fromkeys(
        ("erf", "erfc", "erfinv", "i0"),
        _SPECIAL,
    ),
    **dict.fromkeys(
        ("igamma", "igammac"),
        replace(
            _SPECIAL,
            gradient=Scaled(2**12),
            why=f"{_SPECIAL.why} The derivative is the exp of a sum of a product, a number and "
            "lgamma, whose relative error is the absolute error of the sum.",
        ),
    ),
    **dict.fromkeys(
        (
            *("special_entr", "special_i0e", "special_i1"),
            *("special_ndtri", "special_xlog1py", "special_zeta", "xlogy"),
        ),
        _SPECIAL,
    ),
    **dict.fromkeys(names_in(bessel), _BESSEL),
    **dict.fromkeys(names_in(polynomials), _POLYNOMIAL),
    **dict.fromkeys(FEW_DIGITS_IN_PYTORCH, _ORDINARY_BESSEL),
    "special_i1e": replace(
        _SPECIAL,
        why=f"{_SPECIAL.why} In the derivative, i0e and i1e, at most 1, cancel.",
        gradient_terms=lambda y, g, dim: np.abs(g),
    ),
    "digamma": replace(
        _SPECIAL,
        why=f"{_SPECIAL.why} Near a pole, the derivative is the square of the result.",
        gradient_terms=lambda y, g, dim: np.abs(g) * (4 + _size(y)) ** 2,
    ),
    "special_erfcx": replace(
        _SPECIAL,
        why=f"{_SPECIAL.why} Below 0, the result is about 2 exp(x²), and the derivative 2 x times "
        "that; the relative error of exp(x²) is the absolute error of x².",
        gradient_terms=lambda y, g, dim: np.abs(g) * _erfcx_terms(y),
    ),
    "special_log_ndtr": replace(
        _SPECIAL,
        why=f"{_SPECIAL.why} In the derivative, the exponent is a difference of two terms as "
        "large as the result.",
        gradient_terms=lambda y, g, dim: np.abs(g) * _and_one(y) ** 2,
    ),
    "polygamma": replace(
        _SPECIAL,
        why=f"{_SPECIAL.why} Below 0, the terms of the sum have both signs if the order is even.",
        gradient_terms=lambda y, g, dim: np.abs(g) * (4 + _size(y)) ** 2,
    ),
    **dict.fromkeys(
        ("lgamma", "mvlgamma"),
        OpTolerance(
            Scaled(64),
            Scaled(64),
            "SciPy computes float32 in float64, PyTorch in float32, by other series; the "
            "derivative, digamma, crosses zero.",
            value_terms=_and_one,
            gradient_terms=lambda y, g, dim: np.abs(g) * np.exp(np.minimum(_size(y), 80)),
        ),
    ),
    # Sums and products.
    "mm": _PRODUCT,
    "mv": _PRODUCT,
    "dot": _PRODUCT,
    "matmul": _PRODUCT,
    "linear": _PRODUCT,
    "as_strided": OpTolerance(
        gradient=SUMMED, why="The gradient sums over the occurrences of an element."
    ),
    "expand": OpTolerance(gradient=SUMMED, why="The gradient sums over the broadcast copies."),
    "repeat": OpTolerance(gradient=SUMMED, why="The gradient sums over the copies."),
    "index": OpTolerance(gradient=SUMMED, why="The gradient of a repeated element is a sum."),
    "scatter": OpTolerance(SUMMED, why="Values scattered to one place are summed."),
    "index_put": OpTolerance(gradient=SUMMED, why="The gradient of a broadcast value is a sum."),
    # Scans, statistics, gathers and scatters.
    "amax": _EXTREME,
    "amin": _EXTREME,
    "cumsum": OpTolerance(gradient=SUMMED, why="The gradient is a sum in float64, rounded once."),
    "median": _EXTREME,
    "nanmedian": _EXTREME,
    "cumprod": OpTolerance(Ulps(1), SUMMED, "The gradient is a sum of products of all elements."),
    "logcumsumexp": OpTolerance(
        Scaled(4),
        SUMMED,
        "A log of a sum of exps, in float64, whose terms may cancel; the derivative goes by "
        "logarithms.",
        value_terms=_and_one,
    ),
    "logsumexp": OpTolerance(
        Scaled(8),
        SUMMED,
        "A log of a sum of exps, which differ by ULPs, and the largest element: they may cancel.",
        value_terms=_and_one,
    ),
    "prod": OpTolerance(Ulps(8), Ulps(16), "Each library multiplies in its own order."),
    "variance": OpTolerance(
        Ulps(2**10),
        Scaled(2**16),
        "Two passes in float64 here, a running mean in PyTorch: the differences from the mean "
        "cancel where elements are nearly equal.",
    ),
    "deviation": OpTolerance(
        Ulps(2**10),
        Scaled(2**16),
        "Two passes in float64 here, a running mean in PyTorch: the differences from the mean "
        "cancel where elements are nearly equal.",
    ),
    "vector_norm": OpTolerance(Ulps(16), SUMMED, "Powers, their sum in some order, and a root."),
    "gather_along": OpTolerance(gradient=SUMMED, why="The gradient of a repeated place is a sum."),
    "embedding": OpTolerance(gradient=SUMMED, why="The gradient of a repeated row is a sum."),
    "scatter_sum": OpTolerance(SUMMED, why="Values scattered to one place are summed."),
    "scatter_product": OpTolerance(
        Ulps(16), Ulps(32), "Each library multiplies in its own order, and divides in backward."
    ),
    "scatter_amax": OpTolerance(Ulps(0), SUMMED, "Exact, except for the sign of a tied zero."),
    # Inverses, solutions and factorisations.
    "cholesky": _FACTORISED,
    "cofactors": _FACTORISED,
    "det": _FACTORISED,
    "eigh": _FACTORISED,
    "inv": _FACTORISED,
    "lu": _FACTORISED,
    "matrix_exp": _FACTORISED,
    "pinv": _FACTORISED,
    "qr": _FACTORISED,
    "slogdet": _FACTORISED,
    "solve": _FACTORISED,
    "solve_triangular": _FACTORISED,
    "svd": _FACTORISED,
    # Windows.
    "convolution": _PRODUCT,
    "avg_pool": OpTolerance(gradient=SUMMED, why="The gradients of overlapping windows are added."),
    "col2im": OpTolerance(SUMMED, why="Overlapping windows are added."),
    "im2col": OpTolerance(gradient=SUMMED, why="The gradients of overlapping windows are added."),
    "lstm": OpTolerance(
        SUMMED,
        SUMMED,
        "The libraries' exp and tanh differ, and the gates of all steps are multiplied at once.",
        value_terms=_and_one,
        gradient_terms=lambda y, g, dim: (1 + np.abs(y).max(initial=0)) * np.abs(g).sum(),
    ),
    "max_pool": OpTolerance(gradient=SUMMED, why="The gradients of overlapping windows are added."),
    "max_of_windows": OpTolerance(gradient=SUMMED, why="Windows may overlap."),
    "mean_of_windows": OpTolerance(SUMMED, SUMMED, "NumPy sums pairwise; windows may overlap."),
    # Layers and losses.
    "binary_cross_entropy": _LOSS,
    "binary_cross_entropy_with_logits": replace(
        _LOSS,
        why="The libraries' exp and log differ, and terms of order 1 cancel.",
        gradient_terms=lambda y, g, dim: np.abs(g) * _and_one(y),
    ),
    "elu": _ACTIVATION,
    "gelu": _ACTIVATION,
    "gelu_backward": OpTolerance(
        SUMMED,
        SUMMED,
        "The libraries' erf, exp and tanh differ, and terms of order 1 cancel.",
        value_terms=_and_one,
        gradient_terms=lambda y, g, dim: np.abs(g) * _and_one(y),
    ),
    "glu": OpTolerance(SUMMED, SUMMED, "The libraries' exp differ."),
    "hardsigmoid": OpTolerance(Ulps(1), why="PyTorch multiplies by 1/6 in vectors."),
    "hardswish": OpTolerance(Ulps(2), Ulps(2), "PyTorch multiplies by 1/6 in vectors."),
    "huber_loss": _QUADRATIC_LOSS,
    "logsigmoid": _ACTIVATION,
    "mish": _ACTIVATION,
    "normalise": _NORMALISATION,
    "normalise_by": OpTolerance(
        SUMMED, SUMMED, "PyTorch multiplies the mean before it subtracts, and rounds them together."
    ),
    "prelu_kernel": OpTolerance(gradient=SUMMED, why="The gradient of a weight is a sum."),
    "silu": _ACTIVATION,
    "smooth_l1_loss": _QUADRATIC_LOSS,
    "soft_margin_loss": replace(_LOSS, gradient=Ulps(16)),
    "softshrink": OpTolerance(Ulps(0), why="PyTorch's loops give the zeros different signs."),
    "softplus": _ACTIVATION,
    "softmax": OpTolerance(
        SUMMED,
        SUMMED,
        "An exp over a sum of exps; the derivative subtracts a weighted mean of the cotangent.",
        value_terms=_without_cancellation,
        gradient_terms=_softmax_gradient_terms,
    ),
    "log_softmax": OpTolerance(
        SUMMED,
        SUMMED,
        "The absolute error of the log of a sum of exps is the relative error of the sum.",
        value_terms=_and_one,
        gradient_terms=_log_softmax_gradient_terms,
    ),
}

# For a ufunc without an entry. NumPy documents an error of less than 4 ULP for its functions, SLEEF
# and MKL an error of 1 ULP. A derivative without cancellation is a product of one or two such
# values.
ELEMENTWISE = OpTolerance(
    Ulps(5), Ulps(12), "NumPy's functions err by less than 4 ULP, and PyTorch's by 1."
)

# For an `alpha` other than 1.
FUSED: dict[str, OpTolerance] = dict.fromkeys(
    ("add", "rsub", "sub"),
    OpTolerance(Scaled(2), why="PyTorch may round the product and the sum once together, or each."),
)

# For ops that PyTorch computes less exactly on a GPU than on a CPU.
ON_CUDA: dict[str, OpTolerance] = {
    "div": OpTolerance(
        Ulps(2), Ulps(6), "PyTorch's CUDA kernel multiplies by a number's reciprocal."
    ),
    "sum": OpTolerance(SUMMED, why="A GPU adds in another order than a CPU."),
    "mean": OpTolerance(SUMMED, why="A GPU adds in another order than a CPU."),
    "nll_loss": OpTolerance(SUMMED, SUMMED, "A GPU adds losses and weights in another order."),
    "mse_loss": OpTolerance(
        SUMMED, why="A GPU adds in another order.", value_terms=_without_cancellation
    ),
}


def tolerance(op: str, alpha: float = 1, device: str = "cpu") -> OpTolerance:
    """Return the tolerances of an op, given the name of its rule.

    `alpha` is the factor in `add` and `sub`, and `device` is PyTorch's.

    >>> tolerance("add").value, tolerance("add", alpha=0.1).value, tolerance("exp").value
    (Exact(bound=0), Scaled(bound=2), Ulps(bound=4))
    """
    if device.startswith("cuda") and op in ON_CUDA:
        return ON_CUDA[op]
    if alpha != 1 and op in FUSED:
        return FUSED[op]
    return TOLERANCES.get(op, ELEMENTWISE if _is_ufunc(op) else OpTolerance())


def _is_ufunc(op: str) -> bool:
    """Whether NumPy computes an op with one floating-point ufunc of one operand."""
    if op not in REGISTRY or REGISTRY[op].presentation.promotion != "float":
        return False
    ufunc = getattr(np, REGISTRY[op].numpy, None)
    return isinstance(ufunc, np.ufunc) and ufunc.nin == 1
