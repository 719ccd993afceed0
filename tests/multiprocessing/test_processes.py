"""multiprocessing/: processes that are started, waited for, and whose errors are raised."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

import minigrad
from minigrad import multiprocessing as mp


def fails(number: int, how: str, file: str = "") -> None:
    if number == 0 and how != "ok":
        time.sleep(60)  # it is terminated
    if how == "raise":
        raise ValueError("no")
    if how == "exit":
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), 9)
    if file:
        minigrad.save(minigrad.ones(2) * number, f"{file}.{number}")


def doubled(queue: Any, results: Any) -> None:
    results.put(queue.get() * 2)


@pytest.fixture
def error_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which processes leave their errors."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_processes_get_their_numbers(tmp_path: Path, error_files: Path) -> None:
    file = str(tmp_path / "result")
    assert mp.spawn(fails, ("ok", file), nprocs=2) is None
    assert [minigrad.load(f"{file}.{i}").tolist() for i in range(2)] == [[0, 0], [1, 1]]
    assert not [*error_files.glob("minigrad-*")]


@pytest.mark.parametrize("how", ["raise", "exit", "kill"])
def test_the_first_error_ends_all(how: str, error_files: Path) -> None:
    kind: Any = mp.ProcessRaisedException if how == "raise" else mp.ProcessExitedException
    message = {
        "raise": r"\n\n-- Process 1 terminated with the following error:\n(.|\n)*ValueError: no",
        "exit": "process 1 terminated with exit code 3",
        "kill": "process 1 terminated with signal SIGKILL",
    }
    with pytest.raises(kind, match=message[how]) as caught:
        mp.start_processes(fails, (how,), nprocs=2, start_method="fork")
    assert caught.value.error_index == 1
    assert not mp.active_children()
    assert not [*error_files.glob("minigrad-*")]


def test_a_context_waits_when_it_is_asked_to() -> None:
    context = mp.start_processes(fails, ("ok",), nprocs=2, join=False, start_method="fork")
    assert context is not None
    assert len(context.pids()) == 2
    while not context.join():
        pass
    assert context.join()


def test_tensors_go_through_queues() -> None:
    context = mp.get_context("fork")
    queue, results = context.Queue(), context.Queue()
    process = context.Process(target=doubled, args=(queue, results))
    process.start()
    queue.put(minigrad.arange(6.0).view(2, 3).T)
    found = results.get(timeout=60)
    process.join()
    assert found.tolist() == [[0, 6], [2, 8], [4, 10]]


def test_the_names_of_pytorch_are_there() -> None:
    theirs = pytest.importorskip("torch.multiprocessing")
    assert {*theirs.__all__} - {*mp.__all__} == set()
    assert mp.get_all_sharing_strategies() == theirs.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    with pytest.raises(AssertionError, match="sharing strategy"):
        mp.set_sharing_strategy("no")
    with pytest.warns(FutureWarning, match="only supports start_method=spawn"):
        mp.spawn(fails, ("ok",), start_method="fork")
