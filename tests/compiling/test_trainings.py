"""Drawn trainings: 20 compiled steps over changing batches are those of the engine, to the bit."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given, settings

pytest.importorskip("torch")

import minigrad
from bridge.drawing.bodies import BODIES
from bridge.drawing.trainings import Training
from bridge.running.program import advance
from bridge.strategies import trainings
from minigrad import nn
from minigrad.compiling import CompiledStep
from tests.compiling.twin_steps import Setting, bits, small_blocks
from tests.profiles import examples

STEPS = 20
RECORDED = ("SGD", "Adam", "RMSprop")


def setting_of(training: Training) -> Setting:
    minigrad.manual_seed(training.seed)
    model, loss, optimizer, *schedulers = training.setup(minigrad)
    dtype = getattr(minigrad, training.dtype)
    model.to("cpu", dtype)
    if isinstance(loss, nn.Module):
        loss.to("cpu", dtype)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    return Setting(step, tensors, optimizer, schedulers[0] if schedulers else None)


@given(trainings(dropout=False))
def test_a_training(training: Training) -> None:
    check_compiled(training)


@settings(max_examples=examples(12))
@given(trainings(dropout=False, optimizers=RECORDED, layers=("Tanh", "ReLU"), bodies=tuple(BODIES)))
def test_a_training_of_images_or_sequences(training: Training) -> None:
    check_compiled(training)


def check_compiled(training: Training) -> None:
    eager, twin = setting_of(training), setting_of(training)
    compiled = CompiledStep(twin.step)
    dtype = getattr(minigrad, training.dtype)
    inputs, targets = training.data()

    def batch(i: int) -> list[Any]:
        start = i * training.batch_size % len(inputs)
        rows = slice(start, start + training.batch_size)
        found = [minigrad.from_numpy(part[rows].copy()) for part in (inputs, targets)]
        return [x.to(dtype) if x.is_floating_point() else x for x in found]

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "minigrad.compile can't record")
        for i in range(STEPS):
            a = eager.step(*batch(i))
            with small_blocks(training.seed):
                b = compiled(*batch(i))
            assert bits(a) == bits(b), i
            assert eager.state() == twin.state(), i
            if eager.scheduler is not None and i % 3 == 2:
                advance(eager.scheduler, a.item())
                advance(twin.scheduler, a.item())
