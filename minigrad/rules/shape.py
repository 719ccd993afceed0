"""Shapes: the same elements, arranged otherwise. All of these are linear.

Those marked `view=True` share memory with their operand, as they do in PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dims import axis, index, named, resolved
from .rule import Array, Pullback, Result, differentiable, unchanged


def _reshape_backward(input: Array, shape: Sequence[int]) -> str:
    if input.flags.c_contiguous:
        return "ViewBackward0"
    shared = np.may_share_memory(input, input.reshape(resolved(shape, input.size)))
    return "ReshapeAliasBackward0" if shared else "UnsafeViewBackward0"


@differentiable(linear=True, view=True, sizes=True, backward=_reshape_backward)
def reshape(input: Array, shape: Sequence[int]) -> Result:
    """The elements in row-major order in another shape, one size of which may be -1.

    A view where the memory allows, else a copy. RuntimeError if the sizes do not fit.

    >>> minigrad.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    before = input.shape
    return input.reshape(resolved(shape, input.size)), (lambda g: g.reshape(before),)


@differentiable(linear=True, view=True, forms=("method",), sizes=True)
def view(input: Array, size: Sequence[int]) -> Result:
    """As `reshape`, but never a copy: RuntimeError where the memory does not allow a view.

    >>> minigrad.arange(6).view(3, 2)
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    before, after = input.shape, resolved(size, input.size)
    try:
        return np.reshape(input, after, copy=False), (lambda g: g.reshape(before),)
    except ValueError:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        ) from None


@differentiable(linear=True, view=True)
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


@differentiable(linear=True, view=True)
def t(input: Array) -> Result:
    """A matrix transposed; a vector or a 0-d tensor as it is. RuntimeError above two dimensions.

    >>> minigrad.tensor([[1, 2], [3, 4]]).t()
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T, (lambda g: g.T,)


@differentiable(linear=True, view=True, sizes=True)
def permute(input: Array, dims: Sequence[int]) -> Result:
    """The dimensions in another order. RuntimeError unless each is named once.

    >>> minigrad.ones(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    dims = [index(d, "dims") for d in dims]
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is "
            f"not equal to len(dims) = {len(dims)}"
        )
    order = tuple(axis(d, input.ndim) for d in dims)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    back = tuple(order.index(d) for d in range(len(order)))
    return input.transpose(order), (lambda g: np.transpose(g, back),)


def _squeeze_backward(input: Array, dim: int | Sequence[int] | None = None) -> str:
    return f"SqueezeBackward{0 if dim is None else 2 if isinstance(dim, Sequence) else 1}"


@differentiable(linear=True, view=True, backward=_squeeze_backward)
def squeeze(input: Array, dim: int | Sequence[int] | None = None) -> Result:
    """Without the dimensions of size 1: all of them, or those of them that `dim` names.

    >>> minigrad.ones(1, 2, 1).squeeze().shape, minigrad.ones(1, 2, 1).squeeze(0).shape
    (torch.Size([2]), torch.Size([2, 1]))
    """
    before = input.shape
    gone = named(dim, input.ndim)
    after = tuple(size for d, size in enumerate(before) if size != 1 or d not in gone)
    return input.reshape(after), (lambda g: g.reshape(before),)


@differentiable(linear=True, view=True)
def unsqueeze(input: Array, dim: int) -> Result:
    """With a new dimension of size 1 at `dim`, which may be -1 for the last.

    >>> minigrad.ones(2, 3).unsqueeze(1).shape
    torch.Size([2, 1, 3])
    """
    before, d = input.shape, axis(dim, input.ndim + 1)
    return input.reshape((*before[:d], 1, *before[d:])), (lambda g: g.reshape(before),)


@differentiable(linear=True, view=True, forms=("method",), sizes=True)
def expand(input: Array, size: Sequence[int]) -> Result:
    """Dimensions of size 1 repeated without a copy; -1 keeps a size; new ones come in front.

    RuntimeError where a size other than 1 would have to change.

    >>> minigrad.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    after = [index(each, "size") for each in size]
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
    y = np.broadcast_to(input, tuple(after))
    if input.flags.writeable:
        y.flags.writeable = True  # what may be written through it is the engine's to say
    # The gradient needs no word here: summing over what was broadcast is the engine's work.
    return y, (unchanged,)


@differentiable(linear=True, view=True, forms=(), backward="AliasBackward0")
def alias(input: Array) -> Result:
    """The same elements in the same memory: what `x[...]` is."""
    return input[...], (unchanged,)


@differentiable(linear=True, forms=())
def cat(*tensors: Array, dim: int) -> Result:
    """The tensors one behind the other along `dim`; they agree in every other dimension.

    Those of shape (0,) are passed over, whatever the others' shape is.
    """
    solid = [x for x in tensors if x.shape != (0,)] or tensors
    around = (slice(None),) * dim

    def part(start: int, x: Array) -> Pullback:
        if x.shape == (0,):
            return lambda g: np.zeros_like(g.reshape(-1)[:0])
        end = start + x.shape[dim]
        return lambda g: g[(*around, slice(start, end))]

    starts = np.cumsum([0] + [0 if x.shape == (0,) else x.shape[dim] for x in tensors]).tolist()
    return np.ascontiguousarray(np.concatenate(solid, dim)), tuple(map(part, starts, tensors))


@differentiable(linear=True, forms=())
def stack(*tensors: Array, dim: int) -> Result:
    """The tensors, all of one shape, along a new dimension `dim`."""
    around = (slice(None),) * dim

    def part(i: int) -> Pullback:
        return lambda g: g[(*around, i)]

    return np.ascontiguousarray(np.stack(tensors, dim)), tuple(map(part, range(len(tensors))))
