"""From a rule to a function of tensors: unwrap, promote, compute, wrap, record.

`function` makes what `minigrad.exp` and `Tensor.exp` are. This is the one path that every op takes,
so what it costs is what minigrad costs. Its way with arguments is in `arguments.py`; what it
becomes for `Tensor.exp_` is in `inplace.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy import ndarray

from ..rules import REGISTRY, Rule, dtypes
from ..rules.rule import Pullback
from .arguments import explain, positional, prepared
from .errstate import anyhow, quiet
from .grad_mode import mode
from .node import UNGUARDED, Guards, Node, Parent
from .tensor import Tensor, wrap
from .views import View


def function(rule: Rule) -> Callable[..., Any]:
    """The rule as a function of tensors, recorded on the tape where that is wanted."""

    @functools.wraps(rule.forward)
    def op(*args: Any, **kwargs: Any) -> Any:
        args = positional(rule, args, kwargs)
        arrays = prepared(rule, args)
        return _result(rule, args, arrays, kwargs, *_computed(rule, args, arrays, kwargs))

    return shortened(rule, op)


def _result(
    rule: Rule,
    args: Sequence[Any],
    arrays: list[Any],
    kwargs: dict[str, Any],
    output: Any,
    pullbacks: Sequence[Pullback | None],
) -> Any:
    """What the rule computed, as a tensor or, where that is more than one array, as several."""
    more: list[Tensor] = []
    if isinstance(output, tuple):  # what an op gives besides its value has no derivative
        output, more = output[0], [wrap(x) for x in output[1:]]
    result: Tensor = wrap(np.asarray(output))
    if rule.view and (result._array.size == 0 or np.may_share_memory(output, arrays[0])):
        result._counter = args[0]._counter
        special = "" if mode.enabled else "no_grad"
        result._view = View(args[0], rule, arrays[1:], kwargs, special)
    if mode.enabled:
        _record(rule, args, arrays, kwargs, pullbacks, output, result, more)
    return (result, *more) if more else result


def _named(rule: Rule, arrays: Sequence[Any], kwargs: dict[str, Any]) -> Rule:
    """The rule under the one name that its node has for these arguments."""
    if isinstance(rule.backward, str):
        return rule
    return _under(rule, rule.backward(*arrays, **kwargs))


@functools.cache
def _under(rule: Rule, name: str) -> Rule:
    return replace(rule, backward=name)


def _computed(
    rule: Rule, args: Sequence[Any], arrays: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Sequence[Pullback | None]]:
    """What the rule gives for these arrays; its errors as PyTorch's, where that has others."""
    try:
        computed: tuple[Any, Any] = anyhow(quiet.run, rule.forward, *arrays, **kwargs)
        return computed
    except Exception as error:
        explain(rule, args, arrays, error)
        raise


def _record(
    rule: Rule,
    args: Sequence[Any],
    arrays: Sequence[Any],
    kwargs: dict[str, Any],
    pullbacks: Sequence[Pullback | None],
    output: Any,
    result: Tensor,
    more: Sequence[Tensor],
) -> None:
    """Enter one call of a rule on the tape, if an operand that requires grad has a derivative."""
    parents: list[Parent | None] = []
    kept: list[Pullback | None] = []
    guards = [(id(output), result._counter, 0)]
    others = [(id(x._array), x._counter, 0) for x in more]
    recorded = False
    if len(pullbacks) < len(args):  # an op may have further arguments
        pullbacks = (*pullbacks, *repeat(None, len(args) - len(pullbacks)))
    for a, array, pullback in zip(args, arrays, pullbacks, strict=False):
        if isinstance(a, Tensor):
            guard = (id(array), a._counter, a._counter[0])
            if pullback is None:
                others.append(guard)
                continue
            guards.append(guard)
            recorded = recorded or a.requires_grad
            if a._requires_grad:
                parents.append(a._node or a)
                kept.append(pullback)
            else:
                parents.append(None)
                kept.append(None)
        elif pullback is not None and type(rule.backward) is str:
            # A number is a constant operand; but where it makes an overload of the op, it is none.
            guards.append(UNGUARDED)
            parents.append(None)
            kept.append(None)
    if not recorded:
        return
    if result._array.dtype.kind != "f":
        kind = dtypes.SCALAR_NAMES[result._array.dtype]
        raise RuntimeError(f"Autograd not support dtype: {kind} ({rule.name})")
    kept_safe: Guards = () if rule.linear else guards + others
    result._node = Node(_named(rule, arrays, kwargs), parents, kept, kept_safe, result._array)
    result._requires_grad = True


# The short way ------------------------------------------------------------------------------------
#
# A training step is made of ops on tensors of one float dtype that are no views (the second of two
# may be a number), with plain options after them. For these, what `function` does comes down to a
# few lines, at half the cost. Anything else, errors too, is left to the long way.

_NAMED = frozenset({bool, int, float, type(None)})  # no str, which may stand for a dtype
_PLAIN = _NAMED | {str}
_MISSING: Any = object()  # stands for an operand that was not given by position


