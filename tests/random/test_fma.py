"""random/fma.py: one rounding, compared with exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.random.fma import fma

FACTORS = st.lists(st.floats(0, 1), min_size=1, max_size=20)
NUMBERS = st.floats(-1e280, 1e280)


@given(FACTORS, NUMBERS, NUMBERS)
def test_doubles_are_rounded_once(a: list[float], b: float, c: float) -> None:
    a = [x for x in a if x == 0 or x > 1e-10]
    if 0 < abs(b) < 1e-280 or 0 < abs(c) < 1e-280:
        return  # subnormal intermediate results are not exact
    exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a]
    assert fma(np.array(a), b, c).tolist() == exact
