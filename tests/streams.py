"""Compare random tensors and generator states with PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without fused multiply-add, PyTorch's own kernels round some numbers differently, by at most the
# bound that minigrad/random/variates.py states.
FUSED = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
WITHOUT_FMA = 3e-6


def state(generator: Any) -> bytes:
    """Return a generator's state as bytes."""
    found: bytes = generator.get_state().numpy().tobytes()
    return found


def same_numbers(ours: Any, theirs: Any) -> bool:
    """Tell whether two Tensors have the same dtype, shape, layout and bits."""
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    if a.size and _steps(ours) != _steps(theirs):
        return False
    if FUSED or a.dtype.kind != "f":
        return a.tobytes() == b.tobytes()
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    return bool((np.abs(a - b) <= WITHOUT_FMA * scale).all())


def _steps(x: Any) -> list[int]:
    """Return the strides, except those of dimensions of size 1, which have no effect."""
    return [step for step, size in zip(x.stride(), x.shape, strict=True) if size > 1]
