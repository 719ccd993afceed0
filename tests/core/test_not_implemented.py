"""Functions that PyTorch records without a derivative: their graphs, and the error of backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minigrad

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "floor_divide": lambda t, x, y: t.floor_divide(x, y),
    "floor_divide by a number": lambda t, x, y: x // 2,
    "a number floor_divided": lambda t, x, y: 2 // x,
    "floor_divide by a constant": lambda t, x, y: x // y.detach(),
    "floor_divide_": lambda t, x, y: (x * 1).floor_divide_(y),
    "//=": lambda t, x, y: (x * 1).__ifloordiv__(2),
    "heaviside": lambda t, x, y: t.heaviside(x, y),
    "heaviside_": lambda t, x, y: (x * 1).heaviside_(y),
    "a number % a tensor": lambda t, x, y: 2 % x,
    "remainder of a number": lambda t, x, y: t.remainder(2, x),
    "igamma": lambda t, x, y: t.igamma(x, y),
    "igammac": lambda t, x, y: t.igammac(x, y),
    "igamma_": lambda t, x, y: (x * 1).igamma_(y),
    "igamma of a constant": lambda t, x, y: t.igamma(x.detach(), y),
    "igammac of a constant": lambda t, x, y: t.igammac(x.detach(), y),
    "zeta": lambda t, x, y: t.special.zeta(x, y),
    "zeta of a constant": lambda t, x, y: t.special.zeta(x.detach(), y),
    "zeta of a number": lambda t, x, y: t.special.zeta(2.0, y),
    "zeta with a number": lambda t, x, y: t.special.zeta(x, 2.0),
    "acosh_": lambda t, x, y: (x * 1).acosh_(),
    "asinh_": lambda t, x, y: (x * 1).asinh_(),
    "atanh_": lambda t, x, y: (x * 1).atanh_(),
    "arccosh_": lambda t, x, y: (x * 1).arccosh_(),
    "geqrf": lambda t, x, y: t.geqrf(t.stack([x, y])),
    "histogram": lambda t, x, y: t.histogram(x, 2, range=(0.0, 3.0)),
    "histogram with weights": lambda t, x, y: t.histogram(x, 2, weight=y),
    "histogram of a constant": lambda t, x, y: t.histogram(x.detach(), 2, weight=y),
    "histogram with edges": lambda t, x, y: t.histogram(x, y)[0],
    "histogramdd": lambda t, x, y: t.histogramdd(x.view(2, 1), [2])[0],
    "histogramdd with edges": lambda t, x, y: t.histogramdd(x.view(2, 1), [y], weight=y)[0],
    "bincount": lambda t, x, y: t.bincount(t.tensor([0, 2]), weights=x),
    "unique": lambda t, x, y: t.unique(x),
    "poisson": lambda t, x, y: t.poisson(x),
}


def outcome(t: Any, function: Callable[..., Any], create_graph: bool) -> list[Any]:
    """The nodes of the results and their edges, and the gradients or the error."""
    x = t.tensor([1.5, 2.5], dtype=t.float64, requires_grad=True)
    y = t.tensor([2.0, 3.0], dtype=t.float64, requires_grad=True)
    t.manual_seed(0)
    found: list[Any] = []
    for z in _tensors(function(t, x, y)):
        node = z.grad_fn
        edges = [n and (n.name(), place) for n, place in node.next_functions]
        found += [node.name(), type(node).__name__, edges]
        try:
            gradients = t.autograd.grad(
                z.sum(), [x, y], allow_unused=True, retain_graph=True, create_graph=create_graph
            )
        except (NotImplementedError, RuntimeError) as error:
            found += [type(error), str(error)]
        else:
            found += [None if d is None else d.tolist() for d in gradients]
    return found


def _tensors(results: Any) -> Iterator[Any]:
    yield from results if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_the_graph_and_the_error_are_pytorchs(name: str, create_graph: bool) -> None:
    ours, theirs = (outcome(t, FUNCTIONS[name], create_graph) for t in (minigrad, torch))
    for a, b in zip(ours, theirs, strict=True):
        numbers = isinstance(b, list) and all(isinstance(x, float) for x in b)
        assert a == (pytest.approx(b) if numbers else b)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_recorded_without_grad(name: str) -> None:
    for t in (minigrad, torch):
        x, y = t.tensor([1.5, 2.5]), t.tensor([2.0, 3.0])
        assert not any(z.requires_grad for z in _tensors(FUNCTIONS[name](t, x, y)))
        x, y = x.requires_grad_(), y.requires_grad_()
        with t.no_grad():
            assert not any(z.requires_grad for z in _tensors(FUNCTIONS[name](t, x, y)))
