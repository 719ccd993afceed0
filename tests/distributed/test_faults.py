"""A rank that dies, raises, never comes or disagrees ends all others by an error with its name."""

from __future__ import annotations

import pytest

from tests.distributed.processes import run_ranks

pytest.importorskip("torch")

START = """
import os, sys, time
from datetime import timedelta
import minigrad as torch
import minigrad.distributed as dist
rank = int(os.environ["RANK"])
dist.init_process_group("gloo", timeout=timedelta(seconds=10))
x = torch.ones(2)
dist.all_reduce(x)
"""
WATCHING = """
begun = time.monotonic()
try:
    {0}
except RuntimeError as error:
    print(f"{{time.monotonic() - begun:.1f}} s: {{type(error).__name__}}: {{error}}", flush=True)
    os._exit(7)
"""


def errors_of(program: str, culprit: int = 1, size: int = 3) -> list[str]:
    """The errors of all ranks but the culprit."""
    ended = run_ranks(size, program)
    others = [each for rank, each in enumerate(ended) if rank != culprit]
    for each in others:
        assert each.status == 7, each.errors
    return [each.output for each in others]


@pytest.mark.parametrize("culprit", [0, 1])
@pytest.mark.parametrize(
    "end",
    ["os._exit(3)", "os.kill(os.getpid(), 9)", "raise ValueError"],
    ids=["exits", "is killed", "raises"],
)
def test_a_rank_that_ends_is_named(end: str, culprit: int) -> None:
    watched = WATCHING.format("dist.all_reduce(x)")
    for error in errors_of(f"{START}\nif rank == {culprit}:\n    {end}\n{watched}", culprit):
        assert "DistBackendError: all_reduce(SUM) of float32 [2]" in error
        assert f"rank {culprit} di" in error, error
        assert float(error.partition(" s")[0]) < 10


def test_a_rank_that_never_comes_is_named() -> None:
    program = START.replace("10)", "2)") + "\nif rank == 1: time.sleep(6); os._exit(0)\n"
    for error in errors_of(program + WATCHING.format("dist.barrier()")):
        assert "barrier" in error
        assert "rank 1 didn't come" in error
        assert float(error.partition(" s")[0]) < 4


def test_rank_0_stays_until_a_slow_rank_knows_who_is_missing() -> None:
    slow = """
from minigrad.distributed.gloo import Gloo
if rank == 1: time.sleep(6); os._exit(0)
posted = Gloo.posted
Gloo.posted = lambda *given: time.sleep(rank / 2) or posted(*given)
"""
    program = START.replace("10)", "2)") + slow
    for error in errors_of(program + WATCHING.format("dist.barrier()")):
        assert "rank 1 didn't come" in error


def test_a_rank_that_never_starts_is_named() -> None:
    program = START.replace("10)", "2)")
    ended = run_ranks(3, program, ranks=(0, 1))
    for each in ended:
        assert "DistStoreError: init_process_group on rank" in each.errors
        assert "rank 2 of 3 didn't come within 2 s" in each.errors


MISMATCHES = {
    "dist.all_reduce(torch.ones(2 + (rank == 1)))": "all_reduce(SUM) of float32 [3]",
    "dist.all_reduce(x if rank == 1 else x.double())": "all_reduce(SUM) of float32 [2]",
    "dist.broadcast(x, 0) if rank == 1 else dist.all_reduce(x)": "broadcast(src=0) of float32 [2]",
    "dist.broadcast(x, int(rank == 1))": "broadcast(src=1) of float32 [2]",
    "dist.all_reduce(x, dist.ReduceOp.MAX if rank == 1 else dist.ReduceOp.SUM)": (
        "all_reduce(MAX) of float32 [2]"
    ),
}


def test_what_differs_is_named() -> None:
    """The group can still be used after each error."""
    calls = "".join(WATCHING.format(call).replace("os._exit(7)", "pass") for call in MISMATCHES)
    program = f"{START}{calls}\nx.fill_(1)\ndist.all_reduce(x)\nassert x[0] == 3\nos._exit(7)"
    for output in errors_of(program, culprit=-1):
        errors = output.splitlines()
        assert len(errors) == len(MISMATCHES)
        for error, told in zip(errors, MISMATCHES.values(), strict=True):
            assert f"rank 1 is at {told}, but rank 0 at" in error


def test_a_message_of_another_shape_is_named() -> None:
    call = "dist.send(torch.ones(3), 1) if rank == 0 else dist.recv(torch.ones(4), 0)"
    program = START + WATCHING.format(call)
    _, receiver = run_ranks(2, program)
    assert "rank 0 sends float32 [3], but the tensor here is float32 [4]" in receiver.output


def test_a_rank_that_dies_in_backward_is_named() -> None:
    program = (
        START
        + """
from minigrad.nn.parallel import DistributedDataParallel
model = DistributedDataParallel(torch.nn.Linear(2, 2))
def step():
    loss = model(torch.ones(1, 2)).sum()
    if rank == 1:
        os._exit(3)
    loss.backward()
"""
    )
    for error in errors_of(program + WATCHING.format("step()")):
        assert "gradients" in error
        assert "rank 1 didn't come" in error


def test_ddp_names_the_parameter_that_differs() -> None:
    program = (
        START
        + """
from minigrad.nn.parallel import DistributedDataParallel
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 3 + (rank == 1)))
"""
    )
    for error in errors_of(program + WATCHING.format("DistributedDataParallel(model)"), culprit=-1):
        assert "[1]: params[2], '1.weight', in this process with sizes [4, 2]" in error
