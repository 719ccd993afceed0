"""Hooks: what is to be called when a gradient arrives, and the handle that takes it back."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from ..core.tensor import Tensor, _up_to_date, wrap
from ..rules.rule import Pullback

if TYPE_CHECKING:
    from .grad_fn import AccumulateGrad


class RemovableHandle:
    """What registering a hook gives: `remove()` takes it back, and so does leaving a `with`.

    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with x.register_hook(print):
    ...     (x * 2).sum().backward()
    tensor([2., 2.])
    >>> (x * 2).sum().backward()
    """

    _next_id = itertools.count()

    def __init__(self, hooks_dict: dict[int, Any], *, extra_dict: Any = None) -> None:
        self.id = next(self._next_id)
        dicts = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self._dicts = [hooks_dict, *(d for d in dicts if d is not None)]

    def remove(self) -> None:
        """Call the hook no more. Once more does nothing."""
        for hooks in self._dicts:
            hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def registered(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    """Enter a hook among those of its kind."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class _OnLeaves:
    any = False  # whether a leaf was ever given a hook: only then does the walk look for them


on_leaves = _OnLeaves()


class Hooks:
    """The hooks of one node or leaf, each kind in the order in which they were registered.

    - `tensor`: called with the gradient of a tensor, of which they may return another.
    - `before` and `after`: called with the gradients that a node gets, and with those it sends on.
    - `accumulated`: called with a leaf whose `.grad` is complete.
    - `retaining`: the tensor whose `.grad` is to be filled on the way, if one asked for that.
    - `accumulator`: a leaf's node, as it is shown to users, while somebody holds it.
    """

    __slots__ = ("accumulated", "accumulator", "after", "before", "retaining", "tensor")

    def __init__(self) -> None:
        self.tensor: dict[int, Any] = OrderedDict()
        self.before: dict[int, Any] = OrderedDict()
        self.after: dict[int, Any] = OrderedDict()
        self.accumulated: dict[int, Any] = OrderedDict()
        self.retaining: weakref.ref[Tensor] | None = None
        self.accumulator: weakref.ref[AccumulateGrad] | None = None

    def add(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook of that kind."""
        return registered(getattr(self, kind), hook)

    def arriving(self, g: Any) -> Any:
        """What becomes of a tensor's gradient, an array, a Tensor or None, by the hooks on it."""
        given: Tensor | None = g if g is None or isinstance(g, Tensor) else wrap(g.copy())
        for hook in tuple(self.tensor.values()):
            given = _replaced(given, hook(given), hook)
        if given is None:
            return None
        if self.retaining is not None and (tensor := self.retaining()) is not None:
            # Not in place: a gradient that somebody took stays as it is.
            before = tensor._grad
            tensor._grad = given.clone() if before is None else before + given
        return given if isinstance(g, Tensor) else given._array

    def entering(self, g: Any) -> Any:
        """What becomes of a gradient, or None, by the hooks that come before the node."""
        (given,) = before = (g if g is None or isinstance(g, Tensor) else wrap(g.copy()),)
        for hook in tuple(self.before.values()):
            (given,) = before = all_replaced(before, hook(before), hook)
        return given if given is None or isinstance(g, Tensor) else given._array

    def arrived(self, leaf: Tensor, g: Any) -> None:
        """Call what is to be called when the `.grad` of a leaf has been accumulated into."""
        for hook in tuple(self.accumulated.values()):
            hook(leaf)
        for hook in tuple(self.after.values()):
            all_replaced((), hook((), (_shown(g),)), hook)

    def leaving(self, pullbacks: Sequence[Pullback | None], g: Any) -> list[Pullback | None]:
        """A node's pullbacks as the hooks that come after would have them: done, and known."""
        found = [p and p(g) for p in pullbacks]
        inputs, outputs = tuple(map(_shown, found)), (_shown(g),)
        for hook in tuple(self.after.values()):
            inputs = all_replaced(inputs, hook(inputs, outputs), hook)
        return [p and _giving(d, like) for p, d, like in zip(pullbacks, inputs, found, strict=True)]


def _shown(g: Any) -> Tensor | None:
    """A gradient, an array or a Tensor, as a hook sees it."""
    return g if g is None or isinstance(g, Tensor) else wrap(g)


def _giving(d: Tensor | None, like: Any) -> Pullback:
    # Of an array, a copy, since the hook may have kept the tensor that it saw.
    result = d if d is None or isinstance(like, Tensor) else d._array.copy()
    return lambda g: result


def _replaced(given: Tensor | None, returned: Any, hook: Callable[..., Any]) -> Tensor | None:
    """What a hook made of a gradient: the same, or another of its shape and dtype."""
    if returned is None:
        return given
    if given is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(returned, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(returned).__name__}'")
    name = getattr(hook, "__name__", repr(hook))
    if returned._array.shape != given._array.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value: from {list(given._array.shape)} to "
            f"{list(returned._array.shape)}"
        )
    if returned.dtype is not given.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {given.dtype} got {returned.dtype})"
        )
    return returned


def all_replaced(
    given: tuple[Any, ...], returned: Any, hook: Callable[..., Any]
) -> tuple[Any, ...]:
    """What a hook made of gradients; where it returned None among them, there is none."""
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
        b if b is None else _replaced(a, b, hook) for a, b in zip(given, returned, strict=True)
    )


# The methods of Tensor ----------------------------------------------------------------------------


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Have `hook(grad)` called whenever this tensor's gradient is computed.

    It must not change its argument, but may return another gradient of the same shape and dtype, to
    be used instead. Hooks run in the order of registration. An in-place write gives a tensor a new
    history; hooks registered before stay with the old one. The handle's `remove()` takes the hook
    back. RuntimeError for a tensor that does not require grad.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    return _hooks(self).add("tensor", hook)


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Have `hook(self)` called whenever `.grad` of this leaf has been accumulated into.

    RuntimeError for a tensor that is no leaf or does not require grad.

    >>> w = minigrad.tensor([1., 2.], requires_grad=True)
    >>> def update(w):
    ...     with minigrad.no_grad():
    ...         w -= 0.1 * w.grad
    ...     w.grad = None
    >>> handle = w.register_post_accumulate_grad_hook(update)
    >>> w.sum().backward()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """
    if self.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return _hooks(self).add("accumulated", hook)


def retain_grad(self: Tensor) -> None:
    """Have `backward` fill `.grad` of this tensor although it is no leaf.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> y = x * 2
    >>> y.retain_grad()
    >>> (y * y).sum().backward()
    >>> y.grad
    tensor([4., 8.])
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self._node is not None:
        _hooks(self).retaining = weakref.ref(self)


def _retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` was called on this non-leaf."""
    hooks = None if self._node is None else self._node.hooks
    return hooks is not None and hooks.retaining is not None and hooks.retaining() is self


def _hooks(tensor: Tensor) -> Hooks:
    """The hooks of a tensor: those of the node that made it, or a leaf's own."""
    _up_to_date(tensor)
    if not tensor._requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor._node is not None:
        return tensor._node.hooks_to_fill()
    return leaf_hooks(tensor)


def leaf_hooks(leaf: Tensor) -> Hooks:
    """The hooks of a leaf, to be added to."""
    on_leaves.any = True
    if leaf._hooks is None:
        leaf._hooks = Hooks()
    return leaf._hooks


for _method in (register_hook, register_post_accumulate_grad_hook, retain_grad):
    setattr(Tensor, _method.__name__, _method)
setattr(Tensor, "retains_grad", property(_retains_grad))  # noqa: B010, as in backward.py
