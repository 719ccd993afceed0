"""higher_order.py: `create_graph` gives gradients with a history, for every feature of the tape."""

from __future__ import annotations

import gc
import itertools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from collector import no_cyclic_gc
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ops import SMALL_OPS
from small_programs import COMPUTE, MAKE, VIEW, WRITE, Instruction, Run, instructions
from trajectories import check_equal
from twins import check_same, outcome

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [-0.5, 2.0, 4.0]])
Y = np.array([[0.5, 1.0, 2.0], [0.25, 4.0, 1.0], [2.0, 0.5, 1.0]])


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(values or (1.0, 2.0), dtype=torch.float64, requires_grad=True)


def weights(torch: Any, like: Any, seed: int = 0) -> Any:
    """Return distinct integers in the shape of `like`: exact, and each element counts."""
    values = np.random.default_rng(seed).permutation(np.arange(1.0, 1 + like.numel()))
    return torch.from_numpy(values.reshape(tuple(like.shape))).to(like.dtype)


def chain(torch: Any, y: Any, inputs: list[Any], orders: int) -> list[Any]:
    """Return the derivatives of `y`, each order that of a weighted sum of the order before."""
    found: list[Any] = []
    outputs = [y]
    for order in range(orders):
        outputs = [out for out in outputs if out is not None and out.requires_grad]
        if not outputs:
            break
        cotangents = [weights(torch, out, order) for out in outputs]
        outputs = torch.autograd.grad(
            outputs, inputs, cotangents, create_graph=True, allow_unused=True
        )
        found += [(d, d is not None and d.requires_grad) for d in outputs]
    return found


def _found(program: Program, t: Any) -> list[Any]:
    try:
        return list(program(t))
    except RuntimeError as error:
        return [(None, str(error).split()[:4])]


def check_close(program: Program, rtol: float = 1e-9) -> None:
    """Check that both libraries return close tensors, and otherwise equal values."""
    ours, theirs = (_found(program, t) for t in (minigrad, torch))
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if isinstance(a, tuple):
            assert a[1:] == b[1:], i
            a, b = a[0], b[0]
        assert (a is None) == (b is None), i
        if a is not None:
            a, b = (t.numpy(force=True) for t in (a, b))
            assert (a.shape, a.dtype) == (b.shape, b.dtype), i
            scale = max(1.0, np.abs(b).max(initial=0))
            np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale, err_msg=str(i))


# Compositions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", ["mul", "tanh", "sum dim", "softmax", "mm"])
@pytest.mark.parametrize("name", [name for name in SMALL_OPS if name != "cast"])
def test_compositions(name: str, outer: str) -> None:
    """The result of one op is an operand of another, which saves it."""

    def program(torch: Any) -> Any:
        x, y = (torch.from_numpy(a.copy()).requires_grad_() for a in (X, Y))
        inner = SMALL_OPS[name](torch, x * 1, y * 1)
        square = inner.reshape(-1)[:1] * torch.ones(3, 3, dtype=torch.float64)
        total = SMALL_OPS[outer](torch, square, y) + SMALL_OPS[outer](torch, y, square)
        return chain(torch, total, [x, y], 3)

    check_close(program)


@settings(max_examples=150)
@given(
    st.lists(instructions(MAKE, COMPUTE, VIEW, VIEW, WRITE), min_size=1, max_size=8),
    st.integers(0, 100),
)
def test_small_programs(program: list[Instruction], end: int) -> None:
    """With random views and writes, differentiated twice."""

    def twice(torch: Any) -> Any:
        run = Run(torch)
        for instruction in program:
            run.execute(instruction)
        leaves = [t for t in run.tensors if t.is_leaf and t.requires_grad]
        y = run.tensors[end % len(run.tensors)]
        found: list[Any] = [run.errors]
        if not (leaves and y.requires_grad):
            return found
        try:
            found += chain(torch, y * y, leaves, 2)
        except RuntimeError as error:
            found.append(str(error).split()[0])
        return found

    ours, theirs = twice(minigrad), twice(torch)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, tuple):
            assert (a[0] is None, a[1]) == (b[0] is None, b[1])
            if a[0] is not None:
                np.testing.assert_array_equal(a[0].numpy(force=True), b[0].numpy(force=True))
        else:
            assert a == b


# Writes and views -------------------------------------------------------------------------------

