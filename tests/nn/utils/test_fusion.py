"""nn/utils/fusion.py and memory_format.py, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_close, check_same, torch

import minigrad

LAYERS = {
    "Conv1d": ((4, 3, 2), {}, (2, 4, 5)),
    "Conv2d": ((4, 6, 2), {"groups": 2, "bias": False}, (2, 4, 5, 5)),
    "Conv3d": ((1, 3, 1), {}, (2, 1, 2, 2, 2)),
    "ConvTranspose1d": ((4, 3, 2), {}, (2, 4, 5)),
    "ConvTranspose2d": ((4, 3, 2), {"bias": False}, (2, 4, 3, 3)),
    "Linear": ((4, 3), {}, (2, 4)),
}


def fused(t: Any, name: str, affine: bool, requires_grad: bool) -> list[Any]:
    """The layers one after the other, the fused layer, and its parameters."""
    t.manual_seed(0)
    arguments, options, shape = LAYERS[name]
    layer = getattr(t.nn, name)(*arguments, **options).requires_grad_(requires_grad)
    norm = getattr(t.nn, f"BatchNorm{name[-2]}d" if "Conv" in name else "BatchNorm1d")
    norm = norm(layer(t.zeros(shape)).shape[1], affine=affine)
    for _ in range(3):
        norm(layer(t.randn(shape)))
    if affine:
        with t.no_grad():
            norm.weight.normal_()
            norm.bias.normal_()
    layers = t.nn.Sequential(layer, norm).eval()
    x = t.randn(shape)
    if name == "Linear":
        made = t.nn.utils.fuse_linear_bn_eval(*layers)
    else:
        made = t.nn.utils.fuse_conv_bn_eval(*layers, transpose="Transpose" in name)
    assert t.allclose(layers(x), made(x), atol=1e-5)
    params = [*made.parameters()]
    return [repr(made), *params, [p.requires_grad for p in params], layer.weight]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_fused_layers(name: str, requires_grad: bool) -> None:
    check_close(lambda t: fused(t, name, True, requires_grad), rtol=1e-4, atol=1e-5)


@given(
    st.sampled_from(["conv", "conv transposed", "linear"]),
    st.sampled_from(["float16", "float32", "float64"]),
    st.sampled_from(["float16", "float32", None]),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
    st.integers(0, 99),
)
def test_dtypes_and_rounding(
    kind: str, dtype: str, bias: str | None, norm: str, affine: bool, seed: int
) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(seed)
        shape = (3, 2) if kind == "linear" else (2, 3, 2) if "transposed" in kind else (3, 2, 2)
        weight = t.randn(shape).to(getattr(t, dtype))
        biases = None if bias is None else t.randn(3).to(getattr(t, bias))
        mean, variance, scale, shift = (each.to(getattr(t, norm)) for each in t.rand(4, 3))
        last = (scale, shift) if affine else (None, None)
        given_tensors = weight, biases, mean, variance, 1e-5, *last
        if kind == "linear":
            return t.nn.utils.fuse_linear_bn_weights(*given_tensors)
        return t.nn.utils.fuse_conv_bn_weights(*given_tensors, "transposed" in kind)

    ours, theirs = both(program)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    for a, b in zip(ours, theirs, strict=True):
        assert str(a.dtype) == str(b.dtype)
        assert a.requires_grad == b.requires_grad
        assert a.tolist() == b.tolist()


def test_a_normalisation_without_parameters() -> None:
    check_close(lambda t: fused(t, "Conv2d", False, True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: t.nn.utils.fuse_conv_bn_eval(t.nn.Conv1d(2, 3, 1), t.nn.BatchNorm1d(3)),
        lambda t: t.nn.utils.fuse_linear_bn_eval(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)),
        lambda t: t.nn.utils.fuse_linear_bn_eval(
            t.nn.Linear(2, 3).eval(), t.nn.BatchNorm1d(2).eval()
        ),
        lambda t: t.nn.utils.fuse_conv_bn_eval(
            t.nn.Conv1d(2, 3, 1).eval(), t.nn.BatchNorm1d(3, track_running_stats=False).eval()
        ),
    ],
)
def test_layers_that_do_not_fuse(program: Any) -> None:
    assert both(program) == [AssertionError, AssertionError]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("last", [True, False])
def test_memory_formats(dims: int, last: bool) -> None:
    def program(t: Any) -> Any:
        layers = t.nn.Sequential(
            t.nn.Conv2d(2, 3, 2), t.nn.ConvTranspose2d(3, 4, 2), t.nn.Conv3d(2, 3, 2)
        )
        kept = layers[0].weight
        function = getattr(t.nn.utils, f"convert_conv{dims}d_weight_memory_format")
        named = {2: t.channels_last, 3: t.channels_last_3d}[dims]
        returned = function(layers, named if last else t.contiguous_format)
        return returned is layers, layers[0].weight is kept, [m.weight.stride() for m in layers]

    check_same(program)


@pytest.mark.parametrize("kind", ["LazyConv2d", "LazyConvTranspose2d", "LazyConv3d"])
def test_the_memory_format_of_a_placeholder(kind: str) -> None:
    def program(t: Any) -> Any:
        layers = t.nn.Sequential(getattr(t.nn, kind)(2, 3))
        t.nn.utils.convert_conv2d_weight_memory_format(layers, t.channels_last)

    ours, theirs = both(program)
    assert ours is theirs


def test_the_names() -> None:
    assert set(torch.nn.utils.fusion.__all__) == set(minigrad.nn.utils.fusion.__all__)
