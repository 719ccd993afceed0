"""Random tensors, and the methods that fill a tensor with random numbers.

From the same seed they hold PyTorch's numbers, bit for bit. This module reads arguments and lays
out results; `variates.py` draws the numbers.
"""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.creating import allocated, array_of, int_of, made, number_of, sizes_of
from ..core.dispatch import OPS
from ..core.errstate import quietly
from ..core.higher_order import constant_in, without_derivative
from ..core.inplace import in_place, refuse_write
from ..core.one_node import as_one_node
from ..core.output import created, written
from ..core.tensor import TensorBase, require_tensor, wrap
from ..rules import REGISTRY, dtypes, promotion
from ..rules.dtypes import dtype as DType
from ..rules.dtypes import scalar_name
from ..rules.layout import arranged, empty_like
from ..rules.random_gradients import dirichlet_slope, gamma_slope
from . import variates
from .generator import Generator, generator_or_default

# New tensors --------------------------------------------------------------------------------------


def rand(*size: Any, dtype: DType | None = None, generator: Any = None, **options: Any) -> Any:
    """Draw a tensor of shape `size` from the uniform distribution on [0, 1).

    Raises NotImplementedError for an integer dtype.

    >>> minigrad.rand(2, 3).shape
    torch.Size([2, 3])
    """
    if "out" in options:
        return created(rand, options, *size, dtype=dtype, generator=generator)
    sizes = sizes_of(size, options, "rand")
    g, kind = generator_or_default(generator, "rand"), _float_kind(dtype, "check_uniform_bounds")
    like = _checked("rand", allocated(np.empty, sizes, kind), options)
    return made("rand", _uniforms(like, g), **options)


def randn(*size: Any, dtype: DType | None = None, generator: Any = None, **options: Any) -> Any:
    """Draw a tensor of shape `size` from the standard normal distribution.

    Raises NotImplementedError for an integer dtype.

    >>> minigrad.randn(2, 3, requires_grad=True).requires_grad
    True
    """
    if "out" in options:
        return created(randn, options, *size, dtype=dtype, generator=generator)
    sizes = sizes_of(size, options, "randn")
    g, kind = generator_or_default(generator, "randn"), _float_kind(dtype, "normal_kernel_cpu")
    like = _checked("randn", allocated(np.empty, sizes, kind), options)
    return made("randn", _normals(like, 0.0, 1.0, g), **options)


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    dtype: DType | None = None,
    generator: Any = None,
    **options: Any,
) -> Any:
    """Draw a tensor of shape `size` of integers from [low, high), or from [0, high).

    Raises RuntimeError for an empty range, and for one that the dtype cannot hold.

    >>> bool((minigrad.randint(3, (5,)) < 3).all())
    True
    """
    if "out" in options:
        return created(randint, options, low, high, size, dtype=dtype, generator=generator)
    if size is None and isinstance(high, list | tuple):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, list | tuple):
        given = type(size).__name__
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {given}")
    low, high = _integer_bounds(low, high, "randint")
    sizes = sizes_of((size,), {}, "randint")
    g = generator_or_default(generator, "randint")
    like = _checked("randint", allocated(np.empty, sizes, _kind(dtype, dtypes.int64)), options)
    return made("randint", _integers(like, low, high, g), **options)


