"""Hooks that pack the tensors which ops save, compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import check_same

import minigrad
from minigrad.core.observer import observation

EXPRESSIONS = """
x * y
x * x
x.sqrt()
x.sqrt() * x.reciprocal()
x * 2 + 1
x @ y
(x * y).sum().sqrt()
""".strip().splitlines()


def _logging(torch: Any, log: list[Any]) -> Any:
    def pack(t: Any) -> Any:
        log.append((tuple(t.shape), t.requires_grad, t.is_leaf))
        return t.detach().numpy().copy()

    def unpack(array: Any) -> Any:
        log.append("unpacked")
        return torch.from_numpy(np.asarray(array * 2))

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_each_saved_tensor_is_packed_and_unpacked(expression: str, create_graph: bool) -> None:
    def program(torch: Any) -> Any:
        log: list[Any] = []
        x = torch.tensor([0.5, 2.0], requires_grad=True)
        y = torch.tensor([3.0, 4.0], requires_grad=True)
        with _logging(torch, log):
            z = eval(expression, {"x": x, "y": y})
        first = torch.autograd.grad(z.sum(), (x, y), create_graph=True, allow_unused=True)
        again = torch.autograd.grad(
            z.sum(), x, create_graph=create_graph, retain_graph=True, allow_unused=True
        )
        return [d if d is None else d.detach() for d in (*first, *again)], log

    check_same(program)


def test_a_function_packs_what_it_saves() -> None:
    def program(torch: Any) -> Any:
        class Double(torch.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x, x * 2)
                return x * 2

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                x, y = ctx.saved_tensors
                return g * x + y

        log: list[Any] = []
        x = torch.tensor([0.5, 2.0], requires_grad=True)
        with _logging(torch, log):
            z = Double.apply(x)
        z.sum().backward()
        return x.grad, log

    check_same(program)


@pytest.mark.parametrize(
    "hooks",
    [
        "saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t)",
        "saved_tensors_hooks(lambda t: 3, lambda t: t)",
        "saved_tensors_hooks(lambda t: t * 2, lambda t: t)",
        "save_on_cpu()",
        "disable_saved_tensors_hooks('no')",
    ],
)
def test_hooks_and_their_errors(hooks: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([0.5, 2.0], requires_grad=True)
        with eval(f"torch.autograd.graph.{hooks}", {"torch": torch}):
            with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                (x * x).sum().backward()
            y = x.sqrt()
        y.mul_(2)
        y.sum().backward()
        return x.grad

    check_same(program)


def test_hooks_leave_nothing_behind() -> None:
    with minigrad.autograd.graph.save_on_cpu():
        assert observation.observer is not None
        with minigrad.autograd.set_detect_anomaly(True, check_nan=False):
            x = minigrad.ones(2, requires_grad=True)
            (x * x).sum().backward()
    assert observation.observer is None
    assert x.grad.tolist() == [2.0, 2.0]


ORDERS: dict[str, Any] = {
    "atan2": lambda t, a, b: t.atan2(a, b),
    "bmm": lambda t, a, b: t.bmm(a[None], b[None]),
    "div": lambda t, a, b: a / b,
    "dot": lambda t, a, b: t.dot(a[0], b[0]),
    "exp": lambda t, a, b: a.exp(),
    "hypot": lambda t, a, b: t.hypot(a, b),
    "lerp": lambda t, a, b: t.lerp(a, b, a * 2),
    "linear": lambda t, a, b: t.nn.functional.linear(a, b),
    "maximum": lambda t, a, b: t.maximum(a, b),
    "mm": lambda t, a, b: a @ b,
    "mul": lambda t, a, b: a * b,
    "mul of itself": lambda t, a, b: a * a,
    "mv": lambda t, a, b: t.mv(a, b[0]),
    "outer": lambda t, a, b: t.outer(a[0], b[0]),
    "pow": lambda t, a, b: a**b,
    "prelu": lambda t, a, b: t.nn.functional.prelu(a, b[0, :1]),
    "xlogy": lambda t, a, b: t.xlogy(a, b),
}


@pytest.mark.parametrize("program", ORDERS.values(), ids=ORDERS)
def test_the_order_in_which_tensors_are_packed(program: Any) -> None:
    """By the names that PyTorch gives its operands, in which the first is often "self"."""

    def packed(t: Any) -> list[float]:
        a, b = (t.full((2, 2), value, requires_grad=True) for value in (2.0, 3.0))
        seen: list[float] = []

        def pack(x: Any) -> Any:
            seen.append(round(x.flatten()[0].item(), 3))
            return x

        with t.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            program(t, a, b)
        return seen

    check_same(packed)
