"""Images in another resolution: interpolation, and pixels that are moved between dimensions."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.creating import require_memory
from ...core.dispatch import OPS
from ...core.one_node import as_one_node, one_node
from ...core.tensor import require_tensor, wrap
from ...core.tracing import constant
from ...rules.dims import indices
from ...rules.presentation import FUNCTION
from .half import in_float32, refuse_half
from .pooling import adaptive_avg_pools, in_image_layout
from .registry import composed

if TYPE_CHECKING:
    from ..tensor import Tensor

# Interpolation ------------------------------------------------------------------------------------

# For each element of the result along one dimension: a list of places and their weights.
Taps = list[tuple[np.ndarray, Any]]
_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "lanczos": 2, "trilinear": 3}
_OF_BYTES = ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos")
# How far the weights of a pixel reach, for the modes with anti-aliasing.
_REACH = {"bilinear": 1, "bicubic": 2, "lanczos": 3}


@composed(FUNCTION, module="nn.functional")
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Return images (N, C, *) in another size, or scaled by a factor.

    `mode` is "nearest", "nearest-exact", "area", or, for one, two and two, or three dimensions,
    "linear", "bilinear" and "bicubic", or "trilinear". With `align_corners` the centres of the
    corner pixels stay in place, else the corners of the image. `antialias`, for "bilinear" and
    "bicubic", averages all pixels that a smaller image leaves out; only with it, there is "lanczos"
    for two dimensions. Images of uint8 are rounded after each dimension, the last one first.

    >>> x = minigrad.tensor([[[1., 3.]]])
    >>> minigrad.nn.functional.interpolate(x, 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    require_tensor(input, "interpolate", "input")
    nd = input.ndim - 2
    if mode in ("nearest", "nearest-exact", "area") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | "
            "bilinear | bicubic | trilinear"
        )
    if not 1 <= nd <= 3:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D)"
        )
    if antialias and not (mode in _REACH and nd == 2):
        raise ValueError(
            "Anti-alias option is restricted to the modes bilinear, bicubic and lanczos, and to an "
            "input with 4 dimensions"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    sizes, factors = _sizes(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return adaptive_avg_pools[nd](input, sizes)
    if mode not in (*_DIMS, "nearest", "nearest-exact") or _DIMS.get(mode, nd) != nd:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input, each in its own modes, is supported, but got "
            f"{input.ndim}D input in the mode {mode}"
        )
    if min(sizes) <= 0 or 0 in input.shape[1:]:
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"{list(input.shape[1:])} and output {sizes}"
        )
    require_memory((*input.shape[:2], *sizes), input._array.dtype)
    kind = input._array.dtype
    if kind.kind != "f" and not (kind == np.uint8 and mode in _OF_BYTES):
        raise NotImplementedError(
            f"interpolate(mode={mode!r}) is not implemented for {input.dtype}"
        )
    if antialias:
        refuse_half(input, f"upsample_{mode}2d_aa")
    y = _resized(input, mode, sizes, factors, bool(align_corners), antialias)
    name = f"Upsample{mode.title().replace('-', '')}{nd}D{'Aa' if antialias else ''}Backward0"
    return as_one_node(in_image_layout(y, input), name, input)


@in_float32
def _resized(
    input: Tensor,
    mode: str,
    sizes: list[int],
    factors: list[float | None],
    corners: bool,
    antialias: bool,
) -> Tensor:
    kind, find = input._array.dtype, _smooth_taps if antialias else _taps
    rounds = kind == np.uint8 and not mode.startswith("nearest")
    real = np.dtype(np.float64) if rounds else kind
    each = list(enumerate(zip(sizes, factors, strict=True), 2))
    y = input
    for d, (m, factor) in each[::-1] if rounds else each:
        if m == y.shape[d] and (rounds or mode.endswith("linear")):
            continue  # whatever the factor is
        taps = find(mode, y.shape[d], m, factor, corners, real)
        y = _bytes_along(y, d, taps) if rounds else _along(y, d, taps)
    return y.clone() if y is input else y


def _sizes(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The sizes of the result, and the factors that decide the places of its elements."""
    inside = input.shape[2:]
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    given = scale_factor if size is None else size
    if given is None:
        raise ValueError("either size or scale_factor should be defined")
    each = list(given) if isinstance(given, list | tuple) else [given] * len(inside)
    if len(each) != len(inside):
        name, kind = ("scale_factor", "scale_factor") if size is None else ("output", "output size")
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(inside)} and {kind} of {given}."
        )
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return indices(each, "size"), [None] * len(each)
    for factor in each:
        if not isinstance(factor, int | float | np.number):
            kind = type(factor).__name__
            raise TypeError(f"argument 'scale_factor' must be a float or floats, not {kind}")
    scaled = [float(n) * f for n, f in zip(inside, each, strict=True)]
    if not all(abs(n) < 2**63 for n in scaled):
        raise RuntimeError("interpolate: a scaled size cannot be converted to an int64")
    sizes = [math.floor(n) for n in scaled]
    return sizes, [None] * len(each) if recompute else [float(f) for f in each]


