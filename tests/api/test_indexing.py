"""indexing.py: reading and assigning with random keys of every kind, with gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

Key = tuple[Any, ...]


class Indices:
    """Indices or a mask, to be converted to a list, an array or a tensor of a namespace."""

    def __init__(self, values: Any, how: str) -> None:
        self.values, self.how = np.array(values), how

    def __repr__(self) -> str:
        return f"{self.how}({self.values.tolist()})"

    def converted(self, namespace: Any) -> Any:
        if self.how == "list":
            return self.values.tolist()
        return namespace.from_numpy(self.values.copy()) if self.how == "tensor" else self.values


def converted(key: Any, namespace: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(converted(entry, namespace) for entry in key)
    return key.converted(namespace) if isinstance(key, Indices) else key


shapes = st.lists(st.sampled_from([2, 3, 1, 4, 0]), max_size=4).map(tuple)
bounds = st.none() | st.integers(-5, 5)
slices = st.builds(slice, bounds, bounds, st.none() | st.integers(1, 3))


@st.composite
def indices(draw: st.DrawFn, size: int) -> Indices:
    """Draw indices into a dimension of the given size."""
    shape = draw(st.sampled_from([(1,), (2,), (2,), (3,), (2, 1), (1, 2), (0,), ()]))
    count = int(np.prod(shape))
    numbers = st.integers(-size, size - 1) if size else st.just(0)
    values = np.array(draw(st.lists(numbers, min_size=count, max_size=count)), np.int64)
    how = draw(st.sampled_from(["list", "tensor", "array"]))
    if shape == () or (how == "list" and len(shape) > 1):
        how = "tensor"
    return Indices(values.reshape(shape), how)


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> Indices:
    size = int(np.prod(shape))
    values = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    # PyTorch miscounts the dimensions of `...` next to a two-dimensional mask that is an array.
    how = draw(st.sampled_from(["tensor", "array"])) if len(shape) == 1 else "tensor"
    return Indices(values.reshape(shape), how)


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Draw a key into a tensor of the given shape. Most keys are valid."""
    entries: list[Any] = []
    dim = 0
    while dim < len(shape):
        kind = draw(
            st.sampled_from(["int", "slice", "indices", "mask", "None", "...", "end", "bool"])
        )
        if kind == "end":
            break
        if kind == "None":
            entries.append(None)
        elif kind == "bool" and draw(st.integers(0, 3)) == 0:
            entries.append(draw(st.booleans()))
        elif kind == "...":
            if Ellipsis not in [e for e in entries if not isinstance(e, Indices)]:
                entries.append(...)
                dim += draw(st.integers(0, len(shape) - dim))
        elif kind == "mask":
            reach = draw(st.integers(1, min(2, len(shape) - dim)))
            entries.append(draw(masks(shape[dim : dim + reach])))
            dim += reach
        else:
            size = shape[dim]
            of_kind = {
                "int": st.integers(-size, max(size - 1, -size)),
                "slice": slices,
                "bool": slices,
                "indices": indices(size),
            }
            entries.append(draw(of_kind[kind]))
            dim += 1
    if len(entries) == 1 and draw(st.booleans()):
        return entries[0]
    return tuple(entries)


shapes_and_keys = shapes.flatmap(lambda shape: st.tuples(st.just(shape), keys(shape)))


def leaf(namespace: Any, shape: tuple[int, ...], start: int = 1) -> Any:
    values = np.arange(start, start + np.prod(shape), dtype=np.float64).reshape(shape)
    return namespace.from_numpy(values).requires_grad_()


def cotangent(namespace: Any, out: Any) -> Any:
    values = np.random.default_rng(0).integers(-5, 6, tuple(out.shape))
    return namespace.from_numpy(np.asarray(values, np.float64))


def run(program: Callable[[Any], Any], namespace: Any) -> Any:
    """Return a program's results, tensors as shapes and lists, or the type of its error."""
    with warnings.catch_warnings(action="ignore"):
        try:
            results = program(namespace)
        except Exception as error:
            return type(error).__name__
    return [(tuple(r.shape), r.tolist()) if hasattr(r, "tolist") else r for r in results]


def check(program: Callable[[Any], Any]) -> Any:
    ours, theirs = run(program, minigrad), run(program, torch)
    assert ours == theirs
    return theirs


@settings(max_examples=300)
@given(shapes_and_keys)
@example(((2, 3, 4), (0, slice(None), Indices([1], "list"))))
@example(((2, 3, 4), (Indices([0], "list"), slice(None), Indices([1], "list"))))
def test_reading(case: tuple[tuple[int, ...], Any]) -> None:
    """The elements and the gradient agree, and so does whether the result is a view."""
    shape, key = case

    def program(namespace: Any) -> Any:
        x = leaf(namespace, shape)
        out = x[converted(key, namespace)]
        out.backward(cotangent(namespace, out))
        return out, x.grad, out._base is x

    check(program)


