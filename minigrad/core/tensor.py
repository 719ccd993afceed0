"""TensorBase: the state of a tensor, which is an array and its place in the graph.

The engine needs only this. `api/tensor.py` adds the methods and operators that users call.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rules.dtypes import of_numpy
from .grad_mode import grad_mode
from .versions import Untracked, count_replacement

if TYPE_CHECKING:
    from .hooks import Attached
    from .node import Node
    from .views import View


class TensorBase:
    """An array, and the node of the tape that computed it.

    - `_array`: the elements. One array object belongs to one tensor, even if tensors share memory.
    - `_counter`: the version counter of the storage, one list for all tensors that share it.
    - `_node`: the node that recorded the op; None for a leaf.
    - `_requires_grad`: whether a gradient is wanted for this tensor.
    - `_grad`: the gradient that `backward` accumulated, or None.
    - `_view`: how this tensor is a view of another, or None.
    - `_attached`: a leaf's hooks; those of any other tensor are attached to its node.
    """

    __slots__ = (
        "__dict__",  # users may set attributes, as in PyTorch
        "__weakref__",
        "_array",
        "_attached",
        "_counter",
        "_grad",
        "_node",
        "_requires_grad",
        "_view",
    )

    _array: np.ndarray
    _attached: Attached | None
    _counter: list[int]
    _grad: Any
    _node: Node | None
    _requires_grad: bool
    _view: View | None

    # The place in the graph -------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted for this tensor, or for a tensor it was computed from."""
        return self._requires_grad or (self._view is not None and self._view.base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        if not isinstance(requires_grad, bool):
            raise RuntimeError("requires_grad must be a bool")
        if not self.is_leaf:
            raise RuntimeError(_ONLY_LEAVES)
        self.requires_grad_(requires_grad)

    @requires_grad.deleter
    def requires_grad(self) -> None:
        raise RuntimeError("can't delete requires_grad: set it to False")

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set `requires_grad` of a leaf. RuntimeError for integers, and for False on a non-leaf.

        TypeError for a flag that isn't a bool.
        """
        if not isinstance(requires_grad, bool):
            kind = type(requires_grad).__name__
            raise TypeError(
                f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}"
            )
        if not requires_grad and not self.is_leaf:
            raise RuntimeError(
                f"{_ONLY_LEAVES} If you want to use a computed variable in a subgraph that doesn't "
                "require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad:
            require_floats(self._array)
            if type(self._counter) is Untracked and not grad_mode.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                    "allowed. Make a clone of it."
                )
        self._requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op computed this tensor."""
        refresh(self)
        return self._node is None

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this non-leaf."""
        attached = None if self._node is None else self._node.attached
        retaining = None if attached is None else attached.retaining
        return retaining is not None and retaining() is self

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has accumulated here, or None.

        It can be set to None or to a tensor of this tensor's shape and dtype. A non-leaf has a
        gradient only after `retain_grad`; reading it without that warns.
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
    def grad(self, grad: Any) -> None:
        if grad is not None:
            if not isinstance(grad, TensorBase):
                kind = type(grad).__name__
                raise TypeError(f"assigned grad expected to be a Tensor or None but got {kind}")
            if grad is self:
                raise RuntimeError("can't assign Variable as its own grad")
            ours, theirs = self._array, grad._array
            if theirs.dtype is not ours.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{of_numpy(theirs.dtype)}' to a "
                    f"tensor with dtype '{of_numpy(ours.dtype)}'; the two must be the same"
                )
            if theirs.shape != ours.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(theirs.shape)}' to a "
                    f"tensor of size '{list(ours.shape)}': the two must be the same"
                )
        self._grad = grad

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    # The memory -------------------------------------------------------------------------------

    def detach(self) -> Any:
        """The same elements in the same memory, without a history."""
        result = wrap(self._array[...])  # an array object belongs to one tensor
        result._counter = self._counter
        return result

    @property
    def data(self) -> Any:
        """The same elements in the same memory, without a history or a shared version counter.

        Setting it gives this tensor another array. A `backward` that needs this tensor uses that.
        """
        result = wrap(self._array[...])
        result._counter = self._counter if type(self._counter) is Untracked else [0]
        return result

    @data.deleter
    def data(self) -> None:
        raise RuntimeError("can't delete the data of a tensor")

    @data.setter
    def data(self, data: Any) -> None:
        if not isinstance(data, TensorBase):
            kind = type(data).__name__
            raise TypeError(f"Variable data has to be a tensor, but got {kind}")
        if self.requires_grad and data._array.dtype.kind != "f":
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                f"dtype, but this is {of_numpy(data._array.dtype)}"
            )
        before, given = self._array, data._array
        if given is before or _is_whole_memory(given, before):
            return  # `x.data -= y` assigns the memory that x has already
        self._array = given[...]
        count_replacement(before, self._array)

    @property
    def _version(self) -> int:
        """The number of in-place writes to this tensor's storage, through any of its views.

        RuntimeError for an inference tensor, which has no such number.

        >>> x = minigrad.zeros(2)
        >>> x[0] = 1
        >>> x._version
        1
        """
        if type(self._counter) is Untracked:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0]

    @property
    def _base(self) -> Any:
        """The tensor of which this tensor is a view, or None."""
        return None if self._view is None else self._view.base

    @property
    def _cdata(self) -> int:
        """A number that no other tensor alive has, by which programs tell tensors apart."""
        return id(self)

    def _is_view(self) -> bool:
        """Whether this tensor is a view of another."""
        return self._view is not None


_ONLY_LEAVES = "you can only change requires_grad flags of leaf variables."
_new = object.__new__
_public: type[Any] = TensorBase


def make_public(cls: type[Any]) -> None:
    """Make `cls`, a subclass of TensorBase, the class of all tensors that the engine creates."""
    global _public
    _public = cls


def wrap(array: np.ndarray, cls: type[Any] | None = None) -> Any:
    """A tensor without a history around `array`, whose memory it shares."""
    tensor = _new(_public if cls is None else cls)
    tensor._array = array
    tensor._grad = None
    tensor._attached = None
    tensor._node = None
    tensor._view = None
    tensor._requires_grad = False
    tensor._counter = [0]
    return tensor


_as_defined = FunctionType(wrap.__code__, globals(), "wrap", wrap.__defaults__)
_mark: Callable[[TensorBase], None] | None = None


def _wrap_and_mark(array: np.ndarray, cls: type[Any] | None = None) -> Any:
    tensor = _as_defined(array, cls)
    if _mark is not None:
        _mark(tensor)
    return tensor


def mark_new(mark: Callable[[TensorBase], None] | None) -> None:
    """Let a function be called with every tensor that `wrap` makes, or none.

    For that, `wrap` gets other code. So it costs nothing while there is no such function.
    """
    global _mark
    _mark = mark
    wrap.__code__ = (_as_defined if mark is None else _wrap_and_mark).__code__


def refresh(tensor: TensorBase) -> None:
    """Record the history of a view again if its storage was written to since."""
    if tensor._view is not None:
        tensor._view.refresh(tensor)


def require_tensor(value: Any, function: str, argument: str, position: int = 1) -> None:
    """TypeError, as PyTorch words it, unless an argument of a function is a tensor."""
    if not isinstance(value, TensorBase):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not "
            f"{type(value).__name__}"
        )


def require_element(value: Any, position: int) -> None:
    """TypeError, as PyTorch words it, unless an element of a list is a tensor."""
    if not isinstance(value, TensorBase):
        kind = type(value).__name__
        raise TypeError(f"expected Tensor as element {position} in argument 0, but got {kind}")


def require_floats(array: np.ndarray) -> None:
    """RuntimeError unless an array's dtype can have gradients."""
    if array.dtype.kind != "f":
        raise RuntimeError(
            "only Tensors of floating point dtype can require gradients, and this one is "
            f"{of_numpy(array.dtype)}; convert it first, with .float()"
        )


def _is_whole_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same elements, which are all those of the memory they share."""
    owner: Any = b if b.base is None else b.base
    return (
        a.base is owner
        and a.shape == b.shape
        and a.strides == b.strides
        and a.dtype is b.dtype
        and getattr(owner, "nbytes", None) == b.nbytes
    )
