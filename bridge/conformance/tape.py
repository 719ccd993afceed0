"""The suite `tape`: what must hold of the recording and of the walk, whatever the op.

Each check is a short program of `t`, a namespace with PyTorch's names. It runs in PyTorch and in
the candidate, and what it returns must be the same. Where PyTorch raises, the candidate must too.
"""

from __future__ import annotations

import gc
import inspect
import textwrap
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from .adapter import Adapter, Missing
from .calls import close
from .namespace import Namespace, Tensor, library_of
from .verdicts import CONVENTION, ERROR, MISSING, RIGHT, WRONG, Verdict, one_line

SUITE = "tape"

# The programs -------------------------------------------------------------------------------------


def leaf(t: Any, *numbers: float) -> Any:
    return t.tensor(list(numbers), dtype=t.float64, requires_grad=True)


def constant(t: Any, *numbers: float) -> Any:
    return t.tensor(list(numbers), dtype=t.float64)


def diamond(t: Any) -> Any:
    """A value that reaches the result on two ways gets the sum of both gradients."""
    x = leaf(t, 2.0, -3.0)
    y = x * x
    (y * x + y).backward(constant(t, 1.0, 0.5))
    return (x.grad,)


def used_twice(t: Any) -> Any:
    """A tensor that is both operands of an op gets the sum of two gradients."""
    x, y = leaf(t, 2.0, -3.0), leaf(t, 1.0, 4.0)
    (x * x).backward(constant(t, 1.0, 0.5))
    (y + y).backward(constant(t, 1.0, 0.5))
    return x.grad, y.grad


def order_of_walk(t: Any) -> Any:
    """A node is walked after everything that was computed from it, on ways of any length."""
    x = leaf(t, 2.0, 3.0)
    a = x * x
    b = a * a
    c = b * a
    d = c + a
    (d * a + b).backward(constant(t, 1.0, -1.0))
    return (x.grad,)


def order_of_operands(t: Any) -> Any:
    """The order of walk doesn't depend on which operand comes first."""
    found = []
    for swapped in (False, True):
        x = leaf(t, 2.0, 3.0)
        short = x * x
        long = short * short * short
        y = long + short if swapped else short + long
        (y * short).backward(constant(t, 1.0, -1.0))
        found.append(x.grad)
    return tuple(found)


def accumulation(t: Any) -> Any:
    """A second backward of another graph adds to the gradient."""
    x = leaf(t, 2.0, -3.0)
    (x * x).backward(constant(t, 1.0, 1.0))
    (x + x).backward(constant(t, 1.0, 2.0))
    return (x.grad,)


def accumulation_keeps_others(t: Any) -> Any:
    """An addition to one gradient doesn't change another."""
    x, y = leaf(t, 1.0), leaf(t, 2.0)
    (x + y).backward(constant(t, 1.0))
    (x * x).backward(constant(t, 5.0))
    return x.grad, y.grad


def nested_sums(t: Any) -> Any:
    """A gradient that two nodes were given is not added to in place."""
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    (x + (x + y)).backward(constant(t, 1.0, 1.0))
    return x.grad, y.grad


def no_aliases(t: Any) -> Any:
    """Gradients share memory neither with each other nor with the cotangent."""
    x, y, g = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0), constant(t, 1.0, 2.0)
    (x + y).backward(g)
    arrays = [_plain(each) for each in (x.grad, y.grad, g)]
    pairs = ((0, 1), (0, 2), (1, 2))
    writable = [a is not None and a.flags.writeable for a in arrays]
    return tuple(
        np.asarray(writable[i] and writable[j] and bool(np.may_share_memory(arrays[i], arrays[j])))
        for i, j in pairs
    )


def second_walk(t: Any) -> Any:
    """A second backward of one graph raises, or gives every gradient again."""
    x = leaf(t, 3.0)
    y = x * x
    z = y * x
    z.backward(constant(t, 1.0))
    try:
        z.backward(constant(t, 1.0))
    except Missing:
        raise
    except Exception:
        return (np.asarray([54.0]),)  # that is what two walks give
    return (x.grad,)


def zero_grad(t: Any) -> Any:
    """After `zero_grad`, gradients start from zero."""
    x = leaf(t, 3.0)
    (x * x).backward(constant(t, 1.0))
    _zero(t, x)
    (x + x).backward(constant(t, 1.0))
    return (x.grad,)


