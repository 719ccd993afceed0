"""Samplers: in which order a dataset's samples are taken.

A sampler is any iterable of indices; each `iter()` of it begins anew. Those that draw begin to do
so at the first `next()`, and take from the stream what PyTorch's take.
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

# With replacement, indices are drawn this many at a time: more would run ahead of the reader.
_DRAWN_AT_ONCE = 32


def random_seed(generator: Generator | None = None) -> int:
    """A seed, two words from the stream or from `generator`."""
    return int(empty((), dtype=dtypes.int64).random_(generator=generator).item())


class Sampler(Generic[T]):
    """An order of indices, or of lists of them: subclasses define `__iter__`, and most `__len__`.

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
    """The indices of `data_source`, from 0 on.

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
    """The indices of `data_source` in random order: each once, or any at any time.

    `num_samples` of them, by default as many as there are; without `replacement` one order follows
    the other until there are enough. They are drawn from `generator`, or from a private one whose
    seed is drawn from the stream. TypeError for a `replacement` that is no bool, ValueError for a
    `num_samples` that is no positive int.

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
        """How many indices one iteration gives: the length of the data as it is now, if unsaid."""
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
            # Drawn even where no rest is needed: PyTorch does, and the generator's state shows it.
            yield from randperm(n, generator=generator).tolist()[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once, drawn from the stream or from `generator`.

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
    """`num_samples` indices, drawn with probabilities in proportion to `weights`, of shape (n,).

    The weights need not sum to 1. Without `replacement` no index comes twice. ValueError for
    weights of another shape, a `num_samples` that is no positive int and a `replacement` that is
    no bool; what else is wrong with the weights is `multinomial`'s to say, when it draws.

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

    The last list may be shorter, and is left out if `drop_last`. ValueError for a `batch_size`
    that is no positive int and a `drop_last` that is no bool.

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
        return batches(len(indices), self.batch_size, self.drop_last)


def batches(samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches that many samples make."""
    return samples // batch_size if drop_last else -(-samples // batch_size)


def _not_positive(name: str, value: object) -> str:
    return f"{name} should be a positive integer value, but got {name}={value}"
