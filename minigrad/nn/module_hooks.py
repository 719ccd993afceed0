"""Hooks of modules: what is to be called before and after `forward`, and on the way back.

A backward hook wants the gradients of all of a module's inputs, or of all its outputs, together;
but the tape knows ops, not modules. So the inputs are passed through an op that does nothing, as
one, and so are the outputs: what arrives at those two nodes is what the hooks are given.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..api.tensor import Tensor
from ..autograd import Function
from ..core.grad_mode import is_grad_enabled
from ..core.hooks import RemovableHandle

if TYPE_CHECKING:
    from .module import Module

Hooks = dict[int, Callable[..., Any]]
Marks = dict[int, bool]  # the numbers of some of these


class _InUse:
    """Whether anything was ever given a hook: only then does a call of a module look for them."""

    __slots__ = ("ever",)

    def __init__(self) -> None:
        self.ever = False


in_use = _InUse()


class Hooked:
    """What has hooks: a module, or all of them at once (`everywhere`).

    Every kind is a dictionary, in the order in which they are to be called.
    """

    _forward_pre_hooks: Hooks
    _forward_pre_hooks_with_kwargs: Marks
    _forward_hooks: Hooks
    _forward_hooks_with_kwargs: Marks
    _forward_hooks_always_called: Marks
    _backward_pre_hooks: Hooks
    _backward_hooks: Hooks
    _is_full_backward_hook: bool | None

    def __init__(self) -> None:
        self.__dict__.update(
            _forward_pre_hooks={},
            _forward_pre_hooks_with_kwargs={},
            _forward_hooks={},
            _forward_hooks_with_kwargs={},
            _forward_hooks_always_called={},
            _backward_pre_hooks={},
            _backward_hooks={},
            _is_full_backward_hook=None,
        )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Have `hook(module, args)` called before every `forward`. Returns a handle to remove it.

        `args` is the tuple of positional arguments. What the hook returns, unless None, takes their
        place: a tuple, or one value. With `with_kwargs` it is `hook(module, args, kwargs)`, which
        returns None or a pair of both, or else the call is a RuntimeError. Hooks are called in the
        order of registration, but one that is registered with `prepend` before those there are.

        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
        >>> layer(minigrad.tensor([-3., 1.]))
        tensor([0., 2.])
        >>> handle.remove()
        >>> layer(minigrad.tensor([-3., 1.]))
        tensor([0., 1.])
        """
        marks = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return _register(self._forward_pre_hooks, hook, prepend, *marks)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Have `hook(module, args, output)` called after every `forward`. Returns a handle.

        What the hook returns, unless None, takes the place of the output. With `with_kwargs` it is
        `hook(module, args, kwargs, output)`. With `always_call` it is called even if the call of
        the module raises an exception: with the output there is by then, or None, and an exception
        of its own becomes a warning. `prepend` is as for `register_forward_pre_hook`.

        >>> layer = nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, output: output * 10):
        ...     layer(minigrad.tensor([-3., 1.]))
        tensor([ 0., 10.])
        """
        marks = []
        if with_kwargs:
            marks.append(self._forward_hooks_with_kwargs)
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return _register(self._forward_hooks, hook, prepend, *marks)

    def register_full_backward_pre_hook(
        self, hook: Callable[[Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Have `hook(module, grad_output)` called when the output's gradient is known.

        `grad_output` is a tuple with a gradient for each output, None for what is no tensor or has
        none. The hook may return another such tuple to go on with; RuntimeError, in backward, if it
        is of another length. Returns a handle to remove the hook.

        While a module has backward hooks, `forward` is given views of its inputs, and the caller
        views of the outputs; to write to them in place is a RuntimeError.

        >>> layer = nn.Tanh()
        >>> _ = layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 10,))
        >>> x = minigrad.zeros(2, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[[Any, Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Have `hook(module, grad_input, grad_output)` called when the inputs' gradients are known.

        Both are tuples: a gradient for each positional argument, or output, and None for what is no
        tensor or has none. The hook may return another `grad_input` to go on with; RuntimeError, in
        backward, if it is of another length. If no input requires grad, it is called as soon as the
        gradients of the outputs are known, with a warning, and may return nothing but None.

        Returns a handle to remove the hook. Of views and in-place writes, see
        `register_full_backward_pre_hook`.

        >>> layer = nn.Linear(2, 1)
        >>> def show(module, grad_input, grad_output):
        ...     print(grad_output)
        ...     return (grad_input[0] * 0 + 1,)
        >>> _ = layer.register_full_backward_hook(show)
        >>> x = minigrad.ones(1, 2, requires_grad=True)
        >>> layer(x).sum().backward()
        (tensor([[1.]]),)
        >>> x.grad
        tensor([[1., 1.]])
        """
        handle = _register(self._backward_hooks, hook, prepend)
        self._is_full_backward_hook = True
        return handle

    def register_backward_hook(self, hook: Callable[[Any, Any, Any], Any]) -> RemovableHandle:
        """NotImplementedError: use `register_full_backward_hook`, for which it is deprecated.

        Its hooks are given the gradients of the operands of whichever op came last in `forward`,
        and which op that is, and in what order its operands are, is PyTorch's own affair.
        RuntimeError if the module has, or had, a full backward hook, as in PyTorch.

        >>> nn.ReLU().register_backward_hook(print)
        Traceback (most recent call last):
        NotImplementedError: register_backward_hook: use register_full_backward_hook instead
        """
        if self._is_full_backward_hook:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        raise NotImplementedError("register_backward_hook: use register_full_backward_hook instead")


