"""Indexing, and the scatters that are its pullbacks.

PyTorch splits `x[key]` into several ops. Each int, slice and None makes a view. Lists, masks and
tensors of indices together make one gather, `index`, which copies. The pullback of a gather is a
scatter: it adds each element of the cotangent to the position that the value came from.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from . import dims
from .dims import axis, int64
from .layout import ordered, strides_in
from .presentation import INTERNAL
from .rule import Array, Operand, Pullback, Result, differentiable, unchanged

# One entry of a gather's key: a full slice, an array of indices, or a mask.
Entry: TypeAlias = Any


def in_bounds(indices: Array) -> Array:
    """These indices, which the rule has found itself: no values of operands put them out of bounds.

    A compiled step doesn't have to look at them before it writes anything.
    """
    return indices


def _put_node(input: Array, key: tuple[Any, ...], shape: tuple[int, ...]) -> str:
    return f"{'Select' if any(isinstance(e, int) for e in key) else 'Slice'}BackwardBackward0"


@differentiable(
    INTERNAL, linear=True, public="x[a:b]'s grad", title="x[a:b]'s grad", node=_put_node
)
def put(input: Array, key: tuple[Any, ...], shape: tuple[int, ...]) -> Result:
    """Zeros of the given shape, with `input` at a key of ints and slices."""
    y = np.zeros(shape, input.dtype)
    y[key] = input
    return y, (lambda g: g[key],)


@differentiable(
    INTERNAL,
    public="x[mask]'s grad",
    title="x[mask]'s grad",
    node="IndexPutImplBackward0",
    edges=("", "input"),
)
def scatter(input: Array, key: tuple[Entry, ...], shape: tuple[int, ...], repeats: bool) -> Result:
    """Zeros of the given shape, with `input` at a key of indices and masks.

    With `repeats`, the key may select an element more than once, and its values are added up.
    """
    y = np.zeros(shape, input.dtype)
    if repeats and _selects_long_rows(key, input):
        _add_rows(y, key[0], input)
    elif repeats:
        np.add.at(y, key, input)
    else:
        y[key] = input
    return y, (lambda g: g[key],)


def _selects_long_rows(key: tuple[Entry, ...], values: Array) -> bool:
    """Tell whether `_add_rows` takes the key and is faster than `np.add.at`."""
    return (
        len(key) == 1
        and isinstance(key[0], np.ndarray)
        and key[0].dtype.kind == "i"
        and values.dtype in (np.float32, np.float64)
        and values.size >= 32 * max(256, key[0].size)
    )


def _add_rows(y: Array, index: Array, values: Array) -> None:
    """Add rows to zeros: `np.add.at(y, index, values)`, with the same bits.

    The rows of a place are added up in their order. A place with many rows has a reduction of its
    own, which adds row after row as they have more than one element. The others together take a
    step for each of their rows.
    """
    index = index.reshape(-1)
    index = np.where(index < 0, index + len(y), index)
    order = index.argsort(kind="stable")
    rows, targets = values.reshape((len(index), -1)), y.reshape((len(y), -1))
    places, starts, counts = np.unique(index[order], return_index=True, return_counts=True)
    many = counts > 16
    for place, start, count in zip(places[many], starts[many], counts[many], strict=True):
        of_place = rows[order[start : start + count]]
        np.add.reduce(of_place, axis=0, out=targets[place], initial=0)
    few = np.flatnonzero(~many)
    few = few[counts[few].argsort()[::-1]]
    sums = np.zeros((len(few), rows.shape[1]), y.dtype)
    for k in range(counts[few[0]] if len(few) else 0):
        have_more = few[: np.count_nonzero(counts[few] > k)]
        sums[: len(have_more)] += rows[order[starts[have_more] + k]]
    targets[places[few]] = sums


def _placing(key: tuple[Any, ...], shape: tuple[int, ...]) -> Pullback:
    """The pullback of a part of a tensor: zeros with the cotangent in its place.

    Its `place` lets the walk add a cotangent to that place only, so that a loop over n parts takes
    n such additions, and not n of the whole tensor.
    """

    def pullback(g: Array) -> Array:
        return put(g, key, shape)[0]

    vars(pullback)["place"] = key
    return pullback


@differentiable(linear=True, view=True, operators=("x[i]",))
def select(input: Array, dim: int, index: int) -> Result:
    """`input` at one index along `dim`, without that dimension. IndexError if out of range.

    >>> minigrad.select(minigrad.tensor([[1, 2], [3, 4]]), dim=1, index=0)
    tensor([1, 3])
    """
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    shape = input.shape
    d = dim if type(dim) is int and 0 <= dim < input.ndim else axis(dim, input.ndim)
    place = index if type(index) is int else dims.index(index, "index")
    if not -shape[d] <= place < shape[d]:
        int64(place)
        raise IndexError(f"index {place} is out of bounds for dimension {d} with size {shape[d]}")
    # The ellipsis makes NumPy return a 0-d view instead of a number.
    key = (*(slice(None),) * d, place, ...) if d else (place, ...)
    return input[key], (_placing(key, shape),)


@differentiable(INTERNAL, linear=True, view=True, operators=("x[a:b]",))
def slice_(input: Array, dim: int, start: int | None, end: int | None, step: int) -> Result:
    """Every `step`-th element along `dim`, from `start` up to `end`. ValueError if `step` < 1."""
    if step <= 0:
        raise ValueError("step must be greater than zero")
    shape = input.shape
    part = slice(start, end, step)
    key = (*(slice(None),) * dim, part) if dim else (part,)
    return input[key], (_placing(key, shape),)


@differentiable(INTERNAL, layout="own", operators=("x[mask]",))
def index(input: Array, key: tuple[Entry, ...]) -> Result:
    """A copy of the elements that a key of indices and masks selects, some perhaps repeatedly."""
    shape = input.shape
    masks = all(e.dtype.kind == "b" for e in key if isinstance(e, np.ndarray))
    try:
        y = np.ascontiguousarray(input[key])
    except IndexError as error:
        key = _selecting_nothing(key, shape, error)
        y = np.ascontiguousarray(input[key])
    # NumPy's result may have any strides along sizes of 1.
    if 1 in y.shape or not (
        input.flags.c_contiguous and all(isinstance(e, slice) or e.flags.c_contiguous for e in key)
    ):
        y = ordered(y, _strides(input, key, y.shape))
    # A mask selects no element twice.
    return y, (lambda g: scatter(g, key, shape, not masks)[0],)


def _strides(input: Array, key: tuple[Entry, ...], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The strides of the operands of a gather, `input` and the indices, along those of its result.

    `input` has 0 in place of the dimensions that the indices have replaced. A result has the
    dimensions of the indices in the place of the indexed ones, or first if those aren't together.
    """
    indices: dict[int, Array] = {}
    d = 0
    for entry in key:
        arrays: Any = () if isinstance(entry, slice) else (entry,)
        if arrays and entry.dtype.kind == "b":
            arrays = entry.nonzero()
        indices.update(enumerate(arrays, d))
        d += len(arrays) or 1
    places = list(indices)
    together = places[-1] - places[0] + 1 == len(places)
    before = places[0] if together else 0
    left = [step for d, step in enumerate(input.strides) if d not in indices]
    arrays = np.broadcast_arrays(*indices.values())
    among_left = (1,) * before + arrays[0].shape + (1,) * (len(left) - before)
    return [
        (*left[:before], *[0] * arrays[0].ndim, *left[before:]),
        *[strides_in(shape, array.reshape(among_left)) for array in arrays],
    ]


