"""The old functions for weight and spectral normalisation, which compute in a forward pre-hook.

They keep the weight as a plain attribute, computed before each call. `parametrizations.py` has the
new ones.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ...api.functions import dot, mv, pinverse
from ...api.tensor import Tensor
from ...core.grad_mode import no_grad
from .. import functional as F
from ..module import Module
from ..parameter import Parameter, is_lazy
from .parametrizations import norm_except_dim, row_dim, weight_from

M = TypeVar("M", bound=Module)


# Weight normalisation -----------------------------------------------------------------------------


class WeightNorm:
    """The forward pre-hook that computes a weight from its norms `_g` and its directions `_v`."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """Return the weight."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return weight_from(v, g, self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Split a weight into parameters `weight_g`, its norms, and `weight_v`, its directions.

    The weight is computed before each call. Returns the module. PyTorch's FutureWarning says to use
    `parametrizations.weight_norm`. Raises RuntimeError for a weight that is normalised already.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = nn.utils.weight_norm(nn.Linear(2, 3))
    >>> [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
    [('bias', (3,)), ('weight_g', (3, 1)), ('weight_v', (3, 2))]
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _hook_of(module, WeightNorm, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    _require_initialized(weight, "WeightNorm")
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, 2, hook.dim).detach()))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make a weight that `weight_norm` split one parameter again. ValueError if it didn't."""
    number = _hook_of(module, WeightNorm, name)
    if number is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    hook: Any = module._forward_pre_hooks.pop(number)
    weight = hook.compute_weight(module)
    delattr(module, name)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    setattr(module, name, Parameter(weight.detach()))
    return module


def _hook_of(module: Module, kind: type, name: str) -> int | None:
    """Return the number of a module's hook for the tensor `name`."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:  # type: ignore[attr-defined]
            return number
    return None


def _require_initialized(weight: Tensor, function: str) -> None:
    if is_lazy(weight):
        raise ValueError(
            f"The module passed to `{function}` can't have uninitialized parameters. Call it with "
            "a dummy batch before."
        )


# Spectral normalisation ---------------------------------------------------------------------------


class SpectralNorm:
    """The forward pre-hook that divides a weight by its largest singular value."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations

    def as_matrix(self, weight: Tensor) -> Tensor:
        """Return the weight as a matrix with rows along `dim`."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def compute_weight(self, module: Module, iterate: bool) -> Tensor:
        """Return the weight; with `iterate`, improve the estimate first."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.as_matrix(weight)
        if iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(mv(matrix.T, u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # the next call changes the buffers
        return weight / dot(u, mv(matrix, v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a weight by its largest singular value before each call. Returns the module.

    The parameter is `weight_orig`, and buffers `weight_u` and `weight_v` have the estimate of a
    power iteration, which goes on in training mode. `dim` is as in `parametrizations`. Raises
    RuntimeError for a weight that is normalised already, ValueError for no iterations.

    >>> layer = nn.utils.spectral_norm(nn.Linear(2, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if _hook_of(module, SpectralNorm, name) is not None:
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, row_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    _require_initialized(weight, "SpectralNorm")
    with no_grad():
        rows, columns = hook.as_matrix(weight).shape
        u = F.normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
        v = F.normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    module._register_state_dict_hook(_Version(name))
    module._register_load_state_dict_pre_hook(_FromOldVersion(hook))
    return module


class _Version:
    """The hook that notes the version of the buffers in the metadata of a state dict."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Any, state_dict: Any, prefix: str, local_metadata: Any) -> None:
        local_metadata.setdefault("spectral_norm", {})[self.name + ".version"] = 1


class _FromOldVersion:
    """The hook that computes `weight_v` for a state dict that has the weight instead."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.norm = hook
        self.name = hook.name

    def __call__(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        *_: Any,
    ) -> None:
        version = local_metadata.get("spectral_norm", {}).get(self.name + ".version")
        key = prefix + self.name
        present = {end for end in ("", "_orig", "_u", "_v") if key + end in state_dict}
        if version is not None or present == {"_orig", "_u", "_v"}:
            return
        missing = [key + end for end in ("_orig", "", "_u") if end not in present]
        if missing:
            missing_keys.extend(missing if strict else ())
            return
        with no_grad():
            original, u = state_dict[key + "_orig"], state_dict[key + "_u"]
            factor = (original / state_dict.pop(key)).mean()
            matrix = self.norm.as_matrix(original)
            # The least squares of u, with the length that gives the factor of the weight.
            v = mv(pinverse(matrix), u)
            state_dict[key + "_v"] = v * (factor / dot(u, mv(matrix, v)))


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make a weight that `spectral_norm` divided one parameter. ValueError if it didn't."""
    number = _hook_of(module, SpectralNorm, name)
    if number is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    hook: Any = module._forward_pre_hooks.pop(number)
    with no_grad():
        weight = hook.compute_weight(module, iterate=False)
    delattr(module, name)
    for suffix in ("_u", "_v", "_orig"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight.detach()))
    for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for key, other in [*hooks.items()]:
            if isinstance(other, _Version | _FromOldVersion) and other.name == name:
                del hooks[key]
    return module
