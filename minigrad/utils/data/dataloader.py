"""DataLoader: a dataset's samples in batches, in the order of a sampler."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...random.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset, samples_at
from .sampler import BatchSampler, RandomSampler, SequentialSampler, batch_count, random_seed

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

    All loading happens in this process, so `worker_init_fn` is never called. Raises
    NotImplementedError for `num_workers` other than 0 and for `pin_memory` and `pin_memory_device`,
    ValueError for options that exclude each other.

    It draws the numbers that PyTorch draws: a seed at `iter()`, whether or not it shuffles, and at
    the first `next()` those of a RandomSampler if it does.

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
        self.num_workers = num_workers
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order  # has no effect: one process always keeps the order
        self._check_loading()
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
        self._initialised = True

    def _check_loading(self) -> None:
        """Raise for options that need several processes or pinned memory."""
        if self.num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0, which loads in "
                "this process"
            )
        if self.timeout < 0:
            raise ValueError("timeout option should be non-negative")
        refused = [
            ("num_workers", self.num_workers != 0, "num_workers=0 loads in this process"),
            ("pin_memory", self.pin_memory, "memory is never pinned; pass False"),
            ("pin_memory_device", self.pin_memory_device, 'memory is never pinned; pass ""'),
        ]
        for name, is_given, instead in refused:
            if is_given:
                raise NotImplementedError(f"argument '{name}' is not implemented: {instead}")
        if self.prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing; "
                "with num_workers=0, pass None"
            )
        if self.persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if self.multiprocessing_context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                "(num_workers > 0), but got num_workers=0"
            )

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

    def __iter__(self) -> Iterator[Any]:
        self._check_loading()  # again: these attributes may have been changed
        if self.timeout != 0:
            raise AssertionError("timeout == 0 is required where this process does the loading")
        return _Pass(self)

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
    """One pass through a loader's dataset.

    It is not a generator, which an error would end: after a batch that fails, the next one comes.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        dataset, batched = loader.dataset, loader.batch_sampler is not None
        self._dataset = dataset
        self._reported_length = loader._reported_length
        self._collate_fn = loader.collate_fn
        self._sampler = loader._index_sampler
        self._indices = iter(self._sampler)
        random_seed(loader.generator)  # PyTorch draws it for its workers, even without any
        self._fetch: Callable[[Any], Any]
        if isinstance(dataset, IterableDataset):
            samples = iter(dataset)
            fetch_batch = _StreamBatches(samples, loader.drop_last).fetch
            self._fetch = fetch_batch if batched else lambda _: next(samples)
        else:
            self._fetch = lambda i: samples_at(dataset, i) if batched else dataset[i]
        self._yielded = 0

    def __len__(self) -> int:
        return len(self._sampler)

    def __next__(self) -> Any:
        batch = self._collate_fn(self._fetch(next(self._indices)))
        self._yielded += 1
        reported = self._reported_length
        if reported is not None and self._yielded > reported:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {reported} "
                f"(when accessing len(dataloader)), but {self._yielded} samples have been fetched.",
                stacklevel=2,
            )
        return batch


class _StreamBatches:
    """The samples of an IterableDataset in batches, up to the first incomplete one."""

    def __init__(self, samples: Iterator[Any], drop_last: bool) -> None:
        self._samples = samples
        self._drop_last = drop_last
        self._ended = False

    def fetch(self, indices: list[None]) -> list[Any]:
        """Return `len(indices)` samples, or those that are left; StopIteration if none are."""
        if self._ended:
            raise StopIteration
        batch = list(itertools.islice(self._samples, len(indices)))
        self._ended = len(batch) < len(indices)
        if not batch or (self._ended and self._drop_last):
            raise StopIteration
        return batch


def get_worker_info() -> None:
    """Return None: all loading happens in the main process.

    >>> get_worker_info() is None
    True
    """
