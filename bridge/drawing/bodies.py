"""Bodies of networks, drawn: convolutional, recurrent, and with attention.

A body makes the features of images, sequences or tokens that the linear layers of a `Training`
take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import minigrad

from .draws import RandomDraws
from .layer_samples import Layer

# These have several outputs, and the last one several inputs.
_SEVERAL = ("RNN", "GRU", "LSTM", "MultiheadAttention")


@dataclass(frozen=True)
class Body:
    """Layers, each of one input and output, and the shape of a sample that they take.

    With `tokens` a sample has that many kinds of integers. The output is flattened.

    >>> conv = Layer("Conv1d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3})
    >>> Body((1, 5), (conv,)).features
    6
    """

    shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    tokens: int = 0

    def make(self, torch: Any) -> list[Any]:
        """Construct the layers in a namespace."""
        return [*(_one_to_one(torch, layer) for layer in self.layers), torch.nn.Flatten()]

    @property
    def features(self) -> int:
        """The number of features of a sample."""
        return math.prod(_shape_after(self.shape, self.layers, self.tokens))


def _one_to_one(torch: Any, layer: Layer) -> Any:
    """Make a layer that takes and returns one tensor."""
    made = layer.make(torch)
    if layer.name not in _SEVERAL:
        return made
    inputs = 3 if layer.name == "MultiheadAttention" else 1

    class First(torch.nn.Module):
        """The first output of a layer all of whose inputs are one tensor."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = made

        def forward(self, x: Any) -> Any:
            return self.layer(*[x] * inputs)[0]

    return First()


def _shape_after(
    shape: tuple[int, ...], layers: Iterable[Layer], tokens: int = 0
) -> tuple[int, ...]:
    """The shape of what layers make of a sample."""
    x = minigrad.zeros(2, *shape, dtype=minigrad.int64 if tokens else minigrad.float32)
    with minigrad.random.fork_rng(), minigrad.no_grad():
        for layer in layers:
            x = _one_to_one(minigrad, layer)(x)
    return tuple(x.shape[1:])


# Drawing ------------------------------------------------------------------------------------------

# A layer for a sample of some shape, or None.
_Choice = Callable[[RandomDraws, tuple[int, ...]], Layer | None]


def images(draw: RandomDraws) -> Body:
    """Draw one to three convolutions, with some of a norm, an activation and a pool after each."""
    dims = draw.pick(1, 2, 2, 2, 3)
    shape = (draw.integer(1, 3), *(draw.integer(4, 8 if dims < 3 else 5) for _ in range(dims)))
    return Body(shape, _chosen(draw, shape, (_convolution, _norm, _activation, _pool)))


def sequences(draw: RandomDraws) -> Body:
    """Draw one to three recurrent or attending layers."""
    shape = draw.integer(1, 5), draw.integer(1, 6)
    return Body(shape, _chosen(draw, shape, (_sequential,)))


def tokens(draw: RandomDraws) -> Body:
    """Draw an embedding, and layers as for sequences."""
    kinds, length, width = draw.integer(2, 6), draw.integer(1, 5), draw.integer(1, 6)
    options = draw.options(padding_idx=(..., 0), scale_grad_by_freq=(..., True))
    embedding = Layer("Embedding", {"num_embeddings": kinds, "embedding_dim": width, **options})
    return Body(
        (length,), (embedding, *_chosen(draw, (length, width), (_sequential,))), tokens=kinds
    )


BODIES: dict[str, Callable[[RandomDraws], Body]] = {
    "images": images,
    "sequences": sequences,
    "tokens": tokens,
}


def _chosen(
    draw: RandomDraws, shape: tuple[int, ...], choices: tuple[_Choice, ...]
) -> tuple[Layer, ...]:
    """Draw one to three rounds of layers, each for the shape that the layers before it make."""
    layers: list[Layer] = []
    for choose in choices * draw.integer(1, 3):
        layer = choose(draw, shape)
        if layer is not None:
            layers.append(layer)
            shape = _shape_after(shape, [layer])
    return tuple(layers)


def _convolution(draw: RandomDraws, shape: tuple[int, ...]) -> Layer:
    channels, *sizes = shape
    groups, stride = draw.pick(1, 1, channels), draw.pick(1, 1, 2)
    options: dict[str, Any] = {
        "in_channels": channels,
        "out_channels": groups * draw.integer(1, 3 if groups == 1 else 1),
        "kernel_size": min(draw.pick(1, 2, 3), *sizes),
        "stride": stride,
        "groups": groups,
        **draw.options(bias=(..., False)),
    }
    if draw.pick(False, False, False, True):
        return Layer(f"ConvTranspose{len(sizes)}d", options)
    same = ("same",) if stride == 1 == options["kernel_size"] % 2 else ()
    options |= draw.options(padding=(..., 0, *([1] if min(sizes) > 1 else []), *same))
    options |= draw.options(padding_mode=(..., ..., "reflect", "replicate", "circular"))
    return Layer(f"Conv{len(sizes)}d", options)


def _norm(draw: RandomDraws, shape: tuple[int, ...]) -> Layer | None:
    channels, *sizes = shape
    if math.prod(sizes) < 2:  # there may be only one sample
        return None
    batch = {"num_features": channels, **draw.options(momentum=(..., 0.5), affine=(..., False))}
    instance = {"num_features": channels, **draw.options(affine=(..., True))}
    group = {"num_groups": draw.pick(1, channels), "num_channels": channels}
    return draw.pick(
        None,
        Layer(f"BatchNorm{len(sizes)}d", batch),
        Layer(f"InstanceNorm{len(sizes)}d", instance),
        Layer("GroupNorm", group),
    )


def _activation(draw: RandomDraws, shape: tuple[int, ...]) -> Layer | None:
    name = draw.pick(None, "ReLU", "ReLU", "SiLU", "Tanh", "Sigmoid", "GELU", "Softplus")
    if name is None:
        return None
    return Layer(name, draw.options(inplace=(..., True)) if name in ("ReLU", "SiLU") else {})


def _pool(draw: RandomDraws, shape: tuple[int, ...]) -> Layer | None:
    _, *sizes = shape
    if min(sizes) < 2:
        return None
    windows = {"kernel_size": 2, **draw.options(stride=(..., 1), ceil_mode=(..., True))}
    return draw.pick(
        None,
        Layer(f"MaxPool{len(sizes)}d", windows),
        Layer(f"AvgPool{len(sizes)}d", windows),
        Layer(f"AdaptiveAvgPool{len(sizes)}d", {"output_size": draw.pick(1, 2)}),
    )


def _sequential(draw: RandomDraws, shape: tuple[int, ...]) -> Layer:
    _, width = shape
    heads = draw.pick(1, 2) if width % 2 == 0 else 1
    name = draw.pick("RNN", "GRU", "LSTM", "MultiheadAttention", "TransformerEncoderLayer")
    if name == "MultiheadAttention":
        options = draw.options(bias=(..., False), add_bias_kv=(..., True))
        return Layer(name, {"embed_dim": width, "num_heads": heads, "batch_first": True, **options})
    if name == "TransformerEncoderLayer":
        sizes = {"d_model": width, "nhead": heads, "dim_feedforward": draw.integer(1, 6)}
        options = draw.options(norm_first=(..., True), activation=(..., "gelu"))
        return Layer(name, {**sizes, "dropout": 0.0, "batch_first": True, **options})
    more = {"nonlinearity": (..., "relu")} if name == "RNN" else {}
    options = draw.options(
        num_layers=(..., 2), bidirectional=(..., True), bias=(..., False), **more
    )
    return Layer(
        name,
        {"input_size": width, "hidden_size": draw.integer(1, 5), "batch_first": True, **options},
    )
