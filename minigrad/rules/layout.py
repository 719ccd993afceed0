"""The memory layout of a result: its strides, which are a part of PyTorch's behaviour.

They decide whether `view` works, and whether a `reshape` is a view, so that a write through it
reaches the tensor. PyTorch has two rules. A reduction, a product or a `cat` is contiguous: its
elements are in row-major order, without gaps. An elementwise op keeps the order that its operands
have in memory: the dimension with the smallest stride stays innermost, and the first operand
decides where operands disagree. NumPy's order (`order="K"`) is row-major where they disagree.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray


def dense(array: Any) -> bool:
    """Whether the elements fill one block of memory without gaps, in any order."""
    if array.flags.forc:
        return True
    steps = zip(array.shape, array.strides, strict=True)
    reach = sum((size - 1) * step for size, step in steps)
    return bool(reach + array.itemsize == array.nbytes)


def standard(array: Array) -> bool:
    """Whether an array is in row-major order, with the usual strides also along sizes of 1."""
    return array.strides == _row_major(array.shape, array.itemsize)


@functools.lru_cache(1024)
def _row_major(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    inner = itertools.accumulate([itemsize, *reversed(shape[1:])], operator.mul)
    return tuple(inner)[: len(shape)][::-1]


def contiguous(array: Array) -> Array:
    """An array itself if it is in row-major order, else a copy that is."""
    return array if array.flags.c_contiguous else array.copy()


def elementwise(output: Array, operands: Sequence[Any]) -> Array:
    """`output`, the result of an elementwise op, or a copy in the layout that PyTorch gives it.

    >>> x, y = np.ones((2, 3)).T, np.ones((3, 2))
    >>> elementwise(x + y, (x, y)).strides == x.strides
    True
    """
    arrays = [x for x in operands if isinstance(x, np.ndarray) and x.ndim]
    shape = output.shape
    if 1 in shape:
        return _with_sizes_of_1(output, operands, arrays)
    if all(x.flags.c_contiguous for x in arrays):
        return output
    if all(x.strides == output.strides and x.shape == shape for x in arrays):
        return output
    # A part of rows is common, and needs no search for an order.
    if output.flags.c_contiguous and all(_by_rows(x, shape) for x in arrays):
        return output
    return _ordered_like(output, arrays)


def _with_sizes_of_1(output: Array, operands: Sequence[Any], arrays: list[Array]) -> Array:
    """`elementwise` for a result with sizes of 1, where its strides depend on more.

    Operands of one shape (a number has another) decide together if all are contiguous, in either
    format, or have the same strides without gaps. Else those along sizes of 1 are sorted, too.
    """
    if all(map(standard, arrays)):
        return output
    alike = all(x is None or getattr(x, "shape", None) == output.shape for x in operands)
    if alike and all(x.flags.c_contiguous for x in arrays):
        return output
    if alike and output.ndim == 4 and all(_in_channels_last(x) for x in arrays):
        return _with_channels_last(output)
    if alike and all(x.strides == arrays[0].strides for x in arrays) and dense(arrays[0]):
        return as_copy(_ordered_like(output, arrays), arrays[0])
    return _ordered_like(output, arrays)


def _ordered_like(output: Array, arrays: list[Array]) -> Array:
    return ordered(output, [strides_in(output.shape, x) for x in arrays])


def _by_rows(x: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array has this shape and, with or without gaps, one row after another."""
    strides = x.strides
    return x.shape == shape and strides[-1] > 0 and all(map(operator.gt, strides, strides[1:]))


def in_dtype(array: Array, dtype: np.dtype) -> Array:
    """An array in a dtype: itself if it has it, else in the layout of a copy."""
    return array if array.dtype == dtype else copied(array, dtype)


def copied(array: Array, dtype: np.dtype | None = None) -> Array:
    """A copy, in another dtype if one is given, without gaps but in the same order in memory."""
    copy = array.copy("K") if dtype is None else array.astype(dtype)
    return as_copy(elementwise(copy, (array,)), array)


def empty_like(array: Array, dtype: np.dtype | None = None) -> Array:
    """Uninitialised memory in the shape of an array, and in the layout of a copy."""
    return as_copy(elementwise(np.empty_like(array, dtype), (array,)), array)


