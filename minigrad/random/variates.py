"""From random words to random numbers: NumPy arrays with PyTorch's digits.

A seed gives PyTorch's numbers only if each is made from as many words as there, in the same order
and with the same roundings. So each function says what it draws; *u53* is a double from the lower
53 bits of two words, *u24* a float32 from the lower 24 bits of one, both uniform in [0, 1).

The functions know nothing of Tensor. They return flat arrays of `n` numbers. On a machine without
fused multiply-adds PyTorch itself rounds otherwise: its `uniform_` is then off by a unit in the
last place of the bounds, and its float32 normals, 16 and more, by up to 2.3e-6 among ten million.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .fma import fma
from .generator import Generator

_CHUNK = 32_768  # words at a time: with their results, these fit into a processor's cache
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_BITS_53 = np.uint64(2**53 - 1)

# Uniform ------------------------------------------------------------------------------------------


def uniforms(g: Generator, n: int, kind: np.dtype) -> np.ndarray:
    """Uniform in [0, 1): u24 for float32, u53 for float64."""
    if kind == _FLOAT64:
        return (g.words64(n) & _BITS_53) * 2.0**-53
    out = np.empty(n, np.float32)
    for start in range(0, n, _CHUNK):
        part = out[start : start + _CHUNK]
        # Seen as signed, which 24 bits may be, they become floats several times faster.
        part[...] = (g.words(part.size) & np.uint32(0xFFFFFF)).view(np.int32)
        part *= np.float32(2.0**-24)
    return out


def uniforms_between(g: Generator, n: int, kind: np.dtype, low: float, high: float) -> np.ndarray:
    """Uniform in [low, high): the above, stretched in its own dtype and rounded once."""
    with np.errstate(over="ignore", invalid="ignore"):
        first, last = kind.type(low), kind.type(high)
        out = fma(uniforms(g, n, kind), last - first, first)
    out[out == last] = first  # where rounding reached the end, which is not included
    return out


# Normal -------------------------------------------------------------------------------------------
#
# All by G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958:
# of two uniform numbers, one gives a radius sqrt(-2·log u) and the other an angle 2π·u; the
# point's two coordinates are normal and independent.


def normals(
    g: Generator, n: int, kind: np.dtype, mean: float, std: float, in_blocks: bool = True
) -> np.ndarray:
    """Normal numbers: 16 and more in blocks, fewer (or all, if not `in_blocks`) in pairs."""
    if n < 16 or not in_blocks:
        return few_normals(g, n, kind, mean, std)
    out = np.empty(n, kind)
    block = _block_64 if kind == _FLOAT64 else _block_32
    whole = n - n % 16
    for start in range(0, whole, _CHUNK):
        part = out[start : min(start + _CHUNK, whole)]
        part[...] = uniforms(g, part.size, kind)
        block(part)
    if n > whole:
        # The last 16 are made once more, from 16 further uniforms; what is drawn for the
        # incomplete block is used for nothing else.
        uniforms(g, n - whole, kind)
        out[-16:] = uniforms(g, 16, kind)
        block(out[-16:])
    if mean == 0.0 and std == 1.0:
        out += kind.type(0)  # of -0 the sum makes 0
        return out
    with np.errstate(over="ignore", invalid="ignore"):
        return fma(out, kind.type(std), kind.type(mean))


def few_normals(g: Generator, n: int, kind: np.dtype, mean: float, std: float) -> np.ndarray:
    """From pairs of u53 (angle, then radius), in doubles whatever the dtype.

    The sine's number waits in the generator, for the next call of any dtype.
    """
    values: list[float] = []
    if n and g.waiting_normal is not None:
        values.append(g.waiting_normal)
        g.waiting_normal = None
    pairs = (n - len(values) + 1) // 2
    words = iter(g.few_words(4 * pairs) if pairs else ())
    # Python's `math` calls the C library that PyTorch calls. NumPy's functions round otherwise.
    for a, b, c, d in zip(words, words, words, words, strict=True):
        angle = 2 * math.pi * ((((a << 32) | b) & 0x1FFFFFFFFFFFFF) * 2.0**-53)
        log = math.log1p(-((((c << 32) | d) & 0x1FFFFFFFFFFFFF) * 2.0**-53))
        radius = math.sqrt(-2.0 * log)
        values.append(radius * math.cos(angle))
        values.append(radius * math.sin(angle))
    if len(values) > n:
        g.waiting_normal = values.pop()
    if mean == 0.0 and std == 1.0:
        return np.array(values, kind) + kind.type(0)  # of -0 the sum makes 0
    with np.errstate(over="ignore"):
        return fma(np.array(values, np.float64), std, mean).astype(kind)


def _block_64(d: np.ndarray) -> None:
    """Blocks of 16 uniform doubles to normal ones, in place, with the C library's functions."""
    first, second = d.reshape(-1, 2, 8)[:, 0], d.reshape(-1, 2, 8)[:, 1]
    log = _by_libm(math.log, 1.0 - first)
    radius = np.sqrt(-2.0 * log)
    angle = 2.0 * math.pi * second
    first[...] = radius * _by_libm(math.cos, angle)
    second[...] = radius * _by_libm(math.sin, angle)


