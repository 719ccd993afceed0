"""SAMPLES: for every rule in the registry, how to draw a call, and how PyTorch writes it.

A case has operands and options in the rule's own terms (`slice(x, dim=1, start=0, end=2, step=1)`).
A form is a function that makes that call in PyTorch's terms (`x[:, 0:2:1]`), in either namespace.
A new rule needs one line here; the tests fail without it.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.libraries.op_calls import function, functional, method, spelling
from minigrad.rules import REGISTRY
from minigrad.rules.rule import OPERANDS

from . import cases, cases_elementwise, cases_indexing, cases_nn, cases_shape
from .cases import CaseFunction
from .cases_factorisations import FACTORISED
from .draws import RandomDraws
from .operands import Case, Operand

Form = Callable[..., Any]

# Forms --------------------------------------------------------------------------------------------


class WrongForm(Exception):
    """A form of the table doesn't make the call that it stands for."""


@dataclass(frozen=True)
class InPlaceForm:
    """A form that calls the in-place `write(x, …)` on a copy of its first operand."""

    write: Callable[..., Any]

    def __call__(self, t: Any, input: Any, /, *rest: Any, **options: Any) -> Any:
        x = input.clone()
        result = self.write(x, *rest, **options)
        if result is not x:
            raise WrongForm("an in-place form must return the tensor it was called on")
        return x


def in_place(name: str) -> Form:
    return InPlaceForm(lambda x, *rest, **options: getattr(x, name)(*rest, **options))


def operator_form(op: Callable[..., Any]) -> Form:
    return lambda t, *operands: op(*operands)


def separate_sizes(name: str) -> Form:
    """Call the method of that name with each size as its own argument."""
    return lambda t, input, **options: getattr(input, name)(*next(iter(options.values())))


def _index_put(x: Any, value: Any, *, key: tuple[Any, ...]) -> Any:
    x[key] = value
    return x


# The table ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """How to draw a case of one rule, and its forms other than those in the registry."""

    case: CaseFunction
    forms: Mapping[str, Form] = field(default_factory=dict)


def _operators(symbol: Callable[..., Any], in_place: Callable[..., Any] | None = None) -> dict:
    forms = {"operator": operator_form(symbol)}
    return forms | ({"in-place operator": InPlaceForm(in_place)} if in_place else {})


def _also(name: str) -> dict[str, Form]:
    """Return the function and the method of a public name that differs from the rule's."""
    return {name: function(name), f"{name} method": method(name)}


def _sizes(name: str) -> dict[str, Form]:
    return {"sizes": separate_sizes(name)}


_CAST_METHODS: dict[str, str] = {
    "torch.float32": "float",
    "torch.float64": "double",
    "torch.float16": "half",
    "torch.int8": "char",
    "torch.int16": "short",
    "torch.uint8": "byte",
    "torch.int32": "int",
    "torch.int64": "long",
    "torch.bool": "bool",
}

