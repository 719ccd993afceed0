"""The check before the timing: all engines must compute the same.

For a network this compares the loss, the gradients and the parameters of the first step, and the
losses and parameters of a few more steps. The further steps show whether gradients are cleared and
whether each update starts from the previous one's result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .engine import Engine
from .networks import Network

STEPS = 4
NAMES = ("W1", "b1", "W2", "b2")


class Disagreement(Exception):
    """Engines computed different results. The message is one line that names the wrong engine."""


def check_agreement(
    case: str,
    results: Mapping[str, Mapping[str, Any]],
    tolerance: Mapping[str, float] | float,
    reference: str | None = None,
) -> None:
    """Raise Disagreement unless all engines computed the same.

    `results` holds each engine's arrays by name. They are compared with those of the engine
    `reference`, or, without one, with the elementwise median over all engines, so that a single
    wrong engine is named whichever it is. `tolerance` is the largest distance allowed, relative to
    the largest element: one for all arrays, or one for each.

    >>> a, b = np.ones(3), np.array([1.0, 1.0, 1.1])
    >>> results = {"one": {"y": a}, "two": {"y": a}, "three": {"y": b}}
    >>> check_agreement("a sum", results, tolerance=1e-6)
    Traceback (most recent call last):
    benchmarks.agreement.Disagreement: a sum: three computes 1.1 for y[2], but the median of all \
engines is 1: the distance is 0.1 of the largest element (allowed: 1e-06); nothing was timed
    """
    for name in next(iter(results.values())):
        arrays = {engine: np.asarray(each[name]) for engine, each in results.items()}
        _check_shape_and_dtype(case, name, arrays)
        allowed = tolerance if isinstance(tolerance, float) else tolerance[name]
        _check_elements(case, name, arrays, allowed, reference)


def _check_shape_and_dtype(case: str, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    for what in ("shape", "dtype"):
        kinds = [str(getattr(each, what)) for each in arrays.values()]
        usual = max(kinds, key=kinds.count)
        for engine, kind in zip(arrays, kinds, strict=True):
            if kind != usual:
                raise Disagreement(
                    f"{case}: {engine} computes {name} with {what} {kind}, but the other engines "
                    f"with {usual}; nothing was timed"
                )


def _check_elements(
    case: str,
    name: str,
    arrays: Mapping[str, np.ndarray],
    allowed: float,
    reference: str | None,
) -> None:
    found = np.stack([each.astype(np.float64) for each in arrays.values()])
    if reference is None:
        # A NaN would make the median NaN. As infinity it stays an outlier.
        numbers = np.where(np.isnan(found), np.inf, found)
        right, whose = np.median(numbers, axis=0), "the median of all engines"
    else:
        right, whose = found[list(arrays).index(reference)], reference
    largest = np.max(np.abs(right), initial=0.0)
    with np.errstate(all="ignore"):
        distance = np.abs(found - right) / (largest or 1.0)
    distance[~np.isfinite(found) | ~np.isfinite(right)] = np.inf
    if not distance.size:
        return
    worst = np.unravel_index(np.argmax(distance), distance.shape)
    if not distance[worst] <= allowed:
        engine, index = list(arrays)[worst[0]], worst[1:]
        at = f"[{', '.join(map(str, index))}]" if index else ""
        raise Disagreement(
            f"{case}: {engine} computes {found[worst]:.9g} for {name}{at}, but {whose} is "
            f"{right[index]:.9g}: the distance is {distance[worst]:.2g} of the largest element "
            f"(allowed: {allowed:.2g}); nothing was timed"
        )


def check_engines(network: Network, engines: Sequence[Engine]) -> None:
    """Raise Disagreement unless all engines train this network alike; then reset them."""
    eps = float(np.finfo(network.x.dtype).eps)
    # The first pre-activations are exact (see networks.py), so the first step differs only by the
    # rounding of sums. After an update, ReLU may cut off different hidden units in two engines (in
    # float32 the largest network has a few), each of which changes a parameter by at most one
    # sample's share.
    strict, loose = 100 * eps, 1e-2 if eps > 1e-10 else 1e-8
    results = {engine.name: _train_a_few_steps(network, engine) for engine in engines}
    first_step = {"the loss", *(f"the gradient of {name}" for name in NAMES)}
    names = next(iter(results.values()), {})
    tolerance = {name: strict if name in first_step else loose for name in names}
    check_agreement(network.name, results, tolerance)


def _train_a_few_steps(network: Network, engine: Engine) -> dict[str, np.ndarray]:
    """Return everything that `check_engines` compares, with names for the message."""
    found: dict[str, np.ndarray] = {}
    *phases, update = engine.phases.values()
    engine.reset()
    result = phases[0]()
    for phase in phases[1:]:
        result = phase(result)
    for name, gradient in zip(NAMES, engine.gradients(result), strict=True):
        found[f"the gradient of {name}"] = gradient.copy()
    found["the loss"] = np.array(engine.loss(update(result)))
    found |= _changes(engine, network, "in the first step")
    run = engine.contestant().run
    for step in range(2, STEPS + 1):
        found[f"the loss of step {step}"] = np.array(engine.loss(run()))
    found |= _changes(engine, network, f"in {STEPS} steps")
    engine.reset()
    return found


def _changes(engine: Engine, network: Network, when: str) -> dict[str, np.ndarray]:
    """Return the change of each parameter, since an update is small compared to its parameter."""
    engine.finish()
    return {
        f"the change of {name} {when}": p - initial
        for name, p, initial in zip(NAMES, engine.parameters(), network.parameters, strict=True)
    }
