"""Parameter and Buffer: Tensors that a Module registers when they are assigned as attributes.

`UninitializedParameter` and `UninitializedBuffer` stand for them while their shape isn't known.
`zero_grad` is that of modules and of optimisers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NoReturn, Self

from ..api.creation import empty
from ..api.tensor import Tensor
from ..core.overriding import no_override
from ..core.tensor import TensorBase, wrap
from ..rules.dtypes import dtype as DType


class Parameter(Tensor):
    """A leaf Tensor to be trained, which shares the memory of `data`.

    `data` is a Tensor, by default an empty one; its graph is not kept. An operation on a Parameter
    returns a plain Tensor. Raises TypeError if `data` is not a Tensor, RuntimeError for
    `requires_grad` with an integer dtype.

    >>> nn.Parameter(minigrad.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()
    __torch_function__ = no_override

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise AttributeError(
                f"'{type(data).__name__}' object has no attribute 'detach': Parameter() takes a "
                "Tensor, so convert it first, with minigrad.tensor(...)"
            )
        self: Parameter = _detached_as(cls, data)
        self.requires_grad_(requires_grad)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # As in PyTorch with memory of its own, and without the gradient and the attributes.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Parameter, (self.data, self.requires_grad), self.__dict__

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class _BufferMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A Tensor that a Module registers as a buffer when it is assigned as an attribute.

    As in PyTorch, this is a plain Tensor with a mark. It shares the memory of `data`, and is saved
    with the module's state if it is `persistent`.

    >>> module = nn.Module()
    >>> module.mean = nn.Buffer(minigrad.zeros(2))
    >>> module.state_dict()["mean"]
    tensor([0., 0.])
    """

    __slots__ = ()
    __torch_function__ = no_override

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        data = Tensor() if data is None else data
        buffer: Any = data.detach().requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


class UninitializedTensorMixin(Tensor):
    """A placeholder for a tensor whose shape isn't known yet. `materialize` makes it a real one.

    It has a dtype, which can be converted, but no elements. Reading its shape raises RuntimeError,
    and every op on it ValueError.
    """

    __slots__ = ()
    __torch_function__ = no_override

    cls_to_become: ClassVar[type[Tensor]]

    @property
    def _array(self) -> NoReturn:  # type: ignore[override]
        raise ValueError(
            "Attempted to use an uninitialized parameter or buffer. Call `forward` of its lazy "
            "module with a dummy batch, or `materialize`, before."
        )

    @property
    def data(self) -> Any:
        """An empty tensor of the placeholder's dtype. Setting it sets that dtype."""
        return wrap(_ARRAY.__get__(self))

    @data.setter
    def data(self, data: Tensor) -> None:
        _ARRAY.__set__(self, data.data._array[:0])

    @property
    def dtype(self) -> DType:
        """The dtype that the tensor will have."""
        return self.data.dtype

    @property
    def shape(self) -> NoReturn:
        """Raise RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. Call `forward` of its "
            "lazy module to initialize it before."
        )

    def is_floating_point(self) -> bool:
        """Whether the elements will be floats."""
        return self.data.is_floating_point()

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Return a placeholder for a tensor of another dtype."""
        return self._as_placeholder(self.data.to(*args, **kwargs))

    def half(self) -> Any:
        """Return a placeholder for a float16 tensor."""
        return self._as_placeholder(self.data.half())

    def float(self) -> Any:
        """Return a placeholder for a float32 tensor."""
        return self._as_placeholder(self.data.float())

    def double(self) -> Any:
        """Return a placeholder for a float64 tensor."""
        return self._as_placeholder(self.data.double())

    def share_memory_(self) -> NoReturn:
        """Raise RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` of its "
            "lazy module to initialize it before."
        )

    def materialize(
        self, shape: int | Sequence[int], device: Any = None, dtype: DType | None = None
    ) -> None:
        """Make it an ordinary parameter or buffer of that shape, with arbitrary numbers."""
        data = empty(shape, device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.data = data

    def _as_placeholder(self, data: Tensor) -> Self:
        return type(self)(self.requires_grad, dtype=data.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = self._as_placeholder(self.data)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype), self.__dict__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


_ARRAY: Any = TensorBase._array  # the descriptor, for the empty array of a placeholder


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape isn't known yet.

    >>> weight = nn.UninitializedParameter()
    >>> weight
    <UninitializedParameter>
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: DType | None = None
    ) -> Self:
        made: Any = Parameter(empty(0, device=device, dtype=dtype), requires_grad)
        made.__class__ = cls
        return made


class UninitializedBuffer(UninitializedTensorMixin):
    """A buffer whose shape isn't known yet, which is saved with a module if it is `persistent`.

    >>> mean = nn.UninitializedBuffer()
    >>> mean.materialize(3)
    >>> mean.shape
    torch.Size([3])
    """

    __slots__ = ()

    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        persistent: bool = True,
    ) -> Self:
        made: Any = empty(0, device=device, dtype=dtype).requires_grad_(requires_grad)
        made.persistent, made._is_buffer = persistent, True
        made.__class__ = cls
        return made


def is_lazy(param: Any) -> bool:
    """Tell whether a parameter or buffer is a placeholder.

    >>> nn.parameter.is_lazy(nn.LazyLinear(3).weight)
    True
    """
    return isinstance(param, UninitializedTensorMixin)


def _detached_as(kind: type[Any], tensor: Tensor) -> Any:
    """Return `tensor.detach()` as an instance of `kind`: the memory and the version counter are
    shared, the graph is not."""
    detached = wrap(tensor._array[...], kind)
    detached._counter = tensor._counter
    return detached


def zero_grad(params: Iterable[Tensor], set_to_none: bool) -> None:
    """Set the gradient of each parameter to None, or fill its memory with zeros."""
    for param in params:
        grad = param.grad
        if set_to_none:
            param.grad = None
        elif grad is not None:
            if grad.is_leaf:  # `detach_` would refuse a view
                grad.requires_grad_(False)
            else:
                grad.detach_()
            grad.zero_()
