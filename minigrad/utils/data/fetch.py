"""Fetching: one batch of a dataset, from its indices. Any process that loads data does this."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .dataset import IterableDataset, samples_at


@dataclass(frozen=True)
class Fetching:
    """What a DataLoader does to make batches; `start` is called in the process that makes them."""

    dataset: Any
    batched: bool
    drop_last: bool
    collate_fn: Callable[[Any], Any]

    def start(self) -> Callable[[Any], Any]:
        """Return a function from indices to a batch, for one pass through the dataset.

        At the end of an IterableDataset it raises StopIteration.
        """
        dataset, collate_fn = self.dataset, self.collate_fn
        if isinstance(dataset, IterableDataset):
            samples = iter(dataset)
            if not self.batched:
                return lambda _: collate_fn(next(samples))
            stream = _StreamBatches(samples, self.drop_last)
            return lambda indices: collate_fn(stream.fetch(indices))
        if self.batched:
            return lambda indices: collate_fn(samples_at(dataset, indices))
        return lambda index: collate_fn(dataset[index])


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
