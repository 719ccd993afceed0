"""Mixed precision under the names of torch.amp: disabled, as for a GPU in a CPU build of PyTorch.

A training loop written for a GPU runs as if `autocast` and `GradScaler` weren't there. Enabled on
the CPU, they are refused: no op is converted to a smaller dtype behind the
program's back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .core.devices import device as _device
from .core.warning import warn as _warn
from .rules import dtypes as _dtypes

__all__ = ["GradScaler", "autocast", "is_autocast_available"]


def is_autocast_available(device_type: str) -> bool:
    """Return whether `autocast` can be enabled on a device: False on every one."""
    _device(device_type)
    return False


class autocast:
    """A context manager and decorator that changes nothing.

    It warns and is disabled for "cuda", and for a dtype in which the CPU can't compute.
    NotImplementedError if it would be enabled on the CPU.

    >>> with minigrad.amp.autocast("cpu", enabled=False):
    ...     (minigrad.ones(2) * 2).dtype
    torch.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: _dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            kind = type(device_type).__name__
            raise ValueError(f"Expected `device_type` of type `str`, got: `{kind}`")
        self.device = _device(device_type).type
        usual = _dtypes.bfloat16 if self.device == "cpu" else _dtypes.float16
        self.fast_dtype = usual if dtype is None else dtype
        if enabled and self.device == "cuda":
            _warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning
            )
        elif enabled and self.fast_dtype not in (_dtypes.bfloat16, _dtypes.float16):
            _warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. "
                f"Disabling autocast.\n{self.device.upper()} Autocast only supports dtypes of "
                "torch.bfloat16, torch.float16 currently.",
                UserWarning,
            )
        elif enabled:
            raise NotImplementedError(
                f"autocast('{device_type}', dtype={self.fast_dtype}) is not implemented: pass "
                "enabled=False, and convert the model and its input, for example by .half()"
            )
        self._enabled = False

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


class GradScaler:
    """A scaler of losses that is disabled, so that it returns losses and calls optimisers as is.

    It warns for "cuda" unless `enabled` is false. NotImplementedError if it would be enabled on the
    CPU.

    >>> w = minigrad.ones(1, requires_grad=True)
    >>> optimizer, scaler = optim.SGD([w], lr=0.1), minigrad.amp.GradScaler(enabled=False)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if enabled and device == "cuda":
            _warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
            )
        elif enabled:
            raise NotImplementedError(
                f"GradScaler('{device}') is not implemented: pass enabled=False"
            )

    def scale(self, outputs: Any) -> Any:
        """Return the outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Do nothing: the gradients aren't scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `optimizer.step` with the other arguments, and return what it returns."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Do nothing: the scale stays 1."""

    def get_scale(self) -> float:
        """Return the scale: 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Return whether the scaler is enabled: False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return the state: an empty dict."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Ignore a state, as a disabled scaler does."""
