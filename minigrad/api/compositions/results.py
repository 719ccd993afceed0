"""The named tuples that ops with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named_results(name: str, *fields: str) -> Any:
    """A named tuple that prints as PyTorch's. Pickle finds it as `_NAME_result` in this module."""

    def shown(self: Any) -> str:
        parts = ",\n".join(f"{field}={getattr(self, field)!r}" for field in fields)
        return f"torch.return_types.{name}(\n{parts})"

    made = type(
        name,
        (namedtuple(name, fields),),
        {"__slots__": (), "__repr__": shown, "__module__": __name__},
    )
    made.__qualname__ = f"_{name}_result"
    globals()[made.__qualname__] = made
    return made
