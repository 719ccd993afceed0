"""The checker of rules: each function checks one case of one rule and raises AssertionError.

A check of a call gets the candidate, a namespace with PyTorch's names, or checks minigrad.

Against PyTorch: `check_outcome` compares values, gradients, flags, warnings and errors, and
`check_whole` the bits of integer computations, which don't round. `check_second_backward` and
`check_write` use a graph twice or write to a saved tensor. `check_orders` compares higher
derivatives.

Without PyTorch: `check_differences` compares gradients with central differences,
`check_complex_step` with the complex step, which is exact, and `check_second_differences` second
derivatives with differences of gradients. `check_recorded` compares gradients with and without a
graph. `check_contract` checks what a rule and its pullbacks may not do. The last functions compare
a rule's declarations with all its cases.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any

import numpy as np
import torch

import minigrad
from bridge.comparing.closeness import difference
from bridge.comparing.rounding import judge_by_rounding
from bridge.comparing.torch_call import TERMS, TorchCall
from bridge.drawing.operands import LAYOUTS, Case, Operand, laid_out, special_cotangents
from bridge.drawing.samples import Form, WrongForm
from minigrad.autograd.gradcheck import GradcheckError
from minigrad.catalogue.accuracy import SUMMED, Exact, Scaled, Tolerance, Ulps, tolerance
from minigrad.rules import REGISTRY

# One call with its backward -----------------------------------------------------------------------


# PyTorch's warning, once per process, about the strides of empty gradients.
LAYOUT_WARNING = "grad and param do not obey the gradient layout contract"


@dataclass
class CallOutcome:
    """The results and gradients of a call and its backward, or the error."""

    results: tuple[np.ndarray, ...] = ()
    gradients: tuple[np.ndarray | None, ...] = ()  # for each operand, or None
    requires_grad: tuple[bool, ...] = ()
    error: type[Exception] | None = None
    message: str = ""
    warned: tuple[type[Warning], ...] = ()


def call_outcome(t: Any, form: Form, case: Case) -> CallOutcome:
    """Make the call in the namespace `t`, and call backward with the case's cotangent."""
    found = CallOutcome()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            leaves = leaves_of(t, case)
            results = called(t, form, case, leaves)
            found.requires_grad = tuple(y.requires_grad for y in results)
            if results[0].requires_grad:
                send_back(t, results[0], cotangent(case, results[0]))
            found.results = tuple(y.detach().numpy() for y in results)
            found.gradients = tuple(_gradient(leaf) for leaf in leaves)
        except WrongForm:
            raise
        except Exception as error:
            found.error, found.message = type(error), str(error)
    found.warned = tuple(w.category for w in caught if LAYOUT_WARNING not in str(w.message))
    return found


def leaves_of(t: Any, case: Case) -> list[Any]:
    """Return the operands as leaves of the namespace `t`; numbers stay numbers."""
    wanted = case.wanted or (True,) * len(case.operands)
    return [
        _leaf(t, x, wish) if isinstance(x, Operand) else x
        for x, wish in zip(case.operands, wanted, strict=True)
    ]


def _leaf(t: Any, operand: Operand, wanted: bool) -> Any:
    return operand.tensor(t).requires_grad_(bool(wanted and operand.differentiable))


