"""Shape ops: they arrange elements in another way, and are linear.

As in PyTorch, the result of an op with `view=True` shares memory with its operand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .dims import axis, index, indices, infer_size, named
from .layout import channels_last, like_images
from .presentation import IN_PLACE, INTERNAL, METHOD, SIZES
from .rule import Array, Pullback, Result, differentiable, unchanged


def _reshape_node(input: Array, shape: Sequence[int]) -> str:
    if input.flags.c_contiguous:
        return "ViewBackward0"
    shared = np.may_share_memory(input, input.reshape(infer_size(shape, input.size)))
    return "ReshapeAliasBackward0" if shared else "UnsafeViewBackward0"


@differentiable(
    SIZES,
    linear=True,
    view="maybe",
    node=_reshape_node,
    edges=("input",),
    before=("UnsafeViewBackward0", "input", "clone"),
)
def reshape(input: Array, shape: Sequence[int]) -> Result:
    """The elements, in row-major order, in another shape. One size may be -1 and is inferred.

    The result is a view if the strides allow it, else a copy. RuntimeError for a shape with another
    number of elements.

    >>> minigrad.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    before = input.shape
    return input.reshape(infer_size(shape, input.size)), (lambda g: g.reshape(before),)


@differentiable(SIZES, linear=True, view=True, forms=METHOD)
def view(input: Array, size: Sequence[int]) -> Result:
    """Like `reshape`, but never a copy. RuntimeError if the strides don't allow a view.

    >>> minigrad.arange(6).view(3, 2)
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    before, after = input.shape, infer_size(size, input.size)
    try:
        return input.reshape(after, copy=False), (lambda g: g.reshape(before),)
    except ValueError:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        ) from None


@differentiable(linear=True, view=True, forms=IN_PLACE, numpy="swapaxes")
def transpose(input: Array, dim0: int, dim1: int) -> Result:
    """Two dimensions exchanged.

    >>> minigrad.ones(2, 3, 4).transpose(0, 2).shape
    torch.Size([4, 3, 2])
    """
    if input.ndim == 0:
        axis(dim0, 0), axis(dim1, 0)
        return input[...], (unchanged,)
    a, b = axis(dim0, input.ndim), axis(dim1, input.ndim)
    return input.swapaxes(a, b), (lambda g: g.swapaxes(a, b),)


@differentiable(linear=True, view=True, forms=IN_PLACE)
def t(input: Array) -> Result:
    """The transpose of a matrix; a vector or a 0-d tensor unchanged. RuntimeError otherwise.

    >>> minigrad.tensor([[1, 2], [3, 4]]).t()
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    if input.ndim < 2:
        return input[...], (unchanged,)
    return input.T, (lambda g: g.T,)


@differentiable(SIZES, linear=True, view=True, numpy="transpose")
def permute(input: Array, dims: Sequence[int]) -> Result:
    """The dimensions in another order. RuntimeError unless `dims` names each of them once.

    >>> minigrad.ones(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    dims = indices(dims, "dims")
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is "
            f"not equal to len(dims) = {len(dims)}"
        )
    order = tuple([axis(d, input.ndim) for d in dims])
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    back = tuple(map(order.index, range(len(order))))
    return input.transpose(order), (lambda g: np.transpose(g, back),)


def _squeeze_node(input: Array, dim: int | Sequence[int] | None = None) -> str:
    return f"SqueezeBackward{0 if dim is None else 2 if isinstance(dim, Sequence) else 1}"


@differentiable(SIZES, linear=True, view=True, forms=IN_PLACE, node=_squeeze_node)
def squeeze(input: Array, dim: int | Sequence[int] | None = None) -> Result:
    """Remove the dimensions of size 1: all of them, or those that `dim` names.

    >>> minigrad.ones(1, 2, 1).squeeze().shape, minigrad.ones(1, 2, 1).squeeze(0).shape
    (torch.Size([2]), torch.Size([2, 1]))
    """
    before = input.shape
    gone = named(dim, input.ndim)
    kept = [d for d, size in enumerate(before) if size != 1 or d not in gone]
    y = input.reshape([before[d] for d in kept])
    y = _with_strides(input, y, [input.strides[d] for d in kept])
    return y, (lambda g: g.reshape(before),)


@differentiable(linear=True, view=True, forms=IN_PLACE, operators=("x[None]",))
def unsqueeze(input: Array, dim: int) -> Result:
    """Insert a dimension of size 1 at `dim`; -1 puts it last.

    >>> minigrad.ones(2, 3).unsqueeze(1).shape
    torch.Size([2, 1, 3])
    """
    before, d = input.shape, axis(dim, input.ndim + 1)
    y = input.reshape((*before[:d], 1, *before[d:]))
    if 1 in before or not y.flags.c_contiguous:
        steps = input.strides
        step = before[d] * steps[d] if d < input.ndim else input.itemsize
        y = _with_strides(input, y, (*steps[:d], step, *steps[d:]))
    return y, (lambda g: g.reshape(before),)


def _with_strides(input: Array, y: Array, strides: Sequence[int]) -> Array:
    """`y`, which is `input` in another shape, also with these strides along sizes of 1."""
    if y.strides == tuple(strides):
        return y
    return as_strided(input, y.shape, strides, writeable=input.flags.writeable)


@differentiable(SIZES, linear=True, view=True, forms=METHOD, numpy="broadcast_to")
def expand(input: Array, size: Sequence[int]) -> Result:
    """Repeat dimensions of size 1 without a copy. -1 keeps a size; new dimensions go in front.

    RuntimeError for a change of a size that isn't 1.

    >>> minigrad.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    after = indices(size, "size")
    lead = len(after) - input.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(after)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({input.ndim})"
        )
    for d, wanted in enumerate(after):
        if d < lead:
            if wanted < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({wanted}) isn't allowed in a leading, "
                    f"non-existing dimension {d}"
                )
        elif wanted == -1:
            after[d] = input.shape[d - lead]
        elif wanted != input.shape[d - lead] != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted}) must match the existing size "
                f"({input.shape[d - lead]}) at non-singleton dimension {d}.  Target sizes: "
                f"{list(size)}.  Tensor sizes: {list(input.shape)}"
            )
    steps = _expanded_steps(input, after)
    if type(input) is np.ndarray and input.flags.c_contiguous and min(after, default=1) > 0:
        y = np.ndarray(after, input.dtype, input, 0, steps)  # in a sixth of the time
    else:
        y = np.broadcast_to(input, tuple(after))
        if input.flags.writeable:
            y.flags.writeable = True  # the engine decides which writes are allowed
        if 1 in after and input.ndim and y.size:
            y = as_strided(y, strides=steps)
    # The engine sums the gradient over the dimensions that were broadcast.
    return y, (unchanged,)


