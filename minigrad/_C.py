"""Names that programs take from PyTorch's extension module, torch._C, though it is private."""

from __future__ import annotations

from .core.devices import device as device
from .core.overriding import DisableTorchFunctionSubclass as DisableTorchFunctionSubclass
from .core.overriding import no_override as _disabled_torch_function_impl
from .random.generator import Generator as Generator
from .rules.dtypes import dtype as dtype
from .rules.factorisations import LinAlgError as _LinAlgError

__all__ = [
    "DisableTorchFunctionSubclass",
    "Generator",
    "_LinAlgError",
    "_disabled_torch_function_impl",
    "_get_tracing_state",
    "device",
    "dtype",
]


def _get_tracing_state() -> None:
    """Return the state of `jit.trace` at work: None, as it only runs the function."""
    return
