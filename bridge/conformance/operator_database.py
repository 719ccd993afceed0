"""PyTorch's operator database, run against minigrad or another candidate.

PyTorch's own tests have a database of its ops, `op_db`: for each op, sample inputs, error inputs,
and what it supports. `check` runs the samples of one op in both libraries and compares values,
dtypes, shapes, strides, gradients with random cotangents, gradients of those, and the graph. It
runs each form of the op (function, method, in-place, operator).

    python -m bridge.conformance.operator_database            all ops, and why some fall short
    python -m bridge.conformance.operator_database sin cos    the same for these ops
"""

from __future__ import annotations

import argparse
import functools
import math
import random
import sys
import types
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import minigrad
from bridge.libraries.convert import copy_with_strides
from bridge.libraries.databases import side_effects_undone
from minigrad.api import refused
from minigrad.rules.dtypes import SUPPORTED

from .adapter import Missing
from .calls import is_lack
from .graphs import first_difference, graph
from .namespace import Namespace, Tensor

with side_effects_undone():
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_utils import SEED, set_rng_seed

DTYPES = {getattr(torch, d.name): d for d in SUPPORTED}
# How far results may be apart: relative and absolute. They are those of torch.testing.assert_close.
CLOSE = {torch.float32: (1.3e-6, 1e-5), torch.float64: (1e-7, 1e-7), torch.float16: (2e-3, 2e-3)}
# Of these, one is drawn for each op, and one form is run forward. For each op that PyTorch has for
# them, they find what another dtype doesn't: a sum that isn't in float32, or a number that wraps.
NARROW = (torch.float16, torch.int8, torch.int16)
# Ops whose results have arbitrary elements.
UNINITIALISED = (
    *("empty", "empty_like", "empty_permuted", "empty_strided"),
    *("new_empty", "new_empty_strided"),
)
# Sums of products. Where terms cancel, a sum is as inexact as its largest terms.
SUMS_OF_PRODUCTS = (
    *("addbmm", "matrix_exp", "nn.functional.conv3d"),
    *("nn.functional.scaled_dot_product_attention", "special.hermite_polynomial_he"),
)
# Ops of several steps whose intermediate results overflow in float16 in PyTorch, or have so few
# digits that they decide a softmax of numbers in the hundreds.
NOT_IN_HALF = ("matrix_exp", "nn.functional.multi_head_attention_forward")
# How many times as far gradients may be apart in float32, where PyTorch's own are inexact: it
# differs from its float64 by up to 8e-5 after the 50 steps of a loss of sequences.
LOOSER_GRADIENTS = {
    "cov": 20,  # sums of products whose terms cancel
    "linalg.householder_product": 20,  # the sample's vectors are large
    "nn.functional.ctc_loss": 20,
}
# Functions that may take any of several equal elements, and the place of their argument `dim`.
PICKING = {"argsort": 0, "kthvalue": 1, "mode": 0, "sort": 0, "topk": 1}
# Ops that fall short, and why. Each must still fail.
_DTYPE = "no tensor can have the dtype"
_SIX_DIGITS = "PyTorch's has 6 digits around 5"
SHORTFALLS: dict[str, str] = {
    "as_strided_scatter": "PyTorch's gradient is that of the elements that are replaced",
    "bfloat16": _DTYPE,
    "cdouble": _DTYPE,
    "cfloat": _DTYPE,
    "linalg.eig": _DTYPE,
    "linalg.eigvals": _DTYPE,
    "native_layer_norm": "PyTorch's gradient of the weight for a size of 1 has a rounding error",
    "special.bessel_j0": _SIX_DIGITS,
    "special.bessel_y1": _SIX_DIGITS,
}
# Entries of which no sample fits: all are complex, or for another device.
NO_SAMPLES = ("nn.functional.batch_norm.without_cudnn", "nn.functional.silu.complex")


class Difference(Exception):
    """What differs between the libraries."""


class Untranslatable(Exception):
    """A sample needs something that minigrad refuses: a dtype, a device, a layout, `out=`."""


# The candidate -----------------------------------------------------------------------------------


@dataclass
class Judged:
    """What the samples run in: a library with all of PyTorch's names, or names over an adapter."""

    library: Any = minigrad
    tensor: Any = minigrad.Tensor
    strict: bool = True


_judged = Judged()


