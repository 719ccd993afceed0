"""Workers: processes that make the batches of a DataLoader with `num_workers > 0`.

Each worker has two pipes of its own: tasks go in and results come out, both in order. So the parent
knows which result comes next from which worker, and a worker that dies closes its pipe. A third
pipe, shared by all, tells them to stop: one message that is never read stays visible to all.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import random
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ...random.seeding import manual_seed
from .dataset import IterableDataset
from .fetch import Fetching

_PATIENCE = 5.0  # seconds for workers to stop by themselves
_LOOK = 1.0  # seconds between a worker's looks whether its parent lives

# Messages are pairs of one of these and a value. To a worker:
_FETCH = "fetch"  # make the batch of these indices
_RESUME = "resume"  # start another pass; the worker answers with the same

# From a worker:
BATCH = "batch"
FAILURE = "failure"  # a `Failure`
END = "end"  # its IterableDataset has ended, so it ignores the tasks left


# In the worker ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WorkerInfo:
    """A worker of a DataLoader: its number `id`, its seed, and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return this worker's `id`, `num_workers`, `seed` and `dataset`; None in the main process.

    An IterableDataset asks it which share of its samples to give, as every worker has a copy.

    >>> get_worker_info() is None
    True
    """
    return _worker_info


@dataclass(frozen=True)
class Job:
    """What all workers of a loader do, and the seed that theirs are counted from."""

    fetching: Fetching
    init_fn: Callable[[int], None] | None
    num_workers: int
    base_seed: int


class Failure:
    """An error in a worker, to be raised in the parent with the worker's traceback as its text."""

    def __init__(self, error: BaseException, worker: int) -> None:
        self.kind: type[BaseException] = type(error)
        trace = "".join(traceback.format_exception(error))
        where = f"in DataLoader worker process {worker}"
        self.text = f"Caught {self.kind.__name__} {where}.\nOriginal {trace}"

    def reraise(self) -> None:
        """Raise the error; RuntimeError if its type can't be made from a text."""
        kind: Any = self.kind
        try:
            if issubclass(kind, KeyError):
                error = kind(_Text(self.text))
            elif getattr(kind, "message", None):
                error = kind(message=self.text)
            else:
                error = kind(self.text)
        except Exception:
            error = RuntimeError(self.text)
        try:
            raise error from None
        finally:
            del error  # else the error, by this frame, would keep itself and the loader alive


class _Text(str):
    """A text that a KeyError, which shows the `repr` of its argument, shows line by line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _dumps(kind: str, value: Any, worker: int) -> Any:
    """Pickle a message; a value that can't be pickled becomes a failure that says so."""
    try:
        return ForkingPickler.dumps((kind, value))
    except Exception as error:
        if isinstance(value, Failure):  # its type is at fault, for example a local class
            value.kind = RuntimeError
        else:
            value = Failure(error, worker)
        return ForkingPickler.dumps((FAILURE, value))


class _Sender:
    """Sends results in a thread, so that the worker goes on while the parent is busy."""

    def __init__(self, results: Connection) -> None:
        self._results = results
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.put = self._waiting.put
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        with suppress(OSError):  # the parent has gone
            while (message := self._waiting.get()) is not None:
                self._results.send_bytes(message)

    def flush(self) -> None:
        """Wait until all is sent."""
        self.put(None)
        self._thread.join()


def seed_worker(base_seed: int, worker: int) -> int:
    """Seed the streams of `random`, minigrad and NumPy; return the seed of the first two.

    NumPy and `random` have the same generator, so NumPy's seed is mixed from both numbers.
    """
    seed = base_seed + worker
    random.seed(seed)
    manual_seed(seed)
    entropy = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))  # noqa: NPY002
    return seed


def work(job: Job, worker: int, tasks: Connection, results: Connection, stop: Connection) -> None:
    """Make batches until `stop` says so or the parent is gone. This is a worker's main function."""
    global _worker_info
    sender = _Sender(results)
    try:
        seed = seed_worker(job.base_seed, worker)
        _worker_info = WorkerInfo(worker, job.num_workers, seed, job.fetching.dataset)
        _serve(job, worker, tasks, sender, stop)
    except KeyboardInterrupt:
        pass  # the parent gets it too, and reports it
    except SystemExit:
        sender.flush()  # the batches made so far
        raise