def randperm(n: int, *, dtype: DType | None = None, generator: Any = None, **options: Any) -> Any:
    """Draw a permutation of the integers from 0 to n - 1, of shape (n,).

    Raises RuntimeError for a negative n and for one too large for the dtype.

    >>> sorted(minigrad.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if "out" in options:
        return created(randperm, options, n, dtype=dtype, generator=generator)
    (n,) = sizes_of((int_of(n, "randperm", "n"),), {}, "randperm")
    g, kind = generator_or_default(generator, "randperm"), _kind(dtype, dtypes.int64)
    if kind.kind == "f" and n > 2 ** (digits := dtypes.of_numpy(kind).digits) + 1:
        name = dtypes.of_numpy(kind).scalar_name
        raise RuntimeError(f"n cannot be greater than 2^{digits}+1 for {name} type.")
    if kind.kind in "iu" and n > np.iinfo(kind).max + 1:
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
    if kind.kind == "b":
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    _checked("randperm", allocated(np.empty, n, kind), options)
    if n >= (2**32 - 1) // 20:
        raise NotImplementedError(
            "randperm(): argument 'n' is too large: from there on PyTorch draws 64-bit numbers"
        )
    return made("randperm", variates.permutation(g, n).astype(kind), **options)


def rand_like(
    input: Any, *, dtype: DType | None = None, generator: Any = None, **options: Any
) -> Any:
    """Draw as `rand`, with the shape, dtype and memory layout of `input`."""
    g = generator_or_default(generator, "rand_like")
    kind = _float_kind(dtype, "check_uniform_bounds", input, "rand_like")
    like = _checked("rand_like", allocated(empty_like, array_of(input, "rand_like"), kind), options)
    return made("rand_like", _uniforms(like, g), **options)


def randn_like(
    input: Any, *, dtype: DType | None = None, generator: Any = None, **options: Any
) -> Any:
    """Draw as `randn`, with the shape, dtype and memory layout of `input`."""
    g = generator_or_default(generator, "randn_like")
    kind = _float_kind(dtype, "normal_kernel_cpu", input, "randn_like")
    like = _checked(
        "randn_like", allocated(empty_like, array_of(input, "randn_like"), kind), options
    )
    return made("randn_like", _normals(like, 0.0, 1.0, g), **options)


def randint_like(
    input: Any,
    low: Any = None,
    high: Any = None,
    *,
    dtype: DType | None = None,
    generator: Any = None,
    **options: Any,
) -> Any:
    """Draw as `randint`, with the shape, dtype and memory layout of `input`.

    >>> minigrad.randint_like(minigrad.zeros(2), 5, 6)
    tensor([5., 5.])
    """
    array = array_of(input, "randint_like")
    if high is None:
        low, high = 0, low
    low, high = _integer_bounds(low, high, "randint_like")
    g = generator_or_default(generator, "randint_like")
    like = _checked(
        "randint_like", allocated(empty_like, array, _kind(dtype, input.dtype)), options
    )
    return made("randint_like", _integers(like, low, high, g), **options)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: DType | None = None,
    out: Any = None,
    **options: Any,
) -> Any:
    """Draw normal values: `normal(mean, std, size)` of two numbers, or one per element of a tensor.

    If `mean` or `std` is a tensor, the shape is that of their broadcast. The dtype is that of
    `mean` if it is a tensor, else that of `std`. Tensors that require grad get a gradient of zero.
    Raises RuntimeError for a negative `std`.

    >>> minigrad.normal(minigrad.tensor([1., 2.]), 0.)
    tensor([1., 2.])
    >>> minigrad.normal(0., 1., (2, 3)).shape
    torch.Size([2, 3])
    """
    if out is not None and size is None:
        arguments = {"mean": mean, "std": std, "generator": generator, **options}
        return written("normal", normal, out, "same", arguments)
    if out is not None:
        options |= {"size": size, "generator": generator, "out": out}
        return created(normal, options, mean, std, dtype=dtype)
    g = generator_or_default(generator, "normal")
    if size is not None:
        numbers = _float_of(mean, "normal", "mean"), _float_of(std, "normal", "std")
        _check_std(numbers[1])
        if not isinstance(size, list | tuple):
            raise TypeError(f"normal() received an invalid size: {type(size).__name__}")
        sizes = sizes_of((size,), {}, "normal")
        like = _checked(
            "normal", allocated(np.empty, sizes, _float_kind(dtype, "normal_kernel_cpu")), options
        )
        return made("normal", _normals(like, *numbers, g), **options)
    of_tensors = isinstance(mean, TensorBase) or isinstance(std, TensorBase)
    if not of_tensors or dtype is not None or options:
        given = ", ".join(type(x).__name__ for x in (mean, std))
        raise TypeError(f"normal() received an invalid combination of arguments - got ({given})")
    return _normal_of_tensors(mean, std, g)


@quietly
def _normal_of_tensors(mean: Any, std: Any, g: Generator) -> Any:
    """Draw as `normal` where `mean` or `std` or both are tensors."""
    if not isinstance(std, TensorBase):
        std = _float_of(std, "normal", "std")
        _check_std(std)
        kind = _float_kind(None, "normal_kernel_cpu", mean, "normal")
        noise = _normals(allocated(np.empty, mean.shape, kind), 0.0, std, g)
        return constant_in((noise + mean._array).astype(kind, copy=False), "NormalBackward1", mean)
    if not (std._array >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    of_mean = isinstance(mean, TensorBase)
    kind = _float_kind(None, "normal_kernel_cpu", mean if of_mean else std, "normal")
    centres = mean._array if of_mean else _float_of(mean, "normal", "mean")
    shape = _common_shape(np.shape(centres), std._array.shape)
    noise = _normals(allocated(np.empty, shape, kind), 0.0, 1.0, g)
    noise *= std._array  # two roundings, as in PyTorch: the product is not fused with the sum
    noise += centres
    return constant_in(noise, "NormalBackward3" if of_mean else "NormalBackward2", mean, std)


def bernoulli(input: Any, p: float | None = None, *, generator: Any = None, out: Any = None) -> Any:
    """Draw ones and zeros in the shape of `input`, whose elements are the probabilities of a one.

    `p`, if given, is the probability instead. Raises RuntimeError if one is outside [0, 1].

    >>> minigrad.bernoulli(minigrad.tensor([0., 1.]))
    tensor([0., 1.])
    """
    array_of(input, "bernoulli")
    if out is not None:
        given = {"input": input, "p": p, "generator": generator}
        return written("bernoulli", bernoulli, out, "any", given)
    g = generator_or_default(generator, "bernoulli")
    result = OPS["contiguous_copy"](input)
    values = _trials(result._array, input.detach() if p is None else p, g)
    _write_values(result, values, "BernoulliBackward0")
    return as_one_node(result, "BernoulliBackward0", input)


def poisson(input: Any, generator: Any = None) -> Any:
    """Draw numbers of events in the shape of `input`, whose elements are their rates.

    Raises RuntimeError for a negative rate or NaN, NotImplementedError for an integer tensor.

    >>> minigrad.poisson(minigrad.tensor([0., 0.]))
    tensor([0., 0.])
    """
    rates = array_of(input, "poisson")
    g = generator_or_default(generator, "poisson")
    if rates.dtype.kind != "f":
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{scalar_name(rates)}'")
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    drawn = variates.poissons(g, rates.reshape(-1)).astype(rates.dtype)
    return constant_in(drawn.reshape(rates.shape), "PoissonBackward0", input)


def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """Draw how many of `count` trials succeed, for each element, with the probability `prob`.

    Both are float tensors of one dtype, which broadcast. A probability beyond 0 or 1 counts as that
    one. Raises ValueError for integer tensors, RuntimeError for two dtypes, NotImplementedError for
    float16.

    >>> minigrad.binomial(minigrad.tensor([3., 3.]), minigrad.tensor([0., 1.]))
    tensor([0., 3.])
    """
    require_tensor(count, "binomial", "count")
    require_tensor(prob, "binomial", "prob", 2)
    counts, chances = count._array, prob._array
    g = generator_or_default(generator, "binomial")
    for name, x in (("count", counts), ("prob", chances)):
        if x.dtype.kind != "f":
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: {scalar_name(x)}"
            )
    if counts.dtype != chances.dtype:
        kinds = scalar_name(chances), scalar_name(counts)
        raise RuntimeError("Found dtype {} but expected {}".format(*kinds))
    if counts.dtype == np.float16:
        raise NotImplementedError("\"binomial_cpu\" not implemented for 'Half'")
    shape = _common_shape(counts.shape, chances.shape)
    pairs = (np.broadcast_to(x, shape).reshape(-1) for x in (counts, chances))
    drawn = variates.binomials(g, *pairs).reshape(shape)
    return without_derivative(drawn, "binomial", count, prob)


@quietly
def standard_gamma(input: Any) -> Any:
    """Draw from the gamma distribution of rate 1 for each element, its shape."""
    g = generator_or_default(None, "_standard_gamma")
    return wrap(variates.gammas(g, _shapes(input, "gamma_cpu")))


def standard_gamma_grad(input: Any, output: Any) -> Any:
    """The derivative of numbers that `standard_gamma` drew by their shapes. It has none itself."""
    slope = gamma_slope(input._array, output._array)
    node = "StandardGammaGradBackward0"
    return without_derivative(slope, "_standard_gamma_grad", input, node=node)


@quietly
def dirichlet(input: Any) -> Any:
    """Draw from the Dirichlet distribution for each row of concentrations."""
    g, shapes = generator_or_default(None, "_sample_dirichlet"), _shapes(input, "dirichlet")
    numbers, kind = variates.gammas(g, shapes.astype(np.float64)), shapes.dtype
    shares = (numbers / numbers.sum(-1, keepdims=True)).astype(kind)
    above, below = np.finfo(kind).tiny, np.nextafter(kind.type(1), kind.type(0))
    return wrap(np.fmin(np.fmax(shares, above), below))  # NaN counts as too small


def _shapes(input: Any, kernel: str) -> np.ndarray:
    """The shapes of gamma distributions. NotImplementedError unless floats of 32 or 64 bits."""
    array: np.ndarray = input._array
    if array.dtype.char not in "fd":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(array)}'")
    return np.array(array, order="C")


def dirichlet_grad(x: Any, concentration: Any, total: Any) -> Any:
    """The derivative of components that `dirichlet` drew, divided by 1 − x."""
    return wrap(dirichlet_slope(x._array, concentration._array, total._array))


def multinomial(
    input: Any,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: Any = None,
) -> Any:
    """Draw `num_samples` int64 indices with probabilities proportional to `input`.

    `input` has shape (n,), or (m, n) to draw for each row. Without `replacement` no index is drawn
    twice. Raises RuntimeError for weights that are negative, infinite or sum to 0, and for more
    samples than weights; NotImplementedError for more samples than weights above 0.

    >>> minigrad.multinomial(minigrad.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = array_of(input, "multinomial")
    num_samples = int_of(num_samples, "multinomial", "num_samples")
    if out is not None:
        given = {"input": input, "num_samples": num_samples, "replacement": replacement}
        return written("multinomial", multinomial, out, "same", given | {"generator": generator})
    g = generator_or_default(generator, "multinomial")
    in_race = not replacement or num_samples == 1
    _check_weights(weights, num_samples, replacement, in_race)
    if in_race:
        return wrap(_winners(weights, num_samples, g))
    rows = weights.reshape(-1, weights.shape[-1])
    indices = variates.with_replacement(g, rows, num_samples)
    return wrap(indices.reshape(*weights.shape[:-1], num_samples))


@quietly
def _check_weights(weights: np.ndarray, num_samples: int, replacement: bool, in_race: bool) -> None:
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.kind != "f":
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{scalar_name(weights)}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    finite, negative = np.isfinite(weights).all(), (weights < 0).any()
    if in_race and (negative or not finite):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if negative or not finite:
        found = "entry < 0" if negative else "entry = infinity or NaN"
        raise RuntimeError(f"invalid multinomial distribution (encountering probability {found})")
    if not (weights.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if in_race and (np.count_nonzero(weights, -1) < num_samples).any():
        raise NotImplementedError(
            "multinomial(): argument 'num_samples' is larger than the number of weights above 0"
        )


@quietly
def _winners(weights: np.ndarray, num_samples: int, g: Generator) -> np.ndarray:
    """Draw without replacement, by a race of exponential clocks.

    Of exponential random numbers with the weights as rates, each is the smallest with a probability
    proportional to its weight.
    """
    like = empty_like(weights)
    times = _laid_out(variates.exponentials(g, like.size, like.dtype, 1.0), like)
    speeds = weights / times
    return np.ascontiguousarray(np.argsort(-speeds, -1, "stable")[..., :num_samples])


# Filling a tensor ---------------------------------------------------------------------------------


# `from` is a Python keyword, so a method takes this argument by position only.
def uniform_(self: Any, from_: float = 0, to: float = 1, /, *, generator: Any = None) -> Any:
    """Fill this tensor with uniform values from [from, to).

    Raises RuntimeError if the dtype can't hold the bounds or their difference.

    >>> bool((minigrad.empty(3).uniform_(1, 2) >= 1).all())
    True
    """
    g = generator_or_default(generator, "uniform_")
    low, high = _float_of(from_, "uniform_", "from"), _float_of(to, "uniform_", "to")
    refuse_write(self, "uniform_")
    kind = _float_kind(None, "check_uniform_bounds", self)
    largest = float(np.finfo(kind).max)
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {self.dtype.name}, got {bound}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= {largest}, the largest {self.dtype.name}, but found "
            f"to={high} and from={low}"
        )
    values = variates.uniforms_between(g, self.numel(), kind, low, high)
    return _write_values(self, _laid_out(values, self._array), "UniformBackward0")


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
    """Fill this tensor with normal values. Raises RuntimeError for a negative `std`.

    >>> minigrad.empty(2).normal_(3, 0)
    tensor([3., 3.])
    """
    g = generator_or_default(generator, "normal_")
    centre, scale = _float_of(mean, "normal_", "mean"), _float_of(std, "normal_", "std")
    refuse_write(self, "normal_")
    _check_std(scale)
    _float_kind(None, "normal_kernel_cpu", self)
    return _write_values(self, _normals(self._array, centre, scale, g), "NormalBackward0")


def exponential_(self: Any, lambd: float = 1, *, generator: Any = None) -> Any:
    """Fill this tensor with values from the exponential distribution of rate `lambd`.

    Raises RuntimeError unless the rate is above 0.

    >>> bool((minigrad.empty(3).exponential_() >= 0).all())
    True
    """
    g = generator_or_default(generator, "exponential_")
    rate = _float_of(lambd, "exponential_", "lambd")
    refuse_write(self, "exponential_")
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    kind = dtypes.to_numpy(self.dtype)
    if kind.kind != "f":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of_numpy(kind).scalar_name}"
        )
    values = variates.exponentials(g, self.numel(), kind, rate)
    return _write_values(self, _laid_out(values, self._array), "ExponentialBackward0")


