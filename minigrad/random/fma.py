"""Fused multiply-add: a·b + c with one rounding.

PyTorch's compiler fuses the scaling of random numbers (`u * (b - a) + a`) into this one operation.
Rounding the product separately, as NumPy does, would change the last bit of about half of them.
"""

from __future__ import annotations

import math

import numpy as np

_SPLITTER = 2.0**27 + 1  # splits the 53 bits of a double into two halves (Veltkamp)


def fma(a: np.ndarray, b: float, c: float | np.ndarray) -> np.ndarray:
    """Return a·b + c, rounded once, in the dtype of `a`: float32 or float64.

    `a` has any shape, and `c` is a number or has the same one. `b` and `c` are representable in the
    dtype of `a`.
    """
    if a.dtype == np.float32:
        # The product of two float32 is exact in float64. Rounding the sum there first, and then to
        # float32, gives another result about once in 2**29 times.
        product = a.astype(np.float64) * float(b)
        product += c
        return product.astype(np.float32)
    if b == 1.0:
        return a + c
    return _fma_of_doubles(a, float(b), np.asarray(c, np.float64))


def _fma_of_doubles(a: np.ndarray, b: float, c: np.ndarray) -> np.ndarray:
    """Add up the product, the sum and the rounding error of each.

    The errors are those of T. J. Dekker's product ("A floating-point technique for extending the
    available precision", Numerische Mathematik 18, 1971) and of D. E. Knuth's sum. Only the sum of
    the two errors is rounded before the last step.
    """
    largest = float(np.abs(c).max(initial=0))
    if not (math.isfinite(b) and math.isfinite(largest)):
        return a * b + c
    # Near the ends of the exponent's range, the halves would overflow or underflow.
    exponent = math.frexp(max(abs(b), largest))[1]
    b, c = math.ldexp(b, -exponent), np.ldexp(c, -exponent)
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(np.array(b))
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    total = product + c
    from_c = total - product
    error += (product - (total - from_c)) + (c - from_c)
    np.add(total, error, out=total, where=error != 0)  # -0 stays -0
    return np.ldexp(total, exponent)


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = x * _SPLITTER
    high = spread - (spread - x)
    return high, x - high