@settings(max_examples=200)
@given(shapes_and_keys, st.data())
def test_assigning_a_tensor(case: tuple[tuple[int, ...], Any], data: st.DataObject) -> None:
    """The gradients of the target and of the value agree too."""
    shape, key = case
    try:
        target = tuple(torch.zeros(shape)[converted(key, torch)].shape)
    except Exception:
        target = (2,)
    # Mostly one that broadcasts or has leading ones; sometimes one that doesn't fit.
    value_shape = [1 if data.draw(st.integers(0, 4)) == 0 else size for size in target]
    value_shape = value_shape[data.draw(st.integers(0, len(target))) :]
    value_shape = [1] * data.draw(st.integers(0, 1)) + value_shape
    if data.draw(st.integers(0, 9)) == 0:
        value_shape = [*value_shape, 3]
    # It is unspecified which of two values stays if both go to one place.
    places = torch.arange(float(np.prod(shape))).reshape(shape)
    try:
        named = places[converted(key, torch)].reshape(-1)
    except Exception:
        named = torch.zeros(0)
    assume(len(named.unique()) == len(named))

    def program(namespace: Any) -> Any:
        x, value = leaf(namespace, shape), leaf(namespace, tuple(value_shape), 100)
        y = x * 1
        y[converted(key, namespace)] = value
        y.backward(cotangent(namespace, y))
        return y, x.grad, value.grad

    check(program)


@given(shapes_and_keys, st.sampled_from([7, -2.5, True, np.float64(3)]))
def test_assigning_a_number(case: tuple[tuple[int, ...], Any], number: Any) -> None:
    shape, key = case

    def program(namespace: Any) -> Any:
        x = leaf(namespace, shape)
        y = x * 1
        y[converted(key, namespace)] = number
        y.backward(cotangent(namespace, y))
        return y, x.grad

    check(program)


@given(shapes_and_keys)
def test_a_write_into_a_result_of_indexing(case: tuple[tuple[int, ...], Any]) -> None:
    """The write reaches the tensor if the result is a view, and only then."""
    shape, key = case

    def program(namespace: Any) -> Any:
        x = leaf(namespace, shape)
        y = x * 1
        part = y[converted(key, namespace)]
        part.mul_(3)
        (y * 2).backward(cotangent(namespace, y))
        return y, part, x.grad

    check(program)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("key", [0, slice(1), [0], [True, False, True], ...], ids=repr)
@pytest.mark.parametrize("value", ["float32", "float64", "int32", "int64", "bool", 0.5, 3, True])
def test_assignment_converts_as_pytorch_does(dtype: str, key: Any, value: Any) -> None:
    for shape in ((), (1,)) if isinstance(value, str) else ((),):

        def program(namespace: Any, shape: tuple[int, ...] = shape) -> Any:
            x = namespace.zeros(3, dtype=getattr(namespace, dtype))
            if isinstance(value, str):
                x[key] = namespace.full(shape, 1, dtype=getattr(namespace, value))
            else:
                x[key] = value
            return (x,)

        check(program)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.data())
def test_indices_out_of_bounds(shape: list[int], data: st.DataObject) -> None:
    """For reading and writing, as a number and in a list, before and after other indices."""
    dim = data.draw(st.integers(0, len(shape) - 1))
    beyond = data.draw(st.sampled_from([shape[dim], -shape[dim] - 1, 99]))
    wrong = data.draw(
        st.sampled_from([beyond, Indices([0, beyond], "list"), Indices(beyond, "tensor")])
    )
    entries: list[Any] = [data.draw(st.sampled_from([0, slice(None)])) for _ in shape]
    entries[dim] = wrong
    key = tuple(entries)
    assert (
        check(lambda namespace: [leaf(namespace, tuple(shape))[converted(key, namespace)]])
        == "IndexError"
    )

    def assign(namespace: Any) -> Any:
        namespace.zeros(shape)[converted(key, namespace)] = 1
        return []

    assert check(assign) == "IndexError"


def test_gradients_of_repeated_indices_add_up() -> None:
    def program(namespace: Any) -> Any:
        x = leaf(namespace, (4,))
        out = x[namespace.tensor([[0, 0, 3], [3, 3, -1]])]
        out.backward(cotangent(namespace, out))
        return (x.grad,)

    check(program)


