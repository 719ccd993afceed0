"""sharing.py: the tensor of an object is PyTorch's, and shares its memory where PyTorch's does."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import outcome

import minigrad

torch = pytest.importorskip("torch")


class Items:
    """A sequence that isn't a list."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> float:
        return [1.5, 2.0][i]


# What is converted; `x` is a leaf that requires grad and `y` is computed from it.
OBJECTS: dict[str, Callable[[Any], Any]] = {
    "leaf": lambda torch: torch.tensor([1.0, 2.0], requires_grad=True),
    "computed": lambda torch: torch.tensor([1.0, 2.0], requires_grad=True) * 2,
    "floats": lambda torch: torch.tensor([1.5, -2.0], dtype=torch.float64),
    "ints": lambda torch: torch.tensor([[1, 2], [3, 4]]),
    "array": lambda torch: np.arange(6.0).reshape(2, 3)[:, ::2],
    "reversed array": lambda torch: np.arange(3.0)[::-1],
    "0-d array": lambda torch: np.array(3, np.int16),
    "empty array": lambda torch: np.zeros((0, 3)),
    "array of texts": lambda torch: np.array(["a"]),
    "NumPy's float": lambda torch: np.float32(3),
    "NumPy's int": lambda torch: np.int8(3),
    "list": lambda torch: [[1, 2], [3, 4]],
    "mixed list": lambda torch: [True, 2, 3.5],
    "empty list": lambda torch: [],
    "ragged list": lambda torch: [[1, 2], [3]],
    "range": lambda torch: range(3),
    "list of tensors": lambda torch: [torch.tensor(1.5), torch.tensor(2)],
    "number": lambda torch: 2.5,
    "int": lambda torch: 7,
    "bool": lambda torch: True,
    "buffer": lambda torch: bytearray(range(8)),
    "memoryview": lambda torch: memoryview(np.arange(4.0)),
    "array.array": lambda torch: array.array("d", [1.0, 2.0]),
    "short buffer": lambda torch: bytearray(b"abc"),
    "None": lambda torch: None,
    "text": lambda torch: "a",
    "object": lambda torch: {},
}
flags = st.sampled_from([None, True, False])
dtypes = st.sampled_from([None, "float32", "float64", "float16", "int64", "int16", "uint8"])


def memory(x: Any) -> int:
    """The address of an object's elements."""
    if isinstance(x, minigrad.Tensor | torch.Tensor):
        return int(x.data_ptr())
    return int(np.asarray(memoryview(x)).ctypes.data)


def described(x: Any, obj: Any) -> Any:
    """A result, its place in the graph, and whether it shares the memory of the object."""
    aliases = False
    if isinstance(obj, minigrad.Tensor | torch.Tensor | np.ndarray | bytearray | memoryview):
        aliases = x.numel() > 0 and memory(x) == memory(obj)
    node = None if x.grad_fn is None else x.grad_fn.name()
    return [x.detach(), x.requires_grad, x.is_leaf, node, aliases, x is obj]


def kind_of_outcome(program: Callable[[Any], Any], namespace: Any) -> Any:
    found = outcome(program, namespace)
    return found.value, None if found.error is None else found.error.kind


@pytest.mark.parametrize("name", [*OBJECTS])
@given(dtypes, flags, flags)
def test_asarray(name: str, dtype: str | None, copy: Any, requires_grad: Any) -> None:
    def program(torch: Any) -> Any:
        obj = OBJECTS[name](torch)
        kind = None if dtype is None else getattr(torch, dtype)
        x = torch.asarray(obj, dtype=kind, copy=copy, requires_grad=requires_grad)
        changed = getattr(obj, "requires_grad", None)
        return [*described(x, obj), changed]

    if ("NumPy" in name or "0-d" in name) and copy and dtype is not None:
        copy = None  # with True, PyTorch refuses the conversion
    if name == "list of tensors" and dtype in ("int64", "int16", "uint8"):
        dtype = None  # PyTorch doesn't round them
    assert kind_of_outcome(program, minigrad) == kind_of_outcome(program, torch)


