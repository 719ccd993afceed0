"""utils/serialization: files that aren't what they claim end in one error, and never run code.

Each error names the file. Some files are pickles of Python's that call functions; others are
written instruction by instruction.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import pickle
import re
import struct
import subprocess
import tracemalloc
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils.serialization.archive import packed

MANY = 5000


def archive(data: bytes, **storages: bytes) -> bytes:
    """Return a checkpoint with this pickle and these storages, by their names."""
    records = {name.lstrip("_"): content for name, content in storages.items()}
    return packed({"data.pkl": data, **{f"data/{key}": value for key, value in records.items()}})


def load(content: bytes, folder: Path) -> Any:
    path = folder / "net.pt"
    path.write_bytes(content)
    return minigrad.load(path)


def name(full: str) -> bytes:
    """Return the instruction for a name."""
    module, _, what = full.rpartition(".")
    return f"c{module}\n{what}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    if not -(2**31) <= value < 2**31:
        content = value.to_bytes(16, "little", signed=True)
        return b"\x8a" + bytes([len(content)]) + content
    return b"J" + struct.pack("<i", value)


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key: str = "0", kind: str = "torch.FloatStorage", count: int = 4) -> bytes:
    return b"(" + text("storage") + name(kind) + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(
    offset: bytes = number(0),
    size: bytes = numbers(4),
    steps: bytes = numbers(1),
    memory: bytes | None = None,
    rest: bytes = b"\x89N",
) -> bytes:
    start = name("torch._utils._rebuild_tensor_v2") + b"("
    return start + (memory or storage()) + offset + size + steps + rest + b"tR"


FOUR = np.arange(4, dtype="<f4").tobytes()


def test_the_instructions_of_these_tests_load(tmp_path: Path) -> None:
    content = archive(b"\x80\x02" + tensor() + b".", _0=FOUR)
    assert load(content, tmp_path).tolist() == [0, 1, 2, 3]


# Code ---------------------------------------------------------------------------------------------

RAN: list[Any] = []


def run(*arguments: Any) -> Any:
    RAN.append(arguments)
    return arguments


class Calls:
    """Pickled as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> Any:
        return self.called


class WithState:
    def __setstate__(self, state: Any) -> None:
        run(state)

    def __getstate__(self) -> Any:
        return {"a": 1}


CALLS = [
    (Calls(os.system, "touch ran"), "(posix|nt).system"),
    (Calls(builtins.eval, "1"), "builtins.eval"),
    (Calls(builtins.exec, "1"), "builtins.exec"),
    (Calls(builtins.getattr, "a", "upper"), "builtins.getattr"),
    (Calls(builtins.__import__, "os"), "builtins.__import__"),
    (Calls(subprocess.Popen, ["touch", "ran"]), "(subprocess|commands).Popen"),
    (Calls(run, 1), "run"),
    (Calls(OrderedDict.fromkeys, [1]), "builtins.getattr"),
    (WithState(), "WithState"),
    (os.system, "(posix|nt).system"),
    (WithState, "WithState"),
    (defaultdict(list), "collections.defaultdict"),
    (np.float64(1.0), "numpy"),
    (np.ones(2), "numpy"),
    (range(3), "builtins.x?range"),
    (Path("a"), "pathlib"),
]


def numbered(content: bytes) -> str:
    """Return a name for a test that is the same in every process: archives contain the time."""
    return f"{len(content)} bytes"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("obj_and_name", CALLS, ids=lambda pair: pair[1])
