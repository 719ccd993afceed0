"""The Hurwitz zeta function for numbers of any size, compared with PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import minigrad
from minigrad.rules.dtypes import SUPPORTED

SIZES = st.integers(-20, 300).map(lambda n: 10.0**n)
NUMBERS = st.one_of(st.floats(-5, 50), SIZES, SIZES.map(lambda x: -x), st.just(np.inf))
FLOATS = [d.name for d in SUPPORTED if d.is_floating_point and d.itemsize > 2]


@pytest.mark.parametrize("dtype", FLOATS)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_zeta_of_numbers_of_any_size(dtype: str, pairs: list[tuple[float, float]]) -> None:
    with np.errstate(over="ignore"):
        x, q = np.array(pairs).astype(dtype).T
    ours = minigrad.special.zeta(minigrad.from_numpy(x.copy()), minigrad.from_numpy(q.copy()))
    theirs = torch.special.zeta(torch.from_numpy(x.copy()), torch.from_numpy(q.copy()))
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(
        ours.numpy(), theirs.numpy(), rtol=4 * np.finfo(dtype).eps, atol=2 * tiny
    )
