"""Storages, and tensors that are set to one, are as PyTorch's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad  # noqa: E402

BOTH: tuple[Any, Any] = (minigrad, torch)
pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
DTYPES = ("bool", "uint8", "int64", "float16", "float32", "float64")
# A tensor of 24 elements as some view of it.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "all": lambda x: x,
    "transposed": lambda x: x.view(4, 6).t(),
    "a part": lambda x: x.view(4, 6)[1:3, ::2],
    "an element": lambda x: x[5],
    "expanded": lambda x: x[3:4].expand(2, 3, 1),
    "strided": lambda x: x.as_strided((2, 2), (3, 2), 4),
    "nothing": lambda x: x[:0],
}


def facts(x: Any) -> list[Any]:
    """What the storages of a tensor say, as far as it is the same for every address."""
    found: list[Any] = []
    for each in (x.untyped_storage(), x.storage()):
        found += [each.nbytes(), each.size(), len(each), each.element_size(), each.tolist()]
        found += [list(each)[:2], str(each.device), each.is_cuda, each.is_shared()]
        found += [each.is_pinned(), each.data_ptr() == x.untyped_storage().data_ptr(), repr(each)]
        found += [each[-1], each[0]]
    untyped, typed = x.untyped_storage(), x.storage()
    found += [str(typed.dtype), typed.type(), typed.is_sparse, x.storage_offset()]
    found += [bytes(untyped), untyped[2:5].tolist(), untyped == x.untyped_storage()]
    found += [hash(untyped) == hash(x.untyped_storage()), untyped == untyped.clone()]
    return [*found, typed.clone().tolist(), typed.untyped().tolist(), untyped.untyped() == untyped]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_storages_of_views(dtype: str, view: str) -> None:
    ours, theirs = (facts(VIEWS[view](t.arange(24).to(getattr(t, dtype)))) for t in BOTH)
    assert ours == theirs


def written(t: Any, dtype: str) -> list[Any]:
    x = t.arange(6).to(getattr(t, dtype)).view(2, 3)
    typed, untyped = x.t().storage(), x.untyped_storage()
    typed[1], typed[-2] = 1, 0
    seen = [x.tolist(), x._version]
    untyped[0] = 3
    seen.append(x.view(-1)[1:].tolist())
    typed.fill_(2)
    seen.append(x.tolist())
    copied = untyped.clone()
    untyped.fill_(0)
    seen += [x.tolist(), untyped.copy_(copied) is untyped, x.tolist(), x._version]
    untyped[1:3] = 1
    return [*seen, untyped.tolist()]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_write_to_a_storage_reaches_the_tensor(dtype: str) -> None:
    assert written(minigrad, dtype) == written(torch, dtype)


def test_made_storages() -> None:
    for t in BOTH:
        assert t.UntypedStorage([1, 2]).tolist() == [1, 2]
        assert (len(t.UntypedStorage(3)), len(t.TypedStorage(3)), len(t.UntypedStorage())) == (
            3,
            3,
            0,
        )
        typed = t.TypedStorage([1, 2], dtype=t.int16)
        assert (typed.tolist(), typed.nbytes(), typed.dtype) == ([1, 2], 4, t.int16)
        wrapped = t.TypedStorage(wrap_storage=t.UntypedStorage([1, 0, 2, 0]), dtype=t.int16)
        assert wrapped.tolist() == [1, 2]
        assert t.TypedStorage([1.5]).dtype == t.float32
        assert t.UntypedStorage(2) != 2


BAD: dict[str, Callable[[Any, Any], Any]] = {
    "beyond the end": lambda t, x: x.storage()[6],
    "before the start": lambda t, x: x.untyped_storage()[-25],
    "a slice of a typed one": lambda t, x: x.storage()[1:2],
    "another dtype": lambda t, x: t.empty(0, dtype=t.int64).set_(x),
    "a negative offset": lambda t, x: t.empty(0).set_(x.untyped_storage(), -1, (2,), (1,)),
    "strides of another length": lambda t, x: t.empty(0).set_(x.untyped_storage(), 0, (2,), (1, 1)),
    "a number": lambda t, x: t.empty(0).set_(3),
    "a negative size": lambda t, x: t.empty(0).set_(x.untyped_storage(), 3, (-1,), (1,)),
    "a negative stride": lambda t, x: t.empty(0).set_(x.untyped_storage(), 5, (3,), (-1,)),
    "an offset alone": lambda t, x: t.empty(0).set_(x.untyped_storage(), 2),
    "another dtype of a storage": lambda t, x: t.empty(0, dtype=t.int32).set_(
        x.storage(), 1, (2,), (1,)
    ),
    "a leaf": lambda t, x: t.zeros(2, requires_grad=True).set_(x),
}


@pytest.mark.parametrize("name", BAD)
def test_errors(name: str) -> None:
    kinds = []
    for t in BOTH:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - the types are compared
            BAD[name](t, t.arange(6.0))
        kinds.append(raised.type)
    assert kinds[0] is kinds[1]


def test_refusals_by_name() -> None:
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="set_ of a tensor that requires grad"):
        (x * 2).set_(minigrad.ones(2))
    with pytest.raises(NotImplementedError, match="can't be resized"):
        x.untyped_storage().resize_(9)
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 8"):
        minigrad.empty(0).set_(x.untyped_storage(), 1, (2,), (1,))
    assert not x.untyped_storage().resizable()
    with minigrad.no_grad():
        assert x.set_(minigrad.zeros(3)).tolist() == [0, 0, 0]


def test_a_view_that_is_set_is_no_view_of_its_base() -> None:
    """In PyTorch it stays one, so that a write to the base gives it a history."""
    base = minigrad.zeros(4)
    view = base[1:].set_(minigrad.ones(3))
    base.add_(minigrad.ones(4, requires_grad=True))
    assert not view._is_view()
    assert not view.requires_grad


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=3), st.integers(0, 5))
def test_set_to_a_part_of_a_storage(dims: list[tuple[int, int]], offset: int) -> None:
    sizes, strides = [size for size, _ in dims], [stride for _, stride in dims]
    found = []
    for t in BOTH:
        x, y = t.arange(24.0), t.zeros(2, 2)
        assert y.set_(x.untyped_storage(), offset, sizes, strides) is y
        facts = [y.tolist(), y.shape, y.stride() if y.numel() else None, y._version, x._version]
        y.fill_(7)
        z = t.zeros(1).set_(x, offset, sizes)
        facts += [x.tolist(), z.tolist(), y.is_set_to(x), x._version, z.is_leaf]
        found.append([*facts, y.numel() and (y.storage_offset(), z.is_set_to(y))])
    assert found[0] == found[1]


# Arguments of `set_`, of which `s` is a storage and `y` a tensor with an offset in it.
ARGUMENTS = """
() (y) (s) (None) (None, 0, (2,), (1,)) (3) (source=s) (source=None) (foo=1) (s, foo=1)
(y, stride=(1,)) (s, stride=(1,)) (stride=(1,)) (s, size=(2,)) (y, size=(2,)) (s, 0) (y, 0)
(storage_offset=0, size=(2,)) (s, 0, size=(2,)) (source=y, storage_offset=1, size=[2], stride=[2])
(s, 0, t.tensor([2])) (s, 0, t.tensor(2)) (s, 0, 2) (s, 0, (True,)) (s, 0, (2.0,)) (s, 0, None)
(s, 0, (t.tensor(2),)) (s, True, (2,)) (s, 1.0, (2,)) (s, None, (2,)) (s, t.tensor(1), (2,))
(s, 0, (2,), None) (s, 0, (2,), ()) (s, 0, (2,), 1) (s, 0, (2,), (True,)) (s, 0, (2,), (1.0,))
(s, 0, (2,), (1,), 1) (s, 0, ()) (s, 0, (), ()) (s, 0, (2, 2), (1,)) (y, 1, (2,)) (s, 2**70, (1,))
(s, -1, (0,)) (y, -1, (0,)) (y, -1, (2,)) (y, -3, (0,)) (s, 50, (0,)) (y, 50, (0,)) (s, 50, (0, 3), (7, 1)) (s, 0, (0, 3))
(s, 2, (3, 0, 2), (9, 5, 4))
"""


@pytest.mark.parametrize("arguments", re.split(r"(?<=\))\s(?=\()", ARGUMENTS.strip()))
def test_arguments_of_set(arguments: str) -> None:
    found: list[Any] = []
    for t in BOTH:
        y = t.arange(6.0)[2:]
        names = {"t": t, "y": y, "s": y.untyped_storage(), "z": t.zeros(1)}
        try:
            z = eval(f"z.set_{arguments}", names)
        except Exception as error:
            found.append(type(error))
        else:
            part = z[...].transpose(0, -1)
            found.append((z.tolist(), z.shape, z.stride(), z.storage_offset(), part.stride()))
    assert found[0] == found[1]


def test_set_without_a_part() -> None:
    for t in BOTH:
        x = t.arange(6.0).view(2, 3)
        y = t.zeros(1).set_(x.t())
        assert (y.tolist(), y.stride(), y.is_set_to(x.t())) == (x.t().tolist(), (1, 3), True)
        assert t.zeros(1).set_(x[1].storage()).tolist() == [0, 1, 2, 3, 4, 5]
        assert t.zeros(1).set_().shape == (0,)
        assert t.zeros(1).set_(x.view(-1)[2:], 1, (2,), (1,)).tolist() == [3, 4]
        assert t.zeros(1).set_(x.untyped_storage(), 1, (2, 2), ()).tolist() == [[1, 2], [3, 4]]
        assert not t.zeros(0).is_set_to(t.zeros(0))
        view = t.zeros(4)[1:]
        view.set_(x[0])
        view.add_(1)
        assert x.tolist() == [[1, 2, 3], [3, 4, 5]]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)), max_size=3),
    st.permutations(range(3)),
    st.sampled_from(DTYPES),
)
def test_the_storage_of_an_array_is_its_part_of_the_memory(
    parts: list[tuple[int, int, int]], order: list[int], dtype: str
) -> None:
    key = tuple([slice(*part) for part in parts])
    found = []
    for t in BOTH:
        whole = np.arange(4 * 4 * 4).reshape(4, 4, 4).transpose(order).astype(dtype)
        x = t.from_numpy(whole[key])
        facts = [x.untyped_storage().nbytes(), x.storage_offset(), x.storage().tolist()]
        if x.numel():
            facts += [x.stride(), x[-1:].storage_offset(), x[-1:].storage().tolist()]
        x.untyped_storage().fill_(1)
        found.append([*facts, x.tolist(), whole.tolist()])
    assert found[0] == found[1]


def test_the_storage_of_a_converted_object() -> None:
    """It begins with the object, and a conversion there and back keeps it."""
    for t in BOTH:
        part = np.arange(10)[3:7]
        for x in (t.as_tensor(part), t.asarray(part), t.from_dlpack(part), t.from_numpy(part)):
            assert (x.untyped_storage().nbytes(), x.storage_offset()) == (32, 0)
            back = t.from_numpy(x.numpy()).untyped_storage()
            assert (back.nbytes(), back.data_ptr()) == (32, x.data_ptr())
        x = t.frombuffer(bytearray(10), dtype=t.uint8, offset=2, count=4)
        assert (x.untyped_storage().nbytes(), x.storage_offset()) == (4, 0)
    assert minigrad.zeros(0).data_ptr() == 0


def test_a_compiled_step_knows_the_memory_of_an_array() -> None:
    """A program isn't used for an argument that shares memory with what it writes."""
    memory = np.zeros(8)
    state = minigrad.from_numpy(memory[:4])

    def step(x: Any) -> Any:
        state.add_(1)
        return x * 1

    compiled = minigrad.compile(step)
    for _ in range(3):
        compiled(minigrad.zeros(4, dtype=minigrad.float64))
    before = state.tolist()
    with pytest.warns(UserWarning, match="share memory that the step writes"):
        found = compiled(minigrad.from_numpy(memory[:4]))
    assert found.tolist() == [each + 1 for each in before]
