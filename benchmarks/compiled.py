"""The part "compiled": steps of `minigrad.compile` beside NumPy by hand, minigrad and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
from tabulate import tabulate

import minigrad

from .agreement import check_agreement
from .by_hand import preallocated, straightforward
from .chains_and_fans import NAMESPACES
from .measurement import Measurement, median, ratio
from .networks import LEARNING_RATE, Network
from .progress_bar import with_progress_bar
from .settings import BenchmarkSettings
from .turns import Contestant, take_turns

PART, STEP, RECORDING = "compiled", "step", "recording"
SIZES = ((64, 64, 128, 10), (256, 784, 512, 10))
# The targets for a compiled step, divided by NumPy by hand, on the networks of growing size.
TARGETS: dict[str, tuple[float, ...]] = {
    "SGD, modules": (0.85, 0.95, 1.05),
    "SGD, manual": (0.9, 1.0, 1.1),
    "Adam": (0.9, 0.95, 1.05),
}
# The targets of numba, for each kind of step: one step in a call, and many.
STEPS_PER_CALL = 100
NUMBA, REPEATED = "numba", f"numba × {STEPS_PER_CALL}"
TARGETS |= {f"{NUMBA} {kind}": (0.2, 0.85) for kind in tuple(TARGETS)}
TARGETS |= {f"{REPEATED} {kind}": (0.1,) for kind in tuple(TARGETS) if NUMBA not in kind}
TOLERANCE = 1e-5  # of a loss, relative to it
RECORDINGS = 11  # of steps like each other, of which the first also prepares the engine's code
MOST_STEPS = 50  # the target for the time of a recording, in eager steps
BETAS, EPS = (0.9, 0.999), 1e-8


def adam_by_hand(network: Network) -> Callable[[], Any]:
    """The network trained by Adam, as most people would write it in NumPy."""
    engine = straightforward(network)
    forward, backward, _ = engine.phases.values()
    parameters = engine.parameters()
    m = [np.zeros_like(p) for p in parameters]
    v = [np.zeros_like(p) for p in parameters]
    t = 0

    def step() -> Any:
        nonlocal t
        t += 1
        loss, gradients = backward(forward())
        rate = LEARNING_RATE / (1 - BETAS[0] ** t)
        correction = (1 - BETAS[1] ** t) ** 0.5
        for p, d, first, second in zip(parameters, gradients, m, v, strict=True):
            first *= BETAS[0]
            first += (1 - BETAS[0]) * d
            second *= BETAS[1]
            second += (1 - BETAS[1]) * d * d
            p -= rate * first / (np.sqrt(second) / correction + EPS)
        return loss

    return step


def modules(torch: Any, network: Network, optimizer: str) -> Callable[..., Any]:
    """A step of `nn.Sequential` with an optimiser."""
    (inputs, hidden), (_, classes) = network.parameters[0].shape, network.parameters[2].shape
    nn = torch.nn
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    with torch.no_grad():
        for p, initial in zip(model.parameters(), network.parameters, strict=True):
            p.copy_(torch.from_numpy(initial.T.copy()))
    criterion = nn.CrossEntropyLoss()
    opt = getattr(torch.optim, optimizer)(model.parameters(), lr=LEARNING_RATE)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step


def manual(torch: Any, network: Network) -> Callable[..., Any]:
    """The tutorial's manual loop."""
    F, lr = torch.nn.functional, LEARNING_RATE
    W1, B1, W2, B2 = parameters = [
        torch.from_numpy(p.copy()).requires_grad_() for p in network.parameters
    ]

    def step(x: Any, y: Any) -> Any:
        z1 = torch.add(torch.matmul(x, W1), B1)
        out = torch.add(torch.matmul(F.relu(z1), W2), B2)
        loss = F.nll_loss(F.log_softmax(out, dim=1), y)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p.data -= lr * p.grad.data
                p.grad.data.zero_()
        return loss

    return step


MAKE: dict[str, Callable[[Any, Network], Callable[..., Any]]] = {
    "SGD, modules": lambda torch, network: modules(torch, network, "SGD"),
    "SGD, manual": manual,
    "Adam": lambda torch, network: modules(torch, network, "Adam"),
}


def measure(settings: BenchmarkSettings) -> list[Measurement]:
    """Measure the steps on each network, and the times of recordings.

    Raises Disagreement if a compiled step has other bits than the step itself, or one that numba
    compiles another loss.
    """
    networks = [Network.tutorial(settings.dtype)]
    if not settings.quick:
        networks += [Network.drawn(*size, settings.dtype) for size in SIZES]
    found: list[Measurement] = []
    for size, network in enumerate(with_progress_bar(networks, PART)):
        first, *later = _recordings(network)
        runs = _contestants(network)
        times = take_turns(runs, settings.rounds, settings.seconds)
        for engine in times:
            if engine.startswith(REPEATED):
                times[engine] = tuple([seconds / STEPS_PER_CALL for seconds in times[engine]])
        recordings = {"first recording": (first,), "recording": tuple(later)}
        for quantity, each in ((STEP, times), (RECORDING, recordings)):
            found += [
                Measurement(PART, network.name, size, engine, quantity, rounds)
                for engine, rounds in each.items()
            ]
    return found


