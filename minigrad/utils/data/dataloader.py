"""DataLoader: a dataset's samples, in a sampler's order, in batches."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...random.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset, samples_at
from .sampler import BatchSampler, RandomSampler, SequentialSampler, batches, random_seed

T = TypeVar("T", covariant=True)


class DataLoader(Generic[T]):
    """Batches of a dataset's samples; every `iter()` of it goes through the dataset once more.

    `dataset` is anything with `__getitem__` and, unless a sampler is given, `__len__`; or an
    IterableDataset, whose samples are taken as they come.

    - `batch_size` samples make a batch, the last one fewer, or none at all if `drop_last`. With
      None, samples come one by one and not in batches.
    - `shuffle` takes the samples in random order; `sampler`, any iterable of indices, in that one;
      `batch_sampler`, any iterable of lists of indices, decides the batches too.
    - `collate_fn` makes a batch of a list of samples: `default_collate`, or for single samples
      `default_convert`.
    - `generator` is drawn from in place of the stream.

    All loading is done in this process, so `worker_init_fn` is never called. NotImplementedError
    for `num_workers` other than 0, for `pin_memory` and `pin_memory_device`; ValueError for options
    that exclude each other.

    What is drawn is what PyTorch draws: at `iter()` a seed, shuffled or not, and at the first
    `next()` of a shuffled one what a RandomSampler draws.

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
        self.in_order = in_order  # one process keeps the order, whatever this says
        self._check_loading()

        if isinstance(dataset, IterableDataset):
            _check_nothing_orders_it(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )

        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = itertools.repeat(None)  # no index means anything, and they never end
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
        """Refuse what one process cannot do, or has no need of."""
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
        for name, given, instead in refused:
            if given:
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
        # The samplers were made from these; a change would go unnoticed.
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
        """What one `next()` takes one item from: batches of indices, or single ones."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        self._check_loading()  # once more: these attributes may have been set since
        if self.timeout != 0:
            raise AssertionError("timeout == 0 is required where this process does the loading")
        return _Loading(self)

    def __len__(self) -> int:
        """The number of batches, or of samples where there are no batches.

        Of an IterableDataset it is what that says of itself; TypeError if it says nothing.
        """
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        reported: Any = self.dataset
        self._reported_length = len(reported)
        if self.batch_size is None:
            return self._reported_length
        return batches(self._reported_length, self.batch_size, self.drop_last)


def _check_nothing_orders_it(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """ValueError for any wish about the order of an IterableDataset, which has its own."""
    for name, value, given in (
        ("shuffle", shuffle, shuffle not in (None, False)),
        ("sampler", sampler, sampler is not None),
        ("batch_sampler", batch_sampler, batch_sampler is not None),
    ):
        if given:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, "
                f"but got {name}={value}"
            )


class _Loading(Iterator[Any]):
    """One pass through a loader's dataset.

    An object and not a generator: an error in one batch does not end it, the next one still comes.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        dataset, batched = loader.dataset, loader.batch_sampler is not None
        self._dataset = dataset
        self._reported_length = loader._reported_length
        self._collate_fn = loader.collate_fn
        self._sampler = loader._index_sampler
        self._indices = iter(self._sampler)
        random_seed(loader.generator)  # workers would be seeded by it; PyTorch draws it always
        self._fetch: Callable[[Any], Any]
        if isinstance(dataset, IterableDataset):
            samples = iter(dataset)
            take = _Batches(samples, loader.drop_last).take
            self._fetch = take if batched else lambda _: next(samples)
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


class _Batches:
    """An IterableDataset's samples, several at a time, until one comes short."""

    def __init__(self, samples: Iterator[Any], drop_last: bool) -> None:
        self._samples = samples
        self._drop_last = drop_last
        self._ended = False

    def take(self, indices: list[None]) -> list[Any]:
        """As many samples as there are `indices`, or what is left; StopIteration for nothing."""
        if self._ended:
            raise StopIteration
        batch = list(itertools.islice(self._samples, len(indices)))
        self._ended = len(batch) < len(indices)
        if not batch or (self._ended and self._drop_last):
            raise StopIteration
        return batch


def get_worker_info() -> None:
    """None: all loading is done in the main process.

    >>> get_worker_info() is None
    True
    """
