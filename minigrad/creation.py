"""Tensors from nothing, from data, and from other tensors' shapes."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .devices import require_cpu
from .dtypes import dtype as DType
from .tensor import Tensor, wrap


def made(
    array: np.ndarray,
    *,
    requires_grad: bool = False,
    device: Any = None,
    pin_memory: bool = False,
    layout: None = None,
    out: None = None,
) -> Tensor:
    """A tensor around a fresh array, with the options that every creation function takes.

    `device` may be the CPU. RuntimeError for an integer that is to require grad;
    NotImplementedError for `pin_memory`, `layout` and `out`.
    """
    require_cpu(device)
    for name, value in (("pin_memory", pin_memory), ("layout", layout), ("out", out)):
        if value:
            raise NotImplementedError(f"argument '{name}' is not implemented")
    result: Tensor = wrap(array)
    if requires_grad:
        if array.dtype.kind != "f":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients, "
                f"and this one is {dtypes.of_numpy(array.dtype)}"
            )
        result._requires_grad = True
    return result


def sizes_of(size: Sequence[Any], name: str) -> tuple[int, ...]:
    """The sizes that `*size` gives: ints, or one sequence of them."""
    if len(size) == 1 and isinstance(size[0], Sequence):
        size = size[0]
    elif not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    try:
        found = tuple(operator.index(s) for s in size)
    except TypeError as error:
        raise TypeError(f"{name}(): argument 'size' must be ints, but {error}") from None
    if any(s < 0 for s in found):
        raise RuntimeError(f"{name}: Dimension size must be non-negative, but got {list(found)}.")
    return found


def _kind(dtype: DType | None, otherwise: DType | None = None) -> np.dtype:
    return dtypes.to_numpy(dtype or otherwise or dtypes.get_default_dtype())


# From data ----------------------------------------------------------------------------------------


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data`: a number, nested sequences of them, an array or a tensor.

    Python floats become the default dtype, ints int64, bools bool; arrays keep theirs. ValueError
    for ragged sequences, TypeError for what is no number.

    >>> minigrad.tensor([[1, 2], [3, 4]], dtype=minigrad.float32)
    tensor([[1., 2.],
            [3., 4.]])
    """
    if isinstance(data, Tensor):
        array = data._array.copy()
    elif isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
        dtypes.of_numpy(array.dtype)
    else:
        array = _from_sequence(data)
    if dtype is not None:
        array = array.astype(_kind(dtype), copy=False)
    return made(array, requires_grad=requires_grad, device=device, pin_memory=pin_memory)


def _from_sequence(data: Any) -> np.ndarray:
    shape, level = [], data
    while isinstance(level, Sequence) and not isinstance(level, str) or isinstance(level, np.ndarray | Tensor):
        if isinstance(level, Tensor | np.ndarray):
            shape += level.shape
            break
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    leaves: list[Any] = []
    _flatten(data, tuple(shape), 0, leaves)
    kinds = {np.dtype(type(x)) if isinstance(x, np.generic) else dtypes.of_scalar(x) for x in leaves}
    floats = {k for k in kinds if k.kind == "f"}
    common = np.result_type(*(floats or kinds)) if kinds else _kind(None)
    # A NumPy scalar inside a list counts as a Python number of its kind.
    if common.kind == "f" and not (len(leaves) == 1 and not shape):
        common = _kind(None)
    return np.array(leaves, common).reshape(shape)


def _flatten(data: Any, shape: tuple[int, ...], depth: int, into: list[Any]) -> None:
    """Gather the numbers of nested sequences, row-major, refusing what is not rectangular."""
    if isinstance(data, Tensor | np.ndarray):
        if tuple(data.shape) != shape[depth:]:
            raise ValueError(
                f"expected sequence of length {shape[depth] if depth < len(shape) else 0} at dim {depth} (got {list(data.shape)})"
            )
        into += (data._array if isinstance(data, Tensor) else data).reshape(-1).tolist()
    elif isinstance(data, Sequence) and not isinstance(data, str):
        if depth == len(shape) or len(data) != shape[depth]:
            expected = shape[depth] if depth < len(shape) else 0
            raise ValueError(
                f"expected sequence of length {expected} at dim {depth} (got {len(data)})"
            )
        for item in data:
            _flatten(item, shape, depth + 1, into)
    elif depth != len(shape):
        raise TypeError(f"not a sequence at dim {depth}, but {type(data).__name__}")
    elif isinstance(data, builtins.bool | int | float | np.number | np.bool_):
        into.append(data)
    else:
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """As `tensor`, but a tensor or an array that need not change is shared and not copied.

    >>> x = minigrad.ones(2)
    >>> minigrad.as_tensor(x) is x
    True
    """
    require_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data) if dtype is None else from_numpy(data).to(dtype)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the memory of an array. TypeError for dtypes that minigrad has not.

    >>> a = np.zeros(2)
    >>> x = minigrad.from_numpy(a)
    >>> a[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of_numpy(ndarray.dtype)
    if any(step < 0 for step in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array with array.copy().)"
        )
    result: Tensor = wrap(np.asarray(ndarray))
    return result


