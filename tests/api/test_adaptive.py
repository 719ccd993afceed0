"""Adaptive pooling: few large windows and many small ones are computed in two ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad
from minigrad.rules.pooling import _largest_at_once, _largest_in_turn

torch = pytest.importorskip("torch")


@given(st.integers(0, 2**32 - 1))
def test_both_ways_find_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice(np.float32([0.0, -0.0, 1.0, 2.0, np.nan, -np.inf, np.inf]), (2, 3, 7))
    windows = np.sort(rng.integers(0, 7, (4, 5)), -1)
    windows[rng.random((4, 5)) < 0.2] = -1
    windows = -np.sort(-windows, -1)
    windows[:, 0] = np.maximum(windows[:, 0], 0)
    (y, indices), (z, places) = (way(x, windows) for way in (_largest_in_turn, _largest_at_once))
    assert y.tobytes() == z.tobytes()
    assert indices.tolist() == places.tolist()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 30)])
@pytest.mark.parametrize("name", ["adaptive_max_pool2d", "adaptive_avg_pool2d"])
def test_few_and_many_windows(name: str, size: tuple[int, int]) -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(0)
        x = torch.randint(-3, 3, (2, 3, 45, 31)).double().requires_grad_()
        y = getattr(torch.nn.functional, name)(x, size)
        (y * torch.rand(y.shape, dtype=torch.float64).round()).sum().backward()
        return [y.detach().round(decimals=8), x.grad.round(decimals=8)]

    check_same(program)


def _sizes(t: Any, nd: int) -> list[Any]:
    return [
        *(None, (None,), 2, (2,), [2], (2,) * nd, [2] * nd, (None,) * nd, (2, None, None)[:nd]),
        *(t.tensor(2), t.tensor([2]), 2.0, True, (2,) * (nd + 1), (), -1, 0, 1, (1,) * nd, "a"),
        *((t.tensor(2),) * nd, (True,) * nd, (2.0,) * nd, t.Size([2] * nd)),
    ]


@pytest.mark.parametrize("name", ["adaptive_avg_pool", "adaptive_max_pool"])
@pytest.mark.parametrize("nd", [1, 2, 3])
def test_sizes_are_pytorchs(nd: int, name: str) -> None:
    """Which are accepted, for inputs of which dimensions, and the types of errors."""

    def outcomes(t: Any) -> list[Any]:
        function, found = getattr(t.nn.functional, f"{name}{nd}d"), []
        full = (2, 3, 4, 5, 6)[: nd + 2]
        shapes = [full, full[1:], (2, 3), (4,), (2, *full), (2, 0, *full[2:]), (2, 3, *[0] * nd)]
        for x in [t.ones(shape) for shape in shapes]:
            for size in _sizes(t, nd):
                try:
                    found.append((x.shape, str(size), tuple(function(x, size).shape)))
                except Exception as error:
                    found.append((x.shape, str(size), type(error).__name__))
        return found

    for ours, theirs in zip(outcomes(minigrad), outcomes(torch), strict=True):
        assert ours == theirs


def test_the_largest_of_windows_at_the_top_come_with_their_indices() -> None:
    assert check_same(lambda t: list(t.adaptive_max_pool1d(t.ones(1, 2, 4), 2))).error is None
