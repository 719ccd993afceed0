"""F.interpolate of images, with and without anti-aliasing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close, check_same

import minigrad

torch = pytest.importorskip("torch")

# With a dimension of size 1, PyTorch takes others than the neighbours in some cases, or fails.
sizes = st.tuples(st.integers(2, 12), st.integers(2, 12))


@given(
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    mode=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    before=sizes,
    after=sizes,
    scaled=st.booleans(),
    corners=st.booleans(),
    antialias=st.booleans(),
)
def test_images_of_floats(
    dtype: str,
    mode: str,
    before: tuple[int, int],
    after: tuple[int, int],
    scaled: bool,
    corners: bool,
    antialias: bool,
) -> None:
    values = np.sin(np.arange(2.0 * np.prod(before))).reshape(1, 2, *before).astype(dtype)
    factors = tuple(m / n for m, n in zip(after, before, strict=True))
    size: dict[str, Any] = {"scale_factor": factors} if scaled else {"size": after}

    def resized(t: Any) -> list[Any]:
        x = t.from_numpy(values.copy()).requires_grad_()
        y = t.nn.functional.interpolate(
            x, mode=mode, align_corners=corners, antialias=antialias, **size
        )
        y.square().sum().backward()
        return [y, y.grad_fn.name(), x.grad]

    tolerance = 2e-2 if dtype == "float16" else 1e-4
    check_close(resized, tolerance, tolerance)


@given(
    mode=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    before=sizes,
    after=sizes,
    channels=st.integers(1, 5),
    corners=st.booleans(),
    antialias=st.booleans(),
    form=st.sampled_from(["contiguous_format", "channels_last"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_images_of_bytes(
    mode: str,
    before: tuple[int, int],
    after: tuple[int, int],
    channels: int,
    corners: bool,
    antialias: bool,
    form: str,
    seed: int,
) -> None:
    shape = 1, channels, *before
    values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)

    def resized(t: Any) -> list[Any]:
        x = t.from_numpy(values.copy()).contiguous(memory_format=getattr(t, form))
        y = t.nn.functional.interpolate(
            x, after, mode=mode, align_corners=corners, antialias=antialias
        )
        return [y, y.is_contiguous(memory_format=getattr(t, form))]

    check_close(resized, 0)


def test_other_modes_have_no_anti_aliasing() -> None:
    for mode in ("nearest", "nearest-exact", "area", "linear", "trilinear"):
        for shape in ((1, 1, 4), (1, 1, 4, 4), (1, 1, 4, 4, 4)):

            def resized(t: Any, mode: str = mode, shape: tuple[int, ...] = shape) -> Any:
                return t.nn.functional.interpolate(t.ones(shape), 2, mode=mode, antialias=True)

            check_close(resized, 0)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": (1,)},
        {"scale_factor": (1.0, 2.0, 3.0)},
        {"size": (3,)},
        {"size": 3, "mode": "lanczos", "align_corners": True, "antialias": True},
        {"size": 3, "mode": "nearest", "antialias": True},
        {"scale_factor": 2.0, "mode": "unknown"},
        {"scale_factor": -1.0},
    ],
    ids=str,
)
def test_errors(options: dict[str, Any]) -> None:
    assert check_same(lambda t: t.nn.functional.interpolate(t.ones(1, 2, 4, 4), **options)).error


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_factors_are_numbers(dims: int) -> None:
    for given_ in ("tensor(2.)", "tensor([2., 2.])", "'a'", "(2, None, 2)"):

        def kind(t: Any, given_: str = given_) -> str:
            factor = eval(given_, {"tensor": t.tensor})  # a tensor of either library
            factor = factor[:dims] if isinstance(factor, tuple) else factor
            try:
                t.nn.functional.interpolate(t.ones(1, 2, *[4] * dims), scale_factor=factor)
            except Exception as error:
                return type(error).__name__
            return ""

        assert kind(minigrad) == kind(torch)


@pytest.mark.parametrize(
    "mode", ["nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic"]
)
@pytest.mark.parametrize("shape", [(1, 1, 3), (0, 1, 2), (1, 0, 5), (1, 1, 1, 3), (1, 2, 0, 1)])
def test_sizes_of_0_and_1(mode: str, shape: tuple[int, ...]) -> None:
    def found(t: Any, options: dict[str, Any]) -> Any:
        try:
            y = t.nn.functional.interpolate(t.ones(shape), mode=mode, **options)
        except (RuntimeError, NotImplementedError) as error:
            return type(error)
        return y.stride() if y.numel() else tuple(y.shape)

    for options in ({"size": 0}, {"size": 1}, {"size": 3}, {"scale_factor": 0.4}):
        assert found(minigrad, options) == found(torch, options), options


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@given(n=st.integers(2, 90), m=st.integers(2, 300), corners=st.booleans(), scaled=st.booleans())
def test_weights_of_many_pixels(mode: str, n: int, m: int, corners: bool, scaled: bool) -> None:
    """A place that is rounded twice differs by the rounding error of the largest one."""
    size = {"scale_factor": (m / n, 1)} if scaled else {"size": (m, 1)}

    def weights(t: Any) -> Any:
        pixels = t.eye(n).reshape(1, n, n, 1)
        return t.nn.functional.interpolate(pixels, mode=mode, align_corners=corners, **size)

    check_close(weights, rtol=0, atol=1e-6)
