"""utils/serialization: PyTorch reads minigrad's checkpoints, and the other way round."""

from __future__ import annotations

import io
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.api.copying import whole_memory

torch = pytest.importorskip("torch")

# Plans of objects, which `built` makes in either library ------------------------------------------

DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool"]
KEYS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    KEYS,
    st.floats(),
    st.integers(-(2**2000), 2**2000),
    st.complex_numbers(),
    st.binary(max_size=9),
    st.text(st.characters(), max_size=300),
    st.sampled_from(["dtype float32", "dtype float16", "device cpu", "device cuda:1"]),
)


@st.composite
def tensor_plans(draw: st.DrawFn) -> Any:
    """A view of one of a few matrices of 5 times 8: which one, how it is cut, what it becomes."""
    slices = st.builds(slice, st.integers(0, 4), st.integers(0, 8), st.integers(1, 3))
    cut = draw(st.tuples(slices, slices | st.integers(0, 7)))
    shape = draw(st.sampled_from(["as it is", "transposed", "expanded", "first", "flat"]))
    as_what = draw(st.sampled_from(["tensor", "tensor", "grad", "parameter", "attributes"]))
    return "tensor", draw(st.integers(0, 3)), cut, shape, as_what


def plans(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(["list", "tuple"]), st.lists(inner, max_size=4)),
            st.tuples(
                st.sampled_from(["dict", "ordered", "with metadata"]),
                st.lists(st.tuples(KEYS, inner), max_size=4),
            ),
        ),
        max_leaves=10,
    )


LEAVES = st.one_of(
    VALUES.map(lambda value: ("value", value)),
    tensor_plans(),
    st.sets(KEYS, max_size=3).map(lambda keys: ("set", keys)),
    st.lists(KEYS, max_size=5).map(lambda keys: ("counter", keys)),
    st.lists(st.integers(0, 9), max_size=3).map(lambda sizes: ("size", sizes)),
    st.integers(0, 5).map(lambda which: ("again", which)),
)


class Builder:
    """Makes an object from a plan in one library."""

    def __init__(self, t: Any) -> None:
        self.t = t
        kinds = ("float32", "float64", "int64", "bool")
        self.storages = [t.arange(40).to(getattr(t, kind)).view(5, 8) for kind in kinds]
        self.made: list[Any] = []

    def build(self, plan: Any) -> Any:
        kind, content, *rest = plan
        if kind == "again":
            return self.made[content % len(self.made)] if self.made else None
        made = self.tensor(content, *rest) if kind == "tensor" else self.plain(kind, content)
        self.made.append(made)
        return made

    def plain(self, kind: str, content: Any) -> Any:
        if kind == "value":
            what, _, name = content.partition(" ") if isinstance(content, str) else ("", "", "")
            if what == "dtype":
                return getattr(self.t, name)
            return self.t.device(name) if what == "device" else content
        if kind in ("set", "counter", "size"):
            return {"set": set, "counter": Counter, "size": self.t.Size}[kind](content)
        if kind in ("list", "tuple"):
            return {"list": list, "tuple": tuple}[kind](self.build(each) for each in content)
        items = [(key, self.build(each)) for key, each in content]
        if kind == "dict":
            return dict(items)
        made = OrderedDict(items)
        if kind == "with metadata":
            made._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
        return made

    def tensor(self, number: int, cut: Any, shape: str, as_what: str) -> Any:
        made = self.storages[number][cut]
        if shape == "transposed":
            made = made.T if made.dim() == 2 else made
        elif shape == "expanded":
            made = made.unsqueeze(0).expand(3, *made.shape)
        elif shape == "first":
            made = made[(0,) * made.dim()] if made.numel() else made
        elif shape == "flat":
            made = made.reshape(-1)
        floats = number < 2
        if as_what == "grad":
            return made.detach().requires_grad_(floats)
        if as_what == "parameter":
            made = self.t.nn.Parameter(made, requires_grad=floats)
        if as_what != "tensor":
            made.note = ["a note", self.t.ones(2)]
        return made


