"""What an engine is: one way to train a network, whole and in phases, and how to look inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .turns import Contestant, nothing

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Engine:
    """One way to train a network.

    A step is `phases` one after the other: the first takes no argument, each other one what the one
    before returned. The last but one returns what `gradients` reads, and the last what `loss` does.
    `step` does the same at once, where a library can do better so; otherwise it is the phases.

    `gradients` and `parameters` are in the network's own layout, (in, out), whatever the engine's
    is. `reset` sets the parameters back to the first ones; `finish` waits for what was only begun.
    """

    name: str
    phases: Mapping[str, Callable[..., Any]]
    gradients: Callable[[Any], Arrays]
    parameters: Callable[[], Arrays]
    reset: Callable[[], None]
    loss: Callable[[Any], np.ndarray] = np.asarray
    finish: Callable[[], Any] = nothing
    step: Callable[[], Any] | None = None

    def contestant(self) -> Contestant:
        """What is timed of it. Every turn begins with the first parameters."""
        run = self.step
        if run is None:
            forward, backward, update = self.phases.values()

            def run() -> Any:
                return update(backward(forward()))

        return Contestant(run, self.phases, self.reset, self.finish)
