"""Names that programs take from PyTorch's extension module, torch._C, though it is private."""

from __future__ import annotations

from .core.devices import device as device
from .random.generator import Generator as Generator
from .rules.dtypes import dtype as dtype
from .rules.factorisations import LinAlgError as _LinAlgError

__all__ = ["Generator", "_LinAlgError", "device", "dtype"]
