"""utils/data: from the same seed, PyTorch's random order and generator states, draw by draw."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import check_same

torch = pytest.importorskip("torch")


SEEDS = st.integers(0, 2**63)


class Recorder:
    """A log of values, each with the states of the default generator and of a second one."""

    def __init__(self, t: Any, seed: int) -> None:
        t.manual_seed(seed)
        self.generator = t.Generator().manual_seed(seed // 3)
        self._t = t
        self.log: list[Any] = []

    def write(self, value: Any) -> None:
        states = self._t.get_rng_state(), self.generator.get_state()
        self.log.append([value, *(state.numpy().tobytes().hex() for state in states)])

    def all_of(self, iterator: Iterator[Any], at_most: int = 1000) -> None:
        """Log each value up to the end, or `at_most` values, as after a `break`."""
        for _ in range(at_most):
            try:
                self.write(next(iterator))
            except StopIteration:
                break
        else:
            return
        with pytest.raises(StopIteration):
            next(iterator)
        self.write("end")


# Each makes a sampler of n samples, with a generator or None.
SAMPLERS: dict[str, Callable[[Any, int, Any], Any]] = {
    "sequential": lambda d, n, g: d.SequentialSampler(range(n)),
    "random": lambda d, n, g: d.RandomSampler(range(n), generator=g),
    "fewer": lambda d, n, g: d.RandomSampler(range(n), num_samples=max(n - 2, 1), generator=g),
    "several permutations": lambda d, n, g: d.RandomSampler(
        range(n), num_samples=2 * n, generator=g
    ),
    "permutations and a part": lambda d, n, g: d.RandomSampler(
        range(n), num_samples=2 * n + 1, generator=g
    ),
    "replacement": lambda d, n, g: d.RandomSampler(range(n), True, generator=g),
    "75 with replacement": lambda d, n, g: d.RandomSampler(range(n), True, 75, generator=g),
    "64 with replacement": lambda d, n, g: d.RandomSampler(range(n), True, 64, generator=g),
    "of many samples": lambda d, n, g: d.RandomSampler(range(2**30), True, 5, generator=g),
    "a subset": lambda d, n, g: d.SubsetRandomSampler(range(0, n, 2), g),
    "weights": lambda d, n, g: d.WeightedRandomSampler(range(1, n + 1), 7, generator=g),
    "weights, one sample": lambda d, n, g: d.WeightedRandomSampler(range(1, n + 1), 1, False, g),
    "weights, without replacement": lambda d, n, g: d.WeightedRandomSampler(
        range(1, n + 1), n, False, g
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=15)
@given(SEEDS, st.integers(1, 12), st.booleans())
def test_samplers_draw_pytorchs_numbers(name: str, seed: int, n: int, with_generator: bool) -> None:
    def program(t: Any) -> Any:
        recorder = Recorder(t, seed)
        sampler = SAMPLERS[name](t.utils.data, n, recorder.generator if with_generator else None)
        for _ in range(2):
            iterator = iter(sampler)
            recorder.write("started")
            recorder.all_of(iterator)
        return recorder.log

    check_same(program)


@given(
    st.sampled_from(["unshuffled", "shuffled", *sorted(SAMPLERS)]),
    SEEDS,
    st.integers(1, 12),
    st.none() | st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 4),
)
def test_loaders_draw_pytorchs_numbers(
    name: str,
    seed: int,
    n: int,
    batch_size: int | None,
    drop_last: bool,
    with_generator: bool,
    sampler_with_generator: bool,
    break_after: int,
) -> None:
    def program(t: Any) -> Any:
        data, recorder = t.utils.data, Recorder(t, seed)
        dataset = data.TensorDataset(t.arange(n), t.arange(2.0 * n).reshape(n, 2))
        order: dict[str, Any] = {"shuffle": name == "shuffled"}
        if name in SAMPLERS:
            dataset = range(2**30)  # large enough for every sampler
            order = {
                "sampler": SAMPLERS[name](
                    data, n, recorder.generator if sampler_with_generator else None
                )
            }
        loader = data.DataLoader(
            dataset,
            batch_size,
            drop_last=drop_last and batch_size is not None,
            generator=recorder.generator if with_generator else None,
            **order,
        )
        recorder.write("made")
        for at_most in (1000, break_after, 1000):
            iterator = iter(loader)
            recorder.write("started")
            recorder.all_of(iterator, at_most)
        return recorder.log

    check_same(program)


@given(SEEDS, st.integers(0, 7), st.none() | st.integers(1, 3), st.booleans())
def test_dataset_that_draws(seed: int, n: int, batch_size: int | None, iterable: bool) -> None:
    def program(t: Any) -> Any:
        data, recorder = t.utils.data, Recorder(t, seed)

        class Noise(data.Dataset):  # type: ignore[misc, name-defined]
            def __len__(self) -> int:
                return n

            def __getitem__(self, index: int) -> Any:
                return t.randn(2) + index

        class NoiseStream(data.IterableDataset):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Any:
                return (t.rand(2) + i for i in t.randperm(n).tolist())

        shuffle = {} if iterable or n == 0 else {"shuffle": True}
        loader = data.DataLoader(NoiseStream() if iterable else Noise(), batch_size, **shuffle)
        for _ in range(2):
            iterator = iter(loader)
            recorder.write("started")
            recorder.all_of(iterator)
        return recorder.log

    check_same(program)


@pytest.mark.parametrize("batch_size", [None, 1])
def test_pass_that_fails_to_start_draws_nothing(batch_size: int | None) -> None:
    def program(t: Any) -> Any:
        recorder = Recorder(t, 0)
        loader = t.utils.data.DataLoader(5, batch_size)  # which has no length
        with contextlib.suppress(TypeError):
            iter(loader)
        recorder.write("refused" if batch_size is None else "started")
        return recorder.log

    check_same(program)


@given(SEEDS, st.lists(st.integers(0, 6), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_splits_draw_pytorchs_numbers(
    seed: int, lengths: list[int], fractions: bool, with_generator: bool
) -> None:
    n = sum(lengths)

    def program(t: Any) -> Any:
        recorder = Recorder(t, seed)
        # Powers of two sum to 1 exactly.
        parts = [0.5**i for i in range(1, len(lengths))] + [0.5 ** (len(lengths) - 1)]
        sizes = parts if fractions else lengths
        generator = recorder.generator if with_generator else None
        subsets = t.utils.data.random_split(range(n), sizes, generator=generator)
        recorder.write([subset.indices for subset in subsets])
        return recorder.log

    check_same(program)


# A program ----------------------------------------------------------------------------------------

PROGRAM = """
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

torch.manual_seed({seed})
inputs = torch.randn(30, 2)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
train, test = random_split(TensorDataset(inputs, labels), [0.8, 0.2])
model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
measure = torch.nn.CrossEntropyLoss()
for epoch in range(3):
    for x, y in DataLoader(train, batch_size=5, shuffle=True, drop_last=True):
        optimizer.zero_grad()
        loss = measure(model(x), y)
        loss.backward()
        optimizer.step()
    print(epoch, f"{{loss.item():.4f}}", y.tolist(), x[0])
right = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(test, batch_size=4))
print(right, len(test), test.indices)
"""


def printed(program: str, library: str) -> str:
    """Return what a program prints when only its imports are changed."""
    lines = program.replace("import torch\n", f"import {library} as torch\n")
    lines = lines.replace("from torch.", f"from {library}.")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(lines, "<program>", "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("seed", range(5))
def test_same_order_when_only_the_import_is_changed(seed: int) -> None:
    program = PROGRAM.format(seed=seed)
    assert printed(program, "minigrad") == printed(program, "torch")