WRITES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "exp_": lambda torch, x, y: (x * 1).exp_(),
    "mul_": lambda torch, x, y: (x * 1).mul_(y),
    "mul_ by itself": lambda torch, x, y: _itself(x * 1),
    "tanh_ of a part": lambda torch, x, y: _part(x * 1, lambda v: v.tanh_()),
    "mul_ of a part": lambda torch, x, y: _part(x * 1, lambda v: v.mul_(y[0])),
    "div_ of a transposed part": lambda torch, x, y: _part((x * 1).t(), lambda v: v.div_(y[0])),
    "a saved result of a part": lambda torch, x, y: _part(x * x, lambda v: v.sigmoid_()) * x,
    "copy_": lambda torch, x, y: _part(x * 1, lambda v: v.copy_(y[0] * y[1])),
    "an element": lambda torch, x, y: _set(x * 1, (0, 1), (y * y).sum()),
    "a mask": lambda torch, x, y: _set(x * 1, x > 0, (y * y)[0, 0]),
    "zero_": lambda torch, x, y: _part(x * y, lambda v: v.zero_()),
    "relu_": lambda torch, x, y: (x * y).relu_(),
    "twice": lambda torch, x, y: _part(_part(x * y, lambda v: v.exp_()), lambda v: v.mul_(y[1])),
    "read between": lambda torch, x, y: _read_between(x, y),
    "a view made before": lambda torch, x, y: _view_before(x, y),
}


def _itself(z: Any) -> Any:
    return z.mul_(z.clone())


def _part(z: Any, write: Callable[[Any], Any]) -> Any:
    write(z[0])
    return z


def _set(z: Any, key: Any, value: Any) -> Any:
    z[key] = value
    return z


def _read_between(x: Any, y: Any) -> Any:
    z = x * y
    before = (z + 1).exp()
    z[0].mul_(y[0])
    return before * z


def _view_before(x: Any, y: Any) -> Any:
    z = x * y
    view = z.t()[1]
    z.mul_(y)
    view.exp_()
    return z * view


