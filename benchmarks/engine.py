"""`Engine`: one way to train a network, whole or in phases, with access to its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .networks import Network
from .turns import Contestant, do_nothing

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Engine:
    """One way to train a network.

    A training step calls the `phases` in order: the first takes no argument, and each other one
    takes the previous one's result. `gradients` reads the result of the last phase but one, and
    `loss` that of the last. `step` does the same as the phases in one call, for libraries that are
    faster this way.

    `gradients` and `parameters` return arrays in the network's layout (in, out), whatever the
    engine's own is. `reset` restores the initial parameters; `finish` waits for work under way.
    """

    name: str
    phases: Mapping[str, Callable[..., Any]]
    gradients: Callable[[Any], Arrays]
    parameters: Callable[[], Arrays]
    reset: Callable[[], None]
    loss: Callable[[Any], np.ndarray] = np.asarray
    finish: Callable[[], Any] = do_nothing
    step: Callable[[], Any] | None = None

    def contestant(self) -> Contestant:
        """The training step to be timed. Every turn starts from the initial parameters."""
        run = self.step
        if run is None:
            forward, backward, update = self.phases.values()

            def run() -> Any:
                return update(backward(forward()))

        return Contestant(run, self.phases, self.reset, self.finish)


def on_arrays(
    name: str,
    network: Network,
    parameters: Arrays,
    forward: Callable[[], Any],
    backward: Callable[[Any], Any],
    update: Callable[[Any], Any],
) -> Engine:
    """An engine whose `parameters` are NumPy arrays and whose `backward` returns (loss, gradients).

    `update` writes into the parameters in place.
    """

    def reset() -> None:
        for p, initial in zip(parameters, network.parameters, strict=True):
            p[...] = initial

    return Engine(
        name,
        {"forward": forward, "backward": backward, "update": update},
        gradients=lambda result: tuple(np.asarray(d) for d in result[1]),
        parameters=lambda: parameters,
        reset=reset,
    )
