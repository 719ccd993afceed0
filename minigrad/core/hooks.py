"""Hooks and notes that users attach to a node or a leaf, and its `grad_fn` while they hold it.

A node or leaf without any has None instead of an `Attached`, so it costs nothing.
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from ..rules.dtypes import of_numpy
from ..rules.rule import Pullback
from .tensor import TensorBase, refresh, wrap
from .versions import hold, let_go
from .warning import warn

if TYPE_CHECKING:
    from .node import Node


class RemovableHandle:
    """The result of registering a hook. `remove()` unregisters it, and so does leaving a `with`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with x.register_hook(print):
    ...     (x * 2).sum().backward()
    tensor([2., 2.])
    >>> (x * 2).sum().backward()
    """

    _next_id = itertools.count()

    def __init__(self, hooks_dict: dict[int, Any], *, extra_dict: Any = None) -> None:
        # A module that comes from another process has hooks with numbers of that process.
        self.id = next(number for number in self._next_id if number not in hooks_dict)
        dicts = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self._dicts = [hooks_dict, *(d for d in dicts if d is not None)]

    def hooks_dict_ref(self) -> dict[int, Any]:
        """Return the hooks among which this one is, by their numbers."""
        return self._dicts[0]

    def remove(self) -> None:
        """Unregister the hook. A second call does nothing."""
        for hooks in self._dicts:
            hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def registered(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook to the hooks of its kind."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class _LeafHooks:
    # Whether a leaf, or one of several results of an op, ever had a hook. Only then the walk looks
    # for them.
    exist = False


leaf_hooks = _LeafHooks()


class Attached:
    """The hooks and notes of a node or leaf. Hooks of a kind run in the order of registration.

    - `tensor`: hooks on a tensor's gradient, which they may replace.
    - `before` and `after`: hooks on a node, called with the gradients it receives and sends.
    - `accumulated`: hooks called with a leaf after its `.grad` was accumulated.
    - `retaining`: the tensor whose `.grad` the walk fills, after `retain_grad`.
    - `shown`: the node's `grad_fn`, while a user holds it.
    - `was_shown`: whether it ever had a `grad_fn`.
    - `notes`: a dictionary for users and observers.
    """

    __slots__ = (
        "accumulated",
        "after",
        "before",
        "notes",
        "retaining",
        "shown",
        "tensor",
        "was_shown",
    )

    def __init__(self) -> None:
        self.tensor: dict[int, Any] = OrderedDict()
        self.before: dict[int, Any] = OrderedDict()
        self.after: dict[int, Any] = OrderedDict()
        self.accumulated: dict[int, Any] = OrderedDict()
        self.notes: dict[str, Any] = {}
        self.retaining: weakref.ref[TensorBase] | None = None
        self.shown: weakref.ref[Any] | None = None
        self.was_shown = False

    def add(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook of the given kind."""
        return registered(getattr(self, kind), hook)

    def replaced(self, g: Any) -> Any:
        """A tensor's gradient (an array, a Tensor or None) after the hooks on the tensor."""
        if not self.tensor and self.retaining is None:
            return g
        given = as_tensor(g)
        for hook in tuple(self.tensor.values()):
            given = _replacement(given, hook(given), hook)
        if given is None:
            return None
        if self.retaining is not None and (tensor := self.retaining()) is not None:
            hold()
            try:
                # Not in place: a user may hold the old gradient.
                before = tensor._grad
                tensor._grad = given.clone() if before is None else before + given
            finally:
                let_go()
        # A hook may have kept the tensor, and a leaf keeps its gradient, so an array is copied.
        return given if isinstance(g, TensorBase) else given._array.copy("K")

    def entering(self, g: Any) -> Any:
        """A gradient, or None, after the hooks that run before the node."""
        if not self.before:
            return g
        gradients = (as_tensor(g),)
        for hook in tuple(self.before.values()):
            gradients = replacements(gradients, hook(gradients), hook)
        (given,) = gradients
        return given if given is None or isinstance(g, TensorBase) else given._array

    def leaving(self, pullbacks: Sequence[Pullback | None], g: Any) -> list[Pullback | None]:
        """Call a node's pullbacks, then the hooks after it. Returns pullbacks with the results."""
        found = [p and p(g) for p in pullbacks]
        inputs, outputs = tuple(map(_shared, found)), (_shared(g),)
        for hook in tuple(self.after.values()):
            inputs = replacements(inputs, hook(inputs, outputs), hook)
        results = zip(pullbacks, inputs, found, strict=True)
        return [p and _constant(d, like) for p, d, like in results]

    def arrived(self, leaf: TensorBase, g: Any) -> None:
        """Call the hooks that follow an accumulation into the `.grad` of a leaf."""
        for hook in tuple(self.accumulated.values()):
            if _replacement(leaf, hook(leaf), hook) is not leaf:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        for hook in tuple(self.after.values()):
            replacements((), hook((), (_shared(g),)), hook)


