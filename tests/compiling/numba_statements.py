"""One statement of NumPy at a time, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiling.numba.running import NumbaRunning
from minigrad.compiling.printing import Names, name_all
from minigrad.compiling.program import Program
from minigrad.compiling.recording import Recording, current
from minigrad.compiling.rereading import numpy_recorded


def compiled(
    function: Callable[..., Any], *arrays: np.ndarray
) -> Callable[..., list[np.ndarray] | None]:
    """`function(np, *arrays)` recorded, and compiled by numba.

    It returns an array or a list of arrays. The compiled function is called with other arrays of
    the same layouts. It returns a list of arrays, or None if the program doesn't fit.
    """
    recording = Recording()
    recording.depth = 1  # as inside a rule
    inputs = [recording.input(array) for array in arrays]
    current.recording = recording
    try:
        with np.errstate(all="ignore"):
            results = function(numpy_recorded, *inputs)
            results = [r[...] for r in (results if isinstance(results, list) else [results])]
    finally:
        current.recording = None
    program, names = Program(recording, results), Names()
    for i, x in enumerate(inputs):
        names.give(x, f"x_{i}")
    name_all(names, program.statements)
    fresh = {id(x.storage) for x in program.outputs}
    given = [(x, True) for x in inputs]
    running = NumbaRunning(program, names, set(), fresh, {}, given, [], len(results))
    returned = ", ".join(names[x] for x in program.outputs)
    parameters = ", ".join(names[x] for x in inputs)
    body = "".join(f"    {line}\n" for line in [*running.body, f"return [{returned}]"])
    space = {"np": np, "empty_like": np.empty_like, "MISS": None, **running.bound}
    exec("\n".join([*running.setup, f"def call({parameters}):\n{body}"]), space)
    call: Callable[..., list[np.ndarray] | None] = space["call"]
    return call
