"""Inference mode, and the tensors that are made in it.

In inference mode nothing is recorded, and a new tensor has no version counter. So no write to it
could be noticed, and outside of the mode it can be neither written to nor saved for a gradient.
Such a tensor has an `Untracked` in the place of its counter, and so have its views.
"""

from __future__ import annotations

from typing import Any

from .grad_mode import Switch, grad_mode
from .tensor import TensorBase, mark_new
from .versions import Untracked, hold, let_go


def is_inference(input: TensorBase) -> bool:
    """Whether a tensor was made in inference mode, or is a view of one that was.

    >>> with minigrad.inference_mode():
    ...     x = minigrad.ones(2)
    >>> minigrad.is_inference(x), minigrad.is_inference(x[:1]), minigrad.is_inference(x * 2)
    (True, True, False)
    """
    return type(input._counter) is Untracked


def refuse_inference(tensor: TensorBase) -> None:
    """RuntimeError for a write to an inference tensor outside of inference mode."""
    if type(tensor._counter) is Untracked:
        tensor._counter[0] += 0


class inference_mode(Switch):
    """Don't record ops in the block, whatever `enable_grad` says in it.

    With `mode=False`, record them, also inside of another inference mode. The tensors made in the
    block are inference tensors (`is_inference`). RuntimeError outside of it for a write to one, for
    an op that saves one for its gradients, and for `requires_grad_`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.inference_mode():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__()  # type: ignore[misc]
        return self(mode)  # `@inference_mode` without parentheses

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self._outer = grad_mode.enabled, grad_mode.inference, grad_mode.asked
        _count_user(1)
        grad_mode.enabled, grad_mode.inference, grad_mode.asked = not self.mode, self.mode, False

    def __exit__(self, *exception: object) -> None:
        grad_mode.enabled, grad_mode.inference, grad_mode.asked = self._outer
        _count_user(-1)

    def _copy(self) -> Switch:
        copied: Switch = inference_mode(self.mode)
        return copied


_users = [0]  # the blocks of all threads


def _count_user(change: int) -> None:
    hold()
    try:
        _users[0] += change
        Untracked.exist = True
        mark_new(_mark if _users[0] else None)
    finally:
        let_go()


def _mark(tensor: TensorBase) -> None:
    if grad_mode.inference:  # of this thread
        tensor._counter = Untracked()
