"""Write a random program from slots, one statement for each.

A slot is what hypothesis draws: an action and a seed. The statement follows from the slot and the
tensors that exist by then. PyTorch runs each statement as soon as it is written, to know which
tensors the next one can use.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ops import OPS, SMOOTH, write_op
from .pool import Slot
from .program import Program
from .statements import STATEMENTS
from .writer import ProgramWriter, StatementKind

NOTHING, LEAF = "nothing", "leaf"
# What a slot may do. Ops with a derivative are drawn three times as often as the others.
ACTIONS = (
    NOTHING,
    *(name for name, (_, times) in STATEMENTS.items() for _ in range(times)),
    *(*OPS, *SMOOTH, *SMOOTH),
    # PyTorch computes powers in several ways, ignores some empty tensors, and has several layouts.
    *(*("pow",) * 14, *("cat",) * 3, *("index",) * 6, *("masked_fill",) * 3),
)
TEXTURES = ("whole", "normal", "special")


def write_program(
    slots: Sequence[Slot], texture: str = "whole", dtype: str = "float64", ends: bool = True
) -> Program:
    """Write the program for these slots; if `ends`, it ends with a `backward`.

    >>> program = write_program([Slot("leaf", seed=32), Slot("relu", seed=2)])
    >>> print(program.source("minigrad"), end="")
    import minigrad as torch
    <BLANKLINE>
    a = torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64, requires_grad=True)
    b = a.relu()
    b.backward(torch.tensor([0.0, 2.0, -2.0], dtype=torch.float64))
    """
    last = [Slot("backward", len(slots))] if ends else []
    return ProgramWriter(texture, dtype).write([*slots, *last], _kind_of)


def _kind_of(action: str) -> StatementKind:
    if action == NOTHING:
        return lambda writer: None
    return STATEMENTS[action][0] if action in STATEMENTS else write_op