def shortened(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    """`long`, which applies the rule to anything, or what does the same to most calls in less."""
    if rule.view:
        return long
    match rule.operands:
        case ("Array",):
            return _of_one(rule, long)
        case _ if not isinstance(rule.backward, str):
            return long
        case (_, "Array" | "Operand") | ("Array", "Array", "Array | None"):
            return _of_two(rule, long)
        case ("Array", "Array", "Array"):
            return _of_three(rule, long)
    return long


def _plain(options: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether no option can be a tensor, or anything else that the rule would not take as it is."""
    return _PLAIN.issuperset(map(type, options)) and _NAMED.issuperset(map(type, kwargs.values()))


def _given(*args: Any) -> Iterator[Any]:
    return (a for a in args if a is not _MISSING)


def _of_one(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    forward, linear, promotes = rule.forward, rule.linear, rule.promotion is not None
    one_name = isinstance(rule.backward, str)

    @functools.wraps(long)
    def op(a: Any = _MISSING, /, *options: Any, **kwargs: Any) -> Any:
        if not isinstance(a, Tensor) or a._view is not None:
            return long(*_given(a, *options), **kwargs)
        x = a._array
        if promotes and x.dtype.kind != "f":
            return long(a, *options, **kwargs)
        if (options or kwargs) and not _plain(options, kwargs):
            return long(a, *options, **kwargs)
        try:
            if options or kwargs:
                output, pullbacks = quiet.run(forward, x, *options, **kwargs)
            else:  # which is the faster call
                output, pullbacks = quiet.run(forward, x)
        except Exception:
            return long(a, *options, **kwargs)
        if isinstance(output, tuple):
            return _result(rule, (a, *options), [x, *options], kwargs, output, pullbacks)
        result: Tensor = wrap(output if type(output) is ndarray else np.asarray(output))
        if a._requires_grad and pullbacks and mode.enabled:
            guards: Guards = ()
            if not linear:
                guards = (id(output), result._counter, 0), (id(x), a._counter, a._counter[0])
            named = rule if one_name else _named(rule, (x, *options), kwargs)
            result._node = Node(named, (a._node or a,), pullbacks, guards, output)
            result._requires_grad = True
        return result

    return op


def _of_two(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    forward, linear, promotes = rule.forward, rule.linear, rule.promotion is not None
    numbers = rule.operands[1] == "Operand"

    @functools.wraps(long)
    def op(a: Any = _MISSING, b: Any = _MISSING, /, *options: Any, **kwargs: Any) -> Any:
        if not isinstance(a, Tensor) or a._view is not None:
            return long(*_given(a, b, *options), **kwargs)
        x: Any = a._array
        y: Any
        if isinstance(b, Tensor):
            y = b._array
            if b._view is not None or (promotes and x.dtype is not y.dtype):
                return long(a, b, *options, **kwargs)
        elif numbers and type(b) is float:
            y = b
        else:
            return long(*_given(a, b, *options), **kwargs)
        if promotes and x.dtype.kind != "f":
            return long(a, b, *options, **kwargs)
        if (options or kwargs) and not _plain(options, kwargs):
            return long(a, b, *options, **kwargs)
        try:
            if options or kwargs:
                output, pullbacks = quiet.run(forward, x, y, *options, **kwargs)
            else:
                output, pullbacks = quiet.run(forward, x, y)
        except Exception:
            return long(a, b, *options, **kwargs)
        result: Tensor = wrap(output if type(output) is ndarray else np.asarray(output))
        if pullbacks and mode.enabled:
            parents: Sequence[Parent | None]
            to_a = (a._node or a) if a._requires_grad else None
            if len(pullbacks) == 2:
                to_b = (b._node or b) if y is not b and b._requires_grad else None
                if to_a is None:
                    pullbacks = None, pullbacks[1]
                elif to_b is None:
                    pullbacks = pullbacks[0], None
                parents = to_a, to_b
            else:  # what comes second has no derivative
                to_b, parents, pullbacks = None, (to_a,), pullbacks[:1]
            if to_a is None and to_b is None:
                return result
            guards: Guards = ()
            if not linear:
                guards = (id(output), result._counter, 0), (id(x), a._counter, a._counter[0])
                if y is not b:
                    guards = (*guards, (id(y), b._counter, b._counter[0]))
            result._node = Node(rule, parents, pullbacks, guards, output)
            result._requires_grad = True
        return result

    return op


def _of_three(rule: Rule, long: Callable[..., Any]) -> Callable[..., Any]:
    forward = rule.forward

    @functools.wraps(long)
    def op(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 3:
            return long(*args, **kwargs)
        a, b, c = args
        if not (isinstance(a, Tensor) and isinstance(b, Tensor) and isinstance(c, Tensor)):
            return long(*args)
        if not (a._view is b._view is c._view is None):
            return long(*args)
        x, y, z = a._array, b._array, c._array
        try:
            output, pullbacks = quiet.run(forward, x, y, z)
        except Exception:
            return long(*args)
        result: Tensor = wrap(output)
        if mode.enabled:
            to_a = (a._node or a) if a._requires_grad else None
            to_b = (b._node or b) if b._requires_grad else None
            to_c = (c._node or c) if c._requires_grad else None
            if to_a is to_b is to_c is None:
                return result
            from_x, from_y, from_z = pullbacks
            pullbacks = (
                None if to_a is None else from_x,
                None if to_b is None else from_y,
                None if to_c is None else from_z,
            )
            guards = (
                (id(output), result._counter, 0),
                (id(x), a._counter, a._counter[0]),
                (id(y), b._counter, b._counter[0]),
                (id(z), c._counter, c._counter[0]),
            )
            result._node = Node(rule, (to_a, to_b, to_c), pullbacks, guards, output)
            result._requires_grad = True
        return result

    return op


# Every rule as a function of tensors, by its name in the registry.
OPS: dict[str, Callable[..., Any]] = {name: function(rule) for name, rule in REGISTRY.items()}
