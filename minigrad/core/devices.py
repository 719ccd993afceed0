"""`device`: minigrad computes on the CPU, and any other device is an error."""

from __future__ import annotations


class device:
    """Where a tensor lives: always `device(type='cpu')`. RuntimeError for any other.

    >>> minigrad.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | device, index: int | None = None) -> None:
        name, colon, number = str(type).partition(":")
        if name != "cpu":
            raise RuntimeError(f"device '{type}' is not available: minigrad computes on 'cpu' only")
        if colon and (index is not None or not number.isdecimal()):
            raise RuntimeError(f"Invalid device string: '{type}', with index={index}")
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative, got {index}")
        self.type = name
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        suffix = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{suffix})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def require_cpu(where: object) -> None:
    """RuntimeError or TypeError unless `where`, a `device=` argument, is None or the CPU."""
    if where is None or isinstance(where, device):
        return
    if not isinstance(where, str):
        raise TypeError(f"argument 'device' must be a device or a str, not {type(where).__name__}")
    device(where)
