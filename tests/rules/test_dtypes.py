"""dtypes.py and promotion.py: PyTorch's promotion, for every pair of operands."""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad
from minigrad.rules import dtypes, promotion

torch = pytest.importorskip("torch")

NAMES = ["float32", "float64", "float16", "int32", "int64", "int8", "int16", "uint8", "bool"]
VALUES = {"float32": [1.5, -2.0], "float64": [0.25, 3.0], "int32": [2, 3], "int64": [-1, 4]}
VALUES |= {"float16": [0.1, 3.3], "int8": [100, -3], "int16": [300, 2], "uint8": [200, 7]}
VALUES["bool"] = [True, False]
# An operand: a tensor with dimensions, a 0-d tensor, or a Python number.
OPERANDS = [f"{name} {rank}" for name in NAMES for rank in ("1-d", "0-d")]
OPERANDS += ["float", "int", "bool"]
TENSORS = OPERANDS[:-3]
NUMBERS: dict[str, Any] = {"float": 2.5, "int": 3, "bool": True}

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
    "copy_": lambda a, b: a.copy_(b),
    "fill_": lambda a, b: a.fill_(b),
    "[...] =": lambda a, b: _set(a, ..., b),
    "[0] =": lambda a, b: _set(a, [0] if a.ndim else (), b),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda torch, a, b: torch.add(a, b, alpha=2),
    "sub": lambda torch, a, b: torch.sub(a, b, alpha=3),
    "rsub": lambda torch, a, b: torch.rsub(a, b),
    "mul": lambda torch, a, b: torch.mul(a, b),
    "div": lambda torch, a, b: torch.div(a, b),
    "pow": lambda torch, a, b: torch.pow(a, b),
    "maximum": lambda torch, a, b: torch.maximum(a, b),
    "minimum": lambda torch, a, b: torch.minimum(a, b),
    "where": lambda torch, a, b: torch.where(torch.tensor([True, False]), a, b),
    "clamp": lambda torch, a, b: torch.clamp(a, min=b),
    "clamp max": lambda torch, a, b: torch.clamp(a, max=b),
    "cat": lambda torch, a, b: torch.cat([a, b]),
    "stack": lambda torch, a, b: torch.stack([a, b]),
    "logical_and": lambda torch, a, b: torch.logical_and(a, b),
    "bitwise_or": lambda torch, a, b: torch.bitwise_or(a, b),
    "eq": lambda torch, a, b: torch.eq(a, b),
    "mm": lambda torch, a, b: torch.matmul(a.reshape(-1, 1), b.reshape(1, -1)),
    "dot": lambda torch, a, b: torch.dot(a, b),
    "mse_loss": lambda torch, a, b: torch.nn.functional.mse_loss(a, b),
}
UNARY_METHODS = [
    "exp",
    "log",
    "sqrt",
    "abs",
    "neg",
    "relu",
    "sigmoid",
    "tanh",
    "reciprocal",
    "sum",
    "mean",
    "max",
    "min",
    "argmax",
    "all",
    "any",
    "logical_not",
    "bitwise_not",
    "isnan",
    "isfinite",
    "float",
    "double",
    "int",
    "long",
    "bool",
    "clone",
]
UNARY: dict[str, Callable[[Any], Any]] = {
    name: operator.methodcaller(name) for name in UNARY_METHODS
} | {
    "softmax": lambda a: a.softmax(0),
    "log_softmax": lambda a: a.log_softmax(-1),
    "max dim": lambda a: tuple(a.max(0)),
    "sum dim": lambda a: a.sum(0),
    "clamp numbers": lambda a: a.clamp(0, 1),
    "clamp floats": lambda a: a.clamp(0.5, 1.5),
    "~": operator.invert,
    "+": operator.pos,
    "item": lambda a: a.sum().item(),
    "tolist": lambda a: a.tolist(),
}


def _set(a: Any, key: Any, b: Any) -> Any:
    a[key] = b
    return a


def operand(torch: Any, name: str) -> Any:
    if name in NUMBERS:
        return NUMBERS[name]
    kind, rank = name.split()
    values = VALUES[kind] if rank == "1-d" else VALUES[kind][0]
    return torch.tensor(values, dtype=getattr(torch, kind))


def result_or_error(function: Callable[..., Any], *args: Any) -> Any:
    """Return a result as dtype and elements, or the type of the error."""
    try:
        return _comparable(function(*args))
    except Exception as error:
        return type(error).__name__


def _comparable(result: Any) -> Any:
    if isinstance(result, tuple):
        return [_comparable(r) for r in result]
    if not hasattr(result, "detach"):
        return type(result).__name__, result
    return str(result.dtype), result.detach().numpy()


