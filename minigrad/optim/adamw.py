"""AdamW, under the name of torch.optim.adamw."""

from __future__ import annotations

from .adam import AdamW

__all__ = ["AdamW"]
