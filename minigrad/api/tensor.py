"""Tensor: the class that users see.

It has its state from `TensorBase`, and the methods that are made from rules from `OpMethods`. All
other methods are here.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

import numpy as np

from ..core import backward, grad_fn, hooks, overriding
from ..core.arguments import UNGIVEN
from ..core.creating import from_array, number_of, sizes_of
from ..core.devices import device, require_cpu, require_cuda
from ..core.dispatch import OPERANDS, OPS
from ..core.formats import (
    contiguous_format,
    format_of,
    is_in,
    preserve_format,
    require_format,
    strided,
    strides_of,
)
from ..core.grad_mode import is_grad_enabled, no_grad
from ..core.inference import is_inference, refuse_inference
from ..core.inplace import in_place, refuse_leaf, refuse_memory
from ..core.observer import observation
from ..core.one_node import as_one_node
from ..core.resizing import in_format, resize, resize_array, strides_of_empty, with_format
from ..core.tensor import TensorBase, make_public, refresh, require_tensor, wrap
from ..core.tracing import tracing
from ..core.versions import count_write
from ..core.views import note_reshaped
from ..core.warning import warn, warn_once
from ..random import sampling
from ..rules import REGISTRY, dtypes
from ..rules.dims import axis
from ..rules.dtypes import dtype as DType
from ..rules.dtypes import of_numpy, to_numpy
from ..rules.elementwise import fill_masked
from ..rules.layout import fastest_first
from ..rules.memory import memory_of
from ..rules.promotion import converted, get_default_dtype
from . import compositions, copying, indexing, old_constructors, printing, queries
from .compositions.basic import matmul, tensor_or_number
from .dlpack import dlpack, dlpack_device
from .op_methods import OpMethods
from .refused import Refused
from .setting import read_as_set, storage, untyped_storage
from .size import Size, size_of
from .storage import TypedStorage, UntypedStorage
from .subclasses import ask_subclasses


class Tensor(OpMethods, Refused, TensorBase):
    """A multi-dimensional array of one dtype that can remember how it was computed.

    Make one with `minigrad.tensor` or another creation function. `Tensor(data)` and
    `Tensor(*sizes)` are PyTorch's old constructor: they give the default float dtype, and the
    second an uninitialised tensor.

    >>> x = minigrad.tensor([1., 2.], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()

    # So that `array * tensor` calls the tensor's operator, not NumPy's. It raises TypeError.
    __array_priority__ = 1000
    __hash__ = object.__hash__  # by identity, because `==` compares elements

    def __new__(cls, *data: Any, **options: Any) -> Any:
        default = get_default_dtype().numpy
        return wrap(old_constructors.constructed(default, data, options), cls)

    # Subclasses -------------------------------------------------------------------------------

    __torch_function__: Any = classmethod(overriding.default)

    def as_subclass(self, cls: type[Any]) -> Any:
        """A view of this tensor as an instance of `cls`, a subclass of Tensor."""
        return overriding.as_subclass(self, cls)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__torch_function__ is not overriding.no_override:
            ask_subclasses(Tensor)

    @staticmethod
    def _make_subclass(cls: type[Any], data: TensorBase, require_grad: bool = False) -> Any:
        """An instance of a subclass in the memory of a tensor, without its history."""
        result = data.detach()
        result.__class__ = cls
        return result.requires_grad_(require_grad)

    # Gradients --------------------------------------------------------------------------------

    def backward(
        self,
        gradient: TensorBase | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: TensorBase | Sequence[TensorBase] | None = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of the leaves, or only of `inputs`.

        `gradient` is the cotangent to start from, of this tensor's shape. A tensor with one element
        doesn't need it. The rest is as in `minigrad.autograd.backward`.

        >>> x = minigrad.tensor([1., 2.], requires_grad=True)
        >>> (x * x).backward(minigrad.tensor([1., 10.]))
        >>> x.grad
        tensor([ 2., 40.])
        """
        backward.fill_gradients(self, gradient, retain_graph, create_graph, inputs)

    @property
    def grad_fn(self) -> Any:
        """The node of the op that computed this tensor; None for a leaf."""
        refresh(self)
        return None if self._node is None else grad_fn.grad_fn(self._node)

    @property
    def output_nr(self) -> int:
        """The position of this tensor among the results of its `grad_fn`."""
        return 0 if self._node is None else self._node.shown_output_nr()

    def register_hook(self, hook: Callable[[Any], Any]) -> hooks.RemovableHandle:
        """Register `hook(grad)`, to be called whenever this tensor's gradient is computed.

        A hook must not change its argument. It may return another gradient of the same shape and
        dtype to use instead. Hooks run in the order of registration. After an in-place write to the
        tensor, they belong to its old history. The handle's `remove()` unregisters the hook.
        RuntimeError for a tensor that doesn't require grad.

        >>> x = minigrad.tensor([1., 2.], requires_grad=True)
        >>> handle = x.register_hook(lambda grad: grad * 10)
        >>> x.sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return hooks.hook_on(self, hook)

    def register_post_accumulate_grad_hook(
        self, hook: Callable[[Any], None]
    ) -> hooks.RemovableHandle:
        """Register `hook(self)`, to be called each time `backward` has added to `.grad`.

        RuntimeError for a tensor that isn't a leaf or doesn't require grad.

        >>> w = minigrad.tensor([1., 2.], requires_grad=True)
        >>> def update(w):
        ...     with minigrad.no_grad():
        ...         w -= 0.1 * w.grad
        ...     w.grad = None
        >>> handle = w.register_post_accumulate_grad_hook(update)
        >>> w.sum().backward()
        >>> w
        tensor([0.9000, 1.9000], requires_grad=True)
        """
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        return hooks.attached_to(self).add("accumulated", hook)

    def retain_grad(self) -> None:
        """Let `backward` fill the `.grad` of this non-leaf.

        >>> x = minigrad.tensor([1., 2.], requires_grad=True)
        >>> y = x * 2
        >>> y.retain_grad()
        >>> (y * y).sum().backward()
        >>> y.grad
        tensor([4., 8.])
        """
        hooks.retain_grad(self)

    def detach_(self) -> Tensor:
        """Turn this tensor into a leaf that doesn't require grad. RuntimeError for a view."""
        if self._is_view():
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead, which makes a new tensor."
            )
        self._node, self._requires_grad = None, False
        return self

    # Shape, dtype and memory ------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return size_of(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of dimension `dim`. IndexError if it doesn't exist."""
        if dim is None:
            return self.shape
        if self._array.ndim == 0:
            raise IndexError("dimension specified as 0 but tensor has no dimensions")
        return self._array.shape[axis(dim, self._array.ndim)]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return of_numpy(self._array.dtype)

    @property
    def device(self) -> device:
        """The device that holds the elements: the CPU."""
        return device("cpu")

    is_cpu = property(lambda self: True, doc="Whether the CPU holds the elements: True.")
    is_cuda = property(lambda self: False, doc="Whether a GPU holds the elements: False.")
    is_xpu = property(lambda self: False, doc="Whether an Intel GPU holds the elements: False.")
    is_mps = property(lambda self: False, doc="Whether an Apple GPU holds the elements: False.")
    is_meta = property(lambda self: False, doc="Whether there are no elements at all: False.")
    is_sparse = property(lambda self: False, doc="Whether only some elements are stored: False.")
    is_sparse_csr = property(lambda self: False, doc="Whether rows of some are stored: False.")
    is_quantized = property(lambda self: False, doc="Whether small ints are stored: False.")
    is_mkldnn = property(lambda self: False, doc="Whether they have oneDNN's layout: False.")
    is_vulkan = property(lambda self: False, doc="Whether Vulkan holds the elements: False.")
    is_xla = property(lambda self: False, doc="Whether XLA holds the elements: False.")
    is_ipu = property(lambda self: False, doc="Whether an IPU holds the elements: False.")
    is_maia = property(lambda self: False, doc="Whether a Maia chip holds the elements: False.")
    is_mtia = property(lambda self: False, doc="Whether an MTIA chip holds the elements: False.")
    is_nested = property(lambda self: False, doc="Whether the rows differ in length: False.")

    is_inference = is_inference

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers: False."""
        return False

    def is_conj(self) -> bool:
        """Whether the elements are stored as their complex conjugates: False."""
        return False

    def is_distributed(self) -> bool:
        """Whether the elements are on several machines: False."""
        return False

    def sparse_dim(self) -> int:
        """The number of dimensions of which only some elements are stored: 0."""
        return 0

    def dense_dim(self) -> int:
        """The number of dimensions of which all elements are stored: all."""
        return self._array.ndim

    def is_neg(self) -> bool:
        """Whether the elements are stored with the other sign: False."""
        return False

    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return self._array.dtype.kind in "if"

    def element_size(self) -> int:
        """The size of one element in bytes."""
        return self._array.itemsize

    itemsize = property(element_size)
    nbytes = property(lambda self: self._array.nbytes, doc="The size of all elements in bytes.")

    def stride(self, dim: int | None = None) -> Any:
        """The step in memory along each dimension (or along `dim`), in elements."""
        if self._array.size:
            strides = tuple(step // self._array.itemsize for step in self._array.strides)
        else:  # NumPy's strides are 0
            strides = strides_of_empty(self)
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements are in row-major order in memory, or in a format, without gaps.

        >>> minigrad.ones(2, 3).t().is_contiguous()
        False
        """
        return is_in(self._array, memory_format)

    def contiguous(self, memory_format: Any = contiguous_format) -> Tensor:
        """This tensor if it is contiguous, or in a format; else a copy that is.

        >>> minigrad.ones(2, 3).t().contiguous().stride()
        (2, 1)
        """
        if is_in(self._array, memory_format):
            return self
        if memory_format is preserve_format:
            raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
        return in_format(OPS["contiguous_copy"](self), memory_format)

    clone = with_format(OPS["clone"])

    def storage_offset(self) -> int:
        """The place of the first element in the memory that the tensor is a view of.

        >>> minigrad.arange(5)[2:].storage_offset()
        2
        """
        return memory_of(self._array)[1] // self._array.itemsize

    storage, untyped_storage = storage, untyped_storage

    def set_(
        self,
        source: TensorBase | UntypedStorage | TypedStorage = UNGIVEN,
        storage_offset: int = UNGIVEN,
        size: Sequence[int] = UNGIVEN,
        stride: Sequence[int] | None = None,
    ) -> Tensor:
        """Give this tensor the memory of another tensor, or of a storage.

        By default it also gets the shape of that tensor, or one dimension for all of the storage;
        without `source` it gets empty. A part of the memory is given by an offset from the start
        of the source and by a size. RuntimeError for a leaf that requires grad, for another dtype,
        and for a part that isn't in the memory. NotImplementedError for other tensors that require
        grad, unless in `no_grad`.

        >>> x = minigrad.arange(6)
        >>> minigrad.empty(0, dtype=minigrad.int64).set_(x.untyped_storage(), 1, (2, 2), (3, 1))
        tensor([[1, 2],
                [4, 5]])
        """
        refuse_inference(self)
        if is_grad_enabled():
            refuse_leaf(self)
            if any(x.requires_grad for x in (self, source) if isinstance(x, TensorBase)):
                raise NotImplementedError("set_ of a tensor that requires grad is not implemented")
        before = self._array
        self._array = read_as_set(self, source, storage_offset, size, stride)
        self._view = None
        count_write(self._counter)
        note_reshaped(self, before.shape)
        return self

    def is_set_to(self, tensor: Tensor) -> bool:
        """Whether another tensor reads the same memory, with the same offset, shape and strides."""
        ours, theirs = self._array, tensor._array
        shapes = (ours.shape, ours.strides) == (theirs.shape, theirs.strides)
        same = untyped_storage(self) is untyped_storage(tensor)
        return shapes and same and self.data_ptr() == tensor.data_ptr() != 0

    @property
    def layout(self) -> Any:
        """The way in which the elements are kept: `strided`."""
        return strided

    def resize(self, *sizes: Any) -> Tensor:
        """`reshape` to sizes that must be given. It is deprecated. RuntimeError for another number.

        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     minigrad.arange(6).resize(3, 2).shape
        torch.Size([3, 2])
        """
        warn("non-inplace resize is deprecated", UserWarning)
        shape = sizes_of(sizes, {}, "resize")
        if math.prod(shape) != self.numel():
            raise RuntimeError(
                f"requested resize to {'x'.join(map(str, shape))} ({math.prod(shape)} elements in "
                f"total), but the given tensor has a size of {'x'.join(map(str, self.shape))} "
                f"({self.numel()} elements). autograd's resize can only change the shape of a "
                "given tensor, while preserving the number of elements."
            )
        return as_one_node(self.contiguous().view(shape), "ResizeBackward", self)

    def resize_as(self, tensor: TensorBase) -> Tensor:
        """`resize` to the shape of another tensor. It is deprecated."""
        warn("non-inplace resize_as is deprecated", UserWarning)
        with warnings.catch_warnings(action="ignore"):
            return self.resize(tensor._array.shape)

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Any:
        """Change the shape, also to another number of elements. New elements are arbitrary.

        The elements stay in their order in memory. If they don't fit there, they get a larger
        memory, which earlier views don't share. RuntimeError for a tensor that requires grad.

        >>> minigrad.arange(6).resize_(2, 2)
        tensor([[0, 1],
                [2, 3]])
        """
        shape = sizes_of(sizes, {}, "resize_")
        if memory_format is preserve_format:
            raise RuntimeError("Unsupported memory format Preserve")
        resize(self, shape)
        if memory_format not in (None, contiguous_format):
            require_format(memory_format)
            resize_array(self, shape, strides_of(shape, memory_format, self._array.itemsize))
        return self

    def resize_as_(self, the_template: TensorBase, *, memory_format: Any = None) -> Any:
        """`resize_` to the shape of another tensor. `preserve_format` keeps channels last.

        >>> minigrad.arange(6).resize_as_(minigrad.ones(2))
        tensor([0, 1])
        """
        template = the_template._array
        if memory_format is preserve_format:
            memory_format = format_of(template)
        return self.resize_(template.shape, memory_format=memory_format)

    def dim_order(self) -> tuple[int, ...]:
        """The dimensions from the outermost in memory to the innermost.

        >>> minigrad.ones(2, 3).t().dim_order()
        (1, 0)
        """
        return tuple(reversed(fastest_first(self._array.shape, [self.stride()])))

    def apply_(self, callable: Callable[[Any], Any]) -> Any:
        """Replace each element by what a function returns for it. It isn't recorded.

        >>> minigrad.arange(3.).apply_(lambda x: 2 * x)
        tensor([0., 2., 4.])
        """
        return self._map("apply_", callable)

    def map_(self, other: TensorBase, callable: Callable[[Any, Any], Any]) -> Any:
        """Replace each element by what a function returns for it and that of another tensor.

        The other tensor has the same dtype, and is broadcast. It isn't recorded.

        >>> minigrad.arange(3.).map_(minigrad.ones(3), lambda x, y: x + y)
        tensor([1., 2., 3.])
        """
        return self._map("map_", callable, other)

    def map2_(self, x: TensorBase, y: TensorBase, callable: Callable[[Any, Any, Any], Any]) -> Any:
        """`map_` with the elements of two other tensors."""
        return self._map("map2_", callable, x, y)

    def _map(self, name: str, function: Callable[..., Any], *others: TensorBase) -> Any:
        target = self._array
        for position, x in enumerate((self, *others)):
            require_tensor(x, name, "tensor", position)
            if x.requires_grad:
                raise RuntimeError(
                    f"Can't call {name}() on Variable that requires grad. "
                    f"Use var.detach().{name}() instead."
                )
            if x._array.dtype != target.dtype:
                raise TypeError(f"{name}(): the tensors must have one dtype")
        refuse_memory(target, name)
        wide = [OPS["expand"](x, target.shape) for x in (self, *others)]
        read = [x._array.ravel().tolist() for x in wide]
        values = [number_of(value, name, "the result") for value in map(function, *read)]
        found = [converted(value, target.dtype) for value in values]
        target[...] = np.array(found, target.dtype).reshape(target.shape)
        return self

    def swapaxes_(self, axis0: int, axis1: int) -> Any:
        """`swapaxes`, in place. RuntimeError for a leaf that requires grad."""
        return self.transpose_(axis0, axis1)

    def swapdims_(self, dim0: int, dim1: int) -> Any:
        """`swapdims`, in place. RuntimeError for a leaf that requires grad."""
        return self.transpose_(dim0, dim1)

    def pin_memory(self) -> Any:
        """Raise the RuntimeError of a CPU build of PyTorch: there is no memory to pin."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_pinned(self) -> bool:
        """Whether the memory is pinned for a GPU: False."""
        return False

    def data_ptr(self) -> int:
        """The address of the first element; 0 if there is none."""
        return self._array.ctypes.data if self._array.size else 0

    def is_shared(self) -> bool:
        """Return False: no other process uses this tensor's memory."""
        return False

    def share_memory_(self) -> NoReturn:
        """Raise NotImplementedError: a tensor that is sent to another process is copied."""
        raise NotImplementedError(
            "share_memory_ is not supported: a tensor that is sent to another process is copied"
        )

    # Conversion to Python and NumPy -----------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Return the elements as an array that shares memory with this tensor.

        RuntimeError if this tensor requires grad, unless `force` is set or grad mode is off.
        """
        if self.requires_grad and is_grad_enabled() and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. "
                "Use tensor.detach().numpy() instead."
            )
        if tracing.recording is not None:
            tracing.recording.left()
        return self._array

    __dlpack__, __dlpack_device__ = dlpack, dlpack_device

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: np.ndarray, *_: object) -> Any:
        # PyTorch had no bool tensors when it chose the dtype of `np.isnan(tensor)`.
        return from_array(array.astype(np.uint8) if array.dtype == np.bool else array)

    def item(self) -> Any:
        """Return the only element as a Python number. RuntimeError for any other number of them."""
        if self._array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar"
            )
        return self._array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers; for a 0-d tensor, a number."""
        return self._array.tolist()

    def _scalar(self) -> Any:
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self._array.item()

    def _float(self) -> float:
        if self.requires_grad and is_grad_enabled():
            warn_once(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                "behavior.\nConsider using tensor.detach() first."
            )
        return float(self._scalar())

    def __float__(self) -> float:
        return self._float()

    def __int__(self) -> int:
        return int(self._scalar())

    def __complex__(self) -> complex:
        return complex(self._float())

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

    def __iter__(self) -> Iterator[Any]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind())

    def __reversed__(self) -> Tensor:
        """The elements of the first dimension in the opposite order, as a tensor."""
        return self.flip(0) if self._array.ndim else self

    def __contains__(self, element: object) -> bool:
        if not isinstance(element, TensorBase | int | float):
            kind = type(element).__name__
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {kind}."
            )
        return bool((self == element).any())

    def __repr__(self) -> str:
        try:
            refresh(self)
            name = None if self._node is None else self._node.shown_name()
        except RuntimeError:  # a view whose history is unknown
            name = "Invalid"
        return printing.tensor_repr(
            self._array,
            default_dtype=get_default_dtype().numpy,
            requires_grad=self.requires_grad,
            grad_fn=name,
            prefix=f"{type(self).__name__}(" if overriding.overrides(self) else "tensor(",
        )

    def __format__(self, spec: str) -> str:
        if type(self) is Tensor and self._array.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copying.deeply_copied(self, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:  # of `copy.copy` and `pickle`
        return copying.reduced(self)

    # Conversion to other dtypes ---------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Convert to another dtype: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

        A tensor that already has the dtype is returned itself, unless `copy` is set. `non_blocking`
        has no effect. RuntimeError for a device other than the CPU.

        >>> minigrad.tensor([1, 2]).to(minigrad.float64)
        tensor([1., 2.], dtype=torch.float64)
        """
        names: tuple[str, ...] = ("device", "dtype", "non_blocking", "copy")
        if args and isinstance(args[0], TensorBase):
            names = ("other", *names[2:])
        elif args and isinstance(args[0], DType | type):
            names = names[1:]
        if len(args) > len(names):
            raise TypeError(f"to() takes at most {len(names)} arguments but {len(args)} were given")
        options = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in options or name not in (*names, "memory_format"):
                raise TypeError(f"to() got an unexpected keyword argument '{name}'")
            options[name] = value
        for name in ("non_blocking", "copy"):
            if not isinstance(options.get(name, False), bool):
                given = type(options[name]).__name__
                raise TypeError(f"to(): argument '{name}' must be bool, not {given}")
        require_cpu(options.get("device"))
        wanted = options["other"].dtype if "other" in options else options.get("dtype")
        kind = self._array.dtype if wanted is None else to_numpy(wanted)
        form = options.get("memory_format") or preserve_format
        require_format(form)
        if kind == self._array.dtype:
            in_order = form is preserve_format or format_of(self._array) is form
            if in_order and not options.get("copy"):
                return self
            return as_one_node(in_format(self.clone(), form), "ToCopyBackward0", self)
        # An integer result has no history.
        with nullcontext() if kind.kind == "f" else no_grad():
            return in_format(OPS["cast"](self, kind), form)

    type = old_constructors.type_
    type_as = old_constructors.type_as

    def cpu(self) -> Tensor:
        """Return this tensor, which is on the CPU already."""
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """Raise the error of a CPU build of PyTorch: AssertionError, or RuntimeError for an index.

        >>> minigrad.ones(1).cuda()
        Traceback (most recent call last):
        AssertionError: Torch not compiled with CUDA enabled: minigrad computes on the CPU only
        """
        require_cuda(device)

    def xpu(self, device: Any = None, non_blocking: bool = False, **options: Any) -> NoReturn:
        """Raise the error of a CPU build of PyTorch: AssertionError."""
        raise AssertionError("Torch not compiled with XPU enabled: minigrad computes on the CPU")

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """This tensor, which is dense, or converted to a dtype."""
        return self if dtype is None else self.to(dtype)

    def get_device(self) -> int:
        """Return the index of the GPU that holds the elements: -1, because there is none."""
        return -1

    # Shapes -----------------------------------------------------------------------------------

    @property
    def T(self) -> Any:
        """The tensor with its dimensions in reverse order. It warns unless there are two of them.

        >>> minigrad.ones(2, 3).T.shape
        torch.Size([3, 2])
        """
        if self._array.ndim == 0:
            warn_once(_IDENTITY.format("T"))
        elif self._array.ndim != 2:
            warn_once(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
                "deprecated and it will throw an error in a future release. Consider `x.mT` to "
                "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` "
                "to reverse the dimensions of a tensor."
            )
        return OPS["permute"](self, tuple(range(self._array.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The tensor with its last two dimensions exchanged. RuntimeError for a vector.

        It warns for a 0-d tensor, which it returns.

        >>> minigrad.ones(2, 3, 4).mT.shape
        torch.Size([2, 4, 3])
        """
        if self._array.ndim == 1:
            raise RuntimeError(
                "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."
            )
        if self._array.ndim == 0:
            warn_once(_IDENTITY.format("mT"))
            return self
        return OPS["transpose"](self, -2, -1)

    @property
    def H(self) -> Any:
        """The transpose of a matrix. RuntimeError for other tensors than matrices and 0-d ones.

        >>> minigrad.ones(2, 3).H.shape
        torch.Size([3, 2])
        """
        if self._array.ndim == 0:
            warn_once(_IDENTITY.format("H"))
            return self
        if self._array.ndim != 2:
            raise RuntimeError(
                "tensor.H is only supported on matrices (2-D tensors). Got "
                f"{self._array.ndim}-D tensor."
            )
        return OPS["transpose"](self, 0, 1)

    @property
    def mH(self) -> Any:
        """The tensor with its last two dimensions exchanged: `mT`, because numbers are real.

        >>> minigrad.ones(2, 3, 4).mH.shape
        torch.Size([2, 4, 3])
        """
        if self._array.ndim == 1:
            raise RuntimeError(
                "tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor."
            )
        if self._array.ndim == 0:
            warn_once(_IDENTITY.format("mH"))
            return self
        return OPS["transpose"](self, -2, -1)

    def view_as(self, other: TensorBase) -> Any:
        """This tensor viewed in the shape of `other`."""
        require_tensor(other, "view_as", "other")
        return OPS["view"](self, other._array.shape)

    def reshape_as(self, other: TensorBase) -> Any:
        """This tensor reshaped to the shape of `other`."""
        require_tensor(other, "reshape_as", "other")
        return OPS["reshape"](self, other._array.shape)

    def expand_as(self, other: TensorBase) -> Any:
        """This tensor expanded to the shape of `other`."""
        require_tensor(other, "expand_as", "other")
        return OPS["expand"](self, other._array.shape)

    # Tensors of this dtype --------------------------------------------------------------------

    new = old_constructors.new
    new_empty = old_constructors.new_empty
    new_full = old_constructors.new_full
    new_ones = old_constructors.new_ones
    new_tensor = old_constructors.new_tensor
    new_zeros = old_constructors.new_zeros
    new_empty_strided = old_constructors.new_empty_strided
    is_nonzero, is_same_size = queries.is_nonzero, queries.is_same_size

    # Elements ---------------------------------------------------------------------------------

    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem
    __delitem__ = indexing.delitem
    index_put = indexing.index_put
    index_put_ = indexing.index_put_

    def where(self, condition: Tensor, other: Any) -> Any:
        """Take this tensor where `condition` is True and `other` elsewhere, with broadcasting."""
        return compositions.basic.where(condition, self, other)

    # In place ---------------------------------------------------------------------------------

    def copy_(self, other: TensorBase, non_blocking: bool = False) -> Any:
        """Write `other`, broadcast and converted, to this tensor.

        >>> minigrad.zeros(2).copy_(minigrad.tensor([1, 2]))
        tensor([1., 2.])
        """
        return _copy_(self, tensor_or_number(other, "copy_"))

    def fill_(self, value: Any) -> Any:
        """Write one value, a number or a 0-d tensor, to every element.

        >>> minigrad.zeros(2).fill_(3)
        tensor([3., 3.])
        """
        if isinstance(value, TensorBase) and value._array.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value._array.ndim} dimensions."
            )
        return _fill_(self, tensor_or_number(value, "fill_"))

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Any:
        """Write one number to the diagonal.

        With `wrap`, a tall matrix has another diagonal after every width + 1 rows. RuntimeError
        for fewer than 2 dimensions, and for sizes of more that aren't equal.

        >>> minigrad.zeros(2, 2).fill_diagonal_(3)
        tensor([[3., 0.],
                [0., 3.]])
        """
        if self.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        if self.ndim > 2 and len({*self.shape}) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")
        if self.ndim > 2:
            OPS["as_strided"](self, self.shape[:1], (sum(self.stride()),)).fill_(fill_value)
            return self
        height, width = self.shape
        for first in range(0, height if wrap else 1, width + 1):
            OPS["diagonal"](self[first : first + width]).fill_(fill_value)
        return self

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Any:
        """`div`, in place. RuntimeError for a leaf that requires grad."""
        if rounding_mode is None:
            return _div_(self, other)
        return _rounded_div_(self, other, rounding_mode=rounding_mode)

    def masked_fill_(self, mask: TensorBase, value: Any) -> Any:
        """`masked_fill`, in place. RuntimeError for a leaf that requires grad."""
        return _masked_fill_(self, mask, value)

    def float_power_(self, exponent: Any) -> Any:
        """`float_power`, in place. RuntimeError unless this tensor is float64."""
        if self.dtype is not dtypes.float64:
            raise RuntimeError(
                f"the base given to float_power_ has dtype {of_numpy(self._array.dtype)} but the "
                "operation's result requires dtype Double"
            )
        return self.pow_(exponent)

    def zero_(self) -> Any:
        """Write zero to every element.

        >>> minigrad.ones(2).zero_()
        tensor([0., 0.])
        """
        observed = observation.observer is not None
        if self._view is not None or self._requires_grad or observed:
            return _zero_(self)
        count_write(self._counter)
        self._array.fill(0)  # there is nothing to record
        return self

    @property
    def real(self) -> Any:
        """This tensor itself, the real part of real numbers."""
        return self

    # Random numbers ---------------------------------------------------------------------------

    bernoulli = sampling.bernoulli
    bernoulli_ = sampling.bernoulli_
    cauchy_ = sampling.cauchy_
    exponential_ = sampling.exponential_
    geometric_ = sampling.geometric_
    log_normal_ = sampling.log_normal_
    multinomial = sampling.multinomial
    normal_ = sampling.normal_
    random_ = sampling.random_
    uniform_ = sampling.uniform_

    # Operators that aren't one rule -----------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other) if isinstance(other, Tensor) else NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self) if isinstance(other, Tensor) else NotImplemented

    def __rpow__(self, other: Any) -> Any:
        return OPS["pow"](other, self) if isinstance(other, OPERANDS) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return OPS["floor_divide"](other, self) if isinstance(other, OPERANDS) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        return OPS["remainder"](other, self) if isinstance(other, OPERANDS) else NotImplemented

    def __rlshift__(self, other: Any) -> Any:
        op = OPS["bitwise_left_shift"]
        return op(other, self) if isinstance(other, OPERANDS) else NotImplemented

    def __rrshift__(self, other: Any) -> Any:
        op = OPS["bitwise_right_shift"]
        return op(other, self) if isinstance(other, OPERANDS) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        """Compute `other / x` as `x.reciprocal() * other`, as PyTorch does, also for arrays."""
        if isinstance(other, (*OPERANDS, np.ndarray)):
            return OPS["reciprocal"](self) * other
        return NotImplemented

    __rdiv__ = __rtruediv__

    def __pos__(self) -> Tensor:
        if self.dtype is dtypes.bool:
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __invert__(self) -> Any:
        if self.is_floating_point():
            raise TypeError(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
            )
        return OPS["bitwise_not"](self)

    def __eq__(self, other: Any) -> Any:
        """Compare with a tensor, a number or an array; any other object is unequal."""
        if isinstance(other, np.ndarray):
            try:
                other = from_array(other)
            except TypeError:  # an array of strings, for example
                return False
        return OPS["eq"](self, other) if isinstance(other, OPERANDS) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        """Compare with a tensor or a number. In PyTorch even an array as a whole is unequal."""
        return OPS["ne"](self, other) if isinstance(other, OPERANDS) else NotImplemented


_IDENTITY = "Tensor.{} is deprecated on 0-D tensors. This function is the identity in these cases."
_div_ = in_place(REGISTRY["div"])
_rounded_div_ = in_place(REGISTRY["rounded_div"])
_copy_ = in_place(REGISTRY["copy"])
_fill_ = in_place(REGISTRY["fill"], fills=True)
_zero_ = in_place(REGISTRY["zero"], fills=True)
_masked_fill_ = in_place(REGISTRY["masked_fill"], fills=True, into_shared=fill_masked)

make_public(Tensor)
