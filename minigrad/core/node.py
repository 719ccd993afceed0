"""A node of the tape: one op that was recorded, and what it saved.

A node holds its op's pullbacks and, for each, the parent to which its gradient goes: the node that
made the operand, or the operand itself if it is a leaf. Tensors point to nodes and nodes to nodes
and leaves, never back, so a graph dies by reference counting alone.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..autograd import anomaly_mode as anomaly
from ..autograd.gradient_hooks import Hooks
from ..rules import Rule
from ..rules.dtypes import SCALAR_NAMES
from ..rules.rule import Array, Pullback

if TYPE_CHECKING:
    from ..autograd.grad_fn import GradFn
    from .tensor import Tensor

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
        "_notes",
        "_shown",
        "dtype",
        "guards",
        "hooks",
        "number",
        "parents",
        "pullbacks",
        "rule",
        "shape",
    )

    _shown: weakref.ref[GradFn]  # while anyone looks at it
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
        """PyTorch's name for this kind of node."""
        assert isinstance(self.rule.backward, str)  # a node is made under one name
        return self.rule.backward

    def as_seen(self) -> tuple[GradFn, int]:
        """What `grad_fn` and `next_functions` show of this node, and the number of its result."""
        from ..autograd.grad_fn import shown  # which is written in terms of this

        return shown(self), 0

    def notes(self) -> dict[str, Any]:
        """A dictionary to keep notes in, as anomaly mode does."""
        try:
            return self._notes
        except AttributeError:
            self._notes: dict[str, Any] = {}
            return self._notes

    def over_tensors(self) -> Sequence[Pullback | None]:
        """Its pullbacks, to be called with Tensors and recorded."""
        from .higher_order import over_tensors  # which needs the ops, and they this

        return over_tensors(self)

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
    kind = SCALAR_NAMES[array.dtype]
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
