"""PyTorch's CPU random stream, under the names of torch.random: the same seed gives the same
numbers. It imports `rules` and `core`. Read `generator.py` (a stream of 32-bit words),
`variates.py` (numbers from words; `fma.py` rounds them as PyTorch does), `sampling.py` (random
tensors, and methods that fill a tensor), then `seeding.py` (the default generator's seed and
state).
"""

from __future__ import annotations

from .seeding import (
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]
