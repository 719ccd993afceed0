"""utils/serialization/table.py: objects in safetensors files are loaded unchanged, others can read
them, and damage is refused."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad
from minigrad import nn, optim
from minigrad.api.tensor import Tensor
from minigrad.utils.serialization import save_safetensors

safetensors = pytest.importorskip("safetensors")
safetensors_numpy = pytest.importorskip("safetensors.numpy")

DTYPES = (np.float32, np.float64, np.int32, np.int64, np.bool_)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
)
keys = st.one_of(st.text(max_size=6), st.integers(), st.booleans(), st.none(), st.floats())
leaves = st.one_of(
    arrays.map(minigrad.from_numpy),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=12,
)


def through_bytes(obj: object) -> object:
    file = io.BytesIO()
    save_safetensors(obj, file)
    return minigrad.load(io.BytesIO(file.getvalue()))


def assert_same(a: object, b: object) -> None:
    """Check for equal types, order, dtypes, shapes and bits."""
    if isinstance(a, Tensor):
        assert isinstance(b, Tensor)
        assert (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()
    elif isinstance(a, dict):
        assert type(b) is dict
        assert len(a) == len(b)
        for (key, value), (other_key, other) in zip(a.items(), b.items(), strict=True):
            assert_same(key, other_key)
            assert_same(value, other)
    elif isinstance(a, list | tuple):
        assert type(a) is type(b)
        assert len(a) == len(b)
        for value, other in zip(a, b, strict=True):
            assert_same(value, other)
    else:
        assert type(a) is type(b)
        assert repr(a) == repr(b)  # distinguishes nan, -0.0 and True


@given(objects)
def test_a_loaded_object_equals_the_saved_one(obj: object) -> None:
    assert_same(obj, through_bytes(obj))


def test_the_state_of_a_module_and_its_optimiser_is_loaded() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    optimiser = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(minigrad.ones(4, 3)).sum().backward()
        optimiser.step()
    state = {"model": dict(model.state_dict()), "optimiser": optimiser.state_dict()}
    loaded = through_bytes(state)
    assert_same(state, loaded)
    optim.Adam(model.parameters()).load_state_dict(loaded["optimiser"])
    model.load_state_dict(loaded["model"])


def test_an_ordered_dict_is_loaded_as_a_dict() -> None:
    assert_same({"b": 1, "a": 2}, through_bytes(OrderedDict([("b", 1), ("a", 2)])))


def test_loaded_tensors_own_their_memory_and_can_be_written() -> None:
    shared = minigrad.arange(6.0)
    loaded = through_bytes({"all": shared, "again": shared, "part": shared[2:4]})
    loaded["all"][2] = 9.0
    assert loaded["again"].tolist() == [0, 1, 2, 3, 4, 5]
    assert loaded["part"].tolist() == [2, 3]


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t.t(),
        lambda t: t[:, 1],
        lambda t: t[0].expand(4, 3),
        lambda t: t[1, 1],
        lambda t: minigrad.from_numpy(t.numpy()[::2]),
    ],
    ids=["transposed", "column", "expanded", "0-d", "strided"],
)
def test_tensors_of_any_layout_are_saved(view: object) -> None:
    tensor = view(minigrad.arange(6.0).reshape(2, 3))
    loaded = through_bytes(tensor)
    assert loaded.shape == tensor.shape
    assert loaded.tolist() == tensor.tolist()


def test_requires_grad_and_parameters_are_restored() -> None:
    loaded = through_bytes(
        {
            "leaf": minigrad.ones(2, requires_grad=True),
            "parameter": nn.Parameter(minigrad.ones(2)),
            "frozen": nn.Parameter(minigrad.ones(2), requires_grad=False),
            "result": minigrad.ones(2, requires_grad=True) * 2,
        }
    )
    assert [t.requires_grad for t in loaded.values()] == [True, True, False, True]
    assert [isinstance(t, nn.Parameter) for t in loaded.values()] == [False, True, True, False]
    assert loaded["result"].is_leaf


def test_names_that_collide_are_distinguished() -> None:
    one, two, three = minigrad.ones(1), minigrad.zeros(1), minigrad.arange(2.0)
    obj = {"a.b": one, "a": {"b": two}, "__metadata__": three, "\ud800": three}
    assert_same(obj, through_bytes(obj))


def test_the_tensors_have_their_dotted_names_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    buffer = {"momentum_buffer": minigrad.ones(2)}
    save_safetensors(
        {"w": minigrad.zeros(2, 3), "state": {0: buffer}, "x": [minigrad.ones(1)]}, path
    )
    found = safetensors_numpy.load_file(path)
    assert {name: a.shape for name, a in found.items()} == {
        "w": (2, 3),
        "state.0.momentum_buffer": (2,),
        "x.0": (1,),
    }


def test_pytorch_reads_and_writes_the_same_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    model = nn.Linear(3, 2)
    save_safetensors(model.state_dict(), tmp_path / "ours")
    theirs = torch.nn.Linear(3, 2)
    theirs.load_state_dict(load_file(tmp_path / "ours"))
    np.testing.assert_array_equal(theirs.weight.detach(), model.weight.detach().numpy())

    save_file({k: v * 2 for k, v in theirs.state_dict().items()}, tmp_path / "theirs")
    loaded = minigrad.load(tmp_path / "theirs")
    np.testing.assert_array_equal(loaded["weight"].numpy(), 2 * model.weight.detach().numpy())
    assert set(loaded) == {"weight", "bias"}


# Objects that can't be stored.


class Meters(float):
    pass


def a_function() -> None:
    pass


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [1, {"b": a_function}]}, "a.1.b is a builtins.function"),
        ({"a": {1, 2}}, "a is a builtins.set"),
        (np.ones(2), "the object itself is a numpy.ndarray"),
        ({"a": np.float64(1)}, "a is a numpy.float64"),
        ({"a": (1, b"bytes")}, "a.1 is a builtins.bytes"),
        ({"a": 1j}, "a is a builtins.complex"),
        ({"a": Meters(2)}, "Meters"),
        (nn.Linear(1, 1), r"Linear; save its state_dict\(\)"),
        ({"a": {(1, 2): 3}}, r"the key \(1, 2\) in a is a tuple"),
    ],
)
def test_an_object_that_cannot_be_stored_is_named(
    obj: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match=message):
        save_safetensors(obj, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_an_object_that_contains_itself_is_refused() -> None:
    inside: dict[str, object] = {}
    inside["a"] = [inside]
    with pytest.raises(ValueError, match=r"a\.0 contains itself"):
        through_bytes(inside)


@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_deep_nesting_is_loaded_or_refused_by_name(kind: type) -> None:
    obj: object = 1.5
    for _ in range(100):
        obj = {"w": obj} if kind is dict else kind([obj])
    assert_same(obj, through_bytes(obj))
    for depth in (101, 400, 5000):
        for _ in range(depth - 100):
            obj = [obj]
        with pytest.raises(ValueError, match="outermost is nested more than 100 deep"):
            save_safetensors({"outermost": obj}, io.BytesIO())


# Damaged files.


@given(st.data())
def test_a_file_cut_short_anywhere_is_refused(data: st.DataObject) -> None:
    file = io.BytesIO()
    save_safetensors({"w": minigrad.arange(5.0), "n": 3}, file)
    whole = file.getvalue()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RuntimeError, match="not a whole safetensors file"):
        minigrad.load(io.BytesIO(whole[:cut]))


def packed(header: str | dict[str, object], content: bytes, length: int = 0) -> bytes:
    """A safetensors file whose header is padded to `length`."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode().ljust(length)
    return len(text).to_bytes(8, "little") + text + content


