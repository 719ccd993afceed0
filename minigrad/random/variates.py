"""Random numbers from random words, as flat NumPy arrays, bit for bit as PyTorch computes them.

That takes the same number of words in the same order, and the same roundings. So each docstring
says what is drawn: *u53* is a double from the lower 53 bits of two words, *u24* a float32 from the
lower 24 bits of one word, both uniform in [0, 1).

On a machine without fused multiply-adds, PyTorch rounds differently: `uniform_` by up to one ULP of
the bounds, and 16 or more float32 normals by up to 2.3e-6 (the largest of ten million).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.creating import allocated
from ..core.errstate import quietly
from ..core.tracing import tracing
from .fma import fma
from .generator import Generator

_CHUNK = 32_768  # words at a time, so that they and their results fit into the cache
_FLOAT16, _FLOAT32, _FLOAT64 = map(np.dtype, (np.float16, np.float32, np.float64))
_BITS_53 = np.uint64(2**53 - 1)


def drawing(draw: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Make a function of a generator and of numbers one that a recording can call again."""

    @functools.wraps(draw)
    def draw_or_record(g: Generator, *args: Any) -> np.ndarray:
        if tracing.recording is None:
            return draw(g, *args)
        drawn: np.ndarray = tracing.recording.draw(draw, g, args)
        return drawn

    return draw_or_record


# Uniform ------------------------------------------------------------------------------------------


@drawing
def uniforms(g: Generator, n: int, kind: np.dtype) -> np.ndarray:
    """Draw from the uniform distribution on [0, 1): u53 for float64, u24 for the other dtypes."""
    if kind == _FLOAT64:
        return (g.words64(n) & _BITS_53) * 2.0**-53
    out = np.empty(n, np.float32)
    for start in range(0, n, _CHUNK):
        part = out[start : start + _CHUNK]
        # 24 bits fit into a signed integer, whose conversion to float is several times faster.
        part[...] = (g.words(part.size) & np.uint32(0xFFFFFF)).view(np.int32)
        part *= np.float32(2.0**-24)
    return out


@drawing
@quietly
def uniforms_between(g: Generator, n: int, kind: np.dtype, low: float, high: float) -> np.ndarray:
    """Draw from [low, high): `uniforms`, scaled with one rounding."""
    wide = _FLOAT32 if kind == _FLOAT16 else kind
    first, last = wide.type(low), wide.type(high)
    out = fma(uniforms(g, n, kind), last - first, first).astype(kind, copy=False)
    out[out == last] = first  # rounded up to `high`, which is excluded
    return out


# Normal -------------------------------------------------------------------------------------------
#
# G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958: one
# uniform number gives a radius sqrt(-2·log u), another an angle 2π·u. The two coordinates of that
# point are normal and independent.


@drawing
@quietly
def normals(
    g: Generator, n: int, kind: np.dtype, mean: float, std: float, in_blocks: bool = True
) -> np.ndarray:
    """Draw normal numbers: 16 or more in blocks; fewer, or all if not `in_blocks`, in pairs."""
    if n < 16 or not in_blocks:
        return few_normals(g, n, kind, mean, std)
    out = np.empty(n, _FLOAT32 if kind == _FLOAT16 else kind)
    block = _block_64 if kind == _FLOAT64 else _block_32
    whole = n - n % 16
    for start in range(0, whole, _CHUNK):
        part = out[start : min(start + _CHUNK, whole)]
        part[...] = uniforms(g, part.size, kind)
        block(part)
    if n > whole:
        # As in PyTorch: the uniforms of the incomplete block are dropped, and the last 16 numbers
        # are computed again from 16 more.
        if kind != _FLOAT16:
            uniforms(g, n - whole, kind)
        out[-16:] = uniforms(g, 16, kind)
        block(out[-16:])
    if mean == 0.0 and std == 1.0:
        out += kind.type(0)  # turns -0 into 0
        return out.astype(kind, copy=False)
    return fma(out, out.dtype.type(std), out.dtype.type(mean)).astype(kind, copy=False)


