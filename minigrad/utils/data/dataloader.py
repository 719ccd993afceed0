"""DataLoader: a dataset's samples in batches, in the order of a sampler."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...random.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import Fetching
from .sampler import BatchSampler, RandomSampler, SequentialSampler, batch_count, random_seed
from .workers import BATCH, END, FAILURE, Job, Workers, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T = TypeVar("T", covariant=True)


class DataLoader(Generic[T]):
    """An iterable of a dataset's samples in batches; each `iter()` goes through the whole dataset.

    `dataset` has `__getitem__` and, unless a sampler is given, `__len__`; or it is an
    IterableDataset, whose order is kept.

    - `batch_size`: the samples per batch. The last batch may have fewer; `drop_last` leaves such a
      batch out. With None, samples are not batched.
    - `shuffle`: whether the order is random. `sampler` is an iterable of indices, and
      `batch_sampler` an iterable of lists of indices.
    - `collate_fn`: makes a batch of a list of samples. By default `default_collate`, or
      `default_convert` if samples are not batched.
    - `generator`: draws the random order in place of the default generator.

    - `num_workers`: the processes that make batches; with 0, this one makes them. Each has a copy
      of the dataset. Worker i has the seed drawn at `iter()` plus i, for `random` too, and then
      calls `worker_init_fn(i)`. An error in a worker is raised here, with its traceback as text.
    - `prefetch_factor`: the batches that each worker makes in advance, by default 2.
    - `persistent_workers`: whether workers stay for the next `iter()`.
    - `timeout`: the seconds to wait for a batch of a worker; with 0, there is no limit.
    - `multiprocessing_context`: how processes start: a context or its name, such as "spawn".
    - `in_order`: whether batches keep their order; otherwise, the first that is ready comes.
    - `pin_memory`, `pin_memory_device`: have no effect but PyTorch's warning that there is no GPU.

    Raises ValueError for options that exclude each other.

    It draws the numbers that PyTorch draws: a seed at `iter()`, whether or not it shuffles, and at
    the first `next()` those of a RandomSampler if it does; at `iter()` if there are workers.

    >>> from minigrad.utils.data import TensorDataset
    >>> points = TensorDataset(minigrad.arange(5.0), minigrad.tensor([0, 1, 0, 1, 0]))
    >>> for x, y in DataLoader(points, batch_size=2):
    ...     print(x, y)
    tensor([0., 1.]) tensor([0, 1])
    tensor([2., 3.]) tensor([0, 1])
    tensor([4.]) tensor([0])
    """

    dataset: Any
    batch_size: int | None
    drop_last: bool
    sampler: Any
    batch_sampler: Any
    num_workers: int
    collate_fn: Callable[[Any], Any]
    generator: Generator | None

    _initialised = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_loading(num_workers, timeout, prefetch_factor, persistent_workers)
        self.num_workers = num_workers
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        if isinstance(dataset, IterableDataset):
            _check_no_order(shuffle, sampler, batch_sampler)
        _check_exclusive(batch_size, shuffle, sampler, batch_sampler, drop_last)

        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = itertools.repeat(None)  # placeholders, without end
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate

        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn
        self.generator = generator
        self._reported_length: int | None = None
        self._iterator: _WorkerPass | None = None  # of persistent workers
        self._initialised = True
        if num_workers:
            _warn_of_many(num_workers)

    @property
    def multiprocessing_context(self) -> Any:
        """How the workers start, or None for Python's default."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                "(num_workers > 0), but got num_workers=0"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    "multiprocessing_context option should specify a valid start method in "
                    f"{methods!r}, but got multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context)
        if not isinstance(context, multiprocessing.context.BaseContext | None):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string "
                f"specifying the start method, but got multiprocessing_context={context}"
            )
        self._multiprocessing_context = context

    def __setattr__(self, name: str, value: Any) -> None:
        # The samplers were made from these, so a later change would have no effect.
        if self._initialised and name in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        ):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def _index_sampler(self) -> Any:
        """The sampler that `next()` takes one item from: of batches of indices, or of indices."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetching(self) -> Fetching:
        return Fetching(
            self.dataset, self.batch_sampler is not None, self.drop_last, self.collate_fn
        )

    def __iter__(self) -> Iterator[Any]:
        if not self.num_workers:
            return _Pass(self)
        if not self.persistent_workers:
            _warn_of_many(self.num_workers)
            return _WorkerPass(self)
        if self._iterator is not None and not self._iterator.workers.closed:
            self._iterator.restart(self)
        else:
            _warn_of_many(self.num_workers)
            self._iterator = _WorkerPass(self)
        return self._iterator

    def __len__(self) -> int:
        """The number of batches, or of samples if they are not batched.

        For an IterableDataset it follows from the dataset's own length; TypeError if it has none.
        """
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        reported: Any = self.dataset
        self._reported_length = len(reported)
        if self.batch_size is None:
            return self._reported_length
        return batch_count(self._reported_length, self.batch_size, self.drop_last)


def _check_loading(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    """Raise ValueError for options of workers that are negative or that need workers."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0, which loads in "
            "this process"
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing; "
            "with num_workers=0, pass None"
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_no_order(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """Raise ValueError if an order is given for an IterableDataset, which has its own."""
    for name, value, is_given in (
        ("shuffle", shuffle, shuffle not in (None, False)),
        ("sampler", sampler, sampler is not None),
        ("batch_sampler", batch_sampler, batch_sampler is not None),
    ):
        if is_given:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, "
                f"but got {name}={value}"
            )


