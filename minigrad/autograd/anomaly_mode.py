"""Anomaly mode: errors in `backward` show the line of the forward pass that caused them.

While the mode is on, an observer notes the stack of each recorded op and the line of each of the
last in-place writes. That takes time, so the mode is off by default.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.hooks import attached_to_node
from ..core.node import Node
from ..core.observer import Observer, observation
from ..rules.rule import Array, Pullback


class set_detect_anomaly:
    """Switch anomaly mode on or off at once. As a context manager, restore it afterwards.

    With `check_nan`, a NaN in the result of a pullback is an error. TypeError for arguments that
    aren't bools.

    >>> x = minigrad.tensor(-1., requires_grad=True)
    >>> with minigrad.autograd.set_detect_anomaly(True):
    ...     with warnings.catch_warnings(action="ignore"):  # of the line that called sqrt
    ...         x.sqrt().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        for position, value in enumerate((mode, check_nan)):
            if not isinstance(value, bool):
                name, kind = ("enabled", "check_nan")[position], type(value).__name__
                raise TypeError(
                    f"set_anomaly_enabled(): argument '{name}' (position {position + 1}) must be "
                    f"bool, not {kind}"
                )
        self._before = _state()
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _set(*self._before)


class detect_anomaly:
    """Switch anomaly mode on in a block, and warn that it takes time.

    With `check_nan`, a NaN in the result of a pullback is an error. The forward pass must run in
    the block too, so that its lines are noted.

    >>> with warnings.catch_warnings(action="ignore"), minigrad.autograd.detect_anomaly():
    ...     minigrad.is_anomaly_enabled()
    True
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = _state()
        _set(True, self._check_nan)

    def __exit__(self, *exception: object) -> None:
        _set(*self._before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on.

    >>> minigrad.is_anomaly_enabled()
    False
    """
    return "anomaly" in observation.parts


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode checks for NaN when it is on.

    >>> minigrad.is_anomaly_check_nan_enabled()
    True
    """
    return _detector.check_nan


def _state() -> tuple[bool, bool]:
    return is_anomaly_enabled(), _detector.check_nan


def _set(enabled: bool, check_nan: bool) -> None:
    if not enabled:
        _detector.writes.clear()
    observation.set("anomaly", _detector if enabled else None)
    _detector.check_nan = check_nan


class _Detector(Observer):
    """The observer behind anomaly mode: one for all threads, as in PyTorch."""

    def __init__(self) -> None:
        self.check_nan = True
        self.running: Node | None = None  # the node whose pullbacks are running
        # The last writes: the counter, the version that the write made, and its line.
        self.writes: deque[tuple[list[int], int, str]] = deque(maxlen=_WRITES)

    def recorded(self, node: Node, result: Any) -> None:
        """Note the stack of the op, and the node whose pullback recorded it, if any."""
        notes = attached_to_node(node).notes
        notes["traceback_"] = _stack_of_user()
        if self.running is not None:
            notes["parent_"] = self.running

    def written(self, counter: list[int]) -> None:
        """Note the line of the write."""
        self.writes.append((counter, counter[0], _stack_of_user()[-1]))

    def pullbacks(
        self, node: Node, pullbacks: Sequence[Pullback | None]
    ) -> Sequence[Pullback | None]:
        """The pullbacks, with a check for NaN; their errors show where the node was recorded."""

        def checked(index: int, pullback: Pullback) -> Pullback:
            def call(g: Array) -> Array:
                with self.working_on(node):
                    d = pullback(g)
                    if self.check_nan and d is not None and _has_nan(d):
                        raise RuntimeError(
                            f"Function '{node.name}' returned nan values in its {index}th output."
                        )
                    return d

            return call

        return [p and checked(i, p) for i, p in enumerate(pullbacks)]

    @contextmanager
    def working_on(self, node: Node) -> Iterator[None]:
        """Let an error in the block warn where the node was recorded."""
        before, self.running = self.running, node
        try:
            yield
        except Exception:
            _warn(node)
            raise
        finally:
            self.running = before

    def about_write(self, node: Node, counter: list[int], version: int) -> str:
        """The line that saved a tensor at a version, and the line of the next write to it."""
        saved = _notes(node).get("traceback_")
        written = [
            line for which, after, line in self.writes if which is counter and after == version + 1
        ]
        if saved is None or not written:
            return super().about_write(node, counter, version)
        return f"It was saved at\n{saved[-1]}and then changed at\n{written[0]}"


_WRITES = 1000  # how many writes are remembered
_detector = _Detector()
_ENGINE = f"{Path(__file__).parent.parent}/"


def _stack_of_user() -> list[str]:
    """The stack down to the line that called minigrad, formatted as in a traceback."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    return traceback.format_list(traceback.extract_stack(frame)) if frame else ["unknown\n"]


def _notes(node: Node) -> dict[str, Any]:
    return {} if node.attached is None else node.attached.notes


def _has_nan(d: Any) -> bool:
    array = d._array if isinstance(d, Tensor) else d
    return isinstance(array, np.ndarray | np.generic) and bool(np.isnan(array).any())


def _warn(node: Node) -> None:
    """Warn with the line that recorded a node, and with those of the nodes that caused it."""
    parts = [f"Error detected in {node.name}. "]
    lines = _notes(node).get("traceback_")
    if lines is None:
        parts.append(
            "No forward pass information available. Enable detect anomaly during forward pass for "
            "more information."
        )
    else:
        parts += ["Traceback of forward call that caused the error:\n", *lines]
    while (node := _notes(node).get("parent_")) is not None:  # type: ignore[assignment]
        parts.append(f"\n\nPrevious calculation was induced by {node.name}. ")
        lines = _notes(node).get("traceback_", ["unknown: recorded outside of anomaly mode\n"])
        parts += ["Traceback of forward call that induced the previous calculation:\n", *lines]
    warnings.warn("".join(parts), stacklevel=2)
