"""Sums have PyTorch's digits, over any dimensions of arrays in any layout, on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from profiles import examples

import minigrad
from minigrad.rules.summation import summed

Array = np.ndarray


@st.composite
def sums(draw: st.DrawFn) -> tuple[Array, tuple[int, ...]]:
    """An array of random numbers, perhaps permuted, with gaps or expanded, and dims."""
    ndim = draw(st.integers(1, 4))
    most = {1: 5000, 2: 150, 3: 40, 4: 12}[ndim]
    size = st.sampled_from((1, 2, 3)) | st.integers(1, 20) | st.integers(1, most)
    shape = draw(st.tuples(*[size] * ndim))
    order = draw(st.permutations(range(ndim)) | st.just(range(ndim)))
    steps = draw(st.tuples(*[st.sampled_from((1, 1, 1, 2))] * ndim))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    base = rng.standard_normal([shape[d] * steps[d] for d in order]).astype(dtype)
    x = base.transpose([order.index(d) for d in range(ndim)])
    x = x[tuple(slice(None, None, step) for step in steps)]
    dims = draw(st.lists(st.sampled_from(range(ndim)), min_size=1, unique=True))
    return x, tuple(sorted(dims))


@settings(max_examples=examples(400))
@given(sums())
@example((np.full((20, 3), -0.0), (0,)))
@example((np.lib.stride_tricks.as_strided(np.float32([0.1]), (20, 9), (0, 0)), (0, 1)))
def test_a_sum_has_the_bits_of_pytorchs(case: tuple[Array, tuple[int, ...]]) -> None:
    x, dims = case
    theirs = torch.from_numpy(x).sum(dims).numpy()
    ours = np.asarray(summed(x, dims))
    assert ours.shape == theirs.shape
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1_000, 20_000, 100_000, 1_100_000])
def test_a_long_sum_has_the_bits_of_pytorchs(size: int, dtype: Any) -> None:
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    assert summed(x, (0,)) == torch.from_numpy(x).sum().numpy()
    matrix = x[: size // 10 * 10].reshape(-1, 10)
    assert summed(matrix, (0,)).tobytes() == torch.from_numpy(matrix).sum(0).numpy().tobytes()


@pytest.mark.parametrize("columns", [33, 100, 1001])
@pytest.mark.parametrize("rows", [4, 5, 6, 7, 8])
def test_a_sum_of_few_long_rows_has_the_bits_of_pytorchs(rows: int, columns: int) -> None:
    x = np.random.default_rng(columns).standard_normal((rows, columns)).astype(np.float32)
    assert summed(x, (0,)).tobytes() == torch.from_numpy(x).sum(0).numpy().tobytes()


def test_numpys_order_would_be_found() -> None:
    found = 0
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal(100).astype(np.float32)
        found += bool(np.add.reduce(x) != summed(x, (0,)))
    assert found > 5


@settings(max_examples=examples(100))
@given(
    lead=st.lists(st.integers(1, 20), min_size=1, max_size=2),
    columns=st.integers(1, 70),
    seed=st.integers(0, 2**32),
)
def test_the_gradient_of_a_bias_has_the_bits_of_pytorchs(
    lead: list[int], columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    g = rng.standard_normal((*lead, columns)).astype(np.float32)

    def gradient(t: Any) -> Array:
        bias = t.zeros(columns, requires_grad=True)
        (t.zeros(*lead, columns) + bias).backward(t.from_numpy(g))
        return bias.grad.numpy()

    assert gradient(minigrad).tobytes() == gradient(torch).tobytes()


@pytest.mark.parametrize("ignored", [0, 0.3, 1])
@pytest.mark.parametrize("size", [1, 2, 6, 16, 17, 18, 33, 64, 257, 1000, 5000, 70_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loss_of_classes_has_the_bits_of_pytorchs(size: int, ignored: float, dtype: Any) -> None:
    rng = np.random.default_rng(size)
    x, weight = np.log(rng.random((size, 5))).astype(dtype), rng.random(5).astype(dtype)
    target = np.where(rng.random(size) < ignored, -100, rng.integers(0, 5, size))

    def losses(t: Any) -> list[Any]:
        f, (a, y, w) = t.nn.functional, map(t.from_numpy, (x, target, weight))
        images = a.view(1, size, 5).permute(0, 2, 1), y.view(1, size)
        found = [f.nll_loss(a, y, w), f.nll_loss(a, y, reduction="sum"), f.nll_loss(*images)]
        return [each.numpy().tobytes() for each in found]

    assert losses(minigrad) == losses(torch)


def test_numpys_order_of_losses_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.rules.nn, "by_nll_loss", lambda x, ignored: np.add.reduce(x))
    with pytest.raises(AssertionError):
        test_a_loss_of_classes_has_the_bits_of_pytorchs(1000, 0, np.float32)
