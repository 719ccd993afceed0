"""torch.autograd.graph: hooks for the tensors that ops save for `backward`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..core.grad_fn import GradFn as Node
from ..core.saved_hooks import refusing, saving

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Let `pack_hook(tensor)` replace each tensor that an op saves in this context.

    What it returns is kept instead. When `backward` needs the tensor, `unpack_hook` gets that and
    returns the tensor. The innermost hooks count. RuntimeError if a pack hook writes to its tensor,
    and TypeError in `backward` if an unpack hook doesn't return one.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> pack, unpack = (lambda t: t.detach().numpy().tobytes()), None
    >>> def unpack(data):
    ...     return minigrad.from_numpy(np.frombuffer(data, np.float32).copy())
    >>> with minigrad.autograd.graph.saved_tensors_hooks(pack, unpack):
    ...     y = x * x
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        for name, hook in (("pack_hook", self.pack_hook), ("unpack_hook", self.unpack_hook)):
            if not callable(hook):
                raise TypeError(f"{name} must be callable, not {type(hook).__name__}")
        self._entered = saving(self.pack_hook, self.unpack_hook)
        self._entered.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._entered.__exit__(None, None, None)


class save_on_cpu(saved_tensors_hooks):
    """Keep the tensors that ops save on the CPU, where they are. `pin_memory` has no effect.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> with minigrad.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor.detach(), lambda tensor: tensor)


def disable_saved_tensors_hooks(error_message: str) -> AbstractContextManager[None]:
    """Let `saved_tensors_hooks` raise a RuntimeError with this message in this context.

    >>> with minigrad.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     with minigrad.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
    RuntimeError: not here
    """
    return refusing(error_message)
