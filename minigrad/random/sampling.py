"""Random tensors, and the methods that fill a tensor with random numbers.

From one seed they hold PyTorch's numbers, digit for digit. Here arguments are read and results laid
out; the numbers are drawn in `distributions.py`. Importing this module attaches the methods.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..api.creation import array_of, int_of, made, number_of, sizes_of
from ..api.tensor import Tensor
from ..core.dispatch import OPS
from ..core.inplace import in_place, refuse_write
from ..core.tensor import wrap
from ..rules import REGISTRY, dtypes
from ..rules.dtypes import dtype as DType
from ..rules.promotion import get_default_dtype
from . import variates as distributions
from .generator import chosen

# New tensors --------------------------------------------------------------------------------------
#
# Each is made empty first: an argument that is refused must not have moved the stream.


def rand(*size: Any, dtype: DType | None = None, generator: Any = None, **options: Any) -> Tensor:
    """Uniform values from [0, 1), of shape `size`. NotImplementedError for an integer dtype.

    >>> minigrad.rand(2, 3).shape
    torch.Size([2, 3])
    """
    sizes = sizes_of(size, options, "rand")
    g, kind = chosen(generator, "rand"), _float_kind(dtype, "check_uniform_bounds")
    empty = made(np.empty(sizes, kind), **options)
    empty._array = distributions.uniforms(g, empty._array.size, kind).reshape(sizes)
    return empty


def randn(*size: Any, dtype: DType | None = None, generator: Any = None, **options: Any) -> Tensor:
    """Values from the standard normal distribution, of shape `size`.

    NotImplementedError for an integer dtype.

    >>> minigrad.randn(2, 3, requires_grad=True).requires_grad
    True
    """
    sizes = sizes_of(size, options, "randn")
    g, kind = chosen(generator, "randn"), _float_kind(dtype, "normal_kernel_cpu")
    empty = made(np.empty(sizes, kind), **options)
    empty._array = distributions.normals(g, empty._array.size, kind, 0.0, 1.0).reshape(sizes)
    return empty


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    dtype: DType | None = None,
    generator: Any = None,
    **options: Any,
) -> Tensor:
    """Integers from [low, high), or [0, high) where one bound is given, of shape `size`.

    RuntimeError for an empty range, and for one that the dtype cannot hold.

    >>> bool((minigrad.randint(3, (5,)) < 3).all())
    True
    """
    if size is None and isinstance(high, list | tuple):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, list | tuple):
        given = type(size).__name__
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {given}")
    low = int_of(0 if low is None else low, "randint", "low")
    high = int_of(high, "randint", "high")
    sizes = sizes_of((size,), {}, "randint")
    result = made(np.empty(sizes, dtypes.to_numpy(dtype or dtypes.int64)), **options)
    result._array = _integers(result._array, low, high, chosen(generator, "randint"))
    return result


def randperm(
    n: int, *, dtype: DType | None = None, generator: Any = None, **options: Any
) -> Tensor:
    """The integers from 0 to n - 1 in random order, of shape (n,).

    RuntimeError for a negative n and for one too large for the dtype.

    >>> sorted(minigrad.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    (n,) = sizes_of((int_of(n, "randperm", "n"),), {}, "randperm")
    g, kind = chosen(generator, "randperm"), dtypes.to_numpy(dtype or dtypes.int64)
    if kind.kind == "f" and n > 2 ** (digits := _digits(kind)) + 1:
        name = dtypes.of_numpy(kind).scalar_name
        raise RuntimeError(f"n cannot be greater than 2^{digits}+1 for {name} type.")
    if kind.kind in "iu" and n > np.iinfo(kind).max + 1:
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
    if kind.kind == "b":
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    if n >= (2**32 - 1) // 20:
        raise NotImplementedError("randperm(): argument 'n': PyTorch draws 64 bits for so many")
    result = made(np.empty(n, kind), **options)
    result._array = distributions.permutation(g, n).astype(kind)
    return result


def rand_like(
    input: Tensor, *, dtype: DType | None = None, generator: Any = None, **options: Any
) -> Tensor:
    """As `rand`, with the shape and dtype of `input`, and in memory as `input` is."""
    g = chosen(generator, "rand_like")
    kind = _float_kind(dtype, "check_uniform_bounds", input, "rand_like")
    result = made(np.empty_like(array_of(input, "rand_like"), kind), **options)
    values = distributions.uniforms(g, result._array.size, kind)
    result._array = _laid_out(values, result._array)
    return result


def randn_like(
    input: Tensor, *, dtype: DType | None = None, generator: Any = None, **options: Any
) -> Tensor:
    """As `randn`, with the shape and dtype of `input`, and in memory as `input` is."""
    g = chosen(generator, "randn_like")
    kind = _float_kind(dtype, "normal_kernel_cpu", input, "randn_like")
    result = made(np.empty_like(array_of(input, "randn_like"), kind), **options)
    result._array = _normals(result._array, 0.0, 1.0, g)
    return result


def randint_like(
    input: Tensor,
    low: Any = None,
    high: Any = None,
    *,
    dtype: DType | None = None,
    generator: Any = None,
    **options: Any,
) -> Tensor:
    """As `randint`, with the shape and dtype of `input`, and in memory as `input` is.

    >>> minigrad.randint_like(minigrad.zeros(2), 5, 6)
    tensor([5., 5.])
    """
    array = array_of(input, "randint_like")
    if high is None:
        low, high = 0, low
    low = int_of(0 if low is None else low, "randint_like", "low")
    high = int_of(high, "randint_like", "high")
    result = made(np.empty_like(array, dtypes.to_numpy(dtype or input.dtype)), **options)
    result._array = _integers(result._array, low, high, chosen(generator, "randint_like"))
    return result


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: DType | None = None,
    out: None = None,
    **options: Any,
) -> Tensor:
    """Normal values: `normal(mean, std, size)` of two numbers, or one for each element of a tensor.

    With tensors, of which one may be a number, the shape is what they broadcast to, and the dtype
    that of the mean if it is a tensor, else that of the deviation. RuntimeError for a negative
    deviation, NotImplementedError for a tensor that requires grad.

    >>> minigrad.normal(minigrad.tensor([1., 2.]), 0.)
    tensor([1., 2.])
    >>> minigrad.normal(0., 1., (2, 3)).shape
    torch.Size([2, 3])
    """
    g = chosen(generator, "normal")
    if out is not None:
        raise NotImplementedError("argument 'out' is not implemented")
    if size is not None:
        numbers = _number_of(mean, "normal", "mean"), _number_of(std, "normal", "std")
        _check_std(numbers[1])
        if not isinstance(size, list | tuple):
            raise TypeError(f"normal() received an invalid size: {type(size).__name__}")
        sizes = sizes_of((size,), {}, "normal")
        result = made(np.empty(sizes, _float_kind(dtype, "normal_kernel_cpu")), **options)
        result._array = _normals(result._array, *numbers, g)
        return result
    tensors = {name: x for name, x in (("mean", mean), ("std", std)) if isinstance(x, Tensor)}
    if not tensors or dtype is not None or options:
        given = ", ".join(type(x).__name__ for x in (mean, std))
        raise TypeError(f"normal() received an invalid combination of arguments - got ({given})")
    for name, x in tensors.items():
        if x.requires_grad:
            raise NotImplementedError(
                f"normal(): argument '{name}' requires grad; give it detached, as its gradient is 0"
            )
    if "std" not in tensors:
        _check_std(_number_of(std, "normal", "std"))
    elif not (std._array >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    kind = _float_kind(None, "normal_kernel_cpu", next(iter(tensors.values())), "normal")
    if "std" not in tensors:
        noise = _normals(np.empty(mean.shape, kind), 0.0, _number_of(std, "normal", "std"), g)
        return wrap((noise + mean._array).astype(kind, copy=False))
    centres = mean._array if "mean" in tensors else _number_of(mean, "normal", "mean")
    shape = _common_shape(np.shape(centres), std._array.shape)
    noise = _normals(np.empty(shape, kind), 0.0, 1.0, g)
    noise *= std._array  # not fused with the sum: PyTorch takes two steps here
    noise += centres
    return wrap(noise)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Any = None, out: None = None
) -> Tensor:
    """1 with the probability that `input` has in its place, else 0; or with probability `p`.

    RuntimeError for a probability outside [0, 1].

    >>> minigrad.bernoulli(minigrad.tensor([0., 1.]))
    tensor([0., 1.])
    """
    array_of(input, "bernoulli")
    if out is not None:
        raise NotImplementedError("argument 'out' is not implemented")
    g = chosen(generator, "bernoulli")
    result = OPS["contiguous_copy"](input)
    values = _trials(result._array, input.detach() if p is None else p, g)
    return _written(result, values, "BernoulliBackward0")


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: None = None,
) -> Tensor:
    """`num_samples` indices, as int64, drawn with the weights of `input`: (n,), or (m, n) by rows.

    Without `replacement` no index twice. RuntimeError for weights that are negative, infinite or
    sum to 0, and for fewer categories than samples. NotImplementedError where so many categories
    have weight 0 that some of them would have to be drawn.

    >>> minigrad.multinomial(minigrad.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = array_of(input, "multinomial")
    num_samples = int_of(num_samples, "multinomial", "num_samples")
    if out is not None:
        raise NotImplementedError("argument 'out' is not implemented")
    g = chosen(generator, "multinomial")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.kind != "f":
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{dtypes.scalar_name(weights)}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    in_race = not replacement or num_samples == 1
    finite, negative = np.isfinite(weights).all(), (weights < 0).any()
    if in_race and (negative or not finite):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if negative or not finite:
        found = "entry < 0" if negative else "entry = infinity or NaN"
        raise RuntimeError(f"invalid multinomial distribution (encountering probability {found})")
    if not (weights.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not in_race:
        rows = weights.reshape(-1, weights.shape[-1])
        places = distributions.with_replacement(g, rows, num_samples)
        return wrap(places.reshape(*weights.shape[:-1], num_samples))
    if (np.count_nonzero(weights, -1) < num_samples).any():
        raise NotImplementedError(
            "multinomial(): argument 'num_samples' is larger than the number of weights above 0"
        )
    # Of exponential numbers with the weights as rates, each is the least as often as its weight
    # says: a race, in which the first to arrive are the sample.
    like = np.empty_like(weights)
    times = _laid_out(distributions.exponentials(g, like.size, like.dtype, 1.0), like)
    with np.errstate(divide="ignore"):
        speeds = weights / times
    places = np.argsort(-speeds, -1, "stable")[..., :num_samples]
    return wrap(np.ascontiguousarray(places))


# Filling a tensor ---------------------------------------------------------------------------------


# `from` is a keyword, so a method has that argument by position alone.
def uniform_(self: Tensor, from_: float = 0, to: float = 1, /, *, generator: Any = None) -> Tensor:
    """Fill this tensor with uniform values from [from, to). RuntimeError if it cannot hold them.

    >>> bool((minigrad.empty(3).uniform_(1, 2) >= 1).all())
    True
    """
    g = chosen(generator, "uniform_")
    low, high = _number_of(from_, "uniform_", "from"), _number_of(to, "uniform_", "to")
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
    values = distributions.uniforms_between(g, self._array.size, kind, low, high)
    return _written(self, _laid_out(values, self._array), "UniformBackward0")


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fill this tensor with values from the normal distribution. RuntimeError for a negative std.

    >>> minigrad.empty(2).normal_(3, 0)
    tensor([3., 3.])
    """
    g = chosen(generator, "normal_")
    centre, scale = _number_of(mean, "normal_", "mean"), _number_of(std, "normal_", "std")
    refuse_write(self, "normal_")
    _check_std(scale)
    _float_kind(None, "normal_kernel_cpu", self)
    return _written(self, _normals(self._array, centre, scale, g), "NormalBackward0")