SAMPLES: dict[str, Sample] = {
    "abs": Sample(cases.unary, {"operator": operator_form(abs)}),
    "add": Sample(cases.binary_with_alpha, _operators(operator.add, operator.iadd)),
    "alias": Sample(cases.unary, {"operator": spelling("alias")}),
    "all": Sample(cases.logical_reduction),
    "any": Sample(cases.logical_reduction),
    "argmax": Sample(cases.arg_reduction),
    "argmin": Sample(cases.arg_reduction),
    "as_strided": Sample(cases_shape.as_strided),
    "bitwise_and": Sample(cases.binary_bits, _operators(operator.and_)),
    "bitwise_not": Sample(cases.unary_bits, _operators(operator.invert)),
    "bitwise_or": Sample(cases.binary_bits, _operators(operator.or_)),
    "bitwise_xor": Sample(cases.binary_bits, _operators(operator.xor)),
    "cast": Sample(
        cases.cast,
        {
            "method": spelling("cast"),
            "named": lambda t, x, dtype: getattr(x, _CAST_METHODS[str(dtype)])(),
        },
    ),
    "cat": Sample(cases.cat, {"function": spelling("cat")}),
    "clamp": Sample(cases.clamp),
    "clone": Sample(cases.unary),
    "contiguous_copy": Sample(cases.noncontiguous, {"method": spelling("contiguous_copy")}),
    "copy": Sample(cases.copy, {"in-place": in_place("copy_")}),
    "diagonal": Sample(cases_shape.diagonal),
    "div": Sample(cases.binary, _operators(operator.truediv, operator.itruediv)),
    "dot": Sample(cases.product(("n", "n")), _operators(operator.matmul)),
    "eq": Sample(cases.binary, _operators(operator.eq)),
    "exp": Sample(cases.unary),
    "expand": Sample(cases.expand, _sizes("expand")),
    "fill": Sample(cases.fill, {"in-place": in_place("fill_")}),
    "flip": Sample(cases_shape.flip),
    "ge": Sample(cases.binary, _operators(operator.ge)),
    "gt": Sample(cases.binary, _operators(operator.gt)),
    "index": Sample(cases.index, {"operator": spelling("index")}),
    "index_put": Sample(cases.index_put, {"in-place": InPlaceForm(_index_put)}),
    "isfinite": Sample(cases.unary),
    "isnan": Sample(cases.unary),
    "le": Sample(cases.binary, _operators(operator.le)),
    "linear": Sample(cases.linear, {"functional": spelling("linear")}),
    "log": Sample(cases.unary_positive),
    "log_softmax": Sample(cases.softmax, {"functional": functional("log_softmax")}),
    "logical_and": Sample(cases.logical_binary),
    "logical_not": Sample(cases.unary),
    "logical_or": Sample(cases.logical_binary),
    "lt": Sample(cases.binary, _operators(operator.lt)),
    "masked_fill": Sample(cases.masked_fill),
    "matmul": Sample(
        cases.product(*cases.STACKED_MATRICES), _also("matmul") | _operators(operator.matmul)
    ),
    "max": Sample(cases.full_reduction, _also("max")),
    "max_dim": Sample(cases.reduction_along_dim, _also("max")),
    "maximum": Sample(cases.tensors(2), _also("max")),
    "mean": Sample(cases.reduction_with_dtype),
    "min": Sample(cases.full_reduction, _also("min")),
    "min_dim": Sample(cases.reduction_along_dim, _also("min")),
    "minimum": Sample(cases.tensors(2), _also("min")),
    "mm": Sample(cases.product(("nm", "mp")), _operators(operator.matmul)),
    "mse_loss": Sample(cases.mse_loss, {"functional": spelling("mse_loss")}),
    "mul": Sample(cases.binary, _operators(operator.mul, operator.imul)),
    "mv": Sample(cases.product(("nm", "m")), _operators(operator.matmul)),
    "ne": Sample(cases.binary, _operators(operator.ne)),
    "neg": Sample(cases.unary, _operators(operator.neg)),
    "nll_loss": Sample(cases.nll_loss, {"functional": spelling("nll_loss")}),
    "permute": Sample(cases.permute, _sizes("permute")),
    "pow": Sample(cases.power, _operators(operator.pow, operator.ipow)),
    "put": Sample(cases.gradient_of_view, {"gradient": spelling("put")}),
    "put_diagonal": Sample(
        cases_shape.gradient_of_diagonal, {"gradient": spelling("put_diagonal")}
    ),
    "put_windows": Sample(cases_shape.gradient_of_unfold, {"gradient": spelling("put_windows")}),
    "reciprocal": Sample(cases.unary, {"operator": lambda t, input: 3 / input}),
    "relu": Sample(cases.unary, {"functional": functional("relu")}),
    "repeat": Sample(cases_shape.repeat, _sizes("repeat")),
    "reshape": Sample(cases.reshape, _sizes("reshape")),
    "roll": Sample(cases_shape.roll),
    "rounded_div": Sample(
        cases.off_jumps(cases.rounded_quotient), _also("div") | {"in-place": in_place("div_")}
    ),
    "rsub": Sample(cases.number_minus_tensor, {"operator": lambda t, input, other: other - input}),
    "scatter": Sample(cases.gradient_of_index, {"gradient": spelling("scatter")}),
    "select": Sample(cases.select),
    "sigmoid": Sample(cases.unary),
    "sign": Sample(cases.unary),
    "slice": Sample(cases.slice_, {"operator": spelling("slice")}),
    "softmax": Sample(cases.softmax, {"functional": functional("softmax")}),
    "sqrt": Sample(cases.unary_positive),
    "squeeze": Sample(cases.squeeze),
    "stack": Sample(cases.stack, {"function": spelling("stack")}),
    "sub": Sample(cases.binary_with_alpha, _operators(operator.sub, operator.isub)),
    "sum": Sample(cases.reduction_with_dtype),
    "t": Sample(cases.matrix),
    "tanh": Sample(cases.unary),
    "transpose": Sample(cases.transpose),
    "tril": Sample(cases_shape.triangle),
    "triu": Sample(cases_shape.triangle),
    "unfold": Sample(cases_shape.unfold),
    "unsqueeze": Sample(cases.unsqueeze),
    "view": Sample(cases.view, _sizes("view")),
    "zero": Sample(cases.unary, {"in-place": in_place("zero_")}),
    # The method is called on the function's second operand.
    "where": Sample(
        cases.where, {"method": lambda t, condition, x, other: x.where(condition, other)}
    ),
}
SAMPLES |= {name: Sample(*each) for name, each in cases_nn.SAMPLES.items()}

