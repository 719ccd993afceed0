"""Python numbers as arguments: which ones a dtype accepts, and what it makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import twins
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad

torch = pytest.importorskip("torch")

DTYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
LARGEST = float(np.finfo(np.float32).max)
# The bounds of the dtypes, their neighbours, and numbers far away.
INTEGERS = sorted(
    {
        s * (2**bits) + d
        for bits in (8, 31, 32, 63, 64, 70, 1300)
        for s in (1, -1)
        for d in (-1, 0, 1)
    }
    | {-255, -2, -1, 0, 1, 2, 3}
)
REALS = [0.5, -0.5, -0.0, 1.0, 2.7, 255.0, 255.5, 256.0, -1.0, 2.0**31, 2.0**31 - 0.5, 2.0**63]
REALS += [-(2.0**63), 1e19, LARGEST, np.nextafter(LARGEST, np.inf).item(), 1e39, -1e39, 1e300]
REALS += [float("inf"), -float("inf"), float("nan")]
NUMBERS = [True, False, *INTEGERS, *REALS, np.uint8(200), np.int64(2**40), np.float64(1.5)]


def stored(key: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Any]:
    def way(torch: Any, x: Any, v: Any) -> Any:
        x[key(torch)] = v
        return x

    return way


def mask(torch: Any) -> Any:
    return torch.tensor([True, False, True])


STORES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "tensor": lambda torch, x, v: torch.tensor(v, dtype=x.dtype),
    "tensor of a list": lambda torch, x, v: torch.tensor([v, 1], dtype=x.dtype),
    "tensor of its own dtype": lambda torch, x, v: torch.tensor([v]),
    "full": lambda torch, x, v: torch.full((2,), v, dtype=x.dtype),
    "full of its own dtype": lambda torch, x, v: torch.full((2,), v),
    "full_like": lambda torch, x, v: torch.full_like(x, v),
    "linspace": lambda torch, x, v: torch.linspace(v, v, 3, dtype=x.dtype),
    "linspace of one": lambda torch, x, v: torch.linspace(v, 1, 1, dtype=x.dtype),
    "fill_": lambda torch, x, v: x.fill_(v),
    "copy_": lambda torch, x, v: x.copy_(v),
    "x[0] = v": stored(lambda torch: 0),
    "x[:] = v": stored(lambda torch: slice(None)),
    "x[mask] = v": stored(mask),
    "x[no element] = v": stored(lambda torch: ~(mask(torch) | True)),
    "x[indices] = v": stored(lambda torch: torch.tensor([0, 2])),
    "masked_fill": lambda torch, x, v: x.masked_fill(mask(torch), v),
    "masked_fill_": lambda torch, x, v: x.masked_fill_(mask(torch), v),
    "index_fill": lambda torch, x, v: x.index_fill(0, torch.tensor([0, 2]), v),
    "index_fill_": lambda torch, x, v: x.index_fill_(0, torch.tensor([0, 2]), v),
    "where": lambda torch, x, v: torch.where(mask(torch), v, x),
    "x.where": lambda torch, x, v: x.where(mask(torch), v),
    "where of two numbers": lambda torch, x, v: torch.where(mask(torch), 1, v),
    "clamp(min)": lambda torch, x, v: torch.clamp(x, min=v),
    "clamp(max)": lambda torch, x, v: torch.clamp(x, max=v),
    "clamp(0, max)": lambda torch, x, v: x.clamp(0, v),
    "clamp(min, 1.5)": lambda torch, x, v: x.clamp(v, 1.5),
    "clamp_": lambda torch, x, v: x.clamp_(max=v),
    "add(alpha)": lambda torch, x, v: torch.add(x, x, alpha=v),
    "add(1, alpha)": lambda torch, x, v: torch.add(x, 1, alpha=v),
    "add_(alpha)": lambda torch, x, v: x.add_(x.clone(), alpha=v),
    "sub(alpha)": lambda torch, x, v: torch.sub(x, x, alpha=v),
    "sub(1, alpha)": lambda torch, x, v: x.sub(1, alpha=v),
    "rsub(alpha)": lambda torch, x, v: torch.rsub(x, x, alpha=v),
    "rsub(1, alpha)": lambda torch, x, v: torch.rsub(x, 1, alpha=v),
}
ARITHMETIC: dict[str, Callable[[Any, Any, Any], Any]] = {
    "x + v": lambda torch, x, v: x + v,
    "v + x": lambda torch, x, v: v + x,
    "x - v": lambda torch, x, v: x - v,
    "v - x": lambda torch, x, v: v - x,
    "x * v": lambda torch, x, v: x * v,
    "x / v": lambda torch, x, v: x / v,
    "v / x": lambda torch, x, v: v / x,
    "x ** v": lambda torch, x, v: x**v,
    "v ** x": lambda torch, x, v: v**x,
    "add_": lambda torch, x, v: x.add_(v),
    "mul_": lambda torch, x, v: x.mul_(v),
    "pow_": lambda torch, x, v: x.pow_(v),
    "x == v": lambda torch, x, v: torch.eq(x, v),
    "x < v": lambda torch, x, v: x < v,
    "x >= v": lambda torch, x, v: x >= v,
    "x & v": lambda torch, x, v: x & v,
    "v | x": lambda torch, x, v: v | x,
    "x ^ v": lambda torch, x, v: x ^ v,
}


@pytest.mark.parametrize("way", STORES)
@given(st.sampled_from(DTYPES), st.sampled_from(NUMBERS))
def test_a_number_that_is_stored(way: str, dtype: str, number: Any) -> None:
    # Bools can't be subtracted, whatever the factor is.
    assume(not ("sub" in way and dtype == "bool" and not -(2**63) <= number < 2**64))
    check_same(lambda torch, x: STORES[way](torch, x, number), dtype)


@pytest.mark.parametrize("way", ARITHMETIC)
@given(st.sampled_from(DTYPES), st.sampled_from(NUMBERS))
def test_a_number_that_is_an_operand(way: str, dtype: str, number: Any) -> None:
    if isinstance(number, np.generic):
        number = number.item()  # on the left, NumPy's own operators would be called
    check_same(lambda torch, x: ARITHMETIC[way](torch, x, number), dtype)


# On the fast path an operand is used without a conversion. So these have to take the other one.
@pytest.mark.parametrize("way", ["x + v", "v - x", "x * v", "x / v", "x ** v", "x < v"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [True, False, 3, 2**31, -(2**31) - 1, 2**40, 2.5])
def test_bool_and_int_operands(way: str, dtype: str, number: Any) -> None:
    check_same(lambda torch, x: ARITHMETIC[way](torch, x, number), dtype)


@pytest.mark.parametrize("one", DTYPES)
@pytest.mark.parametrize("two", DTYPES)
@pytest.mark.parametrize("way", ["x + v", "x - v", "x * v", "x / v", "x ** v", "x < v", "x & v"])
def test_operands_of_two_dtypes(way: str, one: str, two: str) -> None:
    check_same(
        lambda torch, x: ARITHMETIC[way](torch, x, torch.tensor([2, 1, 1]).to(getattr(torch, two))),
        one,
    )


def check_same(program: Callable[[Any, Any], Any], dtype: str) -> None:
    """Check for the same dtype and values, or the same type of error."""
    results = []
    with warnings.catch_warnings(action="ignore"):
        for namespace in (minigrad, torch):
            x = namespace.tensor([0, 1, 1], dtype=getattr(namespace, dtype))
            try:
                y = program(namespace, x)
                results.append(f"{y.dtype} {y.tolist()}")
            except Exception as error:
                results.append(type(error).__name__)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "floor_divide", "multiply"])
@pytest.mark.parametrize("pair", [(2, 3), (2.5, 3), (True, 2), (True, True), (2, 2.5), (-7, 2.0)])
def test_a_function_of_numbers_alone(name: str, pair: Any) -> None:
    twins.check_same(lambda torch: getattr(torch, name)(*pair))


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_a_rounded_quotient_of_numbers_alone(mode: str) -> None:
    twins.check_same(lambda torch: torch.div(-7, 2, rounding_mode=mode))
