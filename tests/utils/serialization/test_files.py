"""utils/serialization/files.py: paths, open files and the arguments of `save` and `load`."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad.serialization import add_safe_globals, get_safe_globals, safe_globals
from minigrad.utils.serialization import save_safetensors

SAVES = [minigrad.save, save_safetensors]


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("kind", [str, Path], ids=["str", "path"])
def test_paths_can_be_strings_or_path_objects(kind: type, save: Any, tmp_path: Path) -> None:
    path = kind(tmp_path / "a b.pt")
    save({"x": 1}, path)
    assert minigrad.load(path) == {"x": 1}


@pytest.mark.parametrize("save", SAVES)
def test_open_files_work_and_text_files_are_refused(save: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "wb") as file:
        save([minigrad.ones(2)], file)
    with open(path, "rb") as file:
        assert minigrad.load(file)[0].tolist() == [1, 1]
    with pytest.raises(TypeError, match="binary"):
        save([1], io.StringIO())
    with pytest.raises(TypeError, match="binary"):
        minigrad.load(io.StringIO("{}"))
    with pytest.raises(TypeError, match="must be a path or a binary file, not int"):
        save([1], 3)
    with pytest.raises(TypeError, match="must be a path or a binary file, not list"):
        minigrad.load([])


@pytest.mark.parametrize("save", SAVES)
def test_a_failed_save_leaves_the_old_file(save: Any, tmp_path: Path) -> None:
    save([1], tmp_path / "file")
    with pytest.raises(TypeError, match=r"the object itself is a builtins\.object"):
        save(object(), tmp_path / "file")
    assert minigrad.load(tmp_path / "file") == [1]
    assert len([*tmp_path.iterdir()]) == 1


def test_saving_the_same_object_gives_the_same_bytes() -> None:
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        minigrad.save({"w": minigrad.arange(5.0), "n": [1, 2]}, file)
    assert files[0].getvalue() == files[1].getvalue()


@pytest.mark.parametrize("save", SAVES)
def test_arguments_of_load(save: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    save([minigrad.ones(1)], path)
    cpu = minigrad.device("cpu")
    for accepted in (
        {"map_location": "cpu"},
        {"map_location": cpu},
        {"map_location": {"cuda:0": "cpu"}},
        {"map_location": lambda storage, location: storage},
        {"map_location": lambda storage, location: None},
        {"weights_only": True},
        {"weights_only": False},
        {"mmap": False},
    ):
        assert minigrad.load(path, **accepted) == [1]
    with pytest.raises(RuntimeError, match="on a CUDA device"):
        minigrad.load(path, map_location="cuda")
    with pytest.raises(TypeError, match="map_location can't be a list"):
        minigrad.load(path, map_location=["cpu"])
    for refused in ({"mmap": True}, {"pickle_module": json}):
        (name,) = refused
        with pytest.raises(NotImplementedError, match=name):
            minigrad.load(path, **refused)
    with pytest.raises(TypeError, match="encoding"):
        minigrad.load(path, encoding="latin1")


def test_arguments_of_save() -> None:
    for accepted in (
        {"pickle_module": pickle},
        {"pickle_protocol": 2},
        {"_use_new_zipfile_serialization": True},
    ):
        minigrad.save([1], io.BytesIO(), **accepted)
    for refused in (
        {"pickle_module": json},
        {"pickle_protocol": 4},
        {"_use_new_zipfile_serialization": False},
    ):
        (name,) = refused
        with pytest.raises(NotImplementedError, match=name):
            minigrad.save([1], io.BytesIO(), **refused)


def test_no_classes_can_be_allowed() -> None:
    for function in (add_safe_globals, safe_globals):
        with pytest.raises(NotImplementedError, match=function.__name__):
            function([Path])
    assert get_safe_globals() == []


def test_a_missing_file_and_a_directory_are_os_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        minigrad.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        minigrad.load(tmp_path)