def exponential_(self: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill this tensor with values from the exponential distribution of rate `lambd`, above 0.

    >>> bool((minigrad.empty(3).exponential_() >= 0).all())
    True
    """
    g = chosen(generator, "exponential_")
    rate = _number_of(lambd, "exponential_", "lambd")
    refuse_write(self, "exponential_")
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    if not self.is_floating_point():
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.scalar_name(self._array)}"
        )
    values = distributions.exponentials(g, self._array.size, self._array.dtype, rate)
    return _written(self, _laid_out(values, self._array), "ExponentialBackward0")


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill this tensor with ones, each with probability `p`, and zeros.

    `p` is a number or a float tensor that broadcasts to this one's shape. RuntimeError outside
    [0, 1].

    >>> minigrad.empty(3).bernoulli_(1)
    tensor([1., 1., 1.])
    """
    g = chosen(generator, "bernoulli_")
    refuse_write(self, "bernoulli_")
    if isinstance(p, Tensor) and p.requires_grad:
        raise NotImplementedError(
            "bernoulli_(): argument 'p' requires grad; give it detached, as its gradient is 0"
        )
    name = "BernoulliBackward1" if isinstance(p, Tensor) else "BernoulliBackward2"
    return _written(self, _trials(self._array, p, g), name)


def random_(self: Tensor, *bounds: Any, generator: Any = None, **named: Any) -> Tensor:
    """Fill this tensor with integers: `random_()`, `random_(to)` or `random_(from, to)`.

    From [from, to), and 0 if there is no `from`. Without `to`, or with None, up to the largest that
    the dtype has, or among floats to the one up to which it has every integer. RuntimeError for an
    empty range, and for one that an integer dtype cannot hold; a warning where a float dtype has
    not every integer in it.

    >>> bool((minigrad.empty(5).random_(3) < 3).all())
    True
    """
    g = chosen(generator, "random_")
    if unknown := set(named) - {"from", "to"}:
        raise TypeError(f"random_() got an unexpected keyword argument '{unknown.pop()}'")
    names = ("from", "to") if len(bounds) + len(named) == 2 or "from" in named else ("to",)
    if len(bounds) > len(names) or any(n in named for n in names[: len(bounds)]):
        raise TypeError(f"random_() received an invalid combination of arguments - got {bounds}")
    given = dict(zip(names, bounds, strict=False)) | named
    low, high = (None if given.get(n) is None else _int64_of(given[n], n) for n in ("from", "to"))
    refuse_write(self, "random_")
    kind = self._array.dtype
    if low is None and high is None:
        count = 2 if kind.kind == "b" else _last(kind) + 1
        wide = kind.itemsize == 8
        numbers = distributions.integers(g, self._array.size, 0, count, wide)
        values = _laid_out(numbers.astype(kind), self._array)
    else:
        values = _integers(self._array, 0 if low is None else low, high, g)
    backward = f"RandomBackward{2 - len(given)}"
    return _written(self, values, backward)


# What they share ----------------------------------------------------------------------------------


def _written(self: Tensor, values: np.ndarray, backward: str) -> Tensor:
    """The values written into a tensor, under the name that the node of this write has."""
    return _writer(backward)(self, wrap(values))


_writers: dict[str, Callable[..., Tensor]] = {}


def _writer(backward: str) -> Callable[..., Tensor]:
    if backward not in _writers:
        _writers[backward] = in_place(REGISTRY["copy"], node=backward)
    return _writers[backward]


def _laid_out(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Flat values in the shape of an array: the first goes where its memory begins, and so on.

    So they come in row order only where the array is contiguous; in a transposed one, by columns.
    """
    if like.flags.c_contiguous:
        return values.reshape(like.shape)
    outermost_first = sorted(range(like.ndim), key=lambda d: -like.strides[d])
    in_order = values.reshape([like.shape[d] for d in outermost_first])
    return in_order.transpose(np.argsort(outermost_first))


def _normals(like: np.ndarray, mean: float, std: float, g: Any) -> np.ndarray:
    """Normal values in the shape, the dtype and the layout of an array; blocks need a plain one."""
    in_blocks = like.flags.c_contiguous
    return _laid_out(distributions.normals(g, like.size, like.dtype, mean, std, in_blocks), like)


def _trials(like: np.ndarray, p: Any, g: Any) -> np.ndarray:
    """Ones and zeros in the shape, the dtype and the layout of an array."""
    if not isinstance(p, Tensor):
        p = _number_of(p, "bernoulli_", "p")
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return _laid_out(distributions.trials(g, like.size, p).astype(like.dtype), like)
    if p._array.dtype.kind != "f":
        name = dtypes.scalar_name(p._array)
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{name}'")
    chances = p.expand(like.shape)._array
    if not ((chances >= 0) & (chances <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1: a probability is outside [0, 1]")
    uniform = distributions.uniforms(g, like.size, chances.dtype)
    return (_laid_out(uniform, like) < chances).astype(like.dtype)


def _integers(like: np.ndarray, low: int, high: int | None, g: Any) -> np.ndarray:
    """Integers from [low, high), in the shape, the dtype and the layout of an array."""
    kind = like.dtype
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if high is None and low == -(2**63):
        if kind.kind == "b":
            raise NotImplementedError("\"random_\" of all 64 bits not implemented for 'Bool'")
        if kind not in (np.float32, np.float64, np.int64):
            raise RuntimeError("random_ of all 64 bits handles only int64, double and float")
        return _laid_out(distributions.integers(g, like.size, 0, 2**64).astype(kind), like)
    for name, bound in (("from", low), ("to - 1", None if high is None else high - 1)):
        if bound is not None:
            _check_fits(name, bound, kind)
    if kind.kind == "f":
        low, high = _representable(low, high, kind)
    count = (_last(kind) + 1 if high is None else high) - low
    return _laid_out(distributions.integers(g, like.size, low, count).astype(kind), like)


def _check_fits(name: str, bound: int, kind: np.dtype) -> None:
    """RuntimeError or, for floats, a warning where a dtype has not the integers up to `bound`."""
    if kind.kind == "f":
        digits = _digits(kind)
        if abs(bound) > 2**digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {kind} can hold every integer only within this range.",
                stacklevel=4,
            )
    elif not (bound in (0, 1) if kind.kind == "b" else np.iinfo(kind).min <= bound <= _last(kind)):
        raise RuntimeError(f"{name} is out of bounds for {kind}")


def _representable(low: int, high: int | None, kind: np.dtype) -> tuple[int, int | None]:
    """The bounds moved inwards, if they are so large that the dtype would round them outwards."""
    first = int(kind.type(low + 1))
    if first < low:
        low = int(np.nextafter(kind.type(first), kind.type(np.inf)))
    if high is not None:
        last = int(kind.type(high - 1))
        if last >= high:
            high = int(np.nextafter(kind.type(last), kind.type(-np.inf)))
    return low, high


def _last(kind: np.dtype) -> int:
    """The integer up to which a dtype has them all."""
    return int(2 ** _digits(kind) if kind.kind == "f" else np.iinfo(kind).max)


def _digits(kind: np.dtype) -> int:
    """The bits of a float's mantissa, the hidden one counted."""
    return int(np.finfo(kind).nmant) + 1


def _common_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise RuntimeError(
            f"The size of tensor a {a} must match the size of tensor b {b}, or broadcast to it"
        ) from None


def _check_std(std: float) -> None:
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")


def _number_of(value: Any, function: str, argument: str) -> float:
    """A float from a number or a 0-d tensor. TypeError for anything else."""
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


def _float_kind(
    dtype: DType | None, kernel: str, like: Tensor | None = None, function: str = ""
) -> np.dtype:
    """NumPy's dtype to draw in, by default that of a tensor. NotImplementedError for no float."""
    if like is not None:
        array_of(like, function)
    otherwise = get_default_dtype() if like is None else like.dtype
    kind = dtypes.to_numpy(dtype or otherwise)
    if kind.kind != "f":
        name = dtypes.of_numpy(kind).scalar_name
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
    return kind


for _method in (uniform_, normal_, exponential_, bernoulli_, random_):
    setattr(Tensor, _method.__name__, _method)
