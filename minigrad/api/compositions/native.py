"""Functions of torch that return, beside their result, what PyTorch saves for its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.higher_order import without_derivative
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor, wrap
from ...rules.dims import flag
from ...rules.dtypes import scalar_name
from ...rules.layout import channels_last, empty_like
from ...rules.presentation import FUNCTION
from .indexing import renormalise
from .normalisation import floats_only, group_normalised, layer_normalised, normalised_by_batch
from .registry import composed
from .resampling import channel_shuffle

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `nn.functional.batch_norm`, and the mean and 1/√(var + eps) of each channel.

    They are empty unless `training`. RuntimeError for an empty input.

    >>> x = minigrad.tensor([[1.], [3.]])
    >>> minigrad.native_batch_norm(x, None, None, None, None, True, 0.1, 0.)[1:]
    (tensor([2.]), tensor([1.]))
    """
    require_tensor(input, "native_batch_norm", "input")
    if not input.numel():
        raise RuntimeError(
            "input tensor must have at least one element, but got input_sizes = "
            f"{list(input.shape)}"
        )
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    parameters = running_mean, running_var, weight, bias
    training = flag(training, "training")
    floats_only("batch_norm", input, weight=weight, bias=bias, mean=running_mean, var=running_var)
    y, mean, var = normalised_by_batch(input, *parameters, training, momentum, eps)
    if mean is None:
        none = wrap(np.zeros(0, _widest(input, *parameters)))
        return y, none, none.clone()
    mean, rstd = _statistics(mean, var, eps, (input.shape[1],), _widest(input, *parameters))
    return y, mean, rstd


@composed(FUNCTION)
def native_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `nn.functional.layer_norm`, and the mean and 1/√(var + eps) of what is normalised.

    >>> x = minigrad.tensor([1., 3.])
    >>> minigrad.native_layer_norm(x, (2,), None, None, 0.)
    (tensor([-1.,  1.]), tensor([2.]), tensor([1.]))
    """
    y, mean, var = layer_normalised(input, normalized_shape, weight, bias, eps)
    kept = input.ndim - len(normalized_shape)
    shape = (*input.shape[:kept], *(1,) * len(normalized_shape))
    mean, rstd = _statistics(mean, var, eps, shape, _widest(input, weight, bias))
    return y, mean, rstd


@composed(FUNCTION)
def native_group_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `nn.functional.group_norm`, and the mean and 1/√(var + eps) of each group.

    The input is contiguous and has `N` elements of `C` channels with `HxW` numbers. RuntimeError
    for other sizes.

    >>> x = minigrad.tensor([[1., 3.]])
    >>> minigrad.native_group_norm(x, None, None, 1, 2, 1, 1, 0.)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    require_tensor(input, "native_group_norm", "input")
    if input.numel() != N * C * HxW or tuple(input.shape[:2]) != (N, C):
        raise RuntimeError("Expected X.numel() == N * C * HxW to be true, but got false.")
    if not input.is_contiguous() and not channels_last(input._array):
        raise RuntimeError("Expected X.is_contiguous(memory_format) to be true, but got false.")
    floats_only("group_norm", input, weight=weight, bias=bias)
    y = group_normalised(input, group, weight, bias, eps)
    x = OPS["cast"](input, _widest(input, weight, bias)).reshape(N, group, C // group * HxW)
    mean = x.mean(-1, keepdim=True)
    var = ((x - mean) ** 2).mean(-1)
    found = y, mean.squeeze(-1), (var + eps).rsqrt()
    return as_one_node(found, "NativeGroupNormBackward0", input, weight, bias)


def _widest(input: Any, *parameters: Any) -> np.dtype:
    """The dtype of the statistics: that of the parameters, if there are any."""
    return next((x._array.dtype for x in parameters if x is not None), input._array.dtype)


def _statistics(
    mean: Any, var: Any, eps: float, shape: tuple[int, ...], kind: np.dtype
) -> tuple[Tensor, Tensor]:
    """The mean and 1/√(var + eps) in a shape, as constants."""
    rstd = 1 / np.sqrt(var._array + eps)
    first, second = (wrap(x.reshape(shape).astype(kind)) for x in (mean._array, rstd))
    return first, second


@composed(FUNCTION)
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Return a copy of the input after dropout, and a mask of the elements that it keeps.

    Without `train` it keeps all. RuntimeError for `p` outside of [0, 1], NotImplementedError for
    None as `train`.

    >>> minigrad.native_dropout(minigrad.ones(2), 0.5, False)
    (tensor([1., 1.]), tensor([True, True]))
    """
    require_tensor(input, "native_dropout", "input")
    like = empty_like(input._array).astype(bool)
    if train is None:
        raise NotImplementedError("native_dropout: train=None is not implemented")
    if not flag(train, "train"):
        like[...] = True
        return as_one_node(input.clone(), _DROPOUT, input), wrap(like)
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={1 - p}")
    if not input.is_floating_point():
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{scalar_name(input._array)}"
        )
    mask = wrap(like).bernoulli_(1 - p)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return as_one_node(input * mask * scale, _DROPOUT, input), mask


_DROPOUT = "NativeDropoutBackward0"


@composed(FUNCTION)
@composed(FUNCTION, module="nn.functional")
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`nn.functional.channel_shuffle`, without a derivative.

    >>> minigrad.native_channel_shuffle(minigrad.arange(4).view(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    require_tensor(input, "native_channel_shuffle", "input")
    found = channel_shuffle(input.detach(), groups)
    refused: Any = without_derivative(found._array, "native_channel_shuffle", input)
    return refused


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows of `input` at the indices down to a norm of `max_norm`, in place.

    >>> minigrad.embedding_renorm_(minigrad.ones(2, 1) * 4, minigrad.tensor([1]), 1.0, 2.0)
    tensor([[4.],
            [1.]])
    """
    renormalise(input, indices, max_norm, norm_type)
    return input
