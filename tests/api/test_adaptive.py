"""Adaptive pooling: few large windows and many small ones are computed in two ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

pytest.importorskip("torch")

from minigrad.rules.pooling import _largest_at_once, _largest_in_turn


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
