"""Functions of nn under their names in torch, which take some arguments in another order.

A `reduction` is a number there: 1 for "mean", 2 for "sum", and any other for "none".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api.compositions.dropout import feature_dropout_
from ..api.compositions.normalisation import batch_norm_of_any_eps
from ..api.tensor import Tensor
from . import functional as F
from .recurrent import gru, gru_step, lstm, lstm_step, relu_step, rnn_relu, rnn_tanh, tanh_step
from .utils.parametrizations import norm_except_dim

__all__ = [
    "alpha_dropout",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv_tbc",
    "cosine_embedding_loss",
    "ctc_loss",
    "dropout",
    "embedding",
    "feature_alpha_dropout",
    "feature_dropout",
    "group_norm",
    "gru",
    "gru_cell",
    "hinge_embedding_loss",
    "instance_norm",
    "kl_div",
    "layer_norm",
    "lstm",
    "lstm_cell",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "norm_except_dim",
    "poisson_nll_loss",
    "rms_norm",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "selu",
    "triplet_margin_loss",
]

Sizes = int | Sequence[int]

rms_norm = F.rms_norm


def _name(reduction: int) -> str:
    if not isinstance(reduction, int):
        kind = type(reduction).__name__
        raise TypeError(f"argument 'reduction' must be int, not {kind}")
    return {1: "mean", 2: "sum"}.get(reduction, "none")


# Activations and dropout --------------------------------------------------------------------------


def selu(input: Tensor) -> Tensor:
    """Return `nn.functional.selu(input)`.

    >>> minigrad.selu(minigrad.zeros(1))
    tensor([0.])
    """
    return F.selu(input)


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return `nn.functional.celu(input, alpha)`.

    >>> minigrad.celu(minigrad.zeros(1))
    tensor([0.])
    """
    return F.celu(input, alpha)


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero each element with probability `p`, and scale the others by 1 / (1 - p), if `train`.

    >>> minigrad.dropout(minigrad.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.dropout(input, p, train)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Return `nn.functional.alpha_dropout` of the arguments.

    >>> minigrad.alpha_dropout(minigrad.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.alpha_dropout(input, p, train)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero each channel with probability `p`, and scale the others by 1 / (1 - p), if `train`.

    >>> minigrad.feature_dropout(minigrad.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return feature_dropout_(input.clone(), p, train) if train and p else input


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Return `nn.functional.feature_alpha_dropout` of the arguments.

    >>> minigrad.feature_alpha_dropout(minigrad.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return F.feature_alpha_dropout(input, p, train)


# Normalisations. cuDNN isn't used, whatever its argument is ---------------------------------------


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Return `nn.functional.batch_norm` of the arguments, of which `eps` may be 0.

    >>> x = minigrad.tensor([[1.0], [3.0]])
    >>> minigrad.batch_norm(x, None, None, None, None, True, 0.1, 1.0, False)
    tensor([[-0.7071],
            [ 0.7071]])
    """
    return batch_norm_of_any_eps(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Return `nn.functional.instance_norm` of the arguments.

    >>> x = minigrad.tensor([[[1.0, 3.0]]])
    >>> minigrad.instance_norm(x, None, None, None, None, True, 0.1, 1.0, False)
    tensor([[[-0.7071,  0.7071]]])
    """
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Return `nn.functional.group_norm` of the arguments.

    >>> minigrad.group_norm(minigrad.tensor([[1.0, 3.0]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    return F.group_norm(input, num_groups, weight, bias, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Return `nn.functional.layer_norm` of the arguments.

    >>> minigrad.layer_norm(minigrad.tensor([1.0, 3.0]), (2,), eps=0.0)
    tensor([-1.,  1.])
    """
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


# Embeddings, convolutions and pooling -------------------------------------------------------------


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of `weight` at `indices`. For a `padding_idx` of -1, none is padding.

    >>> minigrad.embedding(minigrad.tensor([[1.0], [2.0]]), minigrad.tensor([1, 1, 0]))
    tensor([[2.],
            [2.],
            [1.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(
        indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse
    )


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Return a convolution over the first dimension of an input of (time, batch, channels).

    The weight has the shape (width, input channels, output channels).

    >>> ones = minigrad.ones(3, 1, 1)
    >>> minigrad.conv_tbc(ones, ones[:2] * 2, minigrad.zeros(1)).flatten()
    tensor([4., 4.])
    """
    for name, value, dims in (("Input", input, 3), ("Weight", weight, 3), ("Bias", bias, 1)):
        if value.dim() != dims:
            raise RuntimeError(f"{name} must have {dims} dims, but it has {value.dim()}")
    found = F.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return found.permute(2, 0, 1).contiguous()


def _max_pool(name: str, example: str) -> Callable[..., Any]:
    """A function of nn.functional, for which a stride of () means that of the windows' size."""
    pool = getattr(F, name)

    def max_pool(
        input: Tensor,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> Any:
        return pool(input, kernel_size, stride or None, padding, dilation, ceil_mode)

    max_pool.__doc__ = f"Return `nn.functional.{name}` of the arguments.\n{example}"
    return _called(max_pool, name)


def _called(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    return function


max_pool1d = _max_pool(
    "max_pool1d",
    """
    >>> minigrad.max_pool1d(minigrad.tensor([[1.0, 3.0, 2.0]]), 2, 1)
    tensor([[3., 3.]])
    """,
)
max_pool1d_with_indices = _max_pool(
    "max_pool1d_with_indices",
    """
    >>> minigrad.max_pool1d_with_indices(minigrad.tensor([[1.0, 3.0, 2.0]]), 3)
    (tensor([[3.]]), tensor([[1]]))
    """,
)
max_pool2d = _max_pool(
    "max_pool2d",
    """
    >>> minigrad.max_pool2d(minigrad.tensor([[[1.0, 3.0], [0.0, 2.0]]]), 2)
    tensor([[[3.]]])
    """,
)
max_pool3d = _max_pool(
    "max_pool3d",
    """
    >>> minigrad.max_pool3d(minigrad.ones(1, 2, 2, 2), 2)
    tensor([[[[1.]]]])
    """,
)


# Recurrent cells ----------------------------------------------------------------------------------


def _cell(name: str, step: Callable[..., Any], like: str, example: str) -> Callable[..., Tensor]:
    """The function that makes a step of a cell with one state."""

    def cell(
        input: Tensor,
        hx: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor:
        state: Tensor = step(F.linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]
        return state

    cell.__doc__ = f"Return the next state of {like} with these weights.\n{example}"
    return _called(cell, name)


rnn_tanh_cell = _cell(
    "rnn_tanh_cell",
    tanh_step,
    "an `RNNCell`",
    """
    >>> one = minigrad.ones(1, 1)
    >>> minigrad.rnn_tanh_cell(one, one, one, -one)
    tensor([[0.]])
    """,
)
rnn_relu_cell = _cell(
    "rnn_relu_cell",
    relu_step,
    "an `RNNCell` with ReLU",
    """
    >>> one = minigrad.ones(1, 1)
    >>> minigrad.rnn_relu_cell(one, one, one, one)
    tensor([[2.]])
    """,
)
gru_cell = _cell(
    "gru_cell",
    gru_step,
    "a `GRUCell`",
    """
    >>> zero = minigrad.zeros(3, 1)
    >>> minigrad.gru_cell(zero[:1], minigrad.ones(1, 1), zero, zero)
    tensor([[0.5000]])
    """,
)


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return the next state of an `LSTMCell` with these weights, from a pair of tensors.

    >>> zero, one = minigrad.zeros(4, 1), minigrad.ones(1, 1)
    >>> minigrad.lstm_cell(one, (one, one), zero, zero)[1]
    tensor([[0.5000]])
    """
    return lstm_step(F.linear(input, w_ih, b_ih), tuple(hx), w_hh, b_hh)


# Losses -------------------------------------------------------------------------------------------


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """Return `nn.functional.binary_cross_entropy_with_logits` of the arguments.

    >>> minigrad.binary_cross_entropy_with_logits(minigrad.zeros(2), minigrad.ones(2), reduction=2)
    tensor(1.3863)
    """
    options: Any = {"pos_weight": pos_weight, "reduction": _name(reduction)}
    return F.binary_cross_entropy_with_logits(input, target, weight, **options)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """Return `nn.functional.cosine_embedding_loss` of the arguments.

    >>> one = minigrad.ones(1, 2)
    >>> minigrad.cosine_embedding_loss(one, one, -one[0, :1], 0.5)
    tensor(0.5000)
    """
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_name(reduction))


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """Return `nn.functional.ctc_loss` of the arguments.

    >>> minigrad.ctc_loss(minigrad.zeros(1, 1, 2), minigrad.tensor([[1]]), [1], [1])
    tensor(0.)
    """
    return F.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, _name(reduction), zero_infinity
    )


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """Return `nn.functional.hinge_embedding_loss` of the arguments.

    >>> minigrad.hinge_embedding_loss(minigrad.ones(2) * 3, minigrad.ones(2), reduction=2)
    tensor(6.)
    """
    return F.hinge_embedding_loss(input, target, margin, reduction=_name(reduction))


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """Return `nn.functional.kl_div` of the arguments.

    >>> minigrad.kl_div(minigrad.zeros(2), minigrad.ones(2))
    tensor(0.)
    """
    if reduction == 1:
        return F.kl_div(input, target, reduction="none", log_target=log_target).mean()
    return F.kl_div(input, target, reduction=_name(reduction), log_target=log_target)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """Return `nn.functional.margin_ranking_loss` of the arguments.

    >>> one = minigrad.ones(2)
    >>> minigrad.margin_ranking_loss(one, 3 * one, one)
    tensor(2.)
    """
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_name(reduction))


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """Return `nn.functional.poisson_nll_loss` of the arguments.

    >>> minigrad.poisson_nll_loss(minigrad.zeros(2), minigrad.ones(2), True, False, 1e-8, 2)
    tensor(2.)
    """
    options: Any = {"eps": eps, "reduction": _name(reduction)}
    return F.poisson_nll_loss(input, target, log_input, full, **options)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """Return `nn.functional.triplet_margin_loss` of the arguments.

    >>> one = minigrad.ones(1, 2)
    >>> minigrad.triplet_margin_loss(one, one, one, margin=2.0)
    tensor(2.)
    """
    options: Any = {"reduction": _name(reduction)}
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, **options)
