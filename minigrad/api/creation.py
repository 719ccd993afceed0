"""Functions that create tensors: from data, from sizes, and in the shape of another tensor."""

from __future__ import annotations

import builtins
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.creating import array_of, int_of, made, number_of, sizes_of
from ..core.devices import require_cpu
from ..core.tensor import wrap
from ..rules import dtypes, promotion
from ..rules.dtypes import dtype as DType
from .tensor import Tensor


def _kind(dtype: DType | None, otherwise: DType | None = None) -> np.dtype:
    return dtypes.to_numpy(dtype or otherwise or promotion.get_default_dtype())


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

    Python floats become the default dtype, ints int64, bools bool; arrays, NumPy's numbers and
    tensors keep theirs, and in a sequence all of these promote together. ValueError for ragged
    sequences, TypeError or RuntimeError for what is no number.

    >>> minigrad.tensor([[1, 2], [3, 4]], dtype=minigrad.float32)
    tensor([[1., 2.],
            [3., 4.]])
    """
    wanted = None if dtype is None else _kind(dtype)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, x.detach().clone() says more plainly what is meant "
            "than minigrad.tensor(x).",
            stacklevel=2,
        )
        array = data._array.copy()
    elif isinstance(data, np.ndarray):
        array = _ours(data).copy()
    else:
        array = _from_numbers(data, wanted)
    if wanted is not None:
        array = array.astype(wanted, copy=False)
    return made(array, requires_grad=requires_grad, device=device, pin_memory=pin_memory)


def _from_numbers(data: Any, wanted: np.dtype | None) -> np.ndarray:
    """An array of a number, or of nested sequences of numbers, in the dtype that is wanted."""
    shape = () if isinstance(data, str) else _shape(data)
    numbers: list[Any] = []
    kinds: set[np.dtype] = set()
    _gather(data, shape, 0, numbers, kinds)
    kind = wanted or (promotion.joined(kinds) if kinds else _kind(None))
    try:
        return promotion.converted(numbers, kind, "ignore").reshape(shape)
    except RuntimeError:
        if all(-(2**63) <= n < 2**63 for n in numbers if isinstance(n, int)):
            raise
        raise ValueError("Overflow when unpacking long long: an int beyond 64 bits") from None


def _shape(data: Any) -> tuple[int, ...]:
    """The shape of nested sequences, as their first elements have it."""
    shape: list[int] = []
    while isinstance(data, Sequence | np.ndarray) and not isinstance(data, bytes):
        if isinstance(data, str):
            raise ValueError("too many dimensions 'str': text is no number")
        if isinstance(data, np.ndarray):
            shape += data.shape
            break
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return tuple(shape)


def _gather(
    data: Any, shape: tuple[int, ...], depth: int, numbers: list[Any], kinds: set[np.dtype]
) -> None:
    """Put the numbers of nested sequences into `numbers`, row-major, and their dtypes into `kinds`.

    ValueError or TypeError unless they are of that shape from `depth` on.
    """
    if isinstance(data, np.ndarray):
        if data.shape != shape[depth:]:
            raise ValueError(
                f"expected sequence of shape {list(shape[depth:])} at dim {depth} "
                f"(got {list(data.shape)})"
            )
        kinds.add(_ours(data).dtype)
        numbers += data.reshape(-1).tolist()
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if depth == len(shape):
            raise TypeError(f"a {type(data).__name__} at dim {depth}, where others are numbers")
        if len(data) != shape[depth]:
            raise ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
            )
        for item in data:
            _gather(item, shape, depth + 1, numbers, kinds)
    else:
        number, kind = _one_number(data)
        if depth != len(shape):
            raise TypeError(f"not a sequence at dim {depth}, but {type(data).__name__}")
        numbers.append(number)
        kinds.add(kind)


def _one_number(x: Any) -> tuple[float, np.dtype]:
    """A number and its dtype, from one of Python's or NumPy's or from a tensor of one element."""
    if isinstance(x, Tensor):
        if x.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars; "
                "join others with minigrad.stack"
            )
        return x._array.item(), x._array.dtype
    if isinstance(x, np.generic):
        return x.item(), dtypes.to_numpy(dtypes.of_numpy(x.dtype))
    if isinstance(x, builtins.bool | int | float):
        return x, promotion.of_scalar(x)
    kind = type(x).__name__
    if isinstance(x, str | bytes | complex):
        raise TypeError(f"new(): invalid data type '{kind}'")
    raise RuntimeError(f"Could not infer dtype of {kind}")


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """As `tensor`, but a tensor or an array that need not change is shared and not copied.

    >>> x = minigrad.ones(2)
    >>> minigrad.as_tensor(x) is x
    True
    """
    require_cpu(device)
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the memory of an array.

    TypeError for a dtype that minigrad has not, ValueError for a negative stride or for bytes in
    another order than the machine's.

    >>> a = np.zeros(2)
    >>> x = minigrad.from_numpy(a)
    >>> a[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    result: Tensor = wrap(_ours(ndarray)[...])  # an array belongs to one tensor
    return result


def _ours(array: np.ndarray) -> np.ndarray:
    """The array, free of any subclass, if a tensor can hold it."""
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order: convert it "
            "with array.astype(array.dtype.newbyteorder('='))"
        )
    dtypes.of_numpy(array.dtype)
    if any(step < 0 for step in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array with array.copy().)"
        )
    return np.asarray(array)


# From sizes ---------------------------------------------------------------------------------------


def zeros(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Zeros of shape `size`.

    >>> minigrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return made(np.zeros(sizes_of(size, options, "zeros"), _kind(dtype)), **options)


def ones(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones of shape `size`.

    >>> minigrad.ones(2, dtype=minigrad.int64)
    tensor([1, 1])
    """
    return made(np.ones(sizes_of(size, options, "ones"), _kind(dtype)), **options)


