"""`checkpoint`: compute activations again in `backward` instead of keeping them.

Under the names of torch.utils.checkpoint.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ..api.tensor import Tensor
from ..autograd.function import Function
from ..autograd.recompute import CheckpointError, forgetting
from ..core.backward import backward
from ..core.grad_mode import enable_grad, is_grad_enabled, no_grad
from ..core.tracing import tracing
from ..core.walk import current_walk
from ..core.warning import warn
from ..random.seeding import fork_rng, get_rng_state, set_rng_state

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "get_device_states",
    "set_device_states",
]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] | None = None,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Call `function(*args, **kwargs)` without keeping what its ops save for `backward`.

    `backward` calls the function a second time, with the same random numbers unless
    `preserve_rng_state=False`. With `use_reentrant=False`, the graph looks as without a checkpoint.
    With `use_reentrant=True` it is one node, for which an argument must require grad, and which is
    for `backward` only. None means True, and warns. `context_fn` makes two context managers, for
    the first and the second call. `early_stop` has no effect.

    CheckpointError if the second call doesn't record the same ops, ValueError for keyword arguments
    with `use_reentrant=True`. `debug=True` is not implemented.

    >>> from minigrad.utils.checkpoint import checkpoint
    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> checkpoint(lambda x: x * x, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    if debug:
        raise NotImplementedError("checkpoint(debug=True) is not implemented")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check must be 'default' or 'none', not {determinism_check}")
    if use_reentrant is None:
        warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly, as "
            "use_reentrant=False for a new program. The default is True.",
            UserWarning,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
        if context_fn is not None:
            raise ValueError("Passing context_fn is only supported when use_reentrant=False.")
        if is_grad_enabled() and not any(_requires_grad(x) for x in args):
            warn("None of the inputs have requires_grad=True. Gradients will be None", UserWarning)
        return CheckpointFunction.apply(function, preserve, *args)
    first, second = (contextlib.nullcontext(),) * 2 if context_fn is None else context_fn()
    if not is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    state = _state_of_draws(preserve)

    def again() -> Any:
        with _same_random_numbers(state), second:
            return function(*args, **kwargs)

    return forgetting(lambda: function(*args, **kwargs), again, first)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call functions or the modules of a Sequential one after the other, in checkpointed segments.

    The last segment isn't checkpointed, because `backward` needs it at once. `use_reentrant` and
    `preserve_rng_state` are as in `checkpoint`.

    >>> from minigrad.utils.checkpoint import checkpoint_sequential
    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> square = lambda x: x * x
    >>> checkpoint_sequential([square] * 3, 3, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([   8., 1024.])
    """
    if use_reentrant is None:
        warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly, as use_reentrant=False for a new program. The default is True.",
            UserWarning,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    if size == 0:
        raise ValueError(f"there are {segments} segments but only {len(functions)} functions")
    start = 0
    for _ in range(segments - 1):
        part = _in_sequence(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
        start += size
    return _in_sequence(functions[start:])(input)


def _in_sequence(functions: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """Return the numbers of the GPUs of the arguments, and their generators' states: none, none.

    >>> from minigrad.utils.checkpoint import get_device_states
    >>> get_device_states(minigrad.ones(2))
    ([], [])
    """
    return [], []


def set_device_states(
    devices: list[int], states: list[Tensor], *, device_type: str | None = None
) -> None:
    """Restore the states of the GPUs' generators. RuntimeError for any, as there is no GPU.

    >>> from minigrad.utils.checkpoint import set_device_states
    >>> set_device_states([], [])
    """
    if devices:
        raise RuntimeError(f"set_device_states: there are no GPUs {devices}")


def _requires_grad(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _state_of_draws(preserve: bool) -> Any:
    """The state to draw from again, or None: a step that is recorded draws nothing."""
    return get_rng_state() if preserve and tracing.recording is None else None


@contextlib.contextmanager
def _same_random_numbers(state: Any) -> Iterator[None]:
    """Draw from a state of the default generator, and restore it; do nothing for None."""
    if state is None:
        yield
        return
    with fork_rng():
        set_rng_state(state)
        yield


class CheckpointFunction(Function):
    """The one node of a checkpoint with `use_reentrant=True`."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Call the function without recording anything."""
        ctx.function, ctx.args = function, args
        ctx.state = _state_of_draws(preserve)
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Call it again, recording, and walk back over that. RuntimeError in `autograd.grad`."""
        walk = current_walk()
        if walk is not None and walk.wanted is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). Pass use_reentrant=False."
            )
        args = [
            x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x
            for x in ctx.args
        ]
        with _same_random_numbers(ctx.state), enable_grad():
            outputs = ctx.function(*args)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        chosen = [i for i, y in enumerate(outputs) if _requires_grad(y)]
        if not chosen:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([outputs[i] for i in chosen], [grads[i] for i in chosen])
        return None, None, *(x.grad if _requires_grad(x) else None for x in args)
