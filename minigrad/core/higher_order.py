"""Pullbacks read over Tensors: how a gradient gets a graph of its own, for `create_graph=True`.

A pullback is plain NumPy, and its code does not say what it computes with: run over tensors, with
tensors where it captured arrays and the ops where it says `np`, it computes the same gradient, and
what it does on the way is recorded. So every rule has derivatives of every order, although it
states but the first; and first-order gradients, for which nothing here runs, pay nothing for it.

An array that was captured becomes the tensor that it was: an operand, or the op's result, with its
history; any other is a constant.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import CellType, FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from ..api import functions
from ..rules import REGISTRY, Rule
from ..rules.elementwise import masked
from ..rules.linalg import product
from ..rules.rule import Array, Pullback
from .dispatch import OPS
from .grad_mode import mode
from .node import Node, Parent, captures
from .tensor import Tensor, wrap
from .walk import summed_to


def over_tensors(node: Node) -> list[Pullback | None]:
    """A node's pullbacks, to be called with a Tensor, each giving what fits its parent."""
    tensors, read = _saved(node), list[Pullback | None]()
    for pullback, parent in zip(node.pullbacks or (), node.parents, strict=True):
        if pullback is None or parent is None:
            read.append(None)
            continue
        over = reread(pullback, tensors)
        if node.rule.flat:
            over = _flat(over, node.rule, tuple(tensors.values()))
        read.append(_fitting(over, parent))
    return read


def saved_tensors(node: Node) -> dict[str, Tensor]:
    """What a node saved, by PyTorch's names: `_saved_self`, `_saved_other`, `_saved_result`."""
    tensors, captured = _saved(node), _captured_names(node.pullbacks or ())
    found: dict[str, Tensor] = {}
    # Operands without a derivative come last among the guards, whatever their place in the call; so
    # what the rule itself calls an array decides, where it is an operand's name. What comes after
    # the operands is a further result, of which the rule's is the only name.
    operands = node.rule.parameters[: len(node.rule.operands)]
    names = itertools.chain(("result", *operands), itertools.repeat(""))
    for (identity, _, _), name in zip(node.guards, names, strict=False):
        if identity in tensors:
            called = captured.get(identity, [])
            own = [n for n in called if n in operands] or ([] if name else called)
            name = name if name == "result" or name in own or not own else own[0]
            found[f"_saved_{'self' if name == 'input' else name}"] = tensors[identity]
    return found


def _captured_names(pullbacks: Sequence[Pullback | None]) -> dict[int, list[str]]:
    """The names under which pullbacks hold on to arrays, by the arrays' ids."""
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


def _saved(node: Node) -> dict[int, Tensor]:
    """The tensors behind the arrays that a node's pullbacks captured, by the arrays' ids."""
    arrays = {id(array): array for p in node.pullbacks or () for array in captures(p)}
    return {
        identity: as_it_was(np.asarray(arrays[identity]), counter, parent)
        for identity, counter, parent in node.histories()
        if identity in arrays
    }


def as_it_was(array: Array, counter: list[Any], parent: Parent | None) -> Tensor:
    """The tensor that an array was: with its history, and the version counter of its storage."""
    if isinstance(parent, Tensor) and parent._array is array:
        return parent
    tensor: Tensor = wrap(array)
    tensor._counter = counter
    if isinstance(parent, Node) and parent.dtype is array.dtype:
        tensor._node, tensor._requires_grad = parent, True
    elif parent is not None:  # promoted, or a leaf that has been given other data since
        tensor._node = Node(REGISTRY["cast"], (parent,), (lambda g: g,), (), array)
        tensor._requires_grad = True
    return tensor


def fitted(d: Tensor, parent: Parent) -> Tensor:
    """A gradient in the shape and dtype of what it is the gradient of."""
    like = parent if isinstance(parent, Node) else parent._array
    if d._array.shape != like.shape:
        d = _summed_to(like.shape, d)
    return d if d._array.dtype is like.dtype else OPS["cast"](d, like.dtype)


def _fitting(pullback: Pullback, parent: Parent) -> Pullback:
    return lambda g: fitted(pullback(g), parent)


