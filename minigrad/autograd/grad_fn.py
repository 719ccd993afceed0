"""grad_fn: the tape as users see it, node by node, under PyTorch's names.

The tape itself has one class of node and no time for looks. What is shown of a node is made when
somebody asks, and is the same object for as long as anyone holds it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.node import FREED, Node, Parent
from .gradient_hooks import Hooks, RemovableHandle, leaf_hooks

if TYPE_CHECKING:
    from ..core.tensor import Tensor


class GradFn:
    """A node of the graph: what `grad_fn` is, and what `next_functions` lead to.

    Each kind has a class of its own, whose name is PyTorch's for the op's node.
    """

    __slots__ = ()

    _node: Node

    def name(self) -> str:
        """PyTorch's name for this kind of node.

        >>> (minigrad.ones(2, requires_grad=True) + 1).grad_fn.name()
        'AddBackward0'
        """
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """The nodes that its gradients go to, each with the number of the result there.

        For a leaf it is an `AccumulateGrad`, whose `variable` is the leaf; for an operand that does
        not require grad, None.

        >>> x = minigrad.ones(2, requires_grad=True)
        >>> y = x.exp() * 2
        >>> [node and node.name() for node, _ in y.grad_fn.next_functions]
        ['ExpBackward0', None]
        >>> y.grad_fn.next_functions[0][0].next_functions[0][0].variable is x
        True
        """
        return tuple((None, 0) if p is None else seen(p) for p in self._node.parents)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary to keep notes in; anomaly mode keeps its own there."""
        return self._node.notes()

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Have `fn(grad_inputs, grad_outputs)` called after this node's turn in a backward.

        Both are tuples of tensors: what goes to `next_functions`, and what arrived. It may return
        other `grad_inputs`. The handle's `remove()` takes it back.

        >>> y = minigrad.ones(2, requires_grad=True) * 2
        >>> _ = y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10, None))
        >>> minigrad.autograd.grad(y.sum(), y.grad_fn.next_functions[0][0].variable)
        (tensor([20., 20.]),)
        """
        return self._hooks().add("after", fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Have `fn(grad_outputs)` called before this node's turn; it may return others.

        >>> x = minigrad.ones(2, requires_grad=True)
        >>> y = x * 2
        >>> _ = y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
        >>> minigrad.autograd.grad(y.sum(), x)
        (tensor([20., 20.]),)
        """
        return self._hooks().add("before", fn)

    def _hooks(self) -> Hooks:
        return self._node.hooks_to_fill()


class _OfAnOp(GradFn):
    """What is shown of an op's node, with what it saved: `_saved_self`, `_saved_result`, …"""

    __slots__ = ("__weakref__", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        """PyTorch's name; that of a node made by hand there tells of its namespace."""
        name = type(self).__name__
        return name if name[-1].isdigit() else f"torch::autograd::{name}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            if self._node.pullbacks is None:
                raise RuntimeError(FREED)
            saved = self._saved()
            if name in saved:
                return saved[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._saved()]

    def _saved(self) -> dict[str, Tensor]:
        from ..core.higher_order import saved_tensors  # which needs the ops, and they the tape

        return saved_tensors(self._node)


class AccumulateGrad(GradFn):
    """Where a graph ends: what `next_functions` shows for a leaf, its `variable`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> (x + 1).grad_fn.next_functions[0][0].variable is x
    True
    """

    __slots__ = ("__weakref__", "_metadata", "variable")

    next_functions = ()

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self._metadata: dict[str, Any] = {}

    def name(self) -> str:
        """PyTorch's name for this kind of node."""
        return "torch::autograd::AccumulateGrad"

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary to keep notes in."""
        return self._metadata

    def _hooks(self) -> Hooks:
        return leaf_hooks(self.variable)


@functools.cache
def _class(name: str) -> type[_OfAnOp]:
    return type(name, (_OfAnOp,), {"__slots__": (), "__module__": __name__})


def shown(node: Node) -> GradFn:
    """What is shown of a node."""
    seen: GradFn | None = getattr(node, "_shown", _nothing)()
    if seen is None:
        seen = _class(node.name())(node)
        node._shown = weakref.ref(seen)
    return seen


def _nothing() -> None:
    """A reference that is dead."""


def seen(parent: Parent) -> tuple[GradFn, int]:
    """A parent as `next_functions` shows it."""
    if isinstance(parent, Node):
        return parent.as_seen()
    hooks = parent._hooks = parent._hooks or Hooks()
    node = None if hooks.accumulator is None else hooks.accumulator()
    if node is None:
        node = AccumulateGrad(parent)
        hooks.accumulator = weakref.ref(node)
    return node, 0
