"""tensor.py: attributes, copies and conversions of a tensor, as in PyTorch."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_programs import VIEW, Instruction, Run
from twins import both, check_same

import minigrad

torch = pytest.importorskip("torch")

DTYPES = ("float32", "float64", "int32", "int64", "bool")
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


def check_same_kind(program: Callable[[Any], Any]) -> None:
    """Check for the same value, or the same type of error."""
    ours, theirs = both(lambda torch: repr(program(torch)))
    assert ours == theirs


# Shape and memory ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(sorted(VIEW)), st.integers(0, 7)), max_size=4))
def test_shape_strides_and_contiguity_of_views(steps: list[tuple[str, int]]) -> None:
    looks = []
    for namespace in (minigrad, torch):
        run = Run(namespace)
        for op, vary in steps:
            run.execute(Instruction(op, len(run.tensors) - 1, 0, vary, True))
        looks.append(
            [
                (
                    tuple(x.shape),
                    x.ndim,
                    x.numel(),
                    [
                        s
                        for s, size in zip(x.stride(), x.shape, strict=True)
                        if size > 1 and x.numel()
                    ],
                    x.is_contiguous(),
                    _offset(x, run.tensors),
                )
                for x in run.tensors
            ]
        )
    assert looks[0] == looks[1]


def _offset(x: Any, others: list[Any]) -> int | None:
    """Return the offset of `x` in bytes from the first tensor that it shares memory with."""
    for other in others:
        if np.may_share_memory(x.detach().numpy(), other.detach().numpy()):
            difference: int = x.data_ptr() - other.data_ptr()
            return difference
    return None


@pytest.mark.parametrize("name", DTYPES)
def test_sizes_in_bytes(name: str) -> None:
    def program(namespace: Any) -> Any:
        x = namespace.zeros(2, 3, dtype=getattr(namespace, name))
        return x.element_size(), x.itemsize, x.dtype.itemsize, x.is_floating_point()

    check_same(program)


# To Python and to NumPy ---------------------------------------------------------------------------


@given(shapes, st.sampled_from(DTYPES))
def test_tolist_and_numpy(shape: tuple[int, ...], name: str) -> None:
    array = np.random.default_rng(0).integers(0, 3, shape).astype(name)
    x = minigrad.from_numpy(array)
    assert x.tolist() == torch.from_numpy(array).tolist() == array.tolist()
    back = x.numpy()
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert array.size == 0 or np.shares_memory(back, array)
    assert np.asarray(x).dtype == array.dtype


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "item": lambda x: x.item(),
    "float": float,
    "int": int,
    "bool": bool,
    "complex": complex,
    "index": lambda x: range(10)[x],
    "len": len,
    "list": list,
    "hash": lambda x: isinstance(hash(x), int),
    "format": lambda x: f"{x:.3}",
    "str": str,
    "in": lambda x: x in [x],
    "not": lambda x: not x,
    "array": lambda x: np.asarray(x).tolist(),
}


@pytest.mark.parametrize("name", CONVERSIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_conversions_to_python(name: str, dtype: str) -> None:
    for shape in ((), (1,), (1, 1), (2,), (0,)):

        def program(namespace: Any, shape: tuple[int, ...] = shape) -> Any:
            return CONVERSIONS[name](namespace.ones(shape, dtype=getattr(namespace, dtype)))

        check_same_kind(program)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, 1e30, 2.9, -2.9])
@pytest.mark.parametrize("name", ["item", "float", "int", "bool", "complex"])
def test_conversions_of_notable_floats(name: str, value: float) -> None:
    check_same_kind(lambda namespace: CONVERSIONS[name](namespace.tensor(value).double()))


def test_numpy_of_a_tensor_that_requires_grad() -> None:
    x = minigrad.ones(2, requires_grad=True)
    for refused in (x.numpy, (x * 2).numpy, lambda: np.asarray(x)):
        with pytest.raises(RuntimeError, match="detach"):
            refused()
    assert np.shares_memory(x.numpy(force=True), x.detach().numpy())
    with minigrad.no_grad():
        assert (x * 2).numpy().tolist() == [2, 2]
        assert np.shares_memory(x.numpy(), x.detach().numpy())


def test_array_protocol_options() -> None:
    x = minigrad.arange(3)
    assert np.array(x, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(x, copy=True), x.numpy())
    assert np.shares_memory(np.asarray(x), x.numpy())


# Copies -------------------------------------------------------------------------------------------


def test_clone_detach_and_data() -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(2, 3, requires_grad=True)
        y = x * 2
        clone, detached, data = y.clone(), y.detach(), y.data
        y.detach().zero_()
        return [
            (t, t.requires_grad, t.is_leaf, t.grad_fn is None, t._version)
            for t in (clone, detached, data)
        ]

    check_same(program)


def test_version_counters() -> None:
    def program(namespace: Any) -> list[int]:
        x = namespace.zeros(2, 3)
        view, detached, data = x[0], x.detach(), x.data
        counts = []
        for write in (
            lambda: x.add_(1),
            lambda: view.mul_(2),
            lambda: detached.zero_(),
            lambda: data.zero_(),
            lambda: x.__setitem__(0, 5),
            lambda: x.__setitem__([0], 5),
            lambda: x.copy_(x.clone()),
            lambda: x + 1,
        ):
            write()
            counts += [x._version, view._version, detached._version, data._version]
        return counts

    check_same(program)


def test_deepcopy() -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        one, other = copy.deepcopy([x, x])
        one.grad.zero_()
        return one is other, one.requires_grad, one.grad, x.grad, copy.deepcopy(x.detach())

    check_same(program)


# Identity and attributes --------------------------------------------------------------------------


def test_tensors_are_dictionary_keys_by_identity() -> None:
    for namespace in (minigrad, torch):
        x, y = namespace.ones(2), namespace.ones(2)
        assert {x: 1, y: 2}[x] == 1
        assert len({x, y, x}) == 2
        assert x in {x}


def test_tensors_accept_attributes_and_weak_references() -> None:
    x = minigrad.ones(2)
    x.note = "mine"
    assert x.note == "mine"
    gone = weakref.ref(x)
    gc.disable()
    try:
        del x
        assert gone() is None
    finally:
        gc.enable()


def test_the_legacy_constructor() -> None:
    for make in (
        lambda t: t.Tensor([1, 2]),
        lambda t: t.Tensor([[True], [False]]),
        lambda t: t.Tensor((1.5,)),
        lambda t: t.Tensor(2, 0, 3),
        lambda t: t.Tensor(t.Size([0, 2])),
        lambda t: t.Tensor(),
        lambda t: t.Tensor([]),
        lambda t: t.Tensor("a"),
        lambda t: t.Tensor(1.5),
        lambda t: t.Tensor([1], [2]),
    ):
        check_same_kind(make)


# requires_grad, grad and data ---------------------------------------------------------------------


def test_data_can_be_set() -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(2, requires_grad=True)
        new = namespace.tensor([3.0, 4.0])
        x.data = new
        new.zero_()
        x.data = x.data + 1
        (x * x).sum().backward()
        return x, x.grad, x.is_leaf, new

    check_same(program)


@pytest.mark.parametrize("shape", [(3,), (2, 2), ()])
def test_data_of_another_shape(shape: tuple[int, ...]) -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(2, requires_grad=True)
        x.data = namespace.full(shape, 3.0)
        x.sum().backward()
        return x, x.grad

    check_same(program)


def test_data_of_an_integer_dtype_is_refused_if_grad_is_required() -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(2, requires_grad=True)
        x.data = namespace.tensor([1, 2])

    check_same_kind(program)


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_requires_grad_in_three_ways(dtype: str, flag: bool) -> None:
    def by_method(namespace: Any) -> Any:
        x = namespace.ones(2, dtype=getattr(namespace, dtype))
        return x.requires_grad_(flag) is x, x.requires_grad

    def by_assignment(namespace: Any) -> Any:
        x = namespace.ones(2, dtype=getattr(namespace, dtype))
        x.requires_grad = flag
        return x.requires_grad

    def by_constructor(namespace: Any) -> Any:
        kind = getattr(namespace, dtype)
        return namespace.ones(2, dtype=kind, requires_grad=flag).requires_grad

    for program in (by_method, by_assignment, by_constructor):
        check_same(program)


# Conversions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_to_another_dtype(dtype: str, to: str) -> None:
    methods = {"float32": "float", "float64": "double", "int32": "int", "int64": "long"}

    def program(namespace: Any) -> Any:
        source = namespace.tensor([0.0, 1.7, -2.2, 300.5]).to(getattr(namespace, dtype))
        kind = getattr(namespace, to)
        out = source.to(kind)
        named = getattr(source, methods.get(to, "bool"))()
        return (
            out,
            named,
            out is source,
            source.to(kind, copy=True) is source,
            source.type_as(out),
            source.to(out),
            source.to("cpu", kind),
            source.to(device="cpu", dtype=kind),
        )

    check_same(program)


@pytest.mark.parametrize("to", ["float32", "float64"])
def test_gradients_have_the_dtype_of_their_leaf(to: str) -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(3, requires_grad=True)
        y = x.to(getattr(namespace, to)) * 3
        y.backward(namespace.ones_like(y))
        return x.grad, y.detach()

    check_same(program)


def test_integers_converted_from_floats_have_no_history() -> None:
    def program(namespace: Any) -> Any:
        x = namespace.ones(3, requires_grad=True)
        return [t.requires_grad for t in (x.long(), x.bool(), x.int(), x > 0, x.argmax())]

    check_same(program)