def _recordings(network: Network) -> list[float]:
    """How many seconds each of several recordings takes: of a step of modules, each a new one."""
    x, y = minigrad.from_numpy(network.x), minigrad.from_numpy(network.y)
    found = []
    for _ in range(RECORDINGS):
        step = minigrad.compile(modules(minigrad, network, "SGD"), fullgraph=True)
        step(x, y)
        start = perf_counter()
        step(x, y)  # is recorded
        found.append(perf_counter() - start)
    return found


def _contestants(network: Network) -> dict[str, Contestant]:
    """What is timed, by name."""
    found: dict[str, Callable[[], Any]] = {
        "by hand": straightforward(network).contestant().run,
        "preallocated": preallocated(network).contestant().run,
        "Adam by hand": adam_by_hand(network),
    }
    for library, namespace in NAMESPACES.items():
        x, y = (namespace.from_numpy(a) for a in (network.x, network.y))
        for name, make in MAKE.items():
            found[f"{library} {name}"] = partial(make(namespace, network), x, y)
            if namespace is minigrad:
                step = minigrad.compile(make(namespace, network), fullgraph=True)
                losses = [step(x, y) for _ in range(4)]  # eager, recorded, compiled
                _check(f"{name} on {network.name}", losses, partial(make(namespace, network), x, y))
                found[f"compiled {name}"] = partial(step, x, y)
                if has_numba():
                    found |= _of_numba(name, network, x, y)
    return {name: Contestant(run) for name, run in found.items()}


def has_numba() -> bool:
    return find_spec("numba") is not None


def _of_numba(name: str, network: Network, x: Any, y: Any) -> dict[str, Callable[[], Any]]:
    """A step that numba compiles, one in a call and many."""
    make = MAKE[name]
    step = minigrad.compile(make(minigrad, network), fullgraph=True, backend="numba")
    _check(
        f"{name} on {network.name}",
        [step(x, y) for _ in range(4)],
        partial(make(minigrad, network), x, y),
        TOLERANCE,
    )
    rows = [part.expand(STEPS_PER_CALL, *part.shape) for part in (x, y)]
    batches = tuple([part.clone(memory_format=minigrad.contiguous_format) for part in rows])
    return {
        f"{NUMBA} {name}": partial(step, x, y),
        f"{REPEATED} {name}": partial(step.repeat, STEPS_PER_CALL, batches),
    }


def _check(
    case: str, losses: Sequence[Any], step: Callable[[], Any], tolerance: float = 0.0
) -> None:
    """Raise Disagreement unless a step has the losses of the compiled one: its bits by default."""
    results = {"compiled": losses, "minigrad": [step() for _ in losses]}
    check_agreement(
        case,
        {
            engine: {f"the loss of step {i}": loss.detach().numpy() for i, loss in enumerate(each)}
            for engine, each in results.items()
        },
        tolerance=tolerance,
        reference="minigrad",
    )


# Tables -------------------------------------------------------------------------------------------


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each kind of step, with its ratio to NumPy by hand on each network."""
    rounds = {(m.case, m.engine): m.rounds for m in measurements if m.quantity == STEP}
    cases = list(dict.fromkeys(case for case, _ in rounds))
    missed, lines = list[str](), []
    for engine in dict.fromkeys(engine for _, engine in rounds):
        line = [engine]
        for place, case in enumerate(cases):
            by_hand = rounds[case, "Adam by hand" if "Adam" in engine else "by hand"]
            own = rounds[case, engine]
            quotient = median(ratio(own, by_hand))
            target = TARGETS.get(engine.removeprefix("compiled "), ())[place : place + 1]
            line += [f"{median(own) * 1e6:,.1f}", f"{quotient:.2f}", *map(str, target or [""])]
            if target and quotient > target[0]:
                missed.append(f"{engine} on {case}")
        lines.append(line)
    lines += _recording_lines(measurements, cases, missed)
    headers = ["", *(text for case in cases for text in (case, "÷ by hand", "target"))]
    if not any(NUMBA in line[0] for line in lines):
        lines.append([f"{NUMBA}: not installed"])
    outcome = f"targets missed: {'; '.join(missed)}" if missed else "all targets are met"
    text = tabulate(lines, headers, disable_numparse=True)
    return f"µs per training step, and its ratio to NumPy by hand\n{text}\n{outcome}"


def _recording_lines(
    measurements: Sequence[Measurement], cases: Sequence[str], missed: list[str]
) -> list[list[str]]:
    """How long recordings of a step of modules take, in steps of minigrad.

    The target is that of the smallest network, on which a step takes least.
    """
    seconds = {(m.case, m.quantity, m.engine): m.median for m in measurements}
    lines = []
    for engine in dict.fromkeys(m.engine for m in measurements if m.quantity == RECORDING):
        line = [engine]
        for place, case in enumerate(cases):
            spent = seconds[case, RECORDING, engine]
            steps = spent / seconds[case, STEP, "minigrad SGD, modules"]
            line += [f"{spent * 1e6:,.0f}", f"{steps:.0f} steps", "" if place else str(MOST_STEPS)]
            if not place and steps > MOST_STEPS:
                missed.append(f"{engine} on {case}")
        lines.append(line)
    return lines
