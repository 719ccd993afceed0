"""DistributedDataParallel against PyTorch's, on two ranks and alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad.distributed as dist
from minigrad import nn
from minigrad.nn.parallel import DistributedDataParallel
from tests.distributed.processes import LIMIT, PROGRAMS, environment, free_port, run_mpi, run_ranks

TRAINING = PROGRAMS / "training.py"


def trained(folder: Path, **variables: object) -> tuple[float, str]:
    """The last loss of rank 0, and the digest of the parameters, the same on all ranks."""
    ended = run_ranks(2, TRAINING, folder / "checkpoint.pt", **variables)
    for each in ended:
        assert each.status == 0, each.errors
    lines = [each.output.split() for each in ended]
    assert lines[0][1] == lines[1][1]
    return float(lines[0][0]), lines[0][1]


def test_a_training_takes_pytorchs_steps(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    loss, _ = trained(ours, LIBRARY="minigrad")
    expected, _ = trained(theirs, LIBRARY="torch")
    assert loss == pytest.approx(expected, abs=1e-4)


def test_a_killed_training_continues_bit_for_bit(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    first, second = run_ranks(2, TRAINING, killed / "checkpoint.pt", LIBRARY="minigrad", KILL=2)
    assert second.status == -9
    assert first.status == 1
    assert "rank 1 didn't come" in first.errors
    assert [path.name for path in killed.iterdir()] == ["checkpoint.pt"]
    assert trained(killed, LIBRARY="minigrad") == trained(whole, LIBRARY="minigrad")
    continued, uninterrupted = ((f / "checkpoint.pt").read_bytes() for f in (killed, whole))
    assert continued == uninterrupted


def test_torchrun_starts_it(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    launcher = ["torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    ended = subprocess.run(
        [sys.executable, "-m", *launcher, str(TRAINING), str(tmp_path / "checkpoint.pt")],
        env=environment(LIBRARY="minigrad"),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert ended.returncode == 0, ended.stderr
    assert len({line.split()[1] for line in ended.stdout.splitlines()}) == 1


def test_mpiexec_starts_it(tmp_path: Path) -> None:
    ended = run_mpi(2, TRAINING, tmp_path / "checkpoint.pt", LIBRARY="minigrad", BACKEND="mpi")
    assert ended.status == 0, ended.errors
    assert len({line.split()[1] for line in ended.output.splitlines()}) == 1


def test_minigrad_run_runs_a_program_unchanged() -> None:
    pytest.importorskip("torch")
    ended = subprocess.run(
        [sys.executable, "-m", "minigrad", "run", str(PROGRAMS / "spawned.py"), str(free_port())],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert ended.returncode == 0, ended.stderr
    # The average of both ranks' gradients; and `torch` is minigrad, which has no `torch.fx`.
    assert ended.stdout == "[[[1.5, 1.5]], [[1.5, 1.5]]] False\n"


# What a rank does by itself -----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def alone() -> object:
    dist.init_process_group("gloo", "tcp://localhost:1", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def gradients(model: nn.Module) -> list[np.ndarray]:
    return [p.grad.numpy().copy() for p in model.parameters()]


@pytest.mark.parametrize("as_views", [False, True])
@pytest.mark.parametrize("megabytes", [0, 1e-5, 25])
def test_gradients_are_those_without(as_views: bool, megabytes: float) -> None:
    minigrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = minigrad.randn(5, 3)
    (model(x) ** 2).sum().backward()
    expected = gradients(model)
    model.zero_grad()
    wrapped = DistributedDataParallel(
        model, bucket_cap_mb=megabytes, gradient_as_bucket_view=as_views
    )
    assert (len(wrapped.reducer.buckets) == 1) == (megabytes == 25)
    for times in (1, 2):  # the second step adds to the gradients of the first
        (wrapped(x) ** 2).sum().backward()
        for found, once in zip(gradients(model), expected, strict=True):
            np.testing.assert_array_equal(found, times * once)
    for i, parameter in enumerate(model.parameters()):
        place = wrapped.reducer.bucket_of[i].places[i]
        assert np.shares_memory(parameter.grad.numpy(), place) == as_views


def test_buckets_are_reduced_while_backward_goes_on() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    wrapped = DistributedDataParallel(model, bucket_cap_mb=0)
    launched = []
    first = model[0].register_full_backward_hook(
        lambda *_: launched.append(wrapped.reducer.launched)
    )
    wrapped(minigrad.ones(1, 2, requires_grad=True)).sum().backward()
    first.remove()
    assert launched[0] >= 2  # those of the last layer, before the first layer's are there


def test_a_parameter_that_is_not_used_is_named() -> None:
    class Partial(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.left = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
            return self.used(x)

    model = DistributedDataParallel(Partial())
    model(minigrad.ones(1, 2)).sum().backward()
    with pytest.raises(
        RuntimeError, match=r"left\.weight, left\.bias.*find_unused_parameters=True"
    ):
        model(minigrad.ones(1, 2))
    model = DistributedDataParallel(Partial(), find_unused_parameters=True)
    for _ in range(2):
        model(minigrad.ones(1, 2)).sum().backward()
    assert model.module.left.weight.grad is None
    assert model.module.used.bias.grad.tolist() == [2, 2]


def test_no_sync_leaves_the_gradients_alone() -> None:
    model = DistributedDataParallel(nn.Linear(2, 1))
    with model.no_sync():
        model(minigrad.ones(1, 2)).sum().backward()
        assert not model.reducer.expecting
        assert not model.reducer.launched
    model(minigrad.ones(1, 2)).sum().backward()
    assert model.reducer.launched == len(model.reducer.buckets)
    assert model.module.bias.grad.tolist() == [2]


def test_names_and_arguments() -> None:
    torch = pytest.importorskip("torch")
    wrapped = DistributedDataParallel(nn.Linear(2, 1))
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    known = set(torch.nn.parallel.DistributedDataParallel.__init__.__code__.co_varnames)
    from minigrad.nn.parallel import _UNSUPPORTED

    assert set(_UNSUPPORTED) <= known
    for name in _UNSUPPORTED:
        with pytest.raises(NotImplementedError, match=name):
            DistributedDataParallel(nn.Linear(2, 1), **{name: object()})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        DistributedDataParallel(nn.Linear(2, 1), nothing=1)
    with pytest.raises(RuntimeError, match="is not needed"):
        DistributedDataParallel(nn.ReLU())
    with pytest.raises(ValueError, match="device_ids"):
        DistributedDataParallel(nn.Linear(2, 1), device_ids=[0])
    with pytest.warns(FutureWarning, match="forward_sync_buffers"):
        DistributedDataParallel(nn.Linear(2, 1), broadcast_buffers=False)


def test_threads_for_gpus_call_the_module() -> None:
    torch = pytest.importorskip("torch")

    def seen(t: Any) -> Any:
        t.manual_seed(0)
        module = t.nn.Linear(2, 3)
        model = t.nn.DataParallel(module, [0], output_device=1, dim=1)
        assert model.module is module
        y = model(input=t.ones(4, 2))
        y.sum().backward()
        with pytest.raises(TypeError):
            model()
        shown = repr(model), model.device_ids, [*model.state_dict()]
        return *shown, y.tolist(), module.weight.grad.tolist()

    assert seen(minigrad) == seen(torch)