def _flat(pullback: Pullback, rule: Rule, tensors: Sequence[Tensor]) -> Pullback:
    """A pullback that depends on these tensors, but with a slope of zero wherever it has one."""
    around = [t for t in tensors if t.requires_grad]
    flat = replace(rule, backward=rule.flat, linear=True)
    return lambda g: _depending(pullback(g), around, flat)


def _depending(d: Tensor, around: Sequence[Tensor], flat: Rule) -> Tensor:
    """`d` as a result of these tensors too; and so is, in its turn, its gradient."""
    if not (around and mode.enabled):
        return d
    result: Tensor = wrap(d._array)
    origins = [t._node or t if t._requires_grad else None for t in (d, *around)]
    zeros = [_zeros(t._array.shape, t._array.dtype) for t in around]

    def same(g: Any) -> Any:
        again = isinstance(g, Tensor) and flat.flat_again
        return _depending(g, around, flat) if again else g

    result._node = Node(flat, origins, [same, *zeros], (), d._array)
    result._requires_grad = True
    return result


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> Pullback:
    return lambda g: np.zeros(shape, dtype)


# The code of a pullback, with other names in it ---------------------------------------------------


def reread(thing: Any, tensors: dict[int, Tensor]) -> Any:
    """What stands for a thing that a pullback uses, when it is read over tensors.

    For a function, the same code in which each name means what stands for it; for an array, the
    tensor by its id, or a constant; for NumPy and the rules, the ops. Anything else is itself.
    """
    if isinstance(thing, np.ndarray | np.generic):
        return tensors[id(thing)] if id(thing) in tensors else wrap(np.asarray(thing))
    if thing is np:
        return numpy
    if thing is product:
        return functions.matmul
    if thing is masked:
        return lambda g, keep: functions.where(keep, g, 0)
    if isinstance(thing, np.ufunc):
        return getattr(numpy, thing.__name__)
    if not isinstance(thing, FunctionType):
        return thing
    if thing in _RULES:
        op = OPS[_RULES[thing]]
        return lambda *args, **kwargs: (op(*map(_as_key, args), **kwargs), ())
    thing = inspect.unwrap(thing)  # whoever watches a pullback has wrapped it
    cells = (CellType(reread(c.cell_contents, tensors)) for c in thing.__closure__ or ())
    names = _names(thing.__globals__["__name__"])
    return FunctionType(thing.__code__, names, thing.__name__, thing.__defaults__, tuple(cells))


def _as_key(argument: Any) -> Any:
    """An argument of a rule, with arrays where it is a key of them: no derivative is theirs."""
    if isinstance(argument, tuple):
        return tuple(part._array if isinstance(part, Tensor) else part for part in argument)
    return argument


_PACKAGE = Rule.__module__.rpartition(".")[0]
_RULES = {rule.forward: name for name, rule in REGISTRY.items()}
_MODULES: dict[str, dict[str, Any]] = {}


def _names(module: str) -> dict[str, Any]:
    """The global names of a module, with what stands for NumPy and for what comes of the rules."""
    if module not in _MODULES:
        names = _MODULES[module] = dict(vars(sys.modules[module]))
        for name, value in vars(sys.modules[module]).items():
            of_rules = getattr(value, "__module__", "").startswith(_PACKAGE)
            if value is np or (isinstance(value, FunctionType) and of_rules):
                names[name] = reread(value, {})
    return _MODULES[module]


# NumPy, as far as pullbacks use it, over tensors.
numpy = SimpleNamespace(
    add=SimpleNamespace(
        reduce=lambda x, axis, dtype=None, keepdims=False: x.sum(axis, keepdims, dtype=dtype)
    ),
    broadcast_to=OPS["expand"],
    exp=OPS["exp"],
    log=lambda x: OPS["log"](x) if isinstance(x, Tensor) else np.log(x),
    matmul=functions.matmul,
    sign=lambda x: wrap(np.sign(x._array)),
    transpose=OPS["permute"],
    where=functions.where,
    zeros=lambda shape, dtype: wrap(np.zeros(shape, dtype)),
    zeros_like=lambda x: wrap(np.zeros_like(x._array)),
)
_summed_to = reread(summed_to, {})
