"""Anomaly mode: errors in backward that say which line of the forward pass they come of.

What is remembered for that, and when, is in `minigrad/tracing.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.tracing import lines_of_user, mode
from ..rules.rule import Array, Pullback

if TYPE_CHECKING:
    from ..core.node import Node


class set_detect_anomaly:
    """Switch anomaly mode on or off at once; as a context manager, put it back at the end.

    With `check_nan`, a NaN that a pullback makes is an error. TypeError unless both are bools.

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
    """Within it, anomaly mode is on: backward's errors come with the line of the forward pass.

    With `check_nan`, a NaN that a pullback makes is an error. The forward pass must run within,
    too, for its lines to be known. Making it warns that all this takes time.

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


def _state() -> tuple[bool, bool]:
    return mode.enabled, mode.check_nan


def _set(enabled: bool, check_nan: bool) -> None:
    mode.enabled, mode.check_nan = enabled, check_nan


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on.

    >>> minigrad.is_anomaly_enabled()
    False
    """
    return mode.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when it is on, looks for NaN.

    >>> minigrad.is_anomaly_check_nan_enabled()
    True
    """
    return mode.check_nan


def remember(node: Node) -> None:
    """Keep with a node the way that led to it, and the node whose backward made it, if one did."""
    node.notes()["traceback_"] = lines_of_user()
    if mode.running is not None:
        node.notes()["parent_"] = mode.running


# What is said -------------------------------------------------------------------------------------


@contextmanager
def blaming(node: Node) -> Iterator[None]:
    """In anomaly mode, an error within is this node's, so a warning says where that was made."""
    if not mode.enabled:
        yield
        return
    before, mode.running = mode.running, node
    try:
        yield
    except Exception:
        _tell(node)
        raise
    finally:
        mode.running = before


def watched(node: Node, pullbacks: Sequence[Pullback | None]) -> list[Pullback | None]:
    """A node's pullbacks, blamed on it, and refused a NaN if the mode looks for them."""

    def watch(index: int, pullback: Pullback) -> Pullback:
        def within(g: Array) -> Array:
            with blaming(node):
                d = pullback(g)
                if mode.check_nan and d is not None and _has_nan(d):
                    raise RuntimeError(
                        f"Function '{node.name()}' returned nan values in its {index}th output."
                    )
                return d

        return within

    return [p and watch(i, p) for i, p in enumerate(pullbacks)]


def _has_nan(d: Any) -> bool:
    array = d if isinstance(d, np.ndarray | np.generic) else getattr(d, "_array", 0.0)
    return bool(np.isnan(array).any())


def _tell(node: Node) -> None:
    """Warn of where a node was made; and where the node was whose gradient it is a part of."""
    said = [f"Error detected in {node.name()}. "]
    lines = node.notes().get("traceback_")
    if lines is None:
        said.append(
            "No forward pass information available. Enable detect anomaly during forward pass for "
            "more information."
        )
    else:
        said += ["Traceback of forward call that caused the error:\n", *lines]
    while (node := node.notes().get("parent_")) is not None:  # type: ignore[assignment]
        said.append(f"\n\nPrevious calculation was induced by {node.name()}. ")
        lines = node.notes().get("traceback_", ["unknown: it was made outside of anomaly mode\n"])
        said += ["Traceback of forward call that induced the previous calculation:\n", *lines]
    warnings.warn("".join(said), stacklevel=2)


def of_write(node: Node, counter: list[Any], version: int) -> str:
    """Where an array was saved at a version, and where it was first written to after that."""
    saved = node.notes().get("traceback_")
    written = [line for after, line in counter[1:] if after == version + 1]
    if saved is None or not written:
        return (
            "Hint: enable anomaly detection to see the line that saved it and the line that "
            "changed it, with minigrad.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    return f"It was saved at\n{saved[-1]}and then changed at\n{written[0]}"
