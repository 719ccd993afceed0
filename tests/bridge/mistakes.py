"""Plant a mistake in a rule or a scheduler, and skip dropout where PyTorch's masks differ."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

import minigrad
from bridge.comparing.watching import engine_watched
from minigrad.optim.lr_scheduler import LRScheduler
from minigrad.rules import REGISTRY


def _draws_the_same_masks() -> bool:
    generators = minigrad.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    ours, theirs = (
        t.empty(20).bernoulli_(0.5, generator=g).tolist()
        for t, g in zip((minigrad, torch), generators, strict=True)
    )
    return ours == theirs


SAME_MASKS = _draws_the_same_masks()
same_masks = pytest.mark.skipif(
    not SAME_MASKS, reason="this build of PyTorch draws dropout's masks from MKL"
)

ArrayChange = Callable[[Any], Any]


@contextmanager
def mistake_in_rule(
    name: str, value: ArrayChange | None = None, derivative: ArrayChange | None = None
) -> Iterator[None]:
    """Within the context, change the rule's value, or the result of each of its pullbacks."""
    forward = REGISTRY[name].forward

    def watch(run: Callable[..., Any], function: Any, *args: Any, **options: Any) -> Any:
        result = run(function, *args, **options)
        if function is not forward:
            return result
        output, pullbacks = result
        if value is not None:
            first, *rest = output if isinstance(output, tuple) else (output,)
            output = (value(first), *rest) if rest else value(first)
        if derivative is not None:
            pullbacks = tuple(map(changed, pullbacks))
        return output, pullbacks

    def changed(pullback: Any) -> Any:
        return pullback and (lambda g: derivative(pullback(g)))

    with engine_watched(watch):
        yield


def _ignoring_the_first_step(kind: Any) -> Any:
    started = set()

    class Late(kind):  # type: ignore[misc]
        @functools.wraps(kind.step)  # so that the loss is passed
        def step(self, *loss: float) -> None:
            if self in started:
                super().step(*loss)
            started.add(self)

    return Late


def one_epoch_late(kind: Any) -> Any:
    """Return a scheduler class whose learning rates come one epoch late."""
    if kind.get_lr is LRScheduler.get_lr:  # it has no schedule, but watches a loss or steps others
        return _ignoring_the_first_step(kind)

    class Late(kind):  # type: ignore[misc]
        def get_lr(self) -> Any:
            if self.last_epoch <= 1:
                return [group["lr"] for group in self.optimizer.param_groups]
            self.last_epoch -= 1
            try:
                return super().get_lr()
            finally:
                self.last_epoch += 1

    return Late
