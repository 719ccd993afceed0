"""What a rule is, and the registry: the one list of every op there is.

A rule is a function of plain arrays that returns its result together with its *pullbacks*, one per
operand: functions that carry a cotangent (the gradient with respect to the result) back to that
operand. `None` stands where an operand has no derivative; an op without any is entered with
`without_derivative` and returns `()`.

    @differentiable()
    def mul(input: Operand, other: Operand) -> Result:
        return input * other, (lambda g: g * other, lambda g: g * input)

The contract, on which the engine relies and which the tests check for every rule in the registry:

- A rule never writes into its operands, nor a pullback into its cotangent or into what was saved.
- A pullback returns its cotangent, a view of it, or an array that nobody else holds.
- A pullback that needs an operand or the result captures *that array itself*, not a view of it,
  and captures none that PyTorch would not save: an in-place write to what was saved is an error.
- Operands that broadcast against each other need no care: the engine sums each gradient back to
  its operand's shape.
- A pullback can be read over Tensors (`autograd/rereading.py`), so it computes with operators, with
  methods that a Tensor has too, with the few functions of NumPy that are listed there, and with
  other rules: `put(g, key, shape)[0]`. It assigns to no element: `put` and `scatter` do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

# A NumPy array. To a type checker it is anything, for a rule can be read over whatever computes
# as an array does.
Array: TypeAlias = Any
# An array or a Python number, which stays one, so that float32 stays float32.
Operand: TypeAlias = Any
Pullback: TypeAlias = Callable[[Any], Any]
Result: TypeAlias = tuple[Any, tuple[Pullback | None, ...]]

# The annotations that mark a parameter as a tensor: one, one or a number, one or none.
_TENSORS = ("Array", "Operand", "Array | None", "Operand | None")

EVERYWHERE = ("function", "method")
IN_PLACE = ("function", "method", "in-place")


@dataclass(frozen=True, slots=True)
class Rule:
    """One op: its NumPy forward with its pullbacks, and how the face of PyTorch presents it."""

    name: str
    forward: Callable[..., Result]
    differentiable: bool
    linear: bool
    promotion: str | None
    view: bool
    forms: tuple[str, ...]
    sizes: bool
    no_bools: str
    ufunc: np.ufunc | None
    flat: str
    flat_again: bool
    backward: str | Callable[..., str]
    parameters: tuple[str, ...]  # of those that may be given by position
    operands: tuple[str, ...]  # the annotation of each that is a tensor
    tensors: int  # how many of those can be nothing but a tensor


REGISTRY: dict[str, Rule] = {}


def unchanged(g: Array) -> Array:
    """The pullback of a sum: the cotangent itself."""
    return g


def differentiable(
    *,
    derivative: bool = True,
    linear: bool = False,
    promotion: str | None = None,
    view: bool = False,
    forms: tuple[str, ...] = EVERYWHERE,
    sizes: bool = False,
    no_bools: str = "",
    ufunc: np.ufunc | None = None,
    flat: str = "",
    flat_again: bool = True,
    backward: str | Callable[..., str] | None = None,
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Enter a rule in the registry under its own name; the function itself stays as it is.

    - `derivative`: whether any operand has one; `without_derivative` enters a rule where none has.
    - `linear`: the derivative is the same everywhere, so nothing is saved, and the graph can be
      walked again after it has been freed.
    - `promotion`: "common" brings the operands to one dtype first; "float" does and makes integers
      the default float type; None leaves them as they are.
    - `view`: the result may share the first operand's memory.
    - `forms`: as which of "function", "method" and "in-place" PyTorch has it.
    - `sizes`: the method's parameter may be spelled out, `x.view(2, 3)`.
    - `no_bools`: what to say where an operand of a promoting rule is bool, if that is refused.
    - `ufunc`: what computes the op of two operands straight into the first one's memory.
    - `flat`: of a rule that is linear between its kinks, the name in PyTorch of its derivative's
      own node, which is there although what it says is zero; `flat_again` is whether that node's
      derivative has such a node in its turn.
    - `backward`: the node's name in PyTorch, where it is not the op's own plus "Backward0"; a
      function of the rule's arguments where PyTorch has several.
    """

    def register(forward: Callable[..., Result]) -> Callable[..., Result]:
        name = forward.__name__.rstrip("_")
        signature = inspect.signature(forward).parameters.values()
        operands = tuple(p.annotation for p in signature if p.annotation in _TENSORS)
        camel = "".join(word.capitalize() for word in name.split("_"))
        REGISTRY[name] = Rule(
            name,
            forward,
            derivative,
            linear,
            promotion,
            view,
            forms,
            sizes,
            no_bools,
            ufunc,
            flat,
            flat_again,
            backward or f"{camel}Backward0",
            tuple(p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD),
            operands,
            max(operands.count("Array"), 1),
        )
        return forward

    return register


def without_derivative(**face: Any) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Enter a rule that has no pullbacks, a comparison say; its results never require grad."""
    return differentiable(derivative=False, **face)
