"""benchmarks/agreement.py: a mistake in any engine stops the run, and that engine is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("threadpoolctl")

from benchmarks.agreement import Disagreement, check_agreement, check_engines
from benchmarks.all_engines import constructors
from benchmarks.engine import Engine
from benchmarks.networks import Network, ladder

ENGINES = list(constructors())


def build_engines(dtype: str = "float32") -> tuple[Network, dict[str, Engine]]:
    network = Network.drawn(16, 8, 12, 4, dtype)
    return network, {name: construct(network) for name, construct in constructors().items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_engines_agree(dtype: str) -> None:
    for network in ladder(dtype, quick=True):
        check_engines(network, [construct(network) for construct in constructors().values()])


def test_engines_are_reset_after_the_check() -> None:
    network, engines = build_engines()
    check_engines(network, list(engines.values()))
    for engine in engines.values():
        for p, initial in zip(engine.parameters(), network.parameters, strict=True):
            assert np.array_equal(p, initial)


# Mistakes, planted in a correct engine ------------------------------------------------------------

Mistake = Callable[[Engine, Network], Engine]


def _with_gradients(change: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Mistake:
    """Change the gradients that the engine reports."""

    def wrong(engine: Engine, network: Network) -> Engine:
        right = engine.gradients
        return replace(engine, gradients=lambda result: tuple(change(list(right(result)))))

    return wrong


def _skips_a_parameter(engine: Engine, network: Network) -> Engine:
    """Keep the initial value of one parameter."""
    right = engine.parameters
    return replace(engine, parameters=lambda: (*right()[:3], network.parameters[3]))


def _larger_steps(engine: Engine, network: Network) -> Engine:
    right = engine.parameters

    def parameters() -> tuple[np.ndarray, ...]:
        pairs = zip(right(), network.parameters, strict=True)
        return tuple(np.asarray(initial + 1.1 * (p - initial), p.dtype) for p, initial in pairs)

    return replace(engine, parameters=parameters)


def _scaled_loss(engine: Engine, network: Network) -> Engine:
    right = engine.loss
    return replace(engine, loss=lambda loss: right(loss) * np.float32(1.0005))


def _wider_dtype(engine: Engine, network: Network) -> Engine:
    right = engine.parameters
    return replace(engine, parameters=lambda: tuple(np.asarray(p, np.float64) for p in right()))


MISTAKES: dict[str, Mistake] = {
    "scaled gradient": _with_gradients(lambda g: [g[0] * np.float32(1.0005), *g[1:]]),
    "wrong sign": _with_gradients(lambda g: [*g[:3], -g[3]]),
    "wrong element": _with_gradients(
        lambda g: [g[0], g[1] + np.float32(1e-4) * (g[1] == g[1].max()), *g[2:]]
    ),
    "reversed gradient": _with_gradients(lambda g: [g[0][::-1], *g[1:]]),
    "NaN": _with_gradients(lambda g: [g[0] * np.float32(np.nan), *g[1:]]),
    "infinity": _with_gradients(lambda g: [*g[:3], g[3] + np.float32(np.inf)]),
    "skipped parameter": _skips_a_parameter,
    "larger steps": _larger_steps,
    "scaled loss": _scaled_loss,
    "wider dtype": _wider_dtype,
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("name", ENGINES)
def test_the_wrong_engine_is_named(name: str, mistake: Mistake) -> None:
    network, engines = build_engines()
    engines[name] = mistake(engines[name], network)
    with pytest.raises(Disagreement, match="nothing was timed") as error:
        check_engines(network, list(engines.values()))
    message = str(error.value)
    assert message.startswith(f"{network.name}: {name} computes ")
    assert "\n" not in message


def test_gradients_that_are_not_cleared_are_found() -> None:
    network, engines = build_engines()
    minigrad = engines["minigrad, modules"]
    forward, backward, update = minigrad.phases.values()

    def accumulating(loss: Any) -> Any:
        forward().backward()  # adds a second gradient, as if the last one hadn't been cleared
        return update(loss)

    phases = {"forward": forward, "backward": backward, "update": accumulating}
    engines["minigrad, modules"] = replace(minigrad, phases=phases)
    with pytest.raises(Disagreement, match=r"minigrad, modules computes .* in the first step"):
        check_engines(network, list(engines.values()))


def test_a_mistake_in_the_second_step_only_is_found() -> None:
    network, engines = build_engines()
    by_hand = engines["NumPy by hand"]
    forward, backward, update = by_hand.phases.values()
    steps = []

    def forgetful(result: Any) -> Any:
        steps.append(1)
        return update(result) if len(steps) != 2 else result[0]

    phases = {"forward": forward, "backward": backward, "update": forgetful}
    engines["NumPy by hand"] = replace(by_hand, phases=phases)
    with pytest.raises(Disagreement, match="NumPy by hand computes"):
        check_engines(network, list(engines.values()))


# The comparison itself ----------------------------------------------------------------------------


def test_the_tolerance_is_relative_to_the_largest_element() -> None:
    x = np.arange(4.0)
    results = {"a": {"y": x}, "b": {"y": x + 2e-6}}
    check_agreement("x", results, tolerance=1e-6)
    with pytest.raises(Disagreement, match="allowed: 1e-07"):
        check_agreement("x", results, tolerance=1e-7)


def test_empty_and_zero_arrays() -> None:
    for array in (np.zeros((0, 3)), np.zeros(3)):
        check_agreement("x", {"a": {"y": array}, "b": {"y": array}}, tolerance=1e-6)
    results = {"a": {"y": np.zeros(3)}, "b": {"y": np.array([0, 0, 0.1])}, "c": {"y": np.zeros(3)}}
    with pytest.raises(Disagreement, match=r"b computes 0\.1 for y\[2\]"):
        check_agreement("x", results, tolerance=1e-6)


def test_a_different_shape_is_refused() -> None:
    results = {name: {"y": np.ones(3)} for name in "abc"}
    results["b"] = {"y": np.ones((1, 3))}
    with pytest.raises(Disagreement, match=r"b computes y with shape \(1, 3\), but the other"):
        check_agreement("x", results, tolerance=1e-6)


def test_the_reference_is_right_even_against_a_majority() -> None:
    results = {"a": {"y": np.ones(3)}, "b": {"y": np.ones(3)}, "c": {"y": np.full(3, 2.0)}}
    with pytest.raises(Disagreement, match=r"a computes 1 for y\[0\], but c is 2"):
        check_agreement("x", results, tolerance=1e-6, reference="c")


def test_engines_that_all_compute_nan_do_not_agree() -> None:
    results = {name: {"y": np.array(np.nan)} for name in "ab"}
    with pytest.raises(Disagreement):
        check_agreement("x", results, tolerance=1e-6)
