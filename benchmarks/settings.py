"""What a run of the benchmarks is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Settings:
    """How often, how long, on how many threads, in which dtype, and what besides the usual.

    - `rounds`: how often each engine has its turn.
    - `seconds`: how long a turn lasts, about; parts that have many cases take a part of it.
    - `threads`: how many each library may use.
    - `dtype`: "float32" or "float64".
    - `engines`: those that are not always there, by the names of `--with`.
    - `ops`: the rules that the part "ops" is about; all if empty.
    - `quick`: a smoke run, of small cases and few rounds, which measures nothing.
    """

    rounds: int = 15
    seconds: float = 0.02
    threads: int = 1
    dtype: str = "float32"
    engines: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    quick: bool = False

    @property
    def numpy_dtype(self) -> np.dtype:
        return np.dtype(self.dtype)