def cauchy_(self: Any, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Any:
    """Fill this tensor with values from the Cauchy distribution.

    Raises RuntimeError unless `sigma` is above 0 and the dtype is a float.

    >>> minigrad.empty(3).cauchy_().shape
    torch.Size([3])
    """
    g = generator_or_default(generator, "cauchy_")
    centre = _float_of(median, "cauchy_", "median")
    scale = _float_of(sigma, "cauchy_", "sigma")
    refuse_write(self, "cauchy_")
    if not scale > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    kind = dtypes.to_numpy(self.dtype)
    if kind.kind != "f":
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of_numpy(kind).c_name}"
        )
    values = variates.cauchys(g, self.numel(), kind, centre, scale)
    return _write_values(self, _laid_out(values, self._array), "CauchyBackward0")


def log_normal_(self: Any, mean: float = 1, std: float = 2, *, generator: Any = None) -> Any:
    """Fill this tensor with exponentials of normal values of this `mean` and `std`.

    Raises RuntimeError unless `std` is above 0, NotImplementedError for an integer tensor.

    >>> bool((minigrad.empty(3).log_normal_() > 0).all())
    True
    """
    g = generator_or_default(generator, "log_normal_")
    centre, scale = _float_of(mean, "log_normal_", "mean"), _float_of(std, "log_normal_", "std")
    refuse_write(self, "log_normal_")
    if not scale > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    kind = _float_kind(None, "log_normal_cpu", self)
    values = variates.log_normals(g, self.numel(), kind, centre, scale)
    return _write_values(self, _laid_out(values, self._array), "LogNormalBackward0")