@quietly
def few_normals(g: Generator, n: int, kind: np.dtype, mean: float, std: float) -> np.ndarray:
    """Draw normal numbers from pairs of u53 (angle, then radius), in doubles for any dtype.

    The second number of an incomplete pair waits in the generator for the next call.
    """
    values: list[float] = []
    if n and g.waiting_normal is not None:
        values.append(g.waiting_normal)
        g.waiting_normal = None
    pairs = (n - len(values) + 1) // 2
    words = iter(g.few_words(4 * pairs) if pairs else ())
    # Python's `math` calls the C library, as PyTorch does. NumPy's own functions round differently.
    for a, b, c, d in zip(words, words, words, words, strict=True):
        angle = 2 * math.pi * ((((a << 32) | b) & 0x1FFFFFFFFFFFFF) * 2.0**-53)
        log = math.log1p(-((((c << 32) | d) & 0x1FFFFFFFFFFFFF) * 2.0**-53))
        radius = math.sqrt(-2.0 * log)
        values.append(radius * math.cos(angle))
        values.append(radius * math.sin(angle))
    if len(values) > n:
        g.waiting_normal = values.pop()
    if mean == 0.0 and std == 1.0:
        return in_dtype(np.array(values, np.float64), kind) + kind.type(0)  # turns -0 into 0
    return in_dtype(fma(np.array(values, np.float64), std, mean), kind)


def _block_64(d: np.ndarray) -> None:
    """Turn blocks of 16 uniform doubles into normal ones, in place, with the C library."""
    first, second = d.reshape(-1, 2, 8)[:, 0], d.reshape(-1, 2, 8)[:, 1]
    log = _by_libm(math.log, 1.0 - first)
    radius = np.sqrt(-2.0 * log)
    angle = 2.0 * math.pi * second
    first[...] = radius * _by_libm(math.cos, angle)
    second[...] = radius * _by_libm(math.sin, angle)


def _by_libm(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """Apply a function of Python's `math` to each element."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def _block_32(d: np.ndarray) -> None:
    """Turn blocks of 16 uniform float32 into normal ones, in place.

    PyTorch computes eight at a time with the polynomials of `logf`, `sinf` and `cosf` in S. L.
    Moshier's Cephes library, and its compiler fuses each product with the sum that follows. The
    order of the steps below, and which are fused, decide the last bit.
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
# log 2 as a sum of two numbers and π/4 as a sum of three. All but the last have few bits, so their
# products with small integers are exact.
_LOG_2 = (0.693359375, -2.12194440e-4)
_QUARTER = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)


def _log_32(x: np.ndarray) -> np.ndarray:
    """Compute the logarithm of positive normal float32: log(m · 2**e) = log m + e · log 2."""
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
    """Compute the sine and the cosine of float32 from 0 to 2π."""
    # The polynomials take the remainder after subtracting the nearest even multiple of π/4.
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
    # A quarter turn swaps sine and cosine; half a turn negates them.
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, even, odd), np.where(swapped, odd, even)
    _negate(sine, octant & 4)
    _negate(cosine, (octant + 2) & 4)
    return sine, cosine


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Evaluate by Horner's scheme in float32, with one rounding per step."""
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
    """Return a·b + c in float32, rounded once (see `fma.fma`)."""
    y = a.astype(np.float64)
    y *= b
    y += c
    return y.astype(np.float32)


def _negate(x: np.ndarray, where_4: np.ndarray) -> None:
    """Negate float32, in place, where an int32 is 4 and not 0: bit 2 is moved to the sign bit."""
    bits = x.view(np.int32)
    bits ^= where_4 << 29


