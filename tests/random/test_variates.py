"""random/variates.py: PyTorch's numbers, in blocks, at the ends of a range and without FMA."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import WITHOUT_FMA, same_numbers, state
from twins import torch

import minigrad
from minigrad.random import variates


@pytest.mark.parametrize("n", [16, 17, 100, 65_536, 100_001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["rand", "randn"])
def test_long_arrays_are_pytorchs(name: str, dtype: str, n: int) -> None:
    results = []
    for t in (minigrad, torch):
        t.manual_seed(n)
        results.append(getattr(t, name)(n, dtype=getattr(t, dtype)))
    assert same_numbers(*results)
    assert state(minigrad.default_generator) == state(torch.default_generator)


@given(st.integers(0, 2**32 - 1))
def test_uniform_excludes_the_upper_bound(seed: int) -> None:
    low, high = 1.0, float(np.nextafter(np.float32(1), np.float32(2)))
    g = minigrad.Generator().manual_seed(seed)
    values = variates.uniforms_between(g, 50, np.dtype(np.float32), low, high)
    assert (values == 1).all()


def test_pytorch_without_fma_is_within_the_documented_bound() -> None:
    script = (
        "import sys, numpy as np, torch; torch.manual_seed(0); torch.set_num_threads(1)\n"
        "x = torch.randn(40000), torch.empty(40000).uniform_(-0.3, 0.6)\n"
        "np.save(sys.stdout.buffer, torch.stack(x).numpy())"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        check=True,
    )
    normal, uniform = np.load(io.BytesIO(found.stdout))
    minigrad.manual_seed(0)
    assert np.abs(minigrad.randn(40000).numpy() - normal).max() <= WITHOUT_FMA
    ours = minigrad.empty(40000).uniform_(-0.3, 0.6).numpy()
    assert np.abs(ours - uniform).max() <= np.spacing(np.float32(0.6))
