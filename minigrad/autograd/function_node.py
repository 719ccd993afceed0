"""The nodes of a call of a Function, with its saved tensors and the call of its `backward`.

A call has one node on the tape, which holds its context. The context is the `ctx` of `forward` and
the `grad_fn` of the results. Each result has a node between itself and the call's node. It passes
the cotangent on together with the position of the result.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..api.tensor import Tensor
from ..core import saved_hooks
from ..core.grad_fn import GradFn
from ..core.grad_mode import is_grad_enabled
from ..core.higher_order import as_it_was
from ..core.hooks import RemovableHandle, as_tensor, registered, replacements
from ..core.inplace import refuse_leaf
from ..core.node import FREED, Cotangents, Node, Parent, saved_modified
from ..core.tensor import refresh, wrap
from ..core.versions import count_write, current
from ..core.views import View, rebase, set_history
from ..core.warning import warn
from ..rules import REGISTRY
from ..rules.rule import Pullback

if TYPE_CHECKING:
    from .function import Function


class FunctionCtx:
    """The `ctx` of a `Function`, which stores what `backward` needs.

    `forward` and `setup_context` may set attributes on it, and `backward` can read them.
    """

    needs_input_grad: tuple[bool, ...]
    _to_save: tuple[Tensor | None, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _materialize_grads = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Save tensors for `saved_tensors`: operands, results, or others. None is allowed.

        `backward` raises RuntimeError if one of them was written to after the call. A second
        `save_for_backward` replaces the tensors of the first. TypeError for anything else.
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
        """Declare that `forward` wrote to these operands. It must also return each of them."""
        self._dirty = _checked_tensors("mark_dirty can only accept variables", tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare that these results don't require grad. `backward` gets zeros for them."""
        message = "mark_non_differentiable only accepts variable arguments"
        self._non_differentiable = _checked_tensors(message, tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether `backward` gets zeros (the default) or None for a missing gradient."""
        self._materialize_grads = value


def _checked_tensors(message: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    for index, tensor in enumerate(given):
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise RuntimeError(f"{message}, but argument {index} is of type {kind}")
    return given


class ResultNode(Node):
    """The node of one result of a call. It passes the result's cotangent to the call's node."""

    __slots__ = ("output_nr",)

    takes_none = True

    def __init__(self, call: CallNode, output_nr: int, result: Tensor) -> None:
        count = len(call.context._results)

        def to_call(g: Any) -> Cotangents:
            return Cotangents(g if i == output_nr else None for i in range(count))

        super().__init__(call.name, None, (call,), (to_call,), (), result._array, keeps=True)
        self.output_nr = output_nr

    def grad_fn(self) -> GradFn:
        """The call's context."""
        (call,) = self.parents
        assert isinstance(call, CallNode)
        return call.context

    def over_tensors(self) -> Sequence[Pullback | None] | None:
        """The same pullback as over arrays, because it only passes the cotangent on."""
        return self.pullbacks


class CallNode(Node):
    """The node of one call of a Function. Its pullbacks are the context's."""

    __slots__ = ("context",)

    takes_none = True

    def __init__(self, context: BackwardCFunction) -> None:
        self.context = context
        super().__init__(context.name(), None, context._parents, (), (), Cotangents())

    def grad_fn(self) -> GradFn:
        """The context."""
        return self.context

    @property
    def pullbacks(self) -> Sequence[Pullback | None] | None:
        """One pullback per operand. The first that is called computes all gradients."""
        return self.context._pullbacks(recorded=False)

    @pullbacks.setter
    def pullbacks(self, pullbacks: Sequence[Pullback | None] | None) -> None:
        if pullbacks is None:
            self.context._freed, self.context._saved = True, []
            self.context._packed = []

    def over_tensors(self) -> Sequence[Pullback | None]:
        """The same pullbacks, recorded."""
        return self.context._pullbacks(recorded=True)


class _Saved(NamedTuple):
    """A saved tensor: its array, its storage's counter, and the version when it was saved.

    Its gradient goes to `parent` if it is an operand. `output_nr` is its position if it is a result
    of the call.
    """

    array: np.ndarray
    counter: list[int]
    version: int
    parent: Parent | None
    output_nr: int | None


class BackwardCFunction(FunctionCtx, GradFn):
    """The context of one call of a Function, and the `grad_fn` of its results."""

    _function: type[Function]
    _call: weakref.ref[CallNode] | None = None

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        self._are_tensors = [isinstance(a, Tensor) for a in args]
        tensors = [a for a in args if isinstance(a, Tensor)]
        if is_grad_enabled():
            for a in tensors:
                refresh(a)
        self._parents = [(a._node or a) if a._requires_grad else None for a in tensors]
        self._saved: list[_Saved | None] = []
        self._packed: list[Callable[[], Tensor] | None] = []  # those packed by hooks
        self._freed = False
        self._prehooks: dict[int, Any] = {}
        self._hooks: dict[int, Any] = {}

    @property
    def _forward_cls(self) -> type[Function]:
        """The Function that was called."""
        return self._function

    @property
    def _node(self) -> CallNode:  # type: ignore[override]
        """The node of the call. It refers to the context, which has a weak reference, so that they
        form no cycle.
        """
        call = None if self._call is None else self._call()
        if call is None:
            call = CallNode(self)
            self._call = weakref.ref(call)
        return call

    # After forward ----------------------------------------------------------------------------

    def record(self, args: tuple[Any, ...], results: tuple[Any, ...]) -> tuple[Any, ...]:
        """Record the call if grad mode is on and an operand requires grad. Returns the results."""
        recorded = is_grad_enabled() and any(self.needs_input_grad)
        for tensor in self._dirty:
            _check_dirty(tensor, args, results, recorded)
        self._results = [
            (r._array.shape, r._array.dtype) if isinstance(r, Tensor) else None for r in results
        ]
        returned = tuple(
            self._with_history(place, r, _is_in(r, args), recorded) if isinstance(r, Tensor) else r
            for place, r in enumerate(results)
        )
        if recorded:
            self._saved = [t if t is None else self._save(t, args, returned) for t in self._to_save]
            if saved_hooks.hooks.stack:
                self._packed = [t if t is None else saved_hooks.packed(t) for t in self._to_save]
                self._saved = []
        self._to_save = self._dirty = self._non_differentiable = ()
        return returned

    def _with_history(self, place: int, result: Tensor, given: bool, recorded: bool) -> Tensor:
        """One result with its history. An operand that was returned unchanged becomes a view."""
        dirty = _is_in(result, self._dirty)
        differentiable = result.is_floating_point() and not _is_in(result, self._non_differentiable)
        if dirty:
            count_write(result._counter)
        if given and (not dirty or (result._requires_grad and not recorded)):
            operand, result = result, result.detach()
            if differentiable:
                result._view = View(operand, REGISTRY["alias"], ())
        view = result._view
        if view is not None and not dirty:
            view.creation_meta = "function"
            view.maker = f"Output {place} of {self._function.__name__}"
            view.version = result._version
        if recorded and differentiable:
            node = ResultNode(self._node, place, result)
            if dirty and view is not None:
                # The user's `backward` computes the gradient of the part's old values.
                parents, pullbacks = (None, self._node), (None, *(node.pullbacks or ()))
                rebase(result, Node(node.name, None, parents, pullbacks, (), result._array))
            else:
                set_history(result, node)
        return result

    def _save(self, tensor: Tensor, args: tuple[Any, ...], results: tuple[Any, ...]) -> _Saved:
        place = next((i for i, r in enumerate(results) if r is tensor), None)
        parent: Parent | None = None
        if place is None and _is_in(tensor, args):
            tensors = [a for a in args if isinstance(a, Tensor)]
            parent = next(p for a, p in zip(tensors, self._parents, strict=True) if a is tensor)
        counter = tensor._counter
        return _Saved(tensor._array, counter, counter[0], parent, place)

    # In backward ------------------------------------------------------------------------------

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that `save_for_backward` saved, with the histories that they had then.

        RuntimeError if one was written to since, or if the graph was freed.
        """
        if self._freed:
            raise RuntimeError(FREED)
        if self._packed:
            return tuple(unpack and unpack() for unpack in self._packed)
        return tuple(saved and self._restored(saved) for saved in self._saved)

    @property
    def saved_variables(self) -> tuple[Tensor | None, ...]:
        """The old name of `saved_tensors`."""
        warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning)
        return self.saved_tensors

    def _restored(self, saved: _Saved) -> Tensor:
        array, counter, version, parent, output_nr = saved
        if output_nr is not None and self._results[output_nr] is not None:
            parent = ResultNode(self._node, output_nr, wrap(array))
        if counter[0] != version:
            raise saved_modified(self._node, array, parent, counter, version)
        if output_nr is None:
            array = current(array)
        tensor: Tensor = as_it_was(array, counter, parent)
        return tensor

    def _pullbacks(self, recorded: bool) -> list[Pullback | None]:
        gradients: list[Any] = []

        def pullback_of(i: int) -> Pullback:
            def pullback(cotangents: Cotangents) -> Any:
                if not gradients:
                    gradients.extend(self._backward(cotangents, recorded))
                return gradients[i]

            return pullback

        return [None if p is None else pullback_of(i) for i, p in enumerate(self._parents)]

    def _backward(self, cotangents: Cotangents | None, recorded: bool) -> list[Any]:
        """The gradients of the operands, from the user's `backward` and the hooks on this node."""
        given = tuple(map(as_tensor, cotangents or (None,) * len(self._results)))
        for hook in tuple(self._prehooks.values()):
            given = replacements(given, hook(given), hook)
        filled = given
        if self._materialize_grads:
            filled = tuple(
                wrap(np.zeros(*like)) if g is None and like else g
                for g, like in zip(given, self._results, strict=True)
            )
        returned = self._function.backward_or_vjp()(self, *filled)
        gradients = self._checked(returned if isinstance(returned, tuple) else (returned,))
        for hook in tuple(self._hooks.values()):
            gradients = replacements(gradients, hook(gradients, given), hook)
        # Arrays are copied, because the user may still hold the tensors.
        return [d if d is None or recorded else d._array.copy() for d in gradients]

    def _checked(self, returned: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
        """The gradients that `backward` returned for the arguments that are tensors.

        RuntimeError for a wrong number of gradients, a wrong type or a wrong shape.
        """
        expected, got, name = len(self._are_tensors), len(returned), self.name()
        if got < expected or any(d is not None for d in returned[expected:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {expected}, "
                f"got {got})"
            )
        gradients = []
        parents = iter(self._parents)
        for i, (is_tensor, d) in enumerate(zip(self._are_tensors, returned, strict=False)):
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
        """Register a hook, as on any node."""
        return registered(self._hooks, fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Register a prehook, as on any node. It gets a gradient for each result."""
        return registered(self._prehooks, fn)


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
        message = (
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that "
            "have been mutated should be passed to ctx.mark_dirty()."
        )
        if recorded and tensor._view is not None:
            raise RuntimeError(message)
        if recorded:
            warnings.warn(message, stacklevel=4)
    elif recorded and tensor._view is not None and len(results) > 1:
        raise RuntimeError(
            "A Function that writes to an operand which is a view must return nothing else: clone "
            "the view, or split the Function into two."
        )
    elif recorded:
        refuse_leaf(tensor)


def _check_shape(name: str, index: int, d: Tensor, like: Any) -> None:
    """RuntimeError unless the operand's shape broadcasts to the gradient's shape."""
    try:
        if np.broadcast_shapes(like.shape, d._array.shape) == d._array.shape:
            return
    except ValueError:
        pass
    raise RuntimeError(
        f"Function {name} returned an invalid gradient at index {index} - got "
        f"{list(d._array.shape)} but expected shape compatible with {list(like.shape)}"
    )
