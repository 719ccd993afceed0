"""Numbered programs: a seed is all that a program is drawn from.

    draw_program(7)                       # any program
    draw_program(first_seed("relu") + 7)  # one that calls relu, next to an op that 7 stands for

A seed has two parts. The lower 32 bits number the programs. The upper bits name the op that they
are about, counted from 1; with 0 they are about none. So whoever wants more calls of an op chooses
seeds, and each seed still gives the same program every time.
"""

from __future__ import annotations

import numpy as np

from bridge.drawing.samples import draw_case

from .ops import OPS, write_case
from .pool import Slot
from .program import Program
from .statements import backward
from .writer import ProgramWriter, StatementKind
from .writing import ACTIONS, TEXTURES, write_program

PER_OP = 2**32
SEEDS = PER_OP * (len(OPS) + 1)  # there are no others
SLOTS = 12


def first_seed(op: str) -> int:
    """Return the first seed of the programs that are about an op; 0 for an empty name.

    >>> [draw_program(first_seed("tanh") + n).source().count("tanh") > 0 for n in range(3)]
    [True, True, True]
    """
    return PER_OP * (OPS.index(op) + 1) if op else 0


def op_of(seed: int) -> str:
    """Return the op that the program is about, or "".

    >>> op_of(first_seed("tanh") + 3)
    'tanh'
    """
    return OPS[seed // PER_OP - 1] if seed >= PER_OP else ""


def draw_rule_case(seed: int) -> Program:
    """Draw a call of one op with the wildest operands, and its backward, from a seed.

    Consecutive seeds call different ops.

    >>> draw_rule_case(OPS.index("tanh")).statements[1].call.op
    'tanh'
    """
    op = OPS[seed % len(OPS)]
    case = draw_case(op, seed // len(OPS) + 2**16, "wild")  # from 2**16, shapes have 3 dimensions

    def kind_of(action: str) -> StatementKind:
        return (lambda writer: write_case(writer, case)) if action == op else backward

    texture = "special" if seed // len(OPS) % 2 and not case.finite else "normal"
    writer = ProgramWriter(texture, "float64")
    return writer.write([Slot(op, seed), Slot("backward", seed)], kind_of)


def draw_program(seed: int) -> Program:
    """Draw the program of a seed, without hypothesis, which takes longer than all the rest.

    IndexError if the seed names an op that doesn't exist.
    """
    rng = np.random.default_rng(seed)
    actions = [ACTIONS[i] for i in rng.integers(len(ACTIONS), size=SLOTS)]
    if op := op_of(seed):
        # The op and another one, which gets its result or makes its operand, twice.
        other = OPS[seed % PER_OP % len(OPS)]
        actions[2:4], actions[6:8] = [op, other], [other, op]
    seeds = rng.integers(2**32, size=SLOTS)
    recording = rng.integers(8, size=SLOTS) < 7
    slots = [Slot(a, int(s), bool(r)) for a, s, r in zip(actions, seeds, recording, strict=True)]
    texture = TEXTURES[rng.integers(len(TEXTURES))]
    dtype = ("float64", "float32")[rng.integers(2)]
    return write_program(slots, texture, dtype)
