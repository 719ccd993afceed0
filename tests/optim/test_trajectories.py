"""Every optimiser takes PyTorch's steps, for any of its options, and a wrong one is found.

The optimisers and their options are the samples of bridge/drawing/class_samples.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajectories import SEEDS, Course, check_trajectory
from twins import torch

import minigrad
from bridge.drawing.class_samples import OPTIMIZERS, draw_optimizer_options
from minigrad import optim

# Those that need a closure have their own tests.
NAMES = pytest.mark.parametrize(
    "name", [name for name, sample in OPTIMIZERS.items() if not sample.needs_closure]
)


def check(name: str, seed: int, dtype: str, kind: Any = None) -> None:
    """Check the optimiser of that name, or another `kind` in its place, with drawn options."""
    ours = kind or getattr(optim, name)
    options = dict(draw_optimizer_options(name, seed))
    check_trajectory(ours, getattr(torch.optim, name), options, seed, dtype)


@NAMES
@given(SEEDS, st.sampled_from(["float32", "float64"]))
def test_steps_are_pytorchs(name: str, seed: int, dtype: str) -> None:
    check(name, seed, dtype)


@NAMES
@pytest.mark.parametrize("seed", range(20))
def test_state_has_the_names_of_the_sample(name: str, seed: int) -> None:
    options = draw_optimizer_options(name, seed)
    course = Course.of(name, seed, "float32")
    # A vector, or a matrix for those that take nothing else.
    params = course.parameters(minigrad)[1:2]
    optimizer = getattr(optim, name)(params, **options)
    for param in params:
        param.grad = minigrad.ones_like(param)
    optimizer.step()
    for param in params:
        assert tuple(optimizer.state.get(param, {})) == OPTIMIZERS[name].state(options)


# Planted mistakes ---------------------------------------------------------------------------------


def ignoring(kind: Any, option: str) -> Any:
    """Make an optimiser that uses the default of an option, whatever was given."""

    class Wrong(kind):  # type: ignore[misc]
        def __init__(self, params: Any, **options: Any) -> None:
            options.pop(option, None)
            super().__init__(params, **options)

    return Wrong


def options_that_matter() -> list[tuple[str, str]]:
    """Every option that the samples vary and that changes a result."""
    return [
        (name, option)
        for name, sample in OPTIMIZERS.items()
        if not sample.needs_closure
        for option in sorted({o for seed in range(100) for o in draw_optimizer_options(name, seed)})
        if option not in sample.inert
    ]


@pytest.mark.parametrize(("name", "option"), options_that_matter())
def test_optimiser_that_ignores_an_option_is_found(name: str, option: str) -> None:
    wrong = ignoring(getattr(optim, name), option)
    for seed in range(100):
        try:
            check(name, seed, "float64", wrong)
        except AssertionError:
            check(name, seed, "float64")
            return
    raise AssertionError(f"{name}: that it ignores {option} is not found")
