"""a·b + c, rounded once: what a processor's fused multiply-add does, and NumPy does not.

PyTorch's compiler fuses the scaling of random numbers (`u * (b - a) + a`) into this one operation,
and a second rounding in the middle would change the last bit of about half of the numbers.
"""

from __future__ import annotations

import math

import numpy as np

_HALVES = 2.0**27 + 1  # splits the 53 bits of a double into two halves (Veltkamp)


def fma(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a·b + c in the dtype of `a`, float32 or float64, rounded once; b and c are of that dtype.

    Shapes: `a` of any, and the result the same.
    """
    if a.dtype == np.float32:
        # The product of two float32 is exact in float64. The sum is rounded there before it is
        # rounded here, which shows about once in 2**29 times.
        product = a.astype(np.float64) * float(b)
        product += float(c)
        return product.astype(np.float32)
    if b == 1.0:
        return a + c
    return _in_doubles(a, float(b), float(c))


def _in_doubles(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """T. J. Dekker's product and D. E. Knuth's sum, each with the error it made.

    Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18, 1971. Only the sum of the two errors is rounded before its time.
    """
    if not (math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    # Close to the ends of the exponent's range the halves would overflow or vanish.
    exponent = math.frexp(max(abs(b), abs(c)))[1]
    b, c = math.ldexp(b, -exponent), math.ldexp(c, -exponent)
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(np.array(b))
    lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    total = product + c
    from_c = total - product
    lost += (product - (total - from_c)) + (c - from_c)
    return np.ldexp(total + lost, exponent)


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = x * _HALVES
    high = spread - (spread - x)
    return high, x - high
