"""Bessel functions and the Airy function, of which PyTorch has no derivatives.

The modified functions i0 and i1, which have one, are in `special.py`. PyTorch has these two again,
under the names below, without it.
"""

from __future__ import annotations

import numpy as np

from .elementwise import chosen
from .rule import Array, Result
from .special import only_in_special, scipy_special


def _at_infinity(y: Array, x: Array, limit: float) -> Array:
    """`y`, with PyTorch's value where `x` is infinite."""
    return np.where(np.isinf(x), limit, y).astype(x.dtype)


# Of the first and the second kind -----------------------------------------------------------------


@only_in_special
def special_bessel_j0(input: Array) -> Result:
    """The Bessel function of the first kind of order 0; NaN at infinity.

    >>> minigrad.special.bessel_j0(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.7652])
    """
    return _at_infinity(scipy_special("j0", input), input, np.nan), ()


@only_in_special
def special_bessel_j1(input: Array) -> Result:
    """The Bessel function of the first kind of order 1; NaN at infinity.

    >>> minigrad.special.bessel_j1(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.4401])
    """
    return _at_infinity(scipy_special("j1", input), input, np.nan), ()


@only_in_special
def special_bessel_y0(input: Array) -> Result:
    """The Bessel function of the second kind of order 0; -inf at 0, NaN below and at infinity.

    >>> minigrad.special.bessel_y0(minigrad.tensor([1., 2.]))
    tensor([0.0883, 0.5104])
    """
    return _at_infinity(scipy_special("y0", input), input, np.nan), ()


@only_in_special
def special_bessel_y1(input: Array) -> Result:
    """The Bessel function of the second kind of order 1; -inf at 0, NaN below and at infinity.

    >>> minigrad.special.bessel_y1(minigrad.tensor([1., 2.]))
    tensor([-0.7812, -0.1070])
    """
    return _at_infinity(scipy_special("y1", input), input, np.nan), ()


@only_in_special
def special_spherical_bessel_j0(x: Array) -> Result:
    """The spherical Bessel function of the first kind of order 0: sin(x) / x, and 1 at 0.

    >>> minigrad.special.spherical_bessel_j0(minigrad.tensor([0., 1.]))
    tensor([1.0000, 0.8415])
    """
    divisor = np.where(x == 0, 1, x)
    return _at_infinity(np.where(x == 0, 1, np.sin(x) / divisor), x, 0), ()


# Modified -----------------------------------------------------------------------------------------


@only_in_special
def special_modified_bessel_i0(input: Array) -> Result:
    """The modified Bessel function of the first kind of order 0; NaN at infinity.

    >>> minigrad.special.modified_bessel_i0(minigrad.tensor([0., 1.]))
    tensor([1.0000, 1.2661])
    """
    return _at_infinity(scipy_special("i0", input), input, np.nan), ()


@only_in_special
def special_modified_bessel_i1(input: Array) -> Result:
    """The modified Bessel function of the first kind of order 1; NaN at infinity.

    >>> minigrad.special.modified_bessel_i1(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.5652])
    """
    return _at_infinity(scipy_special("i1", input), input, np.nan), ()


@only_in_special
def special_modified_bessel_k0(input: Array) -> Result:
    """The modified Bessel function of the second kind of order 0; infinite at 0, NaN below.

    >>> minigrad.special.modified_bessel_k0(minigrad.tensor([1., 2.]))
    tensor([0.4210, 0.1139])
    """
    return _of_second_kind("k0", input), ()


@only_in_special
def special_modified_bessel_k1(input: Array) -> Result:
    """The modified Bessel function of the second kind of order 1; infinite at 0, NaN below.

    >>> minigrad.special.modified_bessel_k1(minigrad.tensor([1., 2.]))
    tensor([0.6019, 0.1399])
    """
    return _of_second_kind("k1", input), ()


@only_in_special
def special_scaled_modified_bessel_k0(x: Array) -> Result:
    """exp(x) modified_bessel_k0(x), which doesn't underflow.

    >>> minigrad.special.scaled_modified_bessel_k0(minigrad.tensor([1., 2.]))
    tensor([1.1445, 0.8416])
    """
    return _of_second_kind("k0e", x), ()


@only_in_special
def special_scaled_modified_bessel_k1(x: Array) -> Result:
    """exp(x) modified_bessel_k1(x), which doesn't underflow.

    >>> minigrad.special.scaled_modified_bessel_k1(minigrad.tensor([1., 2.]))
    tensor([1.6362, 1.0335])
    """
    return _of_second_kind("k1e", x), ()


def _of_second_kind(name: str, x: Array) -> Array:
    y = np.where(x == np.inf, 0, scipy_special(name, x))
    return np.where(x < 0, np.nan, y).astype(x.dtype)


# Airy's -------------------------------------------------------------------------------------------


@only_in_special
def special_airy_ai(x: Array) -> Result:
    """The Airy function Ai; NaN at infinity.

    >>> minigrad.special.airy_ai(minigrad.tensor([0., 1.]))
    tensor([0.3550, 0.1353])
    """
    y = chosen(x > 103.892, 0, scipy_special("airy", x)[0])  # it underflows; SciPy has NaN far away
    return _at_infinity(y, x, np.nan), ()
