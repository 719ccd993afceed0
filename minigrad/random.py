"""Random tensors, drawn from one stream that `manual_seed` starts anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .creation import array_of, int_of, made, sizes_of
from .dtypes import dtype as DType
from .tensor import Tensor, wrap

_MAX_SEED = 2**64
_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the stream at `seed`, an int from -2**63 to 2**64 - 1 (ValueError outside).

    >>> minigrad.manual_seed(0)
    >>> first = minigrad.rand(3)
    >>> minigrad.manual_seed(0)
    >>> bool((minigrad.rand(3) == first).all())
    True
    """
    global _generator
    seed = int(seed)
    if not -(2**63) <= seed < _MAX_SEED:
        raise ValueError(f"Overflow when unpacking long long: seed {seed} needs more than 64 bits")
    _generator = np.random.default_rng(seed % _MAX_SEED)


def rand(*size: Any, dtype: DType | None = None, generator: None = None, **options: Any) -> Tensor:
    """Uniform values from [0, 1), of shape `size`.

    >>> minigrad.rand(2, 3).shape
    torch.Size([2, 3])
    """
    _refuse(generator)
    return made(_generator.random(sizes_of(size, options, "rand"), _float(dtype)), **options)


def randn(*size: Any, dtype: DType | None = None, generator: None = None, **options: Any) -> Tensor:
    """Values from the standard normal distribution, of shape `size`.

    >>> minigrad.randn(2, 3, requires_grad=True).requires_grad
    True
    """
    _refuse(generator)
    sizes = sizes_of(size, options, "randn")
    return made(_generator.standard_normal(sizes, _float(dtype)), **options)


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    dtype: DType | None = None,
    generator: None = None,
    **options: Any,
) -> Tensor:
    """Integers from [low, high), or [0, high) where one bound is given, of shape `size`.

    RuntimeError for an empty range, and for one that the dtype cannot hold.

    >>> bool((minigrad.randint(3, (5,)) < 3).all())
    True
    """
    _refuse(generator)
    if size is None and isinstance(high, list | tuple):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, list | tuple):
        given = type(size).__name__
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {given}")
    low = int_of(0 if low is None else low, "randint", "low")
    high = int_of(high, "randint", "high")
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    kind = dtypes.to_numpy(dtype or dtypes.int64)
    for name, bound in (("from", low), ("to - 1", high - 1)):
        if not _fits(bound, kind):
            raise RuntimeError(f"{name} is out of bounds for {kind}")
    values = _generator.integers(low, high, sizes_of((size,), {}, "randint"))
    return made(values.astype(kind), **options)


def _fits(bound: int, kind: np.dtype) -> bool:
    """Whether a dtype has this whole number, exactly or at all."""
    if kind.kind == "b":
        return bound in (0, 1)
    return kind.kind == "f" or np.iinfo(kind).min <= bound <= np.iinfo(kind).max


def randperm(
    n: int, *, dtype: DType | None = None, generator: None = None, **options: Any
) -> Tensor:
    """The integers from 0 to n - 1 in random order.

    >>> sorted(minigrad.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    _refuse(generator)
    (n,) = sizes_of((int_of(n, "randperm", "n"),), {}, "randperm")
    kind = dtypes.to_numpy(dtype or dtypes.int64)
    if kind.kind == "b":
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    return made(_generator.permutation(n).astype(kind), **options)


def rand_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """As `rand`, with the shape and dtype of `input`."""
    shape = array_of(input, "rand_like").shape
    return rand(shape, dtype=dtype or input.dtype, **options)


def randn_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """As `randn`, with the shape and dtype of `input`."""
    shape = array_of(input, "randn_like").shape
    return randn(shape, dtype=dtype or input.dtype, **options)


# `from` is a keyword, so the method has that argument by position alone.
def uniform_(self: Tensor, from_: float = 0, to: float = 1, /, *, generator: None = None) -> Tensor:
    """Fill this tensor with uniform values from [from, to). RuntimeError if it cannot hold them.

    >>> bool((minigrad.empty(3).uniform_(1, 2) >= 1).all())
    True
    """
    _refuse(generator)
    largest = np.finfo(_float(self.dtype)).max
    for name, bound in (("from", from_), ("to", to)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {self.dtype.name}, got {bound}")
    if from_ > to:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}"
        )
    values = rand(self.shape, dtype=self.dtype)._array * (to - from_) + from_
    return self.copy_(wrap(values))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: None = None) -> Tensor:
    """Fill this tensor with values from the normal distribution. RuntimeError for a negative std.

    >>> minigrad.empty(2).normal_(3, 0)
    tensor([3., 3.])
    """
    _refuse(generator)
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    values = randn(self.shape, dtype=self.dtype)._array * std + mean
    return self.copy_(wrap(values))


def _refuse(generator: Any) -> None:
    if generator is not None:
        raise NotImplementedError("argument 'generator' is not implemented: there is one stream")


def _float(dtype: DType | None) -> Any:
    kind = dtypes.to_numpy(dtype or dtypes.get_default_dtype())
    if kind.kind != "f":
        raise NotImplementedError(f"random floats of dtype {dtype} are not implemented")
    return kind


for _method in (uniform_, normal_):
    setattr(Tensor, _method.__name__, _method)
