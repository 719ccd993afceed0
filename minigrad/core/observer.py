"""The observer: an object that the engine reports to, if there is one.

Anomaly mode (`autograd/anomaly_mode.py`) is one, hooks for saved tensors are another. Without an
observer, the engine pays for one
comparison per op and per write.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..rules.rule import Pullback

if TYPE_CHECKING:
    from .node import Node


class Observer:
    """The base class of observers, whose methods ignore all reports."""

    def recorded(self, node: Node, result: Any) -> None:
        """An op was recorded, whose result is this array."""

    def written(self, counter: list[int]) -> None:
        """A storage was written to; its version counter has moved."""

    def pullbacks(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        """The pullbacks that the walk is to call for a node."""
        return pullbacks

    def working_on(self, node: Node) -> AbstractContextManager[None]:
        """A context for code whose errors are the node's."""
        return nullcontext()

    def about_write(self, node: Node, counter: list[int], version: int) -> str:
        """A sentence about the write to a tensor that a node had saved at this version."""
        return (
            "Hint: enable anomaly detection to see the line that saved it and the line that "
            "changed it, with minigrad.autograd.set_detect_anomaly(True, check_nan=False)."
        )


class _Several(Observer):
    """Several observers, of which the first is asked first."""

    def __init__(self, parts: Sequence[Observer]) -> None:
        self.parts = parts

    def recorded(self, node: Node, result: Any) -> None:
        for part in self.parts:
            part.recorded(node, result)

    def written(self, counter: list[int]) -> None:
        for part in self.parts:
            part.written(counter)

    def pullbacks(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        for part in self.parts:
            pullbacks = part.pullbacks(node, pullbacks)
        return pullbacks

    def working_on(self, node: Node) -> AbstractContextManager[None]:
        return self.parts[0].working_on(node)

    def about_write(self, node: Node, counter: list[int], version: int) -> str:
        first, *_ = [part.about_write(node, counter, version) for part in self.parts]
        return first


class _Observation:
    """The current observer: one for all threads, as in PyTorch's anomaly mode.

    `parts` are the observers by the mode that they belong to.
    """

    __slots__ = ("observer", "parts")

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self.parts: dict[str, Observer] = {}

    def set(self, mode: str, observer: Observer | None) -> None:
        """Let this observer, or none, be that of a mode."""
        self.parts.pop(mode, None)
        if observer is not None:
            self.parts[mode] = observer
        parts = [self.parts[name] for name in sorted(self.parts)]  # anomaly mode, explain, saver
        self.observer = _Several(parts) if len(parts) > 1 else parts[0] if parts else None


observation = _Observation()
UNOBSERVED = Observer()
