"""What a seed stands for: a random program, a call of a rule, or a training, and its judgement."""

from __future__ import annotations

import faulthandler
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

import minigrad
from bridge.comparing.replay import Replay
from bridge.drawing.trainings import Training, draw_training
from bridge.random_programs.checking import Fault, faults
from bridge.random_programs.numbered import draw_program, draw_rule_case
from bridge.random_programs.program import Program, Statement
from bridge.running.lockstep import lockstep

from . import PROGRAMS, RULES, TRAININGS

# Messages may print whole arrays.
LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class Disagreement:
    """How the subject of a seed differs between the libraries.

    Disagreements with the same `op` and `what` are of one kind, and probably have one cause.
    """

    op: str
    what: str
    message: str

    @property
    def kind(self) -> str:
        return f"{self.op}: {self.what}"


@dataclass
class RangeResult:
    """What the seeds from `first` to `first + count - 1` gave.

    `found` has the disagreements by seed. `calls` has a row for each call of an op: op, form,
    dtype, layout, and the op that made an operand or "".
    """

    found: dict[int, Disagreement] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)


def run_range(subject: str, first: int, count: int, limit: float | None = None) -> RangeResult:
    """Judge the subjects of a range of seeds.

    A subject that takes more than `limit` seconds ends the process, since nothing else would stop a
    loop in C. So `limit` is for a process that something restarts.
    """
    torch.set_num_threads(1)
    result = RangeResult()
    for seed in range(first, first + count):
        with limited(limit):
            found, calls = _judge_seed(subject, seed)
        if found is not None:
            result.found[seed] = found
        result.calls += calls
    return result


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """End the process if the block takes more than this many seconds."""
    if seconds is None:
        yield
        return
    assert sys.__stderr__ is not None
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _judge_seed(subject: str, seed: int) -> tuple[Disagreement | None, list[tuple[str, ...]]]:
    try:
        drawn = DRAWN[subject](seed)
    except Exception as error:
        return crash("drawing", error), []
    if isinstance(drawn, Training):
        return judge_training(drawn), []
    calls: list[tuple[str, ...]] = [
        (call.op, call.form, call.dtype, call.layout, after)
        for call in (s.call for s in drawn.statements)
        if call is not None
        for after in call.after or ("",)
    ]
    return judge_program(drawn), calls


DRAWN: dict[str, Callable[[int], Any]] = {
    PROGRAMS: draw_program,
    RULES: draw_rule_case,
    TRAININGS: lambda seed: draw_training(seed, dropout=False, max_steps=40),
}


# Judging ------------------------------------------------------------------------------------------


def judge_program(program: Program) -> Disagreement | None:
    """Compare a program in both libraries; None if they agree."""
    try:
        found = next(faults(program, program.run(minigrad)), None)
    except Exception as error:
        return crash("minigrad", error)
    if found is None:
        return None
    op, what = _blamed(program, found)
    return Disagreement(op, what, found.message[:LONGEST_MESSAGE])


def judge_training(training: Training) -> Disagreement | None:
    """Compare a training in lockstep; None if the libraries agree."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fault = lockstep(training.program(), dtype=training.dtype).fault
    except Exception as error:
        return crash("training", error)
    if fault is None:
        return None
    op = fault.op or f"{training.optimizer}, {training.scheduler}, {training.loss}"
    return Disagreement(op, _without_numbers(fault.what), str(fault)[:LONGEST_MESSAGE])


def crash(where: str, error: Exception) -> Disagreement:
    """Return the disagreement for an error where there should be none, by the function's name."""
    frames = traceback.extract_tb(error.__traceback__)
    place = frames[-1].name if frames else "unknown"
    message = f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]
    return Disagreement(where, f"{type(error).__name__} in {place}", message)


def _blamed(program: Program, fault: Fault) -> tuple[str, str]:
    """Return the op to blame, and what of it differs.

    PyTorch computes each op again from the same operands. If one differs on its own, it is to
    blame for all values and gradients that follow.
    """
    if fault.what.startswith(("value", "gradient")):
        with Replay() as replay:
            program.run(minigrad)
        if replay.first is not None:
            return replay.first.op, _without_numbers(replay.first.what)
    if fault.what == "gradient":
        name = rf"\b{fault.statement.names[0]}\b"
        users = (s for s in program.statements if s.call and re.search(name, s.text))
        user = next((s for s in users if s is not fault.statement), fault.statement)
        return called(user), fault.what
    return called(fault.statement), fault.what


def called(statement: Statement) -> str:
    """Return the op that a statement calls, or the last name that it calls.

    >>> called(Statement("a.backward(torch.tensor(1.0))"))
    'backward'
    """
    if statement.call is not None:
        return statement.call.op
    names = [n for n in re.findall(r"(\w+)\(", statement.text) if n != "tensor"]
    return names[-1] if names else "a leaf" if "tensor(" in statement.text else "an assignment"


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "N", text)


def as_plain(found: Disagreement) -> dict[str, str]:
    return asdict(found)
