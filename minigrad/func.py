"""Functions of functions, under their names in torch.func, and `functional_call`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .api.functions import stack as _stack
from .autograd.transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
from .nn.utils.functional_call import functional_call

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stack the parameters and the buffers of models of one class, each in a new first dimension.

    The results are dicts by name. The stacked parameters are leaves, which require grad if the
    models' do. RuntimeError for no models, for models of several classes or modes, and for
    parameters of which only some require grad.

    >>> parameters, _ = minigrad.func.stack_module_state([nn.Linear(2, 1), nn.Linear(2, 1)])
    >>> parameters["weight"].shape
    torch.Size([2, 1, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(model.named_parameters()) for model in models])
    return parameters, _stacked([dict(model.named_buffers()) for model in models])


def _stacked(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    result = {}
    for name in states[0]:
        tensors = [state[name] for state in states]
        wanted = {tensor.requires_grad for tensor in tensors}
        if len(wanted) > 1:
            raise RuntimeError(f"Expected {name} of each model to have the same .requires_grad")
        result[name] = _stack([t.detach() for t in tensors]).requires_grad_(wanted.pop())
    return result
