"""utils/data/dataset.py: samples, lengths, indices and errors, compared with PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

DIGITS = range(10)


def counting(t: Any, n: int, length: int | None = None) -> Any:
    """Make an IterableDataset of the numbers below n, with a `__len__` if a length is given."""

    class Counting(t.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[int]:
            return iter(range(n))

    class Reporting(Counting):
        def __len__(self) -> Any:
            return length

    return Counting() if length is None else Reporting()


def with_getitems(t: Any, lost: int = 0) -> Any:
    """Make a dataset with `__getitems__`, which drops the first `lost` samples."""

    class WithGetitems(t.utils.data.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: Any) -> Any:
            return ["one", index]

        def __getitems__(self, indices: Any) -> Any:
            return [["many", i] for i in indices][lost:]

    return WithGetitems()


def tensors(t: Any) -> Any:
    return t.utils.data.TensorDataset(t.arange(10), t.arange(20.0).reshape(10, 2))


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "Dataset: no __getitem__": lambda t, d: d.Dataset()[0],
    "Dataset: no length": lambda t, d: len(d.Dataset()),
    "IterableDataset: abstract": lambda t, d: d.IterableDataset(),
    "IterableDataset: no __getitem__": lambda t, d: counting(t, 3)[0],
    "IterableDataset: no length": lambda t, d: len(counting(t, 3)),
    "subscripts": lambda t, d: [x[int] is not None for x in (d.Dataset, d.IterableDataset)],
    "ChainDataset": lambda t, d: list(counting(t, 3) + counting(t, 2)),
    "ChainDataset: of three": lambda t, d: list(d.ChainDataset([counting(t, 1)] * 3)),
    "ChainDataset: length": lambda t, d: len(counting(t, 3, 3) + counting(t, 2, 2)),
    "ChainDataset: no length": lambda t, d: len(counting(t, 3) + counting(t, 2)),
    "ChainDataset: type": lambda t, d: type(counting(t, 3) + counting(t, 2)).__name__,
    "TensorDataset": lambda t, d: [tensors(t)[3], tensors(t)[-1], len(tensors(t))],
    "TensorDataset: all": lambda t, d: list(tensors(t)),
    "TensorDataset: a slice": lambda t, d: tensors(t)[1:4],
    "TensorDataset: a list": lambda t, d: tensors(t)[[4, 1]],
    "TensorDataset: a mask": lambda t, d: tensors(t)[tensors(t).tensors[0] > 6],
    "TensorDataset: out of range": lambda t, d: tensors(t)[10],
    "TensorDataset: no tensors": lambda t, d: len(d.TensorDataset().tensors),
    "TensorDataset: no tensors, length": lambda t, d: len(d.TensorDataset()),
    "TensorDataset: a 0-d tensor": lambda t, d: d.TensorDataset(t.tensor(1.0)),
    "TensorDataset: a list for a tensor": lambda t, d: d.TensorDataset([1, 2]),
    "TensorDataset: an array": lambda t, d: d.TensorDataset(np.ones(3)),
    "StackDataset": lambda t, d: d.StackDataset(DIGITS, "abcdefghij")[3],
    "StackDataset: by keyword": lambda t, d: d.StackDataset(a=DIGITS, b=tensors(t))[3],
    "StackDataset: all": lambda t, d: list(d.StackDataset(range(2), range(2))),
    "StackDataset: length": lambda t, d: len(d.StackDataset(a=DIGITS)),
    "StackDataset: datasets": lambda t, d: list(d.StackDataset(a="x", b="y").datasets),
    "StackDataset: none": lambda t, d: d.StackDataset(),
    "StackDataset: positional and keyword": lambda t, d: d.StackDataset(DIGITS, a=DIGITS),
    "StackDataset: two lengths": lambda t, d: d.StackDataset(DIGITS, range(3)),
    "StackDataset: two lengths by keyword": lambda t, d: d.StackDataset(a=DIGITS, b=range(3)),
    "StackDataset: no length": lambda t, d: d.StackDataset(counting(t, 2)),
    "StackDataset: several": lambda t, d: d.StackDataset(DIGITS, "abcdefghij").__getitems__([1, 2]),
    "StackDataset: several by keyword": lambda t, d: d.StackDataset(a=DIGITS).__getitems__([1, 2]),
    "StackDataset: __getitems__": lambda t, d: d.StackDataset(
        with_getitems(t), DIGITS
    ).__getitems__([3]),
    "StackDataset: one lost": lambda t, d: d.StackDataset(with_getitems(t, 1)).__getitems__([3, 4]),
    "StackDataset: one lost by keyword": lambda t, d: d.StackDataset(
        a=with_getitems(t, 1)
    ).__getitems__([3, 4]),
    "ConcatDataset: a slice": lambda t, d: d.ConcatDataset([DIGITS])[0:2],
    "ConcatDataset: a string": lambda t, d: d.ConcatDataset([DIGITS])["a"],
    "ConcatDataset: of a generator": lambda t, d: len(d.ConcatDataset(x for x in [DIGITS] * 2)),
    "ConcatDataset: of a number": lambda t, d: d.ConcatDataset(5),
    "+": lambda t, d: [(tensors(t) + tensors(t))[12], len(tensors(t) + "ab")],
    "+: type": lambda t, d: type(tensors(t) + tensors(t)).__name__,
    "+: a number": lambda t, d: tensors(t) + 5,
    "Subset": lambda t, d: [d.Subset(DIGITS, [3, 1, 4])[i] for i in (0, -1)],
    "Subset: all": lambda t, d: list(d.Subset(DIGITS, [3, 1, 4])),
    "Subset: out of range": lambda t, d: d.Subset(DIGITS, [3])[1],
    "Subset: attributes": lambda t, d: d.Subset("ab", [1]).__dict__,
    "Subset: a list": lambda t, d: d.Subset(tensors(t), [3, 1, 4])[[0, 1]],
    "Subset: a slice": lambda t, d: d.Subset(tensors(t), [3, 1, 4])[1:],
    "Subset: a slice of a dataset without slices": lambda t, d: d.Subset(DIGITS, [3, 1])[0:2],
    "Subset: several": lambda t, d: d.Subset(DIGITS, [3, 1, 4]).__getitems__([0, 2]),
    "Subset: __getitems__": lambda t, d: d.Subset(with_getitems(t), [3, 1]).__getitems__([0, 1]),
    "Subset: of a subset": lambda t, d: list(d.Subset(d.Subset(DIGITS, [3, 1, 4]), [2, 0])),
    "Subset: tensor indices": lambda t, d: d.Subset(tensors(t), t.tensor([2, 3]))[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_matches_pytorch(name: str) -> None:
    check_same(lambda t: PROGRAMS[name](t, t.utils.data))


ASSERTED: dict[str, Callable[[Any, Any], Any]] = {
    "two sizes": lambda t, d: d.TensorDataset(t.ones(2), t.ones(3)),
    "nothing to concatenate": lambda t, d: d.ConcatDataset([]),
    "an iterable dataset in the list": lambda t, d: d.ConcatDataset([DIGITS, counting(t, 3)]),
    "a sum of both kinds": lambda t, d: tensors(t) + counting(t, 3),
    "a chain of both kinds": lambda t, d: list(counting(t, 3) + tensors(t)),
    "the length of a chain of both kinds": lambda t, d: len(counting(t, 3, 3) + tensors(t)),
}


@pytest.mark.parametrize("name", ASSERTED)
def test_assertion_starts_with_pytorchs_message(name: str) -> None:
    words = []
    for namespace in (minigrad, torch):
        with pytest.raises(AssertionError) as error:
            ASSERTED[name](namespace, namespace.utils.data)
        words.append(str(error.value))
    assert words[0].startswith(words[1])
    assert words[1]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(-12, 12))
def test_concat_dataset_at_any_index(lengths: list[int], index: int) -> None:
    def program(t: Any) -> Any:
        parts = [range(10 * i, 10 * i + length) for i, length in enumerate(lengths)]
        both = t.utils.data.ConcatDataset(parts)
        return [len(both), both.cumulative_sizes, both[index]]

    check_same(program)


@given(st.lists(st.integers(-10, 9), max_size=5), st.lists(st.integers(-6, 6), max_size=5))
def test_subset_at_any_index(indices: list[int], wanted: list[int]) -> None:
    def program(t: Any) -> Any:
        subset = t.utils.data.Subset(DIGITS, indices)
        return [len(subset), list(subset), subset.__getitems__(wanted)]

    check_same(program)


def test_subset_that_overrides_only_getitem_is_refused() -> None:
    def program(t: Any) -> Any:
        class Own(t.utils.data.Subset):  # type: ignore[misc, name-defined]
            def __getitem__(self, index: Any) -> Any:
                return "own"

        return Own(DIGITS, [1])

    assert check_same(program).error is not None


def test_subset_that_overrides_both_is_accepted() -> None:
    def program(t: Any) -> Any:
        class Own(t.utils.data.Subset):  # type: ignore[misc, name-defined]
            def __getitem__(self, index: Any) -> Any:
                return "own"

            def __getitems__(self, indices: Any) -> Any:
                return [self[i] for i in indices]

        return list(t.utils.data.DataLoader(Own(DIGITS, [1, 2]), 2))

    assert check_same(program).value is not None


# random_split -------------------------------------------------------------------------------------

SPLITS: dict[str, Any] = {
    "lengths": [3, 7],
    "a tuple": (4, 6),
    "an array": np.array([4, 6]),
    "all": [10],
    "one empty": [0, 10],
    "too few": [3, 3],
    "too many": [8, 8],
    "nothing": [],
    "fractions": [0.3, 0.7],
    "thirds": [1 / 3] * 3,
    "tenths": [0.1] * 10,
    "fractions with samples left over": [0.15, 0.25, 0.6],
    "one fraction": [1.0],
    "one length of 1": [1],
    "fractions too small": [0.3, 0.3],
    "fractions too large": [0.8, 0.8],
    "a negative fraction": [-0.5, 1.5],
    "a fraction above 1": [1.5, -0.5],
    "a length and a fraction": [3, 0.7],
    "an empty part": [0.5, 0.5, 0],
    "a negative length": [-1, 11],
    "None": None,
    "strings": ["a"],
}


def split(t: Any, n: int, lengths: Any) -> Any:
    parts = t.utils.data.random_split(range(n), lengths)
    taken = sorted(i for part in parts for i in part)
    return [[len(part) for part in parts], taken, type(parts[0].indices[0]).__name__]


@pytest.mark.parametrize("name", SPLITS)
def test_splits(name: str) -> None:
    check_same(lambda t: split(t, 10, SPLITS[name]))


@given(st.integers(1, 40), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_split_by_any_fractions(n: int, weights: list[int]) -> None:
    # Their sum may be rounded to just below or above 1.
    fractions = [weight / sum(weights) for weight in weights]
    check_same(lambda t: split(t, n, fractions))


def test_split_of_an_empty_dataset() -> None:
    check_same(lambda t: [len(x) for x in t.utils.data.random_split(range(0), [0.5, 0.5])])
    check_same(lambda t: t.utils.data.random_split(counting(t, 3), [0.5, 0.5]))


def test_float_lengths_are_refused() -> None:
    for namespace in (minigrad, torch):
        with pytest.raises(TypeError, match="randperm"):
            namespace.utils.data.random_split(DIGITS, [10.0])
