"""Steps as NumPy programs: `minigrad.compile`."""

from .compiled import CompiledStep, compile

__all__ = ["CompiledStep", "compile"]
