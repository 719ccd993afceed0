"""StepRow: one step of a program in both libraries, as reports keep it and tables show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bridge.comparing.closeness import Array, finite_or_text, normwise
from bridge.comparing.findings import Finding


@dataclass(frozen=True)
class StepRow:
    """One step of a program in both libraries.

    - `ours`, `theirs`: the losses.
    - `parameter`, `gradient`: the ones farthest apart between the two libraries.
    - `distance`: the distance that is judged; `bound`: the largest that is allowed. In lockstep,
      the distance is in eps of each tensor's largest element. In a free run, it is minigrad's
      distance from the float64 run, relative to the tensor's largest element.
    - `torch_distance`, `farthest`: of a free run, PyTorch's own distance from the float64 run, and
      the parameter in which minigrad is farthest from it.
    - `measured`: what the caller's `measure` returned in each library.
    """

    step: int
    ours: float
    theirs: float
    parameter: Finding | None
    gradient: Finding | None
    distance: float
    bound: float
    torch_distance: float | None = None
    farthest: Finding | None = None
    measured: tuple[Any, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        plain: dict[str, Any] = {
            "step": self.step,
            "loss": {"minigrad": finite_or_text(self.ours), "torch": finite_or_text(self.theirs)},
            "distance": finite_or_text(self.distance),
            "bound": finite_or_text(self.bound),
        }
        for name in ("parameter", "gradient"):
            found = getattr(self, name)
            plain[name] = None if found is None else _worst_element(found)
        if self.torch_distance is not None:
            plain["torch_off"] = finite_or_text(self.torch_distance)
        if self.measured is not None:
            ours, theirs = map(_json_data, self.measured)
            plain["measured"] = {"minigrad": ours, "torch": theirs}
        return plain


def _json_data(value: Any) -> Any:
    """Convert what `measure` returned to what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _json_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_data(item) for item in value]
    return finite_or_text(value.item() if hasattr(value, "item") else value)


def _worst_element(found: Finding) -> dict[str, Any]:
    elements = {"minigrad": found.ours, "torch": found.theirs, "eps": found.distance}
    plain = {name: finite_or_text(value) for name, value in elements.items()}
    return {"tensor": found.what, "index": found.index and list(found.index), **plain}


def farthest_apart(
    names: Iterable[str], ours: dict[str, Array], theirs: dict[str, Array]
) -> Finding | None:
    """Return the named array that is farthest apart, relative to its largest element."""
    found = [Finding(n, normwise(ours[n], theirs[n])) for n in names if n in ours and n in theirs]
    return max(found, key=lambda f: f.distance, default=None)
