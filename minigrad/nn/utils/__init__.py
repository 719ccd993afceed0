"""Utilities for modules, under the names of torch.nn.utils."""

from __future__ import annotations

from . import rnn

__all__ = ["rnn"]