def _check_exclusive(
    batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
) -> None:
    """Raise ValueError for options that exclude each other."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                "sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


class _Pass(Iterator[Any]):
    """One pass through a loader's dataset, whose batches are made in this process.

    It is not a generator, which an error would end: after a batch that fails, the next one comes.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            _warn_of_pinning(loader)
        self._dataset = loader.dataset
        self._sampler = loader._index_sampler
        self._begin(loader)
        self._base_seed = random_seed(loader.generator)  # drawn even without workers
        self._start(loader)

    def _begin(self, loader: DataLoader[Any]) -> None:
        self._indices = iter(self._sampler)
        self._reported_length = loader._reported_length
        self._yielded = 0

    def _start(self, loader: DataLoader[Any]) -> None:
        if loader.timeout != 0:
            raise AssertionError("timeout == 0 is required where this process does the loading")
        self._fetch = loader._fetching().start()

    def __len__(self) -> int:
        return len(self._sampler)

    def _next_batch(self) -> Any:
        return self._fetch(next(self._indices))

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._yielded += 1
        reported = self._reported_length
        if reported is not None and self._yielded > reported:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {reported} "
                f"(when accessing len(dataloader)), but {self._yielded} samples have been fetched. "
                "With num_workers > 0, each worker gives all samples of its copy of the dataset; "
                "get_worker_info() tells it which are its share.",
                stacklevel=2,
            )
        return batch


class _WorkerPass(_Pass):
    """One pass through a loader's dataset, whose batches are made by worker processes.

    At most `prefetch_factor` batches per worker are in the making. Tasks go to the workers in turn,
    and batches are awaited in the order of the tasks; or, without `in_order`, tasks go to the
    worker with the fewest, and the first batch that is ready comes next.
    """

    def _start(self, loader: DataLoader[Any]) -> None:
        count = self._count = loader.num_workers
        self._prefetch = 2 if loader.prefetch_factor is None else loader.prefetch_factor
        if self._prefetch <= 0:
            raise AssertionError("prefetch_factor must be greater than 0")
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        job = Job(loader._fetching(), loader.worker_init_fn, count, self._base_seed)
        self.workers = Workers(job, loader.multiprocessing_context, loader.timeout)
        self._begin(loader)  # PyTorch asks the sampler for its indices a second time
        self._send_first()

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begin another pass with the same workers, which keep their random streams."""
        self._begin(loader)
        self.workers.resume()
        self._send_first()

    def _send_first(self) -> None:
        self._asked: deque[int] = deque()  # the worker of each task that wasn't answered yet
        self._active = deque(range(self._count))  # in the order of their turns
        for _ in range(self._prefetch * self._count):
            self._send_next()

    def _send_next(self) -> None:
        indices = next(self._indices, self)
        if indices is self or not self._active:
            return
        if not self._in_order:
            worker = min(self._active, key=self._asked.count)
        else:
            worker = self._active[0]
            self._active.rotate(-1)
        self.workers.send(worker, indices)
        self._asked.append(worker)

    def _next_batch(self) -> Any:
        while self._asked and not self.workers.closed:
            worker = self._asked[0] if self._in_order else self.workers.ready(self._asked)
            kind, value = self.workers.receive(worker)
            self._asked.remove(worker)
            if kind == END:  # it doesn't answer the tasks it has left
                self._active.remove(worker)
                self._asked = deque(other for other in self._asked if other != worker)
            self._send_next()
            if kind == BATCH:
                return value
            if kind == FAILURE:
                value.reraise()
        if not self._persistent:
            self.workers.close()
        raise StopIteration


def _warn_of_pinning(loader: DataLoader[Any]) -> None:
    if loader.pin_memory_device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{loader.pin_memory_device}'.",
            stacklevel=4,
        )
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, "
        "then device pinned memory won't be used.",
        stacklevel=4,
    )


def _warn_of_many(num_workers: int) -> None:
    """Warn of more workers than this process has CPU cores."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or num_workers
    if num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total, more than the "
            f"{cores} CPU cores this process may use; fewer may be faster.",
            stacklevel=3,
        )
