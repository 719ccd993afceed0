"""From a rule to a function of tensors: prepare the arguments, compute, and record.

Every op is a function that is made here from one template. It unwraps its operands, calls the rule,
wraps the result and, if a gradient is wanted, records a `Node`. In most calls the operands can be
used as they are: tensors of one dtype, or Python numbers. In all others `arguments.prepare` checks
and converts them first.

The template is filled in for each rule, as in `dataclasses`, because a loop over the operands in
every call would take as long as the call of NumPy. `inspect.getsource(minigrad.mul)` shows the
result.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.dtypes import SUPPORTED, scalar_name, to_numpy
from ..rules.layout import contiguous, elementwise, like_dense_images, like_images, standard
from ..rules.presentation import HALF_IN_DERIVATIVES, HALF_IN_PULLBACKS, NO_DERIVATIVE
from ..rules.promotion import LARGEST
from ..rules.rule import not_implemented
from .arguments import (
    FACTORS,
    MISSING,
    UNGIVEN,
    call_by_names,
    from_old_order,
    prepare,
    raise_as_pytorch,
    read_key,
)
from .creating import number_of
from .errstate import quiet
from .grad_mode import grad_mode
from .half import HALF, computing
from .late import late_function
from .node import Node
from .tensor import TensorBase, wrap
from .versions import NOT_SAVED, Untracked
from .views import View

TEMPLATE = """\
def {name}({parameters}, **others):
    {old_order}
    if others:
        return call_by_names({name}, dict({by_name}), others)
    {check_options}
    if (
        {operands_fit}
    ):
        {arrays} = {unwrapped}
        compute = forward
    else:
        {give_way}
        {operands}, {arrays} = prepare(rule, {operands})
        compute = computing(rule, {arrays})
    try:
        output, pullbacks = quiet.run(compute, {arguments})
    except Exception:
        {operands}, {arrays}, computed = retry(rule, {operands}, {options})
        output, pullbacks = computed
    {extra_outputs}
    result = wrap(output if type(output) is ndarray else output[...])
    {layout}
    {view}
    {parents}
    if {any_parent} and {any_pullback} and grad_mode.enabled:
        {check_dtype}
        {pullback_names}
        result._node = Node(
            {node_name},
            rule,
            {parent_tuple},
            {pullback_tuple},
            {saved},
            output,
            {keeps},
        )
        result._requires_grad = True
    return {results}
"""


def function(
    rule: Rule,
    *,
    node: str | Callable[..., str] = "",
    operator: bool = False,
    called: str = "",
) -> Callable[..., Any]:
    """The rule as a function of tensors.

    `node` is another name for its nodes, as in `Presentation`. With `operator`, it returns
    NotImplemented for a second operand that is neither a tensor nor a number, as Python's operators
    should. `called` is the function's name in the error of a derivative that PyTorch doesn't have.
    """
    filling = _Filling(rule, node or rule.presentation.node, operator)
    name = rule.forward.__name__
    # A name that begins with this file's counts as a part of the engine in tracebacks.
    kind = " operator" if operator else called or (node if isinstance(node, str) else " number")
    file = f"{__file__} ({rule.name}{kind})"
    names = _NAMES | {"rule": rule, "forward": rule.forward, "node_name": filling.node}
    for operand, derivative in rule.presentation.not_implemented.items():
        names[f"refuse_{operand}"] = not_implemented(derivative)
    if filling.node == NO_DERIVATIVE:
        names["refuse"] = not_implemented(called or rule.name, op=True)
    names["definition"] = name, file, filling.source
    names[name] = op = late_function(name, file, filling.source, names)
    op.__name__ = op.__qualname__ = rule.name
    op.__doc__, op.__module__ = rule.forward.__doc__, rule.forward.__module__
    vars(op)["__signature__"] = rule.signature
    return op


def factor_of(rule: Rule) -> str:
    """The option that PyTorch once took by position, as in `x.add_(0.1, y)`, or "".

    Only ops that can write in place have one: optimisers were written so.
    """
    named = [p.name for p in rule.signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    found = next((name for name in named if name in FACTORS), "")
    return found if "in-place" in rule.presentation.forms else ""


def _filled(line: str, fields: dict[str, str]) -> str:
    """A line of the template with its fields; a field of several lines keeps the indentation."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.indent(line.strip().format(**fields), indent)


