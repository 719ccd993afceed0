"""Pullbacks over Tensors, which record the gradient, for `create_graph=True`.

A pullback is NumPy code that doesn't depend on the type of its operands. Run with Tensors in place
of the arrays that it captured, and with ops in place of NumPy's functions, it computes the same
gradient, and the ops are recorded. So a rule states its first derivative only, but has derivatives
of every order. First-order gradients don't pay for this.

A captured array becomes the Tensor that it was: an operand or the op's result, with its history.
Any other array becomes a constant.
"""

from __future__ import annotations

import inspect
import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from types import CellType, FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from ..rules import REGISTRY, Rule
from ..rules.presentation import NO_DERIVATIVE
from ..rules.reading import numpy_names
from ..rules.rule import BY_FORWARD, Array, Pullback, not_implemented
from .dispatch import OPS
from .grad_mode import grad_mode
from .node import Node, Parent, captures, next_number
from .tensor import TensorBase, refresh, wrap
from .versions import NOT_SAVED


def over_tensors(node: Node) -> Sequence[Pullback | None]:
    """A node's pullbacks, to be called with a Tensor. They are recorded."""
    own = node.over_tensors()
    if own is not None:
        return own
    tensors = saved_tensors(node)
    read = [
        None if pullback is None else _as_formula(read_over_tensors(pullback, tensors))
        for pullback in node.pullbacks or ()
    ]
    rule = node.rule
    if rule is not None and rule.presentation.derivative_node:
        return [p and _piecewise_linear(p, rule, tuple(tensors.values())) for p in read]
    joint = () if rule is None else rule.presentation.joint_derivative.get(node.name, ())
    if rule is not None and joint and any(t.requires_grad for t in tensors.values()):
        of_operands = zip(read, rule.parameters, strict=False)
        return [p and _shown(p, node) if name in joint else p for p, name in of_operands]
    return read


def _shown(pullback: Pullback, node: Node) -> Pullback:
    """A pullback whose result requires grad, though it may be a constant."""

    def call(g: Any) -> Any:
        d = pullback(g)
        if not isinstance(d, TensorBase) or d.requires_grad or not grad_mode.enabled:
            return d
        result, name = wrap(d._array), f"{node.name.removesuffix('0')}Backward0"
        result._node, result._requires_grad = Node(name, None, (), (), (), d._array, True), True
        return result

    return call


def _as_formula(pullback: Pullback) -> Pullback:
    """A pullback whose products with a number have the nodes that PyTorch's formulas make.

    Such a node is a `MulBackward1`, without an edge for the number.
    """

    def call(g: Any) -> Any:
        start = next_number()
        d = pullback(g)
        todo: list[Any] = [d._node] if isinstance(d, TensorBase) else []
        while todo:
            node = todo.pop()
            if isinstance(node, Node) and node.sequence_nr > start:
                todo += node.parents
                if node.name == "MulBackward0" and NOT_SAVED in node.saved:
                    node.name = "MulBackward1"
                    places = [i for i, each in enumerate(node.saved[1:]) if each is not NOT_SAVED]
                    node.saved = [node.saved[0], *(node.saved[1 + i] for i in places)]
                    node.parents = [node.parents[i] for i in places]
                    node.pullbacks = node.pullbacks and [node.pullbacks[i] for i in places]
        return d

    return call


def saved_tensors(node: Node) -> dict[int, TensorBase]:
    """The Tensors that a node's pullbacks captured as arrays, by the arrays' ids."""
    arrays = {id(array): array for p in node.pullbacks or () for array in captures(p)}
    return {
        identity: as_it_was(np.asarray(arrays[identity]), counter, parent)
        for identity, counter, parent in node.origins()
        if identity in arrays
    }


def as_it_was(array: Array, counter: list[int], parent: Parent | None) -> Any:
    """The Tensor that an array was when it was saved: its history and its version counter."""
    if isinstance(parent, TensorBase) and parent._array is array:
        return parent
    tensor = wrap(array)
    tensor._counter = counter
    if isinstance(parent, Node) and parent.dtype is array.dtype:
        tensor._node, tensor._requires_grad = parent, True
    elif parent is not None:  # it was converted, or its leaf was given other data since
        rule = REGISTRY["cast"]
        name = rule.node_name((), {})
        tensor._node = Node(name, rule, (parent,), (lambda g: g,), (), array, keeps=True)
        tensor._requires_grad = True
    return tensor


