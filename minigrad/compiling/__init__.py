"""Steps as NumPy programs: `minigrad.compile`."""

from .step import CompiledStep, compile

__all__ = ["CompiledStep", "compile"]
