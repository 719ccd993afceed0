"""Tensors whose elements share memory: what may be written to them, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from twins import check_same

SHARING: dict[str, Callable[[Any], Any]] = {
    "rows": lambda t: t.arange(1.0, 4.0).expand(3, 3),
    "columns": lambda t: t.arange(1.0, 4.0)[:, None].expand(3, 2),
    "one element": lambda t: t.tensor(2.0).expand(2, 3),
    "negative zeros": lambda t: t.tensor([-0.0, 0.0, -1.0]).expand(3, 3),
    "NaN": lambda t: t.tensor([math.nan, 1.0]).expand(2, 2),
    "integers": lambda t: t.arange(3).expand(2, 3),
    "bools": lambda t: t.tensor([True, False, True]).expand(3, 3),
    "matrices": lambda t: t.arange(4.0).reshape(2, 2).expand(3, 2, 2),
    "matrices in rows": lambda t: t.arange(4.0).reshape(1, 2, 2).expand(3, 1, 2, 2),
    "stacks of matrices": lambda t: t.arange(8.0).reshape(2, 2, 2).expand(3, 2, 2, 2),
    "stacks in rows": lambda t: t.arange(8.0).reshape(2, 1, 2, 2).expand(2, 3, 2, 2),
    "stacks of rows": lambda t: t.arange(3.0).expand(2, 2, 2, 3),
    "windows": lambda t: t.arange(1.0, 8.0).as_strided((2, 3), (1, 1)),
    "nothing": lambda t: t.arange(6.0).reshape(2, 3),
}


@pytest.mark.parametrize("name", ["triu_", "tril_"])
@pytest.mark.parametrize("diagonal", [-4, -1, 0, 1, 2])
@pytest.mark.parametrize("sharing", SHARING)
def test_an_element_is_cleared_if_it_is_outside_of_the_triangle_anywhere(
    name: str, diagonal: int, sharing: str
) -> None:
    def program(torch: Any) -> Any:
        x = SHARING[sharing](torch)
        getattr(x, name)(diagonal=diagonal)
        return x, x.stride(), x._version

    check_same(program)


@pytest.mark.parametrize("of", ["the view", "its base"])
def test_such_a_write_has_no_derivative(of: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.arange(3.0, requires_grad=True)
        y = x * 1
        z = y.expand(3, 3)
        z.triu_()
        (z if of == "the view" else y).sum().backward()

    assert check_same(program).error is not None


# PyTorch divides 0 by 0 for parts of the memory that aren't the leaf's.
_FEW_ELEMENTS = {"one element", "NaN"}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("leaf", [*(x for x in SHARING if x not in _FEW_ELEMENTS), "a transpose"])
@pytest.mark.parametrize("view", [((2, 1), (0, 1), 0), ((2, 2), (1, 1), 0), ((), (), 1)])
def test_elements_of_a_leaf_that_share_memory_share_the_gradient(
    view: Any, leaf: str, create_graph: bool
) -> None:
    def program(torch: Any) -> Any:
        made = SHARING.get(leaf, lambda t: t.arange(6.0).reshape(2, 3).t())(torch)
        x = made.to(torch.float64, copy=True).as_strided(made.shape, made.stride())
        x.requires_grad_()
        y = x.as_strided(*view)
        w = torch.arange(1.0, 1.0 + y.numel(), dtype=torch.float64).reshape(y.shape)
        w.requires_grad_()
        (d,) = torch.autograd.grad(y, x, w, create_graph=create_graph)
        if not create_graph:
            return d
        c = torch.arange(1.0, 1.0 + d.numel(), dtype=torch.float64).reshape(d.shape)
        return d, d.stride(), torch.autograd.grad(d, w, c)

    check_same(program)


@pytest.mark.parametrize("write", ["fill_(1)", "zero_()"])
@pytest.mark.parametrize("of", ["the view", "its base"])
def test_a_number_may_be_written_but_has_no_derivative(write: str, of: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.arange(3.0, requires_grad=True)
        y = x * 1
        z = y.expand(2, 3)
        eval(f"z.{write}")
        (z if of == "the view" else y).sum().backward()

    assert check_same(program).error is not None


@pytest.mark.parametrize("transposed", [False, True])
def test_a_write_to_a_second_result_is_noticed(transposed: bool) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(4, 3, dtype=torch.float64)
        x = (x.T if transposed else x).requires_grad_()
        mantissa, exponent = torch.frexp(x)
        exponent[0] = 1
        mantissa.sum().backward()

    assert check_same(program).error is not None


def test_a_derivative_is_that_of_the_values_at_the_time() -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([0.25, 0.5], requires_grad=True)
        y = x.logit(eps=0.125)
        x.data.copy_(torch.tensor([0.0, 0.75]))
        y.sum().backward()
        return x.grad

    check_same(program)