def geometric_(self: Any, p: float, *, generator: Any = None) -> Any:
    """Fill this tensor with numbers of trials up to the first success, of probability `p`.

    Raises RuntimeError unless 0 < p < 1, NotImplementedError for a bool tensor.

    >>> bool((minigrad.empty(3).geometric_(0.5) >= 1).all())
    True
    """
    g = generator_or_default(generator, "geometric_")
    chance = _float_of(p, "geometric_", "p")
    refuse_write(self, "geometric_")
    if not 0 < chance < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    kind = dtypes.to_numpy(self.dtype)
    if kind.kind == "b":
        raise NotImplementedError("\"geometric_cpu\" not implemented for 'Bool'")
    values = variates.geometrics(g, self.numel(), chance).astype(kind)
    return _write_values(self, _laid_out(values, self._array), "GeometricBackward0")


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Fill this tensor with ones, each with probability `p`, and zeros.

    `p` is a number or a float tensor that broadcasts to this one's shape. Raises RuntimeError if it
    is not in [0, 1].

    >>> minigrad.empty(3).bernoulli_(1)
    tensor([1., 1., 1.])
    """
    g = generator_or_default(generator, "bernoulli_")
    refuse_write(self, "bernoulli_")
    name = "BernoulliBackward1" if isinstance(p, TensorBase) else "BernoulliBackward2"
    return _writer(name)(self, constant_in(_trials(self._array, p, g), name, p))


def random_(self: Any, *bounds: Any, generator: Any = None, **named: Any) -> Any:
    """Fill this tensor with integers: `random_()`, `random_(to)` or `random_(from, to)`.

    They are from [from, to), where `from` is 0 by default. Without `to`, or with None, they go up
    to the largest integer of the dtype; for a float dtype, to the largest n for which it can hold
    every integer from 0 to n. Raises RuntimeError for an empty range, and for one that an integer
    dtype can't hold; warns if a float dtype can't hold every integer of the range.

    >>> bool((minigrad.empty(5).random_(3) < 3).all())
    True
    """
    g = generator_or_default(generator, "random_")
    if unknown := set(named) - {"from", "to"}:
        raise TypeError(f"random_() got an unexpected keyword argument '{unknown.pop()}'")
    names = ("from", "to") if len(bounds) + len(named) == 2 or "from" in named else ("to",)
    if len(bounds) > len(names) or any(n in named for n in names[: len(bounds)]):
        raise TypeError(f"random_() received an invalid combination of arguments - got {bounds}")
    given = dict(zip(names, bounds, strict=False)) | named
    low, high = (None if given.get(n) is None else _int64_of(given[n], n) for n in ("from", "to"))
    refuse_write(self, "random_")
    if low is None and high is None:
        kind = dtypes.to_numpy(self.dtype)
        count = dtypes.of_numpy(kind).last_integer + 1
        numbers = variates.integers(g, self.numel(), 0, count, kind.itemsize == 8)
        values = _laid_out(numbers.astype(kind), self._array)
    else:
        values = _integers(self._array, 0 if low is None else low, high, g)
    return _write_values(self, values, f"RandomBackward{2 - len(given)}")


def _write_values(self: Any, values: np.ndarray, backward: str) -> Any:
    """Write values into a tensor in place. `backward` names the node that records the write."""
    return _writer(backward)(self, wrap(values))


@functools.cache
def _writer(backward: str) -> Callable[..., Any]:
    return in_place(REGISTRY["copy"], node=backward)


# Arrays like another ------------------------------------------------------------------------------
#
# Each returns random values in the shape, dtype and memory layout of the array `like`.


def _uniforms(like: np.ndarray, g: Generator) -> np.ndarray:
    # Rounding to float16 may give 1, which is excluded.
    values = (
        variates.uniforms_between(g, like.size, like.dtype, 0, 1)
        if like.dtype == np.float16
        else variates.uniforms(g, like.size, like.dtype)
    )
    return _laid_out(values, like)


def _normals(like: np.ndarray, mean: float, std: float, g: Generator) -> np.ndarray:
    in_blocks = like.flags.c_contiguous  # as in PyTorch
    return _laid_out(variates.normals(g, like.size, like.dtype, mean, std, in_blocks), like)


def _trials(like: np.ndarray, p: Any, g: Generator) -> np.ndarray:
    """Draw ones with probability `p`, a number or a tensor, and zeros."""
    if not isinstance(p, TensorBase):
        p = _float_of(p, "bernoulli_", "p")
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return _laid_out(variates.trials(g, like.size, p).astype(like.dtype), like)
    if p._array.dtype.kind != "f":
        name = scalar_name(p._array)
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'")
    chances = OPS["expand"](p, like.shape)._array
    if not ((chances >= 0) & (chances <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1: a probability is outside [0, 1]")
    uniforms = variates.uniforms(g, like.size, chances.dtype)
    return (_laid_out(uniforms, like) < chances).astype(like.dtype)


def _integers(like: np.ndarray, low: int, high: int | None, g: Generator) -> np.ndarray:
    """Draw integers from [low, high), or from `low` up to the dtype's last."""
    kind = like.dtype
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if high is None and low == -(2**63):
        if kind.kind == "b":
            raise NotImplementedError("\"random_\" of all 64 bits not implemented for 'Bool'")
        if kind not in (np.float32, np.float64, np.int64):
            if kind == np.float16:
                name = "random_full_64_bits_range_kernel_cpu"
                raise NotImplementedError(f"\"{name}\" not implemented for 'Half'")
            raise RuntimeError("random_ of all 64 bits handles only int64, double and float")
        return _laid_out(variates.integers(g, like.size, 0, 2**64).astype(kind), like)
    for name, bound in (("from", low), ("to - 1", None if high is None else high - 1)):
        if bound is not None:
            _check_fits(name, bound, kind)
    if kind.kind == "f":
        low, high = _representable(low, high, kind)
    count = (dtypes.of_numpy(kind).last_integer + 1 if high is None else high) - low
    return _laid_out(variates.integers(g, like.size, low, count).astype(kind), like)


