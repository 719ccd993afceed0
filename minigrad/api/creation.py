"""Functions that create tensors from data, from sizes, and in the shape of another tensor."""

from __future__ import annotations

import builtins
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.creating import (
    allocated,
    array_of,
    from_array,
    int_of,
    ints_of,
    made,
    number_of,
    sizes_of,
    strided_memory,
    supported,
)
from ..core.devices import require_cpu
from ..core.errstate import cast
from ..core.formats import preserve_format
from ..core.output import created
from ..core.tracing import tracing
from ..core.warning import warn_once
from ..random.fma import fma
from ..rules import dtypes, layout, promotion
from ..rules.dtypes import dtype as DType
from .spacing import evenly_spaced
from .tensor import Tensor


def _kind(dtype: DType | None, otherwise: DType | None = None) -> np.dtype:
    if dtype is None:
        dtype = otherwise or promotion.get_default_dtype()
    return dtypes.to_numpy(dtype)


# From data ----------------------------------------------------------------------------------------


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Make a tensor with a copy of `data`: a number, nested sequences, an array or a tensor.

    Python floats get the default dtype, ints int64 and bools bool. Arrays, NumPy numbers and
    tensors keep their dtype. The items of a sequence promote to one dtype. ValueError for ragged
    sequences, TypeError or RuntimeError for items that aren't numbers.

    >>> minigrad.tensor([[1, 2], [3, 4]], dtype=minigrad.float32)
    tensor([[1., 2.],
            [3., 4.]])
    """
    wanted = None if dtype is None else _kind(dtype)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, use x.detach().clone() instead of minigrad.tensor(x)",
            stacklevel=2,
        )
        array = data._array.copy()
    elif isinstance(data, np.ndarray):
        if tracing.recording is not None:
            tracing.recording.undeclared()
        array = supported(data).copy()
    else:
        array = _from_numbers(data, wanted)
    if wanted is not None:
        array = cast(array, wanted)
    return made("tensor", array, requires_grad=requires_grad, device=device, pin_memory=pin_memory)


def _from_numbers(data: Any, wanted: np.dtype | None) -> np.ndarray:
    """The array of a number or of nested sequences, in the wanted dtype or the promoted one."""
    shape = () if isinstance(data, str) else _shape(data)
    numbers: list[Any] = []
    kinds: set[np.dtype] = set()
    _collect(data, shape, 0, numbers, kinds, wanted)
    kind = wanted or (promotion.joined(kinds) if kinds else _kind(None))
    if kind.kind in "iu":
        if not all(-(2**63) <= n < 2**63 for n in numbers if isinstance(n, int)):
            raise ValueError("Overflow when unpacking long long: an int beyond 64 bits")
        numbers = [promotion.converted(n, kind) for n in numbers]
    with np.errstate(over="ignore"):  # a number too large for a float dtype becomes infinite
        return np.array(numbers, kind).reshape(shape)


def _shape(data: Any) -> tuple[int, ...]:
    """The shape of nested sequences, read from their first items."""
    shape: list[int] = []
    while isinstance(data, Sequence | np.ndarray) and not isinstance(data, bytes):
        if isinstance(data, str):
            raise ValueError("too many dimensions 'str': a string isn't a number")
        if isinstance(data, np.ndarray):
            shape += data.shape
            break
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return tuple(shape)


def _collect(
    data: Any,
    shape: tuple[int, ...],
    depth: int,
    numbers: list[Any],
    kinds: set[np.dtype],
    wanted: np.dtype | None,
) -> None:
    """Append the numbers in `data` to `numbers`, row-major, and add their dtypes to `kinds`.

    `data` is at nesting depth `depth`. ValueError or TypeError unless its shape is `shape[depth:]`.
    """
    if isinstance(data, np.ndarray):
        if data.shape != shape[depth:]:
            raise ValueError(
                f"expected sequence of shape {list(shape[depth:])} at dim {depth} "
                f"(got {list(data.shape)})"
            )
        warn_once(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
            "converting the list to a single numpy.ndarray with numpy.array() before converting "
            "to a tensor."
        )
        kinds.add(dtypes.of_numpy(data.dtype).numpy)
        numbers += data.reshape(-1).tolist()
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if depth == len(shape):
            raise TypeError(f"expected a number at dim {depth} (got {type(data).__name__})")
        if len(data) != shape[depth]:
            raise ValueError(
                f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
            )
        for item in data:
            _collect(item, shape, depth + 1, numbers, kinds, wanted)
    else:
        number, kind = _number_and_dtype(data, wanted)
        if depth != len(shape):
            raise TypeError(f"expected a sequence at dim {depth} (got {type(data).__name__})")
        numbers.append(number)
        kinds.add(kind)


def _number_and_dtype(x: Any, wanted: np.dtype | None) -> tuple[float, np.dtype]:
    """The value and the dtype of a Python number, a NumPy scalar or a tensor of one element."""
    if isinstance(x, Tensor):
        if x.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars; "
                "join larger tensors with minigrad.stack"
            )
        return float(x) if x.is_floating_point() else x._array.item(), x._array.dtype
    if isinstance(x, np.generic):
        return x.item(), dtypes.to_numpy(dtypes.of_numpy(x.dtype))
    if isinstance(x, builtins.bool | int | float):
        return x, promotion.of_scalar(x)
    kind = type(x).__name__
    if isinstance(x, str | bytes | complex):
        raise TypeError(f"new(): invalid data type '{kind}'")
    if wanted is not None:
        raise TypeError(f"must be real number, not {kind}")
    raise RuntimeError(f"Could not infer dtype of {kind}")


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Convert `data` to a tensor as `tensor` does, but copy only if the dtype changes.

    A tensor that already has the dtype is returned itself. An array's memory is shared.

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
    """Make a tensor that shares the memory of an array.

    It warns of a read-only array. TypeError for a dtype that minigrad doesn't have, ValueError for
    negative strides and for a byte order other than the machine's.

    >>> a = np.zeros(2)
    >>> x = minigrad.from_numpy(a)
    >>> a[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return from_array(ndarray)


# From sizes ---------------------------------------------------------------------------------------


def zeros(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a tensor of zeros of shape `size`.

    >>> minigrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if "out" in options:
        return created(zeros, options, *size, dtype=dtype)
    return made(
        "zeros", allocated(np.zeros, sizes_of(size, options, "zeros"), _kind(dtype)), **options
    )


def ones(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a tensor of ones of shape `size`.

    >>> minigrad.ones(2, dtype=minigrad.int64)
    tensor([1, 1])
    """
    if "out" in options:
        return created(ones, options, *size, dtype=dtype)
    return made(
        "ones", allocated(np.ones, sizes_of(size, options, "ones"), _kind(dtype)), **options
    )


def empty(*size: Any, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make an uninitialised tensor of shape `size`.

    >>> minigrad.empty(2, 0).shape
    torch.Size([2, 0])
    """
    if "out" in options:
        return created(empty, options, *size, dtype=dtype)
    if options.get("memory_format") is preserve_format:
        raise RuntimeError("unsupported memory format Preserve: there is no other tensor")
    return made(
        "empty", allocated(np.empty, sizes_of(size, options, "empty"), _kind(dtype)), **options
    )


def full(
    size: Sequence[int], fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make a tensor of shape `size` filled with `fill_value`.

    The dtype is by default that of `fill_value`: bool, int64 or the default float dtype.
    RuntimeError for a value that `dtype` can't hold.

    >>> minigrad.full((2,), 7)
    tensor([7, 7])
    """
    if "out" in options:
        return created(full, options, size, fill_value, dtype=dtype)
    if not isinstance(size, list | tuple):
        kind = type(size).__name__
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {kind}")
    value = number_of(fill_value, "full", "fill_value")
    as_kind = promotion.of_scalar(value) if dtype is None else _kind(dtype)
    filling = promotion.converted(value, as_kind)
    return made(
        "full", allocated(np.full, sizes_of((size,), {}, "full"), filling, as_kind), **options
    )


def eye(n: int, m: int | None = None, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make an (n, m) matrix with ones on the diagonal and zeros elsewhere; by default m = n.

    >>> minigrad.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if "out" in options:
        return created(eye, options, n, m, dtype=dtype)
    n = int_of(n, "eye", "n")
    m = n if m is None else int_of(m, "eye", "m")
    if n < 0 or m < 0:
        raise RuntimeError(f"n and m must be greater or equal to 0, got {n} and {m}")
    return made("eye", allocated(np.eye, n, m, dtype=_kind(dtype)), **options)


def arange(
    start: float | None = None,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Make a tensor of the values from `start` up to but excluding `end`, in steps of `step`.

    `arange(end)` starts at 0. The dtype is by default int64 if all three are ints, else the
    default float dtype. RuntimeError for a step of 0 or of the wrong sign, and for infinite or NaN
    ends.

    >>> minigrad.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    if "out" in options:
        return created(arange, options, start, end, step, dtype=dtype)
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
    count = _arange_count(start, end, step, kind)
    allocated(np.empty, count, kind)
    if kind.kind in "iu":
        start, step = _truncated(start), _truncated(step)
        return made("arange", (start + np.arange(count) * step).astype(kind), **options)
    return made("arange", _float_range(float(start), float(step), count, kind), **options)


def _arange_count(start: float, end: float, step: float, kind: np.dtype) -> int:
    """The number of values from `start` up to `end`."""
    if kind == np.int64:  # PyTorch counts with truncated numbers, and for other dtypes with floats
        start, end, step = _truncated(start), _truncated(end), _truncated(step)
        if step == 0:
            raise ValueError("step must be nonzero after it is truncated to int64")
        return -((start - end) // step)
    with np.errstate(all="ignore"):
        count = np.ceil(np.float64(float(end) - float(start)) / step)
    if not 0 <= count < 2.0**63:
        raise RuntimeError("invalid size, possible overflow?")
    return int(count)


def _truncated(number: float) -> int:
    return int(promotion.converted(number, dtypes.int64.numpy))


def _float_range(start: float, step: float, count: int, kind: np.dtype) -> np.ndarray:
    """The values of `arange` in a float dtype.

    Their last digits are those of PyTorch's kernel. It fills vectors of 32 bytes, in pairs. The
    first number of a vector is rounded to the dtype, and the others are counted from there. The
    numbers that don't fill a pair of vectors are each counted from `start`. (From 32,768 numbers
    on, PyTorch's threads divide the range, and its digits depend on their number.)
    """
    width = 32 // kind.itemsize
    places = np.arange(count, dtype=np.float64)
    in_vector = places % width
    in_vector[count - count % (2 * width) :] = 0
    with np.errstate(all="ignore"):
        firsts = fma(places - in_vector, step, start).astype(kind)
        return fma(in_vector, step, firsts.astype(np.float64)).astype(kind)


def linspace(
    start: float, end: float, steps: int, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make a tensor of `steps` evenly spaced values from `start` to `end`, both included.

    For an integer dtype, first the ends are truncated and then the values between them.

    >>> minigrad.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if "out" in options:
        return created(linspace, options, start, end, steps, dtype=dtype)
    kind = _kind(dtype)
    return made("linspace", _spaced("linspace", start, end, steps, kind).astype(kind), **options)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Make a tensor of `steps` powers of `base`, whose exponents are evenly spaced.

    The first is `base ** start` and the last `base ** end`. For an integer dtype, first the ends
    are truncated and then the powers.

    >>> minigrad.logspace(0, 3, 4)
    tensor([   1.,   10.,  100., 1000.])
    """
    if "out" in options:
        return created(logspace, options, start, end, steps, base, dtype=dtype)
    kind = _kind(dtype)
    exponents = _spaced("logspace", start, end, steps, kind).astype(np.float64)
    with np.errstate(all="ignore"):
        powers = np.power(number_of(base, "logspace", "base"), exponents)
        return made("logspace", cast(powers, kind), **options)


def _spaced(name: str, start: Any, end: Any, steps: int, kind: np.dtype) -> np.ndarray:
    """The values of `linspace`, in float64 for an integer dtype."""
    steps = int_of(steps, name, "steps")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    start = _linspace_end(name, start, "start")
    end = _linspace_end(name, end, "end")
    if steps < 2:
        return np.array([promotion.converted(start, kind) for _ in range(steps)], kind)
    if kind.kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    between = np.dtype(np.float64) if kind.kind in "iu" else kind
    first, last = (between.type(promotion.converted(x, kind)) for x in (start, end))
    allocated(np.empty, steps, kind)
    return evenly_spaced(first, last, steps)


def _linspace_end(name: str, value: Any, argument: str) -> float:
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got "
            f"{argument} with {value.ndim} dimension(s)."
        )
    return number_of(value.detach() if isinstance(value, Tensor) else value, name, argument)


# From strides, and from a number ------------------------------------------------------------------


def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make an uninitialised tensor of shape `size` whose elements are `stride` apart in memory.

    RuntimeError unless there is a stride for each size, and for negative ones.

    >>> minigrad.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return made(
        "empty_strided", strided_memory("empty_strided", size, stride, _kind(dtype)), **options
    )


def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Tensor:
    """Make an uninitialised tensor of shape `size`, without gaps, in an order in memory.

    `physical_layout` has its dimensions, the outermost one first. RuntimeError unless it has each
    of them once.

    >>> minigrad.empty_permuted((2, 3, 5), (2, 0, 1)).stride()
    (3, 1, 6)
    """
    sizes = sizes_of((size,), {}, "empty_permuted")
    order = ints_of("empty_permuted", "physical_layout", physical_layout)
    if len(order) != len(sizes):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout: "
            f"{len(sizes)} and {len(order)}"
        )
    for i, d in enumerate(order):
        if not 0 <= d < len(sizes):
            raise RuntimeError(
                "Dimension out of range (expected to be between 0 and "
                f"{len(sizes) - 1}, but got {d} at index {i})"
            )
    if len({*order}) < len(order):
        raise RuntimeError("Duplicate dim not allowed")
    steps, step = [0] * len(sizes), 1
    for d in reversed(order):
        steps[d] = step
        step *= max(sizes[d], 1)
    return empty_strided(sizes, steps, dtype=dtype, **options)


def scalar_tensor(s: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a 0-d tensor of a number, in the default float dtype unless another is given.

    RuntimeError for a number that the dtype can't hold.

    >>> minigrad.scalar_tensor(3)
    tensor(3.)
    """
    kind = _kind(dtype)
    value = promotion.converted(number_of(s, "scalar_tensor", "s"), kind)
    return made("scalar_tensor", np.array(value, kind), **options)


# From another tensor's shape ----------------------------------------------------------------------


def zeros_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a tensor of zeros with the shape and dtype of `input`.

    >>> minigrad.zeros_like(minigrad.tensor([1, 2]))
    tensor([0, 0])
    """
    array = array_of(input, "zeros_like")
    return made("zeros_like", _filled_like(array, 0, _kind(dtype, input.dtype)), **options)


def ones_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a tensor of ones with the shape and dtype of `input`.

    >>> minigrad.ones_like(minigrad.tensor([1., 2.]))
    tensor([1., 1.])
    """
    array = array_of(input, "ones_like")
    return made("ones_like", _filled_like(array, 1, _kind(dtype, input.dtype)), **options)


def empty_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make an uninitialised tensor with the shape and dtype of `input`.

    >>> minigrad.empty_like(minigrad.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    array = array_of(input, "empty_like")
    return made(
        "empty_like", allocated(layout.empty_like, array, _kind(dtype, input.dtype)), **options
    )


def full_like(
    input: Tensor, fill_value: Any, *, dtype: DType | None = None, **options: Any
) -> Tensor:
    """Make a tensor filled with `fill_value`, with the shape and dtype of `input`.

    RuntimeError for a value that the dtype can't hold.

    >>> minigrad.full_like(minigrad.tensor([1., 2.]), 7)
    tensor([7., 7.])
    """
    array = array_of(input, "full_like")
    kind = _kind(dtype, input.dtype)
    value = promotion.converted(number_of(fill_value, "full_like", "fill_value"), kind)
    return made("full_like", _filled_like(array, value, kind), **options)


def _filled_like(array: np.ndarray, value: Any, kind: np.dtype) -> np.ndarray:
    filled = allocated(layout.empty_like, array, kind)
    filled.fill(value)
    return filled
