"""The node of one call of a Function: what it kept, and how the user's `backward` is called.

The context that `forward` is given is what users see as the `grad_fn` of the results; the node of
the tape holds it. Between that and each result stands a node for that result alone, so that what
arrives is known by its place.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.grad_mode import is_grad_enabled
from ..core.higher_order import as_it_was, fitted
from ..core.node import FREED, Node, Parent, modified
from ..core.tensor import Tensor, _up_to_date, wrap
from ..core.tracing import count_write
from ..core.views import View, rebase, set_history
from ..rules import REGISTRY
from ..rules.rule import Pullback
from .grad_fn import GradFn
from .gradient_hooks import RemovableHandle, all_replaced, registered

if TYPE_CHECKING:
    from .function import Function

FUNCTION = replace(REGISTRY["clone"], name="Function", linear=False)  # for want of a rule


class FunctionCtx:
    """What `forward` and `setup_context` have to do with: the `ctx` of a `Function`.

    Any other attribute that they set is there again in `backward`.
    """

    needs_input_grad: tuple[bool, ...]
    _to_save: tuple[Tensor | None, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _materialize_grads = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `saved_tensors`: operands, results, or others; None is kept as None.

        `backward` raises RuntimeError if one of them was written to after this call of the
        Function. A second call replaces what the first kept. TypeError for anything but tensors.
        """
        for index, tensor in enumerate(tensors):
            if not (tensor is None or isinstance(tensor, Tensor)):
                kind = type(tensor).__name__
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {index} is of type "
                    f"{kind}; keep it as an attribute of ctx"
                )
        self._to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that `forward` wrote into these operands, each of which it must also return."""
        self._dirty = _only_tensors("mark_dirty can only accept variables", tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these results are not to require grad; `backward` gets zeros for them."""
        said = "mark_non_differentiable only accepts variable arguments"
        self._non_differentiable = _only_tensors(said, tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for a result without a gradient."""
        self._materialize_grads = value


def _only_tensors(said: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    for index, tensor in enumerate(given):
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise RuntimeError(f"{said}, but argument {index} is of type {kind}")
    return given


class Arrived(dict[int, Any]):
    """Gradients of a Function's results, by their places: what the walk brings to its node."""

    shape = dtype = None  # which are the node's, too

    def __add__(self, other: Arrived) -> Arrived:
        both = Arrived(self | other)
        for place in self.keys() & other.keys():
            there = [g for g in (self[place], other[place]) if g is not None]
            both[place] = sum(there[1:], there[0]) if there else None
        return both


class Result(Node):
    """The node of one result of a call, through which its gradient goes to the call's node."""

    __slots__ = ("place",)

    takes_none = True

    def __init__(self, call: Node, place: int, result: Tensor) -> None:
        to_call: Pullback = lambda g: Arrived({place: g})  # noqa: E731
        super().__init__(replace(FUNCTION, linear=True), (call,), (to_call,), (), result._array)
        self.place = place

    def name(self) -> str:
        """The call's."""
        return self.as_seen()[0].name()

    def as_seen(self) -> tuple[GradFn, int]:
        """The call's node, and the place of this result."""
        (call,) = self.parents
        assert isinstance(call, Node)
        return call.as_seen()[0], self.place

    def over_tensors(self) -> Sequence[Pullback | None]:
        """As over arrays: gradients only pass through."""
        return self.pullbacks or ()


class Call(Node):
    """The node of one call of a Function. What there is to do, the call's context does."""

    __slots__ = ("context",)

    takes_none = True

    def __init__(self, context: BackwardCFunction) -> None:
        self.context = context
        super().__init__(FUNCTION, context._parents, (), (), Arrived())

    def name(self) -> str:
        """The Function's name, and Backward."""
        return self.context.name()

    def as_seen(self) -> tuple[GradFn, int]:
        """The context."""
        return self.context, 0

    @property
    def pullbacks(self) -> Sequence[Pullback | None] | None:
        """One for each operand; whichever is called first has `backward` give all gradients."""
        return self.context._shares(recorded=False)

    @pullbacks.setter
    def pullbacks(self, pullbacks: Sequence[Pullback | None] | None) -> None:
        if pullbacks is None:
            self.context._freed, self.context._saved = True, []

    def over_tensors(self) -> Sequence[Pullback | None]:
        """The same, recorded."""
        return self.context._shares(recorded=True)


class Kept(NamedTuple):
    """A tensor that was saved: its array, its storage's counter and what that said, and its
    history: where its gradient goes, or as which result of the call it was returned."""

    array: np.ndarray
    counter: list[Any]
    version: int
    parent: Parent | None
    place: int | None


class BackwardCFunction(FunctionCtx, GradFn):
    """The context of one call of a Function, which its methods are given, and its `grad_fn`.

    It is the user's to write on; so what the tape has to know of the call is kept by its node.
    """

    _function: type[Function]
    _call: weakref.ref[Call] | None = None

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        self._args = [isinstance(a, Tensor) for a in args]
        tensors = [a for a in args if isinstance(a, Tensor)]
        if is_grad_enabled():
            for a in tensors:
                _up_to_date(a)
        self._parents = [(a._node or a) if a._requires_grad else None for a in tensors]
        self._saved: list[Kept | None] = []
        self._freed = False
        self._before: dict[int, Any] = {}
        self._after: dict[int, Any] = {}

    @property
    def _node(self) -> Node:  # type: ignore[override]
        """The node of the call. It holds this, not this it; if nobody does, it is made again."""
        call = None if self._call is None else self._call()
        if call is None:
            call = Call(self)
            self._call = weakref.ref(call)
        return call

    # After forward ----------------------------------------------------------------------------

    def enter(self, args: tuple[Any, ...], results: tuple[Any, ...]) -> tuple[Any, ...]:
        """The results of the call with their histories, if it is to be recorded."""
        recorded = is_grad_enabled() and any(self.needs_input_grad)
        for tensor in self._dirty:
            _check_dirty(tensor, args, results, recorded)
        self._results = [
            (r._array.shape, r._array.dtype) if isinstance(r, Tensor) else None for r in results
        ]
        shown = tuple(
            self._entered(place, r, _is_in(r, args), recorded) if isinstance(r, Tensor) else r
            for place, r in enumerate(results)
        )
        if recorded:
            self._saved = [t if t is None else self._kept(t, args, shown) for t in self._to_save]
        self._to_save = self._dirty = self._non_differentiable = ()
        return shown

    def _entered(self, place: int, result: Tensor, given: bool, recorded: bool) -> Tensor:
        """One result, with its history; an operand that was returned as it is becomes a view."""
        dirty = _is_in(result, self._dirty)
        floats = result.is_floating_point() and not _is_in(result, self._non_differentiable)
        if dirty:
            count_write(result._counter)
        if given and (not dirty or (result._requires_grad and not recorded)):
            shared: Tensor = wrap(result._array[...])
            shared._counter = result._counter
            if floats:
                shared._view = View(result, REGISTRY["alias"], [], {})
            result = shared
        view = result._view
        if view is not None and not dirty:
            view.special, view.maker = "function", f"Output {place} of {self._function.__name__}"
            view.version = result._counter[0]
        if recorded and floats:
            node = Result(self._node, place, result)
            if dirty and view is not None:
                # What the part was before, the call has to say.
                part = (None, *node.over_tensors())
                rebase(result, Node(node.rule, (None, self._node), part, (), result._array))
            else:
                set_history(result, node)
        return result

    def _kept(self, tensor: Tensor, args: tuple[Any, ...], results: tuple[Any, ...]) -> Kept:
        place = next((i for i, r in enumerate(results) if r is tensor), None)
        parent: Parent | None = None
        if place is None and _is_in(tensor, args):
            tensors = [a for a in args if isinstance(a, Tensor)]
            parent = next(p for a, p in zip(tensors, self._parents, strict=True) if a is tensor)
        counter = tensor._counter
        return Kept(tensor._array, counter, counter[0], parent, place)

    # In backward ------------------------------------------------------------------------------

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept, with the histories that they had.

        RuntimeError if one was written to since, or if the graph has been freed.
        """
        if self._freed:
            raise RuntimeError(FREED)
        return tuple(kept and self._as_it_was(kept) for kept in self._saved)

    def _as_it_was(self, kept: Kept) -> Tensor:
        array, counter, version, parent, place = kept
        if place is not None and self._results[place] is not None:
            parent = Result(self._node, place, wrap(array))
        if counter[0] != version:
            raise RuntimeError(modified(self._node, array, parent, counter, version))
        return as_it_was(array, counter, parent)

    def _shares(self, recorded: bool) -> list[Pullback | None]:
        gradients: list[Any] = []

        def share(i: int) -> Pullback:
            def pullback(arrived: Arrived) -> Any:
                if not gradients:
                    gradients.extend(self._backward(arrived, recorded))
                return gradients[i]

            return pullback

        return [share(i) for i in range(len(self._parents))]

    def _backward(self, arrived: Arrived, recorded: bool) -> list[Any]:
        """The gradients of the operands, by the user's `backward` and the hooks on this node."""
        given = tuple(_as_tensor(arrived.get(i)) for i in range(len(self._results)))
        for hook in tuple(self._before.values()):
            given = all_replaced(given, hook(given), hook)
        filled = given
        if self._materialize_grads:
            filled = tuple(
                wrap(np.zeros(*like)) if g is None and like else g
                for g, like in zip(given, self._results, strict=True)
            )
        returned = self._function.chosen()(self, *filled)
        gradients = self._checked(returned if isinstance(returned, tuple) else (returned,))
        for hook in tuple(self._after.values()):
            gradients = all_replaced(gradients, hook(gradients, given), hook)
        # Over arrays a copy, for the user may have kept what was returned.
        return [
            d if d is None or p is None else fitted(d, p) if recorded else d._array.copy()
            for d, p in zip(gradients, self._parents, strict=True)
        ]

    def _checked(self, returned: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
        """What `backward` returned for the operands that are tensors, if that can be right."""
        expected, got, name = len(self._args), len(returned), self.name()
        if got < expected or any(d is not None for d in returned[expected:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {expected}, "
                f"got {got})"
            )
        gradients = []
        parents = iter(self._parents)
        for i, (is_tensor, d) in enumerate(zip(self._args, returned, strict=False)):
            if not (d is None or isinstance(d, Tensor)):
                raise RuntimeError(f"expected Variable or None (got {type(d).__name__})")
            if not is_tensor:
                if d is not None:
                    raise RuntimeError(
                        f"function {name} returned a gradient different from None at position "
                        f"{i + 1}, but the corresponding forward input was not a Variable"
                    )
                continue
            parent = next(parents)
            if d is not None and parent is not None:
                _check_shape(name, i, d, parent if isinstance(parent, Node) else parent._array)
            gradients.append(d)
        return tuple(gradients)

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """As any node's."""
        return registered(self._after, fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """As any node's, with a gradient for each result."""
        return registered(self._before, fn)


def _as_tensor(g: Any) -> Tensor | None:
    """A gradient as users see it. Of an array, a copy: it may be on its way to others, too."""
    return g if g is None or isinstance(g, Tensor) else wrap(g.copy())


def _is_in(tensor: Any, tensors: Sequence[Any]) -> bool:
    return any(tensor is each for each in tensors)


def _check_dirty(
    tensor: Tensor, args: Sequence[Any], results: Sequence[Any], recorded: bool
) -> None:
    if not _is_in(tensor, results):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    if not _is_in(tensor, args):
        warnings.warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that "
            "have been mutated should be passed to ctx.mark_dirty().",
            stacklevel=4,
        )
    elif recorded and tensor._requires_grad and tensor._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad has been used in an in-place operation."
        )


def _check_shape(name: str, index: int, d: Tensor, like: Any) -> None:
    """RuntimeError unless a gradient has its operand's shape, or that broadcast."""
    try:
        if np.broadcast_shapes(like.shape, d._array.shape) == d._array.shape:
            return
    except ValueError:
        pass
    raise RuntimeError(
        f"Function {name} returned an invalid gradient at index {index} - got "
        f"{list(d._array.shape)} but expected shape compatible with {list(like.shape)}"
    )
