"""Datasets: samples by index, or as a stream."""

from __future__ import annotations

import itertools
import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...api.tensor import Tensor
from ...random.generator import Generator
from ...random.sampling import randperm

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """The base of datasets with indices: subclasses define `__getitem__`, and most `__len__`.

    A subclass may also define `__getitems__`, which takes a list of indices and returns a list of
    samples; a DataLoader then fetches a batch with one call. `+` concatenates two datasets.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index**2
    ...     def __len__(self):
    ...         return 4
    >>> (Squares() + Squares())[5]
    1
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """The base of datasets that are streams: subclasses define `__iter__`. `+` chains two of them.

    A DataLoader keeps the order of the stream.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(Countdown() + Countdown())
    [3, 2, 1, 3, 2, 1]
    """

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of equal size along dimension 0: sample i is the tuple of their elements at i.

    Raises AssertionError if the sizes differ, IndexError for a 0-d tensor.

    >>> points = TensorDataset(minigrad.tensor([[1., 2.], [3., 4.]]), minigrad.tensor([0, 1]))
    >>> points[1]
    (tensor([3., 4.]), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(x.size(0) != tensors[0].size(0) for x in tensors):
            sizes = [x.size(0) for x in tensors]
            raise AssertionError(f"Size mismatch between tensors: the first sizes are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset[Any]):
    """Datasets of equal length, stacked: sample i holds sample i of each.

    It holds them as a tuple, or as a dict if the datasets are given by keyword. Raises ValueError
    for no datasets, for positional and keyword ones together, and for different lengths.

    >>> StackDataset(image=[10, 11], label="ab")[1]
    {'image': 11, 'label': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via args) or ``dict``- (via kwargs) like "
                "input/output, but both types are given."
            )
        self.datasets = args or kwargs
        if not self.datasets:
            raise ValueError("At least one dataset should be passed")
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        """Return the samples at `indices`; ValueError if a dataset returns too few or too many."""
        datasets = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        rows = zip(*(self._samples(dataset, indices) for dataset in datasets), strict=True)
        if isinstance(self.datasets, dict):
            return [dict(zip(self.datasets, row, strict=True)) for row in rows]
        return list(rows)

    @staticmethod
    def _samples(dataset: Any, indices: list[Any]) -> list[Any]:
        found = samples_at(dataset, indices)
        if len(found) != len(indices):
            raise ValueError(
                f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}"
            )
        return found

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T]):
    """Concatenated datasets; `+` makes one of two datasets.

    Raises AssertionError for no datasets and for an IterableDataset. An index out of range raises
    IndexError, or ValueError if it is negative.

    >>> both = ConcatDataset(["ab", "cde"])
    >>> len(both), both[2], both[-1]
    (5, 'c', 'e')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]  # the end of each dataset

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset: chain them")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        place = bisect_right(self.cumulative_sizes, index)
        dataset = self.datasets[place]
        return dataset[index - self.cumulative_sizes[place - 1] if place else index]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T]):
    """Chained iterable datasets; `+` makes one of two of them.

    A dataset that is not an IterableDataset raises AssertionError when it is reached.

    >>> class Letters(IterableDataset):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(ChainDataset([Letters(), Letters()]))
    ['a', 'b', 'a', 'b']
    """

    datasets: Iterable[Any]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset


class Subset(Dataset[T]):
    """The samples of `dataset` at `indices`.

    An index that is a list is passed to `dataset` as a list. A subclass that overrides
    `__getitem__` must also override `__getitems__`, which a DataLoader calls; if it doesn't, the
    constructor raises NotImplementedError.

    >>> odd = Subset("abcdef", [1, 3, 5])
    >>> odd[0], len(odd), list(odd)
    ('b', 3, ['b', 'd', 'f'])
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__, which a DataLoader "
                "calls to fetch a batch. Add one, for example:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self[index] for index in indices]\n"
            )

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Return the samples at `indices` of the subset."""
        return samples_at(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_at(dataset: Any, indices: list[Any]) -> Any:
    """Return the samples at `indices`: with one call if the dataset has `__getitems__`."""
    getitems = getattr(dataset, "__getitems__", None)
    return getitems(indices) if getitems else [dataset[i] for i in indices]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Split a dataset into random disjoint subsets with the given lengths or fractions.

    Fractions sum to 1. They are rounded down, and each sample left over goes to one of the first
    subsets. Raises ValueError if the lengths don't sum to that of the dataset, and for a fraction
    outside [0, 1]; warns of an empty subset. Draws one `randperm` from `generator`, by default the
    default generator.

    >>> train, test = random_split(range(10), [0.7, 0.3])
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (7, 3, True)
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _from_fractions(lengths, len(dataset))
    if sum(lengths) != len(dataset):
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset: "
            f"{sum(lengths)} is not {len(dataset)}"
        )
    counts: Any = lengths
    order = randperm(sum(counts), generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]


def _from_fractions(fractions: Sequence[float], total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    for i, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {i} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return counts
