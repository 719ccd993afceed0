"""utils/data/sampler.py: arguments, lengths and indices, compared with PyTorch's.

test_random_order.py tests the random orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

DIGITS = range(10)


def settings(sampler: Any) -> list[Any]:
    return [sampler.num_samples, sampler.replacement, sampler.generator is None, len(sampler)]


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "Sampler: no __iter__": lambda t, d: iter(d.Sampler()),
    "Sampler: no length": lambda t, d: len(d.Sampler()),
    "Sampler: no arguments": lambda t, d: d.Sampler(5),
    "subscripts": lambda t, d: [d.Sampler[int] is not None],
    "SequentialSampler": lambda t, d: list(d.SequentialSampler("abc")),
    "SequentialSampler: attributes": lambda t, d: d.SequentialSampler("abc").__dict__,
    "SequentialSampler: no length": lambda t, d: iter(d.SequentialSampler(5)),
    "RandomSampler": lambda t, d: settings(d.RandomSampler(DIGITS)),
    "RandomSampler: more": lambda t, d: settings(d.RandomSampler(DIGITS, True, 25)),
    "RandomSampler: empty": lambda t, d: d.RandomSampler(range(0)),
    "RandomSampler: none": lambda t, d: d.RandomSampler(DIGITS, num_samples=0),
    "RandomSampler: a negative number": lambda t, d: d.RandomSampler(DIGITS, num_samples=-1),
    "RandomSampler: a float": lambda t, d: d.RandomSampler(DIGITS, num_samples=1.5),
    "RandomSampler: NumPy's int": lambda t, d: d.RandomSampler(DIGITS, num_samples=np.int64(3)),
    "RandomSampler: a bool": lambda t, d: settings(d.RandomSampler(DIGITS, num_samples=True)),
    "RandomSampler: 1 for replacement": lambda t, d: d.RandomSampler(DIGITS, replacement=1),
    "RandomSampler: no length": lambda t, d: d.RandomSampler(5),
    "RandomSampler: of an empty string": lambda t, d: list(d.RandomSampler("", num_samples=3)),
    "SubsetRandomSampler": lambda t, d: d.SubsetRandomSampler([4, 5]).__dict__,
    "SubsetRandomSampler: all": lambda t, d: sorted(d.SubsetRandomSampler([4, 5, 4])),
    "SubsetRandomSampler: length": lambda t, d: len(d.SubsetRandomSampler([4, 5])),
    "SubsetRandomSampler: empty": lambda t, d: list(d.SubsetRandomSampler([])),
    "SubsetRandomSampler: letters": lambda t, d: sorted(d.SubsetRandomSampler("abc")),
    "SubsetRandomSampler: a tensor": lambda t, d: list(d.SubsetRandomSampler(t.tensor([7]))),
    "SubsetRandomSampler: a number": lambda t, d: list(d.SubsetRandomSampler(5)),
    "WeightedRandomSampler": lambda t, d: settings(d.WeightedRandomSampler([1, 2], 3)),
    "WeightedRandomSampler: one": lambda t, d: list(d.WeightedRandomSampler([0.0, 2.0, 0.0], 3)),
    "WeightedRandomSampler: weights": lambda t, d: d.WeightedRandomSampler((1, 2), 3).weights,
    "WeightedRandomSampler: a tensor": lambda t, d: d.WeightedRandomSampler(t.ones(2), 3).weights,
    "WeightedRandomSampler: an array": lambda t, d: d.WeightedRandomSampler(np.ones(2), 3).weights,
    "WeightedRandomSampler: none": lambda t, d: d.WeightedRandomSampler([1], 0),
    "WeightedRandomSampler: a float": lambda t, d: d.WeightedRandomSampler([1], 1.5),
    "WeightedRandomSampler: a bool": lambda t, d: d.WeightedRandomSampler([1], True),
    "WeightedRandomSampler: 1 for replacement": lambda t, d: d.WeightedRandomSampler(
        [1], 1, replacement=1
    ),
    "WeightedRandomSampler: a matrix": lambda t, d: d.WeightedRandomSampler([[1.0]], 1),
    "WeightedRandomSampler: a number": lambda t, d: d.WeightedRandomSampler(3.0, 1),
    "WeightedRandomSampler: text": lambda t, d: d.WeightedRandomSampler("ab", 1),
    "WeightedRandomSampler: no weights": lambda t, d: len(d.WeightedRandomSampler([], 1)),
    "BatchSampler: attributes": lambda t, d: d.BatchSampler([1, 2], 2, False).__dict__,
    "BatchSampler: empty": lambda t, d: [list(d.BatchSampler([], 2, x)) for x in (False, True)],
    "BatchSampler: an iterator": lambda t, d: list(d.BatchSampler(iter([1, 2, 3]), 2, False)),
    "BatchSampler: no length": lambda t, d: len(d.BatchSampler(iter([1, 2, 3]), 2, False)),
    "BatchSampler: a number": lambda t, d: list(d.BatchSampler(5, 2, False)),
    "BatchSampler: no drop_last": lambda t, d: d.BatchSampler([1, 2], 2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_matches_pytorch(name: str) -> None:
    check_same(lambda t: PROGRAMS[name](t, t.utils.data))


ODD = st.sampled_from([None, True, 2.0, "a", [2], np.int64(2), np.True_, 0, -1])


@given(st.integers(0, 9), st.integers(1, 10) | ODD, st.booleans() | ODD)
def test_batch_sampler_with_any_arguments(n: int, batch_size: Any, drop_last: Any) -> None:
    def program(t: Any) -> Any:
        sampler = t.utils.data.BatchSampler(range(n), batch_size, drop_last)
        return [list(sampler), list(sampler), len(sampler)]

    check_same(program)


@given(st.integers(1, 9), st.integers(1, 80))
def test_random_sampler_gives_whole_permutations_then_a_part(n: int, num_samples: int) -> None:
    order = list(minigrad.utils.data.RandomSampler(range(n), num_samples=num_samples))
    assert len(order) == num_samples
    for start in range(0, num_samples, n):
        part = order[start : start + n]
        assert len(set(part)) == len(part) == min(n, num_samples - start)
        assert set(part) <= set(range(n))


@given(st.integers(1, 9), st.integers(1, 80))
def test_random_sampler_with_replacement_gives_valid_indices(n: int, num_samples: int) -> None:
    sampler = minigrad.utils.data.RandomSampler(range(n), True, num_samples)
    order = list(sampler)
    assert len(order) == len(sampler) == num_samples
    assert set(order) <= set(range(n))


def test_length_follows_the_data() -> None:
    def program(t: Any) -> Any:
        data = [1, 2]
        samplers = t.utils.data.RandomSampler(data), t.utils.data.SequentialSampler(data)
        data.append(3)
        return [[len(sampler), sorted(sampler)] for sampler in samplers]

    check_same(program)
