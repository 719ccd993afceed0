"""The grad modes, under their names in torch.autograd.grad_mode."""

from __future__ import annotations

from contextlib import ContextDecorator

from ..core.grad_mode import enable_grad, no_grad, set_grad_enabled
from ..core.inference import inference_mode

__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class _Multithreading:
    enabled = True


class set_multithreading_enabled(ContextDecorator):
    """Let `backward` use a thread for each GPU, or not: nothing to do on the CPU.

    It acts at once. As a context manager or a decorator, it restores the setting afterwards.

    >>> with minigrad.autograd.set_multithreading_enabled(False):
    ...     minigrad.ones(2, requires_grad=True).sum().backward()
    """

    def __init__(self, mode: bool) -> None:
        self.prev, self.mode = _Multithreading.enabled, mode
        _Multithreading.enabled = mode

    def __enter__(self) -> None:
        _Multithreading.enabled = self.mode

    def __exit__(self, *exception: object) -> None:
        _Multithreading.enabled = self.prev
