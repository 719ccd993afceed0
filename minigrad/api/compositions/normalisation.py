"""Normalisation over batches, layers, groups, instances and neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS, function
from ...core.half import HALF
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor, wrap
from ...core.warning import warn_once
from ...rules import REGISTRY
from ...rules.dtypes import float32, scalar_name
from ...rules.layout import channels_last
from ...rules.presentation import FUNCTION
from .half import in_float32
from .padding import pad
from .pooling import avg_pools
from .registry import composed
from .with_numbers import plus

if TYPE_CHECKING:
    from ..tensor import Tensor


# The result of `layer_norm` is contiguous, those of the others are laid out like the input.
_normalised_layer = function(REGISTRY["normalise"].presented(layout="contiguous"))
_normalised_groups = function(REGISTRY["normalise"].presented(layout="images"))


def floats_only(name: str, input: Any, **parameters: Any) -> None:
    """TypeError unless `input` is a tensor and the others are tensors or None.

    NotImplementedError if `input` has integers.
    """
    require_tensor(input, name, "input")
    for place, (called, each) in enumerate(parameters.items(), 2):
        if each is not None:
            require_tensor(each, name, called, place)
    if input._array.dtype.kind != "f":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input._array)}'")


def _is_mixed(name: str, input: Tensor, *parameters: Tensor | None) -> bool:
    """Whether a float16 input has float32 parameters. PyTorch then computes in float32.

    RuntimeError for any other parameters whose dtype isn't the input's.
    """
    dtypes = {each.dtype for each in parameters if each is not None}
    if dtypes <= {input.dtype}:
        return False
    if input._array.dtype is HALF and dtypes == {float32}:
        return True
    found = ", ".join(sorted(map(str, dtypes)))
    raise RuntimeError(f"{name}: an input of {input.dtype} can't have parameters of {found}")


def _rounded(y: Tensor, kind: str, *operands: Tensor | None) -> Tensor:
    """A result in float32, in float16. Both steps are one node."""
    return as_one_node(y.half(), f"Native{kind}NormBackward0", *operands)


@composed(FUNCTION, module="nn.functional")
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel, dimension 1, over all other dimensions.

    If `training`, by the mean and the variance of the input; the running statistics, if given, move
    towards them by the share `momentum`. Otherwise by the running statistics. ValueError for a
    single value per channel in training.

    >>> x = minigrad.tensor([[1.], [3.]])
    >>> minigrad.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if eps < 0 or (training and eps == 0):
        required = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {required}, but got {eps}")
    return batch_norm_of_any_eps(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def batch_norm_of_any_eps(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Return `batch_norm` of the arguments, whatever `eps` is."""
    floats_only("batch_norm", input, weight=weight, bias=bias, mean=running_mean, var=running_var)
    parameters = running_mean, running_var, weight, bias
    shape = tuple(input.shape)
    if input.numel() == 0:
        if _is_mixed("batch_norm", input, *parameters):
            wide = batch_norm_of_any_eps(input.float(), *parameters, training, momentum, eps)
            return _rounded(wide, "Batch", input, weight, bias)
        y = input.clone()
        y = y if weight is None else y * weight[0]
        return y if bias is None else y + bias[0]
    if training and math.prod(shape[:1] + shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    return normalised_by_batch(input, *parameters, training, momentum, eps)[0]


def normalised_by_batch(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    """Return `batch_norm` of the arguments, and if `training` the mean and variance, else None."""
    parameters = running_mean, running_var, weight, bias
    if _is_mixed("batch_norm", input, *parameters):
        wide, *both = normalised_by_batch(input.float(), *parameters, training, momentum, eps)
        return _rounded(wide, "Batch", input, weight, bias), *both
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm expects 2 or more dimensions, but got {list(shape)}")
    names = ("running_mean", "running_var", "weight", "bias")
    for name, each in zip(names, parameters, strict=True):
        if each is not None and each.numel() != shape[1]:
            raise RuntimeError(f"{name} should contain {shape[1]} elements not {each.numel()}")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean and running_var must be defined in evaluation mode")
        y = OPS["normalise_by"](input, weight, bias, running_mean, running_var, eps)
        return y, None, None
    others, channels = (0, *range(2, len(shape))), (1, shape[1], *(1,) * (len(shape) - 2))
    y, mean, var = OPS["normalise"](input, weight, bias, shape, others, channels, eps, "Batch")
    count = math.prod(shape[:1] + shape[2:])
    if running_mean is not None:
        _move(running_mean, mean._array.reshape(-1), momentum)
    if running_var is not None:
        unbiased = count / (count - 1) if count > 1 else math.nan
        _move(running_var, var._array.reshape(-1) * unbiased, momentum)
    return y, mean, var


def _move(running: Tensor, value: np.ndarray, momentum: float) -> None:
    """Replace the share `momentum` of a running statistic. PyTorch doesn't count this write."""
    kind = running._array.dtype.type
    moved = kind(momentum) * value + kind(1 - momentum) * running._array
    running.data.copy_(wrap(moved))


@composed(FUNCTION, module="nn.functional")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions, whose sizes are `normalized_shape`.

    `weight` and `bias` have that shape. RuntimeError for other shapes.

    >>> minigrad.nn.functional.layer_norm(minigrad.tensor([1., 3.]), (2,))
    tensor([-1.0000,  1.0000])
    """
    return layer_normalised(input, normalized_shape, weight, bias, eps)[0]


def layer_normalised(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Any, Any, Any]:
    """Return `layer_norm` of the arguments, and the means and the variances."""
    floats_only("layer_norm", input, weight=weight, bias=bias)
    sizes = _last_sizes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if _is_mixed("layer_norm", input, weight, bias):
        wide, *both = layer_normalised(input.float(), normalized_shape, weight, bias, eps)
        return _rounded(wide, "Layer", input, weight, bias), *both
    over = tuple(range(input.ndim - len(sizes), input.ndim))
    shape = tuple(input.shape)
    return _normalised_layer(input, weight, bias, shape, over, sizes, eps, "Layer")


def _last_sizes(
    name: str, input: Tensor, normalized_shape: Any, **parameters: Tensor | None
) -> tuple[int, ...]:
    if not isinstance(normalized_shape, Sequence):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    sizes = tuple(int(size) for size in normalized_shape)
    if not sizes:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            f"element, but got normalized_shape = {list(sizes)}"
        )
    for called, each in parameters.items():
        if each is not None and tuple(each.shape) != sizes:
            raise RuntimeError(
                f"Expected {called} to be of same shape as normalized_shape, but got {called} of "
                f"shape {list(each.shape)} and normalized_shape = {list(sizes)}"
            )
    if tuple(input.shape[-len(sizes) :]) != sizes or input.ndim < len(sizes):
        raise RuntimeError(
            f"Given normalized_shape={list(sizes)}, expected input with shape "
            f"[*, {', '.join(map(str, sizes))}], but got input of size{list(input.shape)}"
        )
    return sizes


@composed(FUNCTION, module="nn.functional")
@in_float32
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root of the mean square over the last dimensions, times `weight`.

    `eps` is added to the mean square; by default it is the dtype's resolution, for float16 that of
    float32, in which it is computed. UserWarning, once, for a `weight` of another dtype.

    >>> minigrad.nn.functional.rms_norm(minigrad.tensor([3., 3.]), (2,))
    tensor([1., 1.])
    """
    require_tensor(input, "rms_norm", "input")
    if not input.is_floating_point():
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{scalar_name(input._array)}'")
    sizes = _last_sizes("rms_norm", input, normalized_shape, weight=weight)
    over = tuple(range(input.ndim - len(sizes), input.ndim))
    if weight is not None and weight.dtype != input.dtype:
        message = (
            f"Mismatch dtype between input and weight: {input.dtype} and {weight.dtype}. "
            "The product is computed in the dtype to which they promote."
        )
        warn_once(message, "rms_norm")
    x = input.float() if input._array.dtype is HALF else input
    small = float(np.finfo(x._array.dtype).eps) if eps is None else eps
    square = OPS["mean"](OPS["pow"](x, 2), over, True)
    y = x * OPS["rsqrt"](plus(square, small))
    y = (y if weight is None else y * weight).to(input.dtype)
    return y if channels_last(input._array) else y.contiguous()


@composed(FUNCTION, module="nn.functional")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each group of channels of each element of the batch.

    `weight` and `bias` have an element for each channel, dimension 1. RuntimeError if the number of
    channels isn't divisible by `num_groups`.

    >>> minigrad.nn.functional.group_norm(minigrad.tensor([[1., 3.]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    floats_only("group_norm", input, weight=weight, bias=bias)
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    return group_normalised(input, num_groups, weight, bias, eps)


def group_normalised(
    input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return `group_norm` of the arguments, also of groups of one element."""
    shape = tuple(input.shape)
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    for called, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != (shape[1],):
            raise RuntimeError(
                f"Expected {called} to be a vector of size equal to the number of channels in "
                f"input, but got {called} of shape {list(each.shape)} and input of shape "
                f"{list(shape)}"
            )
    if _is_mixed("group_norm", input, weight, bias):
        wide = group_normalised(input.float(), num_groups, weight, bias, eps)
        return _rounded(wide, "Group", input, weight, bias)
    if not channels_last(input._array):
        input = input.contiguous()
    weight, bias = (each if each is None else each.contiguous() for each in (weight, bias))
    split = (shape[0], num_groups, shape[1] // num_groups * math.prod(shape[2:]))
    channels = (1, shape[1], *(1,) * (len(shape) - 2))
    return _normalised_groups(input, weight, bias, split, (2,), channels, eps, "Group")[0]


@composed(FUNCTION, module="nn.functional")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each element of the batch.

    The arguments are those of `batch_norm`, with `use_input_stats` for `training`.

    >>> minigrad.nn.functional.instance_norm(minigrad.tensor([[[1., 3.]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    floats_only("instance_norm", input)
    shape = tuple(input.shape)
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    n, c = shape[:2]

    def repeated(x: Tensor | None) -> Any:
        return None if x is None else x.repeat(n)

    parameters = repeated(weight), repeated(bias)
    mean, var = (
        None if x is None else repeated(x.detach()).clone() for x in (running_mean, running_var)
    )
    rows = input.contiguous().view(1, n * c, *shape[2:])
    y = batch_norm_of_any_eps(rows, mean, var, *parameters, use_input_stats, momentum, eps)
    for running, each in ((running_mean, mean), (running_var, var)):
        if running is not None and each is not None and use_input_stats:
            running.detach().copy_(each.view(n, c).mean(0))
    return y.view(*shape)


@composed(FUNCTION, module="nn.functional")
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by (k + alpha × mean square of `size` neighbouring channels) to the power of beta.

    ValueError for fewer than 3 dimensions.

    >>> minigrad.nn.functional.local_response_norm(minigrad.ones(1, 1, 1), 1, alpha=1., beta=1.)
    tensor([[[0.5000]]])
    """
    require_tensor(input, "local_response_norm", "input")
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares, around = (input * input).unsqueeze(1), (size // 2, (size - 1) // 2)
    if input.ndim == 3:
        means = avg_pools[2](pad(squares, (0, 0, *around)), (size, 1), 1).squeeze(1)
    else:
        n, c, first = input.shape[:3]
        squares = squares.view(n, 1, c, first, -1)
        means = avg_pools[3](pad(squares, (0, 0, 0, 0, *around)), (size, 1, 1), 1).squeeze(1)
        means = means.view(input.shape)
    return input / (means * alpha + k) ** beta
