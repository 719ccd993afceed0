"""The networks that the automatic program trains, and which data sets and optimisers suit them.

Like the programs, each network is a function of a namespace, `torch`, so the same lines run in
minigrad and in PyTorch. Its inputs are samples × features. The `mlp` takes any. The others see each
sample as an image: `cnn` as one, `rnn` and `transformer` as a sequence of its rows.

`hidden` has the size of each hidden layer: the units of a linear layer, the channels of a
convolution, the units of an LSTM, or the units between the two linear layers of an encoder layer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

# A row's number of features within the transformer, and the heads that share them.
WIDTH, HEADS = 32, 4


def _mlp(
    torch: Any, image: tuple[int, int] | None, sizes: Sequence[int], activation: str, on: Any
) -> Any:
    nn = torch.nn
    activate = functions(torch)[activation]

    class ModelWithHiddenLayers(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            for i, (n_in, n_out) in enumerate(pairwise(sizes), 1):
                setattr(self, f"linear{i}", nn.Linear(n_in, n_out, **on))

        def forward(self, x: Any) -> Any:
            *hidden_layers, last = self.children()
            for linear in hidden_layers:
                x = activate(linear(x))
            return last(x)

    return ModelWithHiddenLayers()


def _cnn(torch: Any, image: tuple[int, int], sizes: Sequence[int], activation: str, on: Any) -> Any:
    nn = torch.nn
    _, *hidden, classes = sizes
    activate = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[activation]
    rows, columns = image
    layers = [("image", nn.Unflatten(1, (1, rows, columns)))]
    for i, (before, after) in enumerate(pairwise((1, *hidden)), 1):
        layers += [
            (f"conv{i}", nn.Conv2d(before, after, 3, padding=1, **on)),
            (f"activation{i}", activate()),
            (f"pool{i}", nn.MaxPool2d(2)),
        ]
        rows, columns = rows // 2, columns // 2
    layers += [
        ("flatten", nn.Flatten()),
        ("linear", nn.Linear(hidden[-1] * rows * columns, classes, **on)),
    ]
    return nn.Sequential(OrderedDict(layers))


def _rnn(torch: Any, image: tuple[int, int], sizes: Sequence[int], activation: str, on: Any) -> Any:
    nn = torch.nn
    _, *hidden, classes = sizes

    class RecurrentModel(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            for i, (n_in, n_out) in enumerate(pairwise((image[1], *hidden)), 1):
                setattr(self, f"lstm{i}", nn.LSTM(n_in, n_out, batch_first=True, **on))
            self.linear = nn.Linear(hidden[-1], classes, **on)

        def forward(self, x: Any) -> Any:
            *layers, linear = self.children()
            rows = x.unflatten(1, image)
            for lstm in layers:
                rows, _ = lstm(rows)
            return linear(rows[:, -1])

    return RecurrentModel()


def _transformer(
    torch: Any, image: tuple[int, int], sizes: Sequence[int], activation: str, on: Any
) -> Any:
    nn = torch.nn
    _, *hidden, classes = sizes
    options = {"batch_first": True, "activation": functions(torch)[activation], **on}
    # Without dropout, a resumed run doesn't depend on the random numbers drawn before.
    options["dropout"] = 0.0

    class TransformerModel(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(image[1], WIDTH, **on)
            self.position = nn.Parameter(torch.randn(image[0], WIDTH, **on))
            self.encoder = nn.ModuleList(
                nn.TransformerEncoderLayer(WIDTH, HEADS, units, **options) for units in hidden
            )
            self.linear = nn.Linear(WIDTH, classes, **on)

        def forward(self, x: Any) -> Any:
            rows = self.embed(x.unflatten(1, image)) + self.position
            for layer in self.encoder:
                rows = layer(rows)
            return self.linear(rows.mean(1))

    return TransformerModel()


class Model(NamedTuple):
    """How to make a network, and what suits it.

    - `make(torch, image, sizes, activation, on)`: the network. `sizes` are those of the inputs, the
      hidden layers and the outputs, and `image` the rows and columns of a sample. `on` has the
      dtype and the device, and `bias=False` if the layers have none.
    - `hidden`: the default sizes of the hidden layers; None for the data set's.
    - `activations`: the activations that it can have.
    - `weight`: the name of hidden layer i's weight, from 1 on or, in a list, from 0 on, and the
      dimension that is its size.
    - `only_matrices`: whether all parameters are matrices if the layers have no bias.
    """

    make: Callable[..., Any]
    hidden: tuple[int, ...] | None
    activations: tuple[str, ...]
    weight: tuple[str, int]
    only_matrices: bool


_ANY = ("relu", "tanh", "sigmoid")
MODELS = {
    "mlp": Model(_mlp, None, _ANY, ("linear{}.weight", 0), only_matrices=True),
    "cnn": Model(_cnn, (8, 16), _ANY, ("conv{}.weight", 0), only_matrices=False),
    # An LSTM has tanh, and sigmoid in its gates.
    "rnn": Model(_rnn, (32,), ("tanh",), ("lstm{}.weight_hh_l0", 1), only_matrices=True),
    "transformer": Model(
        _transformer, (64,), _ANY, ("encoder.{}.linear1.weight", 0), only_matrices=False
    ),
}
OF_IMAGES = tuple(name for name in MODELS if name != "mlp")


def most_layers(image: tuple[int, int]) -> int:
    """The largest number of hidden layers of `cnn`, each of which halves the image.

    >>> most_layers((8, 8))
    3
    """
    return min(image).bit_length() - 1


def functions(torch: Any) -> dict[str, Callable[[Any], Any]]:
    """The activations by name."""
    return {
        "relu": torch.nn.functional.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
