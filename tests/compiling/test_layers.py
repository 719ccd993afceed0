"""Every layer compiles, alone and after a batch norm that writes its statistics, or is listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import minigrad
from bridge.drawing.draws import RandomDraws
from bridge.drawing.layer_samples import LAYERS, Layer
from minigrad import nn
from minigrad.compiling import CompiledStep
from tests.compiling.twin_steps import Setting, bits, small_blocks

CALLS = 3
README = Path(minigrad.__file__).parent / "compiling" / "README.md"
WRITTEN = "a condition on values that the step has written"
# Layers with attention, which asks whether a query sees no key.
WITH_CONDITIONS = (
    "Transformer", "TransformerEncoder", "TransformerDecoder", "TransformerEncoderLayer",
    "TransformerDecoderLayer",
)  # fmt: skip
# Layers that aren't recorded with all options, with words of the reasons.
REFUSED = {
    "RReLU": ("int() of a tensor",),
    "FractionalMaxPool2d": ("a conversion of an array",),
    "FractionalMaxPool3d": ("a conversion of an array",),
    "AdaptiveLogSoftmaxWithLoss": ("item() of a tensor",),
    "CTCLoss": ("int() of a tensor",),
    "Embedding": ("np.unique",),
    "EmbeddingBag": ("np.unique", "an undeclared array", "a conversion of an array"),
}


def setting_of(name: str, seed: int, normalised: bool) -> tuple[Setting, list[np.ndarray]]:
    """A step that has a layer's gradients, and arrays to call it with."""
    draw = RandomDraws(seed, "tame")
    sample = LAYERS[name]
    options = sample.options(draw, 3)
    arrays = sample.inputs(draw, 3, options)
    minigrad.manual_seed(seed)
    layer, norm = Layer(name, options).make(minigrad).float(), nn.BatchNorm1d(1)

    def step(*inputs: Any) -> Any:
        layer.zero_grad()
        norm.zero_grad()
        x, *others = inputs
        if normalised and x.is_floating_point():
            # The losses of probabilities get probabilities.
            x = norm(x.reshape(-1, 1)).reshape(x.shape)
            x = x.sigmoid() if name == "BCELoss" else x
        y = layer(x, *others)
        while not isinstance(y, minigrad.Tensor):
            y = y[0]
        loss = (y * y).sum()
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    step(*tensors_of(arrays))  # a lazy layer gets its parameters
    named = [*layer.named_parameters(), *layer.named_buffers()]
    named += [(f"norm.{key}", x) for key, x in norm.named_parameters()]
    named += [(f"norm.{key}", x) for key, x in norm.named_buffers()]
    return Setting(step, dict(named)), arrays


def tensors_of(arrays: list[np.ndarray]) -> list[Any]:
    given = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in map(np.array, arrays)]
    return [minigrad.from_numpy(x) for x in given]


def run(name: str, seed: int, normalised: bool) -> str:
    """The reason if a drawn layer isn't recorded; else check that its steps are eager ones."""
    eager, arrays = setting_of(name, seed, normalised)
    twin, _ = setting_of(name, seed, normalised)
    compiled = CompiledStep(twin.step, fullgraph=True)
    for i in range(CALLS):
        inputs = tensors_of([x / (1 + i) if x.dtype.kind == "f" else x for x in arrays])
        try:
            minigrad.manual_seed(i)
            with small_blocks(seed):
                b = compiled(*[x.clone() for x in inputs])
        except RuntimeError as error:
            if "minigrad.compile can't record" in str(error):
                return str(error)
            raise
        minigrad.manual_seed(i)
        a = eager.step(*inputs)
        assert bits(a) == bits(b), i
        assert eager.state() == twin.state(), i
    return ""


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.filterwarnings("ignore:input's size at dim=1 does not match num_features")
@pytest.mark.parametrize("normalised", [False, True], ids=["alone", "after a write"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name: str, normalised: bool) -> None:
    words = list(REFUSED.get(name, ()))
    if normalised and name in WITH_CONDITIONS:
        words.append(WRITTEN)
    reasons = {run(name, seed, normalised) for seed in range(4096, 4096 + (12 if words else 3))}
    reasons.discard("")
    assert bool(reasons) == bool(words), reasons or f"{name} is recorded"
    for reason in reasons:
        assert any(part in reason for part in words), reason


def test_the_list_names_all_layers_that_are_refused() -> None:
    listed = README.read_text(encoding="utf-8").partition("These aren't recorded:")[2]
    missing = [name for name in REFUSED if f"`{name}`" not in listed]
    assert not missing
