"""The recorder of one walk: each node's cotangent, and what its pullbacks return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.node import Node
from ..core.walk import fitted
from ..rules.rule import Pullback
from .calls import code_of
from .pullback_source import pullback_source, saved_arrays
from .record import Contribution, Saved, Step, Walk

if TYPE_CHECKING:
    from .recorder import Recorder


class WalkRecorder:
    """Records one walk: for each node its cotangent, and what its pullbacks return."""

    def __init__(self, recorder: Recorder, one: Walk, seeds: Any, wanted: Any) -> None:
        self.recorder, self.walk, self.wanted = recorder, one, wanted
        self.arrived: dict[int, int] = {}  # the number of the sum so far, by the id of a parent
        self.waiting: dict[int, Node] = {}  # the nodes that a cotangent has arrived at
        for parent, cotangent in seeds:
            row = recorder.nodes.get(id(parent)) if isinstance(parent, Node) else None
            one.seeds.append(row)
            self._add(parent, np.asarray(getattr(cotangent, "_array", cotangent)))

    def _add(self, parent: Any, gradient: np.ndarray) -> tuple[int | None, int]:
        """Add a gradient to what has arrived at a parent; return the numbers before and after."""
        recorder = self.recorder
        before = self.arrived.get(id(parent))
        with np.errstate(all="ignore"):
            total = gradient if before is None else recorder.copies[before] + gradient
        self.arrived[id(parent)] = recorder.copies.add(total)
        if isinstance(parent, Node):
            self.waiting[id(parent)] = parent
        return before, self.arrived[id(parent)]

    def watched(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        """The pullbacks of a node, each of which notes its call."""
        recorder = self.recorder
        self.waiting.pop(id(node), None)
        row = recorder.nodes.get(id(node))
        step = Step(row, node.name, self.arrived.get(id(node)))
        step.after_row = len(recorder.record.rows)
        self.walk.steps.append(step)
        own = node.pullbacks or pullbacks

        def note(place: int, pullback: Pullback) -> Pullback:
            def call(g: Any) -> Any:
                array = getattr(g, "_array", g)
                if isinstance(array, np.ndarray | np.generic):
                    given = recorder.copies.add(array)
                    step.hooks |= step.cotangent not in (None, given)
                    step.cotangent = given
                try:
                    d = pullback(g)
                except Exception as error:
                    step.error = str(error)
                    raise
                if d is not None and isinstance(getattr(d, "_array", d), np.ndarray | np.generic):
                    code = own[place] if place < len(own) else pullback
                    self._contribution(step, node, place, code or pullback, d)
                return d

            call.__wrapped__ = pullback  # type: ignore[attr-defined]
            return call

        return [p and note(i, p) for i, p in enumerate(pullbacks)]

    def stop(self, error: str) -> None:
        """Mark the row at which the walk ended with an error."""
        step = self.walk.steps[-1] if self.walk.steps else None
        if step is not None and step.error:
            number = step.row
        else:  # the error came before its pullbacks; the walk goes to the youngest node first
            node = max(self.waiting.values(), key=lambda n: n.sequence_nr, default=None)
            number = self.recorder.nodes.get(id(node))
        if number is not None:
            self.recorder.record.rows[number].error = error

    def _contribution(self, step: Step, node: Node, place: int, pullback: Pullback, d: Any) -> None:
        recorder = self.recorder
        array = np.asarray(getattr(d, "_array", d))
        source, file, line = pullback_source(pullback)
        saved = [Saved(name, recorder.copies.add(a)) for name, a in saved_arrays(pullback)]
        one = Contribution(place, source, file, line, saved, recorder.copies.add(array))
        recorder.codes[id(one)] = code_of(pullback)
        parent = node.parents[place]
        like: Any = parent if isinstance(parent, Node) else parent._array  # type: ignore[union-attr]
        if like.shape is not None:
            summed = fitted(array, like)
            if array.shape != like.shape:
                one.axes = _summed_axes(array.shape, like.shape)
            if array.shape != like.shape or array.dtype != like.dtype:
                one.summed = recorder.copies.add(summed)
            one.before, one.after = self._add(parent, summed)
        if isinstance(parent, Node):
            one.row = recorder.nodes.get(id(parent))
        else:
            assert parent is not None
            one.leaf = recorder.leaf(parent._array, None, parent)
        step.contributions.append(one)


def _summed_axes(wide: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    lead = len(wide) - len(shape)
    return [d for d, size in enumerate(wide) if d < lead or shape[d - lead] != size]
