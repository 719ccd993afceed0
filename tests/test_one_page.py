"""The page agrees with the engine bit for bit, and with PyTorch up to rounding.

The engine adds numbers in PyTorch's order, the page in NumPy's. So where bits are compared, the
engine is given NumPy's order (`adding_as_numpy`).
"""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import one_page
from minigrad.app import programs

Array = np.ndarray

SOURCE = Path(one_page.__file__).read_text()
ROOT = Path(__file__).parent.parent

# The tutorial's data and the shapes of its parameters.
X = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], np.float64)
LABELS = np.array([0, 1, 2, 0, 0, 2])
SHAPES = ((2, 5), (5,), (5, 3), (3,))
EPOCHS = 1000


def same_bits(a: Array, b: Array) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def _summed_to(shape: tuple[int, ...], gradient: Array) -> Array:
    lead = gradient.ndim - len(shape)
    dims = tuple(
        d for d in range(gradient.ndim) if d < lead or shape[d - lead] != gradient.shape[d]
    )
    return np.add.reduce(gradient, dims).reshape(shape)


@contextmanager
def adding_as_numpy() -> Iterator[None]:
    """Let the engine add numbers in NumPy's order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.core.walk.summed_to", _summed_to)
        patch.setattr("minigrad.rules.nn.by_nll_loss", lambda x, ignored: np.add.reduce(x))
        yield


# The page itself ----------------------------------------------------------------------------------


def test_the_source_fits_on_a_page() -> None:
    assert len(SOURCE.splitlines()) <= 100


def test_the_source_imports_only_numpy() -> None:
    imports = [n for n in ast.walk(ast.parse(SOURCE)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(statement) for statement in imports] == ["import numpy as np"]


def test_a_graph_is_freed_without_the_garbage_collector() -> None:
    w = one_page.tensor(np.ones((3, 3)), requires_grad=True)
    hidden = one_page.relu(one_page.add(one_page.matmul(w, w), w))
    loss = one_page.nll_loss(one_page.log_softmax(hidden, dim=1), np.array([0, 1, 2]))
    loss.backward()
    alive = [weakref.ref(tensor) for tensor in (hidden, loss)]
    gc.disable()
    try:
        del hidden, loss
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_only_tensors_that_require_a_gradient_get_one() -> None:
    x = one_page.tensor(np.ones((1, 2)))
    w = one_page.tensor(np.ones((2, 1)), requires_grad=True)
    y = one_page.matmul(x, w)
    y.backward()
    assert x.grad is None
    assert y.grad is None
    assert w.grad is not None


# The tutorial's network ---------------------------------------------------------------------------


def first_parameters(dtype: str) -> list[Array]:
    """Return the parameters that the page starts from."""
    draw = np.random.default_rng(0).standard_normal
    return [draw(shape, dtype) for shape in SHAPES]


def training(dtype: str) -> Iterator[programs.Progress]:
    """Run the engine's program with the page's first parameters."""
    steps = programs.manual(minigrad, X, LABELS, epochs=EPOCHS, dtype=dtype)
    progress = next(steps)
    arrays = first_parameters(dtype)
    for parameter, array in zip(progress.parameters.values(), arrays, strict=True):
        parameter.data.copy_(minigrad.from_numpy(array))
    yield progress
    yield from steps


@pytest.mark.parametrize("dtype", programs.DTYPES)
def test_every_epoch_of_the_tutorial_has_the_engines_bits(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    gradients: list[Array] = []

    def nll_loss(*args: Any, original: Any = one_page.nll_loss) -> Any:
        loss = original(*args)
        losses.append(loss.data.item())
        return loss

    def zero_(self: Any, original: Any = one_page.Tensor.zero_) -> None:
        gradients.append(self.data.copy())
        original(self)

    monkeypatch.setattr(one_page, "nll_loss", nll_loss)
    monkeypatch.setattr(one_page.Tensor, "zero_", zero_)
    parameters = [one_page.tensor(p, requires_grad=True) for p in first_parameters(dtype)]
    one_page.train(one_page.tensor(X.astype(dtype)), LABELS, parameters, EPOCHS)

    steps = training(dtype)
    next(steps)
    assert len(losses) == EPOCHS
    assert len(gradients) == EPOCHS * len(SHAPES)
    epochs = zip(steps, losses, zip(*[iter(gradients)] * len(SHAPES), strict=True), strict=True)
    with adding_as_numpy():
        for progress, loss, grads in epochs:
            assert loss == progress.loss
            for engines, grad in zip(progress.parameters.values(), grads, strict=True):
                assert same_bits(engines.grad.numpy(), grad)
    for engines, parameter in zip(progress.parameters.values(), parameters, strict=True):
        assert same_bits(engines.detach().numpy(), parameter.data)


def test_the_command_prints_the_engines_results() -> None:
    command = [sys.executable, "-m", "minigrad.one_page"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    expected = []
    steps = training("float32")
    for _ in range(EPOCHS):  # the page prints the loss and accuracy before the update
        progress = next(steps)
        loss, predicted = progress.evaluate(X, LABELS)
        epoch, accuracy = progress.epoch + 1, (predicted == LABELS).mean()
        if epoch % 200 == 0:
            expected.append(f"Epoch: {epoch}, loss: {loss:.4f}, train_acc: {accuracy:.3f}")
    assert len(expected) == 5
    assert run.stdout.splitlines() == expected
    assert run.stderr == ""


# Random networks ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Data, and a network as a list of layers, each a weight and a bias."""

    x: Array
    labels: Array
    layers: list[tuple[Array, Array]]


