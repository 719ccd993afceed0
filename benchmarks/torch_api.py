"""The network in PyTorch's API: the tutorial's manual loop, and `nn.Sequential` with `optim.SGD`.

Each program is a function of a namespace, `torch`, so the same code runs in minigrad, in PyTorch on
the CPU and in PyTorch on CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import Engine
from .networks import LEARNING_RATE, Network
from .turns import do_nothing


def manual(
    torch: Any,
    name: str,
    network: Network,
    device: str = "cpu",
    finish: Callable[[], Any] = do_nothing,
) -> Engine:
    """The tutorial's manual loop: plain parameters and an update written by hand."""
    F = torch.nn.functional
    x, y = _tensors(torch, network, device)
    W1, B1, Wout, Bout = parameters = [
        torch.from_numpy(p.copy()).to(device).requires_grad_() for p in network.parameters
    ]

    def forward() -> Any:
        z1 = torch.add(torch.matmul(x, W1), B1)
        Zout = torch.add(torch.matmul(F.relu(z1), Wout), Bout)
        return F.nll_loss(F.log_softmax(Zout, dim=1), y)

    def update(loss: Any) -> Any:
        with torch.no_grad():
            W1.data -= LEARNING_RATE * W1.grad.data
            B1.data -= LEARNING_RATE * B1.grad.data
            Wout.data -= LEARNING_RATE * Wout.grad.data
            Bout.data -= LEARNING_RATE * Bout.grad.data
        W1.grad.data.zero_()
        B1.grad.data.zero_()
        Wout.grad.data.zero_()
        Bout.grad.data.zero_()
        return loss

    def reset() -> None:
        for p, initial in zip(parameters, network.parameters, strict=True):
            p.data.copy_(torch.from_numpy(initial))
            if p.grad is not None:
                p.grad.zero_()

    return Engine(
        name,
        {"forward": forward, "backward": _backward, "update": update},
        gradients=lambda loss: tuple(_array(p.grad) for p in parameters),
        parameters=lambda: tuple(_array(p) for p in parameters),
        reset=reset,
        loss=_array,
        finish=finish,
    )


def modules(
    torch: Any,
    name: str,
    network: Network,
    device: str = "cpu",
    finish: Callable[[], Any] = do_nothing,
    compiler: Callable[[Any], Any] | None = None,
) -> Engine:
    """The same with `nn.Sequential`, `nn.CrossEntropyLoss` and `optim.SGD`.

    `compiler` may replace the function that computes the loss by a faster one.
    """
    nn = torch.nn
    x, y = _tensors(torch, network, device)
    (inputs, hidden), (_, classes) = network.parameters[0].shape, network.parameters[2].shape
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    model = model.to(device, torch.from_numpy(network.x[:0]).dtype)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def loss_of(x: Any, y: Any) -> Any:
        return criterion(model(x), y)

    loss_of = loss_of if compiler is None else compiler(loss_of)

    def forward() -> Any:
        return loss_of(x, y)

    def update(loss: Any) -> Any:
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def reset() -> None:
        with torch.no_grad():
            for p, initial in zip(model.parameters(), network.parameters, strict=True):
                p.copy_(torch.from_numpy(initial.T.copy()))
        optimizer.zero_grad()

    reset()
    return Engine(
        name,
        {"forward": forward, "backward": _backward, "update": update},
        gradients=lambda loss: tuple(_array(p.grad).T for p in model.parameters()),
        parameters=lambda: tuple(_array(p).T for p in model.parameters()),
        reset=reset,
        loss=_array,
        finish=finish,
    )


def _backward(loss: Any) -> Any:
    loss.backward()
    return loss


def _tensors(torch: Any, network: Network, device: str) -> tuple[Any, Any]:
    return tuple(torch.from_numpy(each).to(device) for each in (network.x, network.y))


def _array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().cpu().numpy())
