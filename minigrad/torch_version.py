"""The version as a class that compares, under its name in torch.torch_version."""

from __future__ import annotations

from .version import Version as TorchVersion
from .version import __version__ as __version__

__all__ = ["TorchVersion"]