def _taps(mode: str, n: int, m: int, factor: float | None, corners: bool, kind: np.dtype) -> Taps:
    """The places and weights of the elements of a dimension of size n that give one of size m."""
    real = kind if kind.kind == "f" and not mode.startswith("nearest") else np.dtype(np.float32)
    number = real.type
    target = np.arange(m).astype(real)
    scale = number(n / m) if factor is None else number(1 / factor)
    if factor is None:
        scale = number(n) / number(m)
    if mode == "nearest":
        return [(np.minimum(np.floor(target * scale).astype(np.int64), n - 1), 1)]
    if mode == "nearest-exact":
        place = np.floor((target + number(0.5)) * scale).astype(np.int64)
        return [(np.minimum(place, n - 1), 1)]
    if corners:
        source = target * (number(n - 1) / number(m - 1) if m > 1 else number(0))
    else:
        source = _fused(target + number(0.5), float(scale), -0.5)
    if mode == "bicubic":
        first = np.floor(source)
        weights = _cubic(source - first)
        places = [np.clip(first.astype(np.int64) + k, 0, n - 1) for k in (-1, 0, 1, 2)]
        return list(zip(places, weights, strict=True))
    source = np.maximum(source, 0)
    low = np.minimum(source.astype(np.int64), n - 1)
    share = np.clip(source - low.astype(real), 0, 1).astype(real)
    return [(low, 1 - share), (np.minimum(low + 1, n - 1), share)]


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """The weights of four neighbours, the second of which is at a distance of t."""
    a = -0.75
    return [_far(t + 1, a), _near(t, a), _near(1 - t, a), _far(2 - t, a)]


# The weights at a distance up to 1 and from 1 to 2 (Keys, "Cubic convolution interpolation", 1981).


def _near(x: np.ndarray, a: float) -> np.ndarray:
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far(x: np.ndarray, a: float) -> np.ndarray:
    return _fused(_fused(x, a, -5 * a), x, 8 * a) * x - 4 * a


def _fused(x: np.ndarray, y: np.ndarray | float, c: float) -> np.ndarray:
    """x·y + c; of float32 rounded once, as where PyTorch's compiler fuses it."""
    return (x.astype(np.float64) * y + c).astype(x.dtype)


def _smooth_taps(
    mode: str, n: int, m: int, factor: float | None, corners: bool, real: np.dtype
) -> Taps:
    """The same with anti-aliasing: where pixels are left out, the weights are stretched."""
    number = real.type
    if corners:
        scale = number(n - 1) / number(m - 1) if m > 1 else number(0)
    else:
        scale = number(n) / number(m) if factor is None else number(1 / factor)
    stretch = max(scale, number(1))
    reach = _REACH[mode] * stretch
    centre = scale * (np.arange(m).astype(real) + number(0.5))
    start = np.maximum((centre - reach + number(0.5)).astype(np.int64), 0)
    end = np.minimum((centre + reach + number(0.5)).astype(np.int64), n)
    places = start[:, None] + np.arange((end - start).max())
    x = np.abs((places.astype(real) - centre[:, None] + number(0.5)) / stretch)
    if mode == "bilinear":
        weights = np.maximum(1 - x, 0)
    elif mode == "bicubic":
        weights = np.where(x < 2, np.where(x <= 1, _near(x, -0.5), _far(x, -0.5)), 0)
    else:
        weights = np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    weights = np.where(places < end[:, None], weights, 0).astype(real)
    weights /= weights.sum(1, keepdims=True)
    return list(zip(np.minimum(places, n - 1).T, weights.T, strict=True))


