"""The memory of freed arrays stays in the process."""

import platform
import subprocess
import sys

import pytest

# Five megabytes of small arrays are made and freed in each step. It prints the page faults of one.
STEPS = """
import resource, sys
if sys.argv[1] == "with the engine":
    import minigrad
import numpy as np

def steps(n):
    for _ in range(n):
        arrays = [np.ones(30_000, np.float32) for _ in range(40)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = steps(5)
print((steps(20) - before) // 20)
"""


def page_faults(engine: str) -> int:
    command = [sys.executable, "-c", STEPS, engine]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back")
def test_a_step_gets_the_memory_of_the_step_before():
    assert page_faults("with the engine") < 100
    assert page_faults("without") > 500, "this version of glibc keeps freed memory by itself"
