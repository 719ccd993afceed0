"""The statements of a program as loops: what NumPy's functions do to each element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..printing import Printer, literal
from ..program import UFUNCS, UNARY
from ..recording import Statement
from ..values import Number, Recorded
from .indexing import Indexing
from .loops import Loops, Map, Scope
from .memory import VIEWS, Memory, NoForm, Place, contiguous
from .products import product
from .reductions import accumulate, first_extreme, reduce
from .scalars import converted, function

_COPIES = frozenset(
    [".copy", ".astype", ".reshape", ".ravel", ".flatten", "np.array",
     "np.ascontiguousarray", "np.asarray", "np.reshape", "np.ravel", "np.copy"]
)  # fmt: skip
_FILLED = {
    "np.zeros": 0, "np.zeros_like": 0, "np.ones": 1, "np.ones_like": 1, "np.full": None,
    "np.full_like": None, "np.empty": ..., "np.empty_like": ...,
}  # fmt: skip
_METHODS = {
    ".sum": "add", ".prod": "multiply", ".max": "maximum", ".min": "minimum", ".any": "logical_or",
    ".all": "logical_and",
}  # fmt: skip
_INSTEAD_OF = {"nan": "{0} != {0}", "posinf": "{0} == np.inf", "neginf": "{0} == -np.inf"}
_SUMS = {".cumsum": "add", ".cumprod": "multiply", "np.cumsum": "add", "np.cumprod": "multiply"}


def _is_of_numbers(statement: Statement) -> bool:
    """Whether a statement makes a number from numbers."""
    values = [*statement.operands, *statement.results]
    return bool(statement.results) and all(type(x) is Number for x in values)


class Forms:
    """Adds the loops of statements, one statement after the other.

    NoForm for a statement that it doesn't know.
    """

    def __init__(self, memory: Memory, loops: Loops, printer: Printer) -> None:
        self.memory, self.loops, self.printer = memory, loops, printer
        self.indexing = Indexing(memory, loops)

    def add(self, statement: Statement) -> None:
        name = statement.name
        if name.startswith("is "):
            self._guard(statement)
        elif name == "raises ValueError" and statement.options["_name"] == "np.ravel_multi_index":
            self.indexing.out_of_range(statement)
        elif name.startswith("raises "):
            raise NoForm(f"an error of {statement.options['_name']}")
        elif _is_of_numbers(statement):
            self._number(statement)
        elif name in _COPIES or self._copies_one(statement):
            self._copy(statement, statement.args[0], self._target(statement))
        elif name in _FILLED:
            self._filled(statement)
        elif (form := _OWN.get(name)) is not None:
            form(self, statement)
        elif not self._ufunc(statement):
            raise NoForm(name)

    def _copies_one(self, statement: Statement) -> bool:
        """Whether a statement that may return a view copied a single element."""
        name = statement.name
        return name in VIEWS and name != "[]" and self._target(statement).size == 1

    # Numbers and guards -----------------------------------------------------------------------

    def _number(self, statement: Statement) -> None:
        if statement.name.startswith(".") or statement.options:
            raise NoForm(statement.name)
        self.loops.number(self.printer.line(statement))

    def _guard(self, statement: Statement) -> None:
        condition = statement.args[0]
        wrong = "not " if statement.name == "is True" else ""
        reads = [self.memory[condition]] if type(condition) is Recorded else []
        text = self._element(reads[0]) if reads else self.printer.text(condition)
        self.loops.code([f"if {wrong}{text}:", "    return step"], reads, ())

    def _item(self, statement: Statement) -> None:
        place = self.memory[statement.args[0]]
        kind = {"f": "float", "b": "bool"}.get(place.dtype.kind, "int")
        name = self.printer.names[statement.results[0]]
        self.loops.code([f"{name} = {kind}({self._element(place)})"], [place], ())

    def _element(self, place: Place) -> str:
        return f"{self.loops.ref(place)}[{place.offset}]"

    # Elements ---------------------------------------------------------------------------------

    def _target(self, statement: Statement) -> Place:
        """Where the result of a statement goes."""
        out = statement.writes or tuple(statement.results)
        if len(out) != 1 or type(out[0]) is not Recorded:
            raise NoForm(statement.name)
        return self.memory[out[0]]

    def place(self, x: Any) -> Place:
        """The place of an operand that must be an array."""
        if type(x) is not Recorded:
            raise NoForm(f"an operand of the type {type(x).__name__}")
        return self.memory[x]

    def operand(self, x: Any) -> tuple[Any, Place | str]:
        """The dtype of an operand, or its type if it is a number, and its place or its text."""
        if type(x) is Recorded:
            place = self.memory[x]
            return place.dtype, place
        if type(x) is Number:
            return type(x.value), self.printer.names[x]
        if isinstance(x, np.generic):
            return x.dtype, literal(x)
        if isinstance(x, bool):
            return np.dtype(bool), literal(x)
        if isinstance(x, int | float):
            return type(x), literal(x)
        raise NoForm(f"an operand of the type {type(x).__name__}")

    def mapped(
        self,
        operands: Sequence[Any],
        kinds: Sequence[Any],
        target: Place,
        build: Callable[[list[str]], str],
    ) -> None:
        """Add a map over the target, whose operands are converted to the dtypes of `kinds`."""
        found = [self.operand(x) for x in operands]
        reads = tuple([where for _, where in found if isinstance(where, Place)])

        def value(scope: Scope, values: list[str]) -> str:
            own = iter(values)
            texts = []
            for (have, where), want in zip(found, kinds, strict=True):
                text = next(own) if isinstance(where, Place) else where
                texts.append(text if want is None else converted(text, have, want))
            return build(texts)

        self.loops.map(Map(target.shape, target, reads, value))

    def _copy(self, statement: Statement, source: Any, target: Place) -> None:
        kinds = [target.dtype]
        if type(source) is Recorded and statement.name not in (".astype", ".copy", "np.copy"):
            place = self.memory[source]
            if place.shape != target.shape and target.is_contiguous:
                target = target.within(0, place.shape, contiguous(place.shape))
        self.mapped([source], kinds, target, lambda texts: texts[0])

    def _filled(self, statement: Statement) -> None:
        value = _FILLED[statement.name]
        target = self._target(statement)
        if value is ...:
            return
        if value is None:
            value = statement.args[1]
        self.mapped([value], [target.dtype], target, lambda texts: texts[0])

    def _constant(self, statement: Statement) -> None:
        """An array that has the same elements in each call, and is written in it."""
        make = statement.compute
        array = make(*statement.args, **statement.options) if make else statement.args[0]
        source, target = self.indexing.constant(array), self._target(statement)
        self.loops.map(Map(target.shape, target, (source,), lambda scope, values: values[0]))

    def _fill(self, statement: Statement) -> None:
        target = self.place(statement.args[0])
        self.mapped([statement.args[1]], [target.dtype], target, lambda texts: texts[0])

    def _where(self, statement: Statement) -> None:
        if len(statement.args) != 3 or statement.options:
            raise NoForm(statement.name)
        kind = self._target(statement).dtype
        self.mapped(
            statement.args, [bool, kind, kind], self._target(statement),
            lambda texts: f"({texts[1]} if {texts[0]} else {texts[2]})",
        )  # fmt: skip

    def _copyto(self, statement: Statement) -> None:
        target, value = statement.args[:2]
        where = statement.options.get("where", True)
        place = self.place(target)
        if where is True:
            self.mapped([value], [place.dtype], place, lambda texts: texts[0])
            return
        self.mapped(
            [target, value, where], [place.dtype, place.dtype, bool], place,
            lambda texts: f"({texts[1]} if {texts[2]} else {texts[0]})",
        )  # fmt: skip

    def _clip(self, statement: Statement) -> None:
        x, low, high = (*statement.args, None, None)[:3]
        if statement.options.keys() - {"out"}:
            raise NoForm(statement.name)
        target = self._target(statement)
        kind = target.dtype

        def build(texts: list[str]) -> str:
            text, *bounds = texts
            if low is not None:
                text = str(function("maximum", [kind, kind], [text, bounds.pop(0)]))
            if high is not None:
                text = str(function("minimum", [kind, kind], [text, bounds[0]]))
            return text

        operands = [v for v in (x, low, high) if v is not None]
        self.mapped(operands, [target.dtype] * len(operands), target, build)

    def _scalar(self, statement: Statement) -> None:
        """A conversion to a scalar of NumPy, such as `np.float32(x)`."""
        self._copy(statement, statement.args[0], self._target(statement))

    def _triangle(self, statement: Statement) -> None:
        """`np.tril` or `np.triu`: zeros above or below a diagonal."""
        x, k = (*statement.args, statement.options.get("k", 0))[:2]
        target = self._target(statement)
        rows, columns = target.shape[-2:]
        inside = (np.tril if statement.name == "np.tril" else np.triu)(
            np.ones((rows, columns), bool), k
        )
        mask = self.indexing.constant(inside)
        source = self.place(x)

        def build(scope: Scope, values: list[str]) -> str:
            return f"({values[0]} if {values[1]} else {converted('0', int, target.dtype)})"

        self.loops.map(Map(target.shape, target, (source, mask), build))

    def _numbers_of(self, statement: Statement) -> None:
        """`np.nan_to_num`: numbers instead of NaN and the infinities."""
        x, options = statement.args[0], dict(statement.options)
        kind = self._target(statement).dtype
        if len(statement.args) > 1 or kind.kind != "f" or options.keys() - set(_INSTEAD_OF):
            raise NoForm(statement.name)
        limits = {"nan": 0.0, "posinf": np.finfo(kind).max, "neginf": np.finfo(kind).min}
        limits |= {key: value for key, value in options.items() if value is not None}

        def build(texts: list[str]) -> str:
            text = texts[0]
            for key, condition in _INSTEAD_OF.items():
                value = converted(literal(float(limits[key])), float, kind)
                text = f"({value} if {condition.format(texts[0])} else {text})"
            return text

        self.mapped([x], [kind], self._target(statement), build)

    # Ufuncs -----------------------------------------------------------------------------------

    def _ufunc(self, statement: Statement) -> bool:
        """Add a statement that is a ufunc or one of its methods. False if it isn't."""
        name, args, options = statement.name, statement.args, dict(statement.options)
        options.pop("out", None)
        symbol = name.removesuffix("=") if statement.writes else name
        if symbol == "**":
            return self._power(statement)
        table: dict[str, Any] = UNARY if len(args) == 1 else UFUNCS
        path = name.split(".")[1:] if name.startswith("np.") else []
        ufunc = table.get(symbol) or getattr(np, path[0] if path else "", None)
        if not isinstance(ufunc, np.ufunc):
            return False
        if ufunc is np.matmul:
            product(self, args[0], args[1], self._target(statement))
        elif path[1:] == ["reduce"]:
            reduce(self, ufunc.__name__, args[0], self._target(statement), *args[1:], **options)
        elif path[1:] == ["accumulate"]:
            axis = options.pop("axis", args[1] if len(args) > 1 else 0)
            accumulate(self, ufunc.__name__, self.place(args[0]), self._target(statement), axis)
        elif path[1:] == ["at"]:
            self.indexing.scatter_at(self, ufunc.__name__, args)
        elif path[1:] or set(options) - {"dtype", "casting"} or ufunc.nout != 1:
            return False
        else:
            self.elementwise(
                statement.name, ufunc, args, self._target(statement), options.get("dtype")
            )
        return True

    def elementwise(
        self, name: str, ufunc: np.ufunc, operands: Sequence[Any], target: Place, dtype: Any = None
    ) -> None:
        """Add a map of a ufunc, computed in the dtypes in which NumPy computes it."""
        kinds = [self.operand(x)[0] for x in operands]
        chosen: Any = (
            {"signature": (*[None] * ufunc.nin, np.dtype(dtype))} if dtype is not None else {}
        )
        try:
            resolved = ufunc.resolve_dtypes((*kinds, None), casting="unsafe", **chosen)
        except (TypeError, ValueError):
            raise NoForm(name) from None
        *ins, out = resolved
        if any(kind.char in "eFDGg" or kind.kind not in "biuf" for kind in resolved):
            raise NoForm(f"{name} of {out}")
        probe = function(ufunc.__name__, ins, ["a", "b"][: len(ins)])
        if probe is None:
            raise NoForm(name)

        def build(texts: list[str]) -> str:
            text = function(ufunc.__name__, ins, texts)
            assert text is not None
            if out.kind in "iu":  # numba computes small integers as large ones
                text = f"np.{out.name}({text})"
            return converted(text, out, target.dtype)

        self.mapped(operands, ins, target, build)

    def _power(self, statement: Statement) -> bool:
        x, exponent = statement.args
        target = self._target(statement)
        if type(exponent) in (int, float) and target.dtype.kind == "f":
            ufunc = {2: np.square, 0.5: np.sqrt, 1: np.positive, -1: np.reciprocal}.get(exponent)
            if ufunc is not None and self.operand(x)[0] == target.dtype:
                self.elementwise("**", ufunc, [x], target)
                return True
        self.elementwise("**", np.power, [x, exponent], target)
        return True

    # Other functions --------------------------------------------------------------------------

    def _concatenate(self, statement: Statement) -> None:
        arrays = statement.args[0]
        axis = statement.options.get("axis", statement.args[1] if len(statement.args) > 1 else 0)
        target = self._target(statement)
        axis %= len(target.shape)
        at = 0
        for x in arrays:
            source = self.place(x)
            part = target.within(at * target.strides[axis], source.shape, target.strides)
            self.mapped([x], [target.dtype], part, lambda texts: texts[0])
            at += source.shape[axis]

    def _stack(self, statement: Statement) -> None:
        axis = statement.options.get("axis", statement.args[1] if len(statement.args) > 1 else 0)
        target = self._target(statement)
        axis %= len(target.shape)
        shape = target.shape[:axis] + target.shape[axis + 1 :]
        strides = target.strides[:axis] + target.strides[axis + 1 :]
        for i, x in enumerate(statement.args[0]):
            part = target.within(i * target.strides[axis], shape, strides)
            self.mapped([x], [target.dtype], part, lambda texts: texts[0])

    def _dot(self, statement: Statement) -> None:
        product(self, statement.args[0], statement.args[1], self._target(statement))

    def _method(self, statement: Statement) -> None:
        name, options = _METHODS[statement.name], dict(statement.options)
        x, *axis = statement.args
        reduce(
            self,
            name,
            x,
            self._target(statement),
            *(axis or [options.pop("axis", None)]),
            **options,
        )

    def _extreme(self, statement: Statement) -> None:
        """`np.argmax` or `np.argmin`, as functions or methods."""
        x, *axis = statement.args
        options = dict(statement.options)
        where = axis[0] if axis else options.pop("axis", None)
        options.pop("keepdims", None)
        if options or len(axis) > 1:
            raise NoForm(statement.name)
        name = statement.name.rpartition(".")[2]
        first_extreme(self, name, self.place(x), self._target(statement), where)

    def _running(self, statement: Statement) -> None:
        x, *axis = statement.args
        where = axis[0] if axis else statement.options.get("axis")
        if where is None and len(x.shape) != 1:
            raise NoForm(statement.name)
        accumulate(self, _SUMS[statement.name], self.place(x), self._target(statement), where or 0)

    def _index(self, statement: Statement) -> None:
        self.indexing.read(self, statement)

    def _assign(self, statement: Statement) -> None:
        self.indexing.write(self, statement)

    def _take(self, statement: Statement) -> None:
        self.indexing.take(self, statement)

    def _roll(self, statement: Statement) -> None:
        self.indexing.roll(self, statement)

    def _places(self, statement: Statement) -> None:
        self.indexing.flat_places(self, statement)

    def _along(self, statement: Statement) -> None:
        self.indexing.along(self, statement)


_OWN: dict[str, Callable[[Forms, Statement], None]] = {
    ".item": Forms._item, "constant": Forms._constant, "np.arange": Forms._constant,
    ".fill": Forms._fill, "np.where": Forms._where,
    "np.copyto": Forms._copyto, ".clip": Forms._clip, "np.clip": Forms._clip,
    "np.tril": Forms._triangle, "np.triu": Forms._triangle, "np.concatenate": Forms._concatenate,
    "np.stack": Forms._stack, ".dot": Forms._dot, "np.dot": Forms._dot, "[]": Forms._index,
    "[]=": Forms._assign, ".take": Forms._take, "np.take": Forms._take,
    "np.ravel_multi_index": Forms._places, "np.take_along_axis": Forms._along,
    "np.put_along_axis": Forms._along, "np.roll": Forms._roll,
    "np.nan_to_num": Forms._numbers_of,
}  # fmt: skip
_OWN |= {f"np.{kind}": Forms._scalar for kind in ("float32", "float64")}
_OWN |= dict.fromkeys(("np.argmax", "np.argmin", ".argmax", ".argmin"), Forms._extreme)
_OWN |= dict.fromkeys(_METHODS, Forms._method) | dict.fromkeys(_SUMS, Forms._running)
