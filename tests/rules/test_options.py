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


@pytest.mark.parametrize("order", [0, 0.5, 1, 2, 3, -1, float("inf")])
@pytest.mark.parametrize("shape", [(), (1,), (2, 1), (1, 2)])
def test_the_norm_of_one_number_is_its_absolute_value(order: float, shape: tuple[int, ...]) -> None:
    def norm(t: Any) -> Any:
        x = t.full(shape, -1e-40).requires_grad_()
        y = t.linalg.vector_norm(x, order, dim=-1 if shape else None)
        y.sum().backward()
        return y.tolist(), x.grad.tolist()

    ours, theirs = both(norm)
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_least_divisor_of_a_cross_entropys_gradient_is_a_float32(dtype: str) -> None:
    def gradient(t: Any) -> Any:
        x = t.tensor([0.0, 1.0, 1e-13, 0.5], dtype=getattr(t, dtype), requires_grad=True)
        target = t.tensor([0.625, 0.5, 0.25, 0.125], dtype=getattr(t, dtype))
        t.nn.functional.binary_cross_entropy(x, target, reduction="sum").backward()
        return [float(g).hex() for g in x.grad]

    ours, theirs = both(gradient)
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lgamma_of_the_smallest_numbers(dtype: str) -> None:
    def values(t: Any) -> Any:
        kind = t.finfo(getattr(t, dtype))
        x = t.tensor([0.0, -0.0, kind.tiny, -kind.tiny], dtype=getattr(t, dtype))
        return t.lgamma(t.cat([x, x / 4, t.nextafter(x, x + 1)]))

    ours, theirs = both(values)
    assert ours == theirs


DTYPES = ("bool", "int32", "int64", "float16", "float32", "float64")


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("of_weight", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_lerp_takes_one_number_of_any_dtype(
    kind: str, of_weight: str, shape: tuple[int, ...]
) -> None:
    def found(t: Any) -> Any:
        x, y = (t.tensor([a, b, 0]).to(getattr(t, kind)) for a, b in ((1, 5), (3, 9)))
        weight = t.full(shape, 0.75).to(getattr(t, of_weight))
        if x.is_floating_point() and weight.is_floating_point():
            x.requires_grad_(), weight.requires_grad_()
        try:
            z = t.lerp(x, y, weight)
            if z.requires_grad:
                z.sum().backward()
        except (RuntimeError, NotImplementedError) as error:
            return type(error)
        grads = [leaf.grad is not None and leaf.grad.tolist() for leaf in (x, weight)]
        return z.tolist(), str(z.dtype).removeprefix("minigrad.").removeprefix("torch."), grads

    assert found(minigrad) == found(torch)


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_the_dtypes_of_a_cross_product(a: str, b: str) -> None:
    def kind(t: Any) -> Any:
        x, y = (t.ones(2, 3).to(getattr(t, each)) for each in (a, b))
        try:
            return t.linalg.cross(x, y).tolist()
        except (RuntimeError, NotImplementedError) as error:
            return type(error)

    assert kind(minigrad) == kind(torch)


@pytest.mark.parametrize("weight", [0.0, 1.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_lerp_starts_from_the_nearer_end(weight: float, as_tensor: bool) -> None:
    def ends(t: Any) -> Any:
        start, end = t.full((5000,), 1e8), t.linspace(0, 1, 5000)
        y = t.lerp(start, end, t.full((5000,), weight) if as_tensor else weight)
        return y.tolist()

    assert ends(minigrad) == ends(torch)
    assert weight != 1 or ends(minigrad) == torch.linspace(0, 1, 5000).tolist()
