"""Images sampled at any places: grids of places, and interpolation between pixels."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import ints_of
from ...core.dispatch import OPS, function
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor, wrap
from ...rules import REGISTRY
from ...rules.dims import flag
from ...rules.dtypes import scalar_name
from ...rules.presentation import FUNCTION
from .basic import matmul
from .registry import composed
from .saving import saving_input

if TYPE_CHECKING:
    from ..tensor import Tensor

_MODES = ("bilinear", "nearest", "bicubic")
_PADDING_MODES = ("zeros", "border", "reflection")


def _with_default(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False. "
            "Pass align_corners=True for the former behavior.",
            stacklevel=3,
        )
    return bool(align_corners)


# Grids --------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return where affine maps take the pixels of images of a size: a grid for `grid_sample`.

    Shapes: theta (N, 2, 3) and size (N, C, H, W) give a grid (N, H, W, 2); theta (N, 3, 4) and size
    (N, C, D, H, W) give (N, D, H, W, 3). -1 and 1 are the centres of the first and last pixels with
    `align_corners`, which warns of sizes of 1, else their outer edges. ValueError for other shapes,
    and for integers.

    >>> F = minigrad.nn.functional
    >>> F.affine_grid(minigrad.eye(2, 3).unsqueeze(0), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    require_tensor(theta, "affine_grid", "theta")
    if theta._array.dtype.kind != "f":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    nd = len(size) - 2
    if nd not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {list(size)}."
        )
    if theta.ndim != 3 or tuple(theta.shape[-2:]) != (nd, nd + 1):
        raise ValueError(
            f"Expected a batch of {nd}D affine matrices of shape Nx{nd}x{nd + 1} for size "
            f"{list(size)}. Got {theta.shape}."
        )
    corners = _with_default(align_corners)
    if align_corners and 1 in size[2:]:
        warnings.warn(
            "affine_grid: with align_corners=True, the pixel of a dimension of size 1 is at 0, the "
            "centre. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    return affine_grid_generator(theta, size, corners)


@composed(FUNCTION)
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`, with a grid of no places for sizes of 0.

    RuntimeError for shapes that don't fit, NotImplementedError for integers.

    >>> minigrad.affine_grid_generator(minigrad.eye(2, 3).unsqueeze(0), (1, 1, 1, 1), True)
    tensor([[[[0., 0.]]]])
    """
    require_tensor(theta, "affine_grid_generator", "theta")
    size, nd = ints_of("affine_grid_generator", "size", size), len(size) - 2
    if nd not in (2, 3):
        raise RuntimeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    if tuple(theta.shape) != (size[0], nd, nd + 1):
        raise RuntimeError(
            f"Expected size of theta to be: [{size[0]}, {nd}, {nd + 1}] but got: "
            f"{list(theta.shape)}."
        )
    if theta._array.dtype.kind != "f":
        raise NotImplementedError(f"affine_grid_generator is not implemented for {theta.dtype}")
    corners = flag(align_corners, "align_corners")
    kind, inside = theta._array.dtype, tuple(size[2:])
    each = [_coordinates(n, corners, kind) for n in inside]
    places = np.stack([*np.meshgrid(*each, indexing="ij")[::-1], np.ones(inside, kind)], -1)
    base = wrap(places.reshape(-1, nd + 1))
    grid = matmul(base, theta.transpose(1, 2)).view(size[0], *inside, nd)
    return as_one_node(grid, "AffineGridGeneratorBackward0", theta)


def _coordinates(n: int, corners: bool, kind: np.dtype) -> np.ndarray:
    if n == 1:
        return np.zeros(1, kind)
    places = np.linspace(-1, 1, n, dtype=kind)
    return places if corners else places * (n - 1) / n


# Samples ------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Return images at the places of a grid.

    Shapes: input (N, C, H, W) and grid (N, h, w, 2) give (N, C, h, w); input (N, C, D, H, W) and
    grid (N, d, h, w, 3) give (N, C, d, h, w). A place is (x, y) or (x, y, z) as `affine_grid` has
    it. `mode` is "bilinear", "nearest", or "bicubic" for two dimensions. Outside the image are
    "zeros", the pixels of its "border", or its "reflection". RuntimeError for other shapes.

    >>> F, x = minigrad.nn.functional, minigrad.tensor([[[[1., 3.]]]])
    >>> F.grid_sample(x, minigrad.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[2.]]]])
    """
    if mode not in _MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    corners = _with_default(align_corners)
    return _sampled(input, grid, mode, padding_mode, corners)


@composed(FUNCTION)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample` with the modes as numbers, in the order of its description.

    >>> x = minigrad.tensor([[[[1., 3.]]]])
    >>> minigrad.grid_sampler(x, minigrad.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[2.]]]])
    """
    return _sampled(
        input, grid, _MODES[interpolation_mode], _PADDING_MODES[padding_mode], align_corners
    )


