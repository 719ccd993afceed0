"""Two equal steps, one compiled, and everything that they must agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minigrad
from minigrad.compiling import CompiledStep, blocks


@contextmanager
def small_blocks(seed: int) -> Iterator[None]:
    """For odd seeds, steps that are recorded within compute two elements at a time, as blocks."""
    before = blocks.ELEMENTS
    blocks.ELEMENTS = 2 if seed % 2 else before
    try:
        yield
    finally:
        blocks.ELEMENTS = before


def bits(tensor: Any) -> Any:
    """The elements, dtype, strides and version of a tensor."""
    if not isinstance(tensor, minigrad.Tensor):
        return tensor
    array = tensor._array
    return array.dtype.name, array.shape, array.strides, array.tobytes(), tensor._version


@dataclass
class Setting:
    """A step and what it trains."""

    step: Callable[..., Any]
    tensors: dict[str, Any] = field(default_factory=dict)
    optimizer: Any = None
    scheduler: Any = None

    def state(self) -> list[Any]:
        """Everything that a step may change."""
        found: list[Any] = []
        for name, tensor in self.tensors.items():
            found += [(name, bits(tensor), bits(tensor.grad), tensor.requires_grad)]
        if self.optimizer is not None:
            saved = self.optimizer.state_dict()
            for number, state in saved["state"].items():
                found.append((number, {k: bits(v) for k, v in state.items()}))
            found.append(saved["param_groups"])
        if self.scheduler is not None:
            found.append(self.scheduler.state_dict())
        return found


def module_setting(
    make: Callable[[], Any], loss: Any, optimizer: Callable[[Any], Any], seed: int = 0
) -> Setting:
    """A step of a model, a loss and an optimiser."""
    minigrad.manual_seed(seed)
    model = make()
    opt = optimizer(model.parameters())

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        value = loss(model(x), y)
        value.backward()
        opt.step()
        return value

    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    return Setting(step, tensors, opt)


def agree(
    make: Callable[[], Setting],
    batches: list[tuple[Any, ...]],
    between: Callable[[Setting, int], None] | None = None,
    recorded: bool = True,
) -> CompiledStep:
    """Run a setting and its compiled twin over batches. They must agree after each."""
    eager, twin = make(), make()
    compiled = CompiledStep(twin.step, fullgraph=recorded)
    for i, batch in enumerate(batches):
        a = _outcome(eager.step, [x.clone() for x in batch])
        b = _outcome(compiled, [x.clone() for x in batch])
        assert a == b, (i, a, b)
        assert eager.state() == twin.state(), i
        if between is not None:
            between(eager, i)
            between(twin, i)
    if recorded:
        assert compiled.source
    return compiled


def _outcome(step: Callable[..., Any], batch: list[Any]) -> Any:
    try:
        result = step(*batch)
    except Exception as error:
        return type(error), str(error)
    results = result if isinstance(result, list | tuple) else [result]
    return [(bits(x), getattr(x, "requires_grad", None)) for x in results]


def numbers(seed: int, *shape: int) -> Any:
    rng = np.random.default_rng(seed)
    return minigrad.from_numpy(rng.standard_normal(shape).astype(np.float32))


def labels(seed: int, n: int, classes: int) -> Any:
    return minigrad.from_numpy(np.random.default_rng(seed).integers(0, classes, n))