def _serve(job: Job, worker: int, tasks: Connection, sender: _Sender, stop: Connection) -> None:
    # The parent may be gone already, which only its sentinel tells. But another process may have a
    # copy of that, and then only the id of the parent changes.
    parent, parent_id = multiprocessing.parent_process(), os.getppid()
    assert parent is not None
    fetch = _started(job, worker, job.init_fn)
    ended = False
    while True:
        ready = wait([tasks, stop, parent.sentinel], _LOOK)
        if stop in ready or parent.sentinel in ready or os.getppid() != parent_id:
            return
        if not ready:
            continue
        try:
            kind, indices = tasks.recv()
        except EOFError:
            return
        if kind == _RESUME:
            fetch, ended = _started(job, worker, None), False
            sender.put(_dumps(_RESUME, None, worker))
        elif not ended:
            kind, value = _fetched(fetch, indices, job, worker)
            ended = kind == END
            sender.put(_dumps(kind, value, worker))


def _started(job: Job, worker: int, init_fn: Callable[[int], None] | None) -> Any:
    """Start a pass: return a function from indices to a batch, or the failure of the start."""
    try:
        if init_fn is not None:
            init_fn(worker)
        return job.fetching.start()
    except Exception as error:
        return Failure(error, worker)


def _fetched(fetch: Any, indices: Any, job: Job, worker: int) -> tuple[str, Any]:
    """Return the message that answers a task."""
    if isinstance(fetch, Failure):
        return FAILURE, fetch
    try:
        return BATCH, fetch(indices)
    except Exception as error:
        if isinstance(error, StopIteration) and isinstance(job.fetching.dataset, IterableDataset):
            return END, None
        return FAILURE, Failure(error, worker)


# In the parent ------------------------------------------------------------------------------------


class Workers:
    """The running workers of one loader. They stop at `close`, when it is collected, or at exit."""

    def __init__(self, job: Job, context: Any, timeout: float) -> None:
        context = multiprocessing if context is None else context
        self._timeout = timeout
        self._processes: list[Any] = []
        self._tasks: list[Connection] = []
        self._results: list[Connection] = []
        self._stop, stopper = context.Pipe(duplex=False)
        self._close = weakref.finalize(self, _stop, self._processes, stopper, os.getpid())
        for worker in range(job.num_workers):
            tasks, task_end = context.Pipe(duplex=False)
            results, result_end = context.Pipe(duplex=False)
            arguments = (job, worker, tasks, result_end, self._stop)
            process = context.Process(target=work, args=arguments, daemon=True)
            process.start()
            tasks.close()
            result_end.close()  # the worker has the only copy: when it dies, `results` ends
            self._processes.append(process)
            self._tasks.append(task_end)
            self._results.append(results)

    @property
    def closed(self) -> bool:
        return not self._close.alive

    def close(self) -> None:
        """Stop the workers and wait for them; those that are still busy then are terminated."""
        self._close()
        for connection in [*self._tasks, *self._results, self._stop]:
            connection.close()

    def send(self, worker: int, indices: Any) -> None:
        """Give a worker the task of making a batch."""
        self._put(worker, (_FETCH, indices))

    def _put(self, worker: int, message: tuple[str, Any]) -> None:
        # A worker that died is reported by `receive`, after the batches it sent before.
        with suppress(OSError):
            self._tasks[worker].send(message)

    def ready(self, workers: Iterable[int]) -> int:
        """Return the first of `workers` that has a result or has died; wait for one."""
        workers = list(dict.fromkeys(workers))
        ready = wait([self._results[worker] for worker in workers], self._timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        return next(worker for worker in workers if self._results[worker] in ready)

    def receive(self, worker: int) -> tuple[str, Any]:
        """Return a worker's next message: BATCH, FAILURE or END, and a value.

        Raises RuntimeError if it takes longer than the timeout, or if the worker died.
        """
        self.ready([worker])
        try:
            message = self._results[worker].recv_bytes()
        except (EOFError, OSError) as error:
            pid = self._processes[worker].pid
            self.close()
            raise RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly") from error
        kind, value = pickle.loads(message)
        return kind, value

    def resume(self) -> None:
        """Let all workers start another pass, and drop what is left of the last one."""
        for worker in range(len(self._processes)):
            self._put(worker, (_RESUME, None))
        for worker in range(len(self._processes)):
            while self.receive(worker)[0] != _RESUME:
                pass


def _stop(processes: list[Any], stopper: Connection, owner: int) -> None:
    if os.getpid() != owner:
        return  # a copy in a forked process; the workers aren't its own
    with suppress(OSError):  # no one is left to read it
        stopper.send_bytes(b"stop")
    deadline = time.monotonic() + _PATIENCE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.is_alive():
            process.terminate()
            process.join(_PATIENCE)
    stopper.close()
