"""Namespace: PyTorch's names over an adapter, so that one text runs on PyTorch and on an engine.

`namespace("micrograd")` can stand where a program says `torch`. Only what the engine has works;
everything else raises `Missing`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .adapter import Adapter, Missing, load

_DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


class Namespace:
    """PyTorch's names over an adapter. Functions are looked up in the adapter's ops."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.scalar = bool(getattr(adapter, "scalar", False))
        self.nn = types.SimpleNamespace(functional=self)
        for name in _DTYPES:
            setattr(self, name, np.dtype(name))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.op(name)

    def op(self, name: str) -> Callable[..., Any]:
        """Return the op of PyTorch's name, for tensors of this namespace. Raises Missing."""
        try:
            function = self.adapter.ops[name]
        except KeyError:
            raise Missing(f"no {name}") from None
        return lambda *args, **options: self._call(name, function, args, options)

    def has(self, name: str) -> bool:
        return name in self.adapter.ops

    def tensor(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
        """Make a leaf, with PyTorch's default dtypes."""
        array = np.asarray(data.array() if isinstance(data, Tensor) else data)
        if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray):
            dtype = np.float32
        return Tensor(self, leaf=np.array(array, dtype), requires_grad=requires_grad)

    def from_numpy(self, array: np.ndarray) -> Tensor:
        return Tensor(self, leaf=array)

    def zeros(self, shape: Any, dtype: Any = None) -> Tensor:
        return self.tensor(np.zeros(shape, dtype or np.float32))

    def ones(self, shape: Any, dtype: Any = None) -> Tensor:
        return self.tensor(np.ones(shape, dtype or np.float32))

    @contextmanager
    def no_grad(self) -> Iterator[None]:
        """Enter the engine's `no_grad`, if it has one."""
        found = getattr(self.adapter, "no_grad", None) or getattr(
            getattr(self.adapter, "namespace", None), "no_grad", None
        )
        if found is None:
            raise Missing("no no_grad")
        with found():
            yield

    # Calls ----------------------------------------------------------------------------------------

    def _call(self, name: str, function: Callable[..., Any], args: Any, options: Any) -> Any:
        tracked = any(x.requires_grad for x in _tensors(args))
        if self.scalar:
            return self._elementwise(name, function, args, options, tracked)
        found = function(*_raw(args), **_raw(options))
        return self._wrapped(found, tracked)

    def _wrapped(self, found: Any, tracked: bool) -> Any:
        if isinstance(found, list | tuple):
            return tuple(self._wrapped(x, tracked) for x in found)
        return Tensor(self, raw=found, requires_grad=tracked)

    def _elementwise(self, name: str, function: Any, args: Any, options: Any, tracked: bool) -> Any:
        """Call an op of single numbers for each element."""
        arrays = [_raw(x) if isinstance(x, Tensor) else np.asarray(x, object) for x in args]
        if any(x.dtype != object for x in arrays):
            raise Missing("only float64")
        try:
            together = np.broadcast(*arrays)
        except ValueError:
            raise Missing(f"{name} of arrays that don't broadcast") from None
        found = np.empty(together.shape, object)
        for place, each in zip(np.ndindex(*together.shape), together, strict=True):
            found[place] = function(*each, **options)
        return Tensor(self, raw=found, requires_grad=tracked)


