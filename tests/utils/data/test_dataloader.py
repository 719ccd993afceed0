"""utils/data/dataloader.py: batches, lengths, arguments and errors, compared with PyTorch's."""

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

from tests.utils.data.test_dataset import DIGITS, counting


def pairs(t: Any, n: int = 5) -> Any:
    return t.utils.data.TensorDataset(t.arange(2.0 * n).reshape(n, 2), t.arange(n))


def everything(iterator: Iterator[Any], at_most: int = 50) -> list[Any]:
    """Return an iterator's items, with the names of errors, up to two `stop`s in a row."""
    log: list[Any] = []
    while len(log) < at_most:
        try:
            log.append(next(iterator))
        except StopIteration:
            log.append("stop")
            if log[-2:] == ["stop", "stop"]:
                return log
        except Exception as error:
            log.append(type(error).__name__)
    return log


# Batches ------------------------------------------------------------------------------------------

SIZES = st.none() | st.integers(1, 7)


@given(st.integers(0, 12), SIZES, st.booleans(), st.sampled_from(["map", "iterable", "length"]))
def test_batches_and_their_number(
    n: int, batch_size: int | None, drop_last: bool, kind: str
) -> None:
    def program(t: Any) -> Any:
        data = range(n) if kind == "map" else counting(t, n, n if kind == "length" else None)
        loader = t.utils.data.DataLoader(data, batch_size, drop_last=drop_last)
        found = [everything(iter(loader)) for _ in range(2)]
        if kind == "iterable":
            return found
        return [*found, len(loader), len(list(loader))]

    check_same(program)


INDEX_LISTS = st.lists(st.lists(st.integers(-3, 12), max_size=3), max_size=4)


@given(INDEX_LISTS)
def test_batch_sampler(batches: list[list[int]]) -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(pairs(t, 10), batch_sampler=batches)
        return [everything(iter(loader)), len(loader)]

    check_same(program)


@given(st.lists(st.integers(-3, 12), max_size=8), SIZES, st.booleans())
def test_sampler(indices: list[int], batch_size: int | None, drop_last: bool) -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(
            pairs(t, 10), batch_size, sampler=indices, drop_last=drop_last
        )
        return [everything(iter(loader)), len(loader)]

    check_same(program)


@given(st.integers(1, 12), SIZES, st.booleans())
def test_shuffling_gives_every_sample_once(n: int, batch_size: int | None, drop_last: bool) -> None:
    data = minigrad.utils.data
    drop_last = drop_last and batch_size is not None
    loader = data.DataLoader(minigrad.arange(n), batch_size, shuffle=True, drop_last=drop_last)
    for _ in range(2):
        batches = [batch.reshape(-1).tolist() for batch in loader]
        samples = [x for batch in batches for x in batch]
        assert len(batches) == len(loader)
        assert len(set(samples)) == len(samples)
        assert len(samples) == (n - n % batch_size if drop_last and batch_size else n)


def test_interleaved_passes_are_independent() -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(DIGITS, 2)
        first, second = iter(loader), iter(loader)
        return [next(first), next(first), next(second), next(first), next(second)]

    check_same(program)


