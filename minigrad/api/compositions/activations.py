"""Activations of nn.functional that choose between a rule and its in-place form, or combine rules.

`inplace=True` writes the result into the input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ...core.dispatch import OPS, function
from ...core.inplace import in_place
from ...core.tensor import require_tensor, wrap
from ...rules import REGISTRY, Rule
from ...rules.presentation import BOTH, FUNCTION
from ...rules.rule import Result
from .half import refuse_half
from .registry import composed
from .saving import saving_input

if TYPE_CHECKING:
    from ..tensor import Tensor


def _refusing_negative(name: str, rule: Rule, option: str) -> Rule:
    """The rule of an in-place form that has no derivative if this option isn't 0 or more.

    PyTorch computes the derivative from the result, which doesn't tell the sides of the kink apart.
    """

    @functools.wraps(rule.forward)
    def forward(input: Any, *options: float) -> Result:
        y, pullbacks = rule.forward(input, *options)
        if options and not options[0] >= 0:
            return y, (refuse,)
        return y, pullbacks

    def refuse(g: Any) -> NoReturn:
        raise RuntimeError(
            f"{name}_: the derivative in place isn't defined for a negative {option}. Use the "
            "out-of-place version."
        )

    return replace(rule, forward=forward)


_ELU = _refusing_negative("elu", REGISTRY["elu"], "alpha")
_CELU = _refusing_negative("celu", REGISTRY["elu"], "alpha")
_LEAKY_RELU = _refusing_negative("leaky_relu", REGISTRY["leaky_relu"], "slope")
# PyTorch has other nodes for some of these in place.
_IN_PLACE = {
    **{
        name: in_place(REGISTRY[name])
        for name in ("hardsigmoid", "hardswish", "hardtanh", "mish", "silu")
    },
    "elu": in_place(_ELU, node="EluBackward1"),
    "celu": in_place(_CELU, node="CeluBackward1"),
    "leaky_relu": in_place(_LEAKY_RELU, node="LeakyReluBackward1"),
    "threshold": in_place(REGISTRY["threshold"], node="ThresholdBackward1"),
}
_celu = function(REGISTRY["elu"], node="CeluBackward0")


def _call(name: str, inplace: bool, input: Any, *options: float) -> Any:
    require_tensor(input, name, "input")
    return (_IN_PLACE[name] if inplace else OPS[name])(input, *options)


_AT_TOP = ("alpha_dropout_", "feature_alpha_dropout_")  # PyTorch has these there only


def written(of: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of a function of nn.functional, such as `elu_`."""

    def write(*args: Any, **options: Any) -> Any:
        return of(*args, **options, inplace=True)

    name = f"{of.__name__}_"
    numbers = {"threshold_": ", 0, 1", "rrelu_": ", 0.1, 0.2"}.get(name, "")
    write.__name__ = write.__qualname__ = name
    write.__doc__ = f"""`{of.__name__}`, in place. RuntimeError for a leaf that requires grad.

    >>> x = minigrad.tensor([-1., 2.])
    >>> minigrad.{"" if name in _AT_TOP else "nn.functional."}{name}(x{numbers}) is x
    True
    """
    return write


@composed(FUNCTION, module="nn.functional")
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return `input` where it is positive, else `alpha * (exp(input) - 1)`.

    >>> minigrad.nn.functional.elu(minigrad.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    return _call("elu", inplace, input, alpha)


def elu_(input: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    """`elu`, in place. RuntimeError for a leaf that requires grad.

    The result is multiplied by `scale`, and what is negative by `input_scale` before.

    >>> x = minigrad.tensor([-1., 2.])
    >>> minigrad.nn.functional.elu_(x) is x
    True
    """
    require_tensor(input, "elu_", "input")
    return _IN_PLACE["elu"](input, alpha, scale, input_scale)


_SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


@composed(FUNCTION, module="nn.functional")
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> minigrad.nn.functional.selu(minigrad.tensor([-1., 2.]))
    tensor([-1.1113,  2.1014])
    """
    return _call("elu", inplace, input, *_SELU)


@composed(FUNCTION, module="nn.functional")
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. RuntimeError for alpha = 0.

    >>> minigrad.nn.functional.celu(minigrad.tensor([-1., 2.]), alpha=2)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    require_tensor(input, "celu", "input")
    return (_IN_PLACE["celu"] if inplace else _celu)(input, alpha, 1.0, 1 / alpha)


@composed(FUNCTION, module="nn.functional")
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return `input` where it is positive, else `negative_slope * input`.

    >>> minigrad.nn.functional.leaky_relu(minigrad.tensor([-1., 2.]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return _call("leaky_relu", inplace, input, negative_slope)


@composed(FUNCTION, module="nn.functional")
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Return `input` limited to the interval. ValueError if it is empty.

    >>> minigrad.nn.functional.hardtanh(minigrad.tensor([-2., 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _call("hardtanh", inplace, input, min_val, max_val)


@composed(FUNCTION, module="nn.functional")
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `input` limited to the interval from 0 to 6.

    >>> minigrad.nn.functional.relu6(minigrad.tensor([-2., 8.]))
    tensor([0., 6.])
    """
    return _call("hardtanh", inplace, input, 0, 6)


@composed(FUNCTION, module="nn.functional")
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return `input` where it is greater than `threshold`, else `value`.

    >>> minigrad.nn.functional.threshold(minigrad.tensor([-1., 2.]), 0.5, 7)
    tensor([7., 2.])
    """
    return _call("threshold", inplace, input, threshold, value)


@composed(FUNCTION, module="nn.functional")
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `input * sigmoid(input)`.

    >>> minigrad.nn.functional.silu(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.7616])
    """
    return _call("silu", inplace, input)


@composed(FUNCTION, module="nn.functional")
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `input * tanh(softplus(input))` (Misra, "Mish", 2019).

    >>> minigrad.nn.functional.mish(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.9440])
    """
    return _call("mish", inplace, input)


@composed(FUNCTION, module="nn.functional")
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `input * clamp(input + 3, 0, 6) / 6`.

    >>> minigrad.nn.functional.hardswish(minigrad.tensor([0., 1.]))
    tensor([0.0000, 0.6667])
    """
    return _call("hardswish", inplace, input)


@composed(FUNCTION, module="nn.functional")
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `clamp(input + 3, 0, 6) / 6`.

    >>> minigrad.nn.functional.hardsigmoid(minigrad.tensor([-4., 0., 1.]))
    tensor([0.0000, 0.5000, 0.6667])
    """
    return _call("hardsigmoid", inplace, input)


@composed(BOTH)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return `input` where it is positive, else `weight * input`.

    `weight` has one element, or one for each channel, dimension 1 of `input`. RuntimeError for any
    other shape, and for different dtypes.

    >>> minigrad.prelu(minigrad.tensor([-1., 2.]), minigrad.tensor([0.1]))
    tensor([-0.1000,  2.0000])
    """
    require_tensor(input, "prelu", "input")
    require_tensor(weight, "prelu", "weight", 2)
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}"
        )
    if weight.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
        )
    if weight.numel() != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and channel size = {channels}."
            )
    if input.ndim != weight.ndim:
        shape = [1] * input.ndim
        if input.ndim > 1:
            shape[1] = weight.numel()
        weight = weight.reshape(shape)
    return OPS["prelu_kernel"](input, weight)


