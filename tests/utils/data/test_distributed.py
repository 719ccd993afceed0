"""DistributedSampler gives PyTorch's indices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad
from minigrad.utils.data import DistributedSampler


@given(
    samples=st.integers(0, 40),
    replicas=st.integers(1, 7),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 2**40),
    epochs=st.lists(st.integers(0, 1000), max_size=3),
)
def test_the_indices_are_pytorchs(
    samples: int, replicas: int, shuffle: bool, drop_last: bool, seed: int, epochs: list[int]
) -> None:
    for rank in range(replicas):
        found, expected = (
            [len(sampler), *every_epoch(sampler, epochs)]
            for sampler in (
                library(range(samples), replicas, rank, shuffle, seed, drop_last)
                for library in (DistributedSampler, torch.utils.data.DistributedSampler)
            )
        )
        assert found == expected


def every_epoch(sampler: object, epochs: list[int]) -> list[object]:
    found: list[object] = []
    for epoch in (None, *epochs):
        if epoch is not None:
            sampler.set_epoch(epoch)
        try:
            found.append(list(sampler))
        except Exception as error:
            found.append(type(error))
    return found


def test_mistakes() -> None:
    for rank in (-1, 2):
        with pytest.raises(ValueError, match=rf"Invalid rank {rank}.*\[0, 1\]"):
            DistributedSampler(range(3), 2, rank)
    with pytest.raises(ValueError, match="has not been initialized"):
        DistributedSampler(range(3))
    assert minigrad.utils.data.distributed.DistributedSampler is DistributedSampler