def named_saved_tensors(node: Node) -> dict[str, TensorBase]:
    """A node's saved tensors by PyTorch's names: `_saved_self`, `_saved_other`, `_saved_result`."""
    with node.opened():
        return _named_saved_tensors(node)


def _named_saved_tensors(node: Node) -> dict[str, TensorBase]:
    node.follow_data()
    tensors, captured = saved_tensors(node), _captured_names(node.pullbacks or ())
    operands = () if node.rule is None else node.rule.parameters[: len(node.rule.operands)]
    other_names = {} if node.rule is None else node.rule.presentation.saved
    found: dict[str, TensorBase] = {}
    # `saved` lists operands without a derivative last, whatever their position in the call. So the
    # variable name in the rule's code decides, if it is an operand's. After the operands come
    # further results, which have only a variable name.
    names = itertools.chain(("result", *operands), itertools.repeat(""))
    for (identity, _, _), name in zip(node.saved, names, strict=False):
        if identity in tensors and (name or identity in captured):
            called = captured.get(identity, [])
            own = [n for n in called if n in operands] or ([] if name else called)
            name = name if name == "result" or name in own or not own else own[0]
            if shown := other_names.get(name, "self" if name == "input" else name):
                found[f"_saved_{shown}"] = tensors[identity]
    return found


def _captured_names(pullbacks: Sequence[Pullback | None]) -> dict[int, list[str]]:
    """The variable names of the arrays that pullbacks captured, by the arrays' ids."""
    found: dict[int, list[str]] = {}
    todo: list[Any] = list(pullbacks)
    while todo:
        function = todo.pop(0)
        cells = getattr(function, "__closure__", None) or ()
        for name, cell in zip(function.__code__.co_freevars if cells else (), cells, strict=True):
            if isinstance(cell.cell_contents, np.ndarray | np.generic):
                found.setdefault(id(cell.cell_contents), []).append(name)
            else:
                todo.append(cell.cell_contents)
    return found


# Ops that are linear between kinks ----------------------------------------------------------------


def _piecewise_linear(pullback: Pullback, rule: Rule, tensors: Sequence[TensorBase]) -> Pullback:
    """A pullback that PyTorch shows as a function of these Tensors, with a derivative of zero."""
    around = [t for t in tensors if t.requires_grad]
    return lambda g: _with_zero_derivative(pullback(g), around, rule)


def _with_zero_derivative(d: Any, around: Sequence[TensorBase], rule: Rule) -> Any:
    """`d` with a history that includes these Tensors. Its gradient may have such a history too."""
    if not (around and grad_mode.enabled):
        return d
    result = wrap(d._array)
    parents = [(t._node or t) if t._requires_grad else None for t in (d, *around)]
    zeros = [_zeros(t._array.shape, t._array.dtype) for t in around]

    def same(g: Any) -> Any:
        again = isinstance(g, TensorBase) and rule.presentation.derivative_node_repeats
        return _with_zero_derivative(g, around, rule) if again else g

    name, first = rule.presentation.derivative_node, None if parents[0] is None else same
    result._node = Node(name, rule, parents, [first, *zeros], (), d._array, keeps=True)
    result._requires_grad = True
    return result


def constant_in(values: Array, name: str, *around: Any) -> TensorBase:
    """`values`, whose node of this name gives those of the Tensors `around` a gradient of zero."""
    return _computed(values, name, around, lambda t: _zeros(t._array.shape, t._array.dtype))


def without_derivative(
    values: Array, function: str, *around: Any, node: str = NO_DERIVATIVE
) -> TensorBase:
    """The result of a function of the Tensors `around` that PyTorch has no derivative of.

    It requires grad if one of them does, and `backward` is an error.
    """

    refuse = not_implemented(function, op=node == NO_DERIVATIVE)
    return _computed(values, node, around, lambda _: refuse)


