"""bridge/libraries/environment.py: what is recorded, what raises, and what is restored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
from bridge import compare
from bridge.libraries.environment import (
    DeviceError,
    check_device,
    describe,
    environment,
    flush_to_zero,
    prepared,
)


@pytest.fixture
def flushing() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormal numbers")
    yield
    torch.set_flush_denormal(False)


def test_the_environment_is_recorded() -> None:
    found = environment(seed=7)
    assert found["versions"]["minigrad"] == minigrad.__version__
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["threads"]["torch"] == torch.get_num_threads()
    assert found["blas"]["numpy"]
    assert found["blas"]["torch"]
    assert found["tf32"].keys() == {"matmul", "cudnn"}
    assert found["device"] == "cpu"
    assert found["seed"] == 7
    json.dumps(found, allow_nan=False)
    text = describe(found)
    for part in (torch.__version__, np.__version__, "seed 7", "TF32", "threads: torch"):
        assert part in text


def test_tf32_is_off_in_the_block_and_restored() -> None:
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [flag.allow_tf32 for flag in flags]
    try:
        for flag in flags:
            flag.allow_tf32 = True
        with prepared("cpu"):
            assert environment()["tf32"] == {"matmul": False, "cudnn": False}
        with pytest.raises(ZeroDivisionError), prepared("cpu"):
            raise ZeroDivisionError
        assert [flag.allow_tf32 for flag in flags] == [True, True]
    finally:
        for flag, value in zip(flags, before, strict=True):
            flag.allow_tf32 = value


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    with prepared("cpu"):
        assert torch.get_num_threads() == before


def test_flush_to_zero_is_detected_as_off() -> None:
    assert flush_to_zero() == {"minigrad": False, "torch": False}
    assert "flush-to-zero" not in describe(environment())


def test_flush_to_zero_is_detected_and_reported(flushing: None) -> None:
    assert flush_to_zero()["torch"]
    assert "flush-to-zero is on" in describe(environment())
    report = compare(lambda torch, x: x * 2, np.ones(2))
    assert report.environment["flush_to_zero"]["torch"]


@pytest.mark.parametrize("device", ["nowhere", "meta", "mps:0"])
def test_other_devices_raise(device: str) -> None:
    with pytest.raises(DeviceError):
        check_device(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_raises() -> None:
    with pytest.raises(DeviceError, match=r"finds no CUDA device.*use the device cpu"):
        check_device("cuda")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_named() -> None:
    check_device("cuda")
    with pytest.raises(DeviceError, match="CUDA device"):
        check_device("cuda:99")
    assert torch.cuda.get_device_name() in environment("cuda")["device_name"]
