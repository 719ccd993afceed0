"""benchmarks/agreement.py: a mistake in any engine is refused, and that engine is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("threadpoolctl")

from benchmarks.agreement import Disagreement, agree, check
from benchmarks.engine import Engine
from benchmarks.engines import makers
from benchmarks.networks import Network, ladder

ENGINES = list(makers())


def engines(dtype: str = "float32") -> tuple[Network, dict[str, Engine]]:
    network = Network.drawn(16, 8, 12, 4, dtype)
    return network, {name: make(network) for name, make in makers().items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_engines_agree(dtype: str) -> None:
    for network in ladder(dtype, quick=True):
        check(network, [make(network) for make in makers().values()])


def test_engines_are_set_back() -> None:
    network, found = engines()
    check(network, list(found.values()))
    for engine in found.values():
        for p, first in zip(engine.parameters(), network.parameters, strict=True):
            assert np.array_equal(p, first)


# Mistakes, each made of an engine that is right ---------------------------------------------------

Mistake = Callable[[Engine, Network], Engine]


def _with_gradients(change: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Mistake:
    """What the engine says of its gradients is changed."""

    def wrong(engine: Engine, network: Network) -> Engine:
        right = engine.gradients
        return replace(engine, gradients=lambda passed: tuple(change(list(right(passed)))))

    return wrong


def _with_update(after: Callable[[Engine, Network], None]) -> Mistake:
    """After each update something is done to the parameters."""

    def wrong(engine: Engine, network: Network) -> Engine:
        right = engine.phases["update"]

        def update(passed: Any) -> Any:
            loss = right(passed)
            after(engine, network)
            return loss

        return replace(engine, phases={**engine.phases, "update": update})

    return wrong


def _stays(engine: Engine, network: Network) -> Engine:
    """One parameter is not updated: what is read of it is what it was at first."""
    right = engine.parameters
    return replace(engine, parameters=lambda: (*right()[:3], network.parameters[3]))


def _another_rate(engine: Engine, network: Network) -> Engine:
    right = engine.parameters

    def parameters() -> tuple[np.ndarray, ...]:
        pairs = zip(right(), network.parameters, strict=True)
        return tuple(np.asarray(first + 1.1 * (p - first), p.dtype) for p, first in pairs)

    return replace(engine, parameters=parameters)


def _another_loss(engine: Engine, network: Network) -> Engine:
    right = engine.loss
    return replace(engine, loss=lambda loss: right(loss) * np.float32(1.0005))


def _wider(engine: Engine, network: Network) -> Engine:
    right = engine.parameters
    return replace(engine, parameters=lambda: tuple(np.asarray(p, np.float64) for p in right()))


MISTAKES: dict[str, Mistake] = {
    "a gradient scaled": _with_gradients(lambda g: [g[0] * np.float32(1.0005), *g[1:]]),
    "a sign": _with_gradients(lambda g: [*g[:3], -g[3]]),
    "an element": _with_gradients(
        lambda g: [g[0], g[1] + np.float32(1e-4) * (g[1] == g[1].max()), *g[2:]]
    ),
    "two gradients exchanged": _with_gradients(lambda g: [g[0][::-1], *g[1:]]),
    "not a number": _with_gradients(lambda g: [g[0] * np.float32(np.nan), *g[1:]]),
    "infinite": _with_gradients(lambda g: [*g[:3], g[3] + np.float32(np.inf)]),
    "a parameter that stays": _stays,
    "another learning rate": _another_rate,
    "another loss": _another_loss,
    "another dtype": _wider,
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("name", ENGINES)
def test_whoever_is_wrong_is_named(name: str, mistake: Mistake) -> None:
    network, found = engines()
    found[name] = mistake(found[name], network)
    with pytest.raises(Disagreement, match="nothing was timed") as error:
        check(network, list(found.values()))
    message = str(error.value)
    assert message.startswith(f"{network.name}: {name} computes ")
    assert "\n" not in message


def test_gradients_that_are_not_cleared() -> None:
    network, found = engines()
    minigrad = found["minigrad, modules"]
    forward, backward, update = minigrad.phases.values()

    def accumulating(loss: Any) -> Any:
        graph = forward()  # one step's gradient more, as if it had not been cleared
        graph.backward()
        return update(loss)

    phases = {"forward": forward, "backward": backward, "update": accumulating}
    found["minigrad, modules"] = replace(minigrad, phases=phases)
    with pytest.raises(Disagreement, match=r"minigrad, modules computes .* in the first step"):
        check(network, list(found.values()))


def test_a_mistake_in_the_second_step_only() -> None:
    network, found = engines()
    by_hand = found["NumPy by hand"]
    forward, backward, update = by_hand.phases.values()
    steps = []

    def forgetful(loss: Any) -> Any:
        steps.append(1)
        return update(loss) if len(steps) != 2 else loss[0]

    phases = {"forward": forward, "backward": backward, "update": forgetful}
    found["NumPy by hand"] = replace(by_hand, phases=phases)
    with pytest.raises(Disagreement, match="NumPy by hand computes"):
        check(network, list(found.values()))


# The comparison itself ----------------------------------------------------------------------------


def test_what_is_within_the_tolerance_agrees() -> None:
    x = np.arange(4.0)
    agree("x", {"a": {"y": x}, "b": {"y": x + 2e-6}}, tolerance=1e-6)
    with pytest.raises(Disagreement, match="allowed: 1e-07"):
        agree("x", {"a": {"y": x}, "b": {"y": x + 2e-6}}, tolerance=1e-7)


def test_empty_and_zero() -> None:
    agree("x", {"a": {"y": np.zeros((0, 3))}, "b": {"y": np.zeros((0, 3))}}, tolerance=1e-6)
    agree("x", {"a": {"y": np.zeros(3)}, "b": {"y": np.zeros(3)}}, tolerance=1e-6)
    results = {"a": {"y": np.zeros(3)}, "b": {"y": np.array([0, 0, 0.1])}, "c": {"y": np.zeros(3)}}
    with pytest.raises(Disagreement, match=r"b computes 0\.1 for y\[2\]"):
        agree("x", results, tolerance=1e-6)


def test_another_shape() -> None:
    results = {name: {"y": np.ones(3)} for name in "abc"}
    results["b"] = {"y": np.ones((1, 3))}
    with pytest.raises(Disagreement, match=r"b computes y in shape \(1, 3\) where the other"):
        agree("x", results, tolerance=1e-6)


def test_with_a_reference_it_is_right_whoever_else_agrees() -> None:
    results = {"a": {"y": np.ones(3)}, "b": {"y": np.ones(3)}, "c": {"y": np.full(3, 2.0)}}
    with pytest.raises(Disagreement, match=r"a computes 1 for y\[0\] where c has 2"):
        agree("x", results, tolerance=1e-6, reference="c")


def test_all_not_finite_is_no_agreement() -> None:
    results = {name: {"y": np.array(np.nan)} for name in "ab"}
    with pytest.raises(Disagreement):
        agree("x", results, tolerance=1e-6)