def called(t: Any, form: Form, case: Case, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Return the results of the call, one for most ops."""
    options = {name: _translated(t, value) for name, value in case.options.items()}
    results = form(t, *operands, **options)
    return tuple(results) if isinstance(results, tuple) else (results,)


def _translated(t: Any, option: Any) -> Any:
    """Convert an option from NumPy arrays and dtypes to those of the namespace `t`."""
    if isinstance(option, np.dtype):
        return getattr(t, option.name)
    if isinstance(option, np.ndarray):
        return t.from_numpy(option.copy())
    if isinstance(option, tuple):
        return tuple(_translated(t, item) for item in option)
    return option


def cotangent(case: Case, like: Any) -> Operand:
    """Return the case's cotangent: random values and layout, sometimes special values."""
    rng = np.random.default_rng(case.seed + 1)
    dtype, shape = like.detach().numpy().dtype, tuple(like.shape)
    values = np.asarray(rng.standard_normal(shape), dtype)
    if rng.random() < 0.2 and not case.finite:
        special = rng.choice(special_cotangents(dtype), shape)
        values = np.where(rng.random(shape) < 0.3, special, values)
    return laid_out(values, rng.choice(LAYOUTS))


def send_back(t: Any, result: Any, g: Operand) -> None:
    """Call backward so that `g` arrives at the op that made `result`, in its layout.

    An engine may copy a cotangent that the user gives. Inside a graph, a cotangent comes from other
    ops, in their layout: transposed after a transpose, with strides of 0 after a sum.
    """
    if g.layout == "transposed":
        back = tuple(range(result.ndim))[::-1]
        result.permute(back).backward(t.from_numpy(g.values.T.copy()))
    elif g.layout == "expanded":
        result.sum(0).backward(t.from_numpy(np.array(g.values[0])))
    else:
        result.backward(g.tensor(t))


def _gradient(leaf: Any) -> np.ndarray | None:
    grad = getattr(leaf, "grad", None)
    return None if grad is None else grad.numpy(force=True)


# Compared with PyTorch ----------------------------------------------------------------------------


def check_outcome(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check results, gradients, flags, warnings and errors of a call."""
    ours, theirs = (call_outcome(t, form, case) for t in (candidate, torch))
    if _is_dtype_error_of_empty_operand(case, ours, theirs):
        return
    if theirs.error is AttributeError and ours.error is TypeError:
        return  # an error inside PyTorch's own Python code
    assert ours.error is theirs.error, (
        f"{_name_of(ours.error)} here and {_name_of(theirs.error)} in PyTorch\n"
        f"  here:    {ours.message}\n  PyTorch: {theirs.message}"
    )
    assert ours.warned == theirs.warned, f"warnings: {ours.warned} here, {theirs.warned} in PyTorch"
    check_close(name, form, case, ours, theirs)
    assert ours.requires_grad == theirs.requires_grad, "requires_grad differs"


def _is_dtype_error_of_empty_operand(case: Case, ours: CallOutcome, theirs: CallOutcome) -> bool:
    """Tell whether only minigrad refuses a dtype, because an operand is empty.

    PyTorch doesn't check dtypes in its loops over no elements.
    """
    empty = any(isinstance(x, Operand) and x.values.size == 0 for x in case.operands)
    about_dtype = "not implemented for '" in ours.message or "same dtype" in ours.message
    return empty and theirs.error is None and about_dtype


def _name_of(error: type[Exception] | None) -> str:
    return "no error" if error is None else error.__name__


def check_close(
    name: str,
    form: Form,
    case: Case,
    ours: CallOutcome,
    theirs: CallOutcome,
    later: Case | None = None,
) -> None:
    """Check that results and gradients are within the op's tolerances.

    Gradients may be those of the case `later`, if the operands were changed before backward.
    """
    allowed = tolerance(name, case.options.get("alpha", 1))
    assert len(ours.results) == len(theirs.results), "a different number of results"
    for i, (x, y) in enumerate(zip(ours.results, theirs.results, strict=True)):
        _check(f"result {i}", x, y, allowed.value, lambda: _value_terms(name, form, case, theirs))
        if name != "put":  # in PyTorch, the gradient of a slice of everything is the cotangent
            check_layout(f"result {i}", x, y)
    for i, (a, b) in enumerate(zip(ours.gradients, theirs.gradients, strict=True)):
        assert (a is None) == (b is None), f"operand {i} has a gradient in one library only"
        if a is None or b is None:
            continue
        check_layout(f"gradient of operand {i}", a, b)
        if a.itemsize == b.itemsize > theirs.results[0].itemsize:
            # A float32 result is no more exact after a conversion to float64.
            with np.errstate(over="ignore"):
                a, b = (x.astype(theirs.results[0].dtype) for x in (a, b))
        strength = allowed.gradient
        if _was_broadcast(case, i) and not isinstance(strength, Scaled):
            strength = SUMMED
        _check(
            f"gradient of operand {i}",
            a,
            b,
            strength,
            partial(_terms_before_and_after, name, form, case, later, theirs, i, b),
        )


def _terms_before_and_after(
    name: str,
    form: Form,
    case: Case,
    later: Case | None,
    theirs: CallOutcome,
    i: int,
    gradient: np.ndarray,
) -> np.ndarray:
    """Return the terms of a gradient; if operands were changed, saved and changed ones mix."""
    terms = _gradient_terms(name, form, case, theirs, i)
    if later is None:
        return terms
    changed = _gradient_terms(name, form, later, call_outcome(torch, form, later), i)
    finite = np.where(np.isfinite(gradient), np.abs(gradient), 0)
    return reduce(np.maximum, [terms, changed, finite])


def check_layout(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Check that two arrays have the same strides. A dimension of size 1 may have any."""
    if ours.shape == theirs.shape and ours.size:
        steps = zip(ours.shape, ours.strides, theirs.strides, strict=True)
        differ = any(size != 1 and a != b for size, a, b in steps)
        assert not differ, f"{what}: strides {ours.strides} here, {theirs.strides} in PyTorch"


def _was_broadcast(case: Case, i: int) -> bool:
    """Tell whether the operand was broadcast, so that its gradient is a sum."""
    shapes = [x.values.shape if isinstance(x, Operand) else () for x in case.operands]
    try:
        return shapes[i] != np.broadcast_shapes(*shapes)
    except ValueError:  # an op that doesn't broadcast
        return False


def _check(
    what: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    strength: Tolerance,
    terms: Callable[[], np.ndarray],
) -> None:
    found = difference(ours, theirs, Exact())
    if found is not None and found.index is not None:  # the elements differ, not the dtype or shape
        scale = None
        if isinstance(strength, Scaled) and ours.dtype.kind == "f":
            with np.errstate(all="ignore"):
                scale = terms()
        found = difference(ours, theirs, strength, scale)
    assert found is None, f"{what}: {found}"


def _value_terms(name: str, form: Form, case: Case, theirs: CallOutcome) -> np.ndarray:
    allowed = tolerance(name, case.options.get("alpha", 1))
    result = theirs.results[0].astype(np.float64)
    if allowed.value_terms is not None:
        return allowed.value_terms(result)
    if name in TERMS:
        operands = [x.array() if isinstance(x, Operand) else x for x in case.operands]
        wanted = [False] * len(operands)
        call = TorchCall(name, operands, dict(case.options), wanted, "cpu", theirs.results[0])
        return call.value_terms()
    total = np.zeros(result.size)
    for slope, x in zip(_jacobian(form, case), case.operands, strict=True):
        if slope is not None:
            values = x.values if isinstance(x, Operand) else x
            total += _magnitudes(slope, np.asarray(values, np.float64).ravel()).sum(1)
    return total.reshape(result.shape)


def _gradient_terms(
    name: str, form: Form, case: Case, theirs: CallOutcome, operand: int
) -> np.ndarray:
    allowed, result = tolerance(name, case.options.get("alpha", 1)), theirs.results[0]
    g = cotangent(case, torch.from_numpy(result)).values.astype(np.float64)
    if allowed.gradient_terms is not None:
        dim = case.options.get("dim", 0)
        return allowed.gradient_terms(result.astype(np.float64), g, dim)
    slope, gradient = _jacobian(form, case)[operand], theirs.gradients[operand]
    assert slope is not None
    assert gradient is not None
    return _magnitudes(slope, g.reshape(-1, 1)).sum(0).reshape(gradient.shape)


def _magnitudes(slope: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return |J| |x| term by term; infinities and NaN, which don't round, count as 0."""
    with np.errstate(all="ignore"):
        product = np.abs(slope * by)
    return np.where(np.isfinite(slope) & np.isfinite(by), product, 0)


def _jacobian(form: Form, case: Case) -> list[np.ndarray | None]:
    """Return d result / d operand in PyTorch: per operand, a row for each element of the result.

    Rows come from cotangents with a single one. Its zeros times infinite factors are NaN; these are
    replaced by the derivatives with zeros in place of infinities and NaN.
    """
    found = _rows(form, case)
    if any(slope is not None and not np.isfinite(slope).all() for slope in found):
        for slope, other in zip(found, _rows(form, _finite(case)), strict=True):
            if slope is not None and other is not None:
                np.copyto(slope, other, where=~np.isfinite(slope))
    return found


def _finite(case: Case) -> Case:
    """Return the case with zeros in place of infinities and NaN."""
    operands = [*case.operands]
    for i, x in enumerate(operands):
        if isinstance(x, Operand) and x.differentiable:
            operands[i] = Operand(np.where(np.isfinite(x.values), x.values, 0))
    return replace(case, operands=tuple(operands))


def _rows(form: Form, case: Case) -> list[np.ndarray | None]:
    operands = [*case.operands]
    for i, x in enumerate(operands):  # numbers and integers contribute terms too
        if isinstance(x, int | float):
            operands[i] = Operand(np.asarray(x, np.float64))
        elif isinstance(x, Operand) and "alpha" in case.options:
            operands[i] = Operand(x.values.astype(np.float64))
    leaves = leaves_of(torch, replace(case, operands=tuple(operands), wanted=None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compared by check_outcome
        result = called(torch, form, case, leaves)[0]
    held = [i for i, x in enumerate(leaves) if getattr(x, "requires_grad", False)]
    found: list[np.ndarray | None] = [None] * len(leaves)
    rows = torch.eye(result.numel(), dtype=result.dtype).reshape(result.numel(), *result.shape)
    if result.requires_grad:
        slopes = [
            torch.autograd.grad(result, [leaves[i] for i in held], row, retain_graph=True)
            for row in rows
        ]
        for place, i in enumerate(held):
            slope = np.array([row[place].numpy().ravel() for row in slopes], np.float64)
            found[i] = slope.reshape(len(rows), leaves[i].numel())
    return found


def check_whole(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check that integer computations which PyTorch doesn't round have the same bits here.

    The order of a sum matters only if its terms round. A computation counts as exact if float32 and
    float64 agree.
    """

    def run(t: Any, dtype: type) -> list[np.ndarray | None]:
        operands = [
            Operand(x.values.astype(dtype), constant=x.constant)
            if isinstance(x, Operand) and x.values.dtype.kind == "f"
            else x
            for x in case.operands
        ]
        leaves = leaves_of(t, replace(case, operands=tuple(operands)))
        result = called(t, form, case, leaves)[0]
        g = np.random.default_rng(case.seed).integers(-3, 4, tuple(result.shape))
        like = result.detach().numpy()
        if result.requires_grad:
            result.backward(t.from_numpy(np.asarray(g, like.dtype)))
        return [like, *map(_gradient, leaves)]

    witnesses = ((candidate, np.float64), (torch, np.float64), (torch, np.float32))
    found = zip(*(run(*of) for of in witnesses), strict=True)
    for i, (ours, theirs, coarse) in enumerate(found):
        if ours is None or theirs is None or coarse is None:
            continue
        exact = (theirs == coarse) | (np.isnan(theirs) & np.isnan(coarse))
        wrong = difference(ours[exact], theirs[exact], Ulps(0))
        assert wrong is None, f"{f'gradient of operand {i - 1}' if i else 'result'}: {wrong}"


def check_graph(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check that the graph below the results has the names and edges of PyTorch's."""
    if case.options.get("dim", ...) is None and not case.options.get("keepdim"):
        # PyTorch distinguishes dim=None from no dim at all.
        kept = {k: v for k, v in case.options.items() if k not in ("dim", "keepdim")}
        case = replace(case, options=kept)
    ours, theirs = (_graph(t, form, case) for t in (candidate, torch))
    if name == "put" and theirs == ["operand 0"]:
        return  # the gradient of a full slice is the tensor itself
    assert ours == theirs, f"the graph is {ours} here, {theirs} in PyTorch"


def _graph(t: Any, form: Form, case: Case) -> list[str]:
    leaves = leaves_of(t, case)
    names = {leaf: f"operand {i}" for i, leaf in enumerate(leaves) if isinstance(leaf, t.Tensor)}
    with warnings.catch_warnings(action="ignore"):
        results = called(t, form, case, leaves)
    return [names[y] if y in names else _shown(y.grad_fn, names) for y in results]


def _shown(node: Any, names: dict[Any, str]) -> str:
    """Return the graph below a node as text, such as `MulBackward0(operand 0, None)`."""
    if node is None:
        return "None"
    if hasattr(node, "variable"):
        return names.get(node.variable, "a leaf")
    edges = (f"{_shown(n, names)}{f' at {i}' if i else ''}" for n, i in node.next_functions)
    return f"{node.name().removeprefix('torch::autograd::')}({', '.join(edges)})"


# A graph used twice, and writes to saved tensors --------------------------------------------------


def check_second_backward(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check that a second backward through one call raises exactly where PyTorch does."""
    ours, theirs = (_second_backward(t, form, case) for t in (candidate, torch))
    assert ours is theirs, f"second backward: {_name_of(ours)} here, {_name_of(theirs)} in PyTorch"


def _second_backward(t: Any, form: Form, case: Case) -> type[Exception] | None:
    results = called(t, form, case, leaves_of(t, case))
    if not results[0].requires_grad:
        return None
    g = cotangent(case, results[0]).tensor(t)
    results[0].backward(g)
    try:
        results[0].backward(g)
    except RuntimeError as error:
        assert "second time" in str(error)
        return RuntimeError
    return None


# PyTorch sometimes copies the operands of these ops and saves the copies.
COPIED_IN_PYTORCH = {"matmul"}


def check_write(name: str, form: Form, case: Case, written: int, candidate: Any = minigrad) -> None:
    """Check backward after a write to an operand, to a key's tensor, or to result -1 - `written`.

    Both libraries raise RuntimeError, or both give the same gradient.
    """
    ours, theirs = (_backward_after(_write, t, form, case, written) for t in (candidate, torch))
    if ours.error and name in COPIED_IN_PYTORCH:
        return
    which = f"result {-1 - written}" if written < 0 else f"operand {written}"
    assert ours.error is theirs.error, (
        f"after a write to {which}: {_name_of(ours.error)} here, "
        f"{_name_of(theirs.error)} in PyTorch"
    )
    ours.results = theirs.results
    check_close(name, form, case, ours, theirs, _with_changed(case, written, np.logical_not))


def check_assigned_data(
    name: str, form: Form, case: Case, written: int, candidate: Any = minigrad
) -> None:
    """Check backward after an assignment to `.data`, of the same tensors as in `check_write`."""
    ours, theirs = (_backward_after(_assign, t, form, case, written) for t in (candidate, torch))
    which = f"result {-1 - written}" if written < 0 else f"operand {written}"
    assert ours.error is theirs.error, f"after an assignment to the data of {which}"
    ours.results = theirs.results
    check_close(name, form, case, ours, theirs, _with_changed(case, written, _reversed))


def _with_changed(
    case: Case, changed: int, change: Callable[[np.ndarray], np.ndarray]
) -> Case | None:
    """Return the case with a changed operand, or None if `changed` isn't the place of one."""
    if not 0 <= changed < len(case.operands):
        return None
    x = case.operands[changed]
    assert isinstance(x, Operand)
    operand = replace(x, values=np.asarray(change(x.values), x.values.dtype))
    return replace(
        case, operands=(*case.operands[:changed], operand, *case.operands[changed + 1 :])
    )


def _write(t: Any, target: Any) -> None:
    with t.no_grad():
        target.copy_(target.logical_not())


def _assign(t: Any, target: Any) -> None:
    """Assign the elements in reverse order, so that indices and masks stay valid."""
    target.data = t.from_numpy(_reversed(target.detach().numpy()))


def _reversed(elements: np.ndarray) -> np.ndarray:
    return elements.reshape(-1)[::-1].reshape(elements.shape).copy()


def _backward_after(
    change: Callable[[Any, Any], None], t: Any, form: Form, case: Case, changed: int
) -> CallOutcome:
    found = CallOutcome()
    leaves = leaves_of(t, case)
    # The operands are computed from leaves, as most operands in programs are.
    operands = [x.clone() if isinstance(x, t.Tensor) else x for x in leaves]
    case = replace(case, options={k: _translated(t, v) for k, v in case.options.items()})
    results = called(t, form, case, operands)
    g = cotangent(case, results[0]).tensor(t)
    found.results = tuple(y.detach().clone().numpy() for y in results)
    tensors = [*operands, *(x for x in case.options.get("key", ()) if isinstance(x, t.Tensor))]
    try:
        change(t, results[-1 - changed] if changed < 0 else tensors[changed])
        if results[0].requires_grad:
            results[0].backward(g)
        found.gradients = tuple(_gradient(leaf) for leaf in leaves)
    except RuntimeError as error:
        # The second message comes from the write itself, if the result is expanded.
        said = ("modified by an inplace operation", "more than one element of the written-to")
        assert any(words in str(error) for words in said), error
        found.error = RuntimeError
    return found


# Higher derivatives ------------------------------------------------------------------------------


@dataclass
class Derivatives:
    """The derivatives of a call of every order, by descriptive names.

    Each order is the derivative of the order before, with random cotangents, with respect to the
    operands and all earlier cotangents. `requires_grad` is None for a missing derivative.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    requires_grad: dict[str, bool | None] = field(default_factory=dict)


def derivatives(t: Any, form: Form, case: Case, orders: int) -> Derivatives:
    """Return a call's derivatives up to an order, or until nothing requires grad."""
    found = Derivatives()
    rng = np.random.default_rng(case.seed + 2)
    leaves = leaves_of(t, case)
    # Non-leaves, as most operands in programs are.
    operands = [x * 1 if getattr(x, "requires_grad", False) else x for x in leaves]
    try:
        result = called(t, form, case, operands)[0]
    except Exception as error:
        raise RefusedCall from error
    outputs = {"the result": result} if result.requires_grad else {}
    inputs = {
        f"operand {i}": x for i, x in enumerate(operands) if getattr(x, "requires_grad", False)
    }
    for order in range(1, orders + 1):
        if not outputs:
            break
        sent = {
            f"the cotangent of {name}": cotangent(case, y) if order == 1 else _normal(rng, y)
            for name, y in outputs.items()
        }
        cotangents = {name: g.tensor(t).requires_grad_() for name, g in sent.items()}
        arrived = t.autograd.grad(
            [*outputs.values()],
            [*inputs.values()],
            [*cotangents.values()],
            create_graph=True,
            allow_unused=True,
        )
        names = [f"derivative {order} by {name}" for name in inputs]
        there = {name: d for name, d in zip(names, arrived, strict=True) if d is not None}
        found.requires_grad |= dict.fromkeys(names) | {k: d.requires_grad for k, d in there.items()}
        found.values |= {name: d.numpy(force=True).copy() for name, d in there.items()}
        inputs |= cotangents
        outputs = {name: d for name, d in there.items() if d.requires_grad}
    return found


class RefusedCall(Exception):
    """The call itself was refused, which `check_outcome` checks."""


def _normal(rng: np.random.Generator, like: Any) -> Operand:
    values = rng.standard_normal(tuple(like.shape))
    return Operand(np.asarray(values, like.detach().numpy().dtype))


# One library may compute NaN from infinities where the other doesn't. Sigmoid's second derivative
# is g y (1 - y) (1 - 2 y) in PyTorch, and that of a product here. The gradient of mse_loss is a
# product of three factors in a different order. A sum may overflow in one order only. In the third
# derivatives of hypot, glu and binary_cross_entropy, terms are summed before or after they are
# multiplied by the cotangent.
NONFINITE_DIFFERS = {"gelu", "sigmoid", "mse_loss", "hypot", "dot", "linear", "matmul", "mm", "mv"}
THIRD_NONFINITE_DIFFERS = {"binary_cross_entropy", "glu"}

# PyTorch's second derivative of these is NaN where it should be 0: those of asinh and mish
# overflow, and those of elu and softplus multiply an infinite cotangent by a mask.
NAN_IN_PYTORCH = {"asinh", "elu", "mish", "softplus"}
# The third derivatives of these do so, too, and add the product to something else.
THIRD_NAN_IN_PYTORCH = {"elu", "huber_loss", "smooth_l1_loss"}

# PyTorch's second derivative of these adds 1e-12 to probabilities, here of 0.002 or more.
INEXACT_IN_PYTORCH = {"binary_cross_entropy": 1e-8}
# The third derivative of this is a difference of terms that are divided by elements, which may be
# small, in both libraries. Rounding moves it farther than some runs with perturbed operands show.
THIRD_CANCELS = {"prod": 1e-9}

# PyTorch's gradient of these compares elements with the result, or multiplies by a mask of them, so
# a perturbed element gets no gradient, and rounding would explain any difference. They are compared
# without perturbation.
TIE_SENSITIVE = {"max", "min", "amax", "amin", "median", "nanmedian", "scatter_amax", "nan_to_num"}


def _error_of(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def _lacks_half(error: Exception | None) -> bool:
    """Whether a kernel for float16 is missing."""
    return isinstance(error, NotImplementedError) and "not implemented for 'Half'" in str(error)


def check_orders(
    name: str, form: Form, case: Case, candidate: Any = minigrad, *, orders: int = 2
) -> None:
    """Check that derivatives up to an order have PyTorch's flags and, up to rounding, its values.

    They may differ by twice the change of PyTorch's own derivatives when the operands of each of
    its forward and backward ops are perturbed slightly. Infinities and NaN must be the same unless
    they come of an infinite operand, except for the rules in `NONFINITE_DIFFERS` and the sets below
    it, where one may replace the other.
    """

    def run(t: Any) -> Derivatives:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # compared by check_outcome
            return derivatives(t, form, case, orders)

    def moved(within: Any) -> dict[str, np.ndarray]:
        with within:
            return run(torch).values

    try:
        ours = run(candidate)
    except RefusedCall:
        return
    except NotImplementedError as error:
        if _lacks_half(error) and _lacks_half(_error_of(lambda: run(torch))):
            return
        raise
    theirs = run(torch)
    assert ours.requires_grad == theirs.requires_grad, (
        f"requires_grad is {ours.requires_grad} here and {theirs.requires_grad} in PyTorch"
    )
    suspects = []
    tiny = max((np.finfo(x.dtype).tiny for x in ours.values.values()), default=0)
    for which, a in ours.values.items():
        b = theirs.values[which]
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{which}: {a!r} and {b!r}"
        _settle(name, which, a, b, tiny)
        found = difference(a, b, SUMMED if name in TIE_SENSITIVE else Exact(), np.abs(b))
        if found is not None:
            assert name not in TIE_SENSITIVE, f"{which}: {found}"
            suspects.append(which)
    # PyTorch has formulas of its own for some second derivatives, with other infinities on the way.
    judged = judge_by_rounding(
        ours.values, theirs.values, suspects, moved, case.seed, keep_infinities=False
    )
    for which, found in judged.items():
        assert found.ok, f"{which}: {found}"


def _settle(name: str, which: str, ours: np.ndarray, theirs: np.ndarray, tiny: float) -> None:
    """Overwrite our elements with PyTorch's where the difference doesn't count.

    `which` is the derivative, such as "derivative 2 by operand 0".
    """
    third = which.startswith("derivative 3")
    with np.errstate(all="ignore"):
        # Near subnormal numbers, rounding isn't relative.
        same = np.abs(ours - theirs) < tiny
        if name in NONFINITE_DIFFERS or (third and name in THIRD_NONFINITE_DIFFERS):
            same |= ~(np.isfinite(ours) | np.isfinite(theirs))
        if name in NAN_IN_PYTORCH:
            same |= (ours == 0) & np.isnan(theirs)
        if third and name in THIRD_NAN_IN_PYTORCH:
            same |= np.isnan(theirs)
        inexact = INEXACT_IN_PYTORCH | (THIRD_CANCELS if third else {})
        same |= np.abs(ours - theirs) <= inexact.get(name, 0) * np.abs(theirs)
    np.copyto(ours, theirs, where=same)


# In place ----------------------------------------------------------------------------------------


def check_in_place(
    name: str, form: Form, out_of_place: Form, case: Case, candidate: Any = minigrad
) -> None:
    """Check that an in-place form gives the same bits as the op out of place."""

    def of_a_copy(t: Any, input: Any, /, *rest: Any, **options: Any) -> Any:
        # In the layout of the in-place form: NumPy's rounding may depend on the layout.
        return out_of_place(t, input.clone(), *rest, **options)

    ours, expected = (call_outcome(candidate, each, case) for each in (form, of_a_copy))
    target = case.operands[0]
    assert isinstance(target, Operand)
    if expected.error is None:
        result = expected.results[0]
        if result.shape != target.values.shape or result.dtype != target.values.dtype:
            return  # `check_outcome` compares this error with PyTorch's
    if expected.error is NotImplementedError and ours.error is RuntimeError:
        return  # nor would the result fit; `check_outcome` compares which error comes first
    assert ours.error is expected.error, f"{_name_of(ours.error)}, not {_name_of(expected.error)}"
    pairs: list[tuple[np.ndarray | None, np.ndarray | None]] = [
        *zip(ours.results, expected.results, strict=True)
    ]
    pairs += zip(ours.gradients, expected.gradients, strict=True)
    for a, b in pairs:
        assert (a is None) == (b is None), "a gradient in one form only"
        found = None if a is None or b is None else difference(a, b, Exact())
        assert found is None, f"in place and out of place: {found}"


# Without PyTorch ----------------------------------------------------------------------------------


def check_differences(
    name: str, form: Form, case: Case, candidate: Any = minigrad, *, step: float = 1e-5
) -> None:
    """Check the gradient against central differences, in a smooth float64 case."""
    leaves = leaves_of(candidate, case)
    result = called(candidate, form, case, leaves)[0]
    g = np.asarray(np.random.default_rng(case.seed + 1).standard_normal(result.shape))
    result.backward(candidate.from_numpy(g))
    for i, leaf in enumerate(leaves):
        if not getattr(leaf, "requires_grad", False):
            continue
        actual = leaf.grad.numpy()
        assert actual.shape == tuple(leaf.shape)
        for index in np.ndindex(*actual.shape):
            ends = [_moved(form, case, i, index, shift, candidate) for shift in (step, -step)]
            expected = ((ends[0] - ends[1]) * g).sum() / (2 * step)
            assert abs(actual[index] - expected) <= 1e-6 * (1 + np.abs(actual).max()), (
                f"gradient of operand {i} at {list(index)}: {actual[index]}, "
                f"but {expected} by central differences"
            )


# Rules that are not analytic between their kinks, with the reason. Those that select an operand
# are analytic, since NumPy orders complex numbers by their real parts first.
NOT_ANALYTIC = {
    "hardsigmoid": "PyTorch's factor 1/6 is rounded to float32 in the derivative only",
    "abs": "the absolute value of a complex number is real",
    "rounded_div": "complex numbers aren't rounded",
    **dict.fromkeys(
        (
            *("atan2", "ceil", "copysign", "digamma", "erfinv", "floor", "fmod"),
            *("frac", "frexp", "hypot", "i0", "igamma", "igammac", "lgamma", "logaddexp"),
            *("logaddexp2", "mvlgamma"),
            *(
                "nextafter",
                "polygamma",
                "remainder",
                "round",
                "special_i0e",
                "special_i1",
                "special_i1e",
            ),
            *("special_ndtri", "special_zeta", "trunc"),
        ),
        "NumPy and SciPy don't compute it for complex numbers",
    ),
    "logcumsumexp": "NumPy's logaddexp takes no complex numbers",
}


def check_complex_step(name: str, form: Form, case: Case, step: float = 1e-20) -> None:
    """Check the pullbacks against derivatives by the complex step, in a smooth case.

    For a real-analytic f, f(x + ihv) = f(x) + ihf'(x)v - ..., so the imaginary part divided by h is
    the derivative along v. Nothing is subtracted, so h may be so small that the other terms vanish
    (Squire and Trapp, "Using Complex Variables to Estimate Derivatives of Real Functions", 1998).
    Each operand's derivative is taken along a random direction, under a random cotangent.
    """
    rng = np.random.default_rng(case.seed + 4)
    for i, pullback in enumerate(RuleCall(name, case).pullbacks):
        x = case.operands[i]
        if pullback is None or not isinstance(x, Operand) or not x.differentiable:
            continue
        if not x.values.size:
            continue  # a mean of no elements is NaN and has no derivative
        v = np.asarray(rng.standard_normal(x.values.shape))
        along = _complex_value(name, case, {i: 1j * step * v}).imag / step
        g = np.asarray(rng.standard_normal(along.shape))
        expected, found = along * g, pullback(g) * v
        apart = abs(expected.sum() - found.sum())
        assert apart <= 1e-12 * (np.abs(expected).sum() + np.abs(found).sum()), (
            f"derivative by operand {i}, along a direction and under a cotangent: {found.sum()}, "
            f"but {expected.sum()} by the complex step"
        )


def _complex_value(name: str, case: Case, shifts: dict[int, np.ndarray]) -> np.ndarray:
    """Return the rule's first result with complex operands, some of them shifted."""
    operands: list[Any] = [x.array() if isinstance(x, Operand) else x for x in case.operands]
    real = [i for i, x in enumerate(case.operands) if isinstance(x, Operand) and x.differentiable]
    for i in real:
        wide = np.asarray(operands[i]).astype(complex)  # which keeps the layout
        wide += shifts.get(i, 0j)
        operands[i] = wide
    options = {
        key: np.dtype(complex) if isinstance(value, np.dtype) and value.kind == "f" else value
        for key, value in case.options.items()
    }
    forward = REGISTRY[name].forward
    with np.errstate(all="ignore"):
        try:
            output = forward(*operands, **options)[0]
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
        ):  # it checks the dtype
            for i in real:
                operands[i] = operands[i].view(_Floats)
            output = forward(*operands, **case.options)[0]
    return np.asarray(output[0] if isinstance(output, tuple) else output)


class _Floats(np.ndarray):
    """Complex numbers that claim to be floats, for rules that check the dtype."""

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def astype(self, dtype: Any, *rest: Any, **options: Any) -> np.ndarray:
        return (
            self.copy() if np.dtype(dtype).kind == "f" else super().astype(dtype, *rest, **options)
        )


def check_recorded(name: str, form: Form, case: Case, candidate: Any = minigrad) -> None:
    """Check that a gradient has the same bits with and without a graph."""
    leaves = leaves_of(candidate, case)
    held = [i for i, x in enumerate(leaves) if getattr(x, "requires_grad", False)]
    result = called(candidate, form, case, leaves)[0]
    g = _normal(np.random.default_rng(case.seed + 3), result)
    recorded = candidate.autograd.grad(
        result, [leaves[i] for i in held], g.tensor(candidate), create_graph=True
    )
    for i, a, b in zip(held, recorded, _gradients(form, case, held, g, candidate), strict=True):
        found = difference(a.detach().numpy(), b, Exact())
        assert found is None, f"gradient of operand {i} with and without a graph: {found}"


def _gradients(
    form: Form, case: Case, held: list[int], g: Operand, candidate: Any
) -> list[np.ndarray]:
    """Return the gradients of the operands in `held`, computed without a graph."""
    leaves = leaves_of(candidate, case)
    result = called(candidate, form, case, leaves)[0]
    found = candidate.autograd.grad(result, [leaves[i] for i in held], g.tensor(candidate))
    return [d.numpy() for d in found]


def _moved(
    form: Form, case: Case, i: int, index: tuple[int, ...], shift: float, candidate: Any
) -> np.ndarray:
    operand = case.operands[i]
    assert isinstance(operand, Operand)
    values = operand.values.copy()
    values[index] += shift
    shifted = replace(operand, values=values)
    operands = (*case.operands[:i], shifted, *case.operands[i + 1 :])
    moved = replace(case, operands=operands)
    return called(candidate, form, moved, leaves_of(candidate, moved))[0].detach().numpy()


def check_second_differences(name: str, form: Form, case: Case) -> None:
    """Check the gradients of the gradient against central differences, in a smooth float64 case."""

    def results(*operands: Any) -> tuple[Any, ...]:
        return tuple(y for y in called(minigrad, form, case, operands) if y.requires_grad)

    leaves = leaves_of(minigrad, case)
    outputs = results(*leaves)
    if outputs and all(np.isfinite(y.detach().numpy()).all() for y in outputs):
        try:
            minigrad.autograd.gradgradcheck(results, leaves)
        except GradcheckError as error:
            raise AssertionError(str(error)) from error


def check_contract(name: str, case: Case) -> None:
    """Check that a rule only writes to its own arrays and returns unshared memory."""
    call = RuleCall(name, case)
    held = [*call.arrays, *call.results, *call.captured]
    before = [x.copy() for x in held]
    # The results of copy and fill are copied by the engine.
    if not REGISTRY[name].view and name not in ("copy", "fill"):
        for x in call.results:
            assert not any(_shared(x, y) for y in call.arrays), "a result shares memory"
    for x in call.captured:
        for y in (*call.arrays, *call.results):
            assert x is y or not _shared(x, y), "a pullback captures a view of an operand or result"
    if not call.pullbacks:
        return

    g = call.cotangent()
    g_before, returned = g.copy(), []
    for i, pullback in enumerate(call.pullbacks):
        if pullback is None or not isinstance(case.operands[i], Operand):
            continue
        with np.errstate(all="ignore"):
            first, second, third = pullback(g), pullback(g), pullback(np.array(g, order="C"))
        assert difference(g, g_before, Exact()) is None, f"pullback {i} wrote into its cotangent"
        for x, y in zip(held, before, strict=True):
            assert difference(x, y, Exact()) is None, f"pullback {i} wrote into a saved array"
        assert difference(first, second, Exact()) is None, f"pullback {i} differs when called again"
        returned += [first, second, third]
        # A BLAS may sum in a different order for a different layout.
        assert np.allclose(first, third, 1e-12, 1e-12, equal_nan=True), (
            f"pullback {i} depends on the layout of its cotangent"
        )
    for i, x in enumerate(returned):
        if not _shared(x, g):
            others = [*held, *returned[:i]]
            assert not any(_shared(x, y) for y in others), "a gradient shares memory"


def captures_an_array(name: str, case: Case) -> bool:
    """Tell whether a pullback of this call captures an array."""
    return bool(RuleCall(name, case).captured)


def check_linear(name: str, case: Case) -> None:
    """Check that a rule declared linear captures no array and ignores its operands' values."""
    if not REGISTRY[name].linear:
        return
    assert not captures_an_array(name, case), "declared linear, but captures an array"
    others = [
        Operand(np.asarray(x.values + 1), x.layout) if isinstance(x, Operand) else x
        for x in case.operands
    ]
    calls = [RuleCall(name, case), RuleCall(name, replace(case, operands=tuple(others)))]
    g = calls[0].cotangent()
    for pair in zip(*(call.pullbacks for call in calls), strict=True):
        if pair[0] is not None:
            with np.errstate(all="ignore"):
                a, b = (pullback(g) for pullback in pair)
            assert difference(a, b, Exact()) is None, "declared linear, but depends on its operands"


def check_derivative_declared(name: str, cases: list[Case]) -> None:
    """Check that a rule declares a derivative exactly if any of its cases has one."""
    has_one = any(any(RuleCall(name, case).pullbacks) for case in cases)
    assert REGISTRY[name].differentiable == has_one, "wrong declaration of a derivative"


def check_linear_declared(name: str, cases: list[Case]) -> None:
    """Check that a rule declares itself linear exactly if no pullback captures an array."""
    assert REGISTRY[name].linear != any(captures_an_array(name, case) for case in cases), (
        "wrong declaration of linearity"
    )


class RuleCall:
    """A call of a rule on arrays, with the arrays that its pullbacks captured."""

    def __init__(self, name: str, case: Case) -> None:
        operands = [x.array() if isinstance(x, Operand) else x for x in case.operands]
        self.arrays = [x for x in operands if isinstance(x, np.ndarray)]
        self.case = case
        before = [x.copy() for x in self.arrays]
        with np.errstate(all="ignore"):
            output, self.pullbacks = REGISTRY[name].forward(*operands, **case.options)
        for x, y in zip(self.arrays, before, strict=True):
            assert difference(x, y, Exact()) is None, "the forward wrote into an operand"
        results = output if isinstance(output, tuple) else (output,)
        self.results = [np.asarray(y) for y in results]
        self.captured = list(_arrays(self.pullbacks))
        assert len(self.pullbacks) in (0, len(operands)), "need one pullback per operand, or none"

    def cotangent(self) -> np.ndarray:
        """Return the case's cotangent for the result, in the layout drawn for it."""
        like = np.zeros(self.results[0].shape, np.result_type(*self.arrays))
        return cotangent(self.case, torch.from_numpy(like)).array()


def _arrays(thing: Any) -> Iterator[np.ndarray]:
    """Yield the arrays in a structure of tuples, lists and closures."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, tuple | list):
        for item in thing:
            yield from _arrays(item)
    else:
        for cell in getattr(thing, "__closure__", None) or ():
            yield from _arrays(cell.cell_contents)


def _shared(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size > 0 and b.size > 0 and np.may_share_memory(a, b)
