"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...api.functions import cat
from ...api.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of all parameters as one vector, in their order, with its graph.

    >>> net = nn.Linear(2, 1)
    >>> nn.utils.parameters_to_vector(net.parameters()).shape
    torch.Size([3])
    """
    return cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Set the data of the parameters to the elements of a vector, which they share from then on.

    Raises TypeError if `vec` isn't a Tensor, and RuntimeError if it is too short.

    >>> net = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(minigrad.tensor([1.0, 2.0, 3.0]), net.parameters())
    >>> net.weight.tolist(), net.bias.tolist()
    ([[1.0, 2.0]], [3.0])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    end = 0
    for parameter in parameters:
        start, end = end, end + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
