"""Pruning: masks that set elements of parameters to zero.

A pruned parameter `weight` becomes `weight_orig`, next to a buffer `weight_mask`. A forward
pre-hook, which is the pruning method, computes the attribute `weight` before each call.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from ...api.compositions.norms import norm
from ...api.creation import ones_like, zeros_like
from ...api.functions import cat, kthvalue, topk
from ...api.tensor import Tensor
from ...random.sampling import rand, rand_like
from ..module import Module

M = TypeVar("M", bound=Module)


class BasePruningMethod(ABC):
    """The base of pruning methods; subclasses define `compute_mask(t, default_mask)`.

    `PRUNING_TYPE` says what a method that follows others sees: "unstructured" only the elements
    that are left, "structured" only the channels of its `dim` that are left, "global" everything.
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask for `t`, from its elements or their scores; 0 where it is pruned."""

    def apply_mask(self, module: Module) -> Tensor:
        """Return the product of the mask and the original parameter."""
        if getattr(self, "_tensor_name", None) is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Prune a parameter by a method of this class, after those that pruned it before.

        The other arguments are those of the class. Returns the module's new hook.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}"
            )
        number = _hook_of(module, name)
        if number is None:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            default_mask = ones_like(original)
        else:
            before: Any = module._forward_pre_hooks.pop(number)
            container = before if isinstance(before, PruningContainer) else PruningContainer(before)
            container.add_pruning_method(method)
            method = container
            default_mask = getattr(module, name + "_mask").detach().clone()
        try:
            mask = method.compute_mask(scores, default_mask=default_mask)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if number is None:  # as before the call
                del module._parameters[name + "_orig"]
                module.register_parameter(name, original)
            raise
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """Return a pruned copy of a tensor."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        if default_mask is None:
            default_mask = ones_like(t)
        return t * self.compute_mask(scores, default_mask=default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned value the parameter, and drop the mask."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original: Any = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _hook_of(module: Module, name: str) -> int | None:
    """Return the number of the hook that prunes a module's parameter."""
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return number
    return None


class PruningContainer(BasePruningMethod):
    """Several pruning methods of one parameter. Its mask is that of the last, on the masks before.

    TypeError for something that isn't a pruning method, ValueError for one of another parameter.
    """

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = getattr(args[0], "_tensor_name", "")
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method at the end."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return `default_mask` with the last method's mask for the part that it sees."""
        method: Any = self._pruning_methods[-1]
        part: Any = ...
        if method.PRUNING_TYPE == "unstructured":
            part = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            others = [d for d in range(t.dim()) if d != dim]
            part = (*[slice(None)] * dim, default_mask.sum(dim=others) != 0)
        elif method.PRUNING_TYPE != "global":
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = default_mask.to(dtype=t.dtype).clone()
        mask[part] = method.compute_mask(t[part], default_mask=default_mask[part]).to(mask.dtype)
        return mask


# Methods ------------------------------------------------------------------------------------------


class Identity(BasePruningMethod):
    """Prunes nothing, but puts the mask and the hook in place."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _ByAmount(BasePruningMethod):
    """Prunes an `amount`: a share between 0 and 1 if it is a float, a number if it is an int."""

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        whole, share = isinstance(amount, numbers.Integral), float(amount)
        if not (share >= 0 and (whole or share <= 1)):
            raise ValueError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
                "integer"
            )
        self.amount: Any = amount

    def count(self, size: int) -> int:
        """Return how many of `size` are to prune. ValueError if there aren't as many."""
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        if int(self.amount) > size:
            raise ValueError(
                f"amount={self.amount} should be smaller than the number of parameters to "
                f"prune={size}"
            )
        return int(self.amount)


class RandomUnstructured(_ByAmount):
    """Prunes random elements."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self.count(t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[topk(rand_like(t).view(-1), count).indices] = 0
        return mask


class L1Unstructured(_ByAmount):
    """Prunes the elements with the smallest absolute values."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self.count(t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[topk(t.detach().abs().view(-1), count, largest=False).indices] = 0
        return mask


class _Structured(_ByAmount):
    """Prunes whole channels along `dim`."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        count = self.count(size)
        if not count:
            return default_mask
        mask = zeros_like(t)
        mask[(*[slice(None)] * (self.dim % t.dim()), self._kept(t.detach(), count))] = 1
        return mask * default_mask.to(dtype=mask.dtype)

    def _kept(self, t: Tensor, count: int) -> Tensor:
        """Return which channels stay when `count` of them are pruned."""
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prunes random channels along a dimension."""

    def _kept(self, t: Tensor, count: int) -> Tensor:
        chances = rand(t.shape[self.dim])
        return chances > kthvalue(chances, count).values


class LnStructured(_Structured):
    """Prunes the channels along a dimension with the smallest norms of order `n`."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, count: int) -> Tensor:
        dim = self.dim % t.dim()
        norms = norm(t, p=self.n, dim=[d for d in range(t.dim()) if d != dim])
        return topk(norms, t.shape[dim] - count).indices


class CustomFromMask(BasePruningMethod):
    """Prunes where a mask is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape "
                f"{self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


# Functions ----------------------------------------------------------------------------------------


def identity(module: M, name: str) -> M:
    """Put a mask of ones on a parameter. Returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: Any) -> M:
    """Prune random elements of a parameter: a share of them, or a number. Returns the module.

    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(4, 4), "weight", amount=6)
    >>> int(layer.weight_mask.sum())
    10
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(
    module: M, name: str, amount: Any, importance_scores: Tensor | None = None
) -> M:
    """Prune the elements of a parameter with the smallest absolute values. Returns the module.

    `amount` is a share of them, if it is a float, or a number. `importance_scores`, of the same
    shape, takes the place of the elements.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> layer.weight.data = minigrad.tensor([[3.0, -1.0]])
    >>> nn.utils.prune.l1_unstructured(layer, "weight", amount=0.5).weight.tolist()
    [[3.0, -0.0]]
    >>> list(layer.state_dict())
    ['weight_orig', 'weight_mask']
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: Any, dim: int) -> M:
    """Prune random channels along `dim`. Returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M,
    name: str,
    amount: Any,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> M:
    """Prune the channels along `dim` with the smallest norms of order `n`. Returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter where `mask` is 0. Returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any,
    pruning_method: type[BasePruningMethod],
    importance_scores: Any = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters together, pairs of a module and a name, by one method.

    Raises TypeError for a method that isn't unstructured.

    >>> a, b = nn.Linear(3, 2), nn.Linear(2, 3)
    >>> pairs = [(a, "weight"), (b, "weight")]
    >>> prune = nn.utils.prune
    >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=5)
    >>> int(a.weight_mask.sum() + b.weight_mask.sum())
    7
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    importance_scores = {} if importance_scores is None else importance_scores
    if not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = [*parameters]
    tensors = [getattr(*pair) for pair in pairs]
    scores = [importance_scores.get(p, t) for p, t in zip(pairs, tensors, strict=True)]
    masks = [
        getattr(module, name + "_mask", ones_like(t))
        for (module, name), t in zip(pairs, tensors, strict=True)
    ]
    method: BasePruningMethod = pruning_method(**kwargs)
    method._tensor_name = "all of them"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    mask = PruningContainer(method).compute_mask(
        cat([score.detach().reshape(-1) for score in scores]),
        cat([each.reshape(-1) for each in masks]),
    )
    start = 0
    for (module, name), tensor in zip(pairs, tensors, strict=True):
        end = start + tensor.numel()
        custom_from_mask(module, name, mask[start:end].view_as(tensor))
        start = end


def remove(module: M, name: str) -> M:
    """Make the pruned value of a parameter permanent. Returns the module.

    ValueError if it isn't pruned.
    """
    number = _hook_of(module, name)
    if number is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method: Any = module._forward_pre_hooks.pop(number)
    method.remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Return whether any parameter in the tree of a module is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for submodule in module.modules()
        for hook in submodule._forward_pre_hooks.values()
    )
