"""Tensor: an array, and how it came to be.

The array is NumPy's. How it came to be is a node of the tape (`grad_fn`), or nothing for a leaf.
This file holds what a tensor *is* and how it is turned into other things; the ops that compute
(`x.exp()`, `x + y`, `x.add_(y)`) are made from the rules and attached by `methods.py`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import printing
from ..api.devices import device
from ..api.size import Size
from ..rules import dtypes
from ..rules.dtypes import dtype
from .tracing import count_write

if TYPE_CHECKING:
    from ..autograd.grad_fn import GradFn
    from ..autograd.gradient_hooks import Hooks
    from .node import Node
    from .views import View


class Tensor:
    """A multi-dimensional array of one dtype that can remember how it was computed.

    Made by `minigrad.tensor` and its kin. `Tensor(data)` and `Tensor(*sizes)` are PyTorch's old
    constructor: the default float dtype, from data or with sizes and no particular contents.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__dict__",  # a tensor may be given attributes, as in PyTorch; costs nothing until it is
        "__weakref__",
        "_array",
        "_counter",  # [int]: how often it was written to, one list for all views of a storage
        "_grad",
        "_hooks",  # a leaf's; those of any other are its node's
        "_node",
        "_requires_grad",
        "_view",
    )

    _array: np.ndarray
    _grad: Tensor | None
    _hooks: Hooks | None
    _node: Node | None
    _requires_grad: bool
    _counter: list[Any]
    _view: View | None

    # Before NumPy's operators: `array * tensor` is the tensor's to answer (with a TypeError).
    __array_priority__ = 1000
    __hash__ = object.__hash__  # by identity, though `==` compares elements

    def __new__(cls, *data: Any) -> Tensor:
        default = dtypes.get_default_dtype().numpy
        if len(data) == 1 and isinstance(data[0], Size):
            data = tuple(data[0])
        if all(isinstance(size, int) for size in data):
            return wrap(np.empty(data or 0, default), cls)
        if len(data) == 1 and isinstance(data[0], Tensor):
            return wrap(data[0]._array[...], cls)
        if len(data) == 1 and isinstance(data[0], str):
            raise TypeError("new(): invalid data type 'str'")
        if len(data) == 1 and isinstance(data[0], Sequence | np.ndarray):
            return wrap(np.array(data[0], default), cls)
        kinds = ", ".join(type(item).__name__ for item in data)
        raise TypeError(f"Tensor() takes sizes (ints) or one sequence of data, not ({kinds})")

    # The history ------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted for this tensor, or for something it was computed from."""
        return self._requires_grad or (self._view is not None and self._view.base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError(_ONLY_LEAVES)
        self.requires_grad_(requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` on a leaf. RuntimeError for integers, and for False on a non-leaf."""
        if not self.is_leaf and not requires_grad:
            raise RuntimeError(
                f"{_ONLY_LEAVES} If you want to use a computed variable in a subgraph that doesn't "
                "require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(
                "only Tensors of floating point dtype can require gradients, and this one is "
                f"{self.dtype}; convert it first, with .float()"
            )
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def grad_fn(self) -> GradFn | None:
        """The node of the tape that made this tensor; None for a leaf."""
        _up_to_date(self)
        return None if self._node is None else self._node.as_seen()[0]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        _up_to_date(self)
        return self._node is None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has accumulated here, or None.

        It can be set to None or to a tensor of this one's shape and dtype. A tensor that is no leaf
        has none, unless `retain_grad` asked for it: then asking for it warns.
        """
        if self._grad is None and self._node is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you want it to "
                "be, call .retain_grad() on it first.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if grad is not None:
            if not isinstance(grad, Tensor):
                kind = type(grad).__name__
                raise TypeError(f"assigned grad expected to be a Tensor or None but got {kind}")
            if grad is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if grad.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{grad.dtype}' to a tensor with "
                    f"dtype '{self.dtype}'; the two must be the same"
                )
            if grad._array.shape != self._array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(grad._array.shape)}' to a "
                    f"tensor of size '{list(self._array.shape)}': the two must be the same"
                )
        self._grad = grad

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def _accumulate(self, gradient: Any) -> None:
        """Add a gradient into `.grad`.

        An array, which is ours to keep, in place where there is one; a Tensor, whose history is to
        be kept, never in place.
        """
        if isinstance(gradient, Tensor):
            if self._grad is None and self._node is None:
                self._grad = wrap(np.empty_like(gradient._array)).copy_(gradient)
            elif self._grad is None:
                self._grad = gradient.clone()
            else:
                self._grad = self._grad + gradient
        elif self._grad is None:
            self._grad = wrap(gradient if type(gradient) is np.ndarray else np.asarray(gradient))
        else:
            self._grad._array += gradient
            count_write(self._grad._counter)

    def detach(self) -> Tensor:
        """The same elements in the same memory, without a history."""
        result: Tensor = wrap(self._array[...])  # an array belongs to one tensor
        result._counter = self._counter
        return result

    @property
    def data(self) -> Tensor:
        """The same elements in the same memory, without a history and unseen by version counters.

        Setting it gives this tensor another array.
        """
        result: Tensor = wrap(self._array[...])
        return result

    @data.setter
    def data(self, data: Tensor) -> None:
        if not isinstance(data, Tensor):
            kind = type(data).__name__
            raise TypeError(f"Variable data has to be a tensor, but got {kind}")
        if self.requires_grad and data._array.dtype.kind != "f":
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                f"dtype, but this is {data.dtype}"
            )
        self._array = data._array[...]

    # What it is made of -----------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension. IndexError for a dimension that is not there."""
        from ..rules.dims import axis

        if dim is None:
            return self.shape
        if self.ndim == 0:
            raise IndexError("dimension specified as 0 but tensor has no dimensions")
        return self._array.shape[axis(dim, self.ndim)]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return dtypes.of_numpy(self._array.dtype)

    @property
    def device(self) -> device:
        """Where the elements are: the CPU."""
        return device("cpu")

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self._array.dtype.kind == "f"

    def element_size(self) -> int:
        """The size of one element in bytes."""
        return self._array.itemsize

    itemsize = property(element_size)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements to step over in memory for one step along each dimension (or `dim`)."""
        if self._array.size:
            strides = tuple(step // self._array.itemsize for step in self._array.strides)
        else:  # NumPy's are 0; PyTorch's as if each size were at least 1
            sizes = [max(size, 1) for size in self._array.shape]
            strides = tuple(math.prod(sizes[d + 1 :]) for d in range(len(sizes)))
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        return self._array.flags.c_contiguous

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._array.ctypes.data

    @property
    def _version(self) -> int:
        """How often this tensor's storage was written to in place, through any view of it.

        >>> x = minigrad.zeros(2)
        >>> x[0] = 1
        >>> x._version
        1
        """
        return self._counter[0]

    @property
    def _base(self) -> Tensor | None:
        """The tensor of which this one is a view, or None."""
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        """Whether this tensor is a view of another."""
        return self._view is not None

    @property
    def output_nr(self) -> int:
        """Which of the results of its `grad_fn` this tensor is; of most ops there is one, 0."""
        return 0 if self._node is None else self._node.as_seen()[1]

    # Out of the tensor ------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The array, sharing memory. RuntimeError if this requires grad, unless `force`.

        In no_grad, where it cannot be meant to be recorded, it is the array in any case.
        """
        from .grad_mode import is_grad_enabled

        if self.requires_grad and is_grad_enabled() and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: np.ndarray, *_: object) -> Tensor:
        """A NumPy function of a tensor gives a tensor."""
        return wrap(np.asarray(array))

    def item(self) -> Any:
        """The one element, as a Python number. RuntimeError if there is not exactly one."""
        if self._array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar"
            )
        return self._array.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers; for a 0-d tensor, the number."""
        return self._array.tolist()

    def _scalar(self) -> Any:
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self._array.item()

    def __float__(self) -> float:
        return float(self._scalar())

    def __int__(self) -> int:
        return int(self._scalar())

    def __complex__(self) -> complex:
        return complex(self._scalar())

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind == "f":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._array.size != 1:
            count = "no values" if self._array.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {count} is ambiguous")
        return bool(self._array.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind())

    def __contains__(self, element: object) -> bool:
        if not isinstance(element, Tensor | int | float):
            kind = type(element).__name__
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {kind}."
            )
        return bool((self == element).any())

    def __repr__(self) -> str:
        try:
            _up_to_date(self)
            grad_fn = None if self._node is None else self._node.name()
        except RuntimeError:  # a view whose history nobody can tell
            grad_fn = "Invalid"
        return printing.tensor_repr(
            self._array,
            default_dtype=dtypes.get_default_dtype().numpy,
            requires_grad=self.requires_grad,
            grad_fn=grad_fn,
        )

    def __format__(self, spec: str) -> str:
        if type(self) is Tensor and self._array.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    # Copies -----------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment; use .detach().clone()"
            )
        result = wrap(self._array.copy(), type(self))
        result._requires_grad = self.requires_grad
        memo[id(self)] = result
        if self._grad is not None:
            result._grad = self._grad.__deepcopy__(memo)
        return result

    def __reduce__(self) -> Any:
        raise TypeError(
            "minigrad tensors are not pickled: use minigrad.save and minigrad.load, "
            "or .detach().numpy()"
        )

    if TYPE_CHECKING:  # the ops are attached by methods.py

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __iadd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __isub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __imul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...


_ONLY_LEAVES = "you can only change requires_grad flags of leaf variables."
_new = object.__new__


def wrap(array: np.ndarray, kind: type[Any] = Tensor) -> Any:
    """A tensor without a history around `array`, sharing its memory."""
    tensor = _new(kind)
    tensor._array = array
    tensor._grad = None
    tensor._hooks = None
    tensor._node = None
    tensor._view = None
    tensor._requires_grad = False
    tensor._counter = [0]
    return tensor


def _up_to_date(tensor: Tensor) -> None:
    """Give a view whose storage was written to since its history anew."""
    if tensor._view is not None:
        tensor._view.refresh(tensor)