def unused_leaf(t: Any) -> Any:
    """A leaf that the result doesn't depend on has no gradient, or zeros."""
    x, y = leaf(t, 3.0), leaf(t, 4.0)
    (x * x).backward(constant(t, 1.0))
    grad = _plain(y.grad)
    return x.grad, np.zeros(1) if grad is None else grad


def no_grad(t: Any) -> Any:
    """What is computed in `no_grad` is a constant."""
    x = leaf(t, 3.0)
    with t.no_grad():
        y = x * x
    (y * x).backward(constant(t, 1.0))
    return (x.grad,)


def detach(t: Any) -> Any:
    """A detached tensor is a constant."""
    x = leaf(t, 3.0)
    ((x * x).detach() * x).backward(constant(t, 1.0))
    return (x.grad,)


def write_to_saved(t: Any) -> Any:
    """A write to a tensor that backward needs is an error, or the right gradient."""
    x = leaf(t, 3.0)
    y = x * x
    z = y * y
    y.zero_()
    z.backward(constant(t, 1.0))
    return (x.grad,)


def write_after_write(t: Any) -> Any:
    """Two writes to a saved tensor are no better than one."""
    x = leaf(t, 3.0)
    y = x * x
    y.add_(1.0)
    z = y * y
    y.add_(1.0)
    y.sub_(1.0)
    z.backward(constant(t, 1.0))
    return (x.grad,)


def write_before_use(t: Any) -> Any:
    """A write before a tensor is saved is no error."""
    x = leaf(t, 3.0)
    y = x * x
    y.add_(1.0)
    (y * y).backward(constant(t, 1.0))
    return (x.grad,)


def write_to_unsaved(t: Any) -> Any:
    """A write to a tensor that backward doesn't need is no error."""
    x = leaf(t, 3.0)
    y = x + x
    z = y + y
    y.zero_()
    z.backward(constant(t, 1.0))
    return (x.grad,)


def write_to_leaf(t: Any) -> Any:
    """A write to a leaf that requires grad is an error."""
    x = leaf(t, 3.0)
    x.zero_()
    return ()


def write_with_history(t: Any) -> Any:
    """A write to a computed tensor is an op, with a derivative."""
    x = leaf(t, 2.0, 3.0)
    y = x + x
    y.mul_(3.0)
    y.backward(constant(t, 1.0, 10.0))
    return y, x.grad


def view_of_written(t: Any) -> Any:
    """A view shows the history of its base, also after a write."""
    x = leaf(t, 2.0, 3.0)
    y = x + x
    v = y[0:1]
    y.mul_(3.0)
    v.backward(constant(t, 1.0))
    return v, x.grad


def write_through_view(t: Any) -> Any:
    """A write through a view reaches the history of its base."""
    x = leaf(t, 2.0, 3.0)
    y = x * x
    y[0:1].zero_()
    y.backward(constant(t, 1.0, 1.0))
    return y, x.grad


def view_of_saved(t: Any) -> Any:
    """A write through a view is a write to the saved base."""
    x = leaf(t, 2.0, 3.0)
    y = x * x
    z = y * y
    y[0:1].zero_()
    z.backward(constant(t, 1.0, 1.0))
    return (x.grad,)


