"""What a training program needs beside its network, under the names of torch.utils."""

from __future__ import annotations

from . import data, hooks

__all__ = ["data", "hooks"]