@differentiable(INTERNAL, layout="first", operators=("x[mask] = y",))
def index_put(
    input: Array, value: Operand, key: tuple[Entry, ...], accumulate: bool = False
) -> Result:
    """A copy of `input` with `value`, broadcast, stored at or added to the selected elements."""
    y = input.copy()
    try:
        put_into(y, value, key, accumulate)
    except IndexError as error:
        key = _selecting_nothing(key, input.shape, error)
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(value))} cannot be broadcast to "
            f"indexing result of shape {list(input[_with_zeros(key)].shape)}"
        ) from None
    if accumulate:
        return y, (unchanged, lambda g: g[key])
    return y, (lambda g: index_put(g, 0, key)[0], lambda g: g[key])


def put_into(
    target: Array, value: Operand, key: tuple[Entry, ...], accumulate: bool = False
) -> None:
    """Store `value` at the selected elements of an array, or add it to them."""
    if accumulate:
        np.add.at(target, key, value)
    else:
        target[key] = value


def _selecting_nothing(
    key: tuple[Entry, ...], shape: tuple[int, ...], error: IndexError
) -> tuple[Entry, ...]:
    """The key with every index replaced by 0, if a size of 0 in another dimension selects nothing.

    Then PyTorch accepts any index. Otherwise this raises its error for one that is out of bounds.
    """
    others, d = [], 0
    for e in key:
        if isinstance(e, np.ndarray):
            d += e.ndim if e.dtype.kind == "b" else 1
        else:
            others.append(shape[d])
            d += 1
    if 0 in (*others, *shape[d:]) and "out of bounds" in str(error):
        return _with_zeros(key)
    if "with size 0" in str(error):
        raise IndexError("index is out of bounds for dimension with size 0") from None
    message = str(error).replace("for axis", "for dimension").replace("arrays", "tensors")
    raise IndexError(message) from None


def _with_zeros(key: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """A key of the same shape, with 0 for every index."""
    return tuple(
        np.zeros_like(e) if isinstance(e, np.ndarray) and e.dtype.kind == "i" else e for e in key
    )