def test_gradients_of_repeated_indices_add_up_next_to_a_mask() -> None:
    def program(namespace: Any) -> Any:
        x = leaf(namespace, (3, 2, 4))
        one, two = (namespace.tensor(m) for m in ([False, False, True], [True, False, True]))
        for key in ((one, [1, 1]), (two, [[1], [1]]), ([0, 0], slice(None), [True, *[False] * 3])):
            out = x[key]
            out.backward(cotangent(namespace, out))
        return (x.grad,)

    check(program)


def _key_uses(namespace: Any, x: Any, key: Any, how: str) -> Any:
    """Use a key, so that its indices are saved for backward."""
    if how == "read":
        return x[key]
    y, value = x * 1, leaf(namespace, (), 100)
    if how == "assign":
        y[key] = value
    elif how == "assign to a view":
        y[...][key] = value
    elif how == "number":
        y[key] = 7.0
    else:
        y = y.index_put(key, value, accumulate=True)
    return y


HOW = ("read", "assign", "assign to a view", "number", "index_put")


@settings(max_examples=300)
@given(shapes_and_keys, st.sampled_from(HOW), st.integers(0, 2))
@example(((3,), Indices([0, 0], "tensor")), "read", 0)
@example(((3,), Indices([True, False, True], "tensor")), "read", 0)
@example(((3,), Indices([0], "tensor")), "assign to a view", 0)
@example(((3,), Indices(0, "tensor")), "index_put", 0)
def test_a_write_to_indices_before_backward(
    case: tuple[tuple[int, ...], Any], how: str, which: int
) -> None:
    """It is an error if the indices were saved."""
    shape, key = case

    def program(namespace: Any) -> Any:
        x, given = leaf(namespace, shape), converted(key, namespace)
        out = _key_uses(namespace, x, given, how)
        tensors = [
            e for e in (given if isinstance(given, tuple) else (given,)) if hasattr(e, "fill_")
        ]
        tensors[which % len(tensors)].fill_(0)
        out.backward(cotangent(namespace, out))
        return (x.grad,)

    check(program)


@pytest.mark.parametrize("transposed", [True, False])
def test_a_write_to_labels_of_sequences(transposed: bool) -> None:
    """PyTorch saves a copy of labels that aren't contiguous."""

    def program(namespace: Any) -> Any:
        x, labels = leaf(namespace, (2, 3, 2)), namespace.tensor([[0, 1], [2, 0]])
        labels = labels.t() if transposed else labels
        loss = namespace.nn.functional.nll_loss(x, labels, namespace.ones(3).double())
        labels.zero_()
        loss.backward()
        return (x.grad,)

    assert (check(program) == "RuntimeError") != transposed


BYTES = {
    "read": lambda t, x, m: x[m],
    "assign": lambda t, x, m: (x * 1).index_put_((m,), t.ones(2)),
    "number": lambda t, x, m: (x * 1).index_put(
        (m,), t.ones(2, requires_grad=True), accumulate=True
    ),
    "where": lambda t, x, m: t.where(m, x, 2.0),
    "method": lambda t, x, m: x.where(m, t.zeros(3)),
    "labels": lambda t, x, m: t.nn.functional.nll_loss(t.stack([x, x, x]), m),
    "weights": lambda t, x, m: t.nn.functional.nll_loss(t.stack([x, x, x]), m, t.ones(3)),
}


@pytest.mark.filterwarnings("ignore:.*uint8")
@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("use", BYTES)
def test_a_write_to_a_mask_or_labels_in_uint8(use: str, written: bool) -> None:
    def program(namespace: Any) -> Any:
        x, mask = (
            namespace.ones(3, requires_grad=True),
            namespace.tensor([1, 0, 1], dtype=namespace.uint8),
        )
        out = BYTES[use](namespace, x, mask)
        (d,) = namespace.autograd.grad(out.sum(), x, retain_graph=True, create_graph=True)
        if written:
            mask.fill_(0)
        out.sum().backward()
        return d.detach(), x.grad

    assert (check(program) == "RuntimeError") == written


def test_a_write_to_indices_before_the_second_backward() -> None:
    """The gradient of a gradient saves them too."""

    def program(namespace: Any) -> Any:
        x, rows = leaf(namespace, (3,)), namespace.tensor([0, 0])
        (d,) = namespace.autograd.grad((x[rows] ** 2).sum(), x, create_graph=True)
        rows.fill_(2)
        d.sum().backward()
        return (x.grad,)

    assert check(program) == "RuntimeError"


@pytest.mark.parametrize("key", [0, -1, slice(None), (0, 1), ..., None, (None, 0)], ids=repr)
def test_keys_of_ints_and_slices_make_views(key: Any) -> None:
    x = minigrad.zeros(2, 3)
    assert np.shares_memory(x[key].numpy(), x.numpy())


