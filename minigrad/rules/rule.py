"""The definition of a rule, and the registry of all rules.

A rule is a function of arrays. It returns its result and its *pullbacks*, one per operand: the
functions that map a cotangent (the gradient with respect to the result) to the gradient with
respect to that operand.

    @differentiable(ARITHMETIC)
    def mul(input: Operand, other: Operand) -> Result:
        return input * other, (lambda g: g * other, lambda g: g * input)

The pullback of an operand without a derivative is `None`. An op without any derivative is
registered by `without_derivative` and returns `()`. Some ops without derivatives are recorded in
PyTorch, and `backward` is an error. They have a node of the name "NotImplemented", or, if that is
so for some operands only, name them as `not_implemented`.

The engine relies on this contract, and the tests check it for every rule:

- A rule never writes into its operands. A pullback never writes into its cotangent or into an array
  that it has captured.
- A pullback returns its cotangent, a view of it, or an array that nothing else refers to.
- A pullback that needs an operand or the result captures *that array itself*, not a view of it. It
  captures only what PyTorch saves, because an in-place write to a saved array is an error.
- Rules ignore broadcasting: the engine sums each gradient to its operand's shape.
- A pullback can also run on Tensors (`core/higher_order.py`), which gives all higher derivatives.
  So it uses only operators, methods of Tensor, other rules (`put(g, key, shape)[0]`) and NumPy
  functions that some rule computes. It never assigns to elements, but uses `put` and `scatter`.
  `check_pullbacks` raises an error for anything else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from .presentation import EVERYWHERE, Presentation
from .reading import check_pullbacks

# A NumPy array, or a Tensor in a pullback that runs on Tensors.
Array: TypeAlias = Any
# An array or a Python number. A number stays a number, so that float32 stays float32.
Operand: TypeAlias = Any
# An array that has no derivative: a mask, or labels.
Constant: TypeAlias = Any
Pullback: TypeAlias = Callable[[Any], Any]
Result: TypeAlias = tuple[Any, tuple[Pullback | None, ...]]

# The annotations of the parameters that are operands.
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
    """One op: its forward, which returns the pullbacks too, and its properties.

    - `differentiable`: whether any operand has a derivative.
    - `linear`: the derivative is the same everywhere, so nothing is saved, and `backward` can walk
      the graph again after it was freed.
    - `view`: the result shares the first operand's memory, or may ("maybe").
    - `write`: `write(input, other, input)` writes the result into the first operand and returns
      it.
    - `extra_outputs`: the forward returns a tuple, and only its first array has a derivative.
    - `numpy`: the NumPy function, such as "add.reduce", that means this op in a pullback.
    - `presentation`: how PyTorch presents the op to its users.
    - `signature`: the signature of `forward`.
    - `parameters`: the names of the parameters that can be given by position.
    - `operands`: the annotations of the first of these, which are operands.
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

    def presented(self, **fields: Any) -> Rule:
        """The same rule with other fields of its presentation, for an op of PyTorch's beside it."""
        return replace(self, presentation=replace(self.presentation, **fields))

    def node_name(self, args: Any, options: dict[str, Any]) -> str:
        """PyTorch's name for the node that records a call with these arguments."""
        name = self.presentation.node
        return name if isinstance(name, str) else name(*args, **options)


REGISTRY: dict[str, Rule] = {}
# The same rules by their functions, for those who watch calls.
BY_FORWARD: dict[Callable[..., Any], Rule] = {}
BY_WRITE: dict[Callable[..., Any], Rule] = {}


def names_in(module: ModuleType) -> list[str]:
    """The names of the rules that a module registers."""
    return [name for name, rule in REGISTRY.items() if rule.forward.__module__ == module.__name__]


_loading = True  # a rule may use rules that are registered after it


def unchanged(g: Array) -> Array:
    """The pullback of a sum, which returns the cotangent itself."""
    return g


def once(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """A function that pullbacks of one rule share: its last result is kept for its last cotangent.

    The walk calls the pullbacks of a node in turn with the same cotangent. What they return must
    not be what is kept.
    """
    last: list[tuple[Array, Any] | None] = [None]

    def shared(g: Array) -> Any:
        pair = last[0]
        if pair is None or pair[0] is not g:
            pair = last[0] = g, function(g)
        return pair[1]

    return shared


def not_implemented(name: str, op: bool = False) -> Pullback:
    """The pullback of an operand for which PyTorch has no derivative: NotImplementedError.

    With `op`, it is that of an op which has none at all, and the error is a RuntimeError.
    """

    def refuse(g: Array) -> Array:
        if op:
            raise RuntimeError(f"derivative for aten::{name} is not implemented")
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


def also_saved(gradient: Array, *others: Array | None) -> Array:
    """`gradient`. PyTorch saves `others` too, so a write to one of them is an error."""
    return gradient


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
    """Register a rule under its name. The function itself isn't changed.

    The arguments are fields of `Rule`, and those fields of `Presentation` in which the op differs
    from its family. By default `numpy` is the ufunc with the rule's name, if there is one.
    TypeError for a pullback that isn't differentiable (see `reading.py`).
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
        BY_FORWARD[forward] = REGISTRY[name]
        if write is not None:
            BY_WRITE[write] = REGISTRY[name]
        return forward

    return register


def finish_loading() -> None:
    """Check the pullbacks of all rules. From now on, rules are checked when they are registered."""
    global _loading
    _loading = False
    for rule in REGISTRY.values():
        check_pullbacks(rule, REGISTRY)


def without_derivative(
    presentation: Presentation = EVERYWHERE, **options: Any
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a rule without pullbacks, such as a comparison. Its results don't require grad.

    Those of a rule whose node is "NotImplemented" do, and `backward` is an error.
    """
    return differentiable(presentation, derivative=False, **options)
