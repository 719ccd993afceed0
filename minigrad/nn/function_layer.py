"""The bases of layers that call a function of nn.functional, and what their options share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

from . import functional as F
from .module import Module


class FunctionLayer(Module):
    """A layer without parameters. Its forward passes its inputs and its options to a function.

    A subclass names the `function` of nn.functional, which is looked up at each call, and its
    constructor passes the options on to this one. Each is an attribute of that name, as in PyTorch,
    and `forward` reads it there. The inputs are the function's other arguments without a default,
    unless `_inputs` names them. `shown` is the text of the repr; by default it has every option,
    but `inplace` only if it is true.
    """

    function: ClassVar[str]
    shown: ClassVar[str | None] = None
    _options: ClassVar[tuple[str, ...]] = ()
    _inputs: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in cls.__dict__ and "_options" not in cls.__dict__:
            parameters = inspect.signature(cls.__init__).parameters.values()
            cls._options = tuple(
                p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD
            )
        if "function" in cls.__dict__ and "_inputs" not in cls.__dict__:
            parameters = inspect.signature(getattr(F, cls.function)).parameters.values()
            cls._inputs = tuple(
                p.name for p in parameters if p.default is p.empty and p.name not in cls._options
            )

    def __init__(self, **options: Any) -> None:
        super().__init__()
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        if named or len(inputs) != len(self._inputs):
            inputs = self._in_order(inputs, named)
        options = {name: getattr(self, name) for name in self._options}
        return getattr(F, self.function)(*inputs, **options)

    def _in_order(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The inputs of a call, some of them named. TypeError unless it has each once."""
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(name, either) for name in self._inputs])
        try:
            return signature.bind(*inputs, **named).args
        except TypeError as error:
            raise TypeError(f"{self._get_name()}.forward(): {error}") from None

    def extra_repr(self) -> str:
        if self.shown is not None:
            return self.shown.format(**{name: getattr(self, name) for name in self._options})
        shown = [n for n in self._options if n != "inplace" or self.inplace]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)


def numbers_for(dims: int, value: Any) -> Any:
    """Return a number for each of `dims` dimensions; a sequence stays, as a tuple.

    >>> numbers_for(2, 3), numbers_for(2, [1, 2])
    ((3, 3), (1, 2))
    """
    return tuple(value) if isinstance(value, Iterable) else (value,) * dims