def problem(
    seed: int, sizes: list[int], batch: int, biases: list[str], dtype: str = "float64"
) -> Problem:
    """Return a random network of these sizes; `biases` are the shapes of the biases."""
    rng = np.random.default_rng(seed)
    layers = []
    for (n_in, n_out), bias in zip(pairwise(sizes), biases, strict=True):
        shape = {"(n,)": (n_out,), "(1, n)": (1, n_out), "(batch, 1)": (batch, 1)}
        shape |= {"(1, 1)": (1, 1), "()": ()}
        weight = rng.standard_normal((n_in, n_out)).astype(dtype)
        layers.append((weight, np.asarray(rng.standard_normal(shape[bias]), dtype)))
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    return Problem(x, rng.integers(0, sizes[-1], batch), layers)


# The engine sums a gradient over two broadcast dimensions in a different order.
ONE_DIMENSION = ("(n,)", "(1, n)", "(batch, 1)")
BIASES = (*ONE_DIMENSION, "(1, 1)", "()")


@st.composite
def problems(draw: st.DrawFn, biases: tuple[str, ...] = BIASES) -> Problem:
    size = st.integers(1, 6)
    sizes = draw(st.lists(size, min_size=2, max_size=5))
    shapes = draw(st.tuples(*[st.sampled_from(biases)] * (len(sizes) - 1)))
    dtype = draw(st.sampled_from(programs.DTYPES))
    return problem(draw(st.integers(0, 2**32)), sizes, draw(size), list(shapes), dtype)


def page_functions(page: Any) -> SimpleNamespace:
    """Return the functions of a training step on the page."""
    return SimpleNamespace(
        ops=page,
        constant=page.tensor,
        leaf=lambda array: page.tensor(array.copy(), requires_grad=True),
        labels=lambda labels: labels,
        nll_loss=page.nll_loss,
        array=lambda tensor: tensor.data,
    )


def library_functions(torch: Any) -> SimpleNamespace:
    """Return the same functions in the engine or in PyTorch."""
    return SimpleNamespace(
        ops=torch,
        constant=torch.from_numpy,
        leaf=lambda array: torch.from_numpy(array.copy()).requires_grad_(),
        labels=torch.from_numpy,
        nll_loss=torch.nn.functional.nll_loss,
        array=lambda tensor: tensor.detach().numpy(),
    )


def trained(library: SimpleNamespace, problem: Problem, steps: int) -> Iterator[tuple[str, Array]]:
    """Yield the loss, the gradients and the parameters of each step, with their names.

    A layer whose output has the size of its input is residual, `x + relu(x W + B)`, so that some
    tensors are used twice.
    """
    ops, array = library.ops, library.array
    layers = [(library.leaf(W), library.leaf(B)) for W, B in problem.layers]
    labels = library.labels(problem.labels)
    for step in range(steps):
        x = library.constant(problem.x)
        for W, B in layers:
            z = ops.add(ops.matmul(x, W), B)
            same_size = array(z).shape == array(x).shape
            x = ops.add(x, ops.relu(z)) if same_size else ops.relu(z)
        loss = library.nll_loss(ops.log_softmax(x, dim=1), labels)
        loss.backward()
        yield f"loss {step}", array(loss).copy()
        for i, parameter in enumerate(p for layer in layers for p in layer):
            yield f"gradient {i} of step {step}", array(parameter.grad).copy()
            parameter.data -= 0.1 * parameter.grad.data
            parameter.grad.zero_()
            yield f"parameter {i} after step {step}", array(parameter).copy()


