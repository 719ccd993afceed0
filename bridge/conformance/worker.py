"""The process in which a candidate runs: `python -m bridge.conformance.worker NOTE`.

It reads requests as lines of JSON from standard input, and writes answers as lines of JSON. What
runs at the moment stands in the file NOTE, for the parent to read if this process dies.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any, TextIO

NOTE_SIZE = 2**16
_HEAD = struct.Struct("<QI")


class Note:
    """A text and a counter in a file that two processes share."""

    def __init__(self, path: str) -> None:
        file = os.open(path, os.O_RDWR)
        self._memory = mmap.mmap(file, NOTE_SIZE)
        os.close(file)

    def write(self, text: str) -> None:
        data = text.encode(errors="replace")[: NOTE_SIZE - _HEAD.size]
        count, _ = _HEAD.unpack_from(self._memory)
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, 0, count + 1, len(data))

    def read(self) -> tuple[int, str]:
        """Return how many texts were written, and the last."""
        count, size = _HEAD.unpack_from(self._memory)
        return count, self._memory[_HEAD.size : _HEAD.size + size].decode(errors="replace")


def create_note(path: Path) -> Note:
    """Make the file of a note."""
    path.write_bytes(bytes(NOTE_SIZE))
    return Note(str(path))


def serve(requests: TextIO, answers: TextIO, note: Note) -> None:
    """Load the candidate of the first request, then answer the others."""

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    first = json.loads(requests.readline())
    sys.path[:] = first["path"]
    import torch  # takes seconds, during which the parent shows that it waits

    from . import rules
    from .adapter import BadCandidate, load, name_of
    from .suites import SUITES, judge

    torch.set_num_threads(1)
    try:
        adapter = load(first["candidate"])
    except BadCandidate as error:
        answer(bad=str(error))
        return
    units = {suite: SUITES[suite].units(adapter) for suite in first["suites"]}
    kinds = rules.kinds_of(adapter) if first["kinds"] else {}
    answer(ready=name_of(adapter), units=units, kinds=kinds)
    _limit_memory(first["memory"])
    for line in requests:
        job = json.loads(line)
        note.write(f"{job['suite']} {job['unit']}")
        options = {"examples": job["examples"], "seed": job["seed"], "note": note.write}
        options["deadline"] = time.monotonic() + job["seconds"]
        if "kinds" in job:
            options["kinds"] = job["kinds"]
        try:
            for verdict in judge(adapter, job["suite"], job["unit"], **options):
                answer(verdict=verdict.to_dict())
        except Exception as error:
            answer(failed=f"{type(error).__name__}: {error}", program=note.read()[1])
        answer(done=True)


def _limit_memory(most: int) -> None:
    """Let allocations of more than `most` bytes from now on fail with MemoryError."""
    try:
        import resource  # Windows has none

        pages = int(Path("/proc/self/statm").read_text().split()[5])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + most
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError):
        pass  # the parent watches the memory too


def main() -> None:
    """Serve; what the candidate prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(sys.stdin, answers, Note(sys.argv[1]))


if __name__ == "__main__":
    main()