def entry(dtype: str, shape: list[int], size: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}


@given(length=st.integers(70, 1100), missing=st.integers(-3, 60).filter(bool))
def test_a_damaged_file_is_not_taken_for_torchs(length: int, missing: int) -> None:
    whole = packed({"w": entry("F32", [1], 4)}, bytes(4), length)
    assert minigrad.load(io.BytesIO(whole))["w"].tolist() == [0]
    damaged = whole[:-missing] if missing > 0 else whole + bytes(-missing)
    with pytest.raises(RuntimeError, match=r"not a whole safetensors file: (?!.*torch)"):
        minigrad.load(io.BytesIO(damaged))


TWICE = '{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]%s}%s}'


@pytest.mark.parametrize(
    "header",
    [
        TWICE % ("", ', "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'),
        TWICE % (', "shape": [1]', ""),
        TWICE % ("", ', "__metadata__": {"a": "1", "a": "2"}'),
        TWICE % ("", ', "__metadata__": {}, "__metadata__": {}'),
    ],
)
def test_a_key_given_twice_is_refused(header: str) -> None:
    with pytest.raises(RuntimeError, match=r"not a whole safetensors file: .*duplicate"):
        minigrad.load(io.BytesIO(packed(header, bytes(4))))


@pytest.mark.parametrize(
    ("shape", "size"), [([1] * 65, 4), ([1] * 1000, 4), ([2**62, 0, 8], 0), ([0, 2**63], 0)]
)
def test_a_shape_that_numpy_does_not_have_is_refused(
    shape: list[int], size: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(packed({"a": entry("F32", shape, size)}, bytes(size)))
    with pytest.raises(RuntimeError, match=r"file: the shape of the tensor 'a': "):
        minigrad.load(path)


def test_metadata_may_be_null_or_someone_elses() -> None:
    for metadata in (None, {}, {"format": "pt"}):
        header = {"__metadata__": metadata, "a": entry("F32", [1], 4)}
        loaded = minigrad.load(io.BytesIO(packed(header, bytes(4))))
        assert {name: tensor.tolist() for name, tensor in loaded.items()} == {"a": [0]}


@given(st.binary(max_size=200))
@example(b"PK\x03\x04")
def test_bytes_of_any_kind_are_refused(content: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"not a whole (safetensors file|checkpoint)"):
        minigrad.load(io.BytesIO(content))


@given(st.data())
def test_a_damaged_byte_never_crashes_the_reader(data: st.DataObject) -> None:
    file = io.BytesIO()
    save_safetensors({"w": minigrad.arange(2.0), "n": (None, float("nan"), {0: [True]})}, file)
    damaged = bytearray(file.getvalue())
    where = data.draw(st.integers(0, len(damaged) - 1))
    damaged[where] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RuntimeError):
        minigrad.load(io.BytesIO(bytes(damaged)))