def differing(page: Any, problem: Problem) -> list[str]:
    """Return the names of the values whose bits differ between the page and the engine."""
    with adding_as_numpy():
        both = list(
            zip(
                trained(page_functions(page), problem, steps=3),
                trained(library_functions(minigrad), problem, steps=3),
                strict=True,
            )
        )
    # A loss of 0 is -0 on the page.
    return [
        name
        for (name, ours), (_, engines) in both
        if not same_bits(ours + 0 if name.startswith("loss") else ours, engines)
    ]


@given(problems(ONE_DIMENSION))
def test_any_network_has_the_engines_bits(problem: Problem) -> None:
    assert differing(one_page, problem) == []


@given(problems())
def test_any_network_agrees_with_pytorch(problem: Problem) -> None:
    pytest.importorskip("torch")
    from bridge import assert_matches_torch

    assert_matches_torch(page_or_torch(one_page), problem.x, problem.labels, problem.layers)


def page_or_torch(page: Any) -> Any:
    """Return a program for the bridge that runs on the page in place of minigrad."""

    def program(torch: Any, x: Any, labels: Any, layers: list[tuple[Any, Any]]) -> dict[str, Any]:
        arrays = [(W.detach().numpy(), B.detach().numpy()) for W, B in layers]
        given = Problem(x.detach().numpy(), labels.numpy(), arrays)
        library = page_functions(page) if torch is minigrad else library_functions(torch)
        return {name: torch.from_numpy(array) for name, array in trained(library, given, steps=1)}

    return program


# Mistakes that the comparisons must find ----------------------------------------------------------

MISTAKES = {
    "the mean is a sum": ("-g / len(labels)", "-g"),
    "the pullback of log_softmax forgets the sum": (
        "g - np.exp(y) * g.sum(axis=dim, keepdims=True)",
        "g - np.exp(y)",
    ),
    "relu lets every gradient through": ("np.where(x.data > 0, g, 0)", "g"),
    "a gradient is off by 1.0005": ("a.data.T @ g", "1.0005 * a.data.T @ g"),
    "a broadcast dimension in front is averaged": ("gradient.sum(axis=0)", "gradient.mean(axis=0)"),
    "a stretched dimension is averaged": (
        "gradient.sum(axis=d, keepdims=True)",
        "gradient.mean(axis=d, keepdims=True)",
    ),
    "one of two contributions is lost": ("(gradients[parent] + share)", "share"),
    "a gradient is doubled": ("tensor.grad = Tensor(total)", "tensor.grad = Tensor(total + total)"),
    "zero_ does nothing": ("self.data[...] = 0", "self.data[...] += 0"),
    "a gradient is one unit too large": (
        "tensor.grad = Tensor(total)",
        "tensor.grad = Tensor(np.nextafter(total, np.inf).astype(total.dtype))",
    ),
}


# Not visible in a single step, or no larger than rounding.
ONLY_IN_BITS = ("zero_ does nothing", "a gradient is one unit too large")


def page_with(mistake: str) -> Any:
    """Return the page with one expression replaced."""
    old, new = MISTAKES[mistake]
    assert SOURCE.count(old) == 1
    page = ModuleType("mistaken")
    exec(compile(SOURCE.replace(old, new), mistake, "exec"), vars(page))
    return page


# Two residual layers, and a bias of each shape.
TELLING = problem(0, [4, 4, 4, 3], 5, ["(n,)", "(1, n)", "(batch, 1)"])


def test_the_page_without_a_mistake_does_not_differ() -> None:
    assert differing(one_page, TELLING) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_differs_from_the_engine(mistake: str) -> None:
    assert differing(page_with(mistake), TELLING)


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m not in ONLY_IN_BITS])
def test_a_mistake_differs_from_pytorch(mistake: str) -> None:
    pytest.importorskip("torch")
    from bridge import compare

    program = page_or_torch(page_with(mistake))
    assert not compare(program, TELLING.x, TELLING.labels, TELLING.layers).ok
