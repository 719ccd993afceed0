"""Hooks that pack the tensors which ops save, and unpack them in `backward`.

While hooks are set, an observer is told of each recorded node. It packs the arrays that the node's
pullbacks hold and takes them out. A pullback that is called gets the unpacked ones. Without hooks
there is no such observer, so they cost nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..rules.rule import Pullback
from .grad_mode import no_grad
from .higher_order import over_tensors, saved_tensors
from .node import Node, captures, holding
from .observer import Observer, observation
from .tensor import TensorBase, wrap
from .versions import hold, let_go


class _Hooks(threading.local):
    """The hooks of a thread, the innermost last, and the message that forbids them."""

    def __init__(self) -> None:
        self.stack: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = []
        self.refusal: str | None = None


hooks = _Hooks()


def packed(tensor: TensorBase) -> Callable[[], Any]:
    """Pack a tensor by the innermost hooks. The result unpacks it.

    RuntimeError if the hook writes to the tensor, TypeError if it doesn't unpack to a tensor.
    """
    pack, unpack = hooks.stack[-1]
    version, stack = tensor._counter[0], hooks.stack
    hooks.stack = []  # what a hook computes isn't packed
    try:
        with no_grad():
            value = pack(tensor)
    finally:
        hooks.stack = stack
    if tensor._counter[0] != version:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. It must make a new tensor."
        )

    def unpacked() -> Any:
        with no_grad():
            result = unpack(value)
        if not isinstance(result, TensorBase):
            kind = type(result).__name__
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                f"type {kind}"
            )
        return result

    return unpacked


class _Saver(Observer):
    """The observer that packs what nodes save, in threads that have hooks."""

    def __init__(self) -> None:
        self.users = 0

    def recorded(self, node: Node, result: Any) -> None:
        """Pack what the node's pullbacks hold."""
        if hooks.stack and type(node) is Node and node.pullbacks:
            contents = _Contents(node)
            if contents.unpack:
                edges = enumerate(node.pullbacks)
                node.pullbacks = [p and _Unpacking(contents, i) for i, p in edges]
                node.__class__ = _PackedNode


_saver = _Saver()


@contextmanager
def saving(pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Iterator[None]:
    """Set hooks for the ops that this thread records. RuntimeError where they are forbidden."""
    if hooks.refusal is not None:
        raise RuntimeError(hooks.refusal)
    hooks.stack = [*hooks.stack, (pack, unpack)]
    _count_user(1)
    try:
        yield
    finally:
        hooks.stack = hooks.stack[:-1]
        _count_user(-1)


def _count_user(change: int) -> None:
    hold()
    try:
        _saver.users += change
        observation.set("saver", _saver if _saver.users else None)
    finally:
        let_go()


@contextmanager
def refusing(message: str) -> Iterator[None]:
    """Let `saving` raise a RuntimeError with this message. It is an error if hooks are set."""
    if hooks.stack:
        raise RuntimeError(message)
    before, hooks.refusal = hooks.refusal, message
    try:
        yield
    finally:
        hooks.refusal = before


class _Hole:
    """What a pullback holds in the place of a packed array."""

    __slots__ = ("identity",)

    def __init__(self, identity: int) -> None:
        self.identity = identity


def _filling(thing: Any, arrays: dict[int, Any]) -> Any:
    return arrays[thing.identity] if isinstance(thing, _Hole) else thing


def _in_order(node: Node) -> list[int]:
    """What a node saves, by ids, as PyTorch packs it: operands by their names there, then results.

    PyTorch calls `input` "self" where an op has this name.
    """
    rule, places = node.rule, [identity for identity, _, _ in node.saved]
    if rule is None or not places:
        return places
    output, *others = places
    kinds = dict(zip(rule.parameters, rule.operands, strict=False))
    constants = [name for name, kind in kinds.items() if kind.startswith("Constant")]
    names = [*(rule.presentation.edges or [n for n in kinds if n not in constants]), *constants]
    if len(names) == len(others):  # there may be results, and there is nothing for some numbers
        own = ["self" if name == "input" else name for name in names]
        others = [identity for _, identity in sorted(zip(own, others, strict=True))]
    return [*others, output]


class _Contents:
    """What the pullbacks of a node hold, packed, and the pullbacks without it."""

    def __init__(self, node: Node) -> None:
        pullbacks: Sequence[Pullback | None] = node.pullbacks or ()
        arrays = {id(array): array for p in pullbacks for array in captures(p)}
        tensors = saved_tensors(node)
        # PyTorch packs a tensor for each operand that it is.
        slots = [identity for identity in _in_order(node) if identity in arrays]
        slots += [identity for identity in arrays if identity not in slots]
        self.unpack = [
            (each, packed(tensors[each] if each in tensors else wrap(np.asarray(arrays[each]))))
            for each in slots
        ]
        holes: dict[int, Any] = {identity: _Hole(identity) for identity in arrays}
        self.hollow = [p and holding(p, lambda x: holes.get(id(x), x)) for p in pullbacks]
        self.places = [identity for identity, _, _ in node.saved]
        self.last = max((i for i, p in enumerate(pullbacks) if p), default=0)
        self.open: list[Pullback | None] = []
        self.called = -1

    def filled(self) -> tuple[list[Pullback | None], dict[int, Any]]:
        """The pullbacks with the unpacked arrays, and these by the ids of the packed ones."""
        arrays = {identity: unpack()._array for identity, unpack in self.unpack}
        return [p and holding(p, lambda x: _filling(x, arrays)) for p in self.hollow], arrays

    def pullback(self, index: int) -> Pullback:
        """A pullback of a walk, which calls them in order. The first unpacks the arrays."""
        if not self.open or index <= self.called:
            self.open, _ = self.filled()
        self.called, found = index, self.open[index]
        if index == self.last:
            self.open = []
        assert found is not None
        return found


class _Unpacking:
    """A pullback of a packed node."""

    __slots__ = ("contents", "index")

    def __init__(self, contents: _Contents, index: int) -> None:
        self.contents, self.index = contents, index

    def __call__(self, g: Any) -> Any:
        return self.contents.pullback(self.index)(g)


class _PackedNode(Node):
    """A node whose arrays are packed. Its class is changed after it was recorded."""

    __slots__ = ()

    def check_saved(self) -> None:
        """Nothing: the hooks decide what a write to a packed tensor means."""

    def over_tensors(self) -> Sequence[Pullback | None] | None:
        with self.opened():
            return over_tensors(self)

    @contextmanager
    def opened(self) -> Iterator[None]:
        pullbacks, saved = self.pullbacks, self.saved
        contents = next(p.contents for p in pullbacks or () if isinstance(p, _Unpacking))
        self.pullbacks, arrays = contents.filled()
        self.saved = [
            (id(arrays[place]) if place in arrays else place, counter, counter[0])
            for place, (_, counter, _) in zip(contents.places, saved, strict=False)
        ]
        self.__class__ = Node  # type: ignore[assignment]
        try:
            yield
        finally:
            self.__class__ = _PackedNode
            self.pullbacks, self.saved = pullbacks, saved
