"""Adapter: what `conform` needs of an engine, and how a candidate is loaded.

An adapter is a Python file, a module or any namespace with these names:

    def tensor(array, requires_grad): ...     a leaf with the elements of a NumPy array
    def backward(result, cotangent): ...      the gradients of sum(result * cotangent), into leaves
    def grad(leaf): ...                       the leaf's gradient as a tensor or an array, or None
    def to_numpy(value): ...                  the elements of a tensor
    ops = {"add": lambda a, b: a + b}         functions by PyTorch's names, with its arguments

At least one op is required. Optional names:

- `scalar = True`: the engine computes with single numbers. `tensor` gets a Python float, and
  `to_numpy` returns one. Arrays are taken apart, and an op gets one number of each operand.
- `dtypes = ("float64",)`: the dtypes of its tensors, if not both float32 and float64.
- `name`, `version`: what the report calls it.
- `strict = True`: it claims to be PyTorch in every detail, from strides to error types, and the
  namespace `library` has all of its names.
- `conventions = {("abs", "ties"): "what differs, and where it is documented"}`: deliberate
  differences from PyTorch, by op and kind of fault. "*" stands for any op.

An op raises `Missing` for an option that the engine lacks. A namespace without these names but
with PyTorch's needs no adapter: `PyTorchNames` is its adapter.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from minigrad.app.command import InputError

ADAPTERS = "bridge.adapters"
REQUIRED = ("tensor", "backward", "grad", "to_numpy", "ops")


# Operators by PyTorch's names, for engines whose functions are operators only.
OPERATORS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg", "pow", "matmul")},
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "abs")},
    "div": operator.truediv,
    "getitem": operator.getitem,
}
_SPECIAL = {"div": "truediv"}


class Missing(Exception):
    """What a call needs and the candidate doesn't have."""


class BadCandidate(InputError):
    """A candidate that can't be loaded or isn't an engine. The message is one line."""


@runtime_checkable
class Adapter(Protocol):
    """An engine in the terms of `conform`; see the module's text for each name."""

    ops: Mapping[str, Callable[..., Any]]

    def tensor(self, array: Any, requires_grad: bool) -> Any: ...

    def backward(self, result: Any, cotangent: Any) -> None: ...

    def grad(self, leaf: Any) -> Any: ...

    def to_numpy(self, value: Any) -> Any: ...


class PyTorchNames:
    """The adapter of a namespace with PyTorch's names, or some of them.

    It needs `tensor` or `Tensor`, a method `backward` and an attribute `grad`.
    """

    def __init__(self, namespace: Any, name: str) -> None:
        self.namespace, self.name = namespace, name
        self.make = getattr(namespace, "tensor", None) or getattr(namespace, "Tensor", None)
        self.ops = _Functions(namespace)

    def tensor(self, array: np.ndarray, requires_grad: bool) -> Any:
        make = self.make
        assert make is not None
        if hasattr(self.namespace, "from_numpy"):
            x = self.namespace.from_numpy(array)
            return x.requires_grad_() if requires_grad else x
        try:
            return make(array, requires_grad=requires_grad)
        except TypeError:
            return make(array)  # every tensor of a small engine has a gradient

    def backward(self, result: Any, cotangent: np.ndarray) -> None:
        if np.ndim(cotangent) == 0 and cotangent == 1:
            result.backward()
            return
        try:
            result.backward(self.tensor(cotangent, False))
        except TypeError:  # backward takes no cotangent
            if not {"mul", "sum"} <= set(self.ops):
                if np.all(cotangent == 1):
                    result.backward()
                    return
                raise Missing("a cotangent for backward, or mul and sum") from None
            weighted = self.ops["mul"](result, self.tensor(cotangent, False))
            self.ops["sum"](weighted).backward()

    def grad(self, leaf: Any) -> Any:
        return getattr(leaf, "grad", None)

    def to_numpy(self, value: Any) -> np.ndarray:
        if hasattr(value, "detach"):
            value = value.detach()
        if hasattr(value, "numpy"):
            return np.asarray(value.numpy())
        return np.asarray(getattr(value, "data", value))