def sum_over_broadcast(t: Any) -> Any:
    """The gradient of a broadcast operand is the sum over the dimensions that were added."""
    found = []
    g = [[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [4.0, 40.0, 400.0]]
    for numbers in ([[1.0], [2.0], [3.0]], [[1.0, 2.0, 3.0]], [1.0, 2.0, 3.0], 2.0):
        x = t.tensor(numbers, dtype=t.float64, requires_grad=True)
        y = t.tensor([[1.0, 2.0, 3.0]] * 3, dtype=t.float64, requires_grad=True)
        (x * y).backward(t.tensor(g, dtype=t.float64))
        found += [x.grad, y.grad]
    return tuple(found)


def long_chain(t: Any) -> Any:
    """A chain of 100,000 ops works."""
    x = leaf(t, 1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    y.backward(constant(t, 1.0))
    return (x.grad,)


def memory(t: Any) -> Any:
    """What a graph held is free after the walk, except for the result and gradients."""
    size, count = 200 if getattr(t, "scalar", False) else 20_000, 8
    numbers = np.linspace(0.1, 1.0, size)
    gc.collect()
    tracemalloc.start()
    try:
        for i in range(2 * count):
            x = t.from_numpy(numbers.copy()).requires_grad_()
            (x * x * x).backward(t.from_numpy(numbers.copy()))
            del x
            if i == count - 1:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    each = 10 * numbers.nbytes if size < 1000 else numbers.nbytes  # scalars are objects
    return (np.asarray(grown > count * each / 2),)


CHECKS: dict[str, Callable[[Any], Any]] = {
    check.__name__: check
    for check in (
        *(diamond, used_twice, order_of_walk, order_of_operands, accumulation),
        *(accumulation_keeps_others, nested_sums, no_aliases, second_walk, zero_grad),
        *(unused_leaf, no_grad, detach, sum_over_broadcast),
        *(write_to_saved, write_after_write, write_before_use, write_to_unsaved, write_to_leaf),
        *(
            write_with_history,
            view_of_written,
            write_through_view,
            view_of_saved,
            long_chain,
            memory,
        ),
    )
}


def _plain(x: Any) -> np.ndarray | None:
    """Return the elements of a tensor of either library, without a copy if possible."""
    if x is None or isinstance(x, np.ndarray):
        return x
    return np.asarray(x.array() if isinstance(x, Tensor) else x.detach().numpy())


def _zero(t: Any, x: Any) -> None:
    if isinstance(x, Tensor):
        clear = getattr(t.adapter, "zero_grad", None) or getattr(x.raw, "zero_grad", None)
        if clear is None:
            raise Missing("no zero_grad")
        clear(x.raw) if hasattr(t.adapter, "zero_grad") else clear()
    else:
        t.optim.SGD([x], lr=1.0).zero_grad()


# The suite ----------------------------------------------------------------------------------------


def units(adapter: Adapter) -> list[str]:
    """Return the names of all checks."""
    return list(CHECKS)


def judge(
    adapter: Adapter, name: str, *, note: Callable[[str], None] = lambda text: None, **_: Any
) -> Iterator[Verdict]:
    """Yield the verdict on one check."""
    check, text = CHECKS[name], _text(CHECKS[name])
    note(f"{SUITE} {name}: {text}")
    t = library_of(adapter) or Namespace(adapter)
    theirs = _outcome(check, torch)
    ours = _outcome(check, t)
    verdict, message = _compared(ours, theirs)
    known = getattr(adapter, "conventions", {}).get((name, "*"), "")
    if known and verdict in (WRONG, ERROR):
        verdict = CONVENTION
    mine, other = ("" if isinstance(x, Exception) else _shown(x) for x in (ours, theirs))
    if verdict in (RIGHT, MISSING):
        yield Verdict(SUITE, name, name, verdict, message=message, examples=1)
        return
    meaning = known or _meaning(check)
    yield Verdict(SUITE, name, name, verdict, name, message, text, mine, other, meaning, 1)


def _meaning(check: Callable[..., Any]) -> str:
    return one_line(f"broken: {check.__doc__}")


def _text(check: Callable[..., Any]) -> str:
    """Return the check as a program for either library."""
    lines = inspect.getsource(check).splitlines()[2:]
    text = f"def check(t):\n{textwrap.indent(textwrap.dedent(chr(10).join(lines)), '    ')}"
    used = [each for each in (leaf, constant) if f"{each.__name__}(" in text]
    text = "\n\n".join([*(inspect.getsource(each).strip() for each in used), text])
    return text.replace("t: Any, *numbers: float) -> Any", "t, *numbers)")


def _outcome(check: Callable[[Any], Any], t: Any) -> Any:
    """Return what a check returns as arrays, or its error."""
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        try:
            return [_copied(_plain(x)) for x in check(t)]
        except Exception as error:
            return error.with_traceback(None)


def _copied(x: np.ndarray | None) -> np.ndarray | None:
    return None if x is None else np.array(x)


def _compared(ours: Any, theirs: Any) -> tuple[str, str]:
    if isinstance(ours, Missing | NotImplementedError | AttributeError):
        return MISSING, one_line(ours)
    if isinstance(theirs, Exception):
        if isinstance(ours, Exception):
            return RIGHT, ""
        return WRONG, f"no error, where PyTorch raises {type(theirs).__name__}"
    if isinstance(ours, Exception):
        return ERROR, one_line(f"{type(ours).__name__}: {ours}")
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if (a is None) != (b is None):
            return WRONG, f"result {i}: {a}, not {b}"
        if a is None:
            continue
        if a.shape != b.shape or not close(a, b):
            return WRONG, one_line(f"result {i}: {a.tolist()}, not {b.tolist()}")
    return RIGHT, ""


def _shown(found: Any) -> str:
    return one_line([None if x is None else x.tolist() for x in found])
