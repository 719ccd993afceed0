"""PyTorch's older ways to make a tensor: from a class, and from another tensor.

`Tensor(…)`, `LongTensor(…)` and `x.new(…)` read their arguments in one way: sizes make an
uninitialised tensor, a sequence or an array a copy, and a tensor another tensor of its memory. The
methods `x.new_zeros(…)` and its kin have the arguments of `zeros` and the dtype of `x`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.creating import allocated, from_array, made, number_of, sizes_of, strided_memory
from ..core.devices import no_cuda, require_cpu
from ..core.errstate import cast
from ..core.output import created
from ..core.tensor import TensorBase, require_tensor, wrap
from ..core.warning import warn, warn_once
from ..rules import dtypes, promotion
from ..rules.dtypes import dtype as DType
from ..rules.dtypes import of_numpy, to_numpy
from .size import Size


def constructed(kind: np.dtype, given: Sequence[Any], named: dict[str, Any]) -> np.ndarray:
    """The array that an old constructor makes for its arguments, of dtype `kind`.

    For a tensor it is a view of that tensor's array, in its own dtype.
    """
    require_cpu(named.pop("device", None))
    for name in named.keys() & {"data", "size"}:
        given = (*given, named.pop(name))
        if name == "size":
            given = (Size(given[0]),) if len(given) == 1 else given
    if named:
        raise TypeError(f"new() got an unexpected keyword argument '{next(iter(named))}'")
    if not given:
        return np.empty(0, kind)
    first = given[0]
    if len(given) == 1 and isinstance(first, TensorBase):
        return first._array[...]
    if len(given) == 1 and isinstance(first, Size):
        return allocated(np.empty, sizes_of(first, {}, "new") if first else (), kind)
    if isinstance(first, int | np.integer) and not isinstance(first, bool):
        return allocated(np.empty, sizes_of(given, {}, "new"), kind)
    if len(given) > 1:
        kinds = ", ".join(type(item).__name__ for item in given)
        raise TypeError(f"new() received an invalid combination of arguments - got ({kinds})")
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(first, np.ndarray):
        return cast(from_array(first)._array, kind)
    if not isinstance(first, Sequence):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    from .creation import tensor  # which imports Tensor, and Tensor imports this module

    return cast(tensor(first, dtype=of_numpy(kind))._array, kind)


def _same_dtype(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    if array.dtype is not kind:
        wanted, got = of_numpy(kind).c_name, of_numpy(array.dtype).c_name
        options = "TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false)".format
        raise TypeError(f"expected {options(wanted)} (got {options(got)})")
    return array


# The classes --------------------------------------------------------------------------------------


class tensortype(type):
    """The class of `LongTensor` and its kin: they make tensors and have no instances themselves."""

    dtype: DType
    is_cuda: bool

    def __call__(cls, *data: Any, **named: Any) -> Any:
        if cls.is_cuda:
            raise TypeError(
                f"type {cls.__module__}.{cls.__name__} not available. Torch not compiled with CUDA "
                "enabled."
            )
        kind = to_numpy(cls.dtype)
        return wrap(_same_dtype(constructed(kind, data, named), kind))

    def __instancecheck__(cls, instance: object) -> bool:
        right_kind = isinstance(instance, TensorBase) and not cls.is_cuda
        return right_kind and of_numpy(instance._array.dtype) is cls.dtype  # type: ignore[attr-defined]


def _class_for(dtype: DType, is_cuda: bool) -> tensortype:
    name = f"{dtype.scalar_name}Tensor"
    doc = f"""The old class of tensors of dtype {dtype.name}.

    `{name}(*sizes)` makes an uninitialised tensor, `{name}(data)` one with a copy of a sequence or
    an array, and `{name}(x)` another tensor of the memory of `x`, which must have the dtype.
    """
    contents = {
        "__doc__": doc,
        "__module__": "torch.cuda" if is_cuda else "torch",
        "dtype": dtype,
        "is_cuda": is_cuda,
        "is_sparse": False,
    }
    return tensortype(name, (), contents)


_DTYPES = (*dtypes.SUPPORTED, dtypes.bfloat16)
CLASSES = {f"{d.scalar_name}Tensor": _class_for(d, False) for d in _DTYPES}
CUDA_CLASSES = {f"{d.scalar_name}Tensor": _class_for(d, True) for d in _DTYPES}
_BY_NAME = {f"torch.{name}": c for name, c in CLASSES.items()} | {
    f"torch.cuda.{name}": c for name, c in CUDA_CLASSES.items()
}


def class_name(tensor: TensorBase) -> str:
    """The name of a tensor's old class: "torch.FloatTensor"."""
    return f"torch.{of_numpy(tensor._array.dtype).scalar_name}Tensor"