def _expanded_steps(input: Array, after: list[int]) -> list[int]:
    """The strides of an expanded tensor. Where the size is 1, they aren't 0 in PyTorch."""
    lead, found = len(after) - input.ndim, [0] * len(after)
    for d in reversed(range(len(after))):
        if d >= lead and after[d] == input.shape[d - lead]:
            found[d] = input.strides[d - lead]
        elif after[d] == 1 and input.ndim:
            found[d] = after[d + 1] * found[d + 1]
    return found


@differentiable(INTERNAL, linear=True, view=True, operators=("x[...]",))
def alias(input: Array) -> Result:
    """The same elements in the same memory, as `x[...]` returns them."""
    return input[...], (unchanged,)


@differentiable(INTERNAL, promotion="common", layout="own", linear=True)
def cat(*tensors: Array, dim: int) -> Result:
    """The tensors joined along `dim`. Their sizes in all other dimensions must be equal.

    Tensors of shape (0,) are ignored, whatever the shape of the others. If there are no others,
    `dim` is ignored too.
    """
    shapes = [x.shape for x in tensors]
    if () in shapes:
        raise RuntimeError(
            f"zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated"
        )
    solid: Sequence[Array] = tensors
    if (0,) in shapes:
        solid = [x for x in tensors if x.shape != (0,)]
        if not solid:
            index(dim, "dim")
            solid, dim = tensors, 0
    d = axis(dim, solid[0].ndim)
    try:
        y = np.concatenate(solid, d)
    except ValueError:
        raise _sizes_differ(solid, d) from None
    around, end = (slice(None),) * d, 0
    pullbacks: list[Pullback] = []
    for shape in shapes:
        if shape == (0,):
            pullbacks.append(_nothing)
            continue
        start, end = end, end + shape[d]
        pullbacks.append(_part((*around, slice(start, end))))
    if all(map(channels_last, tensors)):
        return like_images(y, tensors[0]), tuple(pullbacks)
    return np.ascontiguousarray(y), tuple(pullbacks)


def _part(key: tuple[slice | int, ...]) -> Pullback:
    return lambda g: g[key]


def _nothing(g: Array) -> Array:
    """The gradient of an ignored tensor, which doesn't depend on the cotangent."""
    return np.zeros_like(g.reshape(-1)[:0])


def _sizes_differ(tensors: Sequence[Array], d: int) -> RuntimeError:
    """The error for tensors that can't be joined along `d`."""
    first = tensors[0].shape
    for position, x in enumerate(tensors):
        if x.ndim != len(first):
            return RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {x.ndim}"
            )
        if x.shape[:d] + x.shape[d + 1 :] != first[:d] + first[d + 1 :]:
            return RuntimeError(
                f"Sizes of tensors must match except in dimension {d}. Expected {list(first)} "
                f"but got {list(x.shape)} for tensor number {position} in the list."
            )
    raise AssertionError("the tensors can be joined")


@differentiable(INTERNAL, promotion="common", layout="own", linear=True)
def stack(*tensors: Array, dim: int) -> Result:
    """The tensors, of equal shape, joined along a new dimension `dim`."""
    first = tensors[0].shape
    d = axis(dim, len(first) + 1)
    for position, x in enumerate(tensors):
        if x.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(x.shape)} at entry {position}"
            )
    around = (slice(None),) * d
    parts = tuple([_part((*around, i)) for i in range(len(tensors))])
    if d < len(first) and all(map(channels_last, tensors)):  # joined as by `cat`, then divided
        y = like_images(np.concatenate(tensors, d), tensors[0])
        step = y.strides[d]
        strides = (*y.strides[:d], step * first[d], *y.strides[d:])
        return as_strided(y, (*first[:d], len(tensors), *first[d:]), strides), parts
    return np.ascontiguousarray(np.concatenate([x[(*around, None)] for x in tensors], d)), parts