def test_a_dtype_unknown_to_minigrad_is_named(tmp_path: Path) -> None:
    safetensors_numpy.save_file({"w": np.ones(2, np.uint16)}, tmp_path / "net")
    with pytest.raises(RuntimeError, match="'w' is U16"):
        minigrad.load(tmp_path / "net")


@pytest.mark.parametrize(
    "structure",
    [
        '{"tensor": "gone"}',
        '{"what": 1}',
        "{}",
        '{"dict": [[1]]}',
        '{"dict": [[{"list": []}, 1]]}',
        "[1]",
        "not json",
        '{"tensor": "w", "list": []}',
        "null",
        '{"tensor": "w", "requires_grad": true}',
        '{"tensor": "w", "tensor": "w"}',
        '{"dict": [["a", 1], ["a", {"tensor": "w"}]]}',
        '{"dict": [[{"float": ' + "9" * 400 + '}, {"tensor": "w"}]]}',
        '{"list": [' * 5000 + "]}" * 5000,
    ],
)
def test_damaged_metadata_is_refused(structure: str) -> None:
    content = safetensors_numpy.save({"w": np.ones(2, np.int64)}, {"minigrad": structure})
    with pytest.raises(RuntimeError, match=r"^the file: .*metadata"):
        minigrad.load(io.BytesIO(content))
