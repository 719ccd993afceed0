"""Strategies for whole computations: trainings, calls of minigrad's ops, and random programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from bridge.drawing.operands import Case
from bridge.drawing.samples import draw_case, form_takes
from bridge.drawing.trainings import Training, draw_training
from bridge.random_programs.program import Program
from bridge.random_programs.writing import ACTIONS, TEXTURES, Slot, write_program

SEEDS = st.integers(0, 2**32 - 1)


def trainings(**kinds: Any) -> st.SearchStrategy[Training]:
    """Trainings; `kinds` are keyword arguments of `bridge.drawing.trainings.draw_training`.

    Hypothesis draws only a seed, as for `cases`. The smallest seeds give the simplest trainings.

    >>> from hypothesis import find
    >>> find(trainings(optimizers=("SGD",)), lambda found: found.steps > 9).optimizer
    'SGD'
    """
    return SEEDS.map(lambda seed: draw_training(seed, **kinds))


def cases(name: str, style: str = "wild") -> st.SearchStrategy[Case]:
    """Calls of the rule `name`, in one of the styles of `bridge.drawing.draws.RandomDraws`.

    Hypothesis draws a seed, and NumPy the rest. If hypothesis drew everything, most of 30 examples
    would be variations of an earlier one.
    """
    return SEEDS.map(lambda seed: draw_case(name, seed, style))


def cases_for(name: str, form: str, style: str = "wild") -> st.SearchStrategy[Case]:
    """Calls of the rule `name` that its form `form` can make."""
    return cases(name, style).filter(lambda case: form_takes(name, form, case))


@st.composite
def programs(
    draw: st.DrawFn,
    max_statements: int = 12,
    *,
    actions: Sequence[str] = ACTIONS,
    textures: Sequence[str] = TEXTURES,
    dtypes: Sequence[str] = ("float64", "float32"),
    recording: bool = False,
    ends: bool = True,
) -> Program:
    """Random programs, which run in either library (see `bridge.random_programs`).

    - `actions`: names of ops, and of other statements such as "leaf", "backward" and "detach".
    - `textures`: the kinds of leaves: "whole" numbers, "normal" ones, or "special" ones, which
      include infinities and NaN.
    - `dtypes`: one of these is drawn for most leaves.
    - `recording`: whether no statement runs in `no_grad`.
    - `ends`: whether the program ends with a `backward`.
    """
    texture, dtype = draw(st.sampled_from(textures)), draw(st.sampled_from(dtypes))
    recorded = st.just(True) if recording else st.integers(0, 7).map(lambda n: n < 7)
    slot = st.builds(Slot, st.sampled_from(actions), SEEDS, recorded)
    slots = draw(st.tuples(*(slot,) * max_statements))
    return write_program(slots, texture, dtype, ends)
