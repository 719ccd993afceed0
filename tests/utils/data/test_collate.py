"""utils/data/collate.py: batches of samples of every type, compared with PyTorch's."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

Point = namedtuple("Point", "x y")


class Pair(list):
    """A list whose constructor takes two elements."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__([first, second])


class Named(tuple):
    pass


def kinds(value: Any) -> Any:
    """Return the types in a structure, and the values that aren't tensors."""
    if isinstance(value, minigrad.Tensor | torch.Tensor):
        return "Tensor", value.requires_grad
    if isinstance(value, dict | MappingProxyType):
        return type(value).__name__, {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list | tuple | deque):
        return type(value).__name__, [kinds(item) for item in value]
    return type(value).__name__, repr(value)


def contents(value: Any) -> Any:
    """Return the structure in dicts and lists, as `check_same` takes it."""
    if isinstance(value, dict | MappingProxyType):
        return {key: contents(item) for key, item in value.items()}
    if isinstance(value, list | tuple | deque):
        return [contents(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return repr(value) if isinstance(value, bytes | complex | set) or value is None else value


# Each is a batch for default_collate, and a sample for default_convert.
BATCHES: dict[str, Callable[[Any], Any]] = {
    "ints": lambda t: [1, 2],
    "floats": lambda t: [1.0, 2.0],
    "an int, then a float": lambda t: [1, 2.5],
    "a float, then an int": lambda t: [1.5, 2],
    "bools": lambda t: [True, False],
    "a bool, then an int": lambda t: [True, 2],
    "an int beyond 64 bits": lambda t: [2**70],
    "strings": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "a string, then a number": lambda t: ["a", 1],
    "nothing": lambda t: [],
    "None": lambda t: [None],
    "complex numbers": lambda t: [1j],
    "sets": lambda t: [{1}, {2}],
    "tensors": lambda t: [t.ones(2), t.zeros(2)],
    "0-d tensors": lambda t: [t.tensor(1), t.tensor(2)],
    "empty tensors": lambda t: [t.ones(0, 3)] * 2,
    "tensors with a gradient": lambda t: [t.ones(1, requires_grad=True)] * 2,
    "parameters": lambda t: [t.nn.Parameter(t.ones(2))] * 2,
    "tensors of two dtypes": lambda t: [t.ones(2), t.ones(2, dtype=t.int64)],
    "tensors of two shapes": lambda t: [t.ones(2), t.ones(3)],
    "a tensor, then a number": lambda t: [t.ones(1), 1],
    "a number, then a tensor": lambda t: [1, t.ones(1)],
    "arrays": lambda t: [np.ones(2), np.zeros(2)],
    "arrays of float32": lambda t: [np.ones((1, 2), np.float32)] * 2,
    "arrays of bool": lambda t: [np.array([True, False])] * 2,
    "0-d arrays": lambda t: [np.array(3), np.array(4)],
    "arrays of two shapes": lambda t: [np.ones(2), np.ones(3)],
    "strided arrays": lambda t: [np.arange(6.0)[::2]] * 2,
    "reversed arrays": lambda t: [np.arange(2.0)[::-1]] * 2,
    "arrays of strings": lambda t: [np.array(["a"])],
    "NumPy's float32": lambda t: [np.float32(1), np.float32(2)],
    "NumPy's float64": lambda t: [np.float64(1)],
    "NumPy's ints": lambda t: [np.int64(1), np.int32(2)],
    "NumPy's int32": lambda t: [np.int32(1), np.int32(2)],
    "NumPy's bool": lambda t: [np.bool_(True)],
    "NumPy's strings": lambda t: [np.str_("a")],
    "tuples": lambda t: [(1, 2.0), (3, 4.0)],
    "a tuple of tuples": lambda t: ((1, 2), (3, 4)),
    "tuples of tensors and numbers": lambda t: [(t.ones(2), 1), (t.zeros(2), 0)],
    "empty tuples": lambda t: [(), ()],
    "tuples of two lengths": lambda t: [(1, 2), (1,)],
    "tuples of another type": lambda t: [Named([1, 2])] * 2,
    "named tuples": lambda t: [Point(1, "a"), Point(2, "b")],
    "lists": lambda t: [[1, 2], [3, 4]],
    "empty lists": lambda t: [[], []],
    "lists in tuples": lambda t: [(1, [2, 3]), (4, [5, 6])],
    "a list with a custom constructor": lambda t: [Pair(1, 2.0), Pair(3, 4.0)],
    "ranges": lambda t: [range(2), range(2)],
    "deques": lambda t: [deque([1, 2])] * 2,
    "dicts": lambda t: [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    "ordered dicts": lambda t: [OrderedDict(b=1, a=2)] * 2,
    "defaultdicts": lambda t: [defaultdict(int, a=1)] * 2,
    "read-only dicts": lambda t: [MappingProxyType({"a": 1})] * 2,
    "dicts with an extra key": lambda t: [{"a": 1}, {"a": 2, "b": 3}],
    "dicts with a missing key": lambda t: [{"a": 1}, {"b": 2}],
    "dicts of dicts": lambda t: [{"x": {"y": (t.ones(1), "s")}}] * 2,
    "None inside": lambda t: [{"a": None}] * 2,
    "a number": lambda t: 5,
    "an array": lambda t: np.arange(3),
    "an array of strings": lambda t: np.array(["a", "b"]),
    "a NumPy scalar": lambda t: np.float32(1.5),
    "a tensor": lambda t: t.arange(3),
    "a string": lambda t: "ab",
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_all_kinds(function: str, name: str) -> None:
    def program(t: Any) -> Any:
        found = getattr(t.utils.data, function)(BATCHES[name](t))
        return [repr(kinds(found)), contents(found)]

    check_same(program)


NUMBERS = st.integers(-(2**62), 2**62) | st.floats() | st.booleans()
LEAVES = NUMBERS | st.text(max_size=2)
NESTED = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(NESTED, st.integers(1, 4))
def test_equal_samples_of_any_structure(sample: Any, count: int) -> None:
    check_same(lambda t: contents(t.utils.data.default_collate([sample] * count)))
    check_same(lambda t: contents(t.utils.data.default_convert(sample)))


@given(st.lists(NUMBERS, min_size=1, max_size=4), st.sampled_from(["float32", "float64"]))
def test_mixed_numbers(numbers: list[Any], default: str) -> None:
    def program(t: Any) -> Any:
        before = t.get_default_dtype()
        t.set_default_dtype(getattr(t, default))
        try:
            return t.utils.data.default_collate(numbers)
        finally:
            t.set_default_dtype(before)

    check_same(program)


def test_convert_shares_an_arrays_memory_and_collate_does_not() -> None:
    for namespace in (minigrad, torch):
        array = np.zeros(2)
        converted = namespace.utils.data.default_convert(array)
        collated = namespace.utils.data.default_collate([array])
        array[0] = 1
        assert converted.tolist() == [1, 0]
        assert collated.tolist() == [[0, 0]]


def test_samples_are_not_changed() -> None:
    for namespace in (minigrad, torch):
        for function in ("default_collate", "default_convert"):
            samples = [{"a": np.ones(1)}, {"a": np.ones(1)}], [[np.ones(1)], [np.ones(1)]]
            for batch in samples:
                before = repr(batch)
                getattr(namespace.utils.data, function)(batch)
                assert repr(batch) == before


def test_gradient_flows_through_a_batch() -> None:
    def program(t: Any) -> Any:
        x = t.tensor([1.0, 2.0], requires_grad=True)
        (t.utils.data.default_collate([x, x * x]) ** 2).sum().backward()
        return x.grad

    check_same(program)


def test_counter() -> None:
    check_same(lambda t: dict(t.utils.data.default_convert(Counter("aab"))))
