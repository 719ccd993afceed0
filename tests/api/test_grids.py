"""Images sampled at a grid: values and gradients are PyTorch's in every mode, also far outside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

MODES = [
    (nd, mode, padding)
    for nd, mode, padding in itertools.product(
        (2, 3), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    )
    if (nd, mode) != (3, "bicubic")
]


def sampled(t: Any, x: np.ndarray, grid: np.ndarray, *options: Any) -> list[np.ndarray]:
    """The value, and the gradients for a cotangent that is the same in either library."""
    image, places = (t.tensor(each).requires_grad_() for each in (x, grid))
    y = t.nn.functional.grid_sample(image, places, *options)
    y.backward(t.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape))))
    return [np.asarray(each.detach().numpy()) for each in (y, image.grad, places.grad)]


@pytest.mark.parametrize(("nd", "mode", "padding"), MODES)
@pytest.mark.parametrize("corners", [True, False])
def test_samples_and_gradients_are_pytorchs(
    nd: int, mode: str, padding: str, corners: bool
) -> None:
    rng = np.random.default_rng(0)
    for size in ((1,) * nd, (3,) * nd, (1, 4, 2)[:nd]):
        x = rng.normal(size=(2, 2, *size))
        grid = rng.normal(size=(2, *(3,) * nd, nd)) * 1.7
        grid.flat[:10] = [1, -1, 0, 5, 1e4, -2, -1e4, -3, -5, 3]
        ours, theirs = (sampled(t, x, grid, mode, padding, corners) for t in (minigrad, torch))
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, 1e-7, 1e-9)
