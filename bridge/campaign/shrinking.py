"""Shrink a program to a short one with a disagreement of the same kind, and write it as a script.

Statements are left out one by one, from the last to the first, as long as the kind stays. A program
without a statement that others need raises NameError in both libraries, and so is none. Then the
texts that remain are simplified, and what an op computed is given as numbers.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from bridge.drawing.expressions import as_code
from bridge.random_programs.program import Execution, Program, Statement, TensorFacts

from . import TRAININGS
from .subjects import DRAWN, Disagreement, judge_program

_NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.\d+(?:e[+-]?\d+)?|inf|nan)\b")


def shrunk(program: Program, kind: str) -> Program:
    """Return a program that is as short as possible with a disagreement of this kind."""
    current = program
    while True:
        for candidate in _simpler(current):
            found = judge_program(candidate)
            if found is not None and found.kind == kind:
                current = candidate
                break
        else:
            return current


def rewritten(statements: Sequence[Statement]) -> Program:
    """Return the program of these statements, with PyTorch's trace and errors of it."""
    execution = Execution(torch)
    written = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for statement in statements:
            error = execution.run(statement)
            raises = "" if error is None else type(error).__name__
            written.append(replace(statement, raises=raises))
        return Program(tuple(written), execution.finished())


def _simpler(program: Program) -> Iterator[Program]:
    statements = program.statements
    for i in reversed(range(len(statements))):
        yield rewritten(statements[:i] + statements[i + 1 :])
    for i, statement in enumerate(statements):
        if statement.call is not None and statement.names and not statement.raises:
            leaves = (_as_leaf(program, name) for name in statement.names)
            yield rewritten((*statements[:i], *leaves, *statements[i + 1 :]))
        for simpler in _simpler_statements(statement):
            yield rewritten((*statements[:i], simpler, *statements[i + 1 :]))


def _as_leaf(program: Program, name: str) -> Statement:
    """Return a statement that makes a leaf with the values that a computed tensor had."""
    facts = program.theirs.facts[name]
    tracked = isinstance(facts, TensorFacts) and facts.requires_grad
    text = f"{name} = {as_code(program.theirs.values[name])}"
    return Statement(f"{text}.requires_grad_()" if tracked else text, (name,))


def _simpler_statements(statement: Statement) -> Iterator[Statement]:
    if not statement.recording:
        yield replace(statement, recording=True)
    text = statement.text
    for end in (".requires_grad_()", ", requires_grad=True", ", retain_graph=True"):
        if end in text:
            yield replace(statement, text=text.replace(end, ""))
    for found in _NUMBER.finditer(text):
        if found[0] not in ("1.0", "0.0"):
            for number in ("1.0", "0.0"):
                changed = text[: found.start()] + number + text[found.end() :]
                yield replace(statement, text=changed)


# Scripts ------------------------------------------------------------------------------------------

_PROGRAM_SCRIPT = '''\
"""{kind}

{message}

Found by: python -m bridge campaign --subject {subject} --seed {seed} --programs 1
"""

import copy
import importlib
import pickle
import warnings

inf, nan = float("inf"), float("nan")
warnings.simplefilter("always")


def run(torch):
{body}
    return {{name: x for name, x in locals().items() if isinstance(x, torch.Tensor)}}


for library in ("torch", "minigrad"):
    print(f"in {{library}}:")
    for name, x in run(importlib.import_module(library)).items():
        print(name, x, x.stride(), x.grad if x.is_leaf else "")
'''

_TRAINING_SCRIPT = '''\
"""{kind}

{message}

Found by: python -m bridge campaign --subject {subject} --seed {seed} --programs 1
"""

from bridge import lockstep
from bridge.drawing.class_samples import Layer
from bridge.drawing.trainings import Training

inf, nan = float("inf"), float("nan")
training = {training!r}

# The program runs in minigrad and in PyTorch.
print(lockstep(training.program(), dtype=training.dtype))
'''


def script(subject: str, seed: int, found: Disagreement) -> str:
    """Return a script that shows the disagreement of a seed in both libraries, shrunk.

    A training isn't shrunk; the script makes the one that was drawn.
    """
    drawn = DRAWN[subject](seed)
    described = {"kind": _in_docstring(found.kind), "subject": subject, "seed": seed}
    if subject == TRAININGS:
        message = _in_docstring(found.message)
        return _TRAINING_SCRIPT.format(**described, message=message, training=drawn)
    program = shrunk(drawn, found.kind)
    last = judge_program(program) or found
    lines = "\n".join(statement.source() for statement in program.statements).splitlines()
    body = "\n".join(f"    {line}" for line in lines) or "    pass"
    return _PROGRAM_SCRIPT.format(**described, message=_in_docstring(last.message), body=body)


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