def in_dtype(doubles: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Doubles in a dtype. As in PyTorch, float16 is rounded from float32."""
    return (doubles.astype(_FLOAT32) if kind == _FLOAT16 else doubles).astype(kind)


# Exponential, Bernoulli ---------------------------------------------------------------------------


@drawing
@quietly
def exponentials(g: Generator, n: int, kind: np.dtype, rate: float) -> np.ndarray:
    """Draw by inversion: −log(1 − u53) / rate, in doubles for any dtype."""
    log = _by_libm(math.log1p, -uniforms(g, n, _FLOAT64))
    return in_dtype(-1.0 / rate * log, kind)


@drawing
def trials(g: Generator, n: int, p: float) -> np.ndarray:
    """Draw bools that are True with probability `p`: u53 < p."""
    return uniforms(g, n, _FLOAT64) < p


# Others -------------------------------------------------------------------------------------------


@drawing
@quietly
def cauchys(g: Generator, n: int, kind: np.dtype, median: float, sigma: float) -> np.ndarray:
    """Draw by inversion: median + sigma · tan(π · (u53 − 1/2)), in doubles for any dtype."""
    angles = math.pi * (uniforms(g, n, _FLOAT64) - 0.5)
    return in_dtype(fma(_by_libm(math.tan, angles), sigma, median), kind)


@drawing
@quietly
def log_normals(g: Generator, n: int, kind: np.dtype, mean: float, std: float) -> np.ndarray:
    """Draw the exponentials of normal numbers, which come in pairs, in doubles for any dtype."""
    return in_dtype(_by_libm(_exp, few_normals(g, n, _FLOAT64, mean, std)), kind)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else float(np.exp(x))  # where `math.exp` may raise


@drawing
@quietly
def geometrics(g: Generator, n: int, p: float) -> np.ndarray:
    """Draw the number of trials up to the first success: log(u53) / log(1 − p), rounded up."""
    return np.ceil(_by_libm(math.log, uniforms(g, n, _FLOAT64)) / math.log1p(-p))


def poissons(g: Generator, rates: np.ndarray) -> np.ndarray:
    """Draw a double for each rate.

    Below 10, by multiplying uniform numbers (D. Knuth, "The Art of Computer Programming", 3.4.1).
    From there on by rejection (W. Hörmann, "The transformed rejection method for generating Poisson
    random variables", 1993).
    """

    def uniform() -> float:
        return float(uniforms(g, 1, _FLOAT64)[0])

    draw = [_few_events if rate < 10 else _many_events for rate in rates.tolist()]
    drawn = [d(rate, uniform) for d, rate in zip(draw, rates.tolist(), strict=True)]
    return np.array(drawn, np.float64)


def _few_events(rate: float, uniform: Callable[[], float]) -> float:
    if rate == 0:
        return 0
    count, product, end = 0, uniform(), math.exp(-rate)
    while product > end:
        count += 1
        product *= uniform()
    return count


def _many_events(rate: float, uniform: Callable[[], float]) -> float:
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    scale = 1.1239 + 1.1328 / (b - 3.4)
    sure = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        s = 0.5 - abs(u)
        count = math.floor((2 * a / s + b) * u + rate + 0.43)
        if s >= 0.07 and v <= sure:
            return count
        if count < 0 or (s < 0.013 and v > s):
            continue
        likelihood = -rate + count * math.log(rate) - math.lgamma(count + 1)
        if math.log(v) + math.log(scale) - math.log(a / (s * s) + b) <= likelihood:
            return count


@quietly
def binomials(g: Generator, counts: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Draw the number of successes for each number of trials and probability, in their dtype.

    If fewer than 10 are expected, by adding up the trials that each success takes. From there on by
    rejection (W. Hörmann, "The generation of binomial random variates", 1993). A probability above
    1/2 is that of a failure.
    """

    def uniform() -> float:
        return float(uniforms(g, 1, _FLOAT64)[0])

    one, drawn = counts.dtype.type(1), np.empty_like(counts)
    for i, (count, p) in enumerate(zip(counts, chances, strict=True)):
        if count <= 0 or p <= 0:
            drawn[i] = 0
        elif math.isnan(count) or math.isnan(p):
            drawn[i] = math.nan
        elif p >= 1:
            drawn[i] = count
        elif p <= 0.5:
            drawn[i] = _successes(count, p, uniform)
        else:
            drawn[i] = count - _successes(count, one - p, uniform)
    return drawn


def _successes(count: np.floating, p: np.floating, uniform: Callable[[], float]) -> np.floating:
    draw = _many_successes if count * p >= 10 else _few_successes
    return draw(count, p, uniform)


def _few_successes(count: np.floating, p: np.floating, uniform: Callable[[], float]) -> Any:
    log, trials, drawn = float(np.log1p(-p)), 0.0, -1
    while not trials > count:
        u = uniform()
        trials += math.ceil(math.log(u) / log) if u else math.inf
        drawn += 1
    return drawn


def _many_successes(count: np.floating, p: np.floating, uniform: Callable[[], float]) -> Any:
    # The roundings of the constants to the dtype of `count` are PyTorch's.
    kind = type(count)
    stddev = float(np.sqrt(count * p * (kind(1) - p)))
    n, chance = float(count), float(p)
    b = 1.15 + 2.53 * stddev
    a = -0.0873 + 0.0248 * b + 0.01 * chance
    centre = float(count * p) + 0.5
    sure = 0.92 - 4.2 / b
    odds = float(p / (kind(1) - p))
    alpha = (2.83 + 5.1 / b) * stddev
    mode = float(np.floor((count + kind(1)) * p))
    while True:
        u, v = uniform() - 0.5, uniform()
        s = 0.5 - abs(u)
        drawn = float(kind(math.floor((2 * a / s + b) * u + centre)))
        if drawn < 0 or drawn > n:
            continue
        if s >= 0.07 and v <= sure:
            return drawn
        likelihood = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
            + (n + 1) * math.log((n - mode + 1) / (n - drawn + 1))
            + (drawn + 0.5) * math.log(odds * (n - drawn + 1) / (drawn + 1))
            + _stirling_tail(mode)
            + _stirling_tail(n - mode)
            - _stirling_tail(drawn)
            - _stirling_tail(n - drawn)
        )
        scaled = v * alpha / (a / (s * s) + b)
        if (math.log(scaled) if scaled else -math.inf) <= likelihood:
            return drawn


# log k! minus Stirling's approximation of it, from k = 0 on.
_TAILS = (
    *(0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509),
    *(0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720),
    *(0.00925546218271273, 0.00833056343336287),
)


def _stirling_tail(k: float) -> float:
    if k < len(_TAILS):
        return _TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def gammas(g: Generator, shapes: np.ndarray) -> np.ndarray:
    """Draw from the standard gamma distribution for each shape, in doubles and then cast.

    By rejection from normal numbers (G. Marsaglia and W. W. Tsang, "A simple method for generating
    gamma variables", 2000). A shape below 1 is raised by 1, and the number scaled. The number for a
    NaN is the smallest one, and so is that for most negative shapes.
    """
    drawn = [_gamma(g, shape) for shape in shapes.reshape(-1)]
    smallest = np.finfo(shapes.dtype).tiny
    return np.fmax(np.array(drawn, shapes.dtype), smallest).reshape(shapes.shape)


_THIRD, _BOUND = float(np.float32(1 / 3)), float(np.float32(0.0331))


def _gamma(g: Generator, shape: np.floating) -> float:
    scale, one = 1.0, type(shape)(1)
    if shape < 1:
        if shape == 0:
            return 0.0
        scale = float((1 - uniforms(g, 1, _FLOAT64)[0]) ** float(one / shape))
        shape = shape + one
    d = float(shape - type(shape)(_THIRD))
    c = float(1 / np.sqrt(9 * d))
    while True:
        x = float(few_normals(g, 1, _FLOAT64, 0.0, 1.0)[0])
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - float(uniforms(g, 1, _FLOAT64)[0])
        square = x * x
        if u < 1 - _BOUND * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


# Integers -----------------------------------------------------------------------------------------


@drawing
def integers(g: Generator, n: int, low: int, count: int, wide: bool | None = None) -> np.ndarray:
    """Draw int64 from [low, low + count): the remainder of one word, or of two if `wide`.

    By default `wide` is count >= 2**28.
    """
    if wide is None:
        wide = count >= 2**28
    drawn = g.words64(n) if wide else g.words(n).astype(np.uint64)
    if count < 2**64:
        drawn = drawn % np.uint64(count)
    return (drawn + np.uint64(low % 2**64)).view(np.int64)  # modulo 2**64, so `low` may be negative


@drawing
def permutation(g: Generator, n: int) -> np.ndarray:
    """Draw a permutation of 0 to n − 1, as int64, from n − 1 words.

    R. A. Fisher and F. Yates, "Statistical Tables", 1938: from the front, each element is swapped
    with itself or a later one.
    """
    order = np.arange(n)
    steps = g.words(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)
    start = 0
    while n - start > _MANY:
        _swap_block(order, start, steps[start : start + _BLOCK])
        start += _BLOCK
    rest = order[start:].tolist()
    for i, step in enumerate(steps[start:].tolist()):
        rest[i], rest[i + step] = rest[i + step], rest[i]
    order[start:] = rest
    return order


# A list of so many Python ints no longer fits into the cache, and then its swaps take ten times as
# long as those of an array, of which a block at a time rarely meet.
_MANY, _BLOCK = 2**16, 128


def _swap_block(order: np.ndarray, start: int, steps: np.ndarray) -> None:
    """Swap the elements from `start` on with those that many steps behind them."""
    places = np.arange(start, start + steps.size)
    others = places + steps
    sorted_ = np.sort(others)
    if sorted_[0] > places[-1] and (sorted_[1:] != sorted_[:-1]).all():
        order[others], order[places] = order[places], order[others]
    else:
        for i, j in zip(places.tolist(), others.tolist(), strict=True):
            order[i], order[j] = order[j], order[i]


@quietly
def with_replacement(g: Generator, weights: np.ndarray, n: int) -> np.ndarray:
    """Draw `n` indices for each row of weights, as int64 of shape (rows, n).

    Each is the position of a u53 among the row's cumulative sums, divided by their total.
    """
    indices = allocated(np.empty, (len(weights), n), np.int64)
    for row, out in zip(weights, indices, strict=True):
        sums = np.add.accumulate(row)
        sums /= sums[-1]
        sums[-1] = 1
        out[...] = np.searchsorted(sums.astype(np.float64), uniforms(g, n, _FLOAT64))
    return indices