def _with_slopes(leaky_relu: Rule) -> dict[bool, Rule]:
    """The rules of `rrelu` in training and in evaluation."""
    rules = {True: REGISTRY["mul"], False: leaky_relu}
    derivative = "RreluWithNoiseBackwardBackward0"
    return {t: saving_input(rule, derivative, layout="contiguous") for t, rule in rules.items()}


_rrelu = {
    training: function(rule, node="RreluWithNoiseBackward0")
    for training, rule in _with_slopes(REGISTRY["leaky_relu"]).items()
}
_rrelu_ = {
    training: in_place(rule, node="RreluWithNoiseBackward1")
    for training, rule in _with_slopes(
        _refusing_negative("rrelu", REGISTRY["leaky_relu"], "slope")
    ).items()
}


@composed(FUNCTION, module="nn.functional")
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Return `leaky_relu` with a slope from [lower, upper) drawn for each negative element.

    If not `training`, the slope is the middle of the interval. RuntimeError if it is empty.

    >>> minigrad.nn.functional.rrelu(minigrad.tensor([-1., 2.]), 0.1, 0.3)
    tensor([-0.2000,  2.0000])
    """
    return _with_noise(_rrelu_ if inplace else _rrelu, input, lower, upper, training, None)


@composed(FUNCTION)
def rrelu_(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Any = None,
) -> Tensor:
    """Return `nn.functional.rrelu`, with the slopes drawn from a generator.

    >>> minigrad.rrelu(minigrad.tensor([-1., 2.]), 0.1, 0.3)
    tensor([-0.2000,  2.0000])
    """
    return _with_noise(_rrelu, input, lower, upper, training, generator)


def _with_noise(
    ops: dict[bool, Any], input: Any, lower: float, upper: float, training: bool, generator: Any
) -> Any:
    if training:
        refuse_half(input, "rrelu_with_noise_out_cpu")
    require_tensor(input, "rrelu", "input")
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound, but found {lower} and "
            f"{upper}"
        )
    if not training:
        return ops[False](input, (lower + upper) / 2)
    if not input.is_floating_point():
        raise NotImplementedError(f"rrelu is not implemented for {input.dtype}")
    below = input._array.copy() <= 0
    slopes = np.ones(below.shape, input._array.dtype)
    drawn = wrap(np.empty(int(below.sum()), np.float64))
    slopes[below] = drawn.uniform_(lower, upper, generator=generator)._array
    return ops[True](input, wrap(slopes))


@composed(FUNCTION, module="nn.functional")
def softsign(input: Tensor) -> Tensor:
    """Return `input / (1 + abs(input))`.

    >>> minigrad.nn.functional.softsign(minigrad.tensor([-1., 3.]))
    tensor([-0.5000,  0.7500])
    """
    require_tensor(input, "softsign", "input")
    return input / (abs(input) + 1)


@composed(FUNCTION, module="nn.functional")
def tanhshrink(input: Tensor) -> Tensor:
    """Return `input - tanh(input)`.

    >>> minigrad.nn.functional.tanhshrink(minigrad.tensor([0., 2.]))
    tensor([0.0000, 1.0360])
    """
    require_tensor(input, "tanhshrink", "input")
    return input - input.tanh()


@composed(FUNCTION, module="nn.functional")
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return a sample of the Gumbel-softmax distribution along `dim` (Jang et al., 2017).

    `hard=True` returns one-hot vectors, whose gradient is that of the soft sample.

    >>> minigrad.nn.functional.gumbel_softmax(minigrad.zeros(3), hard=True).sum()
    tensor(1.)
    """
    noise = OPS["clone"](logits.detach()).contiguous().exponential_().log()
    soft = OPS["softmax"]((logits - noise) / tau, dim)
    if not hard:
        return soft
    index = soft._array.argmax(dim, keepdims=True) if soft.ndim else np.zeros((), int)
    one_hot = np.zeros_like(soft._array)
    np.put_along_axis(one_hot, index, 1, dim) if soft.ndim else one_hot.fill(1)
    return wrap(one_hot) - soft.detach() + soft