class _Functions(Mapping[str, Callable[..., Any]]):
    """The functions of a namespace by name, also those of `nn.functional` and methods."""

    def __init__(self, namespace: Any) -> None:
        functional = getattr(getattr(namespace, "nn", None), "functional", None)
        places = (namespace, functional, getattr(namespace, "Tensor", None))
        self._places = [place for place in places if place is not None]

    def __getitem__(self, name: str) -> Callable[..., Any]:
        for place in self._places:
            found = getattr(place, name, None)
            if callable(found) and not isinstance(found, type):
                return cast(Callable[..., Any], found)
        special = f"__{_SPECIAL.get(name, name)}__"
        if name in OPERATORS and any(hasattr(place, special) for place in self._places[-1:]):
            return OPERATORS[name]
        raise KeyError(name)

    def __iter__(self) -> Any:
        return iter({name for place in self._places for name in dir(place)})

    def __len__(self) -> int:
        return sum(1 for _ in self)


# Loading ------------------------------------------------------------------------------------------


def load(candidate: Any) -> Adapter:
    """Return the adapter of a candidate: a name of `bridge/adapters`, a module, a file, an object.

    Raises BadCandidate with one line that says what is wrong.

    >>> load("torch").name
    'torch'
    """
    name = candidate if isinstance(candidate, str) else getattr(candidate, "__name__", "candidate")
    found = _imported(candidate) if isinstance(candidate, str) else candidate
    if not hasattr(found, "ops"):
        has = [part for part in REQUIRED if hasattr(found, part) and part != "tensor"]
        if has:
            raise BadCandidate(f"{name}: the adapter has no `ops`")
        if not (hasattr(found, "tensor") or hasattr(found, "Tensor")):
            raise BadCandidate(f"{name}: has neither PyTorch's `tensor` nor an adapter's `ops`")
        found = PyTorchNames(found, name)
    _check(found, name)
    return cast(Adapter, found)


def name_of(adapter: Any) -> str:
    """Return the candidate's name and version for a report."""
    name = getattr(adapter, "name", getattr(adapter, "__name__", type(adapter).__name__))
    return f"{name} {getattr(adapter, 'version', '')}".strip()


def _imported(name: str) -> Any:
    try:
        if name.endswith(".py"):
            return _from_file(Path(name))
        if name.isidentifier() and importlib.util.find_spec(f"{ADAPTERS}.{name}") is not None:
            return importlib.import_module(f"{ADAPTERS}.{name}")
        if "" not in sys.path:
            sys.path.insert(0, "")  # a package in the current folder
        return importlib.import_module(name)
    except BadCandidate:
        raise
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        raise BadCandidate(f"{name}: can't be imported: {type(error).__name__}: {said}") from None


def _from_file(path: Path) -> types.ModuleType:
    if not path.is_file():
        raise BadCandidate(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(f"adapter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check(adapter: Any, name: str) -> None:
    """Raise BadCandidate unless the adapter has what is required, and its tensors are arrays."""
    for part in REQUIRED:
        if not hasattr(adapter, part):
            raise BadCandidate(f"{name}: the adapter has no `{part}`")
        if part != "ops" and not callable(getattr(adapter, part)):
            raise BadCandidate(f"{name}: the adapter's `{part}` is not a function")
    if not isinstance(adapter.ops, Mapping) or not adapter.ops:
        raise BadCandidate(f"{name}: the adapter's `ops` must be a dict with at least one op")
    scalar = getattr(adapter, "scalar", False)
    given: Any = 2.0 if scalar else np.array([1.0, 2.0])
    try:
        back = adapter.to_numpy(adapter.tensor(given, True))
    except Exception as error:
        said = " ".join(str(error).split())
        raise BadCandidate(f"{name}: tensor and to_numpy: {type(error).__name__}: {said}") from None
    if not isinstance(back, np.ndarray | np.generic | float | int):
        raise BadCandidate(
            f"{name}: to_numpy must return an array, but returned {type(back).__name__}"
        )
    if np.shape(back) != np.shape(given) or not np.array_equal(back, given):
        raise BadCandidate(f"{name}: to_numpy(tensor({given!r})) returned {back!r}")