@pytest.mark.parametrize(
    "call",
    [
        "t.asarray([1.0], copy=1)",
        "t.asarray([1.0], dtype='f')",
        "t.asarray([1.0], requires_grad=0)",
        "t.asarray([1.0], t.float32)",
        "t.asarray()",
        "t.asarray(obj=[1.0, 2.0])",
        "t.asarray([1.0], device='cpu')",
    ],
)
def test_arguments_of_asarray(call: str) -> None:
    def program(t: Any) -> Any:
        return eval(call)

    assert kind_of_outcome(program, minigrad) == kind_of_outcome(program, torch)


@pytest.mark.parametrize(
    "call",
    [
        "t.asarray(t.ones(2, requires_grad=True))",
        "t.asarray(t.ones(2, requires_grad=True), requires_grad=True)",
        "t.asarray(t.ones(2))",
        "t.asarray(b'ab', dtype=t.uint8)",
        "t.frombuffer(b'ab', dtype=t.uint8)",
        "t.frombuffer(bytearray(b'ab'), dtype=t.uint8)",
    ],
)
def test_warnings(call: str) -> None:
    ours, theirs = (outcome(lambda t: eval(call), t).warned for t in (minigrad, torch))
    assert [saying.kind for saying in ours] == [saying.kind for saying in theirs]


def test_a_write_to_a_shared_array_is_seen() -> None:
    a = np.zeros(2)
    x = minigrad.asarray(a)
    a[0] = 1
    assert x.tolist() == [1, 0]
    x[1] = 2
    assert a.tolist() == [1, 2]


def test_a_tensor_of_the_other_library_shares_its_memory() -> None:
    theirs = torch.zeros(2)
    ours = minigrad.asarray(theirs)
    theirs[0] = 1
    assert ours.tolist() == [1, 0]
    assert ours.dtype is minigrad.float32


@given(
    st.integers(0, 9),
    st.sampled_from(["uint8", "int16", "float32", "int64", "bool"]),
    st.integers(-2, 4),
    st.integers(-1, 9),
    st.booleans(),
)
def test_frombuffer(length: int, dtype: str, count: int, offset: int, flag: bool) -> None:
    def program(torch: Any) -> Any:
        buffer = bytearray(i % 2 for i in range(length))
        x = torch.frombuffer(
            buffer,
            dtype=getattr(torch, dtype),
            count=count,
            offset=offset,
            requires_grad=flag,
        )
        result = [x.detach(), x.requires_grad]
        buffer[-1] = 1
        return [*result, x.detach()]

    assert kind_of_outcome(program, minigrad) == kind_of_outcome(program, torch)


def test_what_is_no_buffer() -> None:
    for t in (minigrad, torch):
        with pytest.raises(ValueError, match="buffer protocol"):
            t.frombuffer([1], dtype=t.uint8)


def test_from_dlpack_shares_memory() -> None:
    for t in (minigrad, torch):
        a = np.zeros((2, 3))
        x = t.from_dlpack(a)
        a[0, 1] = 5
        assert x.tolist() == a.tolist()
        with pytest.raises(RuntimeError, match="from_dlpack received"):
            t.from_dlpack([1])


# DLPack -------------------------------------------------------------------------------------------

EXPORTED: dict[str, Callable[[Any], Any]] = {
    "matrix": lambda torch: torch.arange(6.0).view(2, 3),
    "transposed": lambda torch: torch.arange(6.0).view(2, 3).t(),
    "every second": lambda torch: torch.arange(6)[::2],
    "expanded": lambda torch: torch.ones(1).expand(3),
    "0-d": lambda torch: torch.tensor(3, dtype=torch.int8),
    "empty": lambda torch: torch.zeros(0, 3),
    "bools": lambda torch: torch.tensor([True, False]),
    "halves": lambda torch: torch.ones(2).half(),
    "bytes": lambda torch: torch.ones(2).to(torch.uint8),
    "with a graph": lambda torch: torch.ones(2, requires_grad=True) * 2,
    "leaf": lambda torch: torch.ones(2, requires_grad=True),
}


