"""nn/linear.py, nn/dropout.py and nn/rearranging.py: layers compared with PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from twins import check_same, same, torch, translate

import minigrad
from minigrad import nn

SIZES = st.integers(1, 5)


@given(SIZES, SIZES, st.booleans(), st.lists(st.integers(0, 3), max_size=2), st.integers(0, 99))
def test_linear_and_its_gradients(
    inputs: int, outputs: int, bias: bool, batch: list[int], seed: int
) -> None:
    theirs = torch.nn.Linear(inputs, outputs, bias, dtype=torch.float64)
    ours = nn.Linear(inputs, outputs, bias, dtype=minigrad.float64)
    ours.load_state_dict(translate(theirs.state_dict(), minigrad))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((*batch, inputs))
    cotangent = rng.standard_normal((*batch, outputs))
    results = []
    for t, layer in ((minigrad, ours), (torch, theirs)):
        leaf = t.from_numpy(x.copy()).requires_grad_()
        y = layer(leaf)
        y.backward(t.from_numpy(cotangent))
        grads = [leaf.grad, *(p.grad for p in layer.parameters())]
        results.append([y.detach().numpy(), *(g.numpy() for g in grads)])
    for a, b in zip(*results, strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@given(SIZES, SIZES, st.sampled_from([None, "float32", "float64"]), st.integers(0, 2**32))
def test_linear_is_initialised_within_its_bound_from_the_seed(
    inputs: int, outputs: int, dtype: str | None, seed: int
) -> None:
    layers = []
    for _ in range(2):
        minigrad.manual_seed(seed)
        layers.append(nn.Linear(inputs, outputs, dtype=dtype and getattr(minigrad, dtype)))
    first, again = layers
    assert same(first.weight, again.weight)
    assert same(first.bias, again.bias)
    assert str(first.weight.dtype) == f"torch.{dtype or 'float32'}"
    for param in first.parameters():
        assert param.requires_grad
        assert param.is_leaf
        assert (param.detach().abs() <= (1 + 1e-6) / math.sqrt(inputs)).all()


def test_linear_is_initialised_uniformly() -> None:
    minigrad.manual_seed(0)
    layer = nn.Linear(100, 1000)
    bound = 0.1
    weight, bias = layer.weight.detach().numpy() / bound, layer.bias.detach().numpy() / bound
    # Uniform on [-1, 1]: mean 0 and variance 1/3, within five standard errors.
    for sample in (weight, bias):
        assert abs(sample.mean()) < 5 * math.sqrt(1 / 3 / sample.size)
        assert abs((sample**2).mean() - 1 / 3) < 5 * math.sqrt(4 / 45 / sample.size)
    before = layer.weight.detach().clone()
    layer.reset_parameters()
    assert not same(layer.weight, before)


@given(SIZES, SIZES, st.integers(0, 2**32))
def test_linear_draws_the_weight_before_the_bias(inputs: int, outputs: int, seed: int) -> None:
    minigrad.manual_seed(seed)
    layer = nn.Linear(inputs, outputs)
    bound = 1 / math.sqrt(inputs)
    minigrad.manual_seed(seed)
    weight = minigrad.empty(outputs, inputs).uniform_(-bound, bound)
    bias = minigrad.empty(outputs).uniform_(-bound, bound)
    assert_allclose(layer.weight.detach().numpy(), weight.numpy(), rtol=1e-6)
    assert_allclose(layer.bias.detach().numpy(), bias.numpy(), rtol=1e-6)


def test_dropout_zeroes_and_scales_only_in_training_mode() -> None:
    layer = nn.Dropout(0.25)
    x = minigrad.ones(10_000)
    minigrad.manual_seed(0)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 10_000)
    assert same(layer.eval()(x), x)
    assert same(nn.Dropout(1.0)(x), minigrad.zeros(10_000))
    assert same(nn.Dropout(0.0)(x), x)


CASES = {
    "linear without bias": lambda t: repr(t.nn.Linear(2, 3, bias=False)),
    "linear without bias has None": lambda t: t.nn.Linear(2, 3, False).bias,
    "linear with 0 inputs": lambda t: t.nn.Linear(0, 2)(t.ones(3, 0)).tolist(),
    "linear with 0 outputs": lambda t: t.nn.Linear(2, 0)(t.ones(3, 2)),
    "linear of a wrong width": lambda t: t.nn.Linear(2, 3)(t.ones(4, 5)),
    "linear of a wrong dtype": lambda t: t.nn.Linear(2, 3)(t.ones(4, 2, dtype=t.float64)),
    "linear on the CPU": lambda t: str(t.nn.Linear(2, 3, device="cpu").weight.dtype),
    "flatten": lambda t: t.nn.Flatten()(t.ones(2, 3, 4)),
    "flatten from the start": lambda t: t.nn.Flatten(0, -2)(t.ones(2, 3, 4)),
    "flatten too far": lambda t: t.nn.Flatten(1, 5)(t.ones(2, 3)),
    "flatten repr": lambda t: repr(t.nn.Flatten(0, 1)),
    "dropout repr": lambda t: repr(t.nn.Dropout(0.1, inplace=True)),
    "dropout with p above 1": lambda t: t.nn.Dropout(1.5),
    "dropout with p below 0": lambda t: t.nn.Dropout(-0.5),
    "identity": lambda t: t.nn.Identity(1, 2, three=4)(t.ones(2)),
    "identity repr": lambda t: repr(t.nn.Identity(3)),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


def test_other_devices_are_refused() -> None:
    with pytest.raises(AssertionError, match="CUDA"):
        nn.Linear(2, 3, device="cuda")


def test_dropout_in_place_changes_its_input() -> None:
    x = minigrad.ones(1000)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert y is x
    assert (x == 0).any()


@pytest.mark.parametrize("t", [minigrad, torch])
def test_new_running_statistics_dont_count_as_a_write(t: Any) -> None:
    """An earlier result, which was normalised by them, can still be differentiated."""
    layer, x = t.nn.BatchNorm1d(3).eval(), t.ones(4, 3, requires_grad=True)
    y, before = layer(x), layer.running_mean._version
    layer.train()(x * 2)
    y.sum().backward()
    assert layer.running_mean._version == before


# How a weight becomes an attribute that is computed, and no parameter.
def _pruned(layer: nn.Module, name: str) -> None:
    nn.utils.prune.identity(layer, name)


def _parametrized(layer: nn.Module, name: str) -> None:
    nn.utils.parametrize.register_parametrization(layer, name, nn.Identity())


def _assigned(layer: nn.Module, name: str) -> None:
    kept = getattr(layer, name)
    delattr(layer, name)
    layer.register_parameter(f"{name}_raw", kept)
    setattr(layer, name, kept * 1)


X3, X4 = (4, 3, 4), (2, 4, 5, 5)
LAYERS: dict[str, Any] = {
    "Linear": (lambda: nn.Linear(4, 3), X3),
    "Bilinear": (lambda: nn.Bilinear(4, 4, 3), X3, X3),
    "Conv2d": (lambda: nn.Conv2d(4, 2, 3), X4),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 2, 3), X4),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), X4),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), X4),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), X4),
    "LayerNorm": (lambda: nn.LayerNorm(4), X3),
    "RMSNorm": (lambda: nn.RMSNorm(4), X3),
    "PReLU": (lambda: nn.PReLU(), X3),
    "RNN": (lambda: nn.RNN(4, 3, num_layers=2, bidirectional=True), X3),
    "GRU": (lambda: nn.GRU(4, 3, batch_first=True), X3),
    "LSTM": (lambda: nn.LSTM(4, 3, bidirectional=True), X3),
    "LSTM with projections": (lambda: nn.LSTM(4, 3, proj_size=2, dtype=minigrad.float64), X3),
    "LSTM without biases": (lambda: nn.LSTM(4, 3, bias=False), X3),
    "RNNCell": (lambda: nn.RNNCell(4, 3), (2, 4)),
    "GRUCell": (lambda: nn.GRUCell(4, 3), (2, 4)),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), (2, 4)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True), X3, X3, X3),
    "MultiheadAttention with separate projections": (
        lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
        X3,
        (2, 3, 3),
        (2, 3, 5),
    ),
}


@pytest.mark.parametrize("compute", [_pruned, _parametrized, _assigned])
@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_weights_that_are_computed(case: Any, compute: Any) -> None:
    make, *shapes = case
    results = []
    for is_computed in (False, True):
        minigrad.manual_seed(0)
        layer = make()
        names = [name for name, _ in layer.named_parameters(recurse=False)]
        dtype = next(layer.parameters()).dtype
        inputs = [minigrad.randn(shape, dtype=dtype) for shape in shapes]
        for name in names if is_computed else []:
            compute(layer, name)
        outputs = _tensors(layer(*inputs))
        sum((x * x).sum() for x in outputs).backward()
        grads = [p.grad for p in layer.parameters()]
        results.append([*outputs, *sorted(g.abs().sum().item() for g in grads)])
    for plain, computed in zip(*results, strict=True):
        assert_allclose(*(minigrad.as_tensor(x).detach() for x in (computed, plain)), rtol=1e-6)


def _tensors(value: Any) -> list[Any]:
    return [x for part in value for x in _tensors(part)] if isinstance(value, tuple) else [value]