def _laid_out(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return flat values in the shape of an array, in the order of its elements in memory."""
    if like.flags.c_contiguous:
        return values.reshape(like.shape)
    return arranged(values, like.shape, like.strides)


# Arguments ----------------------------------------------------------------------------------------


def _checked(name: str, like: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """`like` in the memory format that the options name, as numbers are drawn in memory's order.

    A wrong option raises before anything is drawn.
    """
    return made(name, like, **options)._array if options else like


def _integer_bounds(low: Any, high: Any, function: str) -> tuple[int, int]:
    return int_of(0 if low is None else low, function, "low"), int_of(high, function, "high")


def _check_fits(name: str, bound: int, kind: np.dtype) -> None:
    """Raise RuntimeError if a dtype can't hold `bound`; warn if a float is too large for it."""
    of_dtype = dtypes.of_numpy(kind)
    if kind.kind == "f":
        fits, digits = abs(bound) <= float(np.finfo(kind).max), of_dtype.digits
        if fits and abs(bound) > 2**digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {kind} can hold every integer only within this range.",
                stacklevel=4,
            )
    else:
        fits = of_dtype.first_integer <= bound <= of_dtype.last_integer
    if not fits:
        raise RuntimeError(f"{name} is out of bounds for {kind}")


def _representable(low: int, high: int | None, kind: np.dtype) -> tuple[int, int | None]:
    """Move bounds inwards where they are so large that the dtype would round them outwards."""
    first = int(kind.type(low + 1))
    if first < low:
        low = int(np.nextafter(kind.type(first), kind.type(np.inf)))
    if high is not None:
        last = int(kind.type(high - 1))
        if last >= high:
            high = int(np.nextafter(kind.type(last), kind.type(-np.inf)))
    return low, high


