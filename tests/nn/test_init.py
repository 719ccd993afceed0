"""nn/init.py: PyTorch's values bit for bit, and the bounds and moments of random ones."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import same_numbers, state
from twins import check_same, torch

import minigrad
from minigrad import nn

SEEDS = st.integers(0, 2**64 - 1)
SHAPES = st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple)
NONLINEARITIES = ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"]


@given(st.sampled_from([*NONLINEARITIES, "leaky_relu"]), st.none() | st.floats(0, 3))
def test_calculate_gain(nonlinearity: str, param: float | None) -> None:
    check_same(lambda t: float(t.nn.init.calculate_gain(nonlinearity, param)))


class Spy:
    """A stand-in for a Tensor that returns the arguments it is filled with."""

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
def test_bounds_are_pytorchs_bit_for_bit(
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


FILLS = {
    "uniform_": lambda t, w: t.nn.init.uniform_(w, -0.3, 0.4),
    "normal_": lambda t, w: t.nn.init.normal_(w, 0.1, 0.4),
    "xavier_uniform_": lambda t, w: t.nn.init.xavier_uniform_(w, 1.7),
    "xavier_normal_": lambda t, w: t.nn.init.xavier_normal_(w, 1.7),
    "kaiming_uniform_": lambda t, w: t.nn.init.kaiming_uniform_(w, math.sqrt(5)),
    "kaiming_normal_": lambda t, w: t.nn.init.kaiming_normal_(w, mode="fan_out"),
    "trunc_normal_": lambda t, w: t.nn.init.trunc_normal_(w),
    "trunc_normal_, wide": lambda t, w: t.nn.init.trunc_normal_(w, 0.0, 4.0, -0.1, 0.1),
    "trunc_normal_, in the tail": lambda t, w: t.nn.init.trunc_normal_(w, 0.0, 1.0, 1.0, 2.0),
    "trunc_normal_, far away": lambda t, w: t.nn.init.trunc_normal_(w, 1.0, 0.3, 2.0, 2.5),
}


LAYOUTS = {
    "plain": lambda w: w,
    "transposed": lambda w: w.transpose(0, 1),
    "with gaps": lambda w: w[..., ::2],
}


@given(
    st.sampled_from(sorted(FILLS)), SHAPES, st.booleans(), st.sampled_from(sorted(LAYOUTS)), SEEDS
)
def test_random_fills_are_pytorchs_bit_for_bit(
    name: str, shape: tuple[int, ...], double: bool, layout: str, seed: int
) -> None:
    filled = []
    for t in (minigrad, torch):
        for generator in (t.default_generator, t.Generator()):
            generator.manual_seed(seed)
        w = t.empty(shape, dtype=t.float64 if double else t.float32)
        w = LAYOUTS[layout](w)
        with warnings.catch_warnings(action="ignore"):
            filled.append(FILLS[name](t, w))
    assert same_numbers(*filled)
    assert state(minigrad.default_generator) == state(torch.default_generator)


def test_generator_argument() -> None:
    for name in ("uniform_", "normal_", "xavier_normal_", "kaiming_uniform_", "trunc_normal_"):
        filled = []
        for t in (minigrad, torch):
            g = t.Generator().manual_seed(3)
            filled.append(getattr(t.nn.init, name)(t.empty(4, 5), generator=g))
        assert same_numbers(*filled)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 2**32 - 1))
def test_orthogonal_is_pytorchs_up_to_rounding(shape: list[int], seed: int) -> None:
    drawn = []
    for t in (minigrad, torch):
        t.manual_seed(seed)
        drawn.append(t.nn.init.orthogonal_(t.empty(shape, dtype=t.float64), gain=2.0).numpy())
    # A matrix that is nearly singular has directions that rounding decides.
    np.testing.assert_allclose(*drawn, rtol=1e-7, atol=1e-9)


FORMER = ("constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal")


@pytest.mark.parametrize("name", [*FORMER, "sparse", "uniform", "xavier_normal", "xavier_uniform"])
def test_former_names_warn(name: str) -> None:
    args = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
    sizes = (2, 2, 3) if name == "dirac" else (3, 3)

    def program(t: Any) -> Any:
        t.manual_seed(0)
        return getattr(t.nn.init, name)(t.empty(sizes), *args).isfinite().all()

    check_same(program)


CASES = {
    "trunc_normal far away": lambda t: t.nn.init.trunc_normal_(t.zeros(2), 9.0, 1.0)[:0],
    "ones": lambda t: t.nn.init.ones_(t.empty(2, 3)),
    "zeros": lambda t: t.nn.init.zeros_(t.empty(2, 3)),
    "constant": lambda t: t.nn.init.constant_(t.empty(2, 3, dtype=t.float64), 0.3),
    "eye": lambda t: t.nn.init.eye_(t.empty(2, 3)),
    "eye, tall": lambda t: t.nn.init.eye_(t.empty(3, 2, dtype=t.float64)),
    "eye of a vector": lambda t: t.nn.init.eye_(t.empty(2)),
    "xavier of a vector": lambda t: t.nn.init.xavier_uniform_(t.empty(2)),
    "kaiming of a vector": lambda t: t.nn.init.kaiming_normal_(t.empty(2)),
    "kaiming_uniform of an empty tensor": lambda t: t.nn.init.kaiming_uniform_(t.empty(0, 2)),
    "kaiming_normal of an empty tensor": lambda t: t.nn.init.kaiming_normal_(t.empty(2, 0)),
    "an unknown mode": lambda t: t.nn.init.kaiming_uniform_(t.empty(2, 2), mode="fan"),
    "an unknown nonlinearity": lambda t: t.nn.init.calculate_gain("gelu"),
    "a slope that is not a number": lambda t: t.nn.init.calculate_gain("leaky_relu", True),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_signatures_are_pytorchs() -> None:
    import inspect

    names = ("uniform_", "normal_", "constant_", "ones_", "eye_", "kaiming_uniform_")
    for name in (*names, "trunc_normal_", "orthogonal_"):
        ours = inspect.signature(getattr(nn.init, name)).parameters
        theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
        assert [(p.name, p.default) for p in ours.values()] == [
            (p.name, p.default) for p in theirs.values()
        ]
