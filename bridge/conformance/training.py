"""The suite `training`: a network's losses and gradients, from PyTorch's parameters at each step.

`by hand` programs use a few ops only, so that every engine with `matmul` can take part. A library
that claims to be PyTorch also runs the tutorial's programs and drawn trainings, minigrad in
lockstep, op by op.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

import minigrad
from bridge.drawing.trainings import draw_training
from bridge.running.lockstep import lockstep
from bridge.running.program import SteppedProgram
from minigrad.app import datasets
from minigrad.app.programs import PROGRAMS

from .adapter import Adapter, Missing
from .calls import close
from .namespace import Namespace, library_of
from .verdicts import ERROR, MISSING, RIGHT, WRONG, Verdict, one_line

SUITE = "training"
ACTIVATIONS = ("relu", "tanh", "sigmoid", "exp")
BY_HAND, TUTORIAL, DRAWN = "by hand, ", "tutorial, ", "drawn"
RATE = 0.05
STEPS = 6  # of a program of a complete library


def units(adapter: Adapter) -> list[str]:
    """Return the kinds of trainings."""
    by_hand = [f"{BY_HAND}{name}" for name in ACTIVATIONS]
    if library_of(adapter) is None:
        return by_hand
    return [*by_hand, *(f"{TUTORIAL}{name}" for name in PROGRAMS), DRAWN]


def judge(
    adapter: Adapter,
    name: str,
    *,
    examples: int = 12,
    seed: int = 0,
    deadline: float = float("inf"),
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Verdict]:
    """Yield the verdict on one kind of training."""
    library = library_of(adapter)
    t = library if library is not None else Namespace(adapter)
    run = _by_hand if name.startswith(BY_HAND) else _complete
    for i in range(max(1, examples // 4)):
        if i and time.monotonic() > deadline:
            break
        note(f"{SUITE} {name}, seed {seed + i}")
        try:
            fault = run(t, name, seed + i)
        except (Missing, NotImplementedError, AttributeError) as error:
            yield Verdict(SUITE, name, name, MISSING, message=one_line(error))
            return
        except Exception as error:
            said = one_line(f"{type(error).__name__}: {error}")
            yield Verdict(SUITE, name, name, ERROR, "training", said, _text(name, seed + i))
            return
        if fault:
            text = _text(name, seed + i)
            yield Verdict(SUITE, name, name, WRONG, "training", fault, text, examples=i + 1)
            return
    yield Verdict(SUITE, name, name, RIGHT, examples=i + 1)


def _text(name: str, seed: int) -> str:
    if name == DRAWN:
        return f"# {draw_training(seed, dropout=False)!r}"
    if name.startswith(TUTORIAL):
        return f"# minigrad.app.programs.PROGRAMS[{name.removeprefix(TUTORIAL)!r}], seed {seed}"
    return f"# a network of two layers with {name.removeprefix(BY_HAND)}, seed {seed}"


def _by_hand(t: Any, name: str, seed: int, steps: int = 5) -> str:
    """Train a network of two layers with a mean of squares; return the first difference."""
    rng = np.random.default_rng(seed)
    n, features, hidden, outputs = (int(k) for k in rng.integers(1, 6, 4))
    x, y = rng.standard_normal((n, features)), rng.standard_normal((n, outputs))
    shapes = ((features, hidden), (hidden,), (hidden, outputs), (outputs,))
    parameters = [rng.uniform(-1, 1, shape) for shape in shapes]
    for step in range(1, steps + 1):
        results = []
        for each in (torch, t):
            results.append(_step(each, name.removeprefix(BY_HAND), x, y, parameters))
        theirs, ours = results
        for what, a, b in zip(("loss", "w1", "b1", "w2", "b2"), ours, theirs, strict=True):
            if a is None or a.shape != b.shape or not close(a, b):
                which = what if what == "loss" else f"gradient of {what}"
                return one_line(f"step {step}: {which}: {a}, not {b}")
        parameters = [p - RATE * g for p, g in zip(parameters, theirs[1:], strict=True)]
    return ""


def _step(t: Any, activation: str, x: Any, y: Any, parameters: list[np.ndarray]) -> list[Any]:
    """Return the loss and the gradients of the parameters."""
    w1, b1, w2, b2 = leaves = [t.from_numpy(p.copy()).requires_grad_() for p in parameters]
    hidden = getattr(t, activation)(t.from_numpy(x.copy()) @ w1 + b1)
    error = hidden @ w2 + b2 - t.from_numpy(y.copy())
    loss = (error * error).sum()
    loss.backward()
    grads = [leaf.grad for leaf in leaves]
    plain = [loss.detach().numpy() if not hasattr(loss, "array") else loss.array()]
    return plain + [g if g is None or isinstance(g, np.ndarray) else g.numpy() for g in grads]


def _complete(library: Any, name: str, seed: int) -> str:
    """Run a program in a library with all of PyTorch's names; return the first difference."""
    program = _program(name, seed)
    with warnings.catch_warnings(action="ignore"):
        if library is minigrad:
            report = lockstep(program, steps=STEPS)
            return "" if report.ok else one_line(report.verdict())
        for step, (ours, theirs) in enumerate(zip(program(library), program(torch), strict=False)):
            if step > STEPS:
                break
            a, b = (np.asarray(float(each.loss)) for each in (ours, theirs))
            if not close(a, b):
                return f"step {step}: loss {a}, not {b}"
    return ""


def _program(name: str, seed: int) -> SteppedProgram:
    if name == DRAWN:
        return draw_training(seed, dropout=False).program()
    data = datasets.load(datasets.TOY)
    return partial(PROGRAMS[name.removeprefix(TUTORIAL)], x=data.x, y=data.y, seed=seed)