def test_no_function_or_class_is_found(
    obj_and_name: Any, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    obj, called = obj_and_name
    content = archive(pickle.dumps({"a": [obj]}, protocol))
    with pytest.raises(pickle.UnpicklingError, match=rf"net\.pt: .*{called}.* isn't allowed"):
        load(content, tmp_path)
    assert not RAN
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text_form", [0, 1])
def test_older_protocols_are_refused(text_form: int, tmp_path: Path) -> None:
    content = archive(pickle.dumps(Calls(run, 1), text_form))
    with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: "):
        load(content, tmp_path)
    assert not RAN


ATTRIBUTES = b"}" + text("a") + number(1) + b"s"
SET = name("builtins.set")
ORDERED = name("collections.OrderedDict") + b")R"
INSTRUCTIONS = {
    "a class as a value": (name("torch.Tensor"), "isn't allowed as a value"),
    "a function as a value": (name("torch.Size"), "torch.Size isn't allowed as a value"),
    "a storage as a value": (storage(), "isn't allowed as a value"),
    "a call of a value": (b"])R", "a call of a list isn't allowed"),
    "a call of a class": (name("torch.Tensor") + b")R", "a call of a type"),
    "arguments in a list": (name("torch.Size") + b"]R", "a call of a Maker"),
    "a new object": (name("torch.Size") + b")\x81", "NEWOBJ isn't allowed"),
    "an instance": (b"(" + b"i" + b"os\nsystem\n", "INST isn't allowed"),
    "an object": (b"(" + name("torch.Size") + b"o", "OBJ isn't allowed"),
    "an extension": (b"\x82\x01", "EXT1 isn't allowed"),
    "a persistent text": (b"P0\n", "PERSID isn't allowed"),
    "a buffer": (b"\x97", "NEXT_BUFFER isn't allowed"),
    "an unknown instruction": (b"\xff", "isn't allowed"),
    "a state of a list": (b"]" + ATTRIBUTES + b"b", "a list is filled as a OrderedDict"),
    "a state of a tensor": (tensor() + ATTRIBUTES + b"b", "a Tensor is filled"),
    "a state that isn't a dict": (ORDERED + b"]b", "attributes in a list"),
    "a state with a method": (
        ORDERED + b"}" + text("__reduce__") + number(1) + b"sb",
        "the attribute '__reduce__' of a OrderedDict isn't allowed",
    ),
    "a state that hides a method": (
        ORDERED + b"}" + text("items") + number(1) + b"sb",
        "the attribute 'items'",
    ),
    "a state with a number": (ORDERED + b"}" + number(1) * 2 + b"sb", "the attribute 1"),
    "attributes of another class": (
        name("torch._tensor._rebuild_from_type_v2")
        + b"("
        + name("torch.Size")
        + name("torch.Tensor")
        + b")}tR",
        "attributes of anything but a tensor",
    ),
    "another encoding": (
        name("_codecs.encode") + text("a") + text("rot13") + b"\x86R",
        "the encoding 'rot13'",
    ),
    "a name without an end": (b"c" + b"a" * 300 + b"\n", "a name has no end"),
    "a name that isn't text": (number(1) * 2 + b"\x93", "1.1 isn't allowed"),
    "an unknown protocol": (b"\x80\x09N", "the pickle protocol 9 is unknown"),
    # The stack, the memo and containers
    "an empty stack": (b"a", "a value is missing"),
    "a mark that is missing": (b"t", "a mark is missing"),
    "a mark as a value": (b"]((a", "a value is missing"),
    "values that are left over": (b"NN", "values are left over"),
    "an unknown number": (b"h\x07", "the value number 7 isn't there"),
    "a large unknown number": (b"j\xff\xff\xff\xff", "the value number 4294967295"),
    "a key without a value": (b"}(Nu", "a key has no value"),
    "a list as a key": (b"}]Ns", "a list isn't allowed as a key"),
    "a tensor as a key": (b"}" + tensor() + b"Ns", "a Tensor isn't allowed as a key"),
    "a list in a set": (b"\x8f(]\x90", "a list isn't allowed as a key"),
    "an append to a dict": (b"}Na", "a dict is filled as a list"),
    "items of a list": (b"]NNs", "a list is filled as a dict"),
    "text that isn't UTF-8": (b"X\x01\0\0\0\xff", "no UTF-8"),
    "text longer than the file": (b"X\xff\xff\xff\x7fa", "ends in the middle"),
    "bytes longer than the file": (b"\x8e" + b"\xff" * 8, "ends in the middle"),
    "a long integer": (b"\x8b\xff\xff\xff\x7f", "LONG4 isn't allowed"),
    # Storages and tensors
    "another persistent id": (b"NQ", "isn't that of a storage"),
    "a short persistent id": (b")Q", "isn't that of a storage"),
    "a storage that isn't there": (tensor(memory=storage("7")), "there is no storage '7'"),
    "a storage outside": (tensor(memory=storage("../../secret")), "there is no storage"),
    "a storage that is longer": (tensor(memory=storage(count=5)), "has 4 elements of .*, not 5"),
    "a storage that is shorter": (tensor(memory=storage(count=3)), "has 4 elements of .*, not 3"),
    "a negative storage": (tensor(memory=storage(count=-1)), "has 4 elements of .*, not -1"),
    "a huge storage": (tensor(memory=storage(count=2**60)), "has 4 elements"),
    "a storage of two dtypes": (
        b"]" + tensor() + b"a" + tensor(memory=storage(kind="torch.IntStorage")) + b"a",
        "has 4 elements of torch.float32, not 4 of torch.int32",
    ),
    "a dtype that no tensor has": (
        tensor(memory=storage(kind="torch.ComplexFloatStorage")),
        "a tensor is torch.complex64; minigrad has",
    ),
    "a storage that isn't whole": (
        tensor(memory=storage("1", "torch.DoubleStorage")),
        "which isn't whole torch.float64",
    ),
    "a tensor on a list": (tensor(memory=b"]"), "a tensor on a list"),
    "a negative offset": (tensor(offset=number(-1)), "no tensor has offset -1"),
    "an offset outside": (tensor(offset=number(1)), "ends at 5, outside"),
    "a huge offset": (tensor(offset=number(2**70)), "outside of its storage"),
    "a size outside": (tensor(size=numbers(5)), "ends at 5, outside"),
    "a step outside": (tensor(steps=numbers(2)), "ends at 7, outside"),
    "a negative size": (tensor(size=numbers(-4)), "no tensor has"),
    "a negative step": (tensor(steps=numbers(-1)), "no tensor has"),
    "a size that isn't a number": (tensor(size=b"(" + text("a") + b"t"), "no tensor has"),
    "a size without steps": (tensor(steps=b")"), "no tensor has"),
    "an empty tensor outside": (
        tensor(number(9), numbers(0)),
        "ends at 9, outside of its storage of 4",
    ),
    "a tensor larger than any": (
        tensor(size=numbers(2**40, 2**40), steps=numbers(0, 0)),
        "wrong arguments",
    ),
    "a step larger than any": (tensor(size=numbers(1), steps=numbers(2**70)), "wrong arguments"),
    "more dimensions than NumPy has": (
        tensor(size=numbers(*[1] * 99), steps=numbers(*[1] * 99)),
        "wrong arguments",
    ),
    "integers with gradients": (
        tensor(memory=storage(kind="torch.IntStorage"), rest=b"\x88N"),
        "wrong arguments",
    ),
    "hooks": (tensor(rest=b"\x89}" + number(1) + b"Ns"), "a tensor with hooks"),
    "a parameter of a list": (
        name("torch._utils._rebuild_parameter") + b"]\x88N\x87R",
        "wrong arguments",
    ),
    "too many arguments": (name("torch.Size") + b"))\x86R", "these arguments of a Size"),
    "a device of a list": (name("torch.device") + b"]\x85R", "wrong arguments"),
}


@pytest.mark.parametrize("what", INSTRUCTIONS)
def test_instructions_that_are_not_allowed(what: str, tmp_path: Path) -> None:
    steps, message = INSTRUCTIONS[what]
    content = archive(steps + b".", _0=FOUR, _1=FOUR[:15])
    with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: can't load its data\.pkl: ") as e:
        load(content, tmp_path)
    assert re.search(message, str(e.value))


# Files that would take too much time or memory ----------------------------------------------------


def deep(open_: bytes, close: bytes) -> bytes:
    return open_ * MANY + b"N" + close * MANY


@pytest.mark.parametrize(
    "steps",
    [
        deep(b"]", b"a"),
        deep(b"}N", b"s"),
        deep(b"(", b"t"),
        deep(b"", b"\x85"),
        b"]q\0" + (b"]h\0aq\0") * MANY,
    ],
    ids=numbered,
)
def test_deep_nesting(steps: bytes, tmp_path: Path) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: .*(1000 deep|are left over)"):
        load(archive(steps + b"."), tmp_path)


@pytest.mark.parametrize(
    "key",
    [
        b"Nq\0" + b"h\0h\0\x86q\0" * 100,  # a pair of the pair before, a hundred times
        b"(" + b"N" * 2000 + b"tq\0",
        b"N" + b"\x85" * MANY + b"q\0",
        name("torch.Size") + numbers(*[0] * 2000) + b"\x85Rq\0",
    ],
    ids=numbered,
)
def test_a_key_whose_hash_takes_forever(key: bytes, tmp_path: Path) -> None:
    made = b"](" + key + b"e"
    for use in (b"}h\0Ns", b"}(h\0Nu", b"\x8f(h\0\x90", b"(h\0\x91", SET + b"]h\0a\x85R"):
        with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: .*a key is too large"):
            load(archive(b"(" + made + use + b"t."), tmp_path)


def test_shared_values_are_walked_once(tmp_path: Path) -> None:
    doubled = b"]q\0" + b"](h\0h\0eq\0" * 100 + b"h\0"
    found = load(archive(b"](" + doubled + b"e."), tmp_path)
    assert len(found) == 102


def test_copies_of_one_value(tmp_path: Path) -> None:
    """Each of these instructions copies a megabyte."""
    big = text("a" * 2**20) + b"q\0"
    copy = name("_codecs.encode") + b"h\0" + text("latin1") + b"\x86R"
    steps = b"](" + big + copy * 3000 + b"e."
    tracemalloc.start()
    try:
        with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: .*copies the same values"):
            load(archive(steps), tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()


# Archives -----------------------------------------------------------------------------------------


def zipped(*records: tuple[str, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as made:
        for record, content in records:
            made.writestr(record, content)
    return file.getvalue()


GOOD = ("a/data.pkl", b"N.")


def test_an_archive_needs_only_its_pickle(tmp_path: Path) -> None:
    assert load(zipped(GOOD), tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        zipped(GOOD, ("a/data/0", bytes(2**24)), compression=zipfile.ZIP_DEFLATED),
        zipped(GOOD, ("a/../../b", b"")),
        zipped(GOOD, ("/a/b", b"")),
        zipped(GOOD, ("a//b", b"")),
        zipped(GOOD, ("a\\b/c", b"")),
        zipped(GOOD, ("c:/a", b"")),
        zipped(GOOD, ("b/data/0", b"")),
        zipped(("data.pkl", b"N.")),
        zipped(("a/other.pkl", b"N.")),
        zipped(("a/b/data.pkl", b"N.")),
        zipped(GOOD)[:-1],
        zipped(GOOD)[:30],
        zipped(GOOD).replace(b"N.", b"K."),
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(300),
    ],
    ids=numbered,
)
def test_archives_that_are_damaged(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"net\.pt: not a whole checkpoint of PyTorch's format"):
        load(content, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_records_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"net\.pt: .*two records of one name"):
        load(zipped(GOOD, GOOD), tmp_path)


def test_records_that_overlap(tmp_path: Path) -> None:
    """Many names for one record of a megabyte."""
    content = zipped(GOOD, ("a/data/0", bytes(2**20)))
    start = content.index(b"PK\x01\x02", 2**20)
    end = content.index(b"PK\x05\x06", start)
    entry = content[content.index(b"PK\x01\x02", start + 4) : end]
    entries = [entry.replace(b"a/data/0", f"a/data/{i}".encode()) for i in range(10)]
    directory = content[start:end].removesuffix(entry) + b"".join(entries)
    tail = bytearray(content[end:])
    struct.pack_into("<HHII", tail, 8, 11, 11, len(directory), start)
    with pytest.raises(RuntimeError, match=r"net\.pt: .*larger than the file"):
        load(content[:start] + directory + tail, tmp_path)


@given(st.data())
def test_a_file_cut_short_anywhere_is_refused(data: st.DataObject) -> None:
    file = io.BytesIO()
    minigrad.save({"w": minigrad.arange(5.0), "n": 3}, file)
    whole = file.getvalue()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RuntimeError, match=r"the file: not a whole"):
        minigrad.load(io.BytesIO(whole[:cut]))


@given(st.data())
def test_a_damaged_byte_is_found_or_changes_nothing_but_a_name(data: st.DataObject) -> None:
    file = io.BytesIO()
    minigrad.save({"w": minigrad.arange(2.0), "n": (None, float("nan"), {0: [True]})}, file)
    damaged = bytearray(file.getvalue())
    where = data.draw(st.integers(0, len(damaged) - 1))
    damaged[where] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RuntimeError, pickle.UnpicklingError):
        assert minigrad.load(io.BytesIO(bytes(damaged)))["w"].tolist() == [0, 1]


@given(st.data())
def test_a_damaged_pickle_never_crashes_the_reader(data: st.DataObject) -> None:
    """The checksum is right, so that the pickle is read."""
    file = io.BytesIO()
    values = [None, 1.5, {0: [True, b"x", {1}]}, OrderedDict(a=1), minigrad.float32, "text"]
    minigrad.save({"w": minigrad.arange(2.0), "n": values}, file)
    with zipfile.ZipFile(file) as opened:
        damaged = bytearray(opened.read("archive/data.pkl"))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(damaged) - 1))
        damaged[where] = data.draw(st.integers(0, 255) | st.sampled_from([*b"RQbcsuatet0"]))
    with contextlib.suppress(pickle.UnpicklingError):
        minigrad.load(io.BytesIO(archive(bytes(damaged), _0=FOUR[:8])))


