"""Signals, under the name of torch.signal: windows."""

from . import windows

__all__ = ["windows"]
