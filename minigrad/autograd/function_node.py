"""The node of one call of a Function: what it saved, and how the user's `backward` is called.

Users see the call's context, which `forward` gets as `ctx`, as the `grad_fn` of the results. The
call has one node on the tape, which holds the context. Between it and each result there is a node
for that result, so that its cotangent is known by its position.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..api.tensor import Tensor
from ..core.grad_fn import GradFn
from ..core.grad_mode import is_grad_enabled
from ..core.higher_order import as_it_was
from ..core.hooks import RemovableHandle, as_tensor, registered, replacements
from ..core.node import FREED, Cotangents, Node, Parent, saved_modified
from ..core.tensor import refresh, wrap
from ..core.versions import count_write
from ..core.views import View, rebase, set_history
from ..rules import REGISTRY
from ..rules.rule import Pullback

if TYPE_CHECKING:
    from .function import Function


class FunctionCtx:
    """The `ctx` of a `Function`, which carries what `backward` needs.

    `forward` and `setup_context` may set attributes on it, which `backward` finds there.
    """

    needs_input_grad: tuple[bool, ...]
    _to_save: tuple[Tensor | None, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _materialize_grads = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Save tensors for `saved_tensors`: operands, results, or others. None is saved as None.

        `backward` raises RuntimeError if one of them was written to after the Function was called.
        A second call replaces the tensors of the first. TypeError for anything but tensors.
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
        self._dirty = _only_tensors("mark_dirty can only accept variables", tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare that these results don't require grad. `backward` gets zeros for them."""
        said = "mark_non_differentiable only accepts variable arguments"
        self._non_differentiable = _only_tensors(said, tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether `backward` gets zeros, the default, or None for a missing gradient."""
        self._materialize_grads = value


def _only_tensors(said: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    for index, tensor in enumerate(given):
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise RuntimeError(f"{said}, but argument {index} is of type {kind}")
    return given


class ResultNode(Node):
    """The node of one result of a call. Its cotangent goes on to the call's node."""

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
        """The same pullback as over arrays: it only passes the cotangent on."""
        return self.pullbacks


class CallNode(Node):
    """The node of one call of a Function. Its context does the work."""

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
        """One for each operand. The first that is called has `backward` give all gradients."""
        return self.context._pullbacks(recorded=False)

    @pullbacks.setter
    def pullbacks(self, pullbacks: Sequence[Pullback | None] | None) -> None:
        if pullbacks is None:
            self.context._freed, self.context._saved = True, []

    def over_tensors(self) -> Sequence[Pullback | None]:
        """The same, recorded."""
        return self.context._pullbacks(recorded=True)


class _Saved(NamedTuple):
    """A saved tensor: its array, its storage's counter and version, and its place in the graph.

    That is the parent that its gradient goes to, or the number of the result that it is.
    """

    array: np.ndarray
    counter: list[Any]
    version: int
    parent: Parent | None
    output_nr: int | None


class BackwardCFunction(FunctionCtx, GradFn):
    """The context of one call of a Function, which is also the `grad_fn` of its results."""

    _function: type[Function]
    _call: weakref.ref[CallNode] | None = None

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        self._args = [isinstance(a, Tensor) for a in args]
        tensors = [a for a in args if isinstance(a, Tensor)]
        if is_grad_enabled():
            for a in tensors:
                refresh(a)
        self._parents = [(a._node or a) if a._requires_grad else None for a in tensors]
        self._saved: list[_Saved | None] = []
        self._freed = False
        self._before: dict[int, Any] = {}
        self._after: dict[int, Any] = {}

    @property
    def _node(self) -> CallNode:  # type: ignore[override]
        """The node of the call. It holds the context, and not the reverse, to avoid a cycle."""
        call = None if self._call is None else self._call()
        if call is None:
            call = CallNode(self)
            self._call = weakref.ref(call)
        return call

    # After forward ----------------------------------------------------------------------------

    def enter(self, args: tuple[Any, ...], results: tuple[Any, ...]) -> tuple[Any, ...]:
        """The results of the call, with their histories if it is recorded."""
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
            self._saved = [t if t is None else self._save(t, args, shown) for t in self._to_save]
        self._to_save = self._dirty = self._non_differentiable = ()
        return shown

    def _entered(self, place: int, result: Tensor, given: bool, recorded: bool) -> Tensor:
        """One result with its history. An operand that was returned unchanged becomes a view."""
        dirty = _is_in(result, self._dirty)
        floats = result.is_floating_point() and not _is_in(result, self._non_differentiable)
        if dirty:
            count_write(result._counter)
        if given and (not dirty or (result._requires_grad and not recorded)):
            shared: Tensor = wrap(result._array[...])
            shared._counter = result._counter
            if floats:
                shared._view = View(result, REGISTRY["alias"], ())
            result = shared
        view = result._view
        if view is not None and not dirty:
            view.creation_meta = "function"
            view.maker = f"Output {place} of {self._function.__name__}"
            view.version = result._counter[0]
        if recorded and floats:
            node = ResultNode(self._node, place, result)
            if dirty and view is not None:
                # The gradient of the part's old values is the call's to compute.
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
        """The tensors that `save_for_backward` saved, with the histories that they had.

        RuntimeError if one was written to since, or if the graph was freed.
        """
        if self._freed:
            raise RuntimeError(FREED)
        return tuple(saved and self._as_it_was(saved) for saved in self._saved)

    def _as_it_was(self, saved: _Saved) -> Tensor:
        array, counter, version, parent, output_nr = saved
        if output_nr is not None and self._results[output_nr] is not None:
            parent = ResultNode(self._node, output_nr, wrap(array))
        if counter[0] != version:
            raise saved_modified(self._node, array, parent, counter, version)
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
        """The gradients of the operands, by the user's `backward` and the hooks on this node."""
        given = tuple(map(as_tensor, cotangents or (None,) * len(self._results)))
        for hook in tuple(self._before.values()):
            given = replacements(given, hook(given), hook)
        filled = given
        if self._materialize_grads:
            filled = tuple(
                wrap(np.zeros(*like)) if g is None and like else g
                for g, like in zip(given, self._results, strict=True)
            )
        returned = self._function.backward_or_vjp()(self, *filled)
        gradients = self._checked(returned if isinstance(returned, tuple) else (returned,))
        for hook in tuple(self._after.values()):
            gradients = replacements(gradients, hook(gradients, given), hook)
        # Arrays are copied, because the user may have kept the tensors.
        return [d if d is None or recorded else d._array.copy() for d in gradients]

    def _checked(self, returned: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
        """What `backward` returned for the operands that are tensors.

        RuntimeError if it can't be right.
        """
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
        """Register a hook, as on any node."""
        return registered(self._after, fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Register a hook, as on any node, with a gradient for each result."""
        return registered(self._before, fn)


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
    """RuntimeError unless a gradient's shape is its operand's, or that broadcast."""
    try:
        if np.broadcast_shapes(like.shape, d._array.shape) == d._array.shape:
            return
    except ValueError:
        pass
    raise RuntimeError(
        f"Function {name} returned an invalid gradient at index {index} - got "
        f"{list(d._array.shape)} but expected shape compatible with {list(like.shape)}"
    )
