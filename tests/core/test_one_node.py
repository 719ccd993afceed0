"""one_node.py: compositions that are shown as one node."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import minigrad
from minigrad.core.one_node import as_one_node, one_node


def leaf() -> Any:
    return minigrad.tensor([1.0, 2.0], requires_grad=True)


@one_node("PolynomialBackward0", "x", "y")
def polynomial(x: Any, y: Any, factor: float = 2.0) -> Any:
    return x * x * factor + y


@one_node("PairBackward0", "x")
def pair(x: Any) -> Any:
    return x * 2, x * 3


@one_node("SumOfAllBackward0", "tensors")
def sum_of_all(*tensors: Any) -> Any:
    return minigrad.stack(tensors).sum()


def test_users_see_one_node_whose_edges_lead_to_the_operands() -> None:
    x, y = leaf(), leaf() * 2
    z = polynomial(x, y)
    assert z.grad_fn.name() == "PolynomialBackward0"
    assert repr(z).endswith("grad_fn=<PolynomialBackward0>)")
    (to_x, _), (to_y, _) = z.grad_fn.next_functions
    assert to_x.variable is x
    assert to_y is y.grad_fn
    assert z.grad_fn is z.grad_fn
    assert dir(z.grad_fn) == dir(z.grad_fn)
    assert not any(name.startswith("_saved_") for name in dir(z.grad_fn))
    assert (z * 1).grad_fn.next_functions[0][0] is z.grad_fn


def test_operands_may_be_given_by_name() -> None:
    x, y = leaf(), leaf()
    for z in (polynomial(x, y=y), polynomial(y=y, x=x)):
        assert [node.variable for node, _ in z.grad_fn.next_functions] == [x, y]


def test_an_operand_without_a_gradient_has_no_edge_to_lead_anywhere() -> None:
    x = leaf()
    assert polynomial(x, minigrad.ones(2)).grad_fn.next_functions[1] == (None, 0)
    assert polynomial(x, x.detach()).grad_fn.next_functions[1] == (None, 0)
    assert len(polynomial(x, 1.0).grad_fn.next_functions) == 1  # a number


def test_the_results_share_a_node_and_have_numbers() -> None:
    a, b = pair(leaf())
    assert a.grad_fn is b.grad_fn
    assert [t.exp().grad_fn.next_functions[0] for t in (a, b)] == [(a.grad_fn, 0), (a.grad_fn, 1)]


def test_a_list_of_operands_has_an_edge_each() -> None:
    x, y = leaf(), leaf()
    edges = sum_of_all(x, y, x).grad_fn.next_functions
    assert [node.variable is t for (node, _), t in zip(edges, (x, y, x), strict=True)] == [True] * 3


def test_the_gradients_are_those_of_the_parts() -> None:
    x, y = leaf(), leaf()
    (first,) = minigrad.autograd.grad(polynomial(x, y).sum(), x, create_graph=True)
    (second,) = minigrad.autograd.grad(first.sum(), x)
    assert first.tolist() == [4.0, 8.0]
    assert second.tolist() == [4.0, 4.0]


def test_a_write_goes_on_from_the_one_node() -> None:
    z = polynomial(leaf(), leaf())
    node = z.grad_fn
    z.add_(1)
    assert z.grad_fn.name() == "AddBackward0"
    assert z.grad_fn.next_functions[0][0] is node


def test_hooks_of_the_node_see_its_cotangent() -> None:
    x, seen = leaf(), []
    z = polynomial(x, leaf())
    z.grad_fn.register_prehook(lambda gradients: seen.append(gradients[0].tolist()))
    (z * 3).sum().backward()
    assert seen == [[3.0, 3.0]]


def test_a_node_that_stands_for_several_ops_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError, match="PolynomialBackward0 can't be called"):
        polynomial(leaf(), leaf()).grad_fn(minigrad.ones(2))


def test_a_view_of_inner_memory_is_no_view() -> None:
    @one_node("ReversedBackward0", "x")
    def reversed_rows(x: Any) -> Any:
        return x.flip(0).reshape(2, 2)

    @one_node("HalfBackward0", "x")
    def half(x: Any) -> Any:
        return x[:1]

    x = minigrad.arange(4.0)
    assert not reversed_rows(x)._is_view()
    assert reversed_rows(x.requires_grad_())._base is None
    assert half(x)._base is x


def test_nothing_is_shown_without_a_graph() -> None:
    with minigrad.no_grad():
        assert polynomial(leaf(), leaf()).grad_fn is None
    assert polynomial(minigrad.ones(2), 1.0).grad_fn is None


def test_a_result_that_is_an_operand_keeps_its_node() -> None:
    y = leaf() * 2
    assert as_one_node(y, "NothingBackward0", y).grad_fn.name() == "MulBackward0"


def test_the_graph_is_freed_with_the_result() -> None:
    gc.disable()
    try:
        x = leaf() * 1
        z = polynomial(x, x)
        assert z.grad_fn.next_functions
        freed = weakref.ref(x)
        del x, z
        assert freed() is None
    finally:
        gc.enable()
