"""Hooks of modules: functions called before and after `forward`, and during `backward`.

A backward hook gets the gradients of all inputs, or of all outputs, at once; but the tape records
ops, not modules. So one op that does nothing is applied to all the inputs of a call, and another to
all its outputs. Their nodes receive the gradients that the hooks get.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..api.tensor import Tensor
from ..autograd import Function
from ..core.grad_mode import is_grad_enabled
from ..core.hooks import RemovableHandle
from ..core.warning import warn

if TYPE_CHECKING:
    from .module import Module

HookTable = dict[int, Callable[..., Any]]  # by number, in the order of calling
HookFlags = dict[int, bool]  # the numbers of the hooks with some option

# Whether any hook was ever registered. Until then, calling a module costs no look-ups.
ever_registered = False


class Hookable:
    """A target for hooks: a module, or all modules at once (`every_module`)."""

    _forward_pre_hooks: HookTable
    _forward_pre_hooks_with_kwargs: HookFlags
    _forward_hooks: HookTable
    _forward_hooks_with_kwargs: HookFlags
    _forward_hooks_always_called: HookFlags
    _backward_pre_hooks: HookTable
    _backward_hooks: HookTable
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become the copied or unpickled target that had this state."""
        global ever_registered
        self.__dict__.update(state)
        ever_registered |= has_hooks(self)  # it may come from another process

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every `forward`. Returns a handle to remove it.

        `args` is the tuple of positional arguments. A result other than None replaces it: a tuple,
        or a single value. With `with_kwargs` the call is `hook(module, args, kwargs)`; the result
        must be None or a pair of both (RuntimeError if not). Hooks are called in the order of
        registration; `prepend` puts a hook before the existing ones.

        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
        >>> layer(minigrad.tensor([-3., 1.]))
        tensor([0., 2.])
        >>> handle.remove()
        >>> layer(minigrad.tensor([-3., 1.]))
        tensor([0., 1.])
        """
        flags = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return _register(self._forward_pre_hooks, hook, prepend, *flags)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every `forward`. Returns a handle to remove it.

        A result other than None replaces the output. With `with_kwargs` the call is `hook(module,
        args, kwargs, output)`. With `always_call` the hook is called even if the call of the module
        raises: it gets the output so far, or None, and an exception that it raises becomes a
        warning. `prepend` is as in `register_forward_pre_hook`.

        >>> layer = nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, output: output * 10):
        ...     layer(minigrad.tensor([-3., 1.]))
        tensor([ 0., 10.])
        """
        flags = []
        if with_kwargs:
            flags.append(self._forward_hooks_with_kwargs)
        if always_call:
            flags.append(self._forward_hooks_always_called)
        return _register(self._forward_hooks, hook, prepend, *flags)

    def register_full_backward_pre_hook(
        self, hook: Callable[[Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the output's gradient is known.

        `grad_output` is a tuple with the gradient of each output, or None for an output that isn't
        a tensor or has no gradient. A result other than None replaces it; `backward` raises
        RuntimeError if its length differs. Returns a handle to remove the hook.

        While a module has backward hooks, `forward` gets views of the inputs and the caller gets
        views of the outputs. Writing into one of these in place raises RuntimeError.

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
        """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are known.

        Both are tuples with the gradient of each positional argument or output, or None for one
        that isn't a tensor or has no gradient. A result other than None replaces `grad_input`;
        `backward` raises RuntimeError if its length differs. If no input requires grad, the hook is
        called when the gradients of the outputs are known, with a warning, and must return None.

        Returns a handle to remove the hook. See `register_full_backward_pre_hook` about views and
        in-place writes.

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
        if self._is_full_backward_hook is False:
            raise RuntimeError(_ONE_KIND)
        handle = _register(self._backward_hooks, hook, prepend)
        self._is_full_backward_hook = True
        return handle

    def register_backward_hook(self, hook: Callable[[Any, Any, Any], Any]) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` at the last op of `forward`: deprecated.

        `grad_input` has the gradients of the operands of that op, whatever the inputs of the module
        are, and `grad_output` that of its result. A result other than None replaces `grad_input`.
        If the output is a container, the op is that of its first tensor. A FutureWarning says where
        a full backward hook would get other gradients. RuntimeError if the module has or had a full
        backward hook.

        >>> layer = nn.Tanh()
        >>> _ = layer.register_backward_hook(lambda module, *grads: print(module, *grads))
        >>> x = minigrad.zeros(1, requires_grad=True)
        >>> layer(x * 2).backward()
        Tanh() (tensor([1.]),) (tensor([1.]),)
        """
        if self._is_full_backward_hook:
            raise RuntimeError(_ONE_KIND)
        self._is_full_backward_hook = False
        return _register(self._backward_hooks, hook, prepend=False)


_ONE_KIND = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use "
    "only one of them."
)


def _register(
    table: HookTable, hook: Callable[..., Any], prepend: bool, *flags: HookFlags
) -> RemovableHandle:
    """Add a hook to a table, and its number to each of `flags`."""
    global ever_registered
    ever_registered = True
    handle = RemovableHandle(table, extra_dict=list(flags))
    table[handle.id] = hook
    for numbers in flags:
        numbers[handle.id] = True
    if prepend:
        for number in list(table)[:-1]:
            table[number] = table.pop(number)
    return handle


every_module = Hookable()  # hooks that are called for every module, before its own

_TABLES = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")


def has_hooks(module: Hookable) -> bool:
    """Whether calling the module calls any hooks."""
    # Through __dict__, since a module whose __init__ never ran has no hook tables.
    own, common = module.__dict__, every_module.__dict__
    return any(own.get(table) or common[table] for table in _TABLES)


# Hooks of every module ----------------------------------------------------------------------------


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Register a hook as `register_forward_pre_hook` does, for every module.

    >>> from minigrad.nn.modules.module import register_module_forward_pre_hook
    >>> with register_module_forward_pre_hook(lambda module, args: print(module)):
    ...     _ = nn.Sequential(nn.Tanh())(minigrad.ones(1))
    Sequential(
      (0): Tanh()
    )
    Tanh()
    """
    return every_module.register_forward_pre_hook(hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Register a hook as `register_forward_hook` does, for every module.

    >>> from minigrad.nn.modules.module import register_module_forward_hook
    >>> with register_module_forward_hook(lambda module, args, output: print(module)):
    ...     _ = nn.Sequential(nn.Tanh())(minigrad.ones(1))
    Tanh()
    Sequential(
      (0): Tanh()
    )
    """
    return every_module.register_forward_hook(
        hook, with_kwargs=with_kwargs, always_call=always_call
    )


def register_module_full_backward_pre_hook(hook: Callable[[Any, Any], Any]) -> RemovableHandle:
    """Register a hook as `register_full_backward_pre_hook` does, for every module.

    >>> from minigrad.nn.modules.module import register_module_full_backward_pre_hook
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> with register_module_full_backward_pre_hook(lambda module, grads: print(module)):
    ...     nn.Sequential(nn.Sigmoid(), nn.Tanh())[0](x).backward()
    Sigmoid()
    """
    return every_module.register_full_backward_pre_hook(hook)


def register_module_full_backward_hook(hook: Callable[[Any, Any, Any], Any]) -> RemovableHandle:
    """Register a hook as `register_full_backward_hook` does, for every module.

    >>> from minigrad.nn.modules.module import register_module_full_backward_hook
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> with register_module_full_backward_hook(lambda module, *grads: print(module, *grads)):
    ...     nn.Tanh()(x * 0).backward()
    Tanh() (tensor([1.]),) (tensor([1.]),)
    """
    return every_module.register_full_backward_hook(hook)


def register_module_backward_hook(hook: Callable[[Any, Any, Any], Any]) -> RemovableHandle:
    """Register a hook as `register_backward_hook` does, for every module: deprecated.

    RuntimeError if there is or was a full backward hook of every module.

    >>> from minigrad.nn.modules import module
    >>> module.register_module_full_backward_hook(print).remove()
    >>> module.register_module_backward_hook(print)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: Cannot use both regular backward hooks and full backward hooks ...
    """
    return every_module.register_backward_hook(hook)


# By kind of member.
_registration_hooks: dict[str, HookTable] = {"buffer": {}, "module": {}, "parameter": {}}


def to_register(kind: str, module: Module, name: str, value: Any) -> Any:
    """Call the hooks of a kind of member. Returns the value to register under `name`."""
    for hook in _registration_hooks[kind].values():
        returned = hook(module, name, value)
        if returned is not None:
            value = returned
    return value


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when a buffer is registered. A result replaces the buffer.

    >>> from minigrad.nn.modules.module import register_module_buffer_registration_hook
    >>> with register_module_buffer_registration_hook(lambda module, name, buffer: print(name)):
    ...     _ = nn.BatchNorm1d(2)
    running_mean
    running_var
    num_batches_tracked
    """
    return _register(_registration_hooks["buffer"], hook, prepend=False)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, child)` when a module is registered. A result replaces the child.

    >>> from minigrad.nn.modules.module import register_module_module_registration_hook
    >>> with register_module_module_registration_hook(lambda module, name, child: nn.ReLU()):
    ...     print(nn.Sequential(nn.Tanh()))
    Sequential(
      (0): ReLU()
    )
    """
    return _register(_registration_hooks["module"], hook, prepend=False)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, param)` when a parameter is registered. A result replaces it.

    >>> from minigrad.nn.modules.module import register_module_parameter_registration_hook
    >>> with register_module_parameter_registration_hook(lambda module, name, param: print(name)):
    ...     _ = nn.Linear(2, 3)
    weight
    bias
    """
    return _register(_registration_hooks["parameter"], hook, prepend=False)


# A call -------------------------------------------------------------------------------------------


class HookedCall:
    """One call of a module that has hooks. The hooks may replace its arguments and its result."""

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs
        self.output: Any = None
        self.called: set[int] = set()  # the hooks with `always_call` that have been called

    def run(self) -> Any:
        """Call the hooks and the module's `forward`, and return the output."""
        try:
            self._run()
        except Exception:
            self._call_remaining()
            raise
        return self.output

    def _run(self) -> None:
        # Looked up first: a hook that `forward` registers is not for this call.
        before_backward = [hook for *_, hook in self._hooks_in("_backward_pre_hooks")]
        after_backward: list[Callable[..., Any]] = []
        at_last_op: list[Callable[..., Any]] = []
        for owner, _, hook in self._hooks_in("_backward_hooks"):
            is_full = owner._is_full_backward_hook is not False
            (after_backward if is_full else at_last_op).append(hook)
        for owner, number, hook in self._hooks_in("_forward_pre_hooks"):
            self._call_pre_hook(owner, number, hook)
        backward = None
        if before_backward or after_backward:
            backward = _BackwardHooks(self.module, before_backward, after_backward)
            self.args = backward.watch_inputs(self.args)
        self.output = self.module.forward(*self.args, **self.kwargs)
        for owner, number, hook in self._hooks_in("_forward_hooks"):
            if number in owner._forward_hooks_always_called:
                self.called.add(number)
            self._call_forward_hook(owner, number, hook)
        if backward is not None:
            self.output = backward.watch_output(self.output)
        if at_last_op:
            self._watch_last_op(at_last_op)

    def _watch_last_op(self, hooks: list[Callable[..., Any]]) -> None:
        """Register the hooks of `register_backward_hook` at the node of the output."""
        first = self.output
        while not isinstance(first, Tensor):
            if isinstance(first, dict):
                first = next(value for value in first.values() if isinstance(value, Tensor))
            else:
                first = first[0]
        node = first.grad_fn
        if node is None:
            return
        for hook in hooks:
            bound = functools.partial(hook, self.module)
            node.register_hook(functools.update_wrapper(bound, hook))  # errors name the hook
        missing = _missing_gradients(self.args, self.output, node)
        if missing:
            warn(
                f"Using {missing}. Please use register_full_backward_hook to get the documented "
                "behavior.",
                FutureWarning,
            )

    def _hooks_in(self, table: str) -> list[tuple[Hookable, int, Callable[..., Any]]]:
        """Return the hooks of a table in order, each with its owner and its number."""
        owners = (every_module, self.module)
        return [(owner, *item) for owner in owners for item in getattr(owner, table).items()]

    def _call_pre_hook(self, owner: Hookable, number: int, hook: Callable[..., Any]) -> None:
        if number in owner._forward_pre_hooks_with_kwargs:
            returned = hook(self.module, self.args, self.kwargs)
            if returned is not None:
                self.args, self.kwargs = _args_and_kwargs(returned)
        else:
            returned = hook(self.module, self.args)
            if returned is not None:
                self.args = returned if isinstance(returned, tuple) else (returned,)

    def _call_forward_hook(self, owner: Hookable, number: int, hook: Callable[..., Any]) -> None:
        if number in owner._forward_hooks_with_kwargs:
            returned = hook(self.module, self.args, self.kwargs, self.output)
        else:
            returned = hook(self.module, self.args, self.output)
        if returned is not None:
            self.output = returned

    def _call_remaining(self) -> None:
        """After an exception, call the forward hooks with `always_call` that weren't called yet."""
        for owner, number, hook in self._hooks_in("_forward_hooks"):
            if number not in owner._forward_hooks_always_called or number in self.called:
                continue
            try:
                self._call_forward_hook(owner, number, hook)
            except Exception as error:
                which = "global module" if owner is every_module else "module"
                warnings.warn(
                    f"{which} forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )


def _missing_gradients(args: tuple[Any, ...], output: Any, node: Any) -> str | None:
    """Why a hook at the node of the output doesn't get all gradients, if so, as PyTorch says it."""
    deprecated = "is deprecated and will be removed in future versions. This hook will be missing"
    outputs = output if isinstance(output, tuple) else (output,)
    if not all(isinstance(t, Tensor) for t in outputs):
        return (
            "non-full backward hooks on a Module that does not return a single Tensor or a tuple "
            f"of Tensors {deprecated} some of the grad_output"
        )
    if not all(isinstance(t, Tensor) for t in args):
        return (
            "non-full backward hooks on a Module that does not take as input a single Tensor or a "
            f"tuple of Tensors {deprecated} some of the grad_input"
        )
    nodes = {t.grad_fn for t in outputs} - {None}
    if len(nodes) > 1:
        return (
            "a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{deprecated} some grad_output"
        )
    if {t.grad_fn for t in args} - {None} != {parent for parent, _ in node.next_functions}:
        return (
            "a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{deprecated} some grad_input"
        )
    return None


def _args_and_kwargs(returned: Any) -> tuple[Any, Any]:
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    raise RuntimeError(
        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
        f"{returned}."
    )


class BackwardHookFunction(Function):
    """An op that does nothing, so that the gradients of several tensors meet in one node."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.mark_non_differentiable(*(t for t in tensors if not t.requires_grad))
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        return grads


class _BackwardHooks:
    """The backward hooks of one call, and the gradients known to it during `backward`."""

    def __init__(
        self,
        module: Module,
        pre_hooks: list[Callable[..., Any]],
        hooks: list[Callable[..., Any]],
    ) -> None:
        self.module, self.pre_hooks, self.hooks = module, pre_hooks, hooks
        self.input_count = 0
        self.inputs_watched = False  # whether the gradients of the inputs will be known
        self.grad_output: Any = None  # set until the gradients of the inputs are known

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments to call `forward` with."""
        self.input_count = len(args)
        args, self.inputs_watched = _watched(args, self._on_grad_input)
        return args

    def watch_output(self, output: Any) -> Any:
        """Return the output to give to the caller."""
        if isinstance(output, tuple):
            return _watched(output, self._on_grad_output)[0]
        if not isinstance(output, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(output)}",
                stacklevel=5,
            )
        return _watched((output,), self._on_grad_output)[0][0]

    def _on_grad_output(self, _: tuple[Any, ...], grad_output: tuple[Any, ...]) -> Any:
        self.grad_output = grad_output
        for hook in self.pre_hooks:
            returned = hook(self.module, self.grad_output)
            if returned is not None:
                _check_length("Backward pre hook", "grad_output", returned, grad_output)
                self.grad_output = returned
        returned = self.grad_output
        if not self.inputs_watched:
            self._call_without_grad_input()
        return returned

    def _call_without_grad_input(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients.",
            stacklevel=2,
        )
        grad_input = (None,) * self.input_count
        for hook in self.hooks:
            returned = hook(self.module, grad_input, self.grad_output)
            is_empty = isinstance(returned, tuple) and all(d is None for d in returned)
            if returned is not None and not is_empty:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_output = None

    def _on_grad_input(self, grad_input: tuple[Any, ...], _: tuple[Any, ...]) -> Any:
        if self.grad_output is None:  # the gradient didn't come through the outputs
            return None
        for hook in self.hooks:
            returned = hook(self.module, grad_input, self.grad_output)
            if returned is not None:
                _check_length("Backward hook", "grad_input", returned, grad_input)
                grad_input = returned
        self.grad_output = None
        return grad_input


def _check_length(hook: str, name: str, returned: Any, expected: Any) -> None:
    if len(returned) != len(expected):
        raise RuntimeError(
            f"{hook} returned an invalid number of {name}, got {len(returned)}, but expected "
            f"{len(expected)}"
        )


def _watched(
    values: tuple[Any, ...], on_gradients: Callable[[tuple[Any, ...], tuple[Any, ...]], Any]
) -> tuple[tuple[Any, ...], bool]:
    """Return the values, and whether `on_gradients` will be called with their gradients.

    It is called as a node's hook, with the gradients that the node passes on and those it received.
    Both tuples have an element for every value, None for one that is not a tensor.
    """
    indices = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    tensors = [values[i] for i in indices]
    if not (is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return values, False
    passed = BackwardHookFunction.apply(*tensors)

    def spread(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_replaced_at([None] * len(values), indices, gradients))

    def hook(outgoing: tuple[Any, ...], received: tuple[Any, ...]) -> Any:
        returned = on_gradients(spread(outgoing), spread(received))
        return None if returned is None else tuple(returned[i] for i in indices)

    (node,) = {t.grad_fn for t in passed if t.grad_fn is not None}
    node.register_hook(hook)  # errors name the function, which is `hook` in PyTorch, too
    replaced = _replaced_at(list(values), indices, passed)
    # A named tuple takes its elements one by one.
    return (tuple(replaced) if type(values) is tuple else type(values)(*replaced)), True


def _replaced_at(items: list[Any], indices: list[int], new: tuple[Any, ...]) -> list[Any]:
    for i, item in zip(indices, new, strict=True):
        items[i] = item
    return items
