"""creation.py: every argument of PyTorch's constructors, over random values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from twins import both, check_close, check_same, outcome

import minigrad

torch = pytest.importorskip("torch")

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "int32", "int64", "bool")
dtypes = st.sampled_from(DTYPES)
shapes = st.lists(st.integers(0, 4), max_size=3)


def of(torch: Any, dtype: str | None) -> Any:
    return None if dtype is None else getattr(torch, dtype)


def check_same_kind(program: Callable[[Any], Any]) -> None:
    """Check for the same dtype, shape and values, or the same type of error."""

    def plain(torch: Any) -> Any:
        out = program(torch)
        return str(out.dtype), tuple(out.shape), out.tolist()

    ours, theirs = both(plain)
    assert repr(ours) == repr(theirs)  # by repr: NaN equals NaN, and -0 differs from 0


# From data ----------------------------------------------------------------------------------------

numbers = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.sampled_from([2**63 - 1, -(2**63), 2**63, 2**31, -(2**31) - 1, 2**70]),
    st.floats(width=32),
    st.sampled_from([1e300, -1e20, 0.1, float("nan"), float("inf")]),
    st.builds(np.float32, st.integers(0, 5)),
    st.builds(np.float64, st.integers(0, 5)),
    st.builds(np.int32, st.integers(0, 5)),
    st.builds(np.int64, st.integers(0, 5)),
)


def takes(dtype: str | None, number: Any) -> bool:
    """False for a NumPy float in an integer tensor, which PyTorch refuses for no good reason."""
    return dtype in (None, *FLOATS) or not isinstance(number, np.floating)


@given(numbers, st.none() | dtypes)
def test_tensor_of_a_number(number: Any, dtype: str | None) -> None:
    assume(takes(dtype, number))
    check_same_kind(lambda torch: torch.tensor(number, dtype=of(torch, dtype)))


@given(st.lists(numbers, max_size=4), st.none() | dtypes, st.booleans())
def test_tensor_of_a_sequence(numbers: list[Any], dtype: str | None, nested: bool) -> None:
    assume(all(takes(dtype, n) for n in numbers))
    # If two numbers don't fit, the type of PyTorch's error depends on their order.
    assume(sum(not abs(n) < 2**31 for n in numbers) < 2)
    data: Any = [numbers, tuple(numbers)] if nested else numbers
    check_same_kind(lambda torch: torch.tensor(data, dtype=of(torch, dtype)))


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), dtypes, dtypes)
def test_tensor_of_an_array_is_a_copy(shape: tuple[int, ...], dtype: str, to: str) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)

    def program(torch: Any) -> Any:
        mine = array.copy()
        x, y = torch.tensor(mine), torch.tensor(mine, dtype=of(torch, to))
        mine += mine.dtype.type(1) if dtype != "bool" else np.bool_(True)
        return x, y

    check_same(program)


@given(st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_ragged_sequences_are_refused_as_in_numpy(data: Any) -> None:
    """PyTorch, unlike NumPy, drops the rows after an empty first row."""
    try:
        expected = np.array(data, np.int64)
    except ValueError:
        with pytest.raises((ValueError, TypeError)):
            minigrad.tensor(data)
        return
    found = minigrad.tensor(data, dtype=minigrad.int64)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert found.shape == expected.shape


def test_tensors_and_arrays_within_sequences() -> None:
    def program(torch: Any) -> Any:
        one, two = torch.tensor(1.5), torch.tensor([2], dtype=torch.int32)
        return (
            torch.tensor([one, two]),
            torch.tensor([[one], [2]]),
            torch.tensor([two, 3]),
            torch.tensor([np.float32([1, 2]), [3, 4]]),
            torch.tensor(([1.0], np.array([2]))),
        )

    with warnings.catch_warnings(action="ignore"):  # PyTorch warns once that this is slow
        ours, theirs = program(minigrad), program(torch)
    assert [repr(x) for x in ours] == [repr(x) for x in theirs]


def test_tensor_of_a_tensor_warns_and_drops_the_history() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        copy = torch.tensor(x * 3)
        copy[0] = 7
        return copy, copy.requires_grad, copy.is_leaf

    assert check_same(program).warned


def test_as_tensor_shares_memory_where_possible() -> None:
    def program(torch: Any) -> Any:
        array, x = np.zeros(2), torch.ones(2, requires_grad=True)
        shared, other = torch.as_tensor(array), torch.as_tensor(array, dtype=torch.float32)
        array[0] = 5
        converted = torch.as_tensor(x, dtype=torch.float64)
        return (
            shared,
            other,
            torch.as_tensor(x) is x,
            converted.requires_grad,
            torch.as_tensor([1, 2], dtype=torch.float32),
        )

    check_same(program)


@given(dtypes, st.integers(1, 3), st.booleans())
def test_from_numpy_shares_memory_for_any_positive_strides(
    dtype: str, step: int, flip: bool
) -> None:
    def program(torch: Any) -> Any:
        array = np.arange(24).reshape(4, 6).astype(dtype)[::step, ::2]
        array = array.T if flip else array
        x = torch.from_numpy(array)
        array[0, 0] = 1
        x[-1, -1] = 1
        return x, x.stride(), array.tolist(), x.is_contiguous()

    check_same(program)


REFUSED: dict[str, Callable[[], Any]] = {
    "a negative stride": lambda: np.arange(3)[::-1],
    "a negative stride in two dimensions": lambda: np.ones((2, 3))[:, ::-1],
    "bytes in another order": lambda: np.arange(3).astype(">i8"),
    "text": lambda: np.array(["a"]),
    "objects": lambda: np.array([None]),
    "a list": lambda: [1.0],
    "a number": lambda: 1.5,
    "a NumPy number": lambda: np.float64(1.5),
    "None": lambda: None,
}


@pytest.mark.parametrize("name", REFUSED)
def test_from_numpy_refuses(name: str) -> None:
    check_same_kind(lambda torch: torch.from_numpy(REFUSED[name]()))


def test_from_numpy_treats_subclasses_as_plain_arrays() -> None:
    for array in (np.ma.array([1.0, 2.0]), np.array([[1.0]]).view(np.matrix)):
        assert type(minigrad.from_numpy(array).numpy()) is np.ndarray


# From sizes ---------------------------------------------------------------------------------------


@given(st.sampled_from(["zeros", "ones", "empty", "rand", "randn"]), shapes, st.integers(0, 3))
def test_sizes_can_be_given_in_four_ways(name: str, shape: list[int], way: int) -> None:
    def program(torch: Any) -> Any:
        make = getattr(torch, name)
        if way == 0:
            return make(*shape).shape
        return (
            make(shape) if way == 1 else make(tuple(shape)) if way == 2 else make(size=shape)
        ).shape

    if way == 0:
        assume(shape)
    assert program(minigrad) == program(torch) == tuple(shape)


@given(st.sampled_from(["zeros", "ones", "full", "eye"]), st.integers(0, 3), st.none() | dtypes)
def test_filled_tensors(name: str, size: int, dtype: str | None) -> None:
    def program(torch: Any) -> Any:
        kind = {"dtype": of(torch, dtype)}
        if name == "eye":
            return torch.eye(size, 2, **kind), torch.eye(size, **kind)
        if name == "full":
            return torch.full((size, 2), 3, **kind), torch.full((size,), 2.5, **kind)
        return getattr(torch, name)(size, 2, **kind)

    check_same(program)


@given(numbers, st.none() | dtypes)
def test_full_holds_the_value_or_raises(value: Any, dtype: str | None) -> None:
    check_same_kind(lambda torch: torch.full((2,), value, dtype=of(torch, dtype)))


@given(numbers, dtypes)
def test_full_like_holds_the_value_or_raises(value: Any, dtype: str) -> None:
    check_same_kind(lambda torch: torch.full_like(torch.zeros(2, dtype=of(torch, dtype)), value))


@given(
    st.sampled_from(["zeros_like", "ones_like", "empty_like", "full_like"]),
    shapes,
    dtypes,
    st.none() | dtypes,
    st.booleans(),
)
def test_creation_like_another_tensor(
    name: str, shape: list[int], dtype: str, to: str | None, transposed: bool
) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(shape, dtype=of(torch, dtype))
        x = x.transpose(0, -1) if transposed and x.ndim else x
        value = (2,) if name == "full_like" else ()
        out = getattr(torch, name)(x, *value, dtype=of(torch, to))
        return out if name != "empty_like" else (out.shape, str(out.dtype)), out.stride()

    ours, theirs = program(minigrad), program(torch)
    assert repr(ours[0]) == repr(theirs[0])
    if min(shape, default=2) > 1:  # otherwise strides have no effect
        assert ours[1] == theirs[1]


@given(
    st.sampled_from(["zeros", "ones", "empty", "full", "eye", "arange", "linspace", "tensor"]),
    dtypes,
)
def test_requires_grad(name: str, dtype: str) -> None:
    assume(dtype != "bool" or name not in ("arange", "linspace"))

    def program(torch: Any) -> Any:
        arguments = {"full": ((2,), 1), "linspace": (0, 1, 2), "tensor": ([1],)}.get(name, (2,))
        x = getattr(torch, name)(*arguments, dtype=of(torch, dtype), requires_grad=True)
        return torch.tensor([x.requires_grad, x.is_leaf, x.grad is None])

    check_same_kind(program)


@pytest.mark.parametrize("wrong", [1, "yes", 0.5])
def test_requires_grad_is_a_bool(wrong: Any) -> None:
    for namespace in (minigrad, torch):
        with pytest.raises(TypeError, match="requires_grad"):
            namespace.zeros(2, requires_grad=wrong)


@pytest.mark.parametrize("device", ["cpu", "cpu:0", None, minigrad.device("cpu")])
def test_the_cpu_is_accepted_as_device(device: Any) -> None:
    made = (
        minigrad.zeros(1, device=device),
        minigrad.tensor([1], device=device),
        minigrad.arange(2, device=device),
        minigrad.randn(1, device=device),
        minigrad.as_tensor([1], device=device),
        minigrad.ones_like(minigrad.zeros(1), device=device),
    )
    for x in made:
        assert x.device == minigrad.device("cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "meta", "gpu", 0, 1.5])
def test_any_other_device_is_refused_by_name(device: Any) -> None:
    for make in (minigrad.zeros, minigrad.randn, minigrad.tensor):
        with pytest.raises((AssertionError, RuntimeError, TypeError), match=r"device|CUDA"):
            make([1], device=device)


# arange and linspace ------------------------------------------------------------------------------

ends = st.one_of(
    st.integers(-20, 20),
    st.floats(-20, 20, allow_nan=False).map(lambda x: round(x, 2)),
    st.sampled_from([float("nan"), float("inf"), True]),
)
steps = st.one_of(st.integers(-4, 4), st.sampled_from([0.1, 0.25, -0.5, 1.5, 0.3, 1e-1, -1.7]))


@given(ends, ends, steps, st.none() | dtypes)
def test_arange(start: Any, end: Any, step: Any, dtype: str | None) -> None:
    check_same_kind(lambda torch: torch.arange(start, end, step, dtype=of(torch, dtype)))


@given(ends, st.none() | dtypes)
def test_arange_from_zero(end: Any, dtype: str | None) -> None:
    check_same_kind(lambda torch: torch.arange(end, dtype=of(torch, dtype)))
    check_same_kind(lambda torch: torch.arange(end=end, dtype=of(torch, dtype)))


@pytest.mark.parametrize("dtype", [*DTYPES, "uint8"])
@given(
    st.floats(-9, 9, width=16),
    st.sampled_from([0.1, -0.1, 1 / 3, 0.7, 1, 2.5]),
    st.integers(0, 200),
)
def test_the_last_digits_of_arange(dtype: str, start: float, step: float, count: int) -> None:
    end = start + step * (count - 0.5)
    check_same_kind(lambda torch: torch.arange(start, end, step, dtype=of(torch, dtype)))


@given(ends, ends, st.integers(-1, 12), st.none() | dtypes)
def test_linspace(start: Any, end: Any, steps: int, dtype: str | None) -> None:
    check_same_kind(lambda torch: torch.linspace(start, end, steps, dtype=of(torch, dtype)))


@pytest.mark.parametrize("dtype", [*DTYPES, "uint8"])
@given(st.floats(0, 99, width=16), st.floats(0, 99, width=16), st.integers(0, 200))
def test_the_last_digits_of_linspace(dtype: str, start: float, end: float, count: int) -> None:
    check_same_kind(lambda torch: torch.linspace(start, end, count, dtype=of(torch, dtype)))


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(2, 9))
def test_linspace_reaches_both_ends(start: int, end: int, steps: int) -> None:
    line = minigrad.linspace(start, end, steps, dtype=minigrad.float64)
    assert (line[0].item(), line[-1].item(), len(line)) == (start, end, steps)


RECORDS = np.zeros(3, [("a", "f4"), ("b", "u1")])
FOREIGN: dict[str, np.ndarray] = {
    "strides between elements": RECORDS["a"],
    "bytes of a record": RECORDS["b"],
    "one element of a record": RECORDS["a"][:1],
    "negative strides": np.arange(3)[::-1],
    "another byte order": np.arange(3, dtype=np.dtype(np.int64).newbyteorder()),
    "texts": np.array(["a"]),
    "objects": np.array([None]),
}


@pytest.mark.parametrize("make", ["from_numpy", "tensor", "as_tensor", "Tensor"])
@pytest.mark.parametrize("name", FOREIGN)
def test_arrays_that_a_tensor_can_not_hold(name: str, make: str) -> None:
    def program(torch: Any) -> Any:
        return getattr(torch, make)(FOREIGN[name])

    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    assert ours.value == theirs.value
    assert ours.error is theirs.error is None or ours.error.kind == theirs.error.kind


# logspace -----------------------------------------------------------------------------------------


@given(
    st.floats(-3, 3, width=16),
    st.floats(-3, 3, width=16),
    st.integers(-1, 12),
    st.sampled_from([10.0, 2, 0.5, -2, 1]),
    st.sampled_from([None, "float32", "float64", "float16", "int64", "int16", "bool"]),
)
def test_logspace(start: float, end: float, steps: int, base: float, dtype: str | None) -> None:
    """All elements but a few are PyTorch's; the libraries' powers differ in the last digit."""
    whole = dtype in ("int64", "int16", "bool")
    close = (0, 1) if whole else (4 * float(np.finfo(dtype or "float32").eps), 0)
    check_close(lambda t: t.logspace(start, end, steps, base, dtype=of(t, dtype)), *close)


@pytest.mark.parametrize(
    "call",
    [
        "torch.logspace(0, 3)",
        "torch.logspace(0, 3, 2.0)",
        "torch.logspace(torch.tensor(0.0), torch.tensor(3), 4)",
        "torch.logspace(torch.tensor([0.0]), 3, 4)",
        "torch.logspace(0, 3, 4, out=torch.empty(0, dtype=torch.float64))",
        "torch.logspace(0, 3, 4, base=2, requires_grad=True).detach()",
    ],
)
def test_arguments_of_logspace(call: str) -> None:
    check_same_kind(lambda torch: eval(call))