def as_tensor(g: Any) -> Any:
    """A gradient as users see it. An array is copied, because the walk may still use it."""
    return g if g is None or isinstance(g, TensorBase) else wrap(g.copy())


def _shared(g: Any) -> Any:
    return g if g is None or isinstance(g, TensorBase) else wrap(g)


def _constant(d: Any, like: Any) -> Pullback:
    # An array is copied, because the hook may have kept the tensor that it was given.
    result = d if d is None or isinstance(like, TensorBase) else d._array.copy()
    return lambda g: result


def _replacement(given: Any, returned: Any, hook: Callable[..., Any]) -> Any:
    """The gradient after a hook: the same, or another of its shape and dtype."""
    if returned is None:
        return given
    if given is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(returned, TensorBase):
        raise TypeError(f"expected Variable, but hook returned '{type(returned).__name__}'")
    name = getattr(hook, "__name__", repr(hook))
    new, old = returned._array, given._array
    if new.shape != old.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: from {list(old.shape)} to "
            f"{list(new.shape)}"
        )
    if new.dtype is not old.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {of_numpy(old.dtype)} got "
            f"{of_numpy(new.dtype)})"
        )
    return returned


def replacements(
    given: tuple[Any, ...], returned: Any, hook: Callable[..., Any]
) -> tuple[Any, ...]:
    """The gradients after a hook. A None that it returned removes a gradient."""
    if returned is None:
        return given
    if not isinstance(returned, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(returned).__name__}'")
    if len(returned) != len(given):
        name = getattr(hook, "__name__", repr(hook))
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(returned)}, but "
            f"expected {len(given)})"
        )
    return tuple(
        b if b is None else _replacement(a, b, hook) for a, b in zip(given, returned, strict=True)
    )


def attached_to(tensor: TensorBase) -> Attached:
    """The hooks and notes of the node that computed a tensor, or of a leaf.

    RuntimeError for a tensor that doesn't require grad.
    """
    refresh(tensor)
    if not tensor._requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return attached_to_node(tensor._node) if tensor._node is not None else attached_to_leaf(tensor)


def attached_to_node(node: Node) -> Attached:
    """The hooks and notes of a node, created if there are none."""
    if node.attached is None:
        node.attached = Attached()
    return node.attached


def hook_on(tensor: TensorBase, hook: Callable[[Any], Any]) -> RemovableHandle:
    """Register a hook on the gradient of a tensor."""
    attached, node = attached_to(tensor), tensor._node
    if node is not None and node.shown_in is not None:
        one = node.shown_in[0]
        if one.hooked is None:
            one.hooked = weakref.WeakSet()
        one.hooked.add(node)
        leaf_hooks.exist = True
    return attached.add("tensor", hook)


def attached_to_leaf(leaf: TensorBase) -> Attached:
    """The hooks and notes of a leaf, created if there are none."""
    leaf_hooks.exist = True
    if leaf._attached is None:
        leaf._attached = Attached()
    return leaf._attached


def retain_grad(tensor: TensorBase) -> None:
    """Let the walk fill the `.grad` of a non-leaf. RuntimeError if it doesn't require grad."""
    if not tensor.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor._node is not None:
        attached_to(tensor).retaining = weakref.ref(tensor)


def warn_of_hooks(tensor: TensorBase) -> None:
    """Warn of each hook on a tensor's gradient, since a copy of the tensor won't have it."""
    attached = tensor._attached if tensor._node is None else tensor._node.attached
    for hook in attached.tensor.values() if attached is not None else ():
        warn(f"backward hook {hook!r} on tensor will not be serialized.", UserWarning)