def failing(t: Any, iterable: bool) -> Any:
    """Make a dataset with one sample that raises."""

    class Failing(t.utils.data.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> int:
            if index == 1:
                raise KeyError(index)
            return index

    class Source:
        """An iterator that continues after an error and after its end."""

        count = -1

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> int:
            self.count += 1
            if self.count in (5, 9):
                raise StopIteration
            return Failing()[self.count]

    class FailingStream(t.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Any:
            return Source()

    return FailingStream() if iterable else Failing()


@pytest.mark.parametrize("iterable", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_error_in_a_batch_does_not_end_the_pass(
    iterable: bool, batch_size: int | None, drop_last: bool
) -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(
            failing(t, iterable), batch_size, drop_last=drop_last and batch_size is not None
        )
        return everything(iter(loader))

    assert "KeyError" in check_same(program).value[1]


@given(st.integers(0, 7), st.integers(0, 7), SIZES)
def test_iterable_with_a_wrong_length(n: int, length: int, size: int | None) -> None:
    def program(t: Any) -> Any:
        loader = t.utils.data.DataLoader(counting(t, n, length), size)
        return [list(loader), len(loader), list(loader)]

    check_same(program)


# Arguments ----------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "batch_size": st.sampled_from([1, 2, None, 0, -1, 2.0, True, np.int64(2), "a"]),
    "shuffle": st.sampled_from([None, False, 0]),
    "sampler": st.sampled_from([None, [1, 2, 3], 5]),
    "batch_sampler": st.sampled_from([None, [[1], [2, 3]], 5]),
    "drop_last": st.sampled_from([False, True, 1, None]),
    "num_workers": st.sampled_from([0, 0.0, -1, "a"]),
    "timeout": st.sampled_from([0, -1, None]),
    "prefetch_factor": st.sampled_from([None, 2, -1]),
    "persistent_workers": st.booleans(),
    "multiprocessing_context": st.sampled_from([None, "fork"]),
    "collate_fn": st.sampled_from([None, sum, 5]),
    "in_order": st.booleans(),
}


@given(
    st.sampled_from(sorted(ORDER)).flatmap(
        lambda a: st.sampled_from(sorted(ORDER)).flatmap(
            lambda b: st.fixed_dictionaries({a: ORDER[a], b: ORDER[b]})
        )
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_two_options(options: dict[str, Any], iterable: bool, shuffle: bool) -> None:
    def program(t: Any) -> Any:
        data = counting(t, 5) if iterable else DIGITS
        order = {"shuffle": True} if shuffle else {}
        loader = t.utils.data.DataLoader(data, **(options | order))
        if shuffle:
            return [loader.batch_size, loader.drop_last]
        return list(loader)

    check_same(program)


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "no dataset": lambda t, d: d.DataLoader(),
    "an unknown argument": lambda t, d: d.DataLoader(DIGITS, nope=5),
    "too many by position": lambda t, d: d.DataLoader(DIGITS, *[None] * 14),
    "by position": lambda t, d: list(d.DataLoader(DIGITS, 4, False, None, None, 0, max, False)),
    "a dataset without length": lambda t, d: list(d.DataLoader(5)),
    "without length, unbatched": lambda t, d: iter(d.DataLoader(5, None)),
    "without length, shuffled": lambda t, d: d.DataLoader(5, shuffle=True),
    "without length, with a sampler": lambda t, d: list(
        d.DataLoader({3: 1.5}, sampler=[3, 3], batch_size=2)
    ),
    "without length, its length": lambda t, d: len(d.DataLoader(counting(t, 3))),
    "the iterator's length": lambda t, d: len(iter(d.DataLoader(DIGITS, 4))),
    "iter() of the iterator": lambda t, d: [(i := iter(d.DataLoader(DIGITS))) is iter(i)],
    "empty": lambda t, d: list(d.DataLoader([])),
    "empty, shuffled": lambda t, d: d.DataLoader([], shuffle=True),
    "a list": lambda t, d: list(d.DataLoader([(1, "a"), (2, "b")], 2)),
    "a dictionary": lambda t, d: list(d.DataLoader({0: 1, 1: 2})),
    "a tensor": lambda t, d: list(d.DataLoader(t.arange(5), 2)),
    "arrays, unbatched": lambda t, d: list(d.DataLoader([np.ones(1), (1, "a")], None)),
    "a collate_fn": lambda t, d: list(d.DataLoader(DIGITS, 3, collate_fn=sum)),
    "a collate_fn, unbatched": lambda t, d: list(d.DataLoader(DIGITS, None, collate_fn=str)),
    "a sampler of lists": lambda t, d: list(d.DataLoader(pairs(t), None, sampler=[[1, 2], [3]])),
    "a sampler that is an iterator": lambda t, d: list(
        d.DataLoader(DIGITS, 2, sampler=iter([1, 2, 3]))
    ),
    "a sampler without length": lambda t, d: len(d.DataLoader(DIGITS, sampler=iter([1]))),
    "batches in tuples": lambda t, d: list(d.DataLoader(DIGITS, batch_sampler=[(1, 2), (3,)])),
    "collate_fn is read at iter()": lambda t, d: [
        loader := d.DataLoader(DIGITS, 3, collate_fn=sum),
        iterator := iter(loader),
        setattr(loader, "collate_fn", max),
        list(iterator),
        list(loader),
    ][3:],
    "subscripts": lambda t, d: [d.DataLoader[int] is not None],
    "worker info": lambda t, d: d.get_worker_info(),
    "shuffle with an iterable": lambda t, d: d.DataLoader(counting(t, 3), shuffle=5),
    "a true value for shuffle": lambda t, d: type(d.DataLoader(DIGITS, shuffle=5).sampler).__name__,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_matches_pytorch(name: str) -> None:
    check_same(lambda t: PROGRAMS[name](t, t.utils.data))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 3},
        {"batch_size": None},
        {"sampler": [1, 2]},
        {"batch_sampler": [[1, 2]]},
        {"drop_last": True, "shuffle": True},
        {"collate_fn": max, "in_order": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("iterable", [False, True])
def test_attributes(options: dict[str, Any], iterable: bool) -> None:
    def program(t: Any) -> Any:
        data = counting(t, 5) if iterable else DIGITS
        loader = t.utils.data.DataLoader(data, **options)
        simple = ["batch_size", "drop_last", "num_workers", "timeout", "pin_memory", "in_order"]
        simple += ["generator", "prefetch_factor", "persistent_workers", "pin_memory_device"]
        simple += ["multiprocessing_context", "worker_init_fn"]
        kinds = [type(x).__name__ for x in (loader.dataset, loader.batch_sampler)]
        return [getattr(loader, name) for name in simple] + kinds + [loader.collate_fn.__name__]

    check_same(program)


ATTRIBUTES = ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "num_workers"]
ATTRIBUTES += ["collate_fn", "timeout", "generator", "persistent_workers", "other"]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_that_samplers_depend_on_are_read_only(name: str) -> None:
    def program(t: Any) -> Any:
        class Own(t.utils.data.DataLoader):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.batch_size = 99  # allowed before the constructor ran
                super().__init__(DIGITS)

        loader = Own()
        setattr(loader, name, None)
        return loader.batch_size

    check_same(program)


def test_worker_init_fn_is_not_called_without_workers() -> None:
    def fails(worker: int) -> None:
        raise AssertionError(worker)

    for namespace in (minigrad, torch):
        loader = namespace.utils.data.DataLoader(DIGITS, worker_init_fn=fails)
        assert len(list(loader)) == len(DIGITS)


def test_pass_through_an_iterable_has_no_length() -> None:
    for namespace in (minigrad, torch):
        with pytest.raises(TypeError, match="has no len"):
            len(iter(namespace.utils.data.DataLoader(counting(namespace, 3, 3))))


def test_timeout_is_refused_as_in_pytorch() -> None:
    for namespace in (minigrad, torch):
        loader = namespace.utils.data.DataLoader(DIGITS, timeout=3)
        with pytest.raises(AssertionError, match="timeout == 0"):
            iter(loader)