def as_copy(output: Array, x: Array) -> Array:
    """`output`, in the layout of an elementwise result for `x`, in that of a copy of `x`.

    A copy of an array without gaps has its strides also along sizes of 1. For images, these tell
    the format.
    """
    wanted = x.strides
    if output.itemsize != x.itemsize:
        wanted = tuple([step // x.itemsize * output.itemsize for step in wanted])
    if output.strides == wanted or not output.size or not dense(x):
        return output
    steps = zip(output.shape, output.strides, wanted, strict=True)
    strides = [theirs if size == 1 else ours for size, ours, theirs in steps]
    return as_strided(output, output.shape, strides)


def like(array: Array, pattern: Array) -> Array:
    """`array`, a gradient, or a copy in the layout of `pattern`, its leaf; without gaps.

    If the leaf has got another shape since, PyTorch compares the strides that both have, and copies
    to the shape of the leaf only if they differ. RuntimeError if that isn't possible.
    """
    if not dense(pattern):
        return contiguous(array)
    if _same(array, pattern.strides):
        return array
    try:
        return _copied(np.broadcast_to(array, pattern.shape), pattern.strides)
    except ValueError:
        raise _misfit(pattern.shape, array.shape) from None


def _misfit(shape: tuple[int, ...], wide: tuple[int, ...]) -> RuntimeError:
    """The error for a gradient that can't be copied to the changed shape of its leaf."""
    for d in range(-1, -1 - min(len(shape), len(wide)), -1):
        if shape[d] != wide[d] and 1 not in (shape[d], wide[d]):
            return RuntimeError(
                f"The size of tensor a ({shape[d]}) must match the size of tensor b ({wide[d]}) at "
                f"non-singleton dimension {max(len(shape), len(wide)) + d}"
            )
    both = list(np.broadcast_shapes(shape, wide))
    return RuntimeError(
        f"output with shape {list(shape)} doesn't match the broadcast shape {both}: the shape of a "
        "leaf was changed before its gradient was computed"
    )


def channels_last(x: Array) -> bool:
    """Whether images (N, C, H, W) or (N, C, D, H, W) have the channels innermost in memory.

    The test is PyTorch's, which for sizes of 1 depends on the strides.
    """
    if x.ndim not in (4, 5) or x.strides[1] == 0:
        return False
    least = 0
    for d in (1, *range(x.ndim - 1, 1, -1), 0):
        size, step = x.shape[d], x.strides[d]
        if size == 0 or step < least or (d == 0 and least == x.strides[1]):
            return False
        least = step * max(size, 1)
    return True


def like_images(output: Array, x: Array) -> Array:
    """`output`, or a copy of it: contiguous, but with the channels innermost if `x` has them so."""
    return in_format(output, output.ndim == x.ndim and channels_last(x))


def in_format(output: Array, innermost: bool) -> Array:
    """`output`, or a copy of it: contiguous, or with the channels innermost."""
    return _with_channels_last(output) if innermost else contiguous(output)


def like_dense_images(output: Array, x: Array) -> Array:
    """`like_images`, where images without gaps may have any strides along sizes of 1."""
    if _in_channels_last(x) and not x.flags.c_contiguous:
        return _with_channels_last(output)
    return like_images(output, x)


def _in_channels_last(x: Array) -> bool:
    """Whether images without gaps have the channels innermost, whatever the strides of size 1."""
    return x.ndim in (4, 5) and bool(np.moveaxis(x, 1, -1).flags.c_contiguous)


def _with_channels_last(output: Array) -> Array:
    moved = contiguous(np.moveaxis(output, 1, -1))
    in_order = moved.reshape(-1).reshape(moved.shape)  # the strides along sizes of 1, too
    return np.moveaxis(in_order, -1, 1)


def strides_in(shape: tuple[int, ...], x: Array) -> tuple[int, ...]:
    """The strides of an operand in a shape to which it is broadcast; 0 where it is repeated."""
    lead = len(shape) - x.ndim
    sizes = zip(x.shape, shape[lead:], x.strides, strict=True)
    return (0,) * lead + tuple([step if ours == whole else 0 for ours, whole, step in sizes])


def ordered(output: Array, operands: Sequence[Sequence[int]]) -> Array:
    """`output` in the order in memory of operands with these strides, of which 0 means any."""
    if output.size == 0:
        return output
    strides, step = [0] * output.ndim, output.itemsize
    for d in fastest_first(output.shape, operands):
        strides[d] = step
        step *= output.shape[d]
    if output.strides == tuple(strides):
        return output
    if not _same(output, strides):
        return _copied(output, strides)
    # Only dimensions of size 1 differ, so the elements stay where they are.
    in_order = output.transpose(_outer_first(output.shape, strides))
    return arranged(in_order.reshape(-1), output.shape, strides)


def fastest_first(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """The dimensions of a loop over operands with these strides, the innermost first.

    This is the insertion sort of PyTorch's `TensorIterator::reorder_dimensions`. With strides of 0
    the comparison isn't transitive, so another sort would give another order.
    """
    found = list(range(len(shape)))[::-1]
    for i in range(1, len(shape)):
        moved = i
        for j in range(i - 1, -1, -1):
            order = _compared(found[j], found[moved], operands, shape)
            if order < 0:
                break
            if order > 0:
                found[j], found[moved] = found[moved], found[j]
                moved = j
    return found


def _compared(a: int, b: int, operands: Sequence[Sequence[int]], shape: Sequence[int]) -> int:
    """Negative if dimension `a` is inside `b` in memory, positive if it is outside, else 0."""
    for strides in operands:
        if strides[a] and strides[b]:
            if strides[a] != strides[b]:
                return strides[a] - strides[b]
            if shape[a] > shape[b]:
                return 1
    return 0


def _same(array: Array, strides: Sequence[int]) -> bool:
    """Whether an array has these strides. A dimension of size 1 may have any.

    For a different number of dimensions, the last ones of the longer aren't compared.
    """
    steps = zip(array.shape, array.strides, strides, strict=False)
    return all(size == 1 or ours == theirs for size, ours, theirs in steps)


def _copied(array: Array, strides: Sequence[int]) -> Array:
    """A copy of an array with these strides, which leave no gaps."""
    in_order = array.transpose(_outer_first(array.shape, strides)).copy()
    return arranged(in_order.reshape(-1), array.shape, strides)


def arranged(values: Array, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """Flat values, given in their order in memory, as an array with the order of these strides."""
    outer_first = _outer_first(shape, strides)
    in_order = values.reshape([shape[d] for d in outer_first])
    return in_order.transpose(sorted(range(len(outer_first)), key=outer_first.__getitem__))


def _outer_first(shape: Sequence[int], strides: Sequence[int]) -> list[int]:
    # Of dimensions with the same stride, all but the outermost have size 1.
    return sorted(range(len(strides)), key=lambda d: (-strides[d], -shape[d]))
