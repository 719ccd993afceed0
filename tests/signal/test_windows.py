"""The windows of the top level and of signal/: weights, dtypes, gradients and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_close

import minigrad

OLD = ("hann", "hamming", "blackman", "bartlett", "kaiser")
NEW = minigrad.signal.windows.__all__
# An error of 1 ULP in an angle or a cosine: relative to the largest weight, which is 1.
CLOSE = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-14}


def check_same(program: Callable[[Any], Any], close: float) -> None:
    def facts(t: Any) -> list[Any]:
        window = program(t)
        return [window, window.requires_grad, window.is_contiguous()]

    check_close(facts, 0, close)


@pytest.mark.parametrize("name", OLD)
@given(st.integers(-1, 40), st.booleans(), st.sampled_from([*CLOSE, "int64"]), st.booleans())
def test_windows_of_the_top_level(
    name: str, length: int, periodic: bool, dtype: str, grad: bool
) -> None:
    def program(t: Any) -> Any:
        window = getattr(t, f"{name}_window")
        return window(length, periodic, dtype=getattr(t, dtype), requires_grad=grad)

    check_same(program, CLOSE.get(dtype, 0))


@given(st.integers(0, 20), st.floats(-1, 1), st.floats(-1, 1))
def test_the_coefficients_of_a_hamming_window(length: int, alpha: float, beta: float) -> None:
    check_same(lambda t: t.hamming_window(length, True, alpha, beta), CLOSE["float32"])
    check_same(lambda t: t.hamming_window(length, False, alpha=alpha), CLOSE["float32"])


@given(st.integers(0, 20), st.floats(0, 20))
def test_the_shape_of_a_kaiser_window(length: int, beta: float) -> None:
    check_same(lambda t: t.kaiser_window(length, True, beta), CLOSE["float32"])
    check_same(lambda t: t.signal.windows.kaiser(length, beta=beta), 1e-5)


options = st.fixed_dictionaries(
    {},
    optional={
        "sym": st.booleans(),
        "dtype": st.sampled_from(["float32", "float64", "float16", "int64"]),
        "requires_grad": st.booleans(),
    },
)


@pytest.mark.parametrize("name", NEW)
@given(st.integers(-1, 40), options)
def test_windows_of_signal(name: str, length: int, given: dict[str, Any]) -> None:
    def program(t: Any) -> Any:
        used = dict(given)
        if "dtype" in used:
            used["dtype"] = getattr(t, used["dtype"])
        if name == "general_cosine":
            used["a"] = [0.46, 0.23, 0.31]
        return getattr(t.signal.windows, name)(length, **used)

    check_same(program, {"float64": 1e-12}.get(given.get("dtype", ""), 1e-5))


@pytest.mark.parametrize(
    "call",
    [
        "exponential(5, tau=2.5)",
        "exponential(5, tau=0.0)",
        "exponential(5, center=1.0)",
        "exponential(5, center=1.0, sym=False)",
        "gaussian(5, std=0.4)",
        "gaussian(5, std=0.0)",
        "general_hamming(5, alpha=0.3)",
        "general_cosine(5, a=[])",
        "general_cosine(5, a=1)",
        "general_cosine(5)",
        "general_cosine(0, a=[])",
        "general_cosine(5, a=(1,))",
        "kaiser(5, beta=-1)",
        "hann(4.0)",
        "hann('4')",
        "hann(4, False)",
        "cosine(1)",
    ],
)
def test_arguments_of_signal(call: str) -> None:
    check_same(lambda t: eval(f"t.signal.windows.{call}"), 1e-6)


@pytest.mark.parametrize(
    "call",
    ["hann_window(4.0)", "hann_window(4, 1)", "hann_window()", "hann_window(4, out=1)"],
)
def test_arguments_of_the_top_level(call: str) -> None:
    check_same(lambda t: eval(f"t.{call}"), 0)
