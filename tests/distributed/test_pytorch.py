"""PyTorch itself is found where the name `torch` means minigrad."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from minigrad.app.stand_in import StandIn, installed
from minigrad.distributed.pytorch import c10d, is_installed, pytorch
from tests.distributed.processes import environment


def test_what_is_loaded_already_is_found() -> None:
    with installed():
        stand_in = sys.modules.get("torch")
        assert pytorch() is torch
        assert is_installed()
        assert hasattr(c10d(), "ProcessGroupGloo")
        assert sys.modules.get("torch") is stand_in
        import torch as shown

        assert isinstance(shown, StandIn)
        assert pytorch() is torch
        assert sys.modules["torch"] is shown
    assert sys.modules["torch"] is torch


def test_what_is_loaded_later_is_loaded_once() -> None:
    program = """
import sys
from minigrad.app.stand_in import installed
from minigrad.distributed.pytorch import pytorch
with installed():
    import torch
    real = pytorch()
    assert real is not torch and sys.modules["torch"] is torch
    assert real is pytorch()
import torch
assert torch is real
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr


def test_without_pytorch_the_error_says_what_to_do() -> None:
    program = """
import sys
sys.modules["torch"] = None
from minigrad.distributed.pytorch import is_installed, pytorch
import minigrad.distributed as dist
assert not dist.is_backend_available("gloo")
try:
    dist.init_process_group("gloo", "tcp://localhost:1", rank=0, world_size=2)
except ModuleNotFoundError as error:
    assert "pip install" in str(error) and "backend mpi" in str(error)
else:
    raise AssertionError
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
