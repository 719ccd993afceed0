"""utils/data/workers.py: batches of worker processes, compared with PyTorch's."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

from tests.utils.data.test_dataset import DIGITS


class Draws:
    """A dataset whose samples tell the worker that makes them and numbers of its three streams."""

    def __init__(self, t: Any, n: int) -> None:
        self.t, self.n = t, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        worker = self.t.utils.data.get_worker_info()
        told = worker and (worker.id, worker.num_workers, worker.seed, worker.dataset is self)
        return index, told or 0, self.t.rand(2), random.random(), np.random.rand()  # noqa: NPY002


def shares(t: Any, n: int, at: int | None = None) -> Any:
    """Make an IterableDataset of range(n) shared among the workers; it raises at `at`."""

    class Shares(t.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Any:
            worker = t.utils.data.get_worker_info()
            for i in range(worker.id, n, worker.num_workers) if worker else range(n):
                if i == at:
                    raise KeyError(i)
                yield t.tensor(i)

    return Shares()


# Values, order and random streams -----------------------------------------------------------------


@settings(max_examples=12)
@given(
    st.integers(0, 2**63),
    st.integers(1, 9),
    st.sampled_from([None, 1, 2, 4]),
    st.integers(0, 2),
    st.sampled_from([None, 1, 3]),
    st.booleans(),
    st.booleans(),
)
def test_batches_and_streams(
    seed: int,
    n: int,
    batch_size: int | None,
    workers: int,
    prefetch: int | None,
    persistent: bool,
    own: bool,
) -> None:
    options: dict[str, Any] = {"batch_size": batch_size, "num_workers": workers}
    if workers:
        options |= {"prefetch_factor": prefetch, "persistent_workers": persistent}

    def program(t: Any) -> Any:
        t.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 1000)  # noqa: NPY002
        generator = t.Generator().manual_seed(seed // 2) if own else None
        loader = t.utils.data.DataLoader(Draws(t, n), shuffle=True, generator=generator, **options)
        found: list[Any] = []
        for _ in range(2):
            found += [*loader, t.rand(3)]
        return [*found, next(iter(loader)), t.rand(3), len(list(loader))]

    assert check_same(program).error is None


@settings(max_examples=8)
@given(
    st.integers(0, 9),
    st.sampled_from([None, 1, 2]),
    st.integers(0, 2),
    st.booleans(),
    st.none() | st.integers(0, 9),
)
def test_streams_are_shared_among_workers(
    n: int, batch_size: int | None, workers: int, drop_last: bool, at: int | None
) -> None:
    def program(t: Any) -> Any:
        data = shares(t, n, at)
        drop = drop_last and batch_size is not None
        persistent = workers > 0
        loader = t.utils.data.DataLoader(
            data, batch_size, num_workers=workers, drop_last=drop, persistent_workers=persistent
        )
        return [everything(loader) for _ in range(2)]

    check_same(program)


def everything(loader: Any) -> list[Any]:
    """Return a pass's batches, and the types, first and last lines of its errors."""
    found: list[Any] = []
    batches = iter(loader)
    for _ in range(20):
        try:
            found.append(next(batches))
        except StopIteration as error:
            if not error.args:
                break
            found.append(str(error).splitlines()[0])
        except Exception as error:
            lines = str(error).splitlines() or [""]
            found.append([type(error).__name__, lines[0], lines[-1]])
    return found


