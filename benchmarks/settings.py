"""The settings of a benchmark run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BenchmarkSettings:
    """How long to measure, in which setup, and what.

    - `rounds`: the number of turns of each engine.
    - `seconds`: the approximate length of a turn; parts with many cases use a fraction of it.
    - `threads`: the number of threads of each library.
    - `dtype`: "float32" or "float64".
    - `engines`: the optional engines, by the names that `--with` takes.
    - `ops`: the rules that the part "ops" measures; empty for all.
    - `quick`: a smoke run with small cases and few rounds. Its numbers mean nothing.
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
