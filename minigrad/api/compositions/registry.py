"""The registry of compositions: functions that are written once, over Tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

from ...core.arguments import requiring_bools, taking_numpy_names
from ...rules.presentation import BOTH, FUNCTION

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Composition:
    """A public function that combines ops.

    - `forms`: which of "function", "method" and "in-place" PyTorch has.
    - `spread_sizes`: the method's sizes may be given one by one, `x.repeat(2, 3)`.
    - `module`: where PyTorch has the function: "" for its top level, "nn.functional", "linalg" or
      "special".
    """

    function: Callable[..., Any]
    forms: tuple[str, ...]
    spread_sizes: bool
    module: str


# By module and name: ("", "flatten"), ("linalg", "norm").
COMPOSITIONS: dict[tuple[str, str], Composition] = {}


def composed(
    forms: tuple[str, ...] = BOTH,
    *,
    spread_sizes: bool = False,
    module: str = "",
    numpy_names: bool = True,
) -> Callable[[F], F]:
    """Register a function as a composition. The function itself isn't changed.

    Its flags must be bools, and its users may call a `dim` or a `keepdim` by NumPy's name unless
    `numpy_names` is False. Neither holds for `nn.functional`, which PyTorch wrote in Python.
    """

    def register(function: F) -> F:
        name = function.__name__.rstrip("_")
        if name != function.__name__ and module != "Tensor":
            _rename(function, name)
        public: Callable[..., Any] = function
        if module != "nn.functional":
            public = requiring_bools(function)
            public = taking_numpy_names(public) if numpy_names else public
        COMPOSITIONS[module, name] = Composition(public, forms, spread_sizes, module)
        return function

    return register


def _rename(function: Any, name: str) -> None:
    """Let the errors for its arguments have the public name, also those of what is wrapped."""
    while function is not None:
        function.__name__ = function.__qualname__ = name
        function = vars(function).get("__wrapped__")


def composed_for_dims(
    name: str, dims: Collection[int] = (1, 2, 3), *, at_top: Collection[int] = ()
) -> Callable[[Callable[[int], Any]], dict[int, Any]]:
    """Register functions of `nn.functional` that differ in the number of dimensions of an image.

    The decorated function takes the number and returns the function for it. `{nd}` in `name` and
    in the docstring is the number. Those for `at_top` are also functions at the top level. The
    result is a dict of the functions by number.
    """

    def register(make: Callable[[int], FunctionType]) -> dict[int, Any]:
        made = {nd: make(nd) for nd in dims}
        for nd, function in made.items():
            function.__name__ = function.__qualname__ = name.replace("{nd}", str(nd))
            function.__doc__ = (function.__doc__ or "").replace("{nd}", str(nd))
            function.__globals__[function.__name__] = function  # where pickle and doctest find it
            for module in ("", "nn.functional") if nd in at_top else ("nn.functional",):
                composed(FUNCTION, module=module)(function)
        return made

    return register


def public(module: str) -> dict[str, Callable[..., Any]]:
    """The compositions that are functions of a module of PyTorch's, by name."""
    return {
        name: composition.function
        for (place, name), composition in COMPOSITIONS.items()
        if place == module and "function" in composition.forms
    }