@composed(FUNCTION)
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images of two dimensions.

    >>> x = minigrad.tensor([[[[1., 3.]]]])
    >>> minigrad.grid_sampler_2d(x, minigrad.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[2.]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@composed(FUNCTION)
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images of three dimensions.

    >>> x = minigrad.tensor([[[[[1., 3.]]]]])
    >>> minigrad.grid_sampler_3d(x, minigrad.zeros(1, 1, 1, 1, 3), 0, 0, True)
    tensor([[[[[2.]]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def _check(input: Any, grid: Any, mode: str) -> None:
    require_tensor(input, "grid_sampler", "input")
    require_tensor(grid, "grid_sampler", "grid", 2)
    shapes = f"input has sizes {list(input.shape)} and grid {list(grid.shape)}"
    if input.ndim not in (4, 5) or grid.ndim != input.ndim or input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size and 4 or 5 "
            f"dimensions, but {shapes}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but "
            f"{shapes}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but {shapes}"
        )
    if mode == "bicubic" and input.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input._array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"grid_sampler\" not implemented for '{scalar_name(input._array)}'"
        )
    if input.dtype != grid.dtype:
        ours, theirs = (scalar_name(x._array) for x in (input, grid))
        raise RuntimeError(f"expected scalar type {ours} but found {theirs}")


def _sampled(input: Any, grid: Any, mode: str, padding: str, corners: bool) -> Any:
    _check(input, grid, mode)
    # The grid has x first, and the dimensions of the image have x last.
    each = []
    for d, n in enumerate(input.shape[2:]):
        place = OPS["select"](grid, -1, grid.shape[-1] - 1 - d)
        place = ((place + 1) / 2) * (n - 1) if corners else ((place + 1) * n - 1) / 2
        place = place if mode == "bicubic" else _inside(place, n, padding, corners)
        each.append(_taps(place, mode))
    # Between pixels, the weights connect the gradients with the operands.
    gather = _GATHERS[input.ndim - 2] if mode == "nearest" else OPS["index"]
    total: Any = None
    for taps in itertools.product(*each):
        part = _pixels(input, [at for at, _ in taps], padding, corners, gather)
        for _, weight in taps:
            if weight is not None:
                part = part * weight.unsqueeze(1)
        total = part if total is None else total + part
    total = total.contiguous()
    if mode == "nearest" and grid.requires_grad:
        total = total + _SCALED[input.ndim - 2](grid.sum(), 0)  # a gradient of 0
    return as_one_node(total, f"GridSampler{input.ndim - 2}DBackward0", input, grid)


def _saving_image(name: str) -> dict[int, Any]:
    """An op on images of 2 and 3 dimensions, which saves its first operand."""
    return {
        nd: function(saving_input(REGISTRY[name], f"GridSampler{nd}DBackwardBackward0"))
        for nd in (2, 3)
    }


_GATHERS, _SCALED = _saving_image("index"), _saving_image("mul")


def _inside(place: Any, n: int, padding: str, corners: bool) -> Any:
    """Places moved into the image. The gradient is 0 where the border stopped them."""
    if padding == "zeros":
        return place
    if padding == "reflection":
        low, high = (0.0, n - 1.0) if corners else (-0.5, n - 0.5)
        place = _reflected(place, low, high)
    x = place._array
    within = (x > 0) & (x < n - 1)
    edge = np.where(x >= n - 1, n - 1, 0).astype(x.dtype)  # also for NaN
    return OPS["where"](wrap(within), place, wrap(edge))


def _reflected(place: Any, low: float, high: float) -> Any:
    span = high - low
    if span <= 0:
        return place * 0
    x = place._array
    finite = np.where(np.isfinite(x), x, 0)
    turns = np.floor(np.abs(finite - low) / span)
    sign = np.where(finite < low, -1, 1).astype(x.dtype)
    away = (place - low) * wrap(sign) - wrap((turns * span).astype(x.dtype))
    odd = turns % 2 == 1
    return OPS["where"](wrap(odd), high - away, away + low)


def _taps(place: Any, mode: str) -> list[tuple[np.ndarray, Any]]:
    """The pixels along one dimension that a place is between, with their weights."""
    x = place._array
    with np.errstate(invalid="ignore"):
        if mode == "nearest":
            return [(_whole(np.rint(x)), None)]
        first = np.floor(x)
    low, share = _whole(first), place - wrap(first)
    if mode == "bilinear":
        return [(low, 1 - share), (low + 1, share)]
    weights = (_far(share + 1), _near(share), _near(1 - share), _far(2 - share))
    return [(low + k, weight) for k, weight in zip((-1, 0, 1, 2), weights, strict=True)]


# The weights of four neighbours (Keys, "Cubic convolution interpolation", 1981).
_A = -0.75


def _near(x: Any) -> Any:
    return ((_A + 2) * x - (_A + 3)) * x * x + 1


def _far(x: Any) -> Any:
    return ((_A * x - 5 * _A) * x + 8 * _A) * x - 4 * _A


def _whole(x: np.ndarray) -> np.ndarray:
    """Places as integers; those that aren't finite or are too large are outside any image."""
    far = 2.0**40
    return np.nan_to_num(np.clip(x, -far, far), nan=-far).astype(np.int64)


def _pixels(
    input: Any, at: list[np.ndarray], padding: str, corners: bool, gather: Callable[..., Any]
) -> Any:
    """The pixels (N, C, *) at places of whole numbers, and 0 outside the image."""
    key, seen = [], np.ones(at[0].shape, bool)
    for place, n in zip(at, input.shape[2:], strict=True):
        if padding == "reflection":
            low, high = (0, n - 1) if corners else (-0.5, n - 0.5)
            place = _reflected_whole(place, low, high)
        seen &= (place >= 0) & (place < n) if padding == "zeros" else True
        key.append(np.clip(place, 0, n - 1))
    n = np.arange(input.shape[0]).reshape(-1, *(1,) * (at[0].ndim - 1))
    # The channels come last, since slices between arrays do.
    part = gather(input, (n, slice(None), *key))
    part = part.movedim(-1, 1)
    if seen.all():
        return part
    return OPS["masked_fill"](part, wrap(~seen[:, None]), 0)


def _reflected_whole(place: np.ndarray, low: float, high: float) -> np.ndarray:
    span = high - low
    if span <= 0:
        return np.zeros_like(place)
    turns, rest = np.divmod(np.abs(place - low), span)
    return np.where(turns % 2 == 1, high - rest, rest + low).astype(np.int64)