@contextmanager
def judging(library: Any) -> Iterator[None]:
    """Run the samples in another library than minigrad."""
    global _judged
    before = _judged
    strict = not isinstance(library, Namespace)
    _judged = Judged(library, library.Tensor if strict else Tensor, strict)
    try:
        yield
    finally:
        _judged = before


def _seed_candidate(seed: int) -> None:
    if _judged.strict:
        _judged.library.manual_seed(seed)


# Ops and their forms ------------------------------------------------------------------------------


def name_of(op: Any) -> str:
    """The name of an entry of the database, with its variant.

    >>> name_of(op_named("max.binary"))
    'max.binary'
    """
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def op_named(name: str) -> Any:
    """The entry of that name. KeyError if there is none."""
    return OPS[name]


OPS = {name_of(op): op for op in op_db}


def counterpart(op: Any) -> Callable[..., Any] | None:
    """The candidate's function for an entry, or None if there is none.

    >>> counterpart(op_named("exp")) is minigrad.exp
    True
    """
    if not _judged.strict:
        *_, name = op.name.split(".")
        if not _judged.library.has(name):
            return None
        public: Any = _judged.library.op(name)
    else:
        public = _judged.library
        for part in op.name.split("."):
            public = getattr(public, part, None)
    found = public if callable(public) else getattr(_judged.library.Tensor, op.name, None)
    if found is None or getattr(found, "__module__", None) == refused.__name__:
        return None
    function = op.op
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        return in_minigrad(function)
    return found if callable(found) else None


def in_minigrad(function: types.FunctionType) -> types.FunctionType:
    """A function of PyTorch's tests with minigrad in the place of torch."""
    names = function.__globals__ | {"torch": _judged.library, "wrapper_set_seed": _with_seed}
    translated = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    translated.__kwdefaults__ = function.__kwdefaults__
    return translated