class _Filling:
    """The contents of the template for one rule.

    An operand `x` has its array in the variable `x_array`.
    """

    def __init__(self, rule: Rule, node: str | Callable[..., str], operator: bool) -> None:
        self.rule, self.node, self.operator = rule, node, operator
        names = rule.parameters[: len(rule.operands)]
        self.kinds = dict(zip(names, rule.operands, strict=False))
        tensors = [n for n in names if self.kinds[n] == "Array"]
        # The operand that decides the dtype.
        self.first = (tensors or list(names) or ["tensors"])[0]
        self.parameters = list(rule.signature.parameters.values())
        self.converts = rule.presentation.converts
        self.factor = factor_of(rule)
        self.options = [
            p
            for p in self.parameters
            if p.name not in self.kinds and p.kind is not p.VAR_POSITIONAL
        ]

    def source(self) -> str:
        """The filled template."""
        fields = self.fields()
        lines = (_filled(line, fields) for line in TEMPLATE.splitlines())
        return "\n".join(line for line in lines if line.strip()) + "\n"

    def fields(self) -> dict[str, str]:
        """The fields of the template."""
        rule = self.rule
        fields = self._of_each_operand() if self.kinds else self._of_any_operands()
        positional = [p.name for p in self.options if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = [f"{p.name}={p.name}" for p in self.options if p.kind is p.KEYWORD_ONLY]
        arguments = ", ".join([fields["rule_operands"], *positional, *named])
        has_dtype = any(p.name == "dtype" for p in self.options)
        return fields | {
            "name": rule.forward.__name__,
            "parameters": ", ".join(map(self._parameter, self.parameters)),
            "old_order": self._old_order(fields["operands"]),
            "by_name": ", ".join(
                f"{p.name}={p.name}" for p in self.parameters if p.kind is not p.VAR_POSITIONAL
            ),
            "check_options": "\n".join(
                [
                    *([_CHECK_DIM] if rule.presentation.dim_for_keepdim else []),
                    *filter(
                        None, (_check_option(p, self.first, self.converts) for p in self.options)
                    ),
                ]
            ),
            "arguments": arguments,
            "options": f"{_tuple(positional)}, dict({', '.join(named)})",
            "extra_outputs": self._extra_outputs(fields) if rule.extra_outputs else "",
            "layout": "" if rule.view else _LAYOUT[rule.presentation.layout].format(**fields),
            "view": _view(rule, self.first, _tuple(positional)) if rule.view else "",
            "check_dtype": _CHECK_DTYPE if has_dtype else "",
            "node_name": f"node_name({arguments})" if callable(self.node) else repr(self.node),
            "saved": "()" if rule.linear else fields["saved"],
            "keeps": str(rule.linear),
            "results": "(result, *more)" if rule.extra_outputs else "result",
        }

    def _extra_outputs(self, fields: dict[str, str]) -> str:
        layout = self.rule.presentation.layout
        return _EXTRA_OUTPUTS.get(layout, _EXTRA_OUTPUTS["contiguous"]).format(**fields)

    def _old_order(self, operands: str) -> str:
        if not self.factor:
            return ""
        names = operands.strip("()")
        return f"if rest:\n    {names}, {self.factor} = from_old_order(rule.name, [{names}, *rest])"

    def _parameter(self, parameter: Any) -> str:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return f"*{parameter.name}"
        only_named = [p for p in self.parameters if p.kind is p.KEYWORD_ONLY]
        star = f"*{'rest' if self.factor else ''}, "
        star = star if self.kinds and only_named[:1] == [parameter] else ""
        if parameter.name == "dim" and self.rule.presentation.dim_for_keepdim:
            return "dim=UNGIVEN"
        required = parameter.default is parameter.empty
        return f"{star}{parameter.name}={'MISSING' if required else repr(parameter.default)}"

    # A fixed number of operands ---------------------------------------------------------------

    def _of_each_operand(self) -> dict[str, str]:
        names = list(self.kinds)
        derivable = [n for n in names if not self.kinds[n].startswith("Constant")]
        constants = [n for n in names if n not in derivable]
        edges = self.rule.presentation.edges or derivable
        saved = ["(id(output), result._counter, 0)", *map(self._saved, [*edges, *constants])]
        saved += [f"*in_{option.name}" for option in self.options if option.annotation == _KEY]
        if self.rule.extra_outputs:
            saved.append("*[(id(x._array), x._counter, 0) for x in more]")
        refused = [f"by_{n} = refuse_{n}" for n in self.rule.presentation.not_implemented]
        plain = len(names) == len(edges) == 1 and not refused
        give_way = f"if not isinstance({names[-1]}, OPERANDS):\n    return NotImplemented"
        return {
            "operands_fit": "\nand ".join(map(self._fits, names)),
            "give_way": give_way if self.operator else "",
            "operands": _tuple(names),
            "arrays": _tuple(f"{n}_array" for n in names),
            "laid_out": _tuple(map(self._laid_out, names)),
            "unwrapped": _tuple(map(self._unwrapped, names)),
            "rule_operands": ", ".join(f"{n}_array" for n in names),
            "contiguous": " and ".join(map(self._contiguous, names)) + self._standard(names),
            "first": f"{names[0]}_array",
            "number": names[0],
            "parents": "\n".join(map(self._parent, derivable)),
            "any_parent": "(" + " or ".join(f"to_{n} is not None" for n in derivable) + ")",
            "any_pullback": "pullbacks",
            "pullback_names": ""
            if plain
            else "\n".join([f"{_tuple(f'by_{n}' for n in names)} = pullbacks", *refused]),
            "parent_tuple": _tuple(self._if_operand(n, f"to_{n}") for n in edges),
            "pullback_tuple": "pullbacks"
            if plain
            else _tuple(
                self._if_operand(n, f"by_{n} if to_{n} is not None else None") for n in edges
            ),
            "saved": "(\n" + "".join(f"    {each},\n" for each in saved) + ")",
        } | (self._refused(derivable) if self.node == NO_DERIVATIVE else {})

    def _refused(self, names: list[str]) -> dict[str, str]:
        """The fields of a node that only refuses: it has edges to what requires grad, no others."""
        parents = _tuple(f"to_{n}" for n in names)
        return {
            "any_pullback": "True",
            "pullback_names": f"parents = [to for to in {parents} if to is not None]",
            "parent_tuple": "parents",
            "pullback_tuple": "[refuse for _ in parents]",
            "saved": "()",
        }

    def _is_tensor(self, n: str) -> str:
        """The condition under which an operand is a tensor, and not a number or None."""
        return "" if self.kinds[n] in ("Array", "Constant") else f"{n}_array is not {n}"

    def _contiguous(self, n: str) -> str:
        contiguous, is_tensor = f"{n}_array.flags.c_contiguous", self._is_tensor(n)
        return f"({n}_array is {n} or {contiguous})" if is_tensor else contiguous

    def _laid_out(self, n: str) -> str:
        """An operand as it takes part in the layout: not a number that makes another kind of op."""
        apart = self._is_tensor(n) and callable(self.node)
        return f"{n}_array if {self._is_tensor(n)} else None" if apart else f"{n}_array"

    def _standard(self, names: list[str]) -> str:
        """The condition under which sizes of 1 don't matter to the layout of contiguous operands.

        They do where shapes differ and a stride along them isn't the usual one: then PyTorch sorts
        these strides, too.
        """
        if len(names) == 1:
            return ""
        same = [f"{n}_array.strides == output.strides or standard({n}_array)" for n in names]
        numbers = [f"{n}_array is {n} or " if self._is_tensor(n) else "" for n in names]
        each = [f"({a}{b})" for a, b in zip(numbers, same, strict=True)]
        return f" and (1 not in output.shape or {' and '.join(each)})"

    def _fits(self, n: str) -> str:
        """The condition under which an operand can be used as it is."""
        presentation, dtype = self.rule.presentation, f"{self.first}._array.dtype"
        promotes = presentation.promotion is not None
        tensor = (
            f"isinstance({n}, TensorBase) and ({n}._view is None or not {n}._view.is_stale({n}))"
        )
        if n != self.first:
            tensor += f" and {n}._array.dtype is {dtype}" if promotes else ""
        elif presentation.promotion == "float":
            tensor += f' and {dtype}.char in "fd"'
        elif presentation.half in _WIDENED and not self.rule.view:
            tensor += f" and {dtype} is not HALF"
        elif presentation.no_bools:
            tensor += f' and {dtype}.kind != "b"'
        ways = [tensor]
        if self.kinds[n].startswith("Operand") and n != self.first and promotes:
            # The most common case comes first.
            ways = [f'type({n}) is float and {dtype}.char in "fd"', tensor]
            if "f" in presentation.checked.get(n, ""):
                ways[0] += f" and -LARGEST <= {n} <= LARGEST"
            ways.append(f"number_fits({n}, {dtype}.char)")
        elif self.kinds[n].startswith("Operand") and n != self.first:
            ways.append(f"type({n}) in NUMBERS")
        if self.kinds[n].endswith("None"):
            ways.insert(0, f"{n} is None")
        if len(ways) == 1:
            return tensor
        return "(\n    " + "\n    or ".join(ways) + "\n)"

    def _unwrapped(self, n: str) -> str:
        if not self._is_tensor(n) or n == self.first:
            return f"{n}._array"
        return f"{n}._array if isinstance({n}, TensorBase) else {n}"

    def _parent(self, n: str) -> str:
        condition = " and ".join(filter(None, (self._is_tensor(n), f"{n}._requires_grad")))
        return f"to_{n} = ({n}._node or {n}) if {condition} else None"

    def _saved(self, n: str) -> str:
        if not n:
            return "NOT_SAVED"
        saved, is_tensor = f"(id({n}_array), {n}._counter, {n}._counter[0])", self._is_tensor(n)
        if self.kinds[n].startswith("Constant"):
            return f"*([{saved}] if {is_tensor} else [])" if is_tensor else saved
        if is_tensor and (not callable(self.node) or self.kinds[n] == "Array | None"):
            return f"{saved} if {is_tensor} else NOT_SAVED"
        return self._if_operand(n, saved, "NOT_SAVED")

    def _if_operand(self, n: str, item: str, none: str = "None") -> str:
        """An operand's item in a tuple.

        It is `none` for an edge without an operand. If a number makes another kind of node, there
        is no item for a number. None is a missing tensor if another operand could be missing.
        """
        if not n:
            return none
        if not (self._is_tensor(n) and callable(self.node)) or self.kinds[n] == "Array | None":
            return item
        items = f"[{item}] if {self._is_tensor(n)} else "
        others = [o for o in self.kinds if o != n and self.kinds[o] == "Operand | None"]
        if self.kinds[n] != "Operand | None" or not others:
            return f"*({items}[])"
        beside = " or ".join(map(self._is_tensor, others))
        return f"*({items}[{none}] if {n} is None and ({beside}) else [])"

    # Any number of operands -------------------------------------------------------------------

    def _of_any_operands(self) -> dict[str, str]:
        return {
            "operands_fit": f"all_fit(tensors, {self.rule.presentation.promotion is not None})",
            "give_way": "",
            "operands": "tensors",
            "arrays": "arrays",
            "laid_out": "arrays",
            "unwrapped": "[t._array for t in tensors]",
            "rule_operands": "*arrays",
            "parents": "parents = [(t._node or t) if t._requires_grad else None for t in tensors]",
            "any_parent": "any([to is not None for to in parents])",
            "any_pullback": "pullbacks",
            "pullback_names": "",
            "parent_tuple": "parents",
            "pullback_tuple": "[None if to is None else p for p, to in zip(pullbacks, parents)]",
            "saved": "[\n    (id(output), result._counter, 0),\n"
            "    *[(id(a), t._counter, t._counter[0]) for a, t in zip(arrays, tensors)],\n]",
        }


# `Presentation.half` of ops that compute float16 in float32.
_WIDENED = "float32", HALF_IN_DERIVATIVES, HALF_IN_PULLBACKS
_KEY = "tuple[Entry, ...]"  # the annotation of a key of indices and masks, which pullbacks save
# What gives a result its memory layout. An op on contiguous operands needs nothing.
_LAYOUT = {
    "elementwise": """\
if output.ndim > 1 and not ({contiguous}):
    result._array = elementwise(result._array, {laid_out})""",
    # PyTorch computes number ** tensor by another function, whose result is contiguous.
    "elementwise, contiguous for a number": """\
if output.ndim > 1 and not ({contiguous}):
    result._array = (
        ascontiguousarray(output) if {first} is {number} else elementwise(output, {laid_out})
    )""",
    "elementwise, last first": """\
if output.ndim > 1 and not ({contiguous}):
    result._array = elementwise(result._array, {arrays}[::-1])""",
    "first": """\
if not {first}.flags.c_contiguous:
    result._array = elementwise(result._array, ({first},))""",
    "contiguous": """\
if not result._array.flags.c_contiguous:
    result._array = ascontiguousarray(output)""",
    "images": """\
if not ({first}.flags.c_contiguous and result._array.flags.c_contiguous) or (
    {first}.strides[1] == {first}.itemsize  # the channels of images are innermost
):
    result._array = like_images(output, {first})""",
    "dense images": """\
if not ({first}.flags.c_contiguous and result._array.flags.c_contiguous):
    result._array = like_dense_images(output, {first})""",
    "own": "",
}
_EXTRA_OUTPUTS = {
    "contiguous": """\
output, *more = output
more = [wrap(x if x.flags.c_contiguous else ascontiguousarray(x)) for x in more]""",
    "elementwise": """\
output, *more = output
more = [wrap(elementwise(x, {arrays})) for x in more]""",
    "images": """\
output, *more = output
more = [wrap(like_images(x, {first})) for x in more]""",
}
_CHECK_DTYPE = """\
if output.dtype.kind != "f":
    raise RuntimeError(f"Autograd not support dtype: {scalar_name(output)} ({rule.name})")"""


_CHECK_DIM = """\
if dim is UNGIVEN:
    dim = None if not keepdim else refuse_keepdim(rule.name)"""


def refuse_keepdim(name: str) -> NoReturn:
    """Raise the error for `keepdim` without `dim`."""
    raise TypeError(
        f"{name}() received an invalid combination of arguments: 'keepdim' needs 'dim', which may "
        "be None for all dimensions"
    )


def _tuple(items: Iterable[str]) -> str:
    items = list(items)
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _check_option(option: Any, first: str, converts: bool) -> str:
    """The statement that checks or converts an option, if it needs one.

    With `converts`, an option `dtype` converts the operand `first`.
    """
    name, statements = option.name, []
    if option.default is option.empty:
        statements.append(f"if {name} is MISSING:\n    raise missing(rule, {name!r})")
    if option.annotation == "np.dtype":
        statements.append(f"{name} = to_numpy({name})")
    elif option.annotation == "np.dtype | None":
        convert = f"\n    {first} = in_dtype({first}, {name})" if converts else ""
        statements.append(f"if {name} is not None:\n    {name} = to_numpy({name}){convert}")
    elif option.annotation == _KEY:
        statements.append(f"{name}, in_{name} = read_key({name})")
    elif option.annotation == "float":
        convert = f"{name} = number_of({name}, rule.name, {name!r})"
        statements.append(f"if type({name}) not in NUMBERS:\n    {convert}")
    return "\n".join(statements)


def _view(rule: Rule, first: str, options: str) -> str:
    """The statements that make the result a view of the first operand."""
    meta = '"" if grad_mode.enabled else "no_grad"'
    statements = (
        f"result._counter = {first}._counter\n"
        f"if type({first}._counter) is not Untracked:\n"
        f"    result._view = View({first}, rule, {options}, {meta})"
    )
    if rule.view == "maybe":
        shares = f"result._array.size == 0 or may_share_memory(output, {first}_array)"
        statements = f"if {shares}:\n" + textwrap.indent(statements, "    ")
    return statements


def all_fit(tensors: Sequence[Any], one_dtype: bool) -> bool:
    """Whether operands are tensors that can be used as they are."""
    for t in tensors:
        if not isinstance(t, TensorBase) or (t._view is not None and t._view.is_stale(t)):
            return False
        if one_dtype and t._array.dtype is not tensors[0]._array.dtype:
            return False
    return True


def number_fits(number: Any, char: str) -> bool:
    """Whether a Python int can be combined, unconverted, with an array of a dtype (its `char`)."""
    return type(number) is int and -(2**31) <= number < 2**31 and char in _OF_32_BITS_OR_MORE


def missing(rule: Rule, name: str) -> TypeError:
    """The error for an option that was not given."""
    return TypeError(f'{rule.name}() missing 1 required positional arguments: "{name}"')


def retry(
    rule: Rule, operands: Sequence[Any], args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Sequence[Any], Sequence[Any], Any]:
    """Compute again with prepared operands, or raise PyTorch's error."""
    operands, arrays = prepare(rule, operands)
    try:
        return operands, arrays, quiet.call(computing(rule, arrays), *arrays, *args, **options)
    except Exception as error:
        raise_as_pytorch(rule, arrays, error)


def in_dtype(x: Any, dtype: np.dtype) -> Any:
    """A tensor converted to a dtype by an op of its own; anything else unchanged."""
    if isinstance(x, TensorBase) and x._array.dtype is not dtype:
        return OPS["cast"](x, dtype)
    return x


_OF_32_BITS_OR_MORE = "".join(d.numpy.char for d in SUPPORTED if d.is_signed and d.itemsize >= 4)
OPERANDS = (TensorBase, float, int, np.number, np.bool_)  # what an operator combines with a tensor

_NAMES: dict[str, Any] = {
    "HALF": HALF,
    "LARGEST": LARGEST,
    "MISSING": MISSING,
    "NOT_SAVED": NOT_SAVED,
    "NUMBERS": frozenset({bool, int, float}),
    "OPERANDS": OPERANDS,
    "Node": Node,
    "TensorBase": TensorBase,
    "UNGIVEN": UNGIVEN,
    "View": View,
    "all_fit": all_fit,
    "ascontiguousarray": contiguous,
    "elementwise": elementwise,
    "call_by_names": call_by_names,
    "computing": computing,
    "grad_mode": grad_mode,
    "from_old_order": from_old_order,
    "in_dtype": in_dtype,
    "like_dense_images": like_dense_images,
    "like_images": like_images,
    "Untracked": Untracked,
    "may_share_memory": np.may_share_memory,
    "missing": missing,
    "ndarray": np.ndarray,
    "number_of": number_of,
    "number_fits": number_fits,
    "prepare": prepare,
    "quiet": quiet,
    "read_key": read_key,
    "refuse_keepdim": refuse_keepdim,
    "retry": retry,
    "scalar_name": scalar_name,
    "standard": standard,
    "to_numpy": to_numpy,
    "wrap": wrap,
}

# Every rule as a function of tensors, by the name of the rule.
OPS: dict[str, Callable[..., Any]] = {name: function(rule) for name, rule in REGISTRY.items()}


def number_op(name: str) -> Callable[..., Any]:
    """The op for a tensor and a Python number, as PyTorch's own functions call it.

    Its node is another one, `MulBackward1`, without an edge for the number.
    """
    return function(REGISTRY[name], node=lambda *_, **__: f"{name.capitalize()}Backward1")


def with_keywords(op: Any, call: Callable[..., Any]) -> FunctionType:
    """A copy of an op with another way to handle keywords that aren't parameters of its own.

    It calls `call(op, given, others)`, with the arguments under the names of parameters and under
    others.
    """
    names = op.__globals__ | {"call_by_names": call}
    name, file, source = names["definition"]
    copy = late_function(name, file, source, names)
    copy.__name__, copy.__doc__, copy.__module__ = op.__name__, op.__doc__, op.__module__
    return copy