def agree(ours: Any, theirs: Any) -> bool:
    """Tell whether two results have the same type, dtype and shape, and close elements."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return all(map(agree, ours, theirs))
    if not (isinstance(ours, tuple) and isinstance(theirs, tuple)):
        return bool(ours == theirs)
    if not isinstance(theirs[1], np.ndarray):
        return bool(ours == theirs)
    shapes = ours[1].shape == theirs[1].shape
    # Under cancellation, a result in float16 is as inexact as its terms, which are of order 1.
    close = (1e-3, 1e-3) if ours[1].dtype == np.float16 else (1e-5, 0)
    return ours[0] == theirs[0] and shapes and np.allclose(ours[1], theirs[1], *close, True)


def test_agree_distinguishes_values_dtypes_shapes_and_errors() -> None:
    one = _comparable(torch.tensor([1.0]))
    assert agree(one, _comparable(minigrad.tensor([1.0])))
    for other in (torch.tensor([1.001]), torch.tensor([1]), torch.tensor([[1.0]]), 1.0):
        assert not agree(one, _comparable(other))
    assert not agree(one, "TypeError")
    assert not agree("ValueError", "TypeError")


def differences(cases: Iterator[tuple[str, Callable[[Any], Any]]]) -> list[str]:
    """Return the names of the cases, functions of a namespace, that differ."""
    found = []
    for name, case in cases:
        ours, theirs = result_or_error(case, minigrad), result_or_error(case, torch)
        if not agree(ours, theirs):
            found.append(f"{name}: minigrad {ours}, PyTorch {theirs}")
    return found


@pytest.mark.parametrize("op", ARITHMETIC)
def test_operators_promote(op: str) -> None:
    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for a, b in itertools.product(OPERANDS, OPERANDS):
            if a in TENSORS or b in TENSORS:
                yield (
                    f"{a} {op} {b}",
                    lambda torch, a=a, b=b: ARITHMETIC[op](operand(torch, a), operand(torch, b)),
                )

    assert not differences(cases())


@pytest.mark.parametrize("op", IN_PLACE)
def test_writes_promote(op: str) -> None:
    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for a, b in itertools.product(TENSORS, OPERANDS):
            if (op, a, b) == ("**=", "bool 0-d", "bool 1-d"):
                continue  # wrong in two ways, and each library reports a different one
            yield (
                f"{a} {op} {b}",
                lambda torch, a=a, b=b: IN_PLACE[op](operand(torch, a), operand(torch, b)),
            )

    assert not differences(cases())


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_promote(name: str) -> None:
    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for a, b in itertools.product(TENSORS, OPERANDS):
            yield (
                f"{name}({a}, {b})",
                lambda torch, a=a, b=b: FUNCTIONS[name](
                    torch, operand(torch, a), operand(torch, b)
                ),
            )

    if name == "mse_loss":  # PyTorch's error for numbers is that they have no `size`
        assert not [d for d in differences(cases()) if "AttributeError" not in d]
    else:
        assert not differences(cases())


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name: str) -> None:
    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for a in TENSORS:
            yield f"{name}({a})", lambda torch, a=a: UNARY[name](operand(torch, a))

    assert not differences(cases())


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", ["sum", "mean", "softmax", "log_softmax", "to", "tensor", "zeros"])
def test_dtype_arguments(name: str, dtype: str) -> None:
    def call(torch: Any, a: str) -> Any:
        x, kind = operand(torch, a), getattr(torch, dtype)
        if name in ("softmax", "log_softmax"):
            return getattr(torch.nn.functional, name)(x, 0, dtype=kind)
        if name in ("sum", "mean"):
            return getattr(x, name)(dtype=kind)
        if name == "zeros":
            return torch.zeros_like(x, dtype=kind), torch.full_like(x, 1.5, dtype=kind)
        return x.to(kind) if name == "to" else torch.tensor(x.tolist(), dtype=kind)

    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for a in TENSORS:
            yield f"{name}({a}, dtype={dtype})", lambda torch, a=a: call(torch, a)

    assert not differences(cases())


@given(st.lists(st.sampled_from(OPERANDS), min_size=1, max_size=4))
def test_result_type_of_many(names: list[str]) -> None:
    assume(set(names) & set(TENSORS))
    # PyTorch promotes within each rank, and then the ranks, the highest first.
    ranks = []
    for rank, shape in (("1-d", (2,)), ("0-d", ())):
        equals = [getattr(torch, name.split()[0]) for name in names if rank in name]
        if equals:
            ranks.append(torch.zeros(shape, dtype=functools.reduce(torch.promote_types, equals)))
    expected = ranks[0].dtype
    for operand_ in (*ranks[1:], *(NUMBERS[name] for name in names if name in NUMBERS)):
        expected = torch.result_type(torch.zeros(ranks[0].shape, dtype=expected), operand_)
    arrays = [
        x._array if hasattr(x, "_array") else x for x in (operand(minigrad, n) for n in names)
    ]
    assert f"torch.{dtypes.of_numpy(promotion.result_type(*arrays)).name}" == str(expected)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NAMES, NAMES)))
def test_promote_types(a: str, b: str) -> None:
    ours, theirs = (t.promote_types(getattr(t, a), getattr(t, b)) for t in (minigrad, torch))
    assert str(ours) == str(theirs)


def test_a_number_or_a_0d_tensor_does_not_widen_gradients() -> None:
    x = minigrad.ones(3, requires_grad=True)
    s = minigrad.tensor(2.0, dtype=minigrad.float64, requires_grad=True)
    y = x * s * 2.5 + 1
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, s.grad.dtype) == (
        minigrad.float32,
        minigrad.float32,
        minigrad.float64,
    )


# The default dtype --------------------------------------------------------------------------------


@pytest.fixture
def _default_restored() -> Iterator[None]:
    yield
    for namespace in (minigrad, torch):
        namespace.set_default_dtype(namespace.float32)


DEFAULTED: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda torch: torch.tensor([1.5]),
    "0-d tensor": lambda torch: torch.tensor(1.5),
    "empty list": lambda torch: torch.tensor([]),
    "int tensor": lambda torch: torch.tensor([1]),
    "zeros": lambda torch: torch.zeros(2),
    "full": lambda torch: torch.full((2,), 1.5),
    "full int": lambda torch: torch.full((2,), 1),
    "eye": lambda torch: torch.eye(2),
    "arange": lambda torch: torch.arange(1.5),
    "linspace": lambda torch: torch.linspace(0, 1, 3),
    "randn": lambda torch: torch.randn(2).abs() * 0,
    "int / int": lambda torch: torch.tensor([1]) / torch.tensor([2]),
    "int + float": lambda torch: torch.tensor([1]) + 1.5,
    "int.exp()": lambda torch: torch.tensor([0]).exp(),
    "float32 stays": lambda torch: torch.zeros(2, dtype=torch.float32) + 1.5,
    "float64 stays": lambda torch: torch.zeros(2, dtype=torch.float64) + 1.5,
    "Tensor": lambda torch: torch.Tensor([1]),
    "repr": lambda torch: repr(torch.zeros(1, dtype=torch.float32)),
    "repr 64": lambda torch: repr(torch.zeros(1, dtype=torch.float64)),
    "float()": lambda torch: torch.tensor([1]).float(),
    "where": lambda torch: torch.where(torch.tensor([True]), 1.5, 2),
    "mask": lambda torch: torch.tensor([True]) * 1.5,
}


@pytest.mark.usefixtures("_default_restored")
@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFAULTED)
def test_the_default_dtype_applies_to_floats(name: str, default: str) -> None:
    for namespace in (minigrad, torch):
        namespace.set_default_dtype(getattr(namespace, default))
        assert str(namespace.get_default_dtype()) == f"torch.{default}"
    assert not differences(iter([(name, DEFAULTED[name])]))


@pytest.mark.parametrize("wrong", [minigrad.int64, minigrad.bool, "float64", float, None])
def test_a_default_that_is_not_a_float_dtype_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        minigrad.set_default_dtype(wrong)
    assert minigrad.get_default_dtype() is minigrad.float32


# Dtype objects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_dtypes_have_pytorchs_attributes(name: str) -> None:
    ours, theirs = (getattr(namespace, name) for namespace in (minigrad, torch))
    for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert repr(ours) == repr(theirs)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("name", NAMES)
def test_dtypes_are_singletons(name: str) -> None:
    dtype = getattr(minigrad, name)
    assert copy.deepcopy(dtype) is dtype
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert dtypes.of_numpy(np.dtype(name)) is dtype
    assert dtypes.to_numpy(dtype) == np.dtype(name)
    assert minigrad.zeros(1, dtype=dtype).dtype is dtype
    assert minigrad.from_numpy(np.zeros(1, name)).dtype is dtype


def test_aliases_of_dtypes() -> None:
    for other, name in (("float", "float32"), ("double", "float64"), ("int", "int32")):
        assert getattr(minigrad, other) is getattr(minigrad, name)
    assert minigrad.long is minigrad.int64


@pytest.mark.parametrize(("python", "name"), [(float, "float64"), (int, "int64"), (bool, "bool")])
def test_python_types_are_accepted_as_dtypes(python: type, name: str) -> None:
    def cases() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        yield "zeros", lambda torch: torch.zeros(2, dtype=python)
        yield "tensor", lambda torch: torch.tensor([1.0, 0.0], dtype=python)
        yield "to", lambda torch: torch.ones(2).to(python)
        yield "sum", lambda torch: torch.ones(2).sum(dtype=python)
        yield (
            "promote",
            lambda torch: torch.zeros(1, dtype=torch.promote_types(python, torch.int32)),
        )

    assert not differences(cases())
    assert minigrad.zeros(1, dtype=python).dtype is getattr(minigrad, name)


@pytest.mark.parametrize("name", ["complex64", "uint16", "uint64", "longdouble", "str"])
def test_arrays_of_other_dtypes_are_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        minigrad.from_numpy(np.zeros(1, name))