def _register(
    hooks: Hooks, hook: Callable[..., Any], prepend: bool, *marks: Marks
) -> RemovableHandle:
    """Enter a hook among those of its kind, and its number in each of `marks`."""
    in_use.ever = True
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        for number in list(hooks)[:-1]:
            hooks[number] = hooks.pop(number)
    return handle


everywhere = Hooked()  # the hooks of all modules, which are called before a module's own

_KINDS = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")


def has_hooks(module: Module) -> bool:
    """Whether a call of the module is to call anything else, too."""
    # Not by attribute: a module whose __init__ was never run has no hooks either.
    own, common = module.__dict__, everywhere.__dict__
    return any(own.get(kind) or common[kind] for kind in _KINDS)


# Of every module at once --------------------------------------------------------------------------


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """`register_forward_pre_hook` for every module there is or will be. Returns a handle.

    >>> from minigrad.nn.modules.module import register_module_forward_pre_hook
    >>> with register_module_forward_pre_hook(lambda module, args: print(module)):
    ...     _ = nn.Sequential(nn.Tanh())(minigrad.ones(1))
    Sequential(
      (0): Tanh()
    )
    Tanh()
    """
    return everywhere.register_forward_pre_hook(hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """`register_forward_hook` for every module there is or will be. Returns a handle.

    >>> from minigrad.nn.modules.module import register_module_forward_hook
    >>> with register_module_forward_hook(lambda module, args, output: print(module)):
    ...     _ = nn.Sequential(nn.Tanh())(minigrad.ones(1))
    Tanh()
    Sequential(
      (0): Tanh()
    )
    """
    return everywhere.register_forward_hook(hook, with_kwargs=with_kwargs, always_call=always_call)


def register_module_full_backward_pre_hook(hook: Callable[[Any, Any], Any]) -> RemovableHandle:
    """`register_full_backward_pre_hook` for every module there is or will be. Returns a handle.

    >>> from minigrad.nn.modules.module import register_module_full_backward_pre_hook
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> with register_module_full_backward_pre_hook(lambda module, grads: print(module)):
    ...     nn.Sequential(nn.Sigmoid(), nn.Tanh())[0](x).backward()
    Sigmoid()
    """
    return everywhere.register_full_backward_pre_hook(hook)


def register_module_full_backward_hook(hook: Callable[[Any, Any, Any], Any]) -> RemovableHandle:
    """`register_full_backward_hook` for every module there is or will be. Returns a handle.

    >>> from minigrad.nn.modules.module import register_module_full_backward_hook
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> with register_module_full_backward_hook(lambda module, *grads: print(module, *grads)):
    ...     nn.Tanh()(x * 0).backward()
    Tanh() (tensor([1.]),) (tensor([1.]),)
    """
    return everywhere.register_full_backward_hook(hook)


# A call -------------------------------------------------------------------------------------------


class Call:
    """One call of a module that has hooks: what it is given and returns, as the hooks leave it."""

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.result: Any = None
        self.called: set[int] = set()  # those that are always called, and have been

    def run(self) -> Any:
        """Call the module's forward, and the hooks. Returns what comes out."""
        try:
            self._run()
        except Exception:
            self._call_the_rest()
            raise
        return self.result

    def _run(self) -> None:
        module = self.module
        before = self._hooks("_backward_pre_hooks")
        after = self._hooks("_backward_hooks")
        for owner, number, hook in self._hooks("_forward_pre_hooks"):
            if number in owner._forward_pre_hooks_with_kwargs:
                returned = hook(module, self.args, self.kwargs)
                if returned is not None:
                    self.args, self.kwargs = _args_and_kwargs(returned)
            else:
                returned = hook(module, self.args)
                if returned is not None:
                    self.args = returned if isinstance(returned, tuple) else (returned,)
        way_back = None
        if before or after:
            way_back = _WayBack(module, [h for *_, h in before], [h for *_, h in after])
            self.args = way_back.entering(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for owner, number, hook in self._hooks("_forward_hooks"):
            if number in owner._forward_hooks_always_called:
                self.called.add(number)
            self._after(owner, number, hook)
        if way_back is not None:
            self.result = way_back.leaving(self.result)

    def _hooks(self, kind: str) -> list[tuple[Hooked, int, Callable[..., Any]]]:
        """The hooks of a kind in order, each with whose it is and its number."""
        owners = (everywhere, self.module)
        return [(owner, *item) for owner in owners for item in getattr(owner, kind).items()]

    def _after(self, owner: Hooked, number: int, hook: Callable[..., Any]) -> None:
        if number in owner._forward_hooks_with_kwargs:
            returned = hook(self.module, self.args, self.kwargs, self.result)
        else:
            returned = hook(self.module, self.args, self.result)
        if returned is not None:
            self.result = returned

    def _call_the_rest(self) -> None:
        """After an exception, the forward hooks that are always called and have not been."""
        for owner, number, hook in self._hooks("_forward_hooks"):
            if number not in owner._forward_hooks_always_called or number in self.called:
                continue
            try:
                self._after(owner, number, hook)
            except Exception as error:
                which = "global module" if owner is everywhere else "module"
                warnings.warn(
                    f"{which} forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )


def _args_and_kwargs(returned: Any) -> tuple[Any, Any]:
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    raise RuntimeError(
        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
        f"{returned}."
    )


class BackwardHookFunction(Function):
    """The op that does nothing, to tensors that are to be met together on the way back."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same tensors."""
        ctx.mark_non_differentiable(*(t for t in tensors if not t.requires_grad))
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        """The same gradients."""
        return grads


class _WayBack:
    """The backward hooks of one call, and what they need to know between outputs and inputs."""

    def __init__(
        self,
        module: Module,
        before: list[Callable[..., Any]],
        after: list[Callable[..., Any]],
    ) -> None:
        self.module, self.before, self.after = module, before, after
        self.inputs = 0  # how many
        self.followed = False  # whether the gradients of the inputs are to come
        self.grad_output: Any = None  # from when it is known until the inputs' are

    def entering(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as `forward` is to be given them."""
        self.inputs = len(args)
        args, self.followed = _followed(args, self._at_inputs)
        return args

    def leaving(self, output: Any) -> Any:
        """The output as the caller is to be given it."""
        if isinstance(output, tuple):
            return _followed(output, self._at_outputs)[0]
        if not isinstance(output, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(output)}",
                stacklevel=5,
            )
        return _followed((output,), self._at_outputs)[0][0]

    def _at_outputs(self, _: tuple[Any, ...], grad_output: tuple[Any, ...]) -> Any:
        self.grad_output = grad_output
        for hook in self.before:
            returned = hook(self.module, self.grad_output)
            if returned is not None:
                _check_number("Backward pre hook", "grad_output", returned, grad_output)
                self.grad_output = returned
        returned = self.grad_output
        if not self.followed:
            self._without_inputs()
        return returned

    def _without_inputs(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients.",
            stacklevel=2,
        )
        grad_input = (None,) * self.inputs
        for hook in self.after:
            returned = hook(self.module, grad_input, self.grad_output)
            nothing = isinstance(returned, tuple) and all(d is None for d in returned)
            if returned is not None and not nothing:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_output = None

    def _at_inputs(self, grad_input: tuple[Any, ...], _: tuple[Any, ...]) -> Any:
        if self.grad_output is None:  # the gradient came another way than through the outputs
            return None
        given = grad_input
        for hook in self.after:
            returned = hook(self.module, given, self.grad_output)
            if returned is not None:
                _check_number("Backward hook", "grad_input", returned, given)
                given = returned
        self.grad_output = None
        return given


def _check_number(what: str, of: str, returned: Any, expected: Any) -> None:
    if len(returned) != len(expected):
        raise RuntimeError(
            f"{what} returned an invalid number of {of}, got {len(returned)}, but expected "
            f"{len(expected)}"
        )


def _followed(
    values: tuple[Any, ...], at_node: Callable[[tuple[Any, ...], tuple[Any, ...]], Any]
) -> tuple[tuple[Any, ...], bool]:
    """The same values, and whether `at_node` will be called when their gradients are known.

    As a node's hook, that is given what goes out of it and what arrived, and may return other
    gradients to go out; but each with a place for every value, None where that is no tensor.
    """
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    tensors = [values[i] for i in places]
    if not (is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return values, False
    passed = BackwardHookFunction.apply(*tensors)

    def spread(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_put([None] * len(values), places, gradients))

    def hook(outgoing: tuple[Any, ...], arrived: tuple[Any, ...]) -> Any:
        returned = at_node(spread(outgoing), spread(arrived))
        return None if returned is None else tuple(returned[i] for i in places)

    (node,) = {t.grad_fn for t in passed if t.grad_fn is not None}
    node.register_hook(hook)
    seen = _put(list(values), places, passed)
    return (tuple(seen) if type(values) is tuple else type(values)(*seen)), True


def _put(things: list[Any], places: list[int], others: tuple[Any, ...]) -> list[Any]:
    for place, other in zip(places, others, strict=True):
        things[place] = other
    return things