class Tensor:
    """A tensor of an engine with PyTorch's methods. A leaf is made when it is first used."""

    def __init__(
        self, t: Namespace, raw: Any = None, leaf: Any = None, requires_grad: bool = False
    ) -> None:
        self._t, self._raw, self._leaf, self._wanted = t, raw, leaf, requires_grad

    @property
    def raw(self) -> Any:
        """The engine's own tensor; for an engine of scalars, an array of them."""
        if self._raw is None:
            x, make = self._leaf, self._t.adapter.tensor
            if not self._t.scalar:
                self._raw = make(x, self._wanted)
            elif x.dtype != np.float64:
                raise Missing(f"no {x.dtype}")
            else:
                self._raw = np.empty(x.shape, object)
                for place in np.ndindex(*x.shape):
                    self._raw[place] = make(float(x[place]), self._wanted)
        return self._raw

    def array(self) -> np.ndarray:
        """Return the elements."""
        return self._t_array(self.raw)

    def _t_array(self, raw: Any) -> np.ndarray:
        read = self._t.adapter.to_numpy
        if not (self._t.scalar and isinstance(raw, np.ndarray)):
            return np.asarray(read(raw))
        found = np.empty(raw.shape)
        for place in np.ndindex(*raw.shape):
            found[place] = read(raw[place])
        return found

    def like(self, array: Any) -> Tensor:
        """Return a leaf of the same namespace."""
        return Tensor(self._t, leaf=np.asarray(array))

    # PyTorch's names

    def numpy(self, force: bool = False) -> np.ndarray:
        return self.array()

    def detach(self) -> Tensor:
        found = getattr(self.raw, "detach", None)
        return Tensor(self._t, raw=found()) if callable(found) else self._t.op("detach")(self)

    def requires_grad_(self, wanted: bool = True) -> Tensor:
        if self._raw is not None:
            raise Missing("requires_grad_ of a tensor that was used")
        self._wanted = bool(wanted)
        return self

    @property
    def requires_grad(self) -> bool:
        return self._wanted

    @property
    def shape(self) -> tuple[int, ...]:
        return self._leaf.shape if self._raw is None else self.array().shape

    @property
    def dtype(self) -> np.dtype:
        return self._leaf.dtype if self._raw is None else self.array().dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient's elements, or None."""
        read, raw = self._t.adapter.grad, self.raw
        if not self._t.scalar:
            found = read(raw)
            return None if found is None else self._t_array(found)
        array = np.zeros(raw.shape)
        for place in np.ndindex(*raw.shape):
            found = read(raw[place])
            array[place] = 0 if found is None else found
        return array

    def backward(self, gradient: Any = None) -> None:
        g = gradient.array() if isinstance(gradient, Tensor) else gradient
        g = np.ones(self.shape, self.dtype) if g is None else g
        if not self._t.scalar:
            self._t.adapter.backward(self.raw, g)
            return
        pairs = [(y, float(g[i])) for i, y in np.ndenumerate(self.raw)]
        if len(pairs) > 1 and not (self._t.has("mul") and self._t.has("add")):
            raise Missing("mul and add, for the gradients of an array")
        if not pairs:
            return
        ops, total = self._t.adapter.ops, pairs[0][0]
        if len(pairs) > 1:
            terms = [ops["mul"](y, w) for y, w in pairs]
            while len(terms) > 1:  # a chain of additions might be too long for recursion
                rest = terms[len(terms) // 2 * 2 :]
                terms = [ops["add"](*pair) for pair in zip(terms[::2], terms[1::2], strict=False)]
                terms += rest
            total = terms[0]
            self._t.adapter.backward(total, np.float64(1))
        else:
            self._t.adapter.backward(total, np.float64(pairs[0][1]))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._raw is None and not self._wanted:
            # The text of a program writes the layout of a leaf in this way.
            if name == "T":
                return Tensor(self._t, leaf=self._leaf.T)
            if name == "expand":
                return lambda shape: Tensor(self._t, leaf=np.broadcast_to(self._leaf, shape))
            if name == "permute":
                return lambda dims: Tensor(self._t, leaf=self._leaf.transpose(dims))
        if name.endswith("_"):
            return self._in_place(name)
        return lambda *args, **options: self._t.op(name)(self, *args, **options)

    def _in_place(self, name: str) -> Callable[..., Any]:
        method = getattr(self.raw, name, None)
        if not callable(method):
            raise Missing(f"no {name}")

        def call(*args: Any, **options: Any) -> Tensor:
            method(*_raw(args), **_raw(options))
            return self

        return call

    def __getitem__(self, key: Any) -> Tensor:
        if self._raw is None and not self._wanted and _is_slice_of_last(key):
            return Tensor(self._t, leaf=self._leaf[key])
        if self._t.scalar:
            raise Missing("no indexing of scalars")
        return self._t.op("getitem")(self, _key(key))

    def __abs__(self) -> Tensor:
        return self._t.op("abs")(self)

    def __neg__(self) -> Tensor:
        return self._t.op("neg")(self)


def _operators() -> None:
    names = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow"}
    names |= {"matmul": "matmul", "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt"}
    for special, name in (names | {"ge": "ge"}).items():
        setattr(Tensor, f"__{special}__", _operator(name, False))
        setattr(Tensor, f"__r{special}__", _operator(name, True))


def _operator(name: str, reflected: bool) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        a, b = (other, self) if reflected else (self, other)
        return self._t.op(name)(a, b)

    return method


_operators()
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def _tensors(args: Any) -> Iterator[Tensor]:
    for x in args:
        if isinstance(x, Tensor):
            yield x
        elif isinstance(x, list | tuple):
            yield from _tensors(x)


def _is_slice_of_last(key: Any) -> bool:
    """Tell whether a key makes a strided leaf, as the text of a program does."""
    return isinstance(key, tuple) and key == (..., slice(None, None, 2))


def _key(key: Any) -> Any:
    """Return a key with arrays in the place of tensors."""
    if isinstance(key, tuple):
        return tuple(_key(part) for part in key)
    return key.array() if isinstance(key, Tensor) else key


def _raw(x: Any) -> Any:
    """Return an argument for the engine."""
    if isinstance(x, Tensor):
        return x.raw
    if isinstance(x, list | tuple):
        return type(x)(_raw(item) for item in x)
    if isinstance(x, dict):
        return {name: _raw(item) for name, item in x.items()}
    return x


def namespace(candidate: Any) -> Any:
    """Return what stands for `torch` in a program: a complete library, or names over an adapter.

    >>> torch = namespace("torch")
    >>> torch.tensor([1.0]) + 1
    tensor([2.])
    """
    adapter = load(candidate)
    return library_of(adapter) or Namespace(adapter)


def library_of(adapter: Any) -> Any:
    """Return the library of a strict adapter, or None."""
    return adapter.library if getattr(adapter, "strict", False) else None
