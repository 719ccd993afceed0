"""Padding in all modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS, function
from ...core.tensor import require_tensor
from ...rules import REGISTRY
from ...rules.dims import index
from ...rules.presentation import FUNCTION
from .registry import composed
from .saving import saving_input

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION, module="nn.functional")
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements at the ends of the last dimensions; a negative number removes elements.

    `pad` lists the numbers before and after the last dimension, then those for the dimension in
    front of it, and so on. `mode` is "constant" (with `value`, 0 by default), "reflect",
    "replicate" or "circular"; the last three pad the last 1, 2 or 3 dimensions after one or two
    others. RuntimeError for numbers that the sizes don't allow.

    >>> minigrad.nn.functional.pad(minigrad.tensor([1., 2., 3.]), (1, 2))
    tensor([0., 1., 2., 3., 0., 0.])
    """
    require_tensor(input, "pad", "input")
    numbers = [index(each, "pad") for each in pad]
    if len(numbers) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, but it is {len(numbers)}")
    if len(numbers) // 2 > input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(numbers)} and input of dimension {input.ndim}"
        )
    pairs = tuple(zip(numbers[0::2], numbers[1::2], strict=True))[::-1]
    if mode == "constant":
        return OPS["constant_pad"](input, pairs, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if input.ndim not in (len(pairs) + 1, len(pairs) + 2) or not 1 <= len(pairs) <= 3:
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    first = input.ndim - len(pairs)
    if mode == "circular":
        return _circular(input, ((0, 0),) * first + pairs, first)
    places = {"reflect": _reflected, "replicate": _replicated}
    if mode not in places:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if any(size == 0 for size in input.shape[-len(pairs) - 1 :]):
        raise RuntimeError(f"Expected non-empty dimensions in the input, but got {input.shape}")
    if not any(numbers):
        return input.clone()
    found = [
        places[mode](input.shape[d], before, after)
        for d, (before, after) in enumerate(pairs, first)
    ]
    key = (*(slice(None),) * first, *np.ix_(*found))
    return _GATHERS[mode][len(pairs)](input, key)


_pad = pad


@composed(FUNCTION)
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """Add elements of one value at the ends of the last dimensions: `nn.functional.pad`.

    >>> minigrad.constant_pad_nd(minigrad.tensor([1., 2.]), (1, 0), 7)
    tensor([7., 1., 2.])
    """
    return _pad(input, pad, "constant", value)


def _gathers(name: str) -> dict[int, Any]:
    """Gathers over 1, 2 and 3 dimensions, under the name of PyTorch's node.

    In float16, their gradients are added one by one, each rounded, as in PyTorch.
    """

    def gather(nd: int) -> Any:
        node, options = f"{name}Pad{nd}DBackward", {"half": "float16", "layout": "images"}
        rule = saving_input(REGISTRY["index"], f"{node}Backward0", **options)
        return function(rule, node=f"{node}0")

    return {nd: gather(nd) for nd in (1, 2, 3)}


_GATHERS = {"reflect": _gathers("Reflection"), "replicate": _gathers("Replication")}


def _reflected(size: int, before: int, after: int) -> np.ndarray:
    if max(before, after) >= size:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({before}, {after}) for a dimension of size {size}"
        )
    _check_left(size, before, after)
    place = np.abs(np.arange(-before, size + after))
    return size - 1 - np.abs(size - 1 - place)


def _replicated(size: int, before: int, after: int) -> np.ndarray:
    _check_left(size, before, after)
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def _check_left(size: int, before: int, after: int) -> None:
    if size + before + after < 1:
        raise RuntimeError(
            f"the padding ({before}, {after}) leaves nothing of a dimension of size {size}"
        )


def _circular(input: Tensor, pairs: tuple[tuple[int, int], ...], first: int) -> Tensor:
    """Pad the dimensions from `first` on by writing into new memory, as PyTorch does.

    First comes the input, then end after end.
    """
    shape = []
    for size, (before, after) in zip(input.shape, pairs, strict=True):
        if max(before, after) > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        shape.append(size + before + after)
    y = input.new_empty(shape)
    inside, kept = y, input
    padded = range(input.ndim - 1, first - 1, -1)
    for d in padded:
        before, after = pairs[d]
        inside = OPS["slice"](inside, d, max(before, 0), shape[d] - max(after, 0), 1)
        kept = OPS["slice"](kept, d, max(-before, 0), input.shape[d] - max(-after, 0), 1)
    inside.copy_(kept)
    for d in padded:
        (before, after), rest, size = pairs[d], (slice(None),) * d, shape[d]
        end, start = size - max(after, 0), max(before, 0)
        if before > 0:
            y[*rest, :before] = y[*rest, end - before : end]
        if after > 0:
            y[*rest, end:] = y[*rest, start : start + after]
    return y
