"""Row: one step of a program in both libraries, as reports keep it and tables show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .closeness import Array, finite_or_text, normwise
from .findings import Finding


@dataclass(frozen=True)
class Row:
    """One step: both losses, and the parameter and the gradient that are farthest apart.

    `distance` is what the mode judges by, `bound` how large it may be: in lockstep in eps of each
    tensor's largest element, and free-running for the size of the tensor, from the float64 run, in
    the parameter `off`; from that run `torch_off` is PyTorch's own distance. `measured` is what the
    caller's `measure` said in each library.
    """

    step: int
    ours: float
    theirs: float
    parameter: Finding | None
    gradient: Finding | None
    distance: float
    bound: float
    torch_off: float | None = None
    off: Finding | None = None
    measured: tuple[Any, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        plain: dict[str, Any] = {
            "step": self.step,
            "loss": {"minigrad": finite_or_text(self.ours), "torch": finite_or_text(self.theirs)},
            "distance": finite_or_text(self.distance),
            "bound": finite_or_text(self.bound),
        }
        for name in ("parameter", "gradient"):
            found = getattr(self, name)
            plain[name] = None if found is None else _worst(found)
        if self.torch_off is not None:
            plain["torch_off"] = finite_or_text(self.torch_off)
        if self.measured is not None:
            ours, theirs = map(_plain, self.measured)
            plain["measured"] = {"minigrad": ours, "torch": theirs}
        return plain


def _plain(value: Any) -> Any:
    """What `measure` said, with NumPy's and the libraries' numbers as Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return finite_or_text(value.item() if hasattr(value, "item") else value)


def _worst(found: Finding) -> dict[str, Any]:
    elements = {"minigrad": found.ours, "torch": found.theirs, "eps": found.distance}
    plain = {name: finite_or_text(value) for name, value in elements.items()}
    return {"tensor": found.what, "index": found.index and list(found.index), **plain}


def farthest(
    names: Iterable[str], ours: dict[str, Array], theirs: dict[str, Array]
) -> Finding | None:
    """Of the named arrays, the one that is farthest apart for its size."""
    found = [Finding(n, normwise(ours[n], theirs[n])) for n in names if n in ours and n in theirs]
    return max(found, key=lambda f: f.distance, default=None)