def _common_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise RuntimeError(
            f"The size of tensor a {a} must match the size of tensor b {tuple(b)}, or broadcast to "
            "it"
        ) from None


def _check_std(std: float) -> None:
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")


def _float_of(value: Any, function: str, argument: str) -> float:
    """Return a number or a 0-d tensor as a float. Raises TypeError for anything else."""
    try:
        return float(number_of(value, function, argument))
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{argument}' must be float, not {kind}") from None


def _int64_of(value: Any, argument: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"random_() received an invalid combination of arguments - got '{argument}' "
            f"({type(value).__name__}), but expected an int"
        )
    if not -(2**63) <= (number := operator.index(value)) < 2**63:
        raise ValueError(f"Overflow when unpacking long long: '{argument}' is {number}")
    return number


def _float_kind(dtype: DType | None, kernel: str, like: Any = None, function: str = "") -> np.dtype:
    """Return the NumPy dtype to draw in: `dtype`, or that of `like`, or the default.

    Raises NotImplementedError, in the name of PyTorch's `kernel`, for a dtype that is not a float.
    """
    if like is not None:
        array_of(like, function)
    otherwise = promotion.get_default_dtype() if like is None else like.dtype
    kind = _kind(dtype, otherwise)
    if kind.kind != "f":
        name = dtypes.of_numpy(kind).scalar_name
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
    return kind


def _kind(dtype: Any, otherwise: dtypes.dtype) -> np.dtype:
    """NumPy's dtype for an option `dtype`, which may be None. TypeError for anything else."""
    return dtypes.to_numpy(otherwise if dtype is None else dtype)
