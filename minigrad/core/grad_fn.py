"""grad_fn: the nodes of the tape as users see them, under PyTorch's names.

The object that users see for a node is made when they ask for it, and stays the same for as long as
they hold it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules import REGISTRY
from ..rules.rule import Pullback
from .backward import accumulate
from .higher_order import named_saved_tensors
from .hooks import Attached, RemovableHandle, attached_to_leaf, attached_to_node
from .node import FREED, Node, OneNode, Parent
from .tensor import TensorBase
from .walk import gradients_of_parents


class GradFn:
    """A node of the graph: the type of `grad_fn`, and of the nodes in `next_functions`.

    Each kind of node has its own class, named as in PyTorch.
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

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        """The nodes that the gradients go to, each with the operand's position among its results.

        The node of a leaf is an `AccumulateGrad`, whose `variable` is the leaf. For an operand that
        doesn't require grad it is None.

        >>> x = minigrad.ones(2, requires_grad=True)
        >>> y = x.exp() * 2
        >>> [node and node.name() for node, _ in y.grad_fn.next_functions]
        ['ExpBackward0', None]
        >>> y.grad_fn.next_functions[0][0].next_functions[0][0].variable is x
        True
        """
        node = self._node.shown_in[0] if self._node.shown_in else self._node
        return tuple((None, 0) if parent is None else edge(parent) for parent in node.parents)

    @property
    def requires_grad(self) -> bool:
        """True: what doesn't require grad has no node."""
        return True

    def _sequence_nr(self) -> int:
        """A number that is larger for a node that was made later."""
        return int(self._node.sequence_nr)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for notes, which anomaly mode uses too."""
        return self._attached().notes

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Register `fn(grad_inputs, grad_outputs)`, to be called after this node in a backward.

        Both are tuples of tensors: the gradients for `next_functions`, and those that arrived. It
        may return other `grad_inputs`. The handle's `remove()` unregisters it.

        >>> y = minigrad.ones(2, requires_grad=True) * 2
        >>> _ = y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10, None))
        >>> minigrad.autograd.grad(y.sum(), y.grad_fn.next_functions[0][0].variable)
        (tensor([20., 20.]),)
        """
        return self._attached().add("after", fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Register `fn(grad_outputs)`, to be called before this node. It may return others.

        >>> x = minigrad.ones(2, requires_grad=True)
        >>> y = x * 2
        >>> _ = y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
        >>> minigrad.autograd.grad(y.sum(), x)
        (tensor([20., 20.]),)
        """
        return self._attached().add("before", fn)

    def _parent(self) -> Parent:
        """What gradients for this node are sent to: the node of the tape, or the leaf."""
        return self._node

    def _attached(self) -> Attached:
        return attached_to_node(self._node)


class _OpGradFn(GradFn):
    """The node of an op, with its saved tensors: `_saved_self`, `_saved_result`, …"""

    __slots__ = ("__weakref__", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node

    def name(self) -> str:
        """PyTorch's name, with its namespace for a node that isn't generated from a formula."""
        name = type(self).__name__
        generated = name.removesuffix("_copy")[-1].isdigit()
        in_python = name == "ResizeBackward"  # PyTorch has it as a Function
        return name if generated or in_python else f"torch::autograd::{name}"

    def __call__(self, *grad_outputs: TensorBase | None) -> Any:
        """The gradients for `next_functions`, from the one that arrives here. No hook is called.

        They are a tuple if there are several, and None where nothing is to be sent.
        NotImplementedError for a node that stands for several ops.

        >>> x = minigrad.tensor([1., 2.], requires_grad=True)
        >>> (x * x.detach()).grad_fn(minigrad.ones(2))
        (tensor([1., 2.]), None)
        """
        if self._node.shown_in is not None:
            raise NotImplementedError(
                f"{self.name()} can't be called: it stands for several ops; use autograd.grad"
            )
        found = gradients_of_parents(self._node, _only_one(grad_outputs))
        return found[0] if len(found) == 1 else found

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

    def _saved(self) -> dict[str, TensorBase]:
        """What the node saved, by PyTorch's names. Those of a composition are unknown."""
        return named_saved_tensors(self._node) if self._node.shown_in is None else {}


class AccumulateGrad(GradFn):
    """The end of a graph: the node that `next_functions` has for a leaf, its `variable`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> (x + 1).grad_fn.next_functions[0][0].variable is x
    True
    """

    __slots__ = ("__weakref__", "_metadata", "variable")

    next_functions = ()

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable
        self._metadata: dict[str, Any] = {}

    def name(self) -> str:
        """PyTorch's name for this kind of node."""
        return "torch::autograd::AccumulateGrad"

    def __call__(self, *grad_outputs: TensorBase | None) -> tuple[()]:
        """Add a gradient to the `.grad` of the leaf."""
        g = _only_one(grad_outputs)
        if g is not None:
            accumulate(self.variable, g._array.copy())
        return ()

    def _sequence_nr(self) -> int:
        """The largest number, as in PyTorch: the walk ends here."""
        return 2**64 - 1

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for notes."""
        return self._metadata

    def _parent(self) -> Parent:
        """The leaf."""
        return self.variable

    def _attached(self) -> Attached:
        return attached_to_leaf(self.variable)


def _only_one(given: tuple[Any, ...]) -> Any:
    """The gradient that a node was called with. TypeError for several, or for another type."""
    if len(given) != 1:
        raise TypeError(f"expected 1 arguments, got {len(given)} instead")
    if not (given[0] is None or isinstance(given[0], TensorBase)):
        raise TypeError(f"argument 0 is not a Variable but of type {type(given[0]).__name__}")
    return given[0]


@functools.cache
def _class(name: str) -> type[_OpGradFn]:
    return type(name, (_OpGradFn,), {"__slots__": (), "__module__": __name__})


def grad_fn(node: Node) -> GradFn:
    """The object that users see for a node."""
    own: GradFn | None = node.grad_fn()
    if own is not None:
        return own
    if node.shown_in is not None:
        return _held(node.shown_in[0], node)
    if node.attached is None or not node.attached.was_shown:
        attached_to_node(node).was_shown = True
        _insert_op_before(node)
    return _held(attached_to_node(node), node)


def _held(holder: Attached | OneNode, node: Node) -> GradFn:
    """The object that a user still holds for a node, or a new one."""
    shown: GradFn | None = None if holder.shown is None else holder.shown()
    if shown is None:
        shown = _class(node.shown_name())(node)
        holder.shown = weakref.ref(shown)
    return shown


def _insert_op_before(node: Node) -> None:
    """Insert the node of the op that PyTorch applies to an operand first, if there is one."""
    place = node.place_behind()
    parent = None if place is None else node.parents[place]
    if parent is None or node.rule is None:
        return
    name = node.rule.presentation.before[2]
    apply = _OWN_INVERSE[name]
    shape = parent.shape if isinstance(parent, Node) else parent._array.shape
    like = apply(np.broadcast_to(np.zeros((), node.dtype), shape))
    rule = REGISTRY[name]
    between = Node(rule.node_name((), {}), rule, (parent,), (apply,), (), like, keeps=True)
    between.sequence_nr = node.sequence_nr - 0.5  # after its parent
    node.parents = [between if i == place else p for i, p in enumerate(node.parents)]
    if node.pullbacks is not None:
        edges = enumerate(node.pullbacks)
        node.pullbacks = [_followed(p, apply) if p and i == place else p for i, p in edges]


def _followed(pullback: Pullback, apply: Pullback) -> Pullback:
    return lambda g: apply(pullback(g))


# Ops that undo themselves, so each is also its own pullback.
_OWN_INVERSE: dict[str, Pullback] = {"t": lambda g: g.T, "clone": lambda g: g}


def edge(parent: Parent) -> tuple[GradFn, int]:
    """A parent as `next_functions` shows it, with the position of the result."""
    if isinstance(parent, Node):
        return grad_fn(parent), parent.shown_output_nr()
    if parent._attached is None:
        parent._attached = Attached()
    shown = None if parent._attached.shown is None else parent._attached.shown()
    if shown is None:
        shown = AccumulateGrad(parent)
        parent._attached.shown = weakref.ref(shown)
    return shown, 0