def _with_seed(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function with the seed that the function of this name in PyTorch's tests sets."""
    _seed_candidate(42)
    return function(*args, **options)


@dataclass(frozen=True)
class Form:
    """One way to call an op, in both libraries."""

    name: str
    theirs: Callable[..., Any]
    ours: Callable[..., Any]

    @property
    def writes(self) -> bool:
        return self.name.startswith("in-place")


def forms(op: Any) -> Iterator[Form]:
    """The forms of an op. Difference if minigrad lacks one that PyTorch has."""
    found = counterpart(op)
    assert found is not None
    yield Form("function", op.op, found)
    if not _judged.strict:
        return
    for name, theirs in (
        ("method", op.method_variant),
        ("in-place", op.inplace_variant),
        ("operator", op.operator_variant),
        ("in-place operator", op.inplace_operator_variant),
    ):
        if theirs is None or (name == "method" and theirs is op.op):
            continue
        if isinstance(theirs, types.FunctionType) and "<lambda>" in theirs.__name__:
            yield Form(name, theirs, in_minigrad(theirs))
        elif isinstance(theirs, functools.partial):  # the function with an option
            yield Form(name, theirs, functools.partial(found, *theirs.args, **theirs.keywords))
        elif "operator" in name:  # Python's
            yield Form(name, theirs, theirs)
        else:
            ours = getattr(_judged.library.Tensor, theirs.__name__, None)
            if ours is None:
                raise Difference(f"no method {theirs.__name__}")
            yield Form(name, theirs, ours)


# Samples ------------------------------------------------------------------------------------------


class Inputs:
    """The arguments of one call in both libraries, and the leaves that require grad."""

    def __init__(self, sample: Any, requires_grad: bool) -> None:
        self.requires_grad = requires_grad
        self.their_leaves: list[torch.Tensor] = []
        self.our_leaves: list[Any] = []
        self._known: dict[int, tuple[Any, Any]] = {}
        args = (sample.input, *sample.args)
        if "out" in sample.kwargs or sample.kwargs.get("sparse"):
            raise Untranslatable("out=, or a sparse gradient")
        self.their_args, self.our_args = self._both(args)
        self.their_options, self.our_options = self._both(sample.kwargs)

    def _both(self, x: Any) -> tuple[Any, Any]:
        """An argument for each library."""
        if isinstance(x, torch.Tensor):
            if id(x) not in self._known:
                self._known[id(x)] = self._tensors(x)
            return self._known[id(x)]
        if isinstance(x, torch.Size):
            return x, _judged.library.Size(x) if _judged.strict else tuple(x)
        if isinstance(x, list | tuple):
            pairs = [self._both(item) for item in x]
            theirs, ours = ([pair[i] for pair in pairs] for i in range(2))
            return (theirs, ours) if isinstance(x, list) else (tuple(theirs), tuple(ours))
        if isinstance(x, dict):
            pairs_of = {name: self._both(item) for name, item in x.items()}
            first, second = ({name: p[i] for name, p in pairs_of.items()} for i in range(2))
            return first, second
        if isinstance(x, torch.dtype):
            return x, _dtype(x)
        if isinstance(x, torch.memory_format | torch.layout):
            name = str(x).removeprefix("torch.")
            if not (_judged.strict and hasattr(_judged.library, name)):
                raise Untranslatable(f"no {name}")
            return x, getattr(_judged.library, name)
        if x is None or isinstance(x, bool | int | float | str | slice | types.EllipsisType):
            return x, x
        if isinstance(x, np.ndarray | np.generic):
            return x, x
        if isinstance(x, torch.device) and x.type == "cpu":
            return x, _judged.library.device("cpu") if _judged.strict else "cpu"
        raise Untranslatable(f"an argument of type {type(x).__name__}")

    def _tensors(self, x: torch.Tensor) -> tuple[Any, Any]:
        if x.layout is not torch.strided or x.device.type != "cpu":
            raise Untranslatable("a sparse tensor, or one on another device")
        if x.ndim > 64:
            raise Untranslatable("more dimensions than NumPy has")
        _dtype(x.dtype)
        array = x.detach().numpy()
        theirs = torch.from_numpy(copy_with_strides(array))
        ours = _judged.library.from_numpy(copy_with_strides(array))
        if x.requires_grad and self.requires_grad:
            self.their_leaves.append(theirs.requires_grad_())
            self.our_leaves.append(ours.requires_grad_())
        return theirs, ours


def _dtype(d: torch.dtype) -> Any:
    if d not in DTYPES:
        raise Untranslatable(f"dtype {d}")
    if _judged.library is minigrad:
        return DTYPES[d]
    return getattr(_judged.library, str(d).removeprefix("torch."))


# Comparison ---------------------------------------------------------------------------------------


def tensors_in(result: Any) -> list[Any]:
    """The tensors and numbers of a result, which may be nested."""
    if isinstance(result, list | tuple):
        return [each for item in result for each in tensors_in(item)]
    if isinstance(result, dict):
        return [each for item in result.values() for each in tensors_in(item)]
    return [result]


def compare(what: str, theirs: Any, ours: Any, values: bool = True, cancels: bool = False) -> None:
    """Difference unless two results are equal, floats within `CLOSE`.

    The absolute tolerance of results that `cancels` is in units of the largest element.
    """
    theirs, ours = tensors_in(theirs), tensors_in(ours)
    if len(theirs) != len(ours):
        raise Difference(f"{what}: {len(ours)} results, not {len(theirs)}")
    for a, b in zip(theirs, ours, strict=True):
        _compare_one(what, a, b, values, cancels)


def _compare_one(what: str, theirs: Any, ours: Any, values: bool, cancels: bool) -> None:
    if not isinstance(theirs, torch.Tensor):
        if isinstance(theirs, torch.dtype):
            theirs, ours = str(theirs), str(ours)
        nan = isinstance(theirs, float) and math.isnan(theirs) and math.isnan(ours)
        same = theirs == ours or nan or (isinstance(theirs, float) and math.isclose(theirs, ours))
        alike = type(theirs) is type(ours) or isinstance(theirs, torch.Size)
        if not (alike and same):
            raise Difference(f"{what}: {ours!r}, not {theirs!r}")
        return
    if not isinstance(ours, _judged.tensor):
        raise Difference(f"{what}: {type(ours).__name__}, not a tensor")
    if not _judged.strict:
        if tuple(ours.shape) != tuple(theirs.shape):
            raise Difference(f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}")
        if values:
            _compare_values(what, theirs.detach(), ours, _scale(theirs))
        return
    for name in ("dtype", "shape", "requires_grad"):
        a, b = (str(getattr(x, name)) for x in (theirs, ours))
        if a != b:
            raise Difference(f"{what}: {name} {b}, not {a}")
    steps = [
        [step for step, size in zip(x.stride(), x.shape, strict=True) if size > 1]
        for x in (theirs, ours)
    ]
    if theirs.numel() and steps[0] != steps[1]:
        raise Difference(f"{what}: strides {ours.stride()}, not {theirs.stride()}")
    if values:
        cancels = cancels or theirs.dtype is torch.float16  # PyTorch rounds some sums more often
        scale = _scale(theirs) if cancels else 1
        _compare_values(what, theirs.detach(), ours.detach(), scale)


def _compare_values(what: str, theirs: torch.Tensor, ours: Any, scale: float = 1) -> None:
    if theirs.dtype in (torch.bfloat16, torch.complex32):
        raise Untranslatable(f"NumPy has no {theirs.dtype}")
    a, b = theirs.numpy(force=True), ours.numpy(force=True)
    if b.dtype.itemsize < a.dtype.itemsize and a.dtype.kind == b.dtype.kind == "f":
        a = a.astype(b.dtype)  # the engine has float32 only
    if theirs.dtype in CLOSE:
        relative, absolute = CLOSE[theirs.dtype]
        absolute *= scale
        with np.errstate(all="ignore"):
            same = np.isclose(b, a, relative, absolute, equal_nan=True)
    else:
        same = a == b
    if not np.all(same):
        place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
        a, b = np.atleast_1d(a)[place], np.atleast_1d(b)[place]
        raise Difference(
            f"{what}: {b}, not {a}, at {place} ({np.sum(~same)} of {same.size} elements differ)"
        )


def outcome(call: Callable[..., Any], args: Any, options: Any) -> Any:
    """The result of a call, or its error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(*args, **options)
    except Missing as error:
        raise Untranslatable(str(error)) from error
    except Exception as error:
        if not _judged.strict and is_lack(error):
            raise Untranslatable(str(error)) from error
        return error


def check_sample(op: Any, form: Form, sample: Any, *, gradients: bool, second: bool) -> None:
    """Difference unless one sample gives the same in both libraries."""
    if not _is_defined(form, sample.input):
        raise Untranslatable("what PyTorch does is an accident")
    inputs = Inputs(sample, gradients and not form.writes)
    torch.manual_seed(0)
    theirs = outcome(form.theirs, inputs.their_args, inputs.their_options)
    _seed_candidate(0)
    ours = outcome(form.ours, inputs.our_args, inputs.our_options)
    what = f"{form.name}"
    _compare_errors(what, theirs, ours)
    if isinstance(theirs, Exception):
        return
    cancels = name_of(op) in SUMS_OF_PRODUCTS
    compare(what, theirs, ours, values=False)
    if op.name not in UNINITIALISED:
        unique = sample.output_process_fn_grad  # leaves out what isn't unique, such as a sign
        a, b = unique(theirs), unique(ours)
        if op.name in PICKING and not sample.kwargs.get("stable"):
            a = _with_picked_elements(torch, op.name, sample, a)
            b = _with_picked_elements(_judged.library, op.name, sample, b)
        compare(what, a, b, cancels=cancels)
    if inputs.their_leaves:
        _check_gradients(
            what, sample, inputs, theirs, ours, second, LOOSER_GRADIENTS.get(op.name, 1)
        )
        if _judged.strict:
            _compare_graphs(what, theirs, ours)


def _compare_graphs(what: str, theirs: Any, ours: Any) -> None:
    for a, b in zip(tensors_in(theirs), tensors_in(ours), strict=True):
        difference = first_difference(graph(a), graph(b))
        if difference:
            raise Difference(f"{what}, graph: {difference}")


def _is_defined(form: Form, x: Any) -> bool:
    """Whether a form is one of this input: no method of a number, no write to shared elements."""
    if not isinstance(x, torch.Tensor):
        is_method = getattr(form.theirs, "__name__", "").startswith("__")
        return form.name not in ("method", "in-place") and not is_method
    if not form.writes or x.layout is not torch.strided:
        return True
    places = np.zeros((), int)
    for size, step in zip(x.shape, x.stride(), strict=True):
        places = np.add.outer(places, step * np.arange(size))
    return len(np.unique(places)) == x.numel()


def _with_picked_elements(library: Any, name: str, sample: Any, result: Any) -> Any:
    """A result with the elements that its indices pick in the place of the indices."""
    *values, indices = result if isinstance(result, tuple) else (result,)
    dim = sample.kwargs.get("dim", [*sample.args, -1, -1][PICKING[name]])
    x, picks = (np.atleast_1d(y.detach().numpy()) for y in (sample.input, indices))
    if picks.ndim < x.ndim:
        picks = np.expand_dims(picks, dim)
    if not np.all(np.diff(np.sort(picks, dim), axis=dim)):
        raise Difference(f"{name}: an element is picked twice")
    return (*values, library.from_numpy(np.take_along_axis(x, picks, dim)))


def _compare_errors(what: str, theirs: Any, ours: Any) -> None:
    if isinstance(ours, Exception):
        if not isinstance(theirs, Exception):
            raise Difference(f"{what}: raises {type(ours).__name__}: {first_line(ours)}")
        # PyTorch's Python functions raise what their parts raise, so any related type will do.
        if not (isinstance(ours, type(theirs)) or isinstance(theirs, type(ours))):
            raise Difference(
                f"{what}: raises {type(ours).__name__}, not {type(theirs).__name__}: "
                f"{first_line(theirs)}"
            )
    elif isinstance(theirs, Exception):
        raise Difference(f"{what}: doesn't raise {type(theirs).__name__}: {first_line(theirs)}")


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:150]


def _check_gradients(
    what: str, sample: Any, inputs: Inputs, theirs: Any, ours: Any, second: bool, looser: float
) -> None:
    """Difference unless gradients, and their gradients, agree for the same random cotangents."""
    theirs, ours = (_floats(sample.output_process_fn_grad(x)) for x in (theirs, ours))
    if not theirs:
        return
    rng = np.random.default_rng(0)
    # Cotangents that require grad, because a gradient may depend on nothing else.
    drawn = [_cotangents(rng, x) for x in theirs]
    g1, g2 = [pair[0] for pair in drawn], [pair[1] for pair in drawn]
    first = f"{what}, gradient"
    theirs_first = _gradients(torch, theirs, inputs.their_leaves, g1, second)
    ours_first = _gradients(_judged.library, ours, inputs.our_leaves, g2, second)
    _compare_gradients(first, theirs_first, ours_first, looser)
    if not second:
        return
    pairs = [
        (a, b)
        for a, b in zip(theirs_first, ours_first, strict=True)
        if a is not None and a.requires_grad
    ]
    if not pairs:
        return
    if any(b is None or not b.requires_grad for _, b in pairs):
        raise Difference(f"{first}: doesn't require grad")
    drawn = [_cotangents(rng, a) for a, _ in pairs]
    theirs_second = _gradients(
        torch, [a for a, _ in pairs], [*inputs.their_leaves, *g1], [h for h, _ in drawn], False
    )
    ours_second = _gradients(
        _judged.library,
        [b for _, b in pairs],
        [*inputs.our_leaves, *g2],
        [h for _, h in drawn],
        False,
    )
    _compare_gradients(f"{what}, second gradient", theirs_second, ours_second)


def _floats(result: Any) -> list[Any]:
    """The tensors of a result that require grad."""
    return [x for x in tensors_in(result) if getattr(x, "requires_grad", False)]


def _cotangents(rng: np.random.Generator, x: torch.Tensor) -> tuple[Any, Any]:
    array = np.asarray(rng.standard_normal(tuple(x.shape)), x.detach().numpy(force=True).dtype)
    pair = torch.from_numpy(array.copy()), _judged.library.from_numpy(array.copy())
    return pair[0].requires_grad_(), pair[1].requires_grad_(_judged.strict)


def _gradients(t: Any, results: Any, leaves: Any, cotangents: Any, create_graph: bool) -> Any:
    def call() -> Any:
        if isinstance(t, Namespace):
            return _walked(results, leaves, cotangents)
        return t.autograd.grad(
            results, leaves, cotangents, create_graph=create_graph, allow_unused=True
        )

    found = outcome(call, (), {})
    if isinstance(found, Exception):
        if t is torch:
            raise Untranslatable("PyTorch has no such derivative")
        raise Difference(f"gradient raises {type(found).__name__}: {first_line(found)}") from found
    return found


def _walked(results: Any, leaves: Any, cotangents: Any) -> list[Any]:
    """Return gradients by `backward`, which most engines have."""
    if len(results) != 1:
        raise Missing("gradients of several results")
    results[0].backward(cotangents[0])
    return [None if leaf.grad is None else results[0].like(leaf.grad) for leaf in leaves]


def _compare_gradients(
    what: str, theirs: Sequence[Any], ours: Sequence[Any], looser: float = 1
) -> None:
    for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        if a is None or b is None:  # None and zeros mean the same
            left = a if b is None else b
            elements = left if left is None or isinstance(left, Tensor) else left.detach()
            if elements is not None and np.any(elements.numpy(force=True) != 0):
                raise Difference(f"{what} {i}: {b}, not {a}")
        else:
            if _judged.strict and a.dtype is not getattr(
                torch, str(b.dtype).removeprefix("torch.")
            ):
                raise Difference(f"{what} {i}: dtype {b.dtype}, not {a.dtype}")
            if tuple(a.shape) != tuple(b.shape):
                raise Difference(f"{what} {i}: shape {tuple(b.shape)}, not {tuple(a.shape)}")
            scale = _scale(a) * (looser if a.dtype is torch.float32 else 1)
            b = b.detach() if _judged.strict else b
            _compare_values(f"{what} {i}", a.detach(), b, scale)


def _scale(result: torch.Tensor) -> float:
    """The largest element: a sum of terms that cancel is as inexact as its terms."""
    array = np.abs(result.detach().numpy(force=True))
    finite = array[np.isfinite(array)]
    return max(1.0, float(finite.max(initial=0)))


# One op -------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What the samples of one op gave."""

    samples: int = 0
    left_out: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        return self.samples > 0 and not self.differences


def check(
    op: Any,
    share: int | None = None,
    seed: int = 0,
    first: bool = False,
    forms_of: Any = forms,
    note: Callable[[str], None] = lambda text: None,
) -> Verdict:
    """Run the samples of an op, or a random `share` of them for each dtype and form.

    `first` stops at the first difference. `forms_of` gives the forms. `note` gets a text before
    each sample.
    """
    verdict = Verdict()
    rng = random.Random(zlib.crc32(f"{name_of(op)} {seed}".encode()))
    torch.manual_seed(seed)
    tried = functools.partial(_tried, verdict)
    ways = tried("", lambda: list(forms_of(op)))
    if ways is None:
        found = counterpart(op)
        assert found is not None
        ways = [Form("function", op.op, found)]
    for dtype in _chosen(op, rng, share):
        gradients = dtype.is_floating_point and dtype not in NARROW and op.supports_autograd
        drawn = samples_of(op, dtype, gradients, seed)
        samples = tried("samples", functools.partial(list, drawn)) or []
        second = gradients and op.supports_gradgrad and dtype is torch.float64 and _judged.strict
        for form in ways[:1] if dtype in NARROW else ways:
            chosen = samples if share is None else rng.sample(samples, min(share, len(samples)))
            run = functools.partial(check_sample, op, form, gradients=gradients, second=second)
            for sample in chosen:
                note(f"{name_of(op)}, {form.name}, {dtype}: {sample}")
                tried(str(dtype), functools.partial(run, sample))
                if first and verdict.differences:
                    return verdict
    if _judged.strict:
        _check_errors(op, ways[0], tried)
    return verdict


def _chosen(op: Any, rng: random.Random, share: int | None) -> list[torch.dtype]:
    """The dtypes to run: all, or with a share of the samples all but two of `NARROW`."""
    known = sorted(op.supported_dtypes("cpu") & DTYPES.keys(), key=str)
    if not _judged.strict:  # other engines have the usual dtypes at most
        known = [d for d in known if d not in NARROW]
    left = rng.choice(NARROW)
    if name_of(op) in NOT_IN_HALF and torch.float16 in known:
        known.remove(torch.float16)
    return [d for d in known if share is None or d not in NARROW or d is left]


def samples_of(
    op: Any, dtype: torch.dtype, requires_grad: bool = False, seed: int = 0
) -> Iterator[Any]:
    """The samples of an op, as PyTorch's tests draw them; a seed other than 0 gives others.

    Then its reference inputs are among them. All come from the functions of an entry: its methods
    look through the stack for a test of PyTorch's, which takes 0.3 seconds where many modules
    are loaded.

    >>> op = op_named("exp")
    >>> a, b = (next(samples_of(op, torch.float32, seed=s)).input for s in (0, 1))
    >>> bool((a == b).all())
    False
    """
    set_rng_seed(seed or SEED)
    for sample in op.sample_inputs_func(op, "cpu", dtype, requires_grad):
        yield sample
        if not seed:
            set_rng_seed(SEED)  # PyTorch's tests do so before each sample
    if seed and op.reference_inputs_func:
        with suppress(ValueError):  # of PyTorch's function, if it makes integers that require grad
            yield from op.reference_inputs_func(op, "cpu", dtype, requires_grad)


def _check_errors(op: Any, form: Form, tried: Any) -> None:
    """Run the error inputs: each must raise the type of error that the database names."""

    def call(error_input: Any) -> None:
        inputs = Inputs(error_input.sample_input, True)
        theirs = outcome(form.theirs, inputs.their_args, inputs.their_options)
        if not isinstance(theirs, Exception):  # the database expects it of another form
            return
        ours = outcome(form.ours, inputs.our_args, inputs.our_options)
        if not isinstance(ours, error_input.error_type):
            got = type(ours).__name__ if isinstance(ours, Exception) else "no error"
            wanted = error_input.error_type
            raise Difference(f"{got}, not {wanted}: {error_input.error_regex!r:.120}")

    for error_input in op.error_inputs_func(op, "cpu") if op.error_inputs_func else ():
        of_tensor = isinstance(error_input.sample_input.input, torch.Tensor)
        if op.name.startswith("__") and not of_tensor:
            continue  # Python raises the error for a method of something else
        tried("error input", lambda each=error_input: call(each))


def _tried(verdict: Verdict, what: str, run: Callable[[], Any]) -> Any:
    """Call a function, and note a difference."""
    try:
        result = run()
    except Untranslatable:
        verdict.left_out += 1
        return None
    except Difference as difference:
        verdict.differences.append(f"{what}: {difference}".removeprefix(": "))
        result = None
    verdict.samples += bool(what) and what != "samples"
    return result


# The command --------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 if an op that isn't in `SHORTFALLS` falls short."""
    parser = argparse.ArgumentParser(
        "python -m bridge.conformance.operator_database", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("op", nargs="*", help="names of entries, or of ops with all variants")
    parser.add_argument("--share", type=int, help="samples of each dtype and form (all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (0)")
    parser.add_argument("--missing", action="store_true", help="name the ops that don't exist")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    chosen = {
        name: op for name, op in OPS.items() if not options.op or {name, op.name} & {*options.op}
    }
    if not chosen:
        parser.error(f"no such op: {', '.join(options.op)}")
    there = {name: op for name, op in chosen.items() if counterpart(op) is not None}
    failing = {}
    for name, op in there.items():
        verdict = check(op, options.share, options.seed)
        print(_row(name, verdict), flush=True)
        for text, count in _counted(verdict.differences)[:5]:
            print(f"    {count} × {text}", flush=True)
        if not verdict.passes:
            failing[name] = verdict
    _print_summary(chosen, there, failing, options.missing)
    return int(bool(failing.keys() - SHORTFALLS.keys() - {*NO_SAMPLES}))


def _row(name: str, verdict: Verdict) -> str:
    word = "passes" if verdict.passes else "falls short" if verdict.samples else "no sample fits"
    left_out = f", {verdict.left_out} left out" if verdict.left_out else ""
    return f"{name:45} {word:12} {verdict.samples} samples{left_out}"


def _counted(differences: list[str]) -> list[tuple[str, int]]:
    """The differences without the numbers that vary, and how often each occurs."""
    kinds: dict[str, list[str]] = {}
    for text in differences:
        kinds.setdefault("".join(c for c in text if not c.isdigit())[:60], []).append(text)
    return [(texts[0], len(texts)) for texts in kinds.values()]


def _print_summary(chosen: Any, there: Any, failing: Any, missing: bool) -> None:
    with_autograd = [name for name, op in chosen.items() if op.supports_autograd]
    passing = [name for name in there if name not in failing]
    both = len({*with_autograd} & {*passing})
    print(
        f"\n{len(chosen)} entries, of which {len(there)} exist and {len(passing)} pass; "
        f"{len(with_autograd)} have autograd, of which {both} pass"
    )
    for name in failing:
        print(f"falls short: {name}  {SHORTFALLS.get(name, '')}")
    if missing:
        print("missing:", *(name for name in chosen if name not in there))


if __name__ == "__main__":
    sys.exit(main())
