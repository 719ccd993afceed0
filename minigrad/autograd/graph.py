"""torch.autograd.graph: edges of the graph, and hooks for the tensors that ops save."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from ..api.tensor import Tensor
from ..core.backward import GradientEdge
from ..core.grad_fn import GradFn as Node
from ..core.grad_fn import edge
from ..core.saved_hooks import refusing, saving
from ..core.tensor import refresh
from ..core.versions import count_write

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "save_on_cpu",
    "saved_tensors_hooks",
]


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor arrives. `grad` and `backward` take it in the tensor's place.

    RuntimeError for a tensor that doesn't require grad.

    >>> y = minigrad.ones(2, requires_grad=True) * 2
    >>> edge = minigrad.autograd.graph.get_gradient_edge(y)
    >>> edge.node.name(), edge.output_nr
    ('MulBackward0', 0)
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that needs no gradient"
        )
    refresh(tensor)
    parent = tensor._node or tensor
    node, output_nr = edge(parent)
    # Each result of a custom Function has a place of its own in the tape.
    return GradientEdge(node, output_nr, None if node._parent() is parent else parent)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write to each tensor, for code that writes to its memory without the engine.

    >>> x = minigrad.ones(2)
    >>> minigrad.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        count_write(each._counter)


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
