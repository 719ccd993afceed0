"""Gradients of overlapping windows in float16, which PyTorch rounds after each addition.

The bits are PyTorch's, and so are those of the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad

torch = pytest.importorskip("torch")

layouts = st.sampled_from(["contiguous_format", "channels_last"])
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 3)


def check_same_bits(call: Any, shape: tuple[int, ...], seed: int, layout: str = "") -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(np.float16)
    results: list[Any] = []
    g = None
    for t in (torch, minigrad):
        leaf = t.from_numpy(x.copy())
        if layout:
            leaf = leaf.contiguous(memory_format=getattr(t, layout))
        leaf.requires_grad_()
        try:
            y = call(t, leaf)
        except (RuntimeError, ValueError) as error:
            results.append(type(error))
            continue
        g = rng.standard_normal(tuple(y.shape)).astype(np.float16) if g is None else g
        y.backward(t.from_numpy(g.copy()))
        results.append([y.detach().numpy(), leaf.grad.numpy()])
    theirs, ours = results
    if isinstance(theirs, type):
        assert ours is theirs
        return
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@given(
    sizes,
    sizes,
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 3, 7]),
    layouts,
    st.sampled_from([3, 20]),
    seeds,
)
def test_means(
    kernel: int,
    stride: int,
    padding: int,
    ceil: bool,
    pads: bool,
    divisor: int | None,
    layout: str,
    channels: int,
    seed: int,
) -> None:
    def call(t: Any, x: Any) -> Any:
        pool = t.nn.functional.avg_pool2d
        return pool(x, kernel, stride, min(padding, kernel // 2), ceil, pads, divisor)

    check_same_bits(call, (2, channels, 7, 6), seed, layout)


@given(sizes, sizes, seeds)
def test_means_of_sequences(kernel: int, stride: int, seed: int) -> None:
    check_same_bits(lambda t, x: t.nn.functional.avg_pool1d(x, kernel, stride), (2, 3, 9), seed)


@given(st.integers(1, 9), st.integers(1, 9), layouts, st.sampled_from([3, 20]), seeds)
def test_adaptive_means(height: int, width: int, layout: str, channels: int, seed: int) -> None:
    def call(t: Any, x: Any) -> Any:
        return t.nn.functional.adaptive_avg_pool2d(x, (height, width))

    check_same_bits(call, (2, channels, 8, 7), seed, layout)
    check_same_bits(
        lambda t, x: t.nn.functional.adaptive_avg_pool1d(x, height), (2, channels, 8), seed
    )


@given(sizes, sizes, st.integers(0, 1), st.integers(1, 2), seeds)
def test_columns(kernel: int, stride: int, padding: int, dilation: int, seed: int) -> None:
    def unfold(t: Any, x: Any) -> Any:
        return t.nn.functional.unfold(x, kernel, dilation, padding, stride)

    def fold(t: Any, x: Any) -> Any:
        return t.nn.functional.fold(x, (7, 6), kernel, dilation, padding, stride)

    check_same_bits(unfold, (2, 3, 7, 6), seed)
    counts = [(n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for n in (7, 6)]
    check_same_bits(fold, (2, 2 * kernel**2, counts[0] * counts[1]), seed)


@given(
    st.lists(st.integers(-1, 3), min_size=6, max_size=6),
    st.integers(1, 3),
    st.sampled_from(["reflect", "replicate"]),
    layouts,
    st.sampled_from([3, 20]),
    seeds,
)
def test_pads(
    widths: list[int], dims: int, mode: str, layout: str, channels: int, seed: int
) -> None:
    shape = (2, channels, 4, 5, 4)[: dims + 2]
    check_same_bits(
        lambda t, x: t.nn.functional.pad(x, widths[: 2 * dims], mode=mode),
        shape,
        seed,
        layout if dims == 2 else "",
    )


@given(st.integers(1, 3), st.integers(1, 4), st.sampled_from([2, 3]), seeds)
def test_fractional_maxima(kernel: int, size: int, dims: int, seed: int) -> None:
    samples = np.random.default_rng(seed).random((2, 3, dims)).astype(np.float16)

    def call(t: Any, x: Any) -> Any:
        pool = getattr(t.nn.functional, f"fractional_max_pool{dims}d")
        return pool(x, kernel, size, _random_samples=t.from_numpy(samples.copy()))

    check_same_bits(call, (2, 3, *[7] * dims), seed)