SAMPLES |= {
    name: Sample(case, more) for name, (case, more) in cases_elementwise.ELEMENTWISE.items()
}
SAMPLES |= {
    name: Sample(case, {} if REGISTRY[name].presentation.forms else {"function": spelling(name)})
    for name, case in cases_indexing.CASES.items()
}


# The results of these have several parts with a derivative, which are joined to compare them.
# Singular vectors and eigenvectors are unique up to their signs only, so they are squared. A form
# takes the parts by index, since the text of a call can't be unpacked.


def _eigh(t: Any, input: Any, *, uplo: str) -> Any:
    both = t.linalg.eigh(input + input.mT, uplo)
    return t.cat([both[0][..., None, :], both[1] * both[1]], -2)


def _svd(t: Any, input: Any) -> Any:
    parts = t.linalg.svd(input, False)
    return t.cat([parts[1][..., None, :], parts[0] * parts[0], (parts[2] * parts[2]).mT], -2)


def _qr(t: Any, input: Any) -> Any:
    both = t.linalg.qr(input)
    return t.cat([both[0].mT * both[0].mT, both[1] * both[1]], -1)


FACTORISATIONS: dict[str, Form] = {
    "cholesky": lambda t, input: t.linalg.cholesky(input + input.mT),
    "cofactors": spelling("cofactors"),
    "det": lambda t, input: t.linalg.det(input),
    "eigh": _eigh,
    "inv": lambda t, input: t.linalg.inv(input),
    "lu": lambda t, input: t.linalg.lu_factor(input)[0],
    "matrix_exp": lambda t, input: t.linalg.matrix_exp(input),
    "pinv": spelling("pinv"),
    "qr": _qr,
    "slogdet": spelling("slogdet"),
    "solve": lambda t, input, other: t.linalg.solve(input, other),
    "solve_triangular": lambda t, input, other, **options: t.linalg.solve_triangular(
        input, other, **options
    ),
    "svd": _svd,
}
SAMPLES |= {
    name: Sample(case, {"linalg": FACTORISATIONS[name]}) for name, case in FACTORISED.items()
}


def operand_names(name: str) -> list[str]:
    """Return the names of a rule's operands: its parameters for tensors or numbers."""
    parameters = inspect.signature(REGISTRY[name].forward).parameters.values()
    return [p.name for p in parameters if p.annotation in OPERANDS]


def forms(name: str) -> dict[str, Form]:
    """Return PyTorch's forms of an op by name, such as "function" and "in-place operator"."""
    at_top = not REGISTRY[name].presentation.module
    made = {
        "function": function(name) if at_top else functional(name),
        "method": method(name),
        "in-place": in_place(f"{name}_"),
    }
    return {form: made[form] for form in REGISTRY[name].presentation.forms} | dict(
        SAMPLES[name].forms
    )


def draw_case(name: str, seed: int, style: str = "wild") -> Case:
    """Draw a case of the rule `name` from a seed, in one of the styles of `RandomDraws`.

    >>> case = draw_case("sum", seed=24, style="tame")
    >>> case.operands[0].values.shape, case.options
    ((4, 2), {'keepdim': True, 'dim': None})
    """
    draw = RandomDraws(seed, style)
    case = SAMPLES[name].case(draw)
    if draw.wild and draw.pick(True, False) and case.wanted is None:
        wanted = tuple(bool(chosen) for chosen in draw.rng.random(len(case.operands)) < 0.5)
        case = replace(case, wanted=wanted)
    return replace(case, seed=seed)


def form_takes(name: str, form: str, case: Case) -> bool:
    """Tell whether a form of the rule can make the call: a method, for example, needs a tensor."""
    if form.endswith("operator") and "alpha" in case.options:
        return False
    if form == "in-place" and name in ("eq", "ge", "gt", "le", "lt", "ne"):
        # PyTorch makes an integer tensor require grad if the other one does, and backward fails.
        target, other = case.operands
        integer = isinstance(target, Operand) and target.values.dtype.kind != "f"
        wanted = case.wanted is None or case.wanted[1]
        if integer and wanted and isinstance(other, Operand) and other.differentiable:
            return False
    caller = 1 if name == "where" else 0
    return form in ("function", "operator") or isinstance(case.operands[caller], Operand)
