"""Function: an op that a user defines, with its forward and its backward.

`function_node.py` is the node that records a call.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..core.node import Node
from ..core.tensor import wrap
from .function_node import BackwardCFunction, FunctionCtx

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "once_differentiable"]


class Function:
    """The base of an op that a user defines: subclass it, and call the op by `apply`.

    `forward(ctx, *args)` computes with tensors, unrecorded, and returns one tensor or a tuple. It
    may leave `ctx` to `setup_context(ctx, inputs, output)`, which is called after it.
    `backward(ctx, *grads)` gets a gradient for each result, and returns one for each argument, or
    None. With `create_graph` it is recorded, so it can be differentiated.

    >>> class Cube(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * grad
    >>> x = minigrad.tensor(2., requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor(8., grad_fn=<CubeBackward>)
    >>> (slope,) = minigrad.autograd.grad(y, x, create_graph=True)
    >>> slope, minigrad.autograd.grad(slope, x)
    (tensor(12., grad_fn=<MulBackward0>), (tensor(12.),))
    """

    _node_class: type[BackwardCFunction]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method: call .apply of the class."
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        body = {"_function": cls, "__module__": __name__}
        cls._node_class = type(f"{cls.__name__}Backward", (BackwardCFunction,), body)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The op. Subclasses define it."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what `backward` needs. If a subclass defines this, `forward` gets no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments, from those of the results. Subclasses define it."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call `forward(ctx, *args)`, and record the call if an argument requires grad.

        Arguments can be given by the names that `forward` has for them.
        """
        in_forward = cls.setup_context is Function.setup_context
        if kwargs or not in_forward:
            args = _by_position(cls.forward, args, kwargs, in_forward)
        ctx = cls._node_class(args)
        with no_grad():
            if in_forward:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        results = output if isinstance(output, tuple) else (output,)
        results = ctx.enter(args, results)
        return results if isinstance(output, tuple) else results[0]

    @classmethod
    def backward_or_vjp(cls) -> Callable[..., Any]:
        """`backward` or `vjp`, whichever this Function defines. RuntimeError for both."""
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        return cls.vjp


def _by_position(
    forward: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], takes_ctx: bool
) -> tuple[Any, ...]:
    """The arguments of a call by position; the defaults too, if `forward` takes no `ctx`.

    TypeError for a name that is no parameter, or a keyword-only one.
    """
    signature = inspect.signature(forward)
    try:
        bound = signature.bind(*((None,) if takes_ctx else ()), *args, **named)
    except TypeError as error:
        raise TypeError(f"forward() {error}" if takes_ctx else str(error)) from None
    if not takes_ctx:
        bound.apply_defaults()
    for name in bound.kwargs:
        if name in signature.parameters and name not in _only_named(signature):
            raise TypeError(f"forward() missing required argument: one before '{name}'")
        raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
    return bound.args[takes_ctx:]


def _only_named(signature: inspect.Signature) -> set[str]:
    return {p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that can't be differentiated, so that it runs unrecorded.

    Differentiating its gradients raises RuntimeError.

    >>> class Double(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @minigrad.autograd.function.once_differentiable
    ...     def backward(ctx, grad):
    ...         return minigrad.from_numpy(2 * grad.numpy())
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> minigrad.autograd.grad(Double.apply(x).sum(), x)
    (tensor([2., 2.]),)
    """

    @functools.wraps(fn)
    def unrecorded(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            returned = fn(ctx, *grads)
        if not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return returned
        if not isinstance(returned, tuple):
            return _not_again(returned)
        return tuple(map(_not_again, returned))

    return unrecorded


def _not_again(d: Any) -> Any:
    """The same gradient, with a history that raises an error if it is walked."""
    if not isinstance(d, Tensor):
        return d

    def refuse(g: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    result, end = d.detach(), wrap(np.zeros_like(d._array)).requires_grad_()
    result._node = Node("Error", None, (end,), (refuse,), (), d._array)
    result._requires_grad = True
    return result
