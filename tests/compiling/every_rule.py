"""Every rule as a compiled step: recorded on one case, run on others, compared with the rule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad
from bridge.conformance.checks import FIRST
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import Form
from minigrad.compiling import CompiledStep
from minigrad.core.dispatch import OPS
from minigrad.rules import bessel
from minigrad.rules.rule import names_in

_SCIPY = "which is SciPy's and not NumPy's"
# The rules that aren't recorded, and a part of the reason that is given.
SHORTFALLS = dict.fromkeys(
    ("erf", "erfc", "erfinv", "i0", "digamma", "lgamma", "igamma", "igammac", "mvlgamma",
     "polygamma", "special_erfcx", "special_i0e", "special_i1", "special_i1e", "special_log_ndtr",
     "special_ndtri", "special_zeta"),
    _SCIPY,
) | dict.fromkeys((name for name in names_in(bessel) if "spherical" not in name), _SCIPY) | {
    "as_strided": "of an array",
    "lu": "item() of a tensor",
    "matrix_exp": "int() of a tensor",
    "median": "int() of a tensor",
    "nanmedian": "int() of a tensor",
    "pinv": "of an array",
    "slogdet": "an undeclared array",
}  # fmt: skip
# Rules that only a second derivative calls.
OF_HIGHER_ORDER = ("put", "put_diagonal", "put_windows", "scatter", "gelu_backward", "cofactors")
_SOMETIMES = ("a boolean mask", "item() of a tensor")


def form_of(name: str) -> Form:
    """How a rule is called: its first form, or the op itself for a rule of second derivatives."""
    if name not in OF_HIGHER_ORDER:
        return FIRST[name]
    return lambda t, *operands, **options: OPS[name](*operands, **options)


def others(case: Case, seed: int) -> list[Any]:
    """The operands of a case with their elements in another order and, of floats, other signs."""
    rng = np.random.default_rng(seed)
    return [_other(x, rng) if isinstance(x, Operand) else x for x in case.operands]


def _other(operand: Operand, rng: np.random.Generator) -> Operand:
    values = operand.values.copy()
    if operand.layout == "expanded":
        values[:] = rng.permutation(values[:1].reshape(-1)).reshape(values[:1].shape)
    else:
        values = rng.permutation(values.reshape(-1)).reshape(values.shape)
    return Operand(values, operand.layout, operand.constant)


def leaves(operands: Sequence[Any]) -> list[Any]:
    made = []
    for operand in operands:
        if isinstance(operand, Operand):
            tensor = operand.tensor(minigrad)
            made.append(tensor.requires_grad_() if operand.differentiable else tensor)
        else:
            made.append(operand)
    return made


def translated(option: Any) -> Any:
    if isinstance(option, np.ndarray):
        return minigrad.from_numpy(option.copy())
    if isinstance(option, np.dtype):
        return getattr(minigrad, option.name)
    if isinstance(option, tuple) and any(isinstance(part, np.ndarray) for part in option):
        return tuple(map(translated, option))
    return option


class Step:
    """A rule's form as a step, plain and compiled."""

    def __init__(self, form: Form, options: dict[str, Any]) -> None:
        def step(*operands: Any, g: Any) -> Any:
            result = form(minigrad, *operands, **options)
            first = result[0] if isinstance(result, tuple | list) else result
            if first.requires_grad:
                first.backward(g)
                return (
                    [r.detach().clone() for r in result]
                    if isinstance(result, tuple | list)
                    else first.clone().detach()
                )
            return (
                [r.clone() for r in result] if isinstance(result, tuple | list) else result.clone()
            )

        self.plain, self.compiled = step, CompiledStep(step)

    def may_refuse(self, case: Case) -> bool:
        """Whether a refusal is for a reason that some calls of a rule have."""
        return self.compiled.refusal.startswith(_SOMETIMES)

    @property
    def misses(self) -> int:
        """How often the compiled step was called without a program that fits."""
        return self.compiled._calls


def outcome(step: Any, operands: list[Any], g: Any) -> Any:
    """The bits of the result and of the gradients, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            result = step(*operands, g=g)
    except Exception as error:
        return type(error), str(error)
    results = result if isinstance(result, tuple | list) else [result]
    found = []
    for tensor in [*results, *(x.grad for x in operands if isinstance(x, minigrad.Tensor))]:
        if tensor is None:
            found.append(None)
            continue
        array = tensor._array
        found.append((array.dtype.name, array.shape, array.strides, array.tobytes()))
    return found