def _by_libm(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """A function of Python's `math`, element by element: slow, and exact where NumPy's is not."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def _block_32(d: np.ndarray) -> None:
    """Blocks of 16 uniform float32 to normal ones, in place.

    PyTorch computes eight at a time with the polynomials of S. L. Moshier's Cephes library (of its
    `logf`, `sinf` and `cosf`), in which the compiler fuses each product with the sum after it. The
    order of the steps below and which of them are fused decide the last bit.
    """
    first, second = d.reshape(-1, 2, 8)[:, 0], d.reshape(-1, 2, 8)[:, 1]
    radius = np.sqrt(np.float32(-2) * _log_32(np.float32(1) - first))
    sine, cosine = _sine_and_cosine_32(np.float32(2 * math.pi) * second)
    np.multiply(radius, cosine, out=first)
    np.multiply(radius, sine, out=second)


_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
# log 2 and π/4, the first as two and the second as three numbers whose sum it is: the foremost have
# few bits, so that their products with small whole numbers are exact.
_LOG_2 = (0.693359375, -2.12194440e-4)
_QUARTER = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)


def _log_32(x: np.ndarray) -> np.ndarray:
    """The logarithm of positive normal float32: log(m · 2**e) = log m + e · log 2."""
    bits = x.view(np.uint32)
    exponent = ((bits >> 23).astype(np.int32) - 126).astype(np.float32)
    m = (bits & 0x7FFFFF | 0x3F000000).view(np.float32)  # in [1/2, 1)
    small = m < np.float32(math.sqrt(0.5))
    exponent -= small
    m = (m - np.float32(1)) + m * small  # now log(1 + m), with m between √½ − 1 and √2 − 1
    square = m * m
    cubic = _polynomial(_LOG, m) * m
    y = _fused(cubic, square, exponent * np.float32(_LOG_2[1]))
    y = _fused(square, -0.5, y)
    return _fused(exponent, _LOG_2[0], m + y)


def _sine_and_cosine_32(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sine and the cosine of float32 from 0 to 2π."""
    # The nearest even multiple of π/4 is taken away, and the polynomials are for what remains.
    octant = (x * np.float32(4 / math.pi)).astype(np.int32)
    octant += 1
    octant &= ~1
    quarters = octant.astype(np.float32)
    for part in _QUARTER:
        x = _fused(quarters, -np.float64(np.float32(part)), x)
    square = x * x
    even = _polynomial(_COSINE, square) * square
    even = _fused(even, square, square * np.float32(-0.5)) + np.float32(1)
    odd = _fused(_polynomial(_SINE, square) * square, x, x)
    # Every second quarter turn exchanges the two, and half a turn changes signs.
    exchanged = (octant & 2) != 0
    sine, cosine = np.where(exchanged, even, odd), np.where(exchanged, odd, even)
    _negate(sine, octant & 4)
    _negate(cosine, (octant + 2) & 4)
    return sine, cosine


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's scheme in float32, each step fused: a product exact in float64, one rounding."""
    wide, rounded = x.astype(np.float64), np.empty_like(x)
    first, *others = map(np.float32, coefficients)
    y = np.full_like(wide, first)
    for c in others:
        y *= wide
        y += np.float64(c)
        rounded[...] = y
        y[...] = rounded
    return rounded


def _fused(a: np.ndarray, b: np.ndarray | float, c: np.ndarray) -> np.ndarray:
    """a·b + c in float32, rounded once (see `fma.fma`)."""
    y = a.astype(np.float64)
    y *= b
    y += c
    return y.astype(np.float32)


def _negate(x: np.ndarray, where_4: np.ndarray) -> None:
    """Turn the sign of float32 where an int32 is 4 and not 0: that bit, moved to the sign's."""
    bits = x.view(np.int32)
    bits ^= where_4 << 29


# Exponential, Bernoulli ---------------------------------------------------------------------------


def exponentials(g: Generator, n: int, kind: np.dtype, rate: float) -> np.ndarray:
    """−log(1 − u53) / rate, in doubles whatever the dtype: the distribution function, inverted."""
    log = _by_libm(math.log1p, -uniforms(g, n, _FLOAT64))
    return (-1.0 / rate * log).astype(kind)


def trials(g: Generator, n: int, p: float) -> np.ndarray:
    """True with probability `p`: where u53 is less."""
    return uniforms(g, n, _FLOAT64) < p


def trials_each(g: Generator, p: np.ndarray) -> np.ndarray:
    """True with the probability that stands in its place in the flat `p`, by u24 or u53 as p is."""
    return uniforms(g, p.size, p.dtype) < p


# Integers -----------------------------------------------------------------------------------------


def integers(g: Generator, n: int, low: int, count: int, wide: bool | None = None) -> np.ndarray:
    """int64 from `low` on, of which there are `count`: the remainder of a word or two.

    `wide` takes two words, as by default do counts from 2**28.
    """
    if wide is None:
        wide = count >= 2**28
    drawn = g.words64(n) if wide else g.words(n).astype(np.uint64)
    if count < 2**64:
        drawn = drawn % np.uint64(count)
    return (drawn + np.uint64(low % 2**64)).view(np.int64)  # modulo 2**64, so `low` may be negative


def permutation(g: Generator, n: int) -> np.ndarray:
    """0 to n − 1 as int64, shuffled by exchanging each with itself or one behind it.

    R. A. Fisher and F. Yates, "Statistical Tables", 1938; here from the front, a word for each.
    """
    order = list(range(n))
    steps = g.words(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)
    for i, step in enumerate(steps.tolist()):
        order[i], order[i + step] = order[i + step], order[i]
    return np.array(order, np.int64)


def with_replacement(g: Generator, weights: np.ndarray, n: int) -> np.ndarray:
    """For each row of weights `n` places, as int64 of shape (rows, n).

    A place is where u53 falls among the running sums of the row, divided by its whole sum.
    """
    places = np.empty((len(weights), n), np.int64)
    for row, out in zip(weights, places, strict=True):
        sums = np.add.accumulate(row)
        sums /= sums[-1]
        sums[-1] = 1
        out[...] = np.searchsorted(sums.astype(np.float64), uniforms(g, n, _FLOAT64))
    return places
