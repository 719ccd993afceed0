"""A node of the tape: one recorded op, with the versions of the arrays that it saved.

For each operand, a node has a pullback and the parent that its gradient goes to: the node that
computed the operand, or the operand itself if it is a leaf. Tensors refer to nodes, and nodes to
their parents, never back. So a graph is freed by reference counting alone.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..rules import Rule
from ..rules.dtypes import scalar_name
from ..rules.rule import Array, Pullback
from .hooks import Attached
from .observer import UNOBSERVED, observation
from .versions import SavedVersion, Untracked, current, replaced, writes

if TYPE_CHECKING:
    from .tensor import TensorBase

Parent: TypeAlias = "Node | TensorBase"

next_number = itertools.count().__next__


class Node:
    """One recorded op.

    - `name`: PyTorch's name for this kind of node.
    - `rule`: the op's rule; None for a node that no rule made.
    - `parents`: for each operand that has a derivative, where its gradient goes, or None.
    - `pullbacks`: one for each parent, None where the parent is None; or None once freed.
    - `saved`: the versions of the result, of the operands of `parents`, and of the other operands.
    - `keeps`: whether `backward` keeps the pullbacks, because they saved nothing.
    - `shape` and `dtype`: those of the op's result, and so of its cotangent; None for an op with
      several results, whose cotangents come as a `Cotangents`.
    - `sequence_nr`: increases as nodes are made, so that a parent's is always smaller.
    - `writes`: the number of writes before it was made (`versions.writes`).
    - `attached`: hooks and notes, if there are any.
    - `shown_in`: the node that users see instead, if it is another, and which of its results this
      node has computed.
    """

    __slots__ = (
        "__weakref__",
        "attached",
        "dtype",
        "keeps",
        "name",
        "parents",
        "pullbacks",
        "rule",
        "saved",
        "sequence_nr",
        "shape",
        "shown_in",
        "writes",
    )

    takes_none = False  # whether its pullbacks accept None for a missing cotangent
    output_nr = 0  # which of an op's results this node stands for

    def __init__(
        self,
        name: str,
        rule: Rule | None,
        parents: Sequence[Parent | None],
        pullbacks: Sequence[Pullback | None],
        saved: Sequence[SavedVersion],
        result: Array,
        keeps: bool = False,
    ) -> None:
        self.name = name
        self.rule = rule
        self.parents = parents
        self.pullbacks: Sequence[Pullback | None] | None = pullbacks
        self.saved = saved
        self.keeps = keeps
        self.shape = result.shape
        self.dtype = result.dtype
        self.sequence_nr: float = next_number()
        self.writes = writes.count
        self.attached: Attached | None = None
        self.shown_in: tuple[OneNode, int] | None = None
        if Untracked.exist:
            self.refuse_inference()
        if observation.observer is not None:
            observation.observer.recorded(self, result)

    def grad_fn(self) -> Any:
        """The object that users see for this node; None if `grad_fn.py` is to make one."""
        return None

    def shown_name(self) -> str:
        """The name of the node that users see for this one."""
        return self.name if self.shown_in is None else self.shown_in[0].name

    def shown_output_nr(self) -> int:
        """Which of the results of the node that users see this node has computed."""
        return self.output_nr if self.shown_in is None else self.shown_in[1]

    def over_tensors(self) -> Sequence[Pullback | None] | None:
        """The pullbacks over Tensors; None if the engine is to run their code on Tensors."""
        return None

    def opened(self) -> AbstractContextManager[None]:
        """A context in which the pullbacks hold what they saved, which may be packed."""
        return nullcontext()

    # Saved arrays -----------------------------------------------------------------------------

    def origins(self) -> Iterator[tuple[int, list[int], Parent | None]]:
        """For each array that may have been saved: its id, its version counter, and its parent."""
        operands = list(self.parents)
        if self.attached is not None and self.attached.was_shown:
            place = self.place_behind()
            between = None if place is None else operands[place]
            if place is not None and isinstance(between, Node):
                operands[place] = between.parents[0]  # the node of the op that was inserted
        parents = itertools.chain((self, *operands), itertools.repeat(None))
        for (identity, counter, _), parent in zip(self.saved, parents, strict=False):
            yield identity, counter, parent

    def refuse_inference(self) -> None:
        """RuntimeError if a pullback captured an inference tensor, which has no version."""
        unsafe = {identity for identity, counter, _ in self.saved if type(counter) is Untracked}
        if unsafe and not unsafe.isdisjoint(self._captured()):
            raise RuntimeError(
                "Inference tensors cannot be saved for backward, because they do not track a "
                "version counter. Make a clone outside of inference mode to use it in a recorded "
                "op, or use no_grad() instead of inference_mode()."
            )

    def check_saved(self) -> None:
        """RuntimeError if an array that a pullback captured was written to since."""
        if any(counter[0] != version for _, counter, version in self.saved):
            captured, parents = self._captured(), {i: parent for i, _, parent in self.origins()}
            for identity, counter, version in self.saved:
                if counter[0] != version and identity in captured:
                    array, parent = captured[identity], parents.get(identity)
                    with (observation.observer or UNOBSERVED).working_on(self):
                        raise saved_modified(self, array, parent, counter, version)
        if replaced:
            self.follow_data()

    def _captured(self) -> dict[int, Array]:
        """The arrays that the pullbacks hold, by their ids.

        An id suffices to find one: it is alive, so no other array has its id.
        """
        return {id(array): array for p in self.pullbacks or () for array in captures(p)}

    def follow_data(self) -> None:
        """Let the pullbacks use the arrays that their operands got by an assignment to `.data`.

        As in PyTorch, this isn't so for the result, and for an operand that was transposed before.
        """
        captured, found, behind = self._captured(), {}, self.place_behind()
        for place, (identity, _, _) in enumerate(self.saved, -1):
            if place in (-1, behind):
                continue
            if identity in replaced and identity in captured:
                found[identity] = current(captured[identity])
        if found:
            self.pullbacks = [
                p and holding(p, lambda x: found.get(id(x), x)) for p in self.pullbacks or ()
            ]
            self.saved = [
                (id(found[identity]) if identity in found else identity, counter, version)
                for identity, counter, version in self.saved
            ]

    def place_behind(self) -> int | None:
        """The place in `parents` of the operand to which PyTorch applies another op first."""
        if self.rule is None:
            return None
        name, operand, _ = self.rule.presentation.before
        return self.rule.presentation.edges.index(operand) if name == self.name else None


class OneNode:
    """The node that users see for those of a composition.

    - `name`: PyTorch's name for this kind of node.
    - `parents`: for each operand, where its gradient goes, or None.
    - `shown`: the `grad_fn`, while a user holds it. All results of the composition have the same.
    - `hooked`: the nodes behind it that have hooks on the gradients of their results.
    """

    __slots__ = ("hooked", "name", "parents", "shown")

    def __init__(self, name: str, parents: Iterable[Parent | None]) -> None:
        self.name = name
        self.parents = tuple(parents)
        self.shown: weakref.ref[Any] | None = None
        self.hooked: weakref.WeakSet[Node] | None = None


class Cotangents(tuple[Any, ...]):
    """The cotangents of an op with several results, None for a result that received none."""

    __slots__ = ()
    shape = dtype = None

    def __add__(self, other: Any) -> Cotangents:
        return Cotangents(
            b if a is None else a if b is None else a + b for a, b in zip(self, other, strict=True)
        )


def captures(thing: Any) -> Iterator[Array]:
    """The arrays that a pullback holds: in its closure, and in the functions and tuples there.

    For a 0-d result, the rule may have captured a NumPy scalar.
    """
    if isinstance(thing, np.ndarray | np.generic):
        yield thing
    elif isinstance(thing, tuple | list):
        for item in thing:
            yield from captures(item)
    else:
        for cell in getattr(thing, "__closure__", None) or ():
            yield from captures(cell.cell_contents)


def holding(thing: Any, instead: Callable[[Any], Any]) -> Any:
    """A copy of a pullback, in which `instead(x)` takes the place of each object x that it holds.

    `instead` returns all objects itself that are to stay. A function without a closure isn't
    copied.
    """
    other = instead(thing)
    if other is not thing:
        return other
    if type(thing) in (tuple, list):
        return type(thing)([holding(item, instead) for item in thing])
    if not isinstance(thing, FunctionType) or not thing.__closure__:
        return thing
    cells = tuple([CellType(holding(c.cell_contents, instead)) for c in thing.__closure__])
    code, names = thing.__code__, thing.__globals__
    made = FunctionType(code, names, thing.__name__, thing.__defaults__, cells)
    made.__kwdefaults__ = thing.__kwdefaults__
    vars(made).update({name: holding(each, instead) for name, each in vars(thing).items()})
    return made


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def saved_modified(
    node: Node, array: Array, parent: Parent | None, counter: list[int], version: int
) -> RuntimeError:
    """The error for a saved array that was written to."""
    about_write = (observation.observer or UNOBSERVED).about_write(node, counter, version)
    made = ""
    if isinstance(parent, Node):
        op = re.sub("Backward[0-9]*$", "", parent.shown_name())
        made = f", which is output {parent.shown_output_nr()} of {op},"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{scalar_name(array)}Tensor {list(array.shape)}]{made} is at version "
        f"{counter[0]}; expected version {version} instead, at which {node.shown_name()} saved it. "
        "Make a new tensor instead of changing this one (x = x + y, not x += y), or change it "
        f"after backward.\n{about_write}"
    )
