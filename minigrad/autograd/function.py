"""Function: the base class of ops that users define, with a forward and a backward.

`function_node.py` has the nodes that record a call.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ..api.creation import zeros_like
from ..api.tensor import Tensor
from ..core.grad_mode import no_grad
from ..core.node import Node
from ..core.views import set_history
from .function_node import BackwardCFunction, FunctionCtx

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class Function:
    """The base class of ops that users define. Call the op of a subclass by `apply`.

    `forward(ctx, *args)` computes with tensors, unrecorded, and returns one tensor or a tuple.
    Alternatively it is `forward(*args)`, and then `setup_context(ctx, inputs, output)` is called.
    `backward(ctx, *grads)` gets a gradient for each result, and returns a gradient or None for each
    argument. With `create_graph` it is recorded, so that it can be differentiated.

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

    _node_class: type[BackwardCFunction] = BackwardCFunction  # each subclass has its own

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
        """Compute the op. Subclasses define this."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what `backward` needs. If a subclass defines this, `forward` gets no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the arguments' gradients from the results' gradients. Subclasses define this."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call `forward(ctx, *args)`, and record the call if an argument requires grad.

        Arguments can be given by the names of `forward`'s parameters.
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
        results = ctx.record(args, results)
        return results if isinstance(output, tuple) else results[0]

    @classmethod
    def backward_or_vjp(cls) -> Callable[..., Any]:
        """`backward` or `vjp`, whichever this Function defines. RuntimeError if it defines both."""
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        return cls.vjp


class InplaceFunction(Function):
    """A Function for an op that may write in place. Its name is all that it has beside Function."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


def _by_position(
    forward: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], takes_ctx: bool
) -> tuple[Any, ...]:
    """The arguments of a call by position, with the defaults if `forward` takes no `ctx`.

    TypeError for a name that isn't a parameter or is keyword-only.
    """
    signature = inspect.signature(forward)
    try:
        bound = signature.bind(*((None,) if takes_ctx else ()), *args, **named)
    except TypeError as error:
        raise TypeError(f"forward() {error}" if takes_ctx else str(error)) from None
    if not takes_ctx:
        bound.apply_defaults()
    for name in bound.kwargs:
        parameter = signature.parameters.get(name)
        if parameter is None or parameter.kind is parameter.KEYWORD_ONLY:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        raise TypeError(f"forward() missing required argument: one before '{name}'")
    return bound.args[takes_ctx:]


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that can't be differentiated, so that it is never recorded.

    Differentiating its gradients is a RuntimeError.

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
            return _with_error_node(returned)
        return tuple(map(_with_error_node, returned))

    return unrecorded


def _with_error_node(d: Any) -> Any:
    """The same gradient, with a history whose pullback raises an error."""
    if not isinstance(d, Tensor):
        return d

    def raise_error(g: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    result, leaf = d.detach(), zeros_like(d, requires_grad=True)
    set_history(result, Node("Error", None, (leaf,), (raise_error,), (), d._array))
    return result
