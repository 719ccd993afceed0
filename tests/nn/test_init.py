"""nn/init.py: constants exactly, random fills by their bounds and moments, beside PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, torch

import minigrad
from minigrad import nn

SHAPES = st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple)
NONLINEARITIES = ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"]


@given(st.sampled_from([*NONLINEARITIES, "leaky_relu"]), st.none() | st.floats(0, 3))
def test_calculate_gain(nonlinearity: str, param: float | None) -> None:
    check_same(lambda t: float(t.nn.init.calculate_gain(nonlinearity, param)))


class Spy:
    """Stands for a Tensor and notes how it was to be filled."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def dim(self) -> int:
        return len(self.shape)

    def size(self, dim: int) -> int:
        return self.shape[dim]

    def uniform_(self, a: float, b: float, generator: Any = None) -> tuple[float, float]:
        return a, b

    def normal_(self, mean: float, std: float, generator: Any = None) -> tuple[float, float]:
        return mean, std


@given(
    st.sampled_from(["uniform_", "normal_"]),
    SHAPES,
    st.floats(0, 3),
    st.sampled_from(["fan_in", "fan_out", "FAN_IN"]),
    st.sampled_from([*NONLINEARITIES, "leaky_relu"]),
)
def test_the_bounds_are_pytorchs_to_the_last_bit(
    kind: str, shape: tuple[int, ...], number: float, mode: str, nonlinearity: str
) -> None:
    def program(t: Any) -> Any:
        xavier = getattr(t.nn.init, f"xavier_{kind}")(Spy(shape), number)
        kaiming = getattr(t.nn.init, f"kaiming_{kind}")(Spy(shape), number, mode, nonlinearity)
        return [float(x) for x in (*xavier, *kaiming)]

    check_same(program)


@pytest.mark.parametrize(
    ("fill", "mean", "variance"),
    [
        (lambda w: nn.init.uniform_(w, 1.0, 3.0), 2.0, 1 / 3),
        (lambda w: nn.init.normal_(w, 5.0, 2.0), 5.0, 4.0),
        (nn.init.xavier_uniform_, 0.0, 2 / 500),
        (nn.init.xavier_normal_, 0.0, 2 / 500),
        (nn.init.kaiming_uniform_, 0.0, 2 / 200),
        (nn.init.kaiming_normal_, 0.0, 2 / 200),
        (lambda w: nn.init.kaiming_normal_(w, mode="fan_out"), 0.0, 2 / 300),
    ],
)
def test_random_fills_have_their_moments(fill: Any, mean: float, variance: float) -> None:
    minigrad.manual_seed(1)
    w = nn.Parameter(minigrad.empty(300, 200))
    assert fill(w) is w
    assert w.grad_fn is None
    assert w.requires_grad
    sample = w.detach().numpy().astype(np.float64)
    assert abs(sample.mean() - mean) < 5 * math.sqrt(variance / sample.size)
    assert abs(sample.var() / variance - 1) < 5 * math.sqrt(2 / sample.size)


CASES = {
    "ones": lambda t: t.nn.init.ones_(t.empty(2, 3)),
    "zeros": lambda t: t.nn.init.zeros_(t.empty(2, 3)),
    "constant": lambda t: t.nn.init.constant_(t.empty(2, 3, dtype=t.float64), 0.3),
    "eye": lambda t: t.nn.init.eye_(t.empty(2, 3)),
    "eye, tall": lambda t: t.nn.init.eye_(t.empty(3, 2, dtype=t.float64)),
    "eye of a vector": lambda t: t.nn.init.eye_(t.empty(2)),
    "xavier of a vector": lambda t: t.nn.init.xavier_uniform_(t.empty(2)),
    "kaiming of a vector": lambda t: t.nn.init.kaiming_normal_(t.empty(2)),
    "kaiming of nothing": lambda t: t.nn.init.kaiming_uniform_(t.empty(0, 2)),
    "kaiming_normal of nothing": lambda t: t.nn.init.kaiming_normal_(t.empty(2, 0)),
    "an unknown mode": lambda t: t.nn.init.kaiming_uniform_(t.empty(2, 2), mode="fan"),
    "an unknown nonlinearity": lambda t: t.nn.init.calculate_gain("gelu"),
    "a slope that is no number": lambda t: t.nn.init.calculate_gain("leaky_relu", True),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_the_rest_is_as_pytorchs(program: Any) -> None:
    check_same(program)


def test_every_function_takes_pytorchs_arguments() -> None:
    import inspect

    for name in ("uniform_", "normal_", "constant_", "ones_", "eye_", "kaiming_uniform_"):
        ours = inspect.signature(getattr(nn.init, name)).parameters
        theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
        assert [(p.name, p.default) for p in ours.values()] == [
            (p.name, p.default) for p in theirs.values()
        ]
