"""Parametrizations: a parameter of a module becomes a function of others.

A parametrized module gets a class of its own, derived from its class, with a property in the place
of the parameter. Reading the property computes the value; assigning to it applies the inverse.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from ...api.tensor import Tensor
from ...core.grad_mode import no_grad
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """The values of parametrized tensors, by module and name, within blocks of `cached`."""

    depth = 0
    values: dict[tuple[int, str], Any] = {}  # noqa: RUF012 (there is one cache)


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor only once in a block.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    >>> layer.weight is layer.weight
    False
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in the order in which they are applied.

    Its parameter or buffer `original` is what the first of them gets; if the inverse of that one
    returns several tensors, they are `original0`, `original1` and so on.

    Raises ValueError if the inverses, or the parametrizations unless `unsafe`, change the dtype or
    the shape of the tensor, or don't return tensors.
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationLists require one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new = original
            for module in reversed([*self]):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, Tensor | Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            _check_kind(new, original, "When `right_inverse` outputs one tensor, it")
            with no_grad():
                original.data = new
            _register(self, "original", original)
        else:
            self._register_several(new, original)
        if not unsafe:
            found = self()
            if not isinstance(found, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {_name(found)}.")
            if found.dtype != dtype:
                raise _changed("dtype", dtype, found.dtype)
            if found.shape != shape:
                raise _changed("shape", shape, found.shape)

    def _register_several(self, new: Sequence[Any], original: Any) -> None:
        for i, value in enumerate(new):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {_name(value)}."
                )
            if isinstance(original, Parameter):
                value = Parameter(value, original.requires_grad)
            value.requires_grad_(original.requires_grad)
            _register(self, f"original{i}", value)

    def right_inverse(self, value: Any) -> None:
        """Apply the inverses to `value`, and make the results the originals.

        RuntimeError if a parametrization has no `right_inverse`; ValueError for results that don't
        fit the originals.
        """
        with no_grad():
            for module in reversed([*self]):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {_name(value)}")
                _check_kind(value, self.original, "The tensor returned by `right_inverse`")
                self.original.data = value
                return
            if not isinstance(value, Sequence):
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors. Got {type(value)}."
                )
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got a sequence of length {len(value)}."
                )
            for i, tensor in enumerate(value):
                original = getattr(self, f"original{i}")
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        f"`right_inverse` must return a sequence of tensors. Got element {i} of "
                        f"type {_name(tensor)}"
                    )
                _check_kind(tensor, original, f"Tensor {i} returned by `right_inverse`")
                original.data = tensor

    def forward(self) -> Any:
        """Return the value of the parametrized tensor."""
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        first, *others = self
        value = first(*(getattr(self, name) for name in names))
        for module in others:
            value = module(value)
        return value


def _check_kind(new: Any, original: Any, what: str) -> None:
    if new.dtype != original.dtype:
        raise ValueError(
            f"{what} may not change the dtype.\noriginal.dtype: {original.dtype}\n"
            f"right_inverse(original).dtype: {new.dtype}"
        )


def _changed(what: str, before: Any, after: Any) -> ValueError:
    return ValueError(
        f"Registering a parametrization may not change the {what} of the tensor, unless the "
        f"`unsafe` flag is enabled.\nunparametrized {what}: {before}\n"
        f"parametrized {what}: {after}"
    )


def _name(value: Any) -> str:
    return type(value).__name__


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


# The class of a parametrized module ---------------------------------------------------------------


def _refuse_state(self: Any) -> NoReturn:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): save that, "
        "and load it into a module that is parametrized in the same way"
    )


def _deeply_copied(self: Any, memo: dict[int, Any]) -> Any:
    if id(self) not in memo:
        memo[id(self)] = replica = self.__new__(type(self))
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
    return memo[id(self)]


def _inject_class(module: Module) -> None:
    """Give a module a class of its own, which has its parametrizations as properties."""
    kind: Any = type(module)
    members: dict[str, Any] = {"__getstate__": _refuse_state, "__module__": kind.__module__}
    if not hasattr(kind, "__deepcopy__"):
        members["__deepcopy__"] = _deeply_copied
    module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), members)


def _inject_property(module: Module, name: str) -> None:
    def get(self: Any) -> Any:
        if not _Cache.depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _Cache.values:
            _Cache.values[key] = self.parametrizations[name]()
        return _Cache.values[key]

    def set_(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set_))


# Functions ----------------------------------------------------------------------------------------


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a module has parametrizations, or one of the tensor `tensor_name`."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make the parameter or buffer `tensor_name` a function of its value. Returns the module.

    `parametrization` is a module. Reading `module.tensor_name` calls it with
    `module.parametrizations.tensor_name.original`, which is in the parameter's place. Assigning
    calls its method `right_inverse`, if it has one, and so does this function. It may return
    several tensors, which `parametrization` then gets as its arguments. A second parametrization of
    a tensor gets the result of the first.

    Raises ValueError if there is no such tensor, and, unless `unsafe`, if a parametrization or its
    inverse changes the dtype or the shape.

    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.Linear(2, 2)
    >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        found: Any = module.parametrizations
        if not unsafe:
            _check_consistent(getattr(module, tensor_name), parametrization)
        found[tensor_name].append(parametrization)
        found[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_consistent(value: Any, parametrization: Any) -> None:
    """ValueError unless another parametrization keeps the dtype and the shape of a tensor."""
    found = parametrization(value)
    if not isinstance(found, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {_name(found)}.")
    if found.dtype != value.dtype:
        raise _changed("dtype", value.dtype, found.dtype)
    if found.shape != value.shape:
        raise _changed("shape", value.shape, found.shape)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(found)
        except NotImplementedError:
            return
        if not isinstance(back, Tensor):
            raise ValueError(
                f"parametrization.right_inverse must return a tensor. Got: {_name(back)}"
            )
        for aspect in ("dtype", "shape"):
            before, after = getattr(found, aspect), getattr(back, aspect)
            if before != after:
                raise ValueError(
                    f"The tensor returned by parametrization.right_inverse must have the same "
                    f"{aspect} as module.weight, unless the `unsafe` flag is enabled.\n"
                    f"module.weight.{aspect}: {before}\nreturned {aspect}: {after}"
                )


def require_tensor(module: Module, name: str) -> Tensor:
    """Return a module's tensor of this name. ValueError if there is none."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrized tensor a parameter or buffer again. Returns the module.

    Its value is the parametrized one, or with `leave_parametrized=False` the original. Raises
    ValueError if the tensor isn't parametrized, and if there are several originals to return to.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=3, bias=True)
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    all_of_them: Any = module.parametrizations
    found = all_of_them[tensor_name]
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            with no_grad():
                value = getattr(module, tensor_name)
            if value.dtype != original.dtype:
                raise RuntimeError(
                    "Calling remove_parametrizations() with leave_parametrized=True requires that "
                    f"the parametrizations keep the dtype {original.dtype} of the original"
                )
            original.data = value.detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del all_of_them[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Register the parametrizations of one module on another, too. Returns the other.

    Both then have the same originals. `tensor_name` names the only tensor to do this for; a tensor
    that the other module lacks becomes a parameter of it.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> other = nn.utils.parametrize.transfer_parametrizations_and_params(layer, nn.Linear(2, 3))
    >>> other.parametrizations.weight.original0 is layer.parametrizations.weight.original0
    True
    """
    if not is_parametrized(from_module):
        return to_module
    every: Any = from_module.parametrizations
    for name in every if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in every[name]:
            register_parametrization(to_module, name, parametrization)
        there: Any = to_module.parametrizations
        for original, tensor in (*every[name]._parameters.items(), *every[name]._buffers.items()):
            setattr(there[name], original, tensor)
    return to_module
