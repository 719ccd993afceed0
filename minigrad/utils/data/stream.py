"""The draws that samplers make: stand-ins until `minigrad.random` has generators."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import random
from ...tensor import wrap

try:
    from ...generator import Generator  # type: ignore[import-not-found, unused-ignore]
    from ...sampling import (  # type: ignore[import-not-found, unused-ignore]
        multinomial,
        randint,
        randperm,
    )
except ImportError:

    class Generator:  # type: ignore[no-redef, unused-ignore]
        def manual_seed(self, seed: int) -> None: ...

    def randperm(n: Any, *, generator: Any = None) -> Any:  # type: ignore[misc, unused-ignore]
        return random.randperm(n)

    def randint(high: Any, size: Any, *, dtype: Any = None, generator: Any = None) -> Any:
        return random.randint(high, size, dtype=dtype)

    def multinomial(weights: Any, n: int, replacement: bool, *, generator: Any = None) -> Any:
        p = weights.numpy() / weights.numpy().sum()
        return wrap(np.random.default_rng().choice(len(p), n, replacement, p))
