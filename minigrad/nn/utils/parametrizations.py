"""The parametrizations of torch.nn.utils.parametrizations: norms, and orthogonal matrices."""

from __future__ import annotations

from typing import Any

from ...api.functions import dot, mv
from ...api.tensor import Tensor
from ...core.creating import int_of
from ...core.dispatch import function
from ...core.grad_mode import no_grad
from ...core.one_node import as_one_node
from ...core.tensor import require_tensor as require_a_tensor
from ...rules import REGISTRY
from ...rules.dtypes import float16
from .. import functional as F
from ..conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module
from .orthogonal_matrices import orthogonal
from .parametrize import register_parametrization, require_tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


_norm_of_all = function(REGISTRY["vector_norm"], node="NormBackward0")
_norm = function(REGISTRY["vector_norm"], node="NormBackward1")


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """Return the norm over all dimensions but `dim`, of the shape that broadcasts; all for -1.

    So the last dimension is `v.dim() - 1`, and others may be negative. Raises IndexError for a
    dimension that `v` doesn't have, RuntimeError for integers.

    >>> minigrad.norm_except_dim(minigrad.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5.],
            [1.]])
    """
    require_a_tensor(v, "norm_except_dim", "v")
    order = float(int_of(pow, "norm_except_dim", "pow"))
    dim = int_of(dim, "norm_except_dim", "dim")
    last = v.dim() - 1
    if dim not in (-1, 0, last):
        return norm_except_dim(v.transpose(0, dim), pow, 0).transpose(0, dim)
    if dim == 0 and not v.dim():
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if not v.is_floating_point():
        raise RuntimeError(f"norm(): input dtype should be floating point, got {v.dtype}")
    if dim == -1:
        return _norm_of_all(v, order)
    ones = (1,) * last
    if dim == 0:
        return _norm(v.contiguous().view(v.shape[0], -1), order, (1,)).view(-1, *ones)
    return _norm(v.contiguous().view(-1, v.shape[last]), order, (0,)).view(*ones, -1)


# Weight normalisation -----------------------------------------------------------------------------


def weight_from(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """Return the directions `v` with the norms `g`, each over all dimensions but `dim`."""
    if dim not in (0, v.dim() - 1):
        return v * (g / norm_except_dim(v, 2, dim))
    # One function in PyTorch, which rounds halves once.
    weight = v.float() if v.dtype is float16 else v
    weight = (weight * (g / norm_except_dim(weight, 2, dim))).to(v.dtype)
    return as_one_node(weight, "WeightNormInterfaceBackward0", v, g)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_from(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into its norms and its directions. Returns the module.

    `parametrizations.weight.original0` has the norms over all dimensions but `dim`, or of the whole
    weight if it is None or -1, and `original1` the directions. Loading accepts the names `weight_g`
    and `weight_v` of the old function. Raises ValueError if there is no such tensor, IndexError for
    a wrong `dim`.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([3, 1])
    """
    require_tensor(module, name)
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def accept_old_names(state_dict: Any, prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_{letter}" for letter in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                new = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[new] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(accept_old_names)
    return module


# Spectral normalisation ---------------------------------------------------------------------------


class _SpectralNorm(Module):
    """Divides a weight by its largest singular value, which a power iteration estimates."""

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        n = weight.dim()
        if not -n <= dim < n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + n
        self.eps = eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._as_matrix(weight)
            rows, columns = matrix.shape
            u = matrix.new_empty(rows).normal_(0, 1)
            v = matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _as_matrix(self, weight: Tensor) -> Tensor:
        if self.dim:
            weight = weight.movedim(self.dim, 0)
        return weight.flatten(1)

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            # In place, as the buffers may be shared with a copy of the module.
            self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(mv(matrix.T, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies, since the next call changes the buffers.
        u, v = self._u.clone(), self._v.clone()
        return weight / dot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value. Returns the module.

    The weight counts as a matrix whose rows are along `dim`: by default 1 for transposed
    convolutions, 0 otherwise. The singular value is estimated by `n_power_iterations` at each use
    in training mode. The buffers `_u` and `_v` start from normal random numbers.

    Raises ValueError if there is no such tensor or for no iterations, IndexError for a wrong `dim`.

    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3), n_power_iterations=20)
    >>> round(minigrad.linalg.svdvals(layer.weight)[0].item(), 3)
    1.0
    """
    weight = require_tensor(module, name)
    if dim is None:
        dim = row_dim(module)
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


def row_dim(module: Module) -> int:
    """Return the dimension of a layer's weight that has its outputs."""
    return int(isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d))
