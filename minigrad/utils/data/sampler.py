"""Samplers: the order of a dataset's samples, as an iterable of indices.

A random sampler draws from the first `next()` on, the same numbers as PyTorch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from ...api.creation import as_tensor, empty
from ...api.tensor import Tensor
from ...random.generator import Generator
from ...random.sampling import multinomial, randint, randperm
from ...rules import dtypes

T = TypeVar("T", covariant=True)

_DRAWN_AT_ONCE = 32  # indices drawn at a time with replacement, as in PyTorch


def random_seed(generator: Generator | None = None) -> int:
    """Draw a seed (two words) from `generator`, by default the default generator."""
    return int(empty((), dtype=dtypes.int64).random_(generator=generator).item())


class Sampler(Generic[T]):
    """The base of samplers: subclasses define `__iter__`, and most define `__len__`.

    A sampler gives indices, or lists of indices.

    >>> from minigrad.utils.data import DataLoader
    >>> class Backwards(Sampler):
    ...     def __init__(self, n):
    ...         self.n = n
    ...     def __iter__(self):
    ...         return iter(range(self.n - 1, -1, -1))
    >>> list(DataLoader("abc", sampler=Backwards(3)))
    [['c'], ['b'], ['a']]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler[int]):
    """The indices of `data_source` in order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Random indices of `data_source`: a permutation, or independent draws with `replacement`.

    There are `num_samples` of them, by default `len(data_source)`; without `replacement`, as many
    permutations as that takes. They are drawn from `generator`, by default a new one whose seed is
    drawn from the default generator. Raises TypeError unless `replacement` is a bool, ValueError
    unless `num_samples` is a positive int.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    >>> len(RandomSampler("abc", replacement=True, num_samples=10))
    10
    """

    data_source: Sized
    replacement: bool
    generator: Generator | None

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(_not_positive("num_samples", self.num_samples))

    @property
    def num_samples(self) -> int:
        """The number of indices per iteration; by default the current length of the data."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(random_seed())
        if self.replacement:
            for left in range(self.num_samples, 0, -_DRAWN_AT_ONCE):
                size = (min(left, _DRAWN_AT_ONCE),)
                yield from randint(n, size, dtype=dtypes.int64, generator=generator).tolist()
        else:
            whole_orders, rest = divmod(self.num_samples, n)
            for _ in range(whole_orders):
                yield from randperm(n, generator=generator).tolist()
            # Drawn even if nothing is left over, as PyTorch does: the generator's state shows it.
            yield from randperm(n, generator=generator).tolist()[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, drawn from `generator` or the default generator.

    >>> sorted(SubsetRandomSampler([2, 4, 6]))
    [2, 4, 6]
    """

    indices: Sequence[int]
    generator: Generator | None

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices with probabilities proportional to `weights`, of shape (n,).

    Without `replacement` no index is drawn twice. Raises ValueError for weights of another shape,
    and unless `num_samples` is a positive int and `replacement` a bool. `multinomial` checks the
    weights themselves when it draws.

    >>> list(WeightedRandomSampler([0, 1, 0], 4))
    [1, 1, 1, 1]
    """

    weights: Tensor
    num_samples: int
    replacement: bool
    generator: Generator | None

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if type(num_samples) is not int or num_samples <= 0:
            raise ValueError(_not_positive("num_samples", num_samples))
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        self.weights = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`.

    The last list may be shorter; `drop_last` leaves such a list out. Raises ValueError unless
    `batch_size` is a positive int and `drop_last` a bool.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    sampler: Iterable[int]
    batch_size: int
    drop_last: bool

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if type(batch_size) is not int or batch_size <= 0:
            raise ValueError(_not_positive("batch_size", batch_size))
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        indices: Any = self.sampler
        return batch_count(len(indices), self.batch_size, self.drop_last)


def batch_count(samples: int, batch_size: int, drop_last: bool) -> int:
    return samples // batch_size if drop_last else -(-samples // batch_size)


def _not_positive(name: str, value: object) -> str:
    return f"{name} should be a positive integer value, but got {name}={value}"