# The format before PyTorch 1.6 --------------------------------------------------------------------

START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def old(
    data: bytes,
    keys: bytes = b"](" + text("0") + b"e.",
    stored: bytes = b"\x04" + bytes(7) + FOUR,
    version: int = 1001,
    facts: bytes = b"}" + text("little_endian") + b"\x88s.",
) -> bytes:
    """Return a file of the old format."""
    return START + number(version) + b"." + facts + data + b"." + keys + stored


def test_the_old_files_of_these_tests_load(tmp_path: Path) -> None:
    assert load(old(tensor()), tmp_path).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "content",
    [
        old(name("os.system") + text("touch ran") + b"\x85R"),
        old(tensor(), facts=name("os.system") + text("touch ran") + b"\x85R."),
        old(tensor(), keys=name("os.system") + text("touch ran") + b"\x85R."),
        old(tensor(), version=1000),
        old(tensor(), facts=b"}."),
        old(tensor(), facts=b"]."),
        old(tensor(), keys=b"]."),
        old(tensor(), keys=b"](" + text("1") + b"e."),
        old(tensor(), keys=b"](]e."),
        old(tensor(), keys=b"}."),
        old(tensor(), stored=b"\x05" + bytes(7) + FOUR),
        old(tensor(), stored=b"\x04" + bytes(7) + FOUR[:-1]),
        old(tensor(memory=storage(count=2**40))),
        old(tensor(memory=storage(count=-4))),
        old(b"]" + (tensor() + b"a") * 2, keys=b"](" + (text("0") * 2) + b"e."),
    ],
    ids=numbered,
)
def test_old_files_that_are_not_allowed(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match=r"net\.pt: can't load it: "):
        load(content, tmp_path)
    assert not (tmp_path / "ran").exists()


@given(st.data())
def test_an_old_file_cut_short_anywhere_is_refused(data: st.DataObject) -> None:
    whole = old(tensor())
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((RuntimeError, pickle.UnpicklingError), match=r"the file: "):
        minigrad.load(io.BytesIO(whole[:cut]))


@given(st.binary(max_size=200))
def test_a_pickle_of_any_bytes_never_crashes_the_reader(content: bytes) -> None:
    with contextlib.suppress(pickle.UnpicklingError):
        minigrad.load(io.BytesIO(archive(content)))