class Strange(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


class Speaking(Exception):
    message = "a message"

    def __init__(self, message: str) -> None:
        super().__init__(message)


ERRORS: list[Callable[[], Exception]] = [
    lambda: ValueError("nope"),
    lambda: KeyError("key"),
    lambda: StopIteration(),
    lambda: Strange(1, 2),
    lambda: Speaking("well"),
]


@pytest.mark.parametrize("make", ERRORS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("where", ["sample", "collate_fn", "worker_init_fn"])
def test_errors_of_workers(make: Callable[[], Exception], where: str) -> None:
    def fails(*_: Any) -> Any:
        raise make()

    class Failing(Draws):
        def __getitem__(self, index: int) -> Any:
            return fails() if where == "sample" and index == 1 else index

    def program(t: Any) -> Any:
        options = {} if where == "sample" else {where: fails}
        n = 6 if where == "sample" else 2  # a first task per worker
        return everything(t.utils.data.DataLoader(Failing(t, n), 1, num_workers=2, **options))

    check_same(program)


def test_unpicklable_values_and_errors_are_reported() -> None:
    class Local(Exception):
        pass

    def raises(_: Any) -> Any:
        raise Local("inside")

    data = minigrad.utils.data
    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0"):
        next(iter(data.DataLoader(DIGITS, num_workers=1, collate_fn=raises)))
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        next(iter(data.DataLoader(DIGITS, num_workers=1, collate_fn=lambda _: lambda: 0)))


@pytest.mark.parametrize("replacement", [False, True])
def test_endless_samplers_stay_lazy(replacement: bool) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(3)
        data = t.utils.data
        sampler = data.RandomSampler(DIGITS, replacement, num_samples=int(1e10))
        loader = data.DataLoader(DIGITS, 4, sampler=sampler, num_workers=2)
        return [*itertools.islice(loader, 5), len(loader), t.rand(1)]

    check_same(program)


def test_sampler_that_draws_at_iter() -> None:
    """PyTorch asks it for an iterator twice where there are workers."""

    def program(t: Any) -> Any:
        class Eager(t.utils.data.Sampler):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Any:
                return iter(t.randperm(len(DIGITS)).tolist())

        t.manual_seed(0)
        return [
            [*t.utils.data.DataLoader(DIGITS, 2, sampler=Eager(), num_workers=n), t.rand(1)]
            for n in (0, 1)
        ]

    check_same(program)


def test_spawned_workers_get_all_they_need_by_pickle() -> None:
    points = minigrad.utils.data.TensorDataset(minigrad.arange(5.0))
    loader: Any = minigrad.utils.data.DataLoader(
        points, 2, num_workers=1, multiprocessing_context="spawn", timeout=60
    )
    assert loader.multiprocessing_context.get_start_method() == "spawn"
    assert [batch.tolist() for (batch,) in loader] == [[0, 1], [2, 3], [4]]


def test_without_order_every_sample_comes_once() -> None:
    for data in (DIGITS, shares(minigrad, 7)):
        loader: Any = minigrad.utils.data.DataLoader(data, 2, num_workers=2, in_order=False)
        for _ in range(2):
            found = [int(x) for batch in loader for x in batch]
            assert sorted(found) == sorted(map(int, DIGITS if data is DIGITS else range(7)))


# Arguments ----------------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {"pin_memory": True},
    {"pin_memory": True, "pin_memory_device": "cuda"},
    {"pin_memory": True, "num_workers": 1},
    {"pin_memory_device": "cuda"},
    {"num_workers": 1, "prefetch_factor": -1},
    {"num_workers": 1, "timeout": -1},
    {"num_workers": 1, "timeout": 20},
    {"num_workers": 1, "multiprocessing_context": "nope"},
    {"num_workers": 1, "multiprocessing_context": 5},
    {"num_workers": 1, "multiprocessing_context": multiprocessing.get_context("fork")},
    {"num_workers": (os.cpu_count() or 1) + 1},
    {"worker_init_fn": 5, "num_workers": 1},
]


# Not by their str, which contains an address, so that every process has the same names.
@pytest.mark.parametrize("options", OPTIONS)
def test_options(options: dict[str, Any]) -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(DIGITS, 4, **options)
        return [loader.prefetch_factor, loader.pin_memory, *loader]

    check_same(program)


def test_worker_init_fn_can_change_the_copy_of_the_dataset() -> None:
    def program(t: Any) -> Any:
        def halve(worker: int) -> None:
            info = t.utils.data.get_worker_info()
            info.dataset.n = 100 * (worker + 1)

        class Sizes(Draws):
            def __getitem__(self, index: int) -> int:
                return index + self.n

        loader = t.utils.data.DataLoader(Sizes(t, 4), num_workers=2, worker_init_fn=halve)
        return [list(loader), loader.dataset.n]

    check_same(program)


def test_length_of_a_stream_that_every_worker_repeats() -> None:
    def program(t: Any) -> Any:
        class Repeated(t.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Any:
                return iter(range(3))

            def __len__(self) -> int:
                return 3

        loader = t.utils.data.DataLoader(Repeated(), num_workers=2)
        return [len(loader), list(loader)]

    assert check_same(program).warned


# Processes ----------------------------------------------------------------------------------------


def children() -> set[Any]:
    return {process.pid for process in multiprocessing.active_children()}


def test_a_worker_that_dies_is_named() -> None:
    before = children()

    class Deadly(Draws):
        def __getitem__(self, index: int) -> int:
            if index == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return index

    loader: Any = minigrad.utils.data.DataLoader(Deadly(minigrad, 6), num_workers=2)
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexp"):
        list(loader)
    assert not children() - before


def test_timeout() -> None:
    class Slow(Draws):
        def __getitem__(self, index: int) -> int:
            time.sleep(0.5 * index)
            return index

    loader: Any = minigrad.utils.data.DataLoader(Slow(minigrad, 2), num_workers=1, timeout=0.1)
    batches = iter(loader)
    del loader
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.1 seconds"):
        list(batches)


@pytest.mark.parametrize("persistent", [False, True])
def test_no_process_outlives_its_loader(persistent: bool) -> None:
    before = children()
    loader: Any = minigrad.utils.data.DataLoader(
        range(1000), num_workers=2, persistent_workers=persistent
    )
    assert len(list(itertools.islice(loader, 3))) == 3
    workers = children() - before
    assert len(workers) == (2 if persistent else 0)
    list(itertools.islice(loader, 3))
    assert children() - before == workers
    del loader
    gc.collect()
    assert not children() - before


def test_persistent_workers_that_died_are_replaced(tmp_path: Any) -> None:
    class Once(Draws):
        def __getitem__(self, index: int) -> int:
            if index == 2 and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                sys.exit(1)
            return index

    loader: Any = minigrad.utils.data.DataLoader(
        Once(minigrad, 4), num_workers=1, persistent_workers=True
    )
    batches = iter(loader)
    assert [next(batches).item(), next(batches).item()] == [0, 1]  # sent before it ended
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)
    assert list(batches) == []
    assert [batch.item() for batch in loader] == [0, 1, 2, 3]


PROGRAM = """
import sys, time, minigrad
from multiprocessing import active_children
if SLOW:  # the second worker starts after the program has been stopped
    workers = minigrad.utils.data.workers
    seed_worker = workers.seed_worker
    workers.seed_worker = lambda seed, worker: time.sleep(worker) or seed_worker(seed, worker)
loader = minigrad.utils.data.DataLoader(range(10**9), num_workers=2, persistent_workers=True)
batches = iter(loader)
next(batches)
print(*(child.pid for child in active_children()), flush=True)
for batch in batches:
    pass
"""


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_stopped_program(number: signal.Signals, slow: bool) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("SLOW", str(slow))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # pytest's own worker processes ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert program.stdout
    workers = [int(pid) for pid in program.stdout.readline().split()]
    assert len(workers) == 2
    if number == signal.SIGINT:
        os.killpg(program.pid, number)  # as Ctrl-C does
    else:
        program.send_signal(number)
    _, errors = program.communicate(timeout=30)
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    for _ in range(200):
        if not any(map(is_running, workers)):
            return
        time.sleep(0.05)
    raise AssertionError("workers are left")


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