# From sizes ---------------------------------------------------------------------------------------


def zeros(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Zeros of shape `size`.

    >>> minigrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return made(np.zeros(_size(size, options, "zeros"), _kind(dtype)), **options)


def ones(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones of shape `size`.

    >>> minigrad.ones(2, dtype=minigrad.int64)
    tensor([1, 1])
    """
    return made(np.ones(_size(size, options, "ones"), _kind(dtype)), **options)


def empty(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """A tensor of shape `size` with whatever was in its memory.

    >>> minigrad.empty(2, 0).shape
    torch.Size([2, 0])
    """
    return made(np.empty(_size(size, options, "empty"), _kind(dtype)), **options)


def _size(size: tuple[Any, ...], options: dict[str, Any], name: str) -> tuple[int, ...]:
    if "size" in options:
        size = (options.pop("size"), *size)
    return sizes_of(size, name)


def full(size: Sequence[int], fill_value: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """`fill_value` in the shape `size`, and of its dtype: the default one for a float.

    >>> minigrad.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, Sequence):
        kind = type(size).__name__
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {kind}")
    value = fill_value.item() if isinstance(fill_value, Tensor | np.generic) else fill_value
    kind = dtypes.of_scalar(value) if dtype is None else _kind(dtype)
    return made(np.full(sizes_of((size,), "full"), value, kind), **options)


def eye(n: int, m: int | None = None, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m is n if it is not given.

    >>> minigrad.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m or 0) < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n if n < 0 else m}")
    return made(np.eye(n, m, dtype=_kind(dtype)), **options)


def arange(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """The values from `start` up to, not including, `end` by `step`; int64 if all are ints.

    With one argument, from 0 up to it. RuntimeError for a step of 0 or in the wrong direction.

    >>> minigrad.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if isinstance(x, Tensor | np.generic) else x for x in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not all(map(math.isfinite, (start, end))):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(x, int) for x in (start, end, step))
    kind = _kind(dtype, dtypes.int64 if whole else None)
    # PyTorch multiplies, so that no error adds up.
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    steps = np.arange(count)
    return made((start + steps * step).astype(kind), **options)


def linspace(
    start: float, end: float, steps: int, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """`steps` values from `start` to `end`, both included, evenly spaced.

    >>> minigrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = _kind(dtype)
    if kind.kind != "f":
        values = np.linspace(start, end, steps)
        return made(np.trunc(values).astype(kind), **options)
    start, end = kind.type(start), kind.type(end)
    step = (end - start) / kind.type(max(steps - 1, 1))
    forwards = np.arange(steps).astype(kind)
    # From both ends towards the middle, so that each end is met exactly.
    values = np.where(
        forwards < steps // 2, start + step * forwards, end - step * (steps - 1 - forwards)
    )
    return made((values if steps != 1 else np.full(1, start)).astype(kind), **options)


# From another tensor's shape ----------------------------------------------------------------------


def zeros_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Zeros of the shape and dtype of `input`.

    >>> minigrad.zeros_like(minigrad.tensor([1, 2]))
    tensor([0, 0])
    """
    return made(np.zeros_like(input._array, _kind(dtype, input.dtype)), **options)


def ones_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones of the shape and dtype of `input`.

    >>> minigrad.ones_like(minigrad.tensor([1., 2.]))
    tensor([1., 1.])
    """
    return made(np.ones_like(input._array, _kind(dtype, input.dtype)), **options)


def empty_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """A tensor of the shape and dtype of `input` with whatever was in its memory.

    >>> minigrad.empty_like(minigrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return made(np.empty_like(input._array, _kind(dtype, input.dtype)), **options)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """`fill_value` in the shape and dtype of `input`.

    >>> minigrad.full_like(minigrad.tensor([1., 2.]), 7)
    tensor([7., 7.])
    """
    return made(np.full_like(input._array, fill_value, _kind(dtype, input.dtype)), **options)
