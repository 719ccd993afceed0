"""Options with which PyTorch does something that their description doesn't say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import minigrad

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")


def both(call: Callable[[Any], Any]) -> list[Any]:
    """The results of a call in both libraries, or the types of their errors."""
    found: list[Any] = []
    for t in (minigrad, torch):
        try:
            found.append(str(call(t)))
        except Exception as error:
            found.append(type(error))
    return found


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "float32"])
@pytest.mark.parametrize("value", [1.5, -1.5, 2, True, 2.0**40])
@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_a_factor_is_converted_to_the_dtype(name: str, value: float, dtype: str) -> None:
    def call(t: Any) -> Any:
        x = t.tensor([1, 2], dtype=getattr(t, dtype))
        return getattr(t, name)(x, x, x, value=value)

    ours, theirs = both(call)
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["int32", "bool", "float64"])
@pytest.mark.parametrize("options", [{}, {"decimals": 0}, {"decimals": 1}, {"decimals": -1}])
def test_integers_are_rounded_without_decimals_only(options: Any, dtype: str) -> None:
    ours, theirs = both(lambda t: t.round(t.tensor([1, 25], dtype=getattr(t, dtype)), **options))
    assert ours == theirs


@pytest.mark.parametrize("eps", [None, 0, 0.1, 0.5, 0.7, 1, 3.0, -0.5, float("nan")])
def test_the_limits_of_logit(eps: float | None) -> None:
    def call(t: Any) -> Any:
        numbers = [0.0, 1.0, 0.3, 0.8, 1.5, -1.0, float("nan")]
        x = t.tensor(numbers, requires_grad=True)
        y = t.logit(x, eps)
        y.sum().backward()
        return y.detach(), x.grad

    ours, theirs = both(call)
    assert ours == theirs


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("dim", [None, 0])
@pytest.mark.parametrize("correction", [2, 3, 4])
@pytest.mark.parametrize("numbers", [[1.0, 2.0, 4.0], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 2.0])
def test_a_correction_beyond_the_number_of_elements(
    name: str, dim: Any, correction: int, numbers: Any
) -> None:
    def call(t: Any) -> Any:
        x = t.tensor(numbers, requires_grad=True)
        y = getattr(t, name)(x, dim=dim, correction=correction)
        y.backward()
        return y.detach(), x.grad

    ours, theirs = both(call)
    assert ours == theirs
