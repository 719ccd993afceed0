"""All collectives on two ranks: minigrad's by gloo and by MPI give what PyTorch's give."""

from __future__ import annotations

from pathlib import Path

import pytest

import minigrad
import minigrad.distributed as dist
from tests.distributed.processes import PROGRAMS, run_mpi, run_ranks

PROGRAM = PROGRAMS / "collectives.py"


def results(folder: Path) -> list[str]:
    return [(folder / f"{rank}.txt").read_text() for rank in range(2)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("torch")
    for ended in run_ranks(2, PROGRAM, LIBRARY="torch", BACKEND="gloo", RESULTS=folder):
        assert ended.status == 0, ended.errors
    return results(folder)


def test_gloo_gives_what_pytorch_gives(expected: list[str], tmp_path: Path) -> None:
    for ended in run_ranks(2, PROGRAM, LIBRARY="minigrad", BACKEND="gloo", RESULTS=tmp_path):
        assert ended.status == 0, ended.errors
    assert results(tmp_path) == expected


def test_mpi_gives_what_pytorch_gives(expected: list[str], tmp_path: Path) -> None:
    ended = run_mpi(2, PROGRAM, LIBRARY="minigrad", BACKEND="mpi", RESULTS=tmp_path)
    assert ended.status == 0, ended.errors
    assert results(tmp_path) == expected


# One process needs no backend -----------------------------------------------------------------


@pytest.fixture
def alone() -> object:
    dist.init_process_group("gloo", "tcp://localhost:1", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("alone")
def test_a_world_of_one_does_every_collective() -> None:
    x, y = minigrad.arange(3.0), minigrad.zeros(3)
    dist.all_reduce(x, dist.ReduceOp.AVG)
    dist.broadcast(x, 0)
    dist.reduce(x, 0)
    for collective in (
        lambda: dist.all_gather([y], x),
        lambda: dist.gather(x, [y]),
        lambda: dist.scatter(y, [x]),
        lambda: dist.reduce_scatter(y, [x]),
        lambda: dist.all_to_all([y], [x]),
        lambda: dist.all_gather_into_tensor(y, x),
        lambda: dist.reduce_scatter_tensor(y, x),
        lambda: dist.all_to_all_single(y, x),
    ):
        y.zero_()
        version = y._version
        collective()
        assert y.tolist() == [0, 1, 2]
        assert y._version > version
    dist.barrier()


@pytest.mark.usefixtures("alone")
def test_mistakes_are_errors() -> None:
    x, y = minigrad.ones(2), minigrad.ones(2, dtype=minigrad.float64)
    mistakes = [
        (TypeError, "Expected parameter `tensor`", lambda: dist.all_reduce([1.0])),
        (TypeError, "Expected parameter `tensor_list`", lambda: dist.all_gather(x, x)),
        (TypeError, "ReduceOp", lambda: dist.all_reduce(x, "sum")),
        (ValueError, "different dtypes", lambda: dist.all_gather([y], x)),
        (ValueError, "Must specify global_rank or group_rank", lambda: dist.broadcast(x)),
        (ValueError, "Can't specify both", lambda: dist.broadcast(x, 0, group_src=0)),
        (ValueError, "Global rank 3 is not part", lambda: dist.broadcast(x, 3)),
        (ValueError, "must be specified on destination rank", lambda: dist.gather(x)),
        (ValueError, "must be specified on source rank", lambda: dist.scatter(x)),
        (ValueError, "destination rank should not be the same", lambda: dist.send(x, 0)),
        (ValueError, "initialize the default process group twice", dist.init_process_group),
        (RuntimeError, "a tensor for each of 1 ranks", lambda: dist.all_gather([x, x], x)),
        (RuntimeError, r"has the shape \[3\]", lambda: dist.gather(x, [minigrad.ones(3)])),
        (
            RuntimeError,
            "AVG is for floats",
            lambda: dist.all_reduce(minigrad.ones(1, dtype=minigrad.int64), dist.ReduceOp.AVG),
        ),
        (ValueError, "duplicates", lambda: dist.new_group([0, 0])),
        (ValueError, "within the world_size", lambda: dist.new_group([4])),
    ]
    for error, message, call in mistakes:
        with pytest.raises(error, match=message):
            call()


def test_without_a_group() -> None:
    assert dist.is_available()
    assert not dist.is_initialized()
    with pytest.raises(ValueError, match="has not been initialized"):
        dist.get_rank()
    with pytest.raises(ValueError, match="Invalid backend: 'nothing'"):
        dist.init_process_group("nothing")
    with pytest.raises(RuntimeError, match="nccl needs a GPU"):
        dist.init_process_group("nccl")
    with pytest.raises(ValueError, match=r"Invalid rank 2.*interval \[0, 1\]"):
        dist.init_process_group("gloo", "tcp://localhost:1", rank=2, world_size=2)


def test_the_environment_must_say_who_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="environment variable RANK expected, but not set"):
        dist.init_process_group("gloo")
