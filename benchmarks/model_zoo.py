"""Networks with convolutions, recurrence and attention, each with its data and its training step.

Each is a function of a namespace, `torch`, so the same code runs in minigrad and in PyTorch.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import minigrad

Arrays = tuple[np.ndarray, np.ndarray]
LETTERS, WORD = 27, 16  # makemore's letters and its longest context


class Model(NamedTuple):
    """A network, how many samples a step takes, and how much time it may take.

    `network(torch)` makes the module, `data(rng, samples)` its inputs and class numbers, and
    `most` is the target for minigrad's time divided by PyTorch's. The optimiser has PyTorch's
    defaults. `clips` says whether the norm of the gradient is clipped before the update.
    """

    name: str
    network: Callable[[Any], Any]
    data: Callable[[np.random.Generator, int], Arrays]
    samples: int
    most: float
    optimizer: str = "AdamW"
    clips: bool = False


# Networks -----------------------------------------------------------------------------------------


def _lstm(torch: Any) -> Any:
    nn = torch.nn

    class LastOutput(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.linear = nn.LSTM(64, 64, batch_first=True), nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            outputs, _ = self.lstm(x)
            return self.linear(outputs[:, -1])

    return LastOutput()


def _convolutions(torch: Any, side: int, channels: tuple[int, int]) -> Any:
    nn = torch.nn
    first, second = channels
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, first, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(first, second, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            linear=nn.Linear(second * (side // 4) ** 2, 10),
        )
    )


def _embedded_context(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        OrderedDict(
            embedding=nn.Embedding(LETTERS + 1, 64),
            flatten=nn.Flatten(),
            hidden=nn.Linear(WORD * 64, 64),
            tanh=nn.Tanh(),
            linear=nn.Linear(64, LETTERS),
        )
    )


def _decoder(
    torch: Any, tokens: int, length: int, layers: int, heads: int, width: int, dropout: float
) -> Any:
    """A transformer that predicts each next token, with GELU written out as a composition."""
    nn = torch.nn

    def gelu(x: Any) -> Any:
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.dropout = nn.Dropout(dropout)
            self.register_buffer("later", torch.ones(length, length).triu(1).bool())

        def forward(self, x: Any) -> Any:
            x = x + self.dropout(self.mixed(self.attend(self.norm1(x))))
            return x + self.dropout(self.narrow(gelu(self.wide(self.norm2(x)))))

        def attend(self, x: Any) -> Any:
            n = len(x)
            q, k, v = (
                part.view(n, length, heads, width // heads).transpose(1, 2)
                for part in self.attention(x).split(width, dim=2)
            )
            scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(width // heads))
            weights = scores.masked_fill(self.later, float("-inf")).softmax(-1)
            mixed = self.dropout(weights) @ v
            return mixed.transpose(1, 2).contiguous().view(n, length, width)

    class Decoder(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(tokens, width), nn.Embedding(length, width)
            self.dropout = nn.Dropout(dropout)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)

        def forward(self, x: Any) -> Any:
            places = torch.arange(length).unsqueeze(0)
            x = self.dropout(self.token(x) + self.place(places))
            return self.linear(self.norm(self.blocks(x)))

    return Decoder()


# Data ---------------------------------------------------------------------------------------------


def _numbers(*shape: int) -> Callable[[np.random.Generator, int], Arrays]:
    def draw(rng: np.random.Generator, samples: int) -> Arrays:
        return rng.standard_normal((samples, *shape), np.float32), rng.integers(0, 10, samples)

    return draw


def _contexts(rng: np.random.Generator, samples: int) -> Arrays:
    """The letters before each letter of `samples` words."""
    n = samples * WORD
    return rng.integers(0, LETTERS, (n, WORD)), rng.integers(0, LETTERS, n)


def _tokens(kinds: int, length: int) -> Callable[[np.random.Generator, int], Arrays]:
    def draw(rng: np.random.Generator, samples: int) -> Arrays:
        x, y = rng.integers(0, kinds, (2, samples, length))
        return x, y

    return draw


MODELS = {
    model.name: model
    for model in (
        Model("LSTM, 32×20×64", _lstm, _numbers(20, 64), 32, 1.5),
        Model(
            "convolutions, 64×8×8",
            lambda torch: _convolutions(torch, 8, (8, 16)),
            _numbers(1, 8, 8),
            64,
            3.0,
            optimizer="SGD",
        ),
        Model(
            "convolutions, 32×28×28",
            lambda torch: _convolutions(torch, 28, (16, 32)),
            _numbers(1, 28, 28),
            32,
            3.0,
            optimizer="SGD",
        ),
        Model("makemore's MLP", _embedded_context, _contexts, 32, 1.5),
        Model(
            "makemore's transformer",
            lambda torch: _decoder(torch, LETTERS, WORD, 4, 4, 64, 0.0),
            _tokens(LETTERS, WORD),
            32,
            1.5,
        ),
        Model(
            "minGPT's adder",
            lambda torch: _decoder(torch, 10, 6, 3, 3, 48, 0.1),
            _tokens(10, 6),
            64,
            1.5,
            clips=True,
        ),
    )
}


# Training steps -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingStep:
    """A network in one library: its `module`, a step of its training, and the way back.

    `run` returns the loss. `reset` restores the initial parameters, forgets the optimiser's state
    and seeds the random numbers.
    """

    module: Any
    run: Callable[[], Any]
    reset: Callable[[], None]

    def arrays(self, gradients: bool = False) -> dict[str, np.ndarray]:
        """Copies of all parameters, or of their gradients."""
        named = self.module.named_parameters()
        return {name: np.array((p.grad if gradients else p).detach().numpy()) for name, p in named}


def training_step(model: Model, torch: Any, dtype: str = "float32", small: bool = False) -> Any:
    """The model in the namespace, with minigrad's initial parameters; `small`: two samples."""
    x, y = model.data(np.random.default_rng(0), 2 if small else model.samples)
    module = model.network(torch).to(getattr(torch, dtype))
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y).flatten()
    optimizer = getattr(torch.optim, model.optimizer)(module.parameters())
    minigrad.manual_seed(0)
    initial = [p.detach().numpy() for p in model.network(minigrad).parameters()]

    def run() -> Any:
        optimizer.zero_grad()
        outputs = module(inputs)
        loss = torch.nn.functional.cross_entropy(outputs.view(-1, outputs.size(-1)), labels)
        loss.backward()
        if model.clips:
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        return loss

    def reset() -> None:
        with torch.no_grad():
            for p, array in zip(module.parameters(), initial, strict=True):
                p.copy_(torch.from_numpy(array))
        optimizer.zero_grad()
        optimizer.state.clear()
        torch.manual_seed(0)

    reset()
    return TrainingStep(module, run, reset)