def bits(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


def memory(tensor: Any) -> tuple[int, int]:
    """Return what tells the memory of a tensor, and the tensor's place in it."""
    if isinstance(tensor, torch.Tensor):
        return tensor.untyped_storage().data_ptr(), tensor.storage_offset() * tensor.itemsize
    owner, _, start = whole_memory(bits(tensor))
    return id(owner), start


class Comparison:
    """Compares an object of minigrad with one of PyTorch, and what their parts share."""

    def __init__(self) -> None:
        self.pairs: dict[int, int] = {}
        self.memories: dict[int, int] = {}
        self.kept: list[Any] = []

    def check(self, ours: Any, theirs: Any) -> None:
        self.kept += [ours, theirs]
        if isinstance(theirs, torch.Tensor):
            self.check_tensors(ours, theirs)
        elif isinstance(theirs, torch.dtype | torch.device | torch.Size):
            assert repr(ours) == repr(theirs)
            assert type(ours).__name__ == type(theirs).__name__
        else:
            assert type(ours) is type(theirs)
            if isinstance(theirs, list | set | dict):
                assert self.pairs.setdefault(id(ours), id(theirs)) == id(theirs)
            if isinstance(theirs, list | tuple):
                assert len(ours) == len(theirs)
                for a, b in zip(ours, theirs, strict=True):
                    self.check(a, b)
            elif isinstance(theirs, dict):
                assert list(map(repr, ours)) == list(map(repr, theirs))
                for key in theirs:
                    self.check(ours[key], theirs[key])
            elif isinstance(theirs, set):
                assert sorted(map(repr, ours)) == sorted(map(repr, theirs))
            else:
                assert repr(ours) == repr(theirs)
        if getattr(theirs, "__dict__", None):
            self.check(ours.__dict__, theirs.__dict__)

    def check_tensors(self, ours: Any, theirs: Any) -> None:
        assert type(ours).__name__ == type(theirs).__name__
        for a, b in [(ours.dtype, theirs.dtype), (ours.requires_grad, theirs.requires_grad)]:
            assert str(a) == str(b)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert bits(ours).tobytes() == bits(theirs).tobytes()
        if theirs.numel():  # minigrad doesn't keep the strides of empty tensors
            assert ours.stride() == theirs.stride()
            (our_memory, our_start), (their_memory, their_start) = memory(ours), memory(theirs)
            assert our_start == their_start
            assert self.memories.setdefault(our_memory, their_memory) == their_memory
            assert len(set(self.memories.values())) == len(self.memories)


def from_torch(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return minigrad.load(io.BytesIO(file.getvalue()))


def to_torch(obj: Any) -> Any:
    file = io.BytesIO()
    minigrad.save(obj, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@given(plans(LEAVES), st.sampled_from([2, 3, 4, 5]))
def test_minigrad_reads_what_pytorch_writes(plan: Any, protocol: int) -> None:
    theirs = Builder(torch).build(plan)
    Comparison().check(from_torch(theirs, pickle_protocol=protocol), theirs)


@given(plans(LEAVES), st.sampled_from([2, 4]))
def test_minigrad_reads_what_old_versions_of_pytorch_wrote(plan: Any, protocol: int) -> None:
    theirs = Builder(torch).build(plan)
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False}
    Comparison().check(from_torch(theirs, **options), theirs)


@given(plans(LEAVES))
def test_pytorch_reads_what_minigrad_writes(plan: Any) -> None:
    ours = Builder(minigrad).build(plan)
    Comparison().check(ours, to_torch(ours))


@given(plans(LEAVES))
def test_minigrad_reads_what_it_writes(plan: Any) -> None:
    file = io.BytesIO()
    minigrad.save(Builder(minigrad).build(plan), file)
    Comparison().check(minigrad.load(io.BytesIO(file.getvalue())), Builder(torch).build(plan))


@given(plans(LEAVES))
def test_files_of_both_libraries_load_as_equal_objects(plan: Any) -> None:
    Comparison().check(
        from_torch(Builder(torch).build(plan)), to_torch(Builder(minigrad).build(plan))
    )


# Programs -----------------------------------------------------------------------------------------


def trained(t: Any) -> tuple[Any, Any, Any]:
    """Return a model, an optimiser and a scheduler after a few steps."""
    t.manual_seed(0)
    nn = t.nn
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(9, 2))
    optimizer = t.optim.Adam(model.parameters(), lr=0.1, amsgrad=True)
    scheduler = t.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(3):
        optimizer.zero_grad()
        model(t.ones(4, 2, 4)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer, scheduler


def checkpoint(parts: tuple[Any, Any, Any]) -> dict[str, Any]:
    model, optimizer, scheduler = (part.state_dict() for part in parts)
    return {"epoch": 3, "model": model, "optimizer": optimizer, "scheduler": scheduler}


def test_a_training_of_pytorch_goes_on_in_minigrad_and_back() -> None:
    theirs, ours = trained(torch), trained(minigrad)
    loaded = from_torch(checkpoint(theirs))
    for part, name in zip(ours, ("model", "optimizer", "scheduler"), strict=True):
        part.load_state_dict(loaded[name])
    back = to_torch(checkpoint(ours))
    for part, name in zip(trained(torch), ("model", "optimizer", "scheduler"), strict=True):
        part.load_state_dict(back[name])
        Comparison().check(loaded[name], back[name])
    assert loaded["model"]._metadata[""] == {"version": 1}


def test_loaded_tensors_can_be_written_and_share_what_they_shared() -> None:
    whole = torch.arange(4.0)
    loaded = from_torch({"whole": whole, "part": whole[1:3], "alone": torch.ones(2)})
    loaded["part"].zero_()
    assert loaded["whole"].tolist() == [0, 0, 0, 3]
    assert loaded["alone"]._version == to_torch(loaded["alone"])._version


def test_containers_that_contain_themselves() -> None:
    inside: list[Any] = [1]
    inside.append({"a": inside})
    for loaded in (from_torch(inside), to_torch(inside)):
        assert loaded[1]["a"] is loaded


def test_a_file_of_a_big_endian_machine() -> None:
    from minigrad.utils.serialization.archive import Archive, packed

    file = io.BytesIO()
    torch.save([torch.arange(3.0), torch.tensor([True, False])], file)
    archive = Archive(file.getvalue(), "file")
    records = {name: archive.read(name) for name in ("data.pkl", "data/0", "data/1")}
    records["data/0"] = np.frombuffer(records["data/0"], "<f4").astype(">f4").tobytes()
    swapped = minigrad.load(io.BytesIO(packed({**records, "byteorder": b"big"})))
    assert [tensor.tolist() for tensor in swapped] == [[0, 1, 2], [True, False]]


def test_places_of_storages() -> None:
    """A checkpoint of a GPU is loaded if its tensors are mapped to the CPU."""
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    data = file.getvalue()
    found: list[Any] = []

    def keep(storage: Any, location: str) -> Any:
        found.append((len(storage), storage.nbytes(), location))
        return storage.cpu()

    assert minigrad.load(io.BytesIO(data), map_location=keep).tolist() == [1, 1]
    assert found == [(2, 8, "cpu")]
    with pytest.raises(NotImplementedError, match="must return the storage"):
        minigrad.load(io.BytesIO(data), map_location=lambda storage, location: 3)
    for moved in ("cuda", {"cpu": "cuda:1"}):
        for t in (torch, minigrad):
            with pytest.raises(RuntimeError, match="deserialize object on a CUDA device"):
                t.load(io.BytesIO(data), map_location=moved)


# What can't be stored -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [1, {"b": print}]}, "a.1.b is a builtins.builtin_function_or_method"),
        (np.ones(2), "the object itself is a numpy.ndarray"),
        ({"a": np.float64(1)}, "a is a numpy.float64"),
        ({"a": frozenset()}, "a is a builtins.frozenset"),
        (minigrad.nn.Linear(1, 1), r"Linear; save its state_dict\(\)"),
        ({"a": {frozenset(): 3}}, r"the key frozenset\(\) in a is a frozenset"),
        ({"a": {(1, minigrad.ones(1)): 3}}, r"the key tensor\(\[1.\]\) in a is a Tensor"),
        ({"a": {frozenset([1])}}, "the element .* in a is a frozenset"),
    ],
)
def test_an_object_that_cannot_be_stored_is_named(obj: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        minigrad.save(obj, io.BytesIO())


def test_values_that_cannot_be_stored() -> None:
    with pytest.raises(ValueError, match="a is an integer of 256 bytes"):
        minigrad.save({"a": 2**2040}, io.BytesIO())
    inside: Any = ([],)
    inside[0].append(inside)
    with pytest.raises(ValueError, match="0 contains itself"):
        minigrad.save(inside, io.BytesIO())


@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_deep_nesting_is_loaded_or_refused_by_name(kind: type) -> None:
    obj: object = 1.5
    for _ in range(100):
        obj = {"w": obj} if kind is dict else kind([obj])
    assert to_torch(obj) == obj
    for _ in range(2):
        obj = [obj]
        with pytest.raises(ValueError, match="outermost is nested more than 100 deep"):
            minigrad.save({"outermost": obj}, io.BytesIO())