@pytest.mark.parametrize("name", WRITES)
def test_writes(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = (torch.from_numpy(a.copy()).requires_grad_() for a in (X, Y))
        z = WRITES[name](torch, x, y)
        return chain(torch, z * z, [x, y], 3)

    check_close(program)


@pytest.mark.parametrize("when", ["before the first", "between"])
@pytest.mark.parametrize("victim", ["x", "y", "z", "d"])
def test_version_errors_in_the_graph_of_the_gradient(victim: str, when: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch), leaf(torch, 3.0, 5.0)
        tensors = {"x": x * 1, "y": y * 1}
        tensors["z"] = (tensors["x"] * tensors["y"]).exp()
        if when != "between":
            tensors.get(victim, x.detach().clone()).mul_(2)
        out = tensors["z"] * 3
        (d,) = torch.autograd.grad(out, tensors["x"], weights(torch, out), create_graph=True)
        tensors["d"] = d
        out = d * 3
        if when == "between":
            tensors[victim].detach().mul_(2)
        found = torch.autograd.grad(out, (x, y), weights(torch, out))
        return [g is None for g in found]

    check_same(program)


# Dtypes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", ["float32", "float64"])
@pytest.mark.parametrize("b", ["float32", "float64", "int64", "bool", "number"])
@pytest.mark.parametrize("op", ["mul", "div", "pow", "maximum", "where", "mse"])
def test_promotion(op: str, a: str, b: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([1.0, 2.0, 4.0], dtype=getattr(torch, a), requires_grad=True)
        if b == "number":
            y: Any = 2
        else:
            y = torch.tensor([1, 1, 2]).to(getattr(torch, b))
            y = y.requires_grad_() if b.startswith("float") else y
        if op in ("maximum", "mse") and (b == "number" or not b.startswith("float")):
            return []
        z = {
            "mul": lambda: x * y,
            "div": lambda: x / y,
            "pow": lambda: x**y if b != "bool" else x * y,
            "maximum": lambda: torch.maximum(x, y) * x,
            "where": lambda: torch.where(x > 1, x * x, y),
            "mse": lambda: torch.nn.functional.mse_loss(x * x, y),
        }[op]()
        inputs = [x, y] if b.startswith("float") else [x]
        return chain(torch, z * z, inputs, 2)

    check_close(program, 1e-5 if "float32" in (a, b) else 1e-12)


def test_through_a_cast() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1.0, 2.0)
        return chain(torch, (x * x).float() * x.float(), [x], 3)

    check_close(program)


# retain_graph -----------------------------------------------------------------------------------


@pytest.mark.parametrize("retain", [None, True, False])
@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("then", ["the first again", "the second", "the second twice"])
def test_retain_graph_and_create_graph(then: str, create: bool, retain: bool | None) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x * x
        w = weights(torch, y)
        (d,) = torch.autograd.grad(y, x, w, retain_graph=retain, create_graph=create)
        if then == "the first again":
            return torch.autograd.grad(y, x, w)
        found = [torch.autograd.grad(d, x, w)]
        if then == "the second twice":
            found += torch.autograd.grad(d, x, w)
        return found

    check_same(program)


def test_a_gradient_needs_a_graph_that_was_freed() -> None:
    """The graph is freed after the gradient's own graph was recorded."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x.exp()
        z = y * y
        w = weights(torch, z)
        (d,) = torch.autograd.grad(z, x, w, create_graph=True)
        torch.autograd.grad(z, x, w)
        return torch.autograd.grad(d, x, w)

    assert check_same(program).error is not None


# backward(create_graph=True) --------------------------------------------------------------------


def quietly(program: Program) -> Program:
    """Run a program without warnings: PyTorch warns once per process, minigrad each time."""

    def unwarned(torch: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return program(torch)

    return unwarned


@pytest.mark.parametrize("before", ["nothing", "a gradient", "zeros"])
def test_backward_with_create_graph(before: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        if before == "a gradient":
            (x * 5).sum().backward()
        elif before == "zeros":
            x.grad = torch.zeros(2, dtype=torch.float64)
        held = x.grad
        y = x * x * x
        y.backward(weights(torch, y), create_graph=True)
        first = x.grad
        found = [held is first, held, first.requires_grad, first.is_leaf, first.clone()]
        y.backward(weights(torch, y, 1), create_graph=True)
        found += [x.grad is first, first, x.grad]
        g = x.grad
        x.grad = None
        g.backward(weights(torch, g, 2))
        return [*found, x.grad, x.grad.requires_grad]

    check_same(quietly(program))


def test_the_nodes_of_gradients_of_backward_with_create_graph() -> None:
    """A leaf's gradient is copied, a retained one is cloned, and further ones are added."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x
        y.retain_grad()
        names = []
        for _ in range(2):
            (y * y).sum().backward(create_graph=True, retain_graph=True)
            names += [x.grad.grad_fn.name(), y.grad.grad_fn.name()]
        return names, x.grad, y.grad

    # PyTorch warns only once.
    assert outcome(program, minigrad).value == outcome(program, torch).value


@pytest.mark.parametrize("cotangent_requires_grad", [True, False])
def test_the_gradient_of_the_gradient_of_relu(cotangent_requires_grad: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        g = torch.ones_like(x).requires_grad_(cotangent_requires_grad)
        (d,) = torch.autograd.grad(x.relu(), x, g, create_graph=True)
        d.backward(weights(torch, d))
        return d, x.grad, g.grad

    check_same(program)


@pytest.mark.parametrize("options", [{}, {"dim": 0}, {"dim": (0, -1), "keepdim": True}])
def test_the_layout_of_the_recorded_gradient_of_a_mean(options: dict[str, Any]) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(3, 2, requires_grad=True)
        y = x.mean(**options)
        g = weights(torch, y).float().requires_grad_()
        (d,) = torch.autograd.grad(y, x, g, create_graph=True)
        return list(d.stride()), d, torch.autograd.grad(d.sum(), g)

    check_same(program)


def test_backward_after_backward_with_create_graph() -> None:
    """Without create_graph, a gradient is added in place to one that has a graph."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x * x
        y.backward(weights(torch, y), create_graph=True)
        first = x.grad
        (x * x).backward(weights(torch, x))
        return x.grad is first, x.grad, x.grad.requires_grad

    check_same(quietly(program))


@pytest.mark.parametrize("inputs", ["leaf", "interior", "both"])
def test_inputs_of_backward_with_create_graph(inputs: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x
        z = y * y
        wanted = {"leaf": [x], "interior": [y], "both": [x, y]}[inputs]
        z.backward(weights(torch, z), create_graph=True, inputs=wanted)
        found = [t.grad for t in wanted]
        return found, [torch.autograd.grad(g, x, weights(torch, g)) for g in found[:1]]

    check_same(quietly(program))


def test_retained_gradients_have_a_graph() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x
        y.retain_grad()
        z = y * y
        z.backward(weights(torch, z), create_graph=True)
        return y.grad, y.grad.requires_grad, torch.autograd.grad(y.grad, x, weights(torch, y))

    check_same(quietly(program))


def test_the_warning_points_to_the_calling_line() -> None:
    x = leaf(minigrad)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (x * x).sum().backward(create_graph=True)
        minigrad.autograd.backward((x * x).sum(), create_graph=True)
    assert [w.category for w in caught] == [UserWarning] * 2
    assert {w.filename for w in caught} == {__file__}


# Cut off from the graph ---------------------------------------------------------------------------

CUT: dict[str, Callable[[Any, Any], Any]] = {
    "detached": lambda torch, w: w * w.detach(),
    "detached twice": lambda torch, w: (w * w).detach() * w,
    "data": lambda torch, w: w * w.data * w,
    "no_grad": lambda torch, w: w * _in_no_grad(torch, w) * w,
    "constant": lambda torch, w: w * 3,
    "its number": lambda torch, w: w * w[0].item() * w,
    "its integers": lambda torch, w: w * w.long() * w,
    "its mask": lambda torch, w: w * (w > 1) * w,
}


def _in_no_grad(torch: Any, w: Any) -> Any:
    with torch.no_grad():
        return w * w


@pytest.mark.parametrize("name", CUT)
def test_a_part_is_cut_off(name: str) -> None:
    def program(torch: Any) -> Any:
        w = leaf(torch)
        return chain(torch, CUT[name](torch, w), [w], 3)

    check_same(program)


@pytest.mark.parametrize("when", ["before the first", "between"])
@pytest.mark.parametrize("how", ["data", "its own data"])
def test_a_leaf_whose_data_was_replaced(how: str, when: str) -> None:
    """The new values replace the operand's, but not those of results computed from the old."""

    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x * x
        for now in ("before the first", "between"):
            if when == now:
                x.data = torch.ones(2).double() if how == "data" else x.data * 10
            (y,) = torch.autograd.grad(y, x, weights(torch, y), create_graph=True)
        return y

    assert check_same(program).error is None


@pytest.mark.parametrize("when", ["before the first", "between"])
def test_a_leaf_written_to_after_the_forward(when: str) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x * x
        for now in ("before the first", "between"):
            if when == now:
                with torch.no_grad():
                    x.mul_(10)
            (y,) = torch.autograd.grad(y, x, weights(torch, y), create_graph=True)
        return y

    assert check_same(program).error is not None


# Training with second derivatives -----------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_a_gradient_penalty(optimizer: str) -> None:
    """The loss contains the gradient of a network with respect to its input."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((16, 3))
    starts = [rng.standard_normal(shape) / 2 for shape in ((5, 3), (5,), (1, 5), (1,))]

    def course(torch: Any) -> Any:
        model = torch.nn.Sequential(
            torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1), torch.nn.Sigmoid()
        ).double()
        with torch.no_grad():
            for p, start in zip(model.parameters(), starts, strict=True):
                p.copy_(torch.from_numpy(start))
        step = getattr(torch.optim, optimizer)(model.parameters(), lr=0.05)
        for i in range(20):
            x = torch.from_numpy(data[i % 4 :: 4].copy()).requires_grad_()
            y = model(x)
            (slope,) = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)
            loss = (y * y).mean() + ((slope * slope).sum(1).sqrt() - 1).pow(2).mean()
            step.zero_grad()
            loss.backward()
            step.step()
            yield [("loss", loss.detach().numpy().copy())] + [
                (name, p.detach().numpy().copy()) for name, p in model.named_parameters()
            ]

    for i, (ours, theirs) in enumerate(zip(course(minigrad), course(torch), strict=True)):
        check_equal(ours, theirs, 1e-11, f"step {i}")


def test_newtons_method() -> None:
    def program(torch: Any) -> Any:
        x, found = leaf(torch, 3.0), []
        for _ in range(5):
            y = x**3 - 2 * x
            (d,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            (dd,) = torch.autograd.grad(d.sum(), x)
            with torch.no_grad():
                x -= d / dd
            found.append(x.detach().clone())
        return found

    check_close(program)


def test_a_hessian_row_by_row() -> None:
    def program(torch: Any) -> Any:
        x = torch.from_numpy(X[0].copy()).requires_grad_()
        a = torch.from_numpy(Y.copy())
        y = ((a @ x).tanh() * x.exp()).sum()
        (d,) = torch.autograd.grad(y, x, create_graph=True)
        return [torch.autograd.grad(each, x, retain_graph=True)[0] for each in d]

    check_close(program)
    rows = np.stack([row.numpy() for row in program(minigrad)])
    np.testing.assert_allclose(rows, rows.T, atol=1e-12)


# Memory -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL_OPS)
def test_the_graph_of_a_gradient_dies_by_reference_counting(name: str) -> None:
    x, y = (minigrad.from_numpy(a.copy()).requires_grad_() for a in (X, Y))
    with no_cyclic_gc():
        out = SMALL_OPS[name](minigrad, x * 1, y * 1)
        ds = minigrad.autograd.grad(
            out, (x, y), weights(minigrad, out), create_graph=True, allow_unused=True
        )
        alive = [weakref.ref(out.grad_fn)]
        for d in ds:
            if d is not None and d.grad_fn is not None:
                alive.append(weakref.ref(d.grad_fn))
                minigrad.autograd.grad(
                    d, (x, y), weights(minigrad, d), retain_graph=True, allow_unused=True
                )
        del out, ds
        d = None
        assert [ref() for ref in alive] == [None] * len(alive)
        assert gc.collect() == 0


WRITTEN_TO = {
    "a result": lambda torch, x, c: (y := x.exp(), y),
    "an operand": lambda torch, x, c: (z := x * 1, z * z)[::-1],
    "a constant": lambda torch, x, c: (x.exp() * c, c),
}


@pytest.mark.parametrize("name", WRITTEN_TO)
@pytest.mark.parametrize("written", [True, False])
def test_saved_tensors_of_a_gradient_are_checked_for_writes(name: str, written: bool) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        constant = torch.tensor([3.0, 5.0], dtype=torch.float64)
        y, saved = WRITTEN_TO[name](torch, x, constant)
        cotangent = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(y, x, cotangent, create_graph=True)
        if written:
            with torch.no_grad():
                saved.mul_(2)
        slope.backward(torch.tensor([1.0, -1.0], dtype=torch.float64))
        return "no error"

    assert (check_same(program).error is not None) == written


# Gradients that PyTorch computes by one function --------------------------------------------------

JOINT: dict[str, Any] = {
    "batch_norm": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), (3, 4), 4, 4),
    "batch_norm by given statistics": (
        lambda f, x, w, b: f.batch_norm(x, x[0].detach(), x[1].detach(), w, b),
        (3, 4),
        4,
        4,
    ),
    "layer_norm": (lambda f, x, w, b: f.layer_norm(x, (4,), w, b), (3, 4), 4, 4),
    "group_norm": (lambda f, x, w, b: f.group_norm(x, 2, w, b), (3, 4, 2), 4, 4),
    "instance_norm": (lambda f, x, w, b: f.instance_norm(x, None, None, w, b), (3, 4, 5), 4, 4),
    "conv1d": (lambda f, x, w, b: f.conv1d(x, w, b), (2, 3, 5), (4, 3, 2), 4),
    "conv_transpose1d": (lambda f, x, w, b: f.conv_transpose1d(x, w, b), (2, 3, 5), (3, 4, 2), 4),
    "linear": (lambda f, x, w, b: f.linear(x, w, b), (2, 3), (4, 3), 4),
}


@pytest.mark.parametrize("name", JOINT)
@pytest.mark.parametrize("wanted", list(itertools.product((False, True), repeat=3))[1:])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_gradient_requires_grad_if_what_computed_it_does(
    name: str, wanted: tuple[bool, ...], recorded: bool
) -> None:
    function, *shapes = JOINT[name]

    def program(torch: Any) -> Any:
        operands = [
            torch.linspace(0.5, 2, int(np.prod(shape))).reshape(shape).requires_grad_(flag)
            for shape, flag in zip(shapes, wanted, strict=True)
        ]
        leaves = [x for x in operands if x.requires_grad]
        y = function(torch.nn.functional, *operands)
        g = torch.ones_like(y).requires_grad_(recorded)
        gradients = torch.autograd.grad(y, leaves, g, create_graph=True)
        found = []
        for d in gradients:
            again = d.requires_grad and torch.autograd.grad(
                d.sum(), leaves, allow_unused=True, retain_graph=True
            )
            found.append((d.requires_grad, d.is_leaf, again and [c is None for c in again]))
        return found

    check_same(program)


def _of_image(call: Callable[[Any, Any], Any], nd: int) -> Callable[[Any], Any]:
    def made(t: Any) -> Any:
        x = t.rand(1, 1, *[4] * nd, requires_grad=True)
        return call(t.nn.functional, x), x

    return made


# Functions that are linear between kinks, whose gradients PyTorch shows as functions of the input.
LINEAR_BETWEEN_KINKS: dict[str, Callable[[Any], Any]] = {
    **{
        f"{mode} padding, {nd}d": _of_image(
            lambda f, x, nd=nd, mode=mode: f.pad(x, (1, 1) * nd, mode), nd
        )
        for mode in ("reflect", "replicate", "circular", "constant")
        for nd in (1, 2, 3)
    },
    **{
        f"{name}, {nd}d": _of_image(
            lambda f, x, name=name, nd=nd: getattr(f, f"{name}{nd}d")(x, 2), nd
        )
        for name in ("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool")
        for nd in (2, 3)
    },
    **{
        f"fractional pooling, {nd}d": _of_image(
            lambda f, x, nd=nd: getattr(f, f"fractional_max_pool{nd}d")(x, 2, output_size=2), nd
        )
        for nd in (2, 3)
    },
    **{
        f"rrelu, training={training}, inplace={inplace}": _of_image(
            lambda f, x, training=training, inplace=inplace: f.rrelu(
                x * 1 - 0.5, training=training, inplace=inplace
            ),
            1,
        )
        for training in (True, False)
        for inplace in (True, False)
    },
}


@pytest.mark.parametrize("made", LINEAR_BETWEEN_KINKS.values(), ids=LINEAR_BETWEEN_KINKS)
def test_gradients_between_kinks_have_a_history(made: Callable[[Any], Any]) -> None:
    def program(t: Any) -> Any:
        y, x = made(t)
        (d,) = t.autograd.grad(y.sum(), x, create_graph=True)
        if not d.requires_grad:
            return [type(y.grad_fn).__name__, False]
        (second,) = t.autograd.grad(d.sum(), x, allow_unused=True)
        return [type(y.grad_fn).__name__, True, second if second is None else second.abs().sum()]

    assert check_same(program).error is None


@pytest.mark.parametrize("which", ["input", "grid", "both"])
@pytest.mark.parametrize("size", [2, 3])
def test_gradients_of_nearest_pixels_have_a_history(size: int, which: str) -> None:
    def program(t: Any) -> Any:
        x = t.ones(1, 1, *[3] * size, requires_grad=which != "grid")
        grid = t.zeros(1, *[2] * size, size, requires_grad=which != "input")
        y = t.nn.functional.grid_sample(x, grid, mode="nearest", align_corners=False)
        leaves = [leaf for leaf in (x, grid) if leaf.requires_grad]
        found = t.autograd.grad(y.sum(), leaves, create_graph=True)
        return [*found, *[d.requires_grad for d in found]]

    assert check_same(program).error is None


def test_padding_and_random_pooling_save_their_input() -> None:
    calls: dict[str, Callable[[Any, Any], Any]] = {
        "reflect": lambda f, x: f.pad(x, (1, 1, 1, 1), "reflect"),
        "replicate": lambda f, x: f.pad(x, (1, 1, 1, 1), "replicate"),
        "fractional": lambda f, x: f.fractional_max_pool2d(x, 2, output_size=2),
        "rrelu": lambda f, x: f.rrelu(x, training=True),
        "rrelu in evaluation": lambda f, x: f.rrelu(x),
    }
    for call in calls.values():

        def program(t: Any, call: Callable[[Any, Any], Any] = call) -> Any:
            x = t.ones(1, 1, 4, 4, requires_grad=True) * 1
            y = call(t.nn.functional, x)
            x.add_(1)
            y.sum().backward()

        assert check_same(program).error is not None
