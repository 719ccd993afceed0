"""A node of the tape: one op that was recorded, and what it saved.

A node holds its op's pullbacks and, for each, the parent to which its gradient goes: the node that
made the operand, or the operand itself if it is a leaf. Tensors point to nodes and nodes to nodes
and leaves, never back, so a graph dies by reference counting alone.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.rule import Array, Pullback
from . import anomaly_mode as anomaly
from .hooks import Hooks, RemovableHandle, leaf_hooks

if TYPE_CHECKING:
    from ..tensor import Tensor

Parent: TypeAlias = "Node | Tensor"
# Of an array that an op saw: its id, its storage's version counter, the version then.
Guard: TypeAlias = tuple[int, list[Any], int]
# The result's, then those of the operands that have a derivative, as the parents, then the others'.
Guards: TypeAlias = Sequence[Guard]
UNGUARDED: Guard = (0, [0], 0)  # a number's

_next_number = itertools.count().__next__


class Node:
    """One recorded op.

    - `rule`: the op's.
    - `parents`: for each operand that has a derivative, where its gradient goes; None if nowhere.
    - `pullbacks`: one for each parent, None where that is; itself None once they have been freed.
    - `guards`: what must not have been written to before the pullbacks are called.
    - `shape` and `dtype`: those of the op's result, and so of the gradient that arrives here.
    - `number`: counts up as nodes are made, so a parent's is always smaller.
    - `hooks`: what is to be called on the way, if anything is.
    """

    __slots__ = (
        "__weakref__",
        "_metadata",
        "dtype",
        "guards",
        "hooks",
        "number",
        "parents",
        "pullbacks",
        "rule",
        "shape",
    )

    takes_none = False  # whether the pullbacks have a use for a gradient that is missing

    def __init__(
        self,
        rule: Rule,
        parents: Sequence[Parent | None],
        pullbacks: Sequence[Pullback | None],
        guards: Guards,
        result: Array,
    ) -> None:
        self.rule = rule
        self.parents = parents
        self.pullbacks: Sequence[Pullback | None] | None = pullbacks
        self.guards = guards
        self.shape = result.shape
        self.dtype = result.dtype
        self.number = _next_number()
        self.hooks: Hooks | None = None
        if anomaly.mode.enabled:
            anomaly.remember(self)

    def name(self) -> str:
        """PyTorch's name for this kind of node.

        >>> (minigrad.ones(2, requires_grad=True) + 1).grad_fn.name()
        'AddBackward0'
        """
        assert isinstance(self.rule.backward, str)  # a node is made under one name
        return self.rule.backward

    def __repr__(self) -> str:
        return f"<{self.name().rpartition(':')[2]} object at {id(self):#x}>"

    # The graph, to be looked at ---------------------------------------------------------------

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
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
        return tuple((None, 0) if p is None else seen(p) for p in self.parents)

    def over_tensors(self) -> Sequence[Pullback | None]:
        """Its pullbacks, to be called with Tensors and recorded."""
        from .rereading import over_tensors  # which needs the ops, and they this

        return over_tensors(self)

    def as_seen(self) -> tuple[Node, int]:
        """This node as `grad_fn` and `next_functions` show it, and the number of its result."""
        return self, 0

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary to keep notes in; anomaly mode keeps its own there."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[str, Any] = {}
            return self._metadata

    def __dir__(self) -> list[str]:
        from .rereading import saved_tensors

        public = (name for name in super().__dir__() if not name.startswith("_saved_"))
        return [*public, *saved_tensors(self)]

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Have `fn(grad_inputs, grad_outputs)` called after this node's turn in a backward.

        Both are tuples of tensors: what goes to `next_functions`, and what arrived. It may return
        other `grad_inputs`. The handle's `remove()` takes it back.

        >>> y = minigrad.ones(2, requires_grad=True) * 2
        >>> _ = y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10, None))
        >>> minigrad.autograd.grad(y.sum(), y.grad_fn.next_functions[0][0].variable)
        (tensor([20., 20.]),)
        """
        return self.hooks_to_fill().add("after", fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Have `fn(grad_outputs)` called before this node's turn; it may return others.

        >>> x = minigrad.ones(2, requires_grad=True)
        >>> y = x * 2
        >>> _ = y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
        >>> minigrad.autograd.grad(y.sum(), x)
        (tensor([20., 20.]),)
        """
        return self.hooks_to_fill().add("before", fn)

    def hooks_to_fill(self) -> Hooks:
        """Its hooks, to be added to."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    # What was saved ---------------------------------------------------------------------------

    def histories(self) -> Iterator[tuple[int, list[Any], Parent | None]]:
        """Of each array that may have been saved: its id, its storage's version counter, and where
        its gradient goes, if anywhere."""
        origins = itertools.chain((self, *self.parents), itertools.repeat(None))
        for (identity, counter, _), origin in zip(self.guards, origins, strict=False):
            yield identity, counter, origin

    def check_saved(self) -> None:
        """RuntimeError if an array that a pullback captured was written to since."""
        # What was saved is looked for only when something was written to. An id is enough: a
        # captured array is alive, so nothing else can have come to have its id.
        captured = {id(array): array for p in self.pullbacks or () for array in captures(p)}
        origins = {identity: origin for identity, _, origin in self.histories()}
        for identity, counter, version in self.guards:
            if counter[0] != version and identity in captured:
                with anomaly.blaming(self):
                    array, origin = captured[identity], origins.get(identity)
                    raise RuntimeError(modified(self, array, origin, counter, version))


def saved_name(parameter: str) -> str:
    """PyTorch's name for what was saved of an operand; the first is `self` there."""
    return f"_saved_{'self' if parameter == 'input' else parameter}"


def _saved(name: str) -> property:
    """The attribute `_saved_self`, or its like: what a node saved, as a tensor."""

    def get(self: Node) -> Tensor:
        from .rereading import saved_tensors

        if self.pullbacks is None:
            raise RuntimeError(FREED)
        saved = saved_tensors(self)
        if name not in saved:
            raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")
        return saved[name]

    return property(get)


# Not by a `__getattr__`, which would slow down every look at a node.
for _name in {"result", *(name for rule in REGISTRY.values() for name in rule.parameters)}:
    setattr(Node, saved_name(_name), _saved(saved_name(_name)))


class AccumulateGrad(Node):
    """Where a graph ends: what `next_functions` shows for a leaf, its `variable`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> (x + 1).grad_fn.next_functions[0][0].variable is x
    True
    """

    __slots__ = ("variable",)

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self.parents, self.pullbacks, self.guards = (), (), ()

    def name(self) -> str:
        """PyTorch's name for this kind of node."""
        return "torch::autograd::AccumulateGrad"

    def hooks_to_fill(self) -> Hooks:
        """The leaf's."""
        return leaf_hooks(self.variable)


def seen(parent: Parent) -> tuple[Node, int]:
    """A parent as `next_functions` shows it. A leaf's is the same as long as anyone holds it."""
    if isinstance(parent, Node):
        return parent.as_seen()
    hooks = parent._hooks = parent._hooks or Hooks()
    node = None if hooks.accumulator is None else hooks.accumulator()
    if node is None:
        node = AccumulateGrad(parent)
        hooks.accumulator = weakref.ref(node)
    return node, 0


def captures(thing: Any) -> Iterator[Array]:
    """The arrays that a pullback holds on to: in its closure, and in what that holds.

    Of a 0-d result, it holds the NumPy scalar that the rule computed.
    """
    if isinstance(thing, np.ndarray | np.generic):
        yield thing
    elif isinstance(thing, tuple | list):
        for item in thing:
            yield from captures(item)
    else:
        for cell in getattr(thing, "__closure__", None) or ():
            yield from captures(cell.cell_contents)


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def modified(
    node: Node, array: Array, origin: Parent | None, counter: list[Any], version: int
) -> str:
    """What is wrong when a saved array was written to, and where that happened, if it is known."""
    kind = "Double" if array.dtype.itemsize == 8 else "Float"
    made = ""
    if isinstance(origin, Node):
        maker, number = origin.as_seen()
        made = f", which is output {number} of {re.sub('Backward[0-9]*$', '', maker.name())},"
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{kind}Tensor {list(array.shape)}]{made} is at version {counter[0]}; "
        f"expected version {version} instead, at which {node.name()} saved it. Make a new tensor "
        "instead of changing this one (x = x + y, not x += y), or change it after backward.\n"
        f"{anomaly.of_write(node, counter, version)}"
    )
