"""No engine is timed before its results are compared with the others': a wrong answer is not fast.

What is compared of a network: the loss, the gradients and the parameters of its first step, and the
losses and the parameters of some steps more, to see that gradients are cleared and that updates go
on from where the last one ended.
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
    """Engines computed different things; the message is one line that names which, and what."""


def agree(
    case: str,
    results: Mapping[str, Mapping[str, Any]],
    tolerance: Mapping[str, float] | float,
    reference: str | None = None,
) -> None:
    """Raise Disagreement unless all engines computed the same.

    `results` are arrays by their names, for each engine. What is right is what the `reference`
    computed, or, without one, the median over the engines, element by element: so that one that is
    wrong is named, whichever it is. `tolerance` is how far from it an engine may be, relative to
    the largest element; or that for each array.

    >>> a, b = np.ones(3), np.array([1.0, 1.0, 1.1])
    >>> agree("a sum", {"one": {"y": a}, "two": {"y": a}, "three": {"y": b}}, tolerance=1e-6)
    Traceback (most recent call last):
    benchmarks.agreement.Disagreement: a sum: three computes 1.1 for y[2] where the median of all \
engines has 1, 0.1 of the largest element away (allowed: 1e-06); nothing was timed
    """
    for name in next(iter(results.values())):
        arrays = {engine: np.asarray(each[name]) for engine, each in results.items()}
        _same_kind(case, name, arrays)
        found = np.stack([each.astype(np.float64) for each in arrays.values()])
        if reference is None:
            # A NaN would make every median NaN; as the largest number it is the one that is off.
            numbers = np.where(np.isnan(found), np.inf, found)
            right, whose = np.median(numbers, axis=0), "the median of all engines"
        else:
            right, whose = found[list(arrays).index(reference)], reference
        largest = np.max(np.abs(right), initial=0.0)
        allowed = tolerance if isinstance(tolerance, float) else tolerance[name]
        with np.errstate(all="ignore"):
            off = np.abs(found - right) / (largest or 1.0)
        off[~np.isfinite(found) | ~np.isfinite(right)] = np.inf
        if not off.size:
            continue
        worst = np.unravel_index(np.argmax(off), off.shape)
        if not off[worst] <= allowed:
            engine, index = list(arrays)[worst[0]], worst[1:]
            at = f"[{', '.join(map(str, index))}]" if index else ""
            raise Disagreement(
                f"{case}: {engine} computes {found[worst]:.9g} for {name}{at} where {whose} has "
                f"{right[index]:.9g}, {off[worst]:.2g} of the largest element away (allowed: "
                f"{allowed:.2g}); nothing was timed"
            )


def _same_kind(case: str, name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Disagreement where one engine's shape or dtype is not that of most."""
    for what in ("shape", "dtype"):
        kinds = [str(getattr(each, what)) for each in arrays.values()]
        usual = max(kinds, key=kinds.count)
        for engine, kind in zip(arrays, kinds, strict=True):
            if kind != usual:
                raise Disagreement(
                    f"{case}: {engine} computes {name} in {what} {kind} where the other engines "
                    f"have {usual}; nothing was timed"
                )


def check(network: Network, engines: Sequence[Engine]) -> None:
    """Raise Disagreement unless all engines train this network alike; then set them back."""
    eps = float(np.finfo(network.x.dtype).eps)
    # The first pre-activations are exact (`networks.py`), so what is left is rounding in sums.
    # From the first update on, a hidden unit may come to lie on another side of ReLU's kink in one
    # engine than in another, in float32 some do in the largest network; each moves a parameter by
    # no more than the share of one sample.
    strict, loose = 100 * eps, 1e-2 if eps > 1e-10 else 1e-8
    tolerance: dict[str, float] = {}
    results: dict[str, dict[str, Any]] = {}
    for engine in engines:
        found: dict[str, Any] = {}
        *phases, update = engine.phases.values()
        engine.reset()
        passed = phases[0]()
        for phase in phases[1:]:
            passed = phase(passed)
        for name, gradient in zip(NAMES, engine.gradients(passed), strict=True):
            found[f"the gradient of {name}"] = gradient.copy()
            tolerance[f"the gradient of {name}"] = strict
        found["the loss"] = np.array(engine.loss(update(passed)))
        tolerance["the loss"] = strict
        _moved(found, engine, network, "in the first step")
        run = engine.contestant().run
        for step in range(2, STEPS + 1):
            found[f"the loss of step {step}"] = np.array(engine.loss(run()))
            tolerance[f"the loss of step {step}"] = loose
        _moved(found, engine, network, f"in {STEPS} steps")
        engine.reset()
        results[engine.name] = found
    tolerance = {name: tolerance.get(name, loose) for name in next(iter(results.values()), {})}
    agree(network.name, results, tolerance)


def _moved(found: dict[str, Any], engine: Engine, network: Network, when: str) -> None:
    """How far each parameter has moved: of what an update adds to it, most is lost in its size."""
    engine.finish()
    for name, p, first in zip(NAMES, engine.parameters(), network.parameters, strict=True):
        found[f"how {name} moves {when}"] = p - first