def empty(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """A tensor of shape `size` with whatever was in its memory.

    >>> minigrad.empty(2, 0).shape
    torch.Size([2, 0])
    """
    return made(np.empty(sizes_of(size, options, "empty"), _kind(dtype)), **options)


def full(
    size: Sequence[int], fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """`fill_value` in the shape `size`, and of its dtype: the default one for a float.

    RuntimeError where a dtype that is asked for cannot hold the value.

    >>> minigrad.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, list | tuple):
        kind = type(size).__name__
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {kind}")
    value = number_of(fill_value, "full", "fill_value")
    as_kind = promotion.of_scalar(value) if dtype is None else _kind(dtype)
    filling = promotion.converted(value, as_kind, "raise")
    return made(np.full(sizes_of((size,), {}, "full"), filling, as_kind), **options)


def eye(n: int, m: int | None = None, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m is n if it is not given.

    >>> minigrad.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    n = int_of(n, "eye", "n")
    m = n if m is None else int_of(m, "eye", "m")
    if n < 0 or m < 0:
        raise RuntimeError(f"n and m must be greater or equal to 0, got {n} and {m}")
    return made(np.eye(n, m, dtype=_kind(dtype)), **options)


def arange(
    start: float | None = None,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """The values from `start` up to, not including, `end` by `step`; int64 if all are ints.

    With one argument, from 0 up to it. RuntimeError for a step of 0 or in the wrong direction, and
    for an end that is never reached.

    >>> minigrad.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    if end is None:
        if start is None:
            raise TypeError('arange() missing 1 required positional arguments: "end"')
        start, end = 0, start
    start = number_of(0 if start is None else start, "arange", "start")
    end, step = number_of(end, "arange", "end"), number_of(step, "arange", "step")
    whole = all(isinstance(x, int) for x in (start, end, step))
    kind = _kind(dtype, dtypes.int64 if whole else None)
    if kind.kind == "b":
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    if step == 0 or step != step:
        raise RuntimeError("step must be nonzero")
    if not all(map(math.isfinite, (start, end))):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if kind == np.int64 and not whole:  # PyTorch truncates the numbers before it counts
        start, end, step, whole = int(start), int(end), int(step), True
        if step == 0:
            raise ValueError("step must be nonzero: it is less than 1, and the dtype is int64")
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    number = int if kind.kind in "iu" else float
    # A product for each place, not a running sum, so that no error adds up.
    return made((number(start) + np.arange(count) * number(step)).astype(kind), **options)


def linspace(
    start: float, end: float, steps: int, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """`steps` values from `start` to `end`, both included, evenly spaced.

    For an integer dtype the ends are truncated first, and then the values between them.

    >>> minigrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    steps = int_of(steps, "linspace", "steps")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = _kind(dtype)
    start = _end_of_line(start, "start")
    end = _end_of_line(end, "end")
    if steps < 2:
        return made(promotion.converted([start][:steps], kind, "raise"), **options)
    if kind.kind == "b":
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    first, last = promotion.converted(start, kind, "raise"), promotion.converted(end, kind, "raise")
    between = np.dtype(np.float64) if kind.kind in "iu" else kind
    forwards = np.arange(steps, dtype=between)
    with np.errstate(all="ignore"):
        step = (last - first).astype(between) / between.type(steps - 1)
        # From both ends towards the middle, so that each end is met exactly.
        values = np.where(
            forwards < steps // 2, first + step * forwards, last - step * (steps - 1 - forwards)
        )
        return made(values.astype(kind), **options)


def _end_of_line(value: Any, argument: str) -> float:
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            "linspace only supports 0-dimensional start and end tensors, but got "
            f"{argument} with {value.ndim} dimension(s)."
        )
    return number_of(value, "linspace", argument)


# From another tensor's shape ----------------------------------------------------------------------


def zeros_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Zeros of the shape and dtype of `input`.

    >>> minigrad.zeros_like(minigrad.tensor([1, 2]))
    tensor([0, 0])
    """
    array = array_of(input, "zeros_like")
    return made(np.zeros_like(array, _kind(dtype, input.dtype)), **options)


def ones_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Ones of the shape and dtype of `input`.

    >>> minigrad.ones_like(minigrad.tensor([1., 2.]))
    tensor([1., 1.])
    """
    array = array_of(input, "ones_like")
    return made(np.ones_like(array, _kind(dtype, input.dtype)), **options)


def empty_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """A tensor of the shape and dtype of `input` with whatever was in its memory.

    >>> minigrad.empty_like(minigrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    array = array_of(input, "empty_like")
    return made(np.empty_like(array, _kind(dtype, input.dtype)), **options)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """`fill_value` in the shape and dtype of `input`. RuntimeError where that cannot hold it.

    >>> minigrad.full_like(minigrad.tensor([1., 2.]), 7)
    tensor([7., 7.])
    """
    array = array_of(input, "full_like")
    kind = _kind(dtype, input.dtype)
    value = promotion.converted(number_of(fill_value, "full_like", "fill_value"), kind, "raise")
    return made(np.full_like(array, value, kind), **options)
