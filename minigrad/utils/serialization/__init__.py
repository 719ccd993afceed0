"""Saving objects to files, and loading them: PyTorch's checkpoints, and safetensors files.

Read `files.py`, which has `save` and `load`; then, for PyTorch's formats, `archive.py`,
`machine.py`, `reading.py` and `writing.py`; and `table.py` for safetensors. No file can run code:
Python's pickle module reads none of them.
"""

from __future__ import annotations

from .files import load, save, save_safetensors

__all__ = ["load", "save", "save_safetensors"]
