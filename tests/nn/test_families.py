"""Layers of nn: errors, containers of parameters, lazy layers and the names of nn.modules.

tests/bridge/test_class_samples.py compares their values.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from twins import check_close, check_same, torch

import minigrad
from minigrad import nn
from minigrad.nn.function_layer import FunctionLayer

PROGRAMS = {
    "groups that don't divide": lambda t: t.nn.Conv1d(3, 4, 1, groups=2),
    "no groups": lambda t: t.nn.Conv1d(3, 4, 1, groups=0),
    "padding by another word": lambda t: t.nn.Conv1d(1, 1, 3, padding="full"),
    "same with a stride": lambda t: t.nn.Conv1d(1, 1, 3, padding="same", stride=2),
    "another padding mode": lambda t: t.nn.Conv1d(1, 1, 3, padding_mode="none"),
    "transposed with reflection": lambda t: t.nn.ConvTranspose1d(1, 1, 3, padding_mode="reflect"),
    "transposed to a size": lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(
        t.zeros(1, 1, 3, 3), output_size=[8, 7]
    ).shape[2],
    "transposed to a wrong size": lambda t: t.nn.ConvTranspose2d(1, 1, 3, stride=2)(
        t.zeros(1, 1, 3, 3), output_size=[9, 7]
    ),
    "batch norm of an image": lambda t: t.nn.BatchNorm1d(2)(t.zeros(1, 2, 3, 3)),
    "batch norm of one value": lambda t: t.nn.BatchNorm1d(2)(t.zeros(1, 2)),
    "instance norm of other channels": lambda t: t.nn.InstanceNorm1d(2)(t.zeros(1, 3, 4)),
    "affine instance norm of other channels": lambda t: t.nn.InstanceNorm1d(2, affine=True)(
        t.zeros(1, 3, 4)
    ),
    "group norm of a remainder": lambda t: t.nn.GroupNorm(2, 3),
    "batch norm of an old checkpoint": lambda t: repr(
        t.nn.BatchNorm1d(2, affine=False).load_state_dict(
            {"running_mean": t.ones(2), "running_var": t.ones(2)}
        )
    ),
    "instance norm of one sample": lambda t: (
        type(t.nn.InstanceNorm1d(2)(t.zeros(2, 3, requires_grad=True)).grad_fn).__name__
    ),
    "mean of all batches": lambda t: [
        t.nn.BatchNorm1d(1, momentum=None)(t.ones(2, 1)).sum().item(),
        t.nn.BatchNorm1d(1, momentum=None).state_dict(),
    ],
    "pretrained and frozen": lambda t: (
        t.nn.Embedding.from_pretrained(t.ones(2, 2), padding_idx=0).weight.requires_grad
    ),
    "bilinear without inputs": lambda t: t.nn.Bilinear(0, 2, 3),
    "softmax2d of a vector": lambda t: t.nn.Softmax2d()(t.zeros(2)),
    "unflatten to a number": lambda t: t.nn.Unflatten(1, 2),
    "unflatten to a float": lambda t: t.nn.Unflatten(1, (2, 1.5)),
    "no heads": lambda t: t.nn.MultiheadAttention(4, 0),
    "causal without a mask": lambda t: t.nn.MultiheadAttention(4, 2)(
        *[t.zeros(3, 1, 4)] * 3, is_causal=True
    ),
    "a mask of another size": lambda t: t.nn.MultiheadAttention(4, 2)(
        *[t.zeros(3, 1, 4)] * 3, attn_mask=t.zeros(2, 2)
    ),
    "another activation": lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="tanh"),
    "a causal mask": lambda t: t.nn.Transformer.generate_square_subsequent_mask(3),
    "batches that differ": lambda t: t.nn.Transformer(4, 2, 1, 1, 8)(
        t.zeros(3, 1, 4), t.zeros(3, 2, 4)
    ),
    "parameter list": lambda t: repr(t.nn.ParameterList([t.ones(2, 3), 3, t.ones(())])),
    "parameter list from the end": lambda t: t.nn.ParameterList([t.ones(1), t.zeros(1)])[-1],
    "parameter list out of range": lambda t: t.nn.ParameterList([t.ones(1)])[1],
    "parameter list of a number": lambda t: t.nn.ParameterList(3),
    "parameter dict": lambda t: repr(t.nn.ParameterDict({"b": t.ones(2), "a": "text"})),
    "parameter dict of keys": lambda t: list(t.nn.ParameterDict([("b", 1), ("a", 2)]).keys()),
    "parameter dict over a method": lambda t: t.nn.ParameterDict({"keys": t.ones(1)}),
    "parameter dict without a key": lambda t: t.nn.ParameterDict()["a"],
    "parameter dict merged": lambda t: list(
        (t.nn.ParameterDict({"a": t.ones(1)}) | t.nn.ParameterDict({"b": t.ones(1)})).keys()
    ),
    "lazy": lambda t: [repr(t.nn.LazyLinear(2)), t.nn.LazyLinear(2).has_uninitialized_params()],
    "lazy states": lambda t: [
        repr((layer := t.nn.LazyLinear(2)).load_state_dict(t.nn.LazyLinear(2).state_dict())),
        [repr(x) for x in layer.state_dict().values()],
        layer.has_uninitialized_params(),
    ],
    "shape of a lazy parameter": lambda t: t.nn.LazyLinear(2).weight.shape,
    "number of lazy parameters": lambda t: t.nn.LazyLinear(2).weight.numel(),
    "lazy with the wrong dimensions": lambda t: t.nn.LazyConv2d(2, 1)(t.zeros(3)),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


ASSERTIONS = {
    "packed of three": lambda t: t.nn.utils.rnn.PackedSequence((t.ones(1), t.ones(1), 3)),
    "padding index too large": lambda t: t.nn.Embedding(3, 2, padding_idx=3),
    "pretrained vector": lambda t: t.nn.Embedding.from_pretrained(t.ones(2)),
    "hardtanh of no interval": lambda t: t.nn.Hardtanh(1.0, 1.0),
    "heads that don't divide": lambda t: t.nn.MultiheadAttention(3, 2),
}


@pytest.mark.parametrize("program", ASSERTIONS.values(), ids=ASSERTIONS)
def test_same_assertions(program: Any) -> None:
    said = []
    for t in (minigrad, torch):
        with pytest.raises(AssertionError) as raised:
            program(t)
        said.append(str(raised.value).split()[:3])
    assert said[0] == said[1]


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("of", ["model", "layer"])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_results_at_padding(grad: bool, at_end: bool, of: str, kind: str) -> None:
    """They are 0 if PyTorch leaves the padding out, which depends on the mode and the mask."""
    padding = [[False, False, True], [False, True, True]]
    if not at_end:
        padding = [[False, True, False], [False, False, False]]
    results = []
    for t in (minigrad, torch):
        t.manual_seed(0)
        layer = t.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        if of == "layer":
            layer.eval()
        model = t.nn.TransformerEncoder(layer, 2)
        if of == "model":
            model.eval()
        x = t.randn(2, 3, 4)
        mask = t.tensor(padding)
        if kind == "float":
            mask = t.zeros(2, 3).masked_fill(mask, -float("inf"))
        with t.set_grad_enabled(grad), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")
            results.append(model(x, src_key_padding_mask=mask).detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", ["src", "tgt"])
def test_masks_of_two_dtypes_warn(masked: str) -> None:
    def program(t: Any) -> Any:
        model = t.nn.Transformer(4, 2, 2, 1, 8, dropout=0.0)
        causal = model.generate_square_subsequent_mask(3)
        padding = t.tensor([[False, False, True]])
        masks = {f"{masked}_mask": causal, f"{masked}_key_padding_mask": padding}
        return model(t.zeros(3, 1, 4), t.zeros(3, 1, 4), **masks).shape[0]

    assert check_same(program).warned


def test_a_copied_decoder_layer_forgets_an_activation_that_is_a_module() -> None:
    results = []
    for t in (minigrad, torch):
        t.manual_seed(0)
        layer = t.nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0, activation=t.nn.Tanh())
        x = t.randn(3, 1, 4)
        copied = t.nn.TransformerDecoder(layer, 1)
        results.append(t.stack([layer(x, x), copied(x, x)]).detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_lazy_layers_load_the_state_of_ordinary_ones() -> None:
    layer = nn.LazyLinear(3)
    state = nn.Linear(2, 3).state_dict()
    layer.load_state_dict(state)
    assert not layer.has_uninitialized_params()
    assert layer.weight.shape == (3, 2)


def test_sparse_gradients_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="sparse"):
        nn.Embedding(2, 3, sparse=True)


FAMILIES = ("activation", "batchnorm", "container", "conv", "distance", "dropout", "flatten")
MORE = ("fold", "instancenorm", "linear", "loss", "normalization", "padding", "pixelshuffle")


@pytest.mark.parametrize(
    "name", [*FAMILIES, *MORE, "pooling", "rnn", "sparse", "transformer", "upsampling"]
)
def test_modules_have_the_names_of_pytorchs(name: str) -> None:
    theirs = vars(importlib.import_module(f"torch.nn.modules.{name}"))
    made = importlib.import_module(f"minigrad.nn.modules.{name}")
    names = [n for n in theirs["__all__"] if hasattr(nn, n)]
    assert names
    for each in names:
        assert getattr(made, each) is getattr(nn, each) is getattr(nn.modules, each)
    assert minigrad.nn.modules.utils._pair(2) == torch.nn.modules.utils._pair(2) == (2, 2)


def test_classes_have_pytorchs_bases() -> None:
    names = [name for name, kind in vars(nn).items() if inspect.isclass(kind)]
    names = [name for name in names if hasattr(torch.nn, name)]
    relations = [
        {(a, b) for a in names for b in names if issubclass(getattr(t, a), getattr(t, b))}
        for t in (nn, torch.nn)
    ]
    assert relations[0] == relations[1]


def test_constants() -> None:
    for name, kind in vars(nn).items():
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            expected = getattr(getattr(torch.nn, name), "__constants__", None)
            assert getattr(kind, "__constants__", None) == expected, name


def test_inputs_have_pytorchs_names() -> None:
    """Those that a call must give."""

    def required(kind: Any) -> list[str]:
        parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
        if issubclass(kind, FunctionLayer) and kind.forward is FunctionLayer.forward:
            return list(kind._inputs)
        return [p.name for p in parameters if p.default is p.empty]

    compared = 0
    for name, kind in vars(nn).items():
        if not inspect.isclass(kind) or not issubclass(kind, nn.Module):
            continue
        if kind.forward is nn.Module.forward:
            continue
        assert required(kind) == required(getattr(torch.nn, name)), name
        compared += 1
    assert compared > 100


def test_inputs_by_name() -> None:
    def program(t: Any) -> Any:
        x, y, labels = t.arange(6.0).view(2, 3), t.ones(2, 3), t.tensor([0, 2])
        return [
            t.nn.CrossEntropyLoss()(input=x, target=labels),
            t.nn.CrossEntropyLoss(label_smoothing=0.1)(x, target=labels),
            t.nn.TripletMarginLoss()(negative=x, anchor=y, positive=x),
            t.nn.PoissonNLLLoss()(log_input=x, target=y),
            t.nn.MaxPool1d(2)(input=x),
        ]

    check_close(program, rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.nn.MSELoss()(x),
        lambda t, x: t.nn.MSELoss()(x, x, x),
        lambda t, x: t.nn.MSELoss()(x, input=x),
        lambda t, x: t.nn.MSELoss()(x, x, weight=x),
        lambda t, x: t.nn.MSELoss()(x, x, reduction="sum"),
        lambda t, x: t.nn.MSELoss()(x, x, size_average=True),
        lambda t, x: t.nn.GELU()(x, out=x),
        lambda t, x: t.nn.MaxPool1d(2)(),
    ],
)
def test_inputs_that_are_missing_or_too_many(call: Any) -> None:
    for t in (minigrad, torch):
        with pytest.raises(TypeError, match=r"^\w+\.forward\(\)"):
            call(t, t.ones(2, 3))
