"""nn/activation.py: reprs, in-place writes and the default dimension.

tests/bridge/test_class_samples.py compares every activation with PyTorch's.
"""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_close, check_same, torch

import minigrad
from minigrad import nn


def test_relu_in_place_changes_its_input() -> None:
    x = minigrad.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


PROGRAMS = {
    "relu": lambda t: repr(t.nn.ReLU(inplace=True)),
    "softmax": lambda t: repr(t.nn.Softmax()),
    "log_softmax": lambda t: repr(t.nn.LogSoftmax(-1)),
    "softmax without dim": lambda t: t.nn.Softmax()(t.zeros(1, 2)),
    "log_softmax without dim": lambda t: t.nn.LogSoftmax()(t.zeros(2)).tolist()[0] < 0,
    "softmax with dim out of range": lambda t: t.nn.Softmax(3)(t.zeros(1, 2)),
}


def _gradients(t: Any, *tensors: Any, y: Any) -> list[list[float]]:
    return [d.tolist() for d in t.autograd.grad(y.sum(), tensors)]


def _prelu_at_zero(t: Any) -> Any:
    x, weight = t.tensor([0.0, -0.0, 1.0, -1.0]).requires_grad_(), t.tensor([3.0]).requires_grad_()
    return _gradients(t, x, weight, y=t.prelu(x, weight))


def _at_nan(name: str) -> Any:
    """The program that computes the gradient of an activation at a NaN in float32."""

    def program(t: Any) -> Any:
        x = t.tensor([float("nan"), 2.0]).requires_grad_()
        return _gradients(t, x, y=getattr(t.nn.functional, name)(x))

    return program


def _gelu_at_infinity(t: Any) -> Any:
    y = t.nn.functional.gelu(t.tensor([float("inf"), -float("inf")], dtype=t.float64))
    return str(y.tolist())  # a NaN is unequal to itself


# What `SAMPLES` leaves out, because PyTorch's loops or derivatives differ from each other there.
PROGRAMS |= {
    "prelu at 0": _prelu_at_zero,
    "hardshrink at NaN": _at_nan("hardshrink"),
    "hardtanh at NaN": _at_nan("hardtanh"),
    "gelu at infinity": _gelu_at_infinity,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


NAMES = ("celu", "elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu")


@pytest.mark.parametrize("name", [*NAMES, "relu6", "selu", "silu", "threshold"])
@pytest.mark.parametrize("inplace", [False, True])
def test_names_of_nodes(name: str, inplace: bool) -> None:
    def program(t: Any) -> Any:
        x = t.tensor([-1.0, 2.0], requires_grad=True)
        options = (0.5, 1.0) if name == "threshold" else ()
        y = getattr(t.nn.functional, name)(x * 1, *options, inplace=inplace)
        y.backward(t.ones(2))
        return [type(y.grad_fn).__name__, y.shape[0], x.grad.shape[0]]

    assert check_same(program).error is None


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("slope", [-2.0, -0.0, 0.0, 0.5])
@pytest.mark.parametrize("name", ["elu", "celu", "leaky_relu", "rrelu"])
def test_gradients_of_negative_slopes(name: str, slope: float, inplace: bool) -> None:
    """In place, PyTorch has none: it computes them from the result."""

    def gradient(t: Any) -> Any:
        leaf = t.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        options = (slope, slope) if name == "rrelu" else (slope,)
        y = getattr(t.nn.functional, name)(leaf * 1, *options, inplace=inplace)
        y.sum().backward()
        return [y, leaf.grad]

    check_close(gradient, 1e-6)


@pytest.mark.parametrize("alpha", [float("inf"), float("nan"), -1.0, 0.0, 1.0])
@pytest.mark.parametrize("name", ["elu", "elu_", "celu", "celu_"])
def test_no_exponential_is_taken_at_zero(name: str, alpha: float) -> None:
    def program(t: Any) -> Any:
        return getattr(t.nn.functional, name)(t.tensor([0.0, -0.0, 2.0, 0.0]), alpha)

    check_same(program)


def test_elu_in_place_takes_scales() -> None:
    def program(t: Any) -> Any:
        x = t.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        y = t.nn.functional.elu_(x * 1, 1.0, 2.0, input_scale=0.5)
        y.sum().backward()
        return [y, x.grad]

    check_close(program, 1e-6)


@pytest.mark.parametrize("name", ["elu", "celu", "leaky_relu"])
def test_a_refused_gradient_in_place_names_its_function(name: str) -> None:
    x = minigrad.tensor([-1.0], requires_grad=True)
    y = getattr(nn.functional, f"{name}_")(x * 1, -1.0)
    with pytest.raises(RuntimeError, match=f"^{name}_: "):
        y.backward()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["rrelu", "rrelu_"])
def test_rrelu_at_the_top(name: str, training: bool) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        x = t.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        y = getattr(t, name)(x * 1, 0.25, 0.25, training)
        y.sum().backward()
        return [y, x.grad, type(y.grad_fn).__name__, len(y.grad_fn.next_functions)]

    assert check_same(program).error is None


DECIDED = ["celu", "elu", "hardshrink", "hardtanh", "relu6", "selu", "softshrink"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DECIDED)
def test_a_gradient_at_nan_depends_on_the_size(name: str, dtype: str) -> None:
    """Vector instructions compute most elements of an array, but none of a strided one."""
    if name.endswith("elu") and torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("the vectors of elu are shorter on this processor")

    def gradients(t: Any) -> list[Any]:
        found = []
        for n in (1, 7, 8, 15, 16, 17, 31, 33, 64, 70):
            for like in (lambda x: x, lambda x: x.view(-1, 1).t(), lambda x: x[::2]):
                x = t.arange(-n / 8, n / 8, 0.25, dtype=getattr(t, dtype))
                x[:: 2 if n > 20 else 1] = float("nan")
                x = like(x.repeat(2)).detach().requires_grad_()
                y = getattr(t.nn.functional, name)(x)
                (g,) = t.autograd.grad(y, x, t.full_like(y, 2))
                found.append(g)
        return found

    check_close(gradients, rtol=1e-6)
