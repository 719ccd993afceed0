"""Storages, and tensors that are set to one, are as PyTorch's."""

from __future__ import annotations

import copy
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


# Expressions of which `U` and `T` are the classes, `x` a tensor, and `s` makes a storage of bytes.
EXPRESSIONS = """
U(True)
U(-1)
U(2.0)
len(U(t.tensor(2)))
U(t.tensor([2, 3]))
U([300, -1])
U([1.5])
U(3, device='cuda')
U(device='cpu')
U([1, 2], device='cpu').tolist()
len(U(size=3))
t.DoubleStorage(2, wrap_storage=U([1]))
t.DoubleStorage(2, 3)
T('ab')
(lambda u: [copy.deepcopy([u, u])[i] is copy.deepcopy(u) for i in (0, 1)])(s())
(lambda both: both[0] is both[1])(copy.deepcopy([s()] * 2))
U((1, 2)).tolist()
U(range(3)).tolist()
U(b'ab').tolist()
U('ab')
U([True])
U([[1]])
U(s())
U(1, 2)
U(foo=1)
U(None)
setit(s(), 0, 300)
setit(s(), 0, -1)
setit(s(), 0, 1.5)
setit(s(), 0, True)
setit(s(), 0, t.tensor(1))
setit(s(), 0, None)
setit(s(), slice(0, 2), 5)
setit(s(), slice(0, 2), 300)
setit(s(), slice(0, 2), [5, 6])
setit(s(), slice(0, 2), 1.5)
setit(s(), slice(None, None, 2), 5)
setit(s(), 9, 5)
setit(s(), 'a', 5)
setit(s(), 1.0, 5)
setit(s(), -1, 5)
setit(s(), slice(2, 1), 5)
setit(s(), slice(0, 100), 5)
s()[::2]
s()[1:3].tolist()
s()[3:1].tolist()
s()[0:100].tolist()
s()[-1]
s()[9]
s()[-9]
s()[True]
s()[1.0]
s()[t.tensor(1)]
s()[None]
s().fill_(300).tolist()
s().fill_(-1).tolist()
s().fill_(1.5)
s().fill_(True).tolist()
s().fill_(t.tensor(1))
s().copy_(s(3))
s().copy_(s(5))
s().copy_(s(), non_blocking=True).tolist()
s().copy_(s(), True).tolist()
s().copy_(x)
s().copy_(x.storage())
s().copy_([1, 2, 3, 4])
x.untyped_storage() == x.untyped_storage()
x.untyped_storage() == x[1:].untyped_storage()
x.untyped_storage() is x.untyped_storage()
x.untyped_storage() is x[1:].untyped_storage()
t.empty(0).untyped_storage() == t.empty(0).untyped_storage()
t.empty(0).untyped_storage() is t.empty(0).untyped_storage()
x.untyped_storage() == 3
x.untyped_storage() is x.storage().untyped()
x.untyped_storage() is x.detach().untyped_storage()
x.untyped_storage() is x.clone().untyped_storage()
(lambda u: u is t.empty(0, dtype=t.uint8).set_(u).untyped_storage())(s())
(lambda u: t.empty(0, dtype=t.uint8).set_(u[1:3]).untyped_storage().tolist())(s())
x.storage() == x.storage()
x.storage() == x[1:].storage()
x.storage() is x.storage()
x.storage() == x.untyped_storage()
T(wrap_storage=U([1, 2]))
T(wrap_storage=U([1, 2]), dtype=t.uint8)
T(3, wrap_storage=U([1, 2, 3, 4]), dtype=t.uint8)
T([1], wrap_storage=U([1, 2, 3, 4]), dtype=t.uint8)
T(wrap_storage=[1, 2], dtype=t.uint8)
T(wrap_storage=U([1, 2, 3]), dtype=t.int16)
T(wrap_storage=U([1, 2, 3]), dtype=t.int16).nbytes()
T(wrap_storage=U([1, 2, 3]), dtype=t.int16).tolist()
T(wrap_storage=x.storage(), dtype=t.int16)
T(wrap_storage=U([1, 2]), dtype='a')
T(wrap_storage=U([1, 2]), dtype=t.uint8, device='cpu')
len(T(3, device='cpu').tolist())
T(3, dtype=t.int64, device='cuda')
T(3, 2)
T(2.0)
T(-1)
len(T(True))
T('a')
T(None)
T([1, 2.5], dtype=t.int64).tolist()
T([True]).tolist()
T(x)
T(t.tensor([1, 2])).tolist()
T(t.tensor(2)).tolist()
T((1, 2)).tolist()
T(range(2)).tolist()
T(s())
T(dtype=t.int16)
T(foo=1)
T(size=3)
x.storage().copy_(x.double().storage()).tolist()
x.storage().copy_(x[:3].clone().storage())
x.storage().copy_(x.storage(), True).tolist()
x.storage().copy_(x.untyped_storage())
x.storage().copy_([1, 2])
x.storage().pickle_storage_type()
T(3, dtype=t.bool).pickle_storage_type()
x.storage().cpu()
x.storage().cpu() is x.storage()
x.storage().float()
x.storage().float().data_ptr() == x.data_ptr()
x.storage().double()
x.storage().half()
x.storage().long().tolist()
x.storage().int()
x.storage().short()
x.storage().char()
x.storage().byte()
x.storage().bool()
x.storage().type()
t.is_storage(x.storage())
t.is_storage(s())
t.is_storage(x)
t.is_storage(3)
t.is_storage(t.FloatStorage(2))
t.is_storage()
s().type()
s().cpu()
s().float()
s().byteswap(t.int16)
(lambda u: (u.byteswap(t.int16), u.tolist()))(s())
s().untyped().tolist()
s().new().tolist()
s().nbytes()
s().is_hpu
s().filename
x.storage().filename
x.storage().is_hpu
s().to(device='cpu')
s().to('cpu')
x.storage().to(device='cpu')
s().is_pinned()
s().is_shared()
x.storage().is_shared()
s().is_cuda, s().is_sparse
s().size()
s().size(0)
x.storage().size()
x.clone().storage().fill_(True).tolist()
x.storage().fill_('a')
x.clone().storage().fill_(t.tensor(2.)).tolist()
setit(x.clone().storage(), 0, 'a')
setit(x.clone().storage(), 0, t.tensor(2))
setit(x.clone().storage(), slice(0, 2), 3)
setit(x.clone().storage(), slice(None, None, 2), 3)
setit(x.clone().storage(), slice(0, 2), [1, 2])
setit(x.clone().storage(), 0, True)
setit(x.long().storage(), 0, 1.7)
setit(x.byte().storage(), 0, 300)
setit(x.clone().storage(), 9, 1)
setit(x.clone().storage(), -9, 1)
setit(x.clone().storage(), -1, 9)
setit(x.clone().storage(), 1.0, 1)
x.storage()['a']
x.storage()[1.0]
x.storage()[True]
x.storage()[t.tensor(1)]
x.storage()[9]
t.FloatStorage([1, 2])
t.FloatStorage
t.LongStorage.dtype
t.LongStorage()
type(t.LongStorage(2)).__name__
isinstance(x.storage(), t.FloatStorage)
isinstance(x.storage(), t.DoubleStorage)
isinstance(t.FloatStorage(2), t.TypedStorage)
issubclass(t.FloatStorage, t.TypedStorage)
t.FloatStorage(2, dtype=t.int64)
t.FloatStorage(2, device='cpu')
len(t.FloatStorage(wrap_storage=U(8)))
t.FloatStorage(wrap_storage=U(8), dtype=t.int64)
t.FloatStorage(wrap_storage=3)
t.FloatStorage('a')
t.FloatStorage(2, 3)
t.storage.TypedStorage is t.TypedStorage
x.storage()._untyped_storage
x.storage().element_size()
T(0).data_ptr()
s().data_ptr() == 0
s().clone().tolist()
x.storage().clone()
copy.copy(s()).tolist()
copy.deepcopy(s()).tolist()
copy.copy(x.storage()).data_ptr() == x.data_ptr()
copy.deepcopy(x.storage()).tolist()
list(iter(s()))
3 in s()
bool(s())
"""