def test_a_tensor_of_one_element_can_be_an_index() -> None:
    def program(namespace: Any) -> Any:
        x = leaf(namespace, (3, 2))
        one = namespace.tensor(1)
        return x[one], x[one, one], x[one:], x[:one], [7, 8, 9][one]

    check(program)


def test_iteration_is_over_the_first_dimension() -> None:
    def program(namespace: Any) -> Any:
        x = leaf(namespace, (3, 2))
        rows = list(x)
        (rows[0] * rows[2]).sum().backward()
        first, *_, last = x
        return (*rows, x.grad, first, last, len(x))

    check(program)


def test_membership_compares_elements() -> None:
    for namespace in (minigrad, torch):
        x = namespace.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert 3 in x
        assert namespace.tensor(4.0) in x
        assert 5 not in x
        assert x[0] in x


@pytest.mark.parametrize("accumulate", [True, False])
@pytest.mark.parametrize("in_place", [True, False])
def test_index_put_and_its_gradients(accumulate: bool, in_place: bool) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
        value = torch.tensor([7.0, 8.0], requires_grad=True)
        places = torch.tensor([0, 2, -1] if accumulate else [0, 2])  # 2 and -1 are the same place
        y = x * 1
        put = y.index_put_ if in_place else y.index_put
        y = put((places,), value, accumulate)
        weights = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
        (y * weights).backward(torch.tensor([[1.0, -1.0], [2.0, 0.5], [-3.0, 4.0]]))
        return y, x.grad, value.grad

    check_same(program)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("index", [[0, 1], [True, True, False, False], 1], ids=str)
def test_a_put_value_has_the_dtype_and_no_more_dims_than_what_it_replaces(
    index: Any, shape: tuple[int, ...], dtype: str, accumulate: bool
) -> None:
    def put(size: tuple[int, ...]) -> Any:
        def program(torch: Any) -> Any:
            x = torch.zeros(size, dtype=getattr(torch, dtype))
            return x.index_put_((torch.tensor(index),), torch.ones(shape), accumulate)

        return program

    check_same(put((4,)))
    check_same(put((4, 2)))


@pytest.mark.parametrize("shape", [(), (1,), (2,), (3,), (0,)])
@pytest.mark.parametrize("index", [[0, 1], [0, 7], [True, True, False, False]], ids=str)
def test_a_shape_that_does_not_fit_is_reported_before_the_dtype(
    index: Any, shape: tuple[int, ...]
) -> None:
    def program(torch: Any) -> Any:
        x = torch.zeros(4, dtype=torch.int64)
        x[torch.tensor(index)] = torch.ones(shape)
        return x

    check_same(program)


def test_items_cannot_be_deleted() -> None:
    def program(torch: Any) -> Any:
        x = torch.zeros(4)
        del x[0]

    check_same(program)


# Functions that take an index for slices or elements, by the dtype of the index -------------------

BY_INDEX: dict[str, Callable[..., Any]] = {
    "index_fill": lambda x, i: x.index_fill(0, i, 9.0),
    "index_fill_": lambda x, i: x.clone().index_fill_(0, i, x[0, 0]),
    "index_copy": lambda x, i: x.index_copy(0, i, x[: len(i)]),
    "index_add": lambda x, i: x.index_add(0, i, x[: len(i)]),
    "index_add of a vector": lambda x, i: x[0].index_add(0, i, x[0, : len(i)]),
    "index_reduce": lambda x, i: x.index_reduce(0, i, x[: len(i)], "prod"),
    "index_select": lambda x, i: x.index_select(0, i),
    "gather": lambda x, i: x.gather(0, i[None]),
    "scatter": lambda x, i: x.scatter(0, i[None], 1.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i[None], x),
    "scatter_reduce": lambda x, i: x.scatter_reduce(0, i[None], x, "sum"),
    "take": lambda x, i: x.take(i),
    "take_along_dim": lambda x, i: x.take_along_dim(i[None], 0),
    "put": lambda x, i: x.put(i, i.float()),
}


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "bool", "float32"])
@pytest.mark.parametrize("name", BY_INDEX)
@pytest.mark.parametrize("places", [[], [1]])
def test_the_dtype_of_an_index(name: str, dtype: str, places: list[int]) -> None:
    def kind(t: Any) -> Any:
        x = t.arange(6.0).reshape(2, 3)
        try:
            return BY_INDEX[name](x, t.tensor(places, dtype=getattr(t, dtype))).tolist()
        except (IndexError, RuntimeError, TypeError) as error:
            return type(error)

    assert kind(minigrad) == kind(torch)