@pytest.mark.parametrize("name", EXPORTED)
def test_numpy_reads_a_tensor(name: str) -> None:
    found: list[Any] = []
    for library in (minigrad, torch):
        x = EXPORTED[name](library)
        try:
            array = np.from_dlpack(x)
        except Exception as error:
            found.append(type(error))
        else:
            found.append((array.tobytes(), array.dtype, array.shape, array.strides))
            assert array.ctypes.data == x.data_ptr() or not array.size
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "name", [n for n in EXPORTED if n not in ("with a graph", "leaf", "empty")]
)
def test_either_library_reads_the_other(name: str) -> None:
    ours, theirs = EXPORTED[name](minigrad), EXPORTED[name](torch)
    for x, read in ((ours, torch.from_dlpack(ours)), (theirs, minigrad.from_dlpack(theirs))):
        assert (x.tolist(), tuple(x.shape), tuple(x.stride()), str(x.dtype)) == (
            read.tolist(),
            tuple(read.shape),
            tuple(read.stride()),
            str(read.dtype),
        )
        assert x.data_ptr() == read.data_ptr()


def kind_of_capsule(capsule: Any) -> str:
    return repr(capsule).split('"')[1]


def _used_twice(t: Any) -> Any:
    capsule = t.to_dlpack(t.ones(2))
    return t.from_dlpack(capsule), t.from_dlpack(capsule)


@pytest.mark.parametrize(
    "program",
    [
        lambda t: [(int(n), d) for n, d in [t.ones(2).__dlpack_device__()]],
        lambda t: [(kind.name, int(kind)) for kind in t.utils.dlpack.DLDeviceType],
        lambda t: t.from_dlpack(t.to_dlpack(t.ones(2))),
        lambda t: t.utils.dlpack.from_dlpack(t.utils.dlpack.to_dlpack(t.ones(2))),
        lambda t: t.to_dlpack(t.ones(2, requires_grad=True)) and None,
        _used_twice,
        lambda t: t.from_dlpack(3),
        lambda t: t.from_dlpack(np.ones(2), device="cpu", copy=True),
        lambda t: t.from_dlpack(np.ones(2), device="foo"),
        lambda t: t.from_dlpack(t.ones(2)).requires_grad,
        lambda t: t.to_dlpack(3),
        lambda t: t.from_dlpack(t.to_dlpack(t.ones(2))).add_(1),
        lambda t: kind_of_capsule(t.ones(2).__dlpack__()),
        lambda t: kind_of_capsule(t.ones(2).__dlpack__(max_version=(1, 0))),
        lambda t: kind_of_capsule(t.ones(2).__dlpack__(max_version=(0, 8))),
        lambda t: t.from_dlpack(t.to_dlpack(t.ones(1).expand(3))).stride(),
        lambda t: t.from_dlpack(t.ones(2, requires_grad=True)),
        lambda t: t.ones(2).__dlpack__(dl_device=(2, 0)),
        lambda t: t.ones(2).__dlpack__(dl_device=(1, 0), max_version=(1, 0), copy=True) and None,
    ],
)
def test_calls_of_dlpack(program: Callable[[Any], Any]) -> None:
    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    assert ours.value == theirs.value
    assert (ours.error and ours.error.kind) == (theirs.error and theirs.error.kind)


def test_a_copy_has_memory_of_its_own() -> None:
    array = np.zeros(2)
    assert minigrad.from_dlpack(array).data_ptr() == array.ctypes.data
    assert minigrad.from_dlpack(array, copy=True).data_ptr() != array.ctypes.data
    x = minigrad.ones(2)
    assert np.from_dlpack(x, copy=True).ctypes.data != x.data_ptr()


def test_there_is_no_stream_on_the_cpu() -> None:
    for library in (minigrad, torch):
        with pytest.raises(AssertionError, match="stream"):
            library.ones(2).__dlpack__(stream=1)
        with pytest.raises(AssertionError, match="capsule"):
            library.from_dlpack(library.to_dlpack(library.ones(2)), copy=True)