def _computed(
    values: Array, name: str, around: Sequence[Any], pullback: Callable[[TensorBase], Pullback]
) -> TensorBase:
    tensors = [t for t in around if isinstance(t, TensorBase)]
    if name == NO_DERIVATIVE:  # whose node has no other edges
        tensors = [t for t in tensors if t.requires_grad]
    result, wanted = wrap(values), [t.requires_grad for t in tensors]
    if grad_mode.enabled and any(wanted) and values.dtype.kind == "f":
        for t in tensors:
            refresh(t)
        parents = [(t._node or t) if w else None for t, w in zip(tensors, wanted, strict=True)]
        pullbacks = [pullback(t) for t in tensors]
        result._node = Node(name, None, parents, pullbacks, (), values, keeps=True)
        result._requires_grad = True
    return result


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> Pullback:
    return lambda g: np.zeros(shape, dtype)


# The code of a pullback, with other names in it ---------------------------------------------------


def read_over_tensors(thing: Any, tensors: dict[int, TensorBase]) -> Any:
    """The counterpart over Tensors of an object that a pullback uses.

    For a function, it is the same code with the counterparts of its names. For an array, it is the
    Tensor of its id, or a constant. For NumPy and the rules, it is the ops. Anything else is its
    own counterpart.
    """
    if isinstance(thing, np.ndarray | np.generic):
        return tensors[id(thing)] if id(thing) in tensors else wrap(np.asarray(thing))
    if isinstance(thing, tuple):  # a key
        return tuple([tensors.get(id(part), part) for part in thing])
    if thing is np:
        return _numpy
    if isinstance(thing, np.ufunc):
        return getattr(_numpy, thing.__name__)
    if not isinstance(thing, FunctionType):
        return thing
    thing = vars(thing).get("reads_as", thing)
    if thing in BY_FORWARD:
        op = OPS[BY_FORWARD[thing].name]
        return lambda *args, **options: (op(*args, **options), ())
    thing = inspect.unwrap(thing)  # an observer may have wrapped it
    cells = (CellType(read_over_tensors(c.cell_contents, tensors)) for c in thing.__closure__ or ())
    names = _names(thing.__globals__["__name__"])
    return FunctionType(thing.__code__, names, thing.__name__, thing.__defaults__, tuple(cells))


_PACKAGE = Rule.__module__.rpartition(".")[0]
_MODULES: dict[str, dict[str, Any]] = {}
_unfinished: dict[str, dict[str, Any]] = {}
_reading = threading.RLock()


def _names(module: str) -> dict[str, Any]:
    """A module's global names, with the counterparts over Tensors of NumPy and the rules."""
    if module in _MODULES:
        return _MODULES[module]
    with _reading:
        if module not in _unfinished:
            outermost = not _unfinished
            names = _unfinished[module] = dict(vars(sys.modules[module]))
            for name, value in vars(sys.modules[module]).items():
                function = isinstance(value, FunctionType)
                if value is np or (function and value.__module__.startswith(_PACKAGE)):
                    names[name] = read_over_tensors(value, {})
            if outermost:  # modules refer to each other, so other threads get them all at once
                _MODULES.update(_unfinished)
                _unfinished.clear()
            return names
        return _unfinished[module]


def _numpy_over_tensors() -> SimpleNamespace:
    """NumPy's functions over Tensors: for each rule, the function that its `numpy` names."""
    functions = SimpleNamespace(
        zeros=lambda shape, dtype: wrap(np.zeros(shape, dtype)),
        zeros_like=lambda x: wrap(np.zeros_like(x._array)),
    )
    for path, name in sorted(numpy_names(REGISTRY).items()):  # "add" before "add.reduce"
        *outer, last = path.split(".")
        place: Any = functions
        for part in outer:
            if not hasattr(place, part):
                setattr(place, part, SimpleNamespace())
            place = getattr(place, part)
        setattr(place, last, _op_or_number(OPS[name], getattr(np, path, None)))
    return functions


def _op_or_number(op: Any, function: Any) -> Any:
    """The op, or NumPy's function for arguments without a Tensor."""

    def call(*args: Any, **options: Any) -> Any:
        if any(isinstance(a, TensorBase) for a in args):
            return op(*args, **options)
        return function(*args, **options)

    return call


_numpy = _numpy_over_tensors()
