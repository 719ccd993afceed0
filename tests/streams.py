"""Two generators side by side, minigrad's and PyTorch's: do they draw the same?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Where PyTorch's kernels have no fused multiply-add, it rounds some numbers otherwise itself, and
# the bound is the one that minigrad/distributions.py names.
FUSED = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
WITHOUT_FMA = 3e-6


def state(generator: Any) -> bytes:
    """The bytes of a generator's state."""
    found: bytes = generator.get_state().numpy().tobytes()
    return found


def same_numbers(ours: Any, theirs: Any) -> bool:
    """Whether two Tensors agree in dtype, shape, layout and, to the bit, in their elements."""
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
    """The strides, but for dimensions of size 1, along which nobody steps."""
    return [step for step, size in zip(x.stride(), x.shape, strict=True) if size > 1]
