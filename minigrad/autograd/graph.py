"""torch.autograd.graph: edges of the graph, and hooks for the tensors that ops save."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..api.tensor import Tensor
from ..core.backward import GradientEdge
from ..core.grad_fn import GradFn as Node
from ..core.grad_fn import edge
from ..core.hooks import RemovableHandle, leaf_hooks
from ..core.saved_hooks import refusing, saving
from ..core.tensor import refresh
from ..core.versions import count_write
from ..core.walk import current_walk

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
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


class _Allowing(threading.local):
    active: object = None  # the innermost context of `allow_mutation_on_saved_tensors`


_allowing = _Allowing()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[object]:
    """Let `backward` use the tensors that ops saved as they were, whatever is written to them.

    Each tensor that an op saves in this context is copied at once. `backward` belongs into the same
    context: AssertionError outside of it. RuntimeError for a context in another one.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> with minigrad.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = y * y
    ...     _ = y.zero_()
    ...     z.sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    if _allowing.active is not None:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    own = _allowing.active = object()

    def pack(tensor: Tensor) -> Tensor:
        return tensor.detach().clone()

    def unpack(copy: Tensor) -> Tensor:
        if _allowing.active is not own:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in "
                "which the graph was recorded"
            )
        return copy

    try:
        with saving(pack, unpack):
            yield own
    finally:
        _allowing.active = None


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Register a hook for the gradients of several tensors. The handle's `remove()` unregisters it.

    With `mode="all"`, `fn` is called once per backward pass, as soon as all gradients that it
    computes have arrived, with a list of them, None for a tensor that gets none. With "any", `fn`
    is called with the first gradient that arrives. ValueError for another mode, AssertionError for
    a tensor that doesn't require grad, which "any" leaves out.

    >>> x, y = minigrad.ones(2, requires_grad=True), minigrad.ones(2, requires_grad=True)
    >>> _ = minigrad.autograd.graph.register_multi_grad_hook((x, y), print)
    >>> (x * 2 + y).sum().backward()
    [tensor([2., 2.]), tensor([1., 1.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        tensors = [tensor for tensor in tensors if tensor.requires_grad]
    elif not all(tensor.requires_grad for tensor in tensors):
        raise AssertionError("register_multi_grad_hook: all tensors must require grad")
    parents = []
    for tensor in tensors:
        refresh(tensor)
        parents.append(tensor._node or tensor)
    leaf_hooks.exist = True  # so that every walk knows of itself
    # For each walk: the gradients so far, and how many are still to come.
    walks: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()

    def hook_of(place: int) -> Callable[[Any], None]:
        def hook(gradient: Any) -> None:
            walk = current_walk()
            if walk is None:  # it began before there was any hook of this kind
                return
            if walk not in walks:
                walks[walk] = [[None] * len(parents), walk.arrives_at(parents)]
                if mode == "any":
                    fn(gradient)
            state = walks[walk]
            state[0][place] = gradient
            state[1] -= 1
            if mode == "all" and state[1] == 0:
                fn(state[0])

        return hook

    handles = [tensor.register_hook(hook_of(i)) for i, tensor in enumerate(tensors)]
    return _MultiHandle(handles)


class _MultiHandle(RemovableHandle):
    """The handle of a hook on several tensors."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