def storage_names(t: Any) -> dict[str, Any]:
    def s(n: int = 4) -> Any:
        return t.arange(n, dtype=t.uint8).untyped_storage()

    def setit(storage: Any, index: Any, value: Any) -> Any:
        storage[index] = value
        return storage.tolist()

    names = {"t": t, "x": t.arange(6.0), "s": s, "setit": setit, "copy": copy}
    return names | {"U": t.UntypedStorage, "T": t.TypedStorage}


@pytest.mark.parametrize("expression", EXPRESSIONS.strip().splitlines())
def test_expressions(expression: str) -> None:
    found: list[Any] = []
    for t in BOTH:
        try:
            found.append(repr(eval(expression, storage_names(t))))
        except Exception as error:
            found.append(type(error))
    assert found[0] == found[1]


def test_the_old_classes_make_storages_of_their_dtype() -> None:
    names = [n for n in minigrad.__all__ if n.endswith("Storage") and n[0] not in "UT"]
    assert len(names) > 8
    for name in names:
        ours, theirs = (getattr(t, name)([0, 1, 1]) for t in BOTH)
        assert repr(ours) == repr(theirs)
        assert ours.type() == theirs.type() == f"torch.{name}"
        assert isinstance(ours, getattr(minigrad, name))
        assert not isinstance(ours.long(), getattr(minigrad, name)) or name == "LongStorage"


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
(s, -1, (0,)) (y, -1, (0,)) (y, -1, (2,)) (y, -3, (0,)) (s, 50, (0,)) (y, 50, (0,))
(s, 50, (0, 3), (7, 1)) (s, 0, (0, 3))
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
