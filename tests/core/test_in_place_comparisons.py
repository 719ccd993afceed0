"""In-place ops without a derivative, on a tensor that requires grad."""

from __future__ import annotations

from typing import Any

import pytest

import minigrad

torch = pytest.importorskip("torch")


def gradient(t: Any, name: str, *args: Any) -> tuple[str, list[float]]:
    """The name of the node after a write, and the gradient of the leaf before it."""
    leaf = t.tensor([1.0, -2.0, 3.0], requires_grad=True)
    x = leaf * 2
    getattr(x, name)(*(t.tensor(a) if isinstance(a, list) else a for a in args))
    grad_fn = type(x.grad_fn).__name__
    (x * t.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert leaf.grad is not None
    return grad_fn, leaf.grad.tolist()


@pytest.mark.parametrize("name", ["eq_", "ne_", "lt_", "le_", "gt_", "ge_"])
@pytest.mark.parametrize("other", [2.0, [2.0, 1.0, 6.0]])
def test_a_comparison_in_place_has_a_derivative_of_zero(name: str, other: Any) -> None:
    assert gradient(minigrad, name, other) == gradient(torch, name, other)
    assert gradient(minigrad, name, other)[1] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["logical_and_", "logical_or_", "logical_xor_"])
def test_a_logical_op_in_place_keeps_the_history(name: str) -> None:
    other = [0.0, 1.0, 1.0]
    assert gradient(minigrad, name, other) == gradient(torch, name, other)


@pytest.mark.parametrize("requires_grad", [(True, False), (False, True), (True, True)])
def test_both_operands_of_a_comparison_in_place_get_a_gradient_of_zeros(
    requires_grad: tuple[bool, bool],
) -> None:
    def gradients(t: Any) -> tuple[Any, ...]:
        x = t.tensor([[1.0, 2.0]], requires_grad=requires_grad[0])
        y = t.tensor([2.0], dtype=t.float64, requires_grad=requires_grad[1])
        z = (x * 1).lt_(y)
        z.sum().backward()
        grads = (None if a.grad is None else (a.grad.tolist(), str(a.grad.dtype)) for a in (x, y))
        edges = [type(node).__name__ for node, _ in z.grad_fn.next_functions]
        return z.tolist(), *grads, edges

    assert gradients(minigrad) == gradients(torch)


@pytest.mark.parametrize(
    ("name", "dtype", "other"),
    [
        ("bitwise_and_", "float32", [[1, 1], [1, 1]]),
        ("bitwise_or_", "int64", [1.0]),
        ("nextafter_", "int64", [[1], [1]]),
        ("lerp_", "int64", [[1], [1]]),
        ("nextafter_", "int64", [1]),
    ],
)
def test_a_result_that_does_not_fit_is_refused_before_its_dtype(
    name: str, dtype: str, other: Any
) -> None:
    def error(t: Any) -> tuple[type[Exception], str]:
        x, y = t.tensor([1, 2], dtype=getattr(t, dtype)), t.tensor(other)
        with pytest.raises(RuntimeError) as raised:
            getattr(x, name)(*((y, 0.5) if name == "lerp_" else (y,)))
        return raised.type, str(raised.value).split(":")[0].split(" for '")[0]

    assert error(minigrad) == error(torch)
