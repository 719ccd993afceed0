"""The grad modes, under their names in torch.autograd.grad_mode."""

from __future__ import annotations

from ..core.grad_mode import enable_grad, no_grad, set_grad_enabled
from ..core.inference import inference_mode

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
