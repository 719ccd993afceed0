"""`DistributedSampler`: each rank's share of the indices of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Any

from ...distributed.world import get_rank, get_world_size
from ...random.generator import Generator
from ...random.sampling import randperm
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index of `dataset`, from the index `rank` on.

    By default both come from the process group. With `shuffle`, the indices are permuted first, by
    a generator with the seed `seed` + the number given to `set_epoch`; so all ranks use the same
    permutation. All shares have the same length: indices from the start are repeated for this, or
    those at the end are left out with `drop_last`. ValueError for a rank that doesn't exist.

    >>> list(DistributedSampler("abcde", num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    dataset: Sized

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = get_world_size() if num_replicas is None else num_replicas
        self.rank = get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"Invalid rank {self.rank}, rank should be in the interval "
                f"[0, {self.num_replicas - 1}]"
            )
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.epoch = 0
        samples: Any = len(dataset)
        if drop_last and samples % self.num_replicas:
            samples -= self.num_replicas
        self.num_samples = math.ceil(samples / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        samples = len(self.dataset)
        indices = list(range(samples))
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = randperm(samples, generator=generator).tolist()
        if not self.drop_last and samples:
            indices *= math.ceil(self.total_size / samples)
        indices = indices[: self.total_size]
        if len(indices) != self.total_size:
            raise AssertionError(
                f"Number of indices ({len(indices)}) does not match total_size ({self.total_size})"
            )
        return iter(indices[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation of an epoch. Without it, all epochs have the same one."""
        self.epoch = epoch
