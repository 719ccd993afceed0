"""A compiled module is a module, and its calls run as a recorded program where they can."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import minigrad
from minigrad import nn


def model_of(t: Any) -> Any:
    t.manual_seed(0)
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.ReLU(), t.nn.Dropout(0.5), t.nn.Linear(4, 2))


READINGS: dict[str, Any] = {
    "is a module": lambda t, c, m: isinstance(c, t.nn.Module),
    "original": lambda t, c, m: c._orig_mod is m,
    "parameters": lambda t, c, m: [*map(id, c.parameters())] == [*map(id, m.parameters())],
    "names": lambda t, c, m: [name for name, _ in c.named_parameters()],
    "state": lambda t, c, m: list(c.state_dict()),
    "train": lambda t, c, m: (c.train().training, m.training),
    "eval": lambda t, c, m: (c.eval().training, m.training, m[2].training),
    "children": lambda t, c, m: [type(x).__name__ for x in c.modules()],
    "attribute": lambda t, c, m: c.append is not None,
    "missing": lambda t, c, m: hasattr(c, "no_such_name"),
    "type": lambda t, c, m: type(c).__name__,
    "text": lambda t, c, m: repr(c),
    "load": lambda t, c, m: str(c.load_state_dict(c.state_dict())),
    "of an evaluated one": lambda t, c, m: t.compile(m.eval()).training,
}


@pytest.mark.parametrize("name", READINGS)
def test_it_is_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")

    def reading(t: Any) -> Any:
        model = model_of(t)
        return READINGS[name](t, t.compile(model), model)

    validates = torch.distributions.Distribution._validate_args
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own imports
            assert reading(minigrad) == reading(torch)
    finally:  # its compiler stops the checks of distributions
        torch.distributions.Distribution.set_default_validate_args(validates)


def test_calls_without_gradients_run_as_a_program() -> None:
    model = model_of(minigrad).eval()
    compiled = minigrad.compile(model, fullgraph=True)
    with minigrad.no_grad():
        for i in range(4):
            x = minigrad.rand(5, 3) - i
            assert compiled(x).tolist() == model(x).tolist()
    assert "import numpy as np" in compiled.source
    assert compiled.refusal == ""


def test_a_result_with_a_graph_is_no_error() -> None:
    twin, model = model_of(minigrad).eval(), model_of(minigrad).eval()
    compiled = minigrad.compile(model, fullgraph=True)

    def train(module: Any) -> None:
        for _ in range(3):
            module(minigrad.ones(5, 3)).sum().backward()

    with pytest.warns(UserWarning, match="a result that still has a graph.*runs without it"):
        train(compiled)
    train(twin)
    pairs = zip(twin.parameters(), compiled.parameters(), strict=True)
    assert all(a.grad.tolist() == b.grad.tolist() for a, b in pairs)


def test_other_refusals_are_errors_with_fullgraph() -> None:
    class Reads(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * x.sum().item()

    compiled = minigrad.compile(Reads(), fullgraph=True)
    compiled(minigrad.ones(2))
    with pytest.raises(RuntimeError, match=r"can't record item\(\)"):
        compiled(minigrad.ones(2))
