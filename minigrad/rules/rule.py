"""What a rule is, and the registry of all rules.

A rule is a function of arrays. It returns its result and its *pullbacks*, one per operand:
functions that carry a cotangent (the gradient with respect to the result) back to that operand.

    @differentiable(ARITHMETIC)
    def mul(input: Operand, other: Operand) -> Result:
        return input * other, (lambda g: g * other, lambda g: g * input)

`None` stands for the pullback of an operand that has no derivative. An op without any derivative is
registered by `without_derivative` and returns `()`.

The engine relies on this contract, and the tests check it for every rule:

- A rule never writes into its operands. A pullback never writes into its cotangent or into an array
  that it has captured.
- A pullback returns its cotangent, a view of it, or an array that nothing else holds.
- A pullback that needs an operand or the result captures *that array itself*, not a view of it, and
  captures only what PyTorch would save: an in-place write to a saved array is an error.
- Operands that broadcast need no care: the engine sums each gradient back to its operand's shape.
- A pullback can be run on Tensors too (`core/higher_order.py`), which gives the derivatives of
  every higher order. So it computes with operators, methods that a Tensor has, other rules (`put(g,
  key, shape)[0]`) and NumPy functions that are a rule too. It assigns to no element: use `put` and
  `scatter`. `check_pullbacks` refuses a rule whose pullbacks use anything else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from .presentation import EVERYWHERE, Presentation
from .reading import check_pullbacks

# A NumPy array; any object that computes like one, when a rule is run on something else.
Array: TypeAlias = Any
# An array or a Python number. A number stays a number, so that float32 stays float32.
Operand: TypeAlias = Any
# An array that has no derivative: a mask, or labels.
Constant: TypeAlias = Any
Pullback: TypeAlias = Callable[[Any], Any]
Result: TypeAlias = tuple[Any, tuple[Pullback | None, ...]]

# The annotations of the parameters that are operands: tensors, or what can stand in their place.
OPERANDS = (
    "Array",
    "Operand",
    "Constant",
    "Array | None",
    "Operand | None",
    "Constant | None",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One op: its forward with its pullbacks, and what the engine has to know of them.

    - `differentiable`: whether any operand has a derivative.
    - `linear`: the derivative is the same everywhere, so nothing is saved, and `backward` can walk
      the graph again after it was freed.
    - `view`: the result shares the first operand's memory, or may ("maybe").
    - `write`: `write(input, other, input)` writes the result into the first operand and returns
      it.
    - `extra_outputs`: the forward returns a tuple, and only its first array has a derivative.
    - `numpy`: the NumPy function, such as "add.reduce", that means this op in a pullback.
    - `presentation`: how PyTorch presents the op to its users.
    - `signature`, `parameters`, `operands`: those of `forward`. `parameters` are the names that can
      be given by position, and `operands` the annotations of the first of them.
    """

    name: str
    forward: Callable[..., Result]
    differentiable: bool
    linear: bool
    view: bool | str
    extra_outputs: bool
    write: Callable[..., Any] | None
    numpy: str
    presentation: Presentation
    signature: inspect.Signature
    parameters: tuple[str, ...]
    operands: tuple[str, ...]

    def node_name(self, args: Any, options: dict[str, Any]) -> str:
        """PyTorch's name for the node that records a call with these arguments."""
        name = self.presentation.node
        return name if isinstance(name, str) else name(*args, **options)


REGISTRY: dict[str, Rule] = {}
_loading = True  # a rule may use rules that are registered after it


def unchanged(g: Array) -> Array:
    """The pullback of a sum: the cotangent itself."""
    return g


def differentiable(
    presentation: Presentation = EVERYWHERE,
    *,
    derivative: bool = True,
    linear: bool = False,
    view: bool | str = False,
    extra_outputs: bool = False,
    write: Callable[..., Any] | None = None,
    numpy: str | None = None,
    **presented: Any,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a rule under its own name. The function itself stays as it is.

    The arguments are the fields of `Rule`, and those of `Presentation` in which the op differs from
    its family. By default `numpy` is the ufunc of the rule's name, if there is one. TypeError for a
    pullback that has no derivative itself (see `reading.py`).
    """

    def register(forward: Callable[..., Result]) -> Callable[..., Result]:
        name = forward.__name__.rstrip("_")
        if presented.get("node", presentation.node) == "":
            camel = "".join(word.capitalize() for word in name.split("_"))
            presented["node"] = f"{camel}Backward0"
        signature = inspect.signature(forward)
        parameters = signature.parameters.values()
        REGISTRY[name] = Rule(
            name,
            forward,
            derivative,
            linear,
            view,
            extra_outputs,
            write,
            name
            if numpy is None and isinstance(getattr(np, name, None), np.ufunc)
            else numpy or "",
            replace(presentation, **presented),
            signature,
            tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
            tuple(p.annotation for p in parameters if p.annotation in OPERANDS),
        )
        if not _loading:
            try:
                check_pullbacks(REGISTRY[name], REGISTRY)
            except TypeError:
                del REGISTRY[name]
                raise
        return forward

    return register


def finish_loading() -> None:
    """Check the pullbacks of all rules, and from now on those of each further one at once."""
    global _loading
    _loading = False
    for rule in REGISTRY.values():
        check_pullbacks(rule, REGISTRY)


def without_derivative(
    presentation: Presentation = EVERYWHERE, **options: Any
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a rule that has no pullbacks, such as a comparison.

    Its results never require grad.
    """
    return differentiable(presentation, derivative=False, **options)
