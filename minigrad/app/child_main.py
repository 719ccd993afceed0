"""The main module of a new process of a program that `minigrad run` runs.

Python's multiprocessing, with the start method "spawn" or "forkserver", imports the parent's main
module in the new interpreter, under this module's name. The program itself is executed here, with
minigrad in PyTorch's place.
"""

from __future__ import annotations

import os
from pathlib import Path

PROGRAM = "MINIGRAD_PROGRAM"  # the variable of the environment with the program's path

if __name__ == "__mp_main__":
    from minigrad.app.stand_in import install  # only a new process needs it

    install()
    __file__ = os.environ[PROGRAM]
    exec(compile(Path(__file__).read_bytes(), __file__, "exec", dont_inherit=True), globals())