def dtype_of_type(kind: Any) -> DType:
    """The dtype that an argument of `Tensor.type` names: a dtype, or an old class or its name."""
    if isinstance(kind, DType):
        return kind
    if isinstance(kind, str) or type(kind) is type:
        name = kind if isinstance(kind, str) else kind.__name__
        if name not in _BY_NAME:
            raise ValueError(f"invalid type: '{name}'")
        kind = _BY_NAME[name]
    if not isinstance(kind, tensortype):
        raise TypeError("dtype must be a type, str, or dtype object")
    if kind.is_cuda:
        raise no_cuda()
    return kind.dtype


def set_default_tensor_type(t: Any, /) -> None:
    """Make an old class of float tensors, or its name, the default: an old `set_default_dtype`.

    TypeError for anything else. It warns, once, that it is deprecated.
    """
    warn_once(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives."
    )
    kind = _BY_NAME.get(t) if isinstance(t, str) else t
    if isinstance(t, str) and kind is None:
        raise TypeError(f"invalid type object: '{t}' isn't the name of a tensor class")
    if not isinstance(kind, tensortype):
        raise TypeError(
            "invalid type object: only floating-point types are supported as the default type"
        )
    if kind.is_cuda:
        raise TypeError(
            f"type {kind.__module__}.{kind.__name__} not available. Torch not compiled with CUDA "
            "enabled."
        )
    if not kind.dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    promotion.set_default_dtype(kind.dtype)


def range(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Any:
    """Make a tensor of the values from `start` up to and including `end`, in steps of `step`.

    It is deprecated, and warns: `arange` excludes the end, as Python's `range` does. The dtype is
    by default the default float dtype. RuntimeError for a step of 0 or of the wrong sign, and for
    infinite or NaN ends.
    """
    if "out" in options:
        return created(range, options, start, end, step, dtype=dtype)
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
    )
    first, last = number_of(start, "range", "start"), number_of(end, "range", "end")
    by = number_of(step, "range", "step")
    kind = to_numpy(promotion.get_default_dtype() if dtype is None else dtype)
    if kind.kind == "b":
        raise NotImplementedError("\"range_cpu\" not implemented for 'Bool'")
    if by == 0 or by != by:
        raise RuntimeError("step must be nonzero")
    if not all(map(math.isfinite, (first, last))):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if (last - first) * by < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = int((last - first) / by + 1)
    number = int if kind.kind in "iu" else float
    if number is int and int(by) == 0:
        raise RuntimeError("step must be nonzero after it is truncated to an integer")
    # A product for each element instead of a running sum, so that rounding errors don't add up.
    return made("range", cast(number(first) + np.arange(count) * number(by), kind), **options)


# Methods ------------------------------------------------------------------------------------------


def new(self: TensorBase, *data: Any, **named: Any) -> Any:
    """Make a tensor of this tensor's dtype, as its old class does: from sizes, data or a tensor.

    >>> minigrad.tensor([1.5]).new([1, 2])
    tensor([1., 2.])
    """
    kind = self._array.dtype
    return wrap(_same_dtype(constructed(kind, data, named), kind))


