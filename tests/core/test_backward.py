"""backward.py: every argument and every error of `backward` and `grad`, as in PyTorch."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same, outcome, plain

import minigrad
from minigrad.rules import indexing

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]


def leaf(torch: Any, *values: float, dtype: str = "float64") -> Any:
    return torch.tensor(list(values), dtype=getattr(torch, dtype), requires_grad=True)


def grad_of(torch: Any, *args: Any, **kwargs: Any) -> Any:
    return torch.autograd.grad(*args, **kwargs)


def check_same_kind(program: Program) -> None:
    """Like `check_same`, but the text of an error may differ; its type must be the same."""
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    both = f"\nminigrad: {ours}\nPyTorch:  {theirs}"
    assert ours.value == theirs.value, both
    assert (ours.error and ours.error.kind) == (theirs.error and theirs.error.kind), both


# Cotangents ---------------------------------------------------------------------------------------


def _backward(make: Callable[[Any, Any], Any], *args: Any, **kwargs: Any) -> Program:
    """Return a program: compute an output from a leaf of three elements, and return the gradient.

    Arguments that are callable are called with the namespace, to get its tensors.
    """

    def program(torch: Any) -> Any:
        x = leaf(torch, 1, -2, 3)
        made = [a(torch) if callable(a) else a for a in args]
        named = {name: a(torch) if callable(a) else a for name, a in kwargs.items()}
        make(torch, x).backward(*made, **named)
        return x.grad

    return program


COTANGENTS: dict[str, Program] = {
    "none for a scalar": _backward(lambda torch, x: x.sum()),
    "none for one element": _backward(lambda torch, x: x[:1] * 2),
    "none for one element in many dimensions": _backward(lambda torch, x: x[:1].view(1, 1, 1)),
    "none for several elements": _backward(lambda torch, x: x * 2),
    "none do": _backward(lambda torch, x: x[:0] * 2),
    "of the same shape": _backward(lambda torch, x: x * 2, lambda torch: torch.ones(3).double()),
    "by name": _backward(lambda torch, x: x * 2, gradient=lambda torch: torch.ones(3).double()),
    "another shape": _backward(lambda torch, x: x * 2, lambda torch: torch.ones(2).double()),
    "one that would broadcast": _backward(
        lambda torch, x: x * 2, lambda torch: torch.ones(1).double()
    ),
    "a 0-d one": _backward(lambda torch, x: x * 2, lambda torch: torch.tensor(1.0).double()),
    "one of more dimensions": _backward(
        lambda torch, x: x.sum(), lambda torch: torch.ones(1).double()
    ),
    "another float dtype": _backward(lambda torch, x: x * 2, lambda torch: torch.ones(3)),
    "integers": _backward(lambda torch, x: x * 2, lambda torch: torch.tensor([1, 2, 3])),
    "bools": _backward(lambda torch, x: x * 2, lambda torch: torch.tensor([True, False, True])),
    "a list": _backward(lambda torch, x: x * 2, [1.0, 2.0, 3.0]),
    "a list of a tensor": _backward(lambda torch, x: x * 2, lambda torch: [torch.ones(3)]),
    "a number": _backward(lambda torch, x: x.sum(), 2.0),
    "an array": _backward(lambda torch, x: x * 2, np.ones(3)),
    "None": _backward(lambda torch, x: x.sum(), None),
    "one that requires grad": _backward(lambda torch, x: x * 2, lambda torch: leaf(torch, 1, 2, 3)),
    "empty": _backward(lambda torch, x: x[:0] * 2, lambda torch: torch.ones(0).double()),
    "a leaf itself": _backward(lambda torch, x: x, lambda torch: torch.ones(3).double()),
    "a constant": lambda torch: torch.ones(1).backward(),
    "a constant with a cotangent": lambda torch: torch.ones(2).backward(torch.ones(2)),
    "a detached tensor": _backward(lambda torch, x: x.sum().detach()),
}
OWN_WORDS: dict[str, Program] = {
    "an unknown argument": _backward(lambda torch, x: x.sum(), retain=True),
}


@pytest.mark.parametrize("name", COTANGENTS)
def test_cotangents(name: str) -> None:
    check_same(COTANGENTS[name])


@pytest.mark.parametrize("name", OWN_WORDS)
def test_cotangents_with_errors_in_our_own_words(name: str) -> None:
    check_same_kind(OWN_WORDS[name])


@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3), st.integers(1, 3))
def test_backward_is_linear_in_the_cotangent(values: list[int], k: int) -> None:
    x = leaf(minigrad, 1, -2, 3)
    y = x * x + x
    v = minigrad.tensor(values, dtype=minigrad.float64)
    (once,) = minigrad.autograd.grad(y, x, v, retain_graph=True)
    (times,) = minigrad.autograd.grad(y, x, v * k)
    assert times.tolist() == (once * k).tolist()


def test_a_cotangent_is_neither_kept_nor_written_to() -> None:
    x = leaf(minigrad, 1, 2, 3)
    v = minigrad.ones(3, dtype=minigrad.float64)
    for out in (x + 0, x * 1, x.view(3), x):
        x.grad = None
        out.backward(v)
        x.grad.mul_(7)
        assert v.tolist() == [1, 1, 1]


def test_gradients_have_the_shape_and_dtype_of_their_leaf() -> None:
    def program(torch: Any) -> Any:
        row = leaf(torch, 1, 2, 3, dtype="float32")
        column = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
        scalar = torch.tensor(3.0, requires_grad=True)
        (row * column * scalar).sum().backward()
        return row.grad, column.grad, scalar.grad

    check_same(program)


# backward from several tensors, and with `inputs` -------------------------------------------------


def _many(*tensors: Any, **kwargs: Any) -> Program:
    """Return a program: walk back from several outputs, each given as a function of a leaf."""

    def program(torch: Any) -> Any:
        x = leaf(torch, 1, -2, 3)
        roots = [make(torch, x) for make in tensors]
        named = {name: a(torch) if callable(a) else a for name, a in kwargs.items()}
        torch.autograd.backward(roots, **named)
        return x.grad

    return program


def _total(torch: Any, x: Any) -> Any:
    return x.sum()


def _double(torch: Any, x: Any) -> Any:
    return x * 2


def _ones(torch: Any) -> Any:
    return torch.ones(3, dtype=torch.float64)


MANY: dict[str, Program] = {
    "scalars": _many(_total, lambda torch, x: (x * x).sum()),
    "one of each": _many(_total, _double, grad_tensors=lambda torch: [None, _ones(torch)]),
    "a tuple of cotangents": _many(_double, grad_tensors=lambda torch: (_ones(torch),)),
    "a cotangent alone": _many(_double, grad_tensors=_ones),
    "too few cotangents": _many(_total, _double, grad_tensors=lambda torch: [None]),
    "a missing one": _many(_total, _double),
    "one is a constant": _many(_total, lambda torch, x: torch.ones(1)),
    "none": _many(),
    "the same twice": lambda torch: _twice(torch),
    "not a tensor": lambda torch: torch.autograd.backward(3.0),
    "a tensor alone": lambda torch: torch.autograd.backward(leaf(torch, 1.0)),
    "a cotangent that is not a tensor": _many(_total, grad_tensors=[1.0]),
}


def _twice(torch: Any) -> Any:
    x = leaf(torch, 1, -2, 3)
    y = (x * x).sum()
    torch.autograd.backward([y, y])
    return x.grad


@pytest.mark.parametrize("name", MANY)
def test_backward_of_many(name: str) -> None:
    check_same(MANY[name])


# What may be given for tensors, as functions of the namespace, a leaf and a result of it.
GIVEN: dict[str, Callable[..., Any]] = {
    "leaf": lambda torch, x, y: x,
    "result": lambda torch, x, y: y,
    "total": lambda torch, x, y: y.sum(),
    "unused": lambda torch, x, y: leaf(torch, 1.0),
    "constant": lambda torch, x, y: torch.ones(2, dtype=torch.float64),
    "edge of the leaf": lambda torch, x, y: torch.autograd.graph.get_gradient_edge(x),
    "edge of the result": lambda torch, x, y: torch.autograd.graph.get_gradient_edge(y),
    "next edge": lambda torch, x, y: torch.autograd.graph.GradientEdge(
        *y.grad_fn.next_functions[0]
    ),
    "list": lambda torch, x, y: [y, x],
    "iterator": lambda torch, x, y: iter([y]),
    "empty list": lambda torch, x, y: [],
    "nested list": lambda torch, x, y: [[y]],
    "dict": lambda torch, x, y: {"a": x, 2: y},
    "empty dict": lambda torch, x, y: {},
    "another mapping": lambda torch, x, y: OrderedDict(a=x),
    "text": lambda torch, x, y: "x",
    "none in a list": lambda torch, x, y: [None],
}


@given(
    st.sampled_from([*GIVEN]),
    st.sampled_from([*GIVEN]),
    st.sampled_from(["one", "none", "a list", "wrong shape", "text"]),
    st.sampled_from(["grad", "unused", "zeros", "recorded zeros", "backward", "method"]),
)
def test_what_may_be_given_for_tensors(outputs: str, inputs: str, how: str, call: str) -> None:
    """Tensors, edges of the graph, lists of them and, for inputs, dicts; all else is an error."""

    def program(torch: Any) -> Any:
        try:
            return walked(torch)
        except AssertionError:  # `check_same` would take it for the test's
            return "an output is not a tensor"

    def walked(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        y = x * x
        ys, xs = GIVEN[outputs](torch, x, y), GIVEN[inputs](torch, x, y)
        ones = torch.ones(2, dtype=torch.float64)
        v = {"one": ones, "a list": [ones], "wrong shape": torch.ones(3), "text": "v"}.get(how)
        v = None if outputs.startswith("empty") else v  # not too many, as below
        if call == "method" and isinstance(ys, torch.Tensor):
            return ys.backward(v, inputs=xs), x.grad, y.requires_grad and y.grad
        if call in ("method", "backward"):
            return torch.autograd.backward(ys, v, inputs=xs), x.grad, y.retains_grad
        options = {
            "unused": {"allow_unused": True},
            "zeros": {"materialize_grads": True},
            "recorded zeros": {"materialize_grads": True, "create_graph": True},
        }
        found = torch.autograd.grad(ys, xs, v, **options.get(call, {}))
        several = found.values() if isinstance(found, dict) else found
        return found, [d is not None and d.requires_grad for d in several]

    check_same(program)


def test_the_edge_of_a_result_of_a_function() -> None:
    def program(torch: Any) -> Any:
        class Two(torch.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, a: Any, b: Any) -> Any:
                return a * 2 + b * 3

        x = leaf(torch, 1, 2)
        a, b = Two.apply(x)
        edge = torch.autograd.graph.get_gradient_edge(b)
        found = torch.autograd.grad((a + b * b).sum(), [edge, x])
        return edge.node.name(), edge.output_nr, found

    check_same(program)


def test_a_constant_has_no_edge() -> None:
    assert check_same(lambda torch: torch.autograd.graph.get_gradient_edge(torch.ones(2))).error


def test_too_many_cotangents_are_refused() -> None:
    """PyTorch ignores them."""
    with pytest.raises(RuntimeError, match="1 tensors and 2 gradients"):
        minigrad.autograd.backward([leaf(minigrad, 1.0)], [None, None])
    with pytest.raises(RuntimeError, match="1 tensors and 2 gradients"):
        minigrad.autograd.grad(leaf(minigrad, 1.0) * 2, leaf(minigrad, 1.0), [None, None])


def test_inputs_limit_the_gradients_and_the_freeing() -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        product = x * y
        other = y.exp()
        (product + other).sum().backward(inputs=[x])
        found = x.grad, y.grad
        other.sum().backward()  # was not walked, so it was not freed
        return *found, y.grad.shape

    check_same(program)


def test_inputs_may_be_non_leaves() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        middle = x * 3
        middle.retain_grad()
        (middle * middle).sum().backward(inputs=[middle])
        return middle.grad, x.grad

    check_same(program)


def test_inputs_may_be_a_non_leaf_and_its_operand() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        middle = x * 3
        middle.retain_grad()
        (middle * middle).sum().backward(inputs=[middle, x])
        return middle.grad, x.grad

    check_same(program)


INPUTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "a tensor": lambda torch, x, y: x,
    "a list": lambda torch, x, y: [x, y],
    "a tuple": lambda torch, x, y: (y,),
    "the same twice": lambda torch, x, y: [x, x],
    "none": lambda torch, x, y: [],
    "a constant": lambda torch, x, y: [torch.ones(2)],
    "an unused leaf": lambda torch, x, y: [leaf(torch, 1.0)],
    "not a tensor": lambda torch, x, y: [3.0],
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_backward(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        (x * y).sum().backward(inputs=INPUTS[name](torch, x, y))
        return x.grad, y.grad

    check_same_kind(program)


# grad ---------------------------------------------------------------------------------------------


def test_grad_returns_gradients_and_changes_no_grad() -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        x.grad = torch.full_like(x, 5.0)
        found = grad_of(torch, (x * y * y).sum(), [x, y])
        return type(found).__name__, found, x.grad, y.grad

    check_same(program)


GRADS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "of one input": lambda torch, x, y, z: grad_of(torch, z.sum(), x),
    "of a tuple": lambda torch, x, y, z: grad_of(torch, z.sum(), (x, y)),
    "of a non-leaf": lambda torch, x, y, z: grad_of(torch, (z * z).sum(), z),
    "of a non-leaf and its operand": lambda torch, x, y, z: grad_of(torch, (z * z).sum(), [z, x]),
    "of the output itself": lambda torch, x, y, z: grad_of(torch, z, z, torch.ones_like(z)),
    "of a leaf by itself": lambda torch, x, y, z: grad_of(torch, x, x, torch.ones_like(x)),
    "of inputs that repeat": lambda torch, x, y, z: grad_of(torch, z.sum(), [x, x, y]),
    "of two outputs": lambda torch, x, y, z: grad_of(torch, [z.sum(), x.sum()], [x, y]),
    "of an output twice": lambda torch, x, y, z: grad_of(torch, [z.sum(), z.sum()], x),
    "of outputs that don't all depend on the input": lambda torch, x, y, z: grad_of(
        torch, [z.sum(), x.sum()], y
    ),
    "with a cotangent": lambda torch, x, y, z: grad_of(torch, z, x, torch.ones_like(z)),
    "with a list of cotangents": lambda torch, x, y, z: grad_of(
        torch, [z, x], [x], [torch.ones_like(z), torch.ones_like(x)]
    ),
    "with cotangents by name": lambda torch, x, y, z: grad_of(
        torch, outputs=[z], inputs=[x], grad_outputs=[torch.ones_like(z)]
    ),
    "with a cotangent of another shape": lambda torch, x, y, z: grad_of(
        torch, z, x, torch.ones(3, dtype=torch.float64)
    ),
    "of a non-scalar without a cotangent": lambda torch, x, y, z: grad_of(torch, z, x),
    "of no input": lambda torch, x, y, z: grad_of(torch, z.sum(), []),
    "of a constant input": lambda torch, x, y, z: grad_of(torch, z.sum(), torch.ones(2)),
    "of a constant output": lambda torch, x, y, z: grad_of(torch, torch.ones(1), x),
    "unused": lambda torch, x, y, z: grad_of(torch, x.sum(), [x, y]),
    "unused, allowed": lambda torch, x, y, z: grad_of(torch, x.sum(), [x, y], allow_unused=True),
    "unused, as zeros": lambda torch, x, y, z: grad_of(
        torch, x.sum(), [x, y], materialize_grads=True
    ),
    "unused, as zeros with a graph": lambda torch, x, y, z: [
        d.requires_grad
        for d in grad_of(torch, x.sum(), [x, y], create_graph=True, materialize_grads=True)
    ],
    "unused, as zeros, not allowed": lambda torch, x, y, z: grad_of(
        torch, x.sum(), [x, y], allow_unused=False, materialize_grads=True
    ),
    "unused, as zeros, allowed": lambda torch, x, y, z: grad_of(
        torch, x.sum(), [y], allow_unused=True, materialize_grads=True
    ),
    "unused, not allowed": lambda torch, x, y, z: grad_of(torch, x.sum(), [y], allow_unused=False),
    "used only through a detached tensor": lambda torch, x, y, z: grad_of(
        torch, (x * y.detach()).sum(), [y], allow_unused=True
    ),
    "of a tensor newer than the output": lambda torch, x, y, z: grad_of(
        torch, z.sum(), [(x * 2)], allow_unused=True
    ),
    "of a view of an input": lambda torch, x, y, z: grad_of(
        torch, z.sum(), [x[0]], allow_unused=True
    ),
    "twice": lambda torch, x, y, z: (grad_of(torch, z.sum(), x), grad_of(torch, z.sum(), x)),
    "twice, retaining": lambda torch, x, y, z: (
        grad_of(torch, z.sum(), x, retain_graph=True),
        grad_of(torch, z.sum(), y),
    ),
    "of a non-leaf with a freed history": lambda torch, x, y, z: (
        grad_of(torch, z.sum(), x),
        grad_of(torch, (z * 2).sum(), z),
    ),
    "with only_inputs": lambda torch, x, y, z: grad_of(torch, z.sum(), x, only_inputs=True),
    "not batched": lambda torch, x, y, z: grad_of(torch, z.sum(), x, is_grads_batched=False),
    "batched": lambda torch, x, y, z: batched(torch, z, x, 3, 2),
    "of several inputs, batched": lambda torch, x, y, z: batched(torch, z, [x, y, x], 2, 2),
    "of a dict, batched": lambda torch, x, y, z: batched(torch, z, {"a": x, "b": y}, 1, 2),
    "of a number, batched": lambda torch, x, y, z: batched(torch, z.sum(), x, 3),
    "batched, recorded": lambda torch, x, y, z: batched(torch, z, x, 3, 2, create_graph=True),
    "batched, retaining": lambda torch, x, y, z: (
        batched(torch, z, x, 3, 2, retain_graph=True),
        batched(torch, z, x, 3, 2),
    ),
    "batched, twice": lambda torch, x, y, z: (
        batched(torch, z, x, 3, 2),
        batched(torch, z, x, 3, 2),
    ),
    "of an unused input, batched": lambda torch, x, y, z: batched(torch, x * x, (x, y), 3, 2),
    "allowed to be unused, batched": lambda torch, x, y, z: batched(
        torch, x * x, (x, y), 3, 2, allow_unused=True
    ),
    "materialized, batched": lambda torch, x, y, z: batched(
        torch, x * x, (x, y), 3, 2, materialize_grads=True
    ),
}


def batched(torch: Any, y: Any, inputs: Any, *shape: int, **options: Any) -> Any:
    """The gradients for a batch of cotangents of this shape."""
    count = int(np.prod(shape))
    cotangents = torch.arange(count, dtype=torch.float64).reshape(shape) - 2
    return torch.autograd.grad(y, inputs, cotangents, is_grads_batched=True, **options)


@pytest.mark.parametrize("name", GRADS)
def test_grad(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        found = GRADS[name](torch, x, y, x * y)
        assert x.grad is None
        assert y.grad is None
        return found

    check_same(program)


def test_no_two_results_of_grad_share_memory() -> None:
    x, y = leaf(minigrad, 1, 2), leaf(minigrad, 3, 4)
    z = x + y
    same = z + 0  # its gradient is passed on to z unchanged
    v = minigrad.ones(2, dtype=minigrad.float64)
    found = minigrad.autograd.grad([same, x], [x, x, y, z, z, same], [v, v])
    arrays = [g._array for g in (*found, v)]
    for a, b in itertools.combinations(arrays, 2):
        assert not np.shares_memory(a, b)


def test_grad_walks_only_paths_to_the_inputs() -> None:
    """So a freed graph elsewhere does not matter."""

    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        freed = y.exp()
        freed.sum().backward()
        return grad_of(torch, (x * 2 + freed).sum(), x)

    check_same(program)


def test_grad_does_not_fill_retained_gradients() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        middle = x * 3
        middle.retain_grad()
        found = grad_of(torch, (middle * middle).sum(), x)
        return found, middle.grad

    check_same(program)


BATCHES: dict[str, Any] = {
    "of nothing": lambda torch, x, y, z: batched(torch, z, x, 0, 2),
    "a number": lambda torch, x, y, z: batched(torch, z, x),
    "not given": lambda torch, x, y, z: grad_of(torch, z, x, is_grads_batched=True),
    "of another shape": lambda torch, x, y, z: batched(torch, z, x, 3),
    "of several sizes": lambda torch, x, y, z: torch.autograd.grad(
        (z, x * 2), x, (torch.ones(2, 2), torch.ones(3, 2)), is_grads_batched=True
    ),
    "not given for a number": lambda torch, x, y, z: grad_of(
        torch, z.sum(), x, is_grads_batched=True
    ),
}


@pytest.mark.parametrize("name", BATCHES)
def test_errors_of_batches(name: str) -> None:
    kinds = []
    for t in (minigrad, torch):
        x, y = leaf(t, 1, 2), leaf(t, 3, 4)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - the types are compared
            BATCHES[name](t, x, y, x * y)
        kinds.append(raised.type)
    assert kinds[0] is kinds[1]


def test_only_inputs_is_ignored_with_a_warning() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        return torch.autograd.grad((x * x).sum(), x, only_inputs=False)

    assert len(check_same(program).warned) == 1


@pytest.mark.parametrize("both", [False, True])
def test_grad_variables_is_the_old_name_of_grad_tensors(both: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        options = {"grad_tensors": [torch.ones(2)]} if both else {}
        torch.autograd.backward([x * 2], grad_variables=[torch.ones(2)], **options)
        return x.grad

    found = check_same(program)
    assert len(found.warned) == 1
    assert (found.error is not None) == both


# Leaves, integers, and assignments ----------------------------------------------------------------

REFUSALS: dict[str, Program] = {
    "an integer leaf": lambda torch: torch.tensor([1], requires_grad=True),
    "True on an integer": lambda torch: torch.tensor([1]).requires_grad_(),
    "True set on an integer": lambda torch: setattr(torch.tensor([1]), "requires_grad", True),
    "True on a bool": lambda torch: torch.tensor([True]).requires_grad_(),
    "False on an integer": lambda torch: torch.tensor([1]).requires_grad_(False),
    "False on a non-leaf": lambda torch: (leaf(torch, 1) * 2).requires_grad_(False),
    "False set on a non-leaf": lambda torch: setattr(leaf(torch, 1) * 2, "requires_grad", False),
    "True on a non-leaf": lambda torch: (leaf(torch, 1) * 2).requires_grad_().requires_grad,
    "write to a leaf": lambda torch: leaf(torch, 1).add_(1),
    "+= to a leaf": lambda torch: leaf(torch, 1).__iadd__(1),
    "write to a view of a leaf": lambda torch: leaf(torch, 1, 2)[0].add_(1),
    "write to a view of a view of a leaf": lambda torch: leaf(torch, 1, 2)[:][0].zero_(),
    "write to an element of a leaf": lambda torch: leaf(torch, 1, 2).__setitem__(0, 5),
    "write to elements of a leaf": lambda torch: leaf(torch, 1, 2).__setitem__([0], 5),
    "write a leaf into a leaf": lambda torch: leaf(torch, 1).copy_(leaf(torch, 2)),
    "write a leaf into an integer": lambda torch: torch.tensor([1]).add_(leaf(torch, 2)),
    "grad of another shape": lambda torch: setattr(leaf(torch, 1, 2), "grad", torch.ones(3)),
    "grad of another dtype": lambda torch: setattr(leaf(torch, 1, 2), "grad", torch.ones(2)),
    "grad that is not a tensor": lambda torch: setattr(leaf(torch, 1, 2), "grad", 3.0),
    "grad that is the tensor itself": lambda torch: _own_grad(leaf(torch, 1, 2)),
    "data that is not a tensor": lambda torch: setattr(leaf(torch, 1, 2), "data", 3.0),
    "numpy of a tensor that requires grad": lambda torch: leaf(torch, 1).numpy(),
    "array of a tensor that requires grad": lambda torch: np.asarray(leaf(torch, 1)),
    "deepcopy of a non-leaf": lambda torch: __import__("copy").deepcopy(leaf(torch, 1) * 2),
}
READ_ONLY = ["grad_fn", "is_leaf", "shape", "dtype", "device", "ndim", "T", "retains_grad"]


def _own_grad(x: Any) -> None:
    x.grad = x


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    check_same(REFUSALS[name])


@pytest.mark.parametrize("name", READ_ONLY)
def test_attributes_that_cannot_be_set(name: str) -> None:
    check_same_kind(lambda torch: setattr(leaf(torch, 1), name, None))


def test_grad_may_be_assigned_and_deleted() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        x.grad = torch.full_like(x, 3.0)
        (x * 2).sum().backward()
        found = [x.grad]
        x.grad = None
        found.append(x.grad)
        x.grad = torch.zeros_like(x)
        del x.grad
        return [*found, x.grad]

    check_same(program)


def test_reading_grad_of_a_non_leaf_warns() -> None:
    def program(torch: Any) -> Any:
        y = leaf(torch, 1, 2) * 2
        y.sum().backward()
        return y.grad

    assert check_same(program).warned


def test_a_leaf_that_stops_requiring_grad_gets_no_gradient() -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch, 1, 2), leaf(torch, 3, 4)
        out = (x * y).sum()
        x.requires_grad_(False)
        out.backward()
        return x.grad, y.grad

    check_same(program)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2), (3, 3)])
def test_a_leaf_of_another_shape_than_its_gradient_is_an_error(shape: tuple[int, ...]) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(shape, requires_grad=True)
        y = x * 2
        with torch.no_grad():
            x.transpose_(0, 1)
        y.backward(torch.arange(float(y.numel())).view(shape))
        return x.grad, x.grad.stride()

    check_same(program)


def test_data_shares_memory_and_has_no_history() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        y = x * 3
        y.data.add_(1)
        x.data = torch.tensor([5.0, 6.0], dtype=torch.float64)
        y.sum().backward()
        return y.data.requires_grad, y.data.is_leaf, y, x, x.grad

    check_same(program)


def test_detached_tensors_are_separate_leaves() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        y = (x * 3).detach().requires_grad_()
        (y * y).sum().backward()
        return y.is_leaf, y.grad, x.grad

    check_same(program)


def test_clone_is_differentiable_and_shares_no_memory() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch, 1, 2)
        y = x.clone()
        y.mul_(5)
        y.backward(torch.ones_like(y))
        return x, x.grad, y

    check_same(program)


@pytest.mark.parametrize("value", [[1.0, 2.0], 3.0])
def test_deepcopy_of_a_leaf(value: Any) -> None:
    import copy

    def program(torch: Any) -> Any:
        x = torch.tensor(value, requires_grad=True)
        (x * x).sum().backward()
        y = copy.deepcopy(x)
        (y * 3).sum().backward()
        return y, y.requires_grad, y.grad, x.grad

    check_same(program)


def test_the_comparison_can_fail() -> None:
    """`plain` distinguishes one bit, the dtype, the shape, and None."""
    one = torch.tensor([1.0])
    for other in (torch.tensor([1.0000001]), one.double(), one.view(1, 1), None):
        assert plain([one]) != plain([other])


# Parts of a tensor --------------------------------------------------------------------------------


@given(
    st.lists(
        st.one_of(
            st.integers(-4, 3), st.slices(4).filter(lambda s: (s.step or 1) > 0), st.just(...)
        ),
        min_size=2,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_the_gradients_of_parts_add_up_bit_for_bit(keys: list[Any], random: Any) -> None:
    """Also the signs of zeros, which a sum with zeros changes."""
    shapes = [np.zeros((4, 3))[key].shape for key in keys]
    values = (-0.0, 0.0, 1.0, -2.5, 0.1, np.inf)
    cotangents = [
        np.array(random.choices(values, k=int(np.prod(shape))), np.float32).reshape(shape)
        for shape in shapes
    ]

    def gradient(t: Any) -> Any:
        x = t.zeros(4, 3, requires_grad=True)
        inner = x * 1
        parts = [(inner if i % 3 else inner.flip(0))[key] for i, key in enumerate(keys)]
        t.autograd.backward(parts, [t.from_numpy(g.copy()) for g in cotangents])
        return x.grad.numpy()

    assert gradient(minigrad).tobytes() == gradient(torch).tobytes()


def test_a_loop_over_parts_makes_one_array_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    put = indexing.put

    def counted(*args: Any) -> Any:
        made.append(1)
        return put(*args)

    monkeypatch.setattr(indexing, "put", counted)
    x = minigrad.zeros(50, 2, requires_grad=True)
    sum((row * i).sum() for i, row in enumerate(x * 1)).backward()
    assert len(made) == 1
    np.testing.assert_array_equal(x.grad.numpy()[:, 0], np.arange(50))


def test_a_given_cotangent_keeps_its_order_in_memory() -> None:
    """It decides the order of sums, and so their last digits."""
    g = np.random.default_rng(0).standard_normal((3, 9, 3))

    def program(torch: Any) -> Any:
        x = torch.ones(3, 1, 1, dtype=torch.float64, requires_grad=True)
        x.repeat(3, 3, 3).backward(torch.from_numpy(g.copy()).permute(1, 0, 2))
        return x.grad

    check_same(program)