def _bytes_along(x: Tensor, d: int, taps: Taps) -> Tensor:
    """`_along` for uint8. The weights are integers that fit 16 bits, as in Pillow."""
    weights = np.zeros((len(taps[0][0]), x.shape[d]))
    for place, weight in taps:
        np.add.at(weights, (np.arange(len(place)), place), weight)
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * 2.0 ** (bits + 1)) < 2**15:
        bits += 1
    whole = np.trunc(weights * 2.0**bits + np.copysign(0.5, weights))
    sums = np.moveaxis(x._array, d, -1).astype(np.float64) @ whole.T  # exact
    rounded = np.clip(np.floor((sums + 2.0 ** (bits - 1)) / 2.0**bits), 0, 255)
    return wrap(np.moveaxis(rounded, -1, d).astype(np.uint8))


def _along(x: Tensor, d: int, taps: Taps) -> Tensor:
    """The weighted sum of elements along dimension d."""
    total: Any = None
    for place, weight in taps:
        part = OPS["index"](x, (*(slice(None),) * d, place))
        if weight is not taps[0][1] or not isinstance(weight, int):
            part = part * wrap(constant(np.asarray(weight).reshape(-1, *(1,) * (x.ndim - d - 1))))
        total = part if total is None else total + part
    return total


@composed(FUNCTION, module="nn.functional")
def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under its former name. It warns.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.nn.functional.upsample(minigrad.tensor([[[1., 3.]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


@composed(FUNCTION, module="nn.functional")
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in the mode "nearest". It warns.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.nn.functional.upsample_nearest(minigrad.tensor([[[1., 3.]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor)


@composed(FUNCTION, module="nn.functional")
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in the mode "bilinear", with aligned corners. It warns.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     minigrad.nn.functional.upsample_bilinear(minigrad.tensor([[[[1., 3.]]]]), (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, "bilinear", True)


# Pixels -------------------------------------------------------------------------------------------


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
@one_node("PixelShuffleBackward0", "input")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Move channels into pixels: (*, C r², H, W) → (*, C, H r, W r), with r = `upscale_factor`.

    RuntimeError for shapes that don't allow it (Shi et al., 2016).

    >>> minigrad.pixel_shuffle(minigrad.ones(1, 4, 1, 1), 2).shape
    torch.Size([1, 1, 2, 2])
    """
    require_tensor(input, "pixel_shuffle", "input")
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got {input.ndim}"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    parts = input.reshape(*lead, c // (r * r), r, r, h, w)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    y = parts.permute(*order).reshape(*lead, c // (r * r), h * r, w * r)
    return in_image_layout(y, input)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
@one_node("PixelUnshuffleBackward0", "input")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Move pixels into channels: (*, C, H r, W r) → (*, C r², H, W), with r = `downscale_factor`.

    >>> minigrad.pixel_unshuffle(minigrad.ones(1, 1, 2, 2), 2).shape
    torch.Size([1, 4, 1, 1])
    """
    require_tensor(input, "pixel_unshuffle", "input")
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got {input.ndim}"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = input.shape
    if h % r or w % r:
        raise RuntimeError(
            "pixel_unshuffle expects height and width to be divisible by downscale_factor, but "
            f"input.size(-2)={h} and input.size(-1)={w} are not divisible by {r}"
        )
    n = len(lead)
    parts = input.reshape(*lead, c, h // r, r, w // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    y = parts.permute(*order).reshape(*lead, c * r * r, h // r, w // r)
    return in_image_layout(y, input)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
@one_node("ChannelShuffleBackward0", "input")
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the groups of channels: dimension 1 as (groups, C / groups), transposed.

    RuntimeError for fewer than 3 dimensions, or if C isn't divisible by `groups`.

    >>> minigrad.channel_shuffle(minigrad.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    require_tensor(input, "channel_shuffle", "input")
    if input.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0 or input.shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {input.shape[1]} channels and "
            f"{groups} groups."
        )
    n, c, *inside = input.shape
    y = input.reshape(n, groups, c // groups, *inside).transpose(1, 2).reshape(n, c, *inside)
    return in_image_layout(y, input)
