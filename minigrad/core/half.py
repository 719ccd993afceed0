"""float16: ops that compute in float32 and round their results once.

PyTorch's CPU kernels convert float16 to float32, compute, and round each result once. A sum of
float16 elements so doesn't lose what float16 can't hold on the way. NumPy does this within one
ufunc, and a rule has many. So a rule with `Presentation.half` "float32" is called with float32
operands here. Its pullbacks keep the float16 arrays that PyTorch saves, but compute in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..rules import Rule
from ..rules.dtypes import float16, float32
from ..rules.presentation import HALF_IN_DERIVATIVES, HALF_IN_PULLBACKS
from ..rules.rule import Array, Pullback, Result
from .grad_mode import no_grad
from .node import holding
from .tensor import wrap

HALF, _WIDE = float16.numpy, float32.numpy


def computing(rule: Rule, arrays: list[Any]) -> Callable[..., Result]:
    """The function that computes a rule for these operands: its forward, or that in float32."""
    how, missing = rule.presentation.half, rule.presentation.no_half
    floats = {x.dtype for x in arrays if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
    if floats != {HALF} or rule.view or how == "float16":
        return rule.forward
    if how == "float32 for a number" and all(isinstance(x, np.ndarray) for x in arrays):
        return rule.forward
    if how == HALF_IN_PULLBACKS:
        return rounded_once(rule.forward, _as_it_is, missing)
    by_ops = how in (HALF_IN_DERIVATIVES, "float32 for a number")
    return rounded_once(rule.forward, _by_ops if by_ops else _in_float32_once, missing)


def _refuse(kernel: str, *args: Any) -> NoReturn:
    raise NotImplementedError(f"\"{kernel}\" not implemented for 'Half'")


@functools.cache
def rounded_once(
    forward: Callable[..., Result], convert: Callable[[Pullback], Pullback], missing: str = ""
) -> Callable[..., Result]:
    """The forward of a rule for float16 operands: it computes in float32 and rounds the results.

    `convert` makes its pullbacks for float16. If PyTorch's kernel is `missing`, the result or its
    derivative is an error.
    """

    @functools.wraps(forward)
    def compute(*args: Any, **options: Any) -> Result:
        dtypes = {x for x in (*args, *options.values()) if isinstance(x, np.dtype)}
        narrow: dict[int, Array] = {}  # the float16 arrays, by the ids of their float32 versions
        kept = []  # so that the ids stay theirs
        given = []
        for x in args:
            wide = _in_float32(x)
            given.append(wide)
            if wide is not x and not isinstance(x, np.dtype):
                narrow[id(wide)] = x
                kept.append(wide)
        output, pullbacks = forward(*given, **{n: _in_float32(x) for n, x in options.items()})
        if dtypes <= {HALF}:
            outputs = output if isinstance(output, tuple) else (output,)
            for y in outputs:
                if y.dtype == _WIDE:
                    narrow[id(y)] = y.astype(HALF)
            rounded = [narrow.get(id(y), y) for y in outputs]
            output = tuple(rounded) if isinstance(output, tuple) else rounded[0]
        if missing:
            if not missing.endswith("_backward"):
                _refuse(missing)
            pullbacks = tuple([p and (lambda g: _refuse(missing)) for p in pullbacks])
        held = [p and holding(p, lambda x: narrow.get(id(x), x)) for p in pullbacks]
        return output, tuple([p and convert(p) for p in held])

    return compute


def _in_float32(x: Any) -> Any:
    """A float16 array in float32, and float32 for float16 itself; anything else unchanged."""
    if isinstance(x, np.ndarray) and x.dtype == HALF:
        if 0 not in x.strides:
            return x.astype(_WIDE)
        # The strides decide the layout of a result, so an expanded array stays expanded.
        once = tuple([slice(None if step else 1) for step in x.strides])
        return np.broadcast_to(x[once].astype(_WIDE), x.shape)
    if isinstance(x, np.float16):
        return x.astype(_WIDE)
    return _WIDE if isinstance(x, np.dtype) and x == HALF else x


def _in_float32_once(pullback: Pullback) -> Pullback:
    """A pullback that holds float16 arrays, computed in float32."""

    def call(g: Array) -> Array:
        d = holding(pullback, _in_float32)(_in_float32(g))
        return d.astype(HALF) if d is not None and d.dtype == _WIDE else d

    vars(call)["reads_as"] = pullback  # over Tensors, each op rounds its own result
    return call


def _as_it_is(pullback: Pullback) -> Pullback:
    """A pullback that holds float16 arrays, computed in float16, as NumPy does."""
    return holding(
        pullback, lambda x: x.astype(HALF) if isinstance(x, np.ndarray) and x.dtype == _WIDE else x
    )


def _by_ops(pullback: Pullback) -> Pullback:
    """A pullback that holds float16 arrays, computed by ops, each of which rounds its result."""

    def call(g: Array) -> Array:
        from .higher_order import read_over_tensors  # which imports this module

        with no_grad():
            d = read_over_tensors(pullback, {})(wrap(g))
        return d if d is None else d._array

    vars(call)["reads_as"] = pullback
    return call
