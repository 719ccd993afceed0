"""Orthogonal polynomials, of which PyTorch has no derivatives.

All are computed by their recurrences: those of Chebyshev's are in Mason and Handscomb, "Chebyshev
Polynomials" (2003), the others in Abramowitz and Stegun, "Handbook of Mathematical Functions"
(1964), 22.7. A Chebyshev polynomial of large degree is a quotient of sines or cosines where
|x| < 1. A degree is truncated to a whole number; below 0 the result is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .rule import Array, Operand, Result
from .special import only_in_special


class _Family(NamedTuple):
    """A family of polynomials.

    - `first(x)`: the polynomial of degree 1.
    - `step(k, x, q, p)`: that of degree k + 1, given those of degree k and k - 1.
    - `closed(n, a)`: that of degree n > `from_degree` at cos(a), if there is such a form. The
      shifted ones have it from degree 7 on, as in PyTorch.
    - `last(dtype)`: the largest degree; above, PyTorch's result is NaN.
    """

    first: Callable[[Array], Array]
    step: Callable[[int, Array, Array, Array], Array]
    closed: Callable[[Array, Array], Array] | None = None
    from_degree: int = 8
    last: Callable[[np.dtype], float] = lambda dtype: np.inf


def _twice_x(k: int, x: Array, q: Array, p: Array) -> Array:
    return (x + x) * q - p


_T = _Family(lambda x: x, _twice_x, lambda n, a: np.cos(n * a), 6)
_U = _Family(lambda x: x + x, _twice_x, lambda n, a: np.sin((n + 1) * a) / np.sin(a))
_V = _Family(lambda x: x + x - 1, _twice_x, lambda n, a: np.cos((n + 0.5) * a) / np.cos(a / 2))
_W = _Family(lambda x: x + x + 1, _twice_x, lambda n, a: np.sin((n + 0.5) * a) / np.sin(a / 2))


def _last_hermite(dtype: np.dtype) -> float:
    return 128 if dtype == np.float32 else 512


_H = _Family(lambda x: x + x, lambda k, x, q, p: (x + x) * q - (k + k) * p, last=_last_hermite)
_HE = _Family(lambda x: x, lambda k, x, q, p: x * q - k * p, last=_last_hermite)
_L = _Family(lambda x: 1 - x, lambda k, x, q, p: (((k + k) + (1 - x)) * q - k * p) / (k + 1))
_P = _Family(lambda x: x, lambda k, x, q, p: ((k + k + 1) * x * q - k * p) / (k + 1))


def _polynomial(family: _Family, x: Operand, n: Operand, shifted: bool = False) -> Array:
    """The polynomials of a family of degrees `n` at `x`, or at 2 x - 1."""
    dtype = (x if isinstance(x, np.ndarray) else n).dtype
    x, n = np.broadcast_arrays(np.asarray(x, dtype), np.asarray(n, dtype))
    x = x + x - 1 if shifted else x
    degree = np.trunc(np.where(np.isnan(n), -1, n))
    p, q = np.ones_like(x), family.first(x)
    y = np.where(degree < 0, 0, np.where(degree == 0, 1, q))
    later = degree > 1
    if family.closed is not None:
        inside = (np.abs(x) < 1) & (degree > (6 if shifted else family.from_degree))
        y = np.where(inside, family.closed(degree, np.arccos(x)), y)
        later &= ~inside
    k = 1
    while np.any(later := later & (degree > k)):
        if np.all(np.isnan(q[later])) or k >= family.last(dtype):
            y = np.where(later, np.nan, y)
            break
        p, q = q, family.step(k, x, q, p)
        k += 1
        y = np.where(later & (degree == k), q, y)
    return np.asarray(y, dtype)


# Chebyshev's --------------------------------------------------------------------------------------


@only_in_special
def special_chebyshev_polynomial_t(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the first kind of degree `n` at `x`.

    >>> minigrad.special.chebyshev_polynomial_t(minigrad.tensor([0.5, 2.]), 2)
    tensor([-0.5000,  7.0000])
    """
    return _polynomial(_T, x, n), ()


@only_in_special
def special_chebyshev_polynomial_u(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the second kind of degree `n` at `x`.

    >>> minigrad.special.chebyshev_polynomial_u(minigrad.tensor([0.5, 2.]), 2)
    tensor([ 0., 15.])
    """
    return _polynomial(_U, x, n), ()


@only_in_special
def special_chebyshev_polynomial_v(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the third kind of degree `n` at `x`.

    >>> minigrad.special.chebyshev_polynomial_v(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 11.])
    """
    return _polynomial(_V, x, n), ()


@only_in_special
def special_chebyshev_polynomial_w(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the fourth kind of degree `n` at `x`.

    >>> minigrad.special.chebyshev_polynomial_w(minigrad.tensor([0.5, 2.]), 2)
    tensor([ 1., 19.])
    """
    return _polynomial(_W, x, n), ()


@only_in_special
def special_shifted_chebyshev_polynomial_t(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the first kind of degree `n` at 2 x - 1.

    >>> minigrad.special.shifted_chebyshev_polynomial_t(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 17.])
    """
    return _polynomial(_T, x, n, shifted=True), ()


@only_in_special
def special_shifted_chebyshev_polynomial_u(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the second kind of degree `n` at 2 x - 1.

    >>> minigrad.special.shifted_chebyshev_polynomial_u(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 35.])
    """
    return _polynomial(_U, x, n, shifted=True), ()


@only_in_special
def special_shifted_chebyshev_polynomial_v(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the third kind of degree `n` at 2 x - 1.

    >>> minigrad.special.shifted_chebyshev_polynomial_v(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 29.])
    """
    return _polynomial(_V, x, n, shifted=True), ()


@only_in_special
def special_shifted_chebyshev_polynomial_w(x: Operand, n: Operand) -> Result:
    """Chebyshev's polynomial of the fourth kind of degree `n` at 2 x - 1.

    >>> minigrad.special.shifted_chebyshev_polynomial_w(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 41.])
    """
    return _polynomial(_W, x, n, shifted=True), ()


# Others -------------------------------------------------------------------------------------------


@only_in_special
def special_hermite_polynomial_h(x: Operand, n: Operand) -> Result:
    """The physicist's Hermite polynomial of degree `n` at `x`.

    >>> minigrad.special.hermite_polynomial_h(minigrad.tensor([0.5, 2.]), 2)
    tensor([-1., 14.])
    """
    return _polynomial(_H, x, n), ()


@only_in_special
def special_hermite_polynomial_he(x: Operand, n: Operand) -> Result:
    """The probabilist's Hermite polynomial of degree `n` at `x`.

    >>> minigrad.special.hermite_polynomial_he(minigrad.tensor([0.5, 2.]), 2)
    tensor([-0.7500,  3.0000])
    """
    return _polynomial(_HE, x, n), ()


@only_in_special
def special_laguerre_polynomial_l(x: Operand, n: Operand) -> Result:
    """Laguerre's polynomial of degree `n` at `x`.

    >>> minigrad.special.laguerre_polynomial_l(minigrad.tensor([0.5, 2.]), 2)
    tensor([ 0.1250, -1.0000])
    """
    return _polynomial(_L, x, n), ()


@only_in_special
def special_legendre_polynomial_p(x: Operand, n: Operand) -> Result:
    """Legendre's polynomial of degree `n` at `x`.

    >>> minigrad.special.legendre_polynomial_p(minigrad.tensor([0.5, 2.]), 2)
    tensor([-0.1250,  5.5000])
    """
    return _polynomial(_P, x, n), ()