def type_(self: TensorBase, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the name of this tensor's old class, or convert it to a dtype, an old class or a name.

    >>> minigrad.ones(2).type()
    'torch.FloatTensor'
    >>> minigrad.ones(2).type("torch.LongTensor")
    tensor([1, 1])
    """
    if dtype is None:
        return class_name(self)
    tensor: Any = self
    return tensor.to(dtype_of_type(dtype), non_blocking)


def type_as(self: TensorBase, other: TensorBase) -> Any:
    """Convert to the dtype of `other`."""
    require_tensor(other, "type_as", "other")
    tensor: Any = self
    return tensor.to(other)


def new_zeros(self: TensorBase, *size: Any, dtype: DType | None = None, **options: Any) -> Any:
    """Make a tensor of zeros of shape `size`, with this tensor's dtype by default.

    >>> minigrad.tensor([1, 2]).new_zeros(2, 2)
    tensor([[0, 0],
            [0, 0]])
    """
    return made(
        "new_zeros", np.zeros(sizes_of(size, options, "new_zeros"), _kind(self, dtype)), **options
    )


def new_ones(self: TensorBase, *size: Any, dtype: DType | None = None, **options: Any) -> Any:
    """Make a tensor of ones of shape `size`, with this tensor's dtype by default."""
    return made(
        "new_ones", np.ones(sizes_of(size, options, "new_ones"), _kind(self, dtype)), **options
    )


def new_empty(self: TensorBase, *size: Any, dtype: DType | None = None, **options: Any) -> Any:
    """Make an uninitialised tensor of shape `size`, with this tensor's dtype by default."""
    sizes = sizes_of(size, options, "new_empty")
    return made("new_empty", allocated(np.empty, sizes, _kind(self, dtype)), **options)


def new_empty_strided(
    self: TensorBase,
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Any:
    """Make an uninitialised tensor whose elements are `stride` apart, by default of this dtype.

    The errors are those of `empty_strided`.

    >>> minigrad.ones(1).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    array = strided_memory("new_empty_strided", size, stride, _kind(self, dtype))
    return made("new_empty_strided", array, **options)


def new_full(
    self: TensorBase,
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    **options: Any,
) -> Any:
    """Make a tensor of shape `size` filled with `fill_value`, with this tensor's dtype by default.

    RuntimeError for a value that the dtype can't hold.

    >>> minigrad.tensor([1, 2]).new_full((2,), 3.7)
    tensor([3, 3])
    """
    if not isinstance(size, list | tuple):
        given = type(size).__name__
        raise TypeError(
            f"new_full(): argument 'size' (position 1) must be tuple of ints, not {given}"
        )
    if isinstance(fill_value, str | None):
        given = type(fill_value).__name__
        raise TypeError(
            f"new_full(): argument 'fill_value' (position 2) must be Number, not {given}"
        )
    kind = _kind(self, dtype)
    value = number_of(fill_value, "new_full", "fill_value")
    filling = promotion.converted(value, kind)
    return made("new_full", np.full(sizes_of((size,), {}, "new_full"), filling, kind), **options)


def new_tensor(
    self: TensorBase,
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:
    """Make a tensor with a copy of `data`, as `minigrad.tensor` does, with this tensor's dtype.

    >>> minigrad.tensor([1, 2]).new_tensor([1.5, 2.5])
    tensor([1, 2])
    """
    # `creation` imports Tensor, and Tensor imports this module.
    from .creation import tensor

    kind = dtype or of_numpy(self._array.dtype)
    if isinstance(data, TensorBase):
        warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
            "rather than tensor.new_tensor(sourceTensor).",
            UserWarning,
        )
        data = data._array
    return tensor(
        data, dtype=kind, device=device, requires_grad=requires_grad, pin_memory=pin_memory
    )


def _kind(self: TensorBase, dtype: DType | None) -> np.dtype:
    return self._array.dtype if dtype is None else to_numpy(dtype)
