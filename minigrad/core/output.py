"""`out=`: a tensor that a function writes its result to, and returns.

A function that takes it is a copy of one that doesn't, so methods and operators refuse it, as in
PyTorch. The result is computed as usual and then stored: the tensor is resized to its shape, and
keeps its own dtype. `KINDS` says which functions take it, and which dtypes it may have.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from ..rules.dtypes import of_numpy, scalar_name
from ..rules.promotion import same_category_or_higher
from .arguments import UNGIVEN, call_by_names, taking_numpy_names
from .dispatch import OPS, with_keywords
from .errstate import quiet
from .grad_mode import grad_mode
from .inference import refuse_inference
from .inplace import refuse_memory, refuse_overlap
from .late import late_function
from .resizing import resize_array
from .tensor import TensorBase
from .versions import count_write, hold, let_go
from .warning import warn

# By module, the functions that take `out=`, by what the dtype of `out` may be:
# - "cast": one that the result's may be cast to: of the same category, or a higher one.
# - "one": the same, but if there are several results, those of the results.
# - "same": that of the result.
# - "bool": bool or uint8.
# - "dtype": any; the op computes in it, as if it were the option `dtype`.
# - "input": one that the input's may be cast to; the op computes in it.
# - "join": as "cast", but the error is a TypeError.
# - "any": any.
KINDS: dict[str, dict[str, str]] = {
    "": {
        "cast": """
acos acosh add addcdiv addcmul addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin
asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
cholesky cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip copysign cos cosh deg2rad
diff digamma div divide eq erf erfc erfinv exp exp2 expm1 floor_divide fmax fmin fmod gcd ge geqrf
ger greater greater_equal gt hypot i0 igamma igammac inner kron lcm ldexp le lerp less less_equal
lgamma log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
logit lt matrix_power maximum minimum mul multiply mvlgamma ne nextafter not_equal orgqr outer
polygamma pow rad2deg reciprocal remainder rsqrt sigmoid sin sinc sinh sqrt square sub subtract tan
tanh true_divide xlogy""",
        "one": "max min",
        "same": """
abs absolute addbmm addmm addmv alias_copy amax amin aminmax argmax argmin argsort as_strided_copy
baddbmm bitwise_not bmm bucketize ceil chain_matmul conj_physical cross cummax cummin detach_copy
diag diagonal_copy dot expand_copy fix float_power floor frac frexp frobenius_norm gather hardshrink
heaviside histc histogram index_add index_copy index_reduce index_select inverse isin isneginf
isposinf kthvalue log_softmax logcumsumexp lu_solve lu_unpack masked_select matmul median mm mode
msort mv nan_to_num nanmedian nanquantile narrow_copy native_batch_norm neg negative nonzero
nonzero_static nuclear_norm ormqr permute_copy qr quantile renorm round scatter scatter_add
scatter_reduce searchsorted select_copy sgn sign signbit slice_copy slice_scatter slogdet softmax
sort split_copy split_with_sizes_copy squeeze_copy svd t_copy take take_along_dim tensordot
threshold topk transpose_copy triangular_solve tril triu trunc unbind_copy unfold_copy
unsqueeze_copy vdot view_copy where""",
        "any": "lu",
        "bool": "all any",
        "dtype": "cumprod cumsum mean nanmean nansum prod sum",
        "input": "logsumexp std var",
        "join": "cat column_stack concat concatenate dstack hstack row_stack stack vstack",
    },
    "linalg": {
        "cast": """
cond householder_product lstsq matrix_power matrix_rank pinv tensorinv tensorsolve""",
        "same": """
cholesky cholesky_ex cross det eigh eigvalsh inv inv_ex ldl_factor ldl_factor_ex ldl_solve lu
lu_factor lu_factor_ex lu_solve matmul matrix_norm multi_dot norm qr slogdet solve solve_ex
solve_triangular svd svdvals vecdot vector_norm""",
    },
    "special": {
        "cast": """
airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
chebyshev_polynomial_v chebyshev_polynomial_w digamma entr erf erfc erfcx erfinv exp2 expit expm1
gammainc gammaincc gammaln hermite_polynomial_h hermite_polynomial_he i0 i0e i1 i1e
laguerre_polynomial_l legendre_polynomial_p log1p log_ndtr logit modified_bessel_i0
modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 multigammaln ndtr ndtri polygamma psi
scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t
shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w sinc
spherical_bessel_j0 xlog1py xlogy zeta""",
        "same": "round",
        "input": "logsumexp",
    },
    "nn.functional": {
        "cast": "normalize",
        "same": "avg_pool2d avg_pool3d gelu hardshrink linear logsigmoid softplus softshrink",
    },
}
# Functions whose forms without `dim` don't take it.
_NEED_DIM = ("median", "nanmedian", "prod", "sum")


@functools.cache
def kind_of(module: str, name: str) -> str:
    """What the dtype of the `out=` of a function may be: a key of `KINDS`, or "" without `out=`.

    >>> kind_of("", "add"), kind_of("", "relu")
    ('cast', '')
    """
    kinds = KINDS.get(module, {}).items()
    return next((kind for kind, names in kinds if name in names.split()), "")


def taking_out(module: str, functions: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    """The functions of a module of PyTorch's by name, where those that take `out=` do."""
    return {
        name: _taking_out(name, function, kind) if (kind := kind_of(module, name)) else function
        for name, function in functions.items()
    }


def _taking_out(name: str, function: Any, kind: str) -> Any:
    """A copy of a function that takes `out=`."""
    if "plain" in vars(function):
        return taking_numpy_names(_taking_out(name, function.plain, kind))
    of_rule = "definition" in function.__globals__
    copy = _copied(function, kind) if of_rule else _wrapped(name, function, kind)
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name != "out"]
    several = "Tensor | Sequence[Tensor] | None"
    out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=several)
    last = len(parameters) - any(p.kind is p.VAR_KEYWORD for p in parameters)
    parameters.insert(last, out)
    copy.__name__, copy.__qualname__, copy.__module__ = name, name, function.__module__
    copy.__doc__ = function.__doc__
    vars(copy)["__signature__"] = signature.replace(parameters=parameters)
    return copy


def _copied(op: FunctionType, kind: str) -> FunctionType:
    """A copy of an op. Only its way of handling unknown keywords differs, so it is as fast."""

    def call(_: Any, given: dict[str, Any], others: dict[str, Any]) -> Any:
        out = others.pop("out", None)
        if out is None:
            return call_by_names(op, given, others)
        run = functools.partial(call_by_names, op)
        return written(op.__name__, lambda **given: run(given, others), out, kind, given)

    return with_keywords(op, call)


_WRAPPER = """\
def {name}({parameters}, out=None{extra}):
    if out is None:{shortcut}
        return function({arguments})
    return written({name!r}, function, out, {kind!r}, dict({named}), {positional})
"""


def _wrapped(name: str, function: Any, kind: str) -> FunctionType:
    """A function of the same parameters and `out`, which calls the function."""
    before: list[str] = []  # what is given by position to a function of any number of operands
    parameters: list[str] = []
    arguments: list[str] = []
    named: list[str] = []
    extra, star = "", False
    defaults: dict[str, Any] = {}
    # A decorated function may take more than its signature says, such as an old order.
    for p in inspect.signature(function, follow_wrapped=False).parameters.values():
        if p.name == "out":
            continue
        if p.kind is p.VAR_POSITIONAL:
            star, before, named = True, [*arguments, f"*{p.name}"], []
            parameters.append(f"*{p.name}")
            arguments.append(f"*{p.name}")
        elif p.kind is p.VAR_KEYWORD:
            extra = f", **{p.name}"
            arguments.append(f"**{p.name}")
            named.append(f"**{p.name}")
        else:
            if p.kind is p.KEYWORD_ONLY and not star:
                star = True
                parameters.append("*")
            if p.default is not p.empty:
                defaults[f"default_{p.name}"] = p.default
            required = p.default is p.empty
            parameters.append(p.name if required else f"{p.name}=default_{p.name}")
            arguments.append(f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else p.name)
            named.append(f"{p.name}={p.name}")
    source = functools.partial(
        _WRAPPER.format,
        name=name,
        parameters=", ".join(parameters if star else [*parameters, "*"]),
        arguments=", ".join(arguments),
        named=", ".join(named),
        positional=f"[{', '.join(before)}]",
        extra=extra,
        kind=kind,
        shortcut=_shortcut(before, extra),
    )
    names: dict[str, Any] = {"function": function, "written": written} | defaults
    file = f"{__file__} ({function.__module__}.{name})"
    return late_function(name, file, source, names)


def _shortcut(before: Sequence[str], extra: str) -> str:
    """The statement of a call without further arguments, for a function of any number of them."""
    if not (before and extra):
        return ""
    *first, others = before
    nothing = f"not ({others.lstrip('*')} or {extra.lstrip(', *')})"
    return f"\n        if {nothing}:\n            return function({', '.join(first)})"


# The write ----------------------------------------------------------------------------------------


def written(
    name: str,
    function: Callable[..., Any],
    out: Any,
    kind: str,
    options: dict[str, Any],
    operands: Sequence[Any] = (),
) -> Any:
    """Call a function, store its result in `out`, and return that; a tuple of tensors for several.

    RuntimeError for a dtype that doesn't fit, for tensors that require grad, and for memory that
    the operands use too.
    """
    outs = _tensors_of(out, name)
    dim = options.get("dim", UNGIVEN)
    if name in _NEED_DIM and (dim is UNGIVEN or (dim is None and "median" in name)):
        raise TypeError(f"{name}() received an invalid combination of arguments: 'out' needs 'dim'")
    if kind in ("dtype", "input"):
        options = _computing_in(outs[0]._array.dtype, kind, options)
    result = function(*operands, **options)
    if isinstance(result, TensorBase) != isinstance(out, TensorBase):
        wanted = "Tensor" if isinstance(result, TensorBase) else "tuple of Tensors"
        raise TypeError(f"{name}(): argument 'out' must be {wanted}, not {type(out).__name__}")
    named = hasattr(result, "_fields")
    results = [result] if isinstance(result, TensorBase) else list(result)
    plain = name.endswith("_copy") or name == "native_batch_norm"  # tuples without names
    if not (isinstance(result, TensorBase) or named or plain):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if len(results) != len(outs):
        raise TypeError(f"expected tuple of {len(results)} elements but got {len(outs)}")
    others = list(_tensors_in((*operands, *options.values())))
    if others and others[0] is out and hasattr(out, f"{name}_"):
        del others[0]  # as in place
    for each, value in zip(outs, results, strict=True):
        if grad_mode.enabled and (value.requires_grad or (_is_float(value) and each.requires_grad)):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic "
                "differentiation, but one of the arguments requires grad."
            )
        _refuse_dtype(each._array, value._array, kind if len(outs) == 1 else _OF_SEVERAL[kind])
    for each, value in zip(outs, results, strict=True):
        _store(each, value._array, name, others)
    if isinstance(result, TensorBase):
        return out
    if named:
        return type(result)(*outs)
    return None if name.endswith("_copy") else tuple(outs)


_OF_SEVERAL = {"one": "same", "same": "same", "cast": "cast", "any": "any"}


def _is_float(x: TensorBase) -> bool:
    return x._array.dtype.kind == "f"


def _tensors_of(out: Any, name: str) -> list[TensorBase]:
    outs = list(out) if isinstance(out, tuple | list) else [out]
    for each in outs:
        if not isinstance(each, TensorBase):
            kind = type(each).__name__
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {kind}")
    return outs


def _tensors_in(arguments: Sequence[Any]) -> Iterator[TensorBase]:
    for x in arguments:
        if isinstance(x, TensorBase):
            yield x
        elif isinstance(x, tuple | list):
            yield from _tensors_in(x)


def _computing_in(dtype: np.dtype, kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call that computes in the dtype of `out`."""
    wanted = of_numpy(dtype)
    if kind == "dtype":
        given = options.get("dtype")
        if given is not None and given is not wanted:
            raise RuntimeError(
                f"Expected out tensor to have dtype {given.c_name}, but got {wanted.c_name} instead"
            )
        return options | {"dtype": wanted}
    x = options["input"]
    if isinstance(x, TensorBase) and x._array.dtype.kind == "f" and x._array.dtype is not dtype:
        _refuse_dtype(np.empty(0, dtype), x._array, "cast")
        return options | {"input": OPS["cast"](x, dtype)}
    return options


def _refuse_dtype(target: np.ndarray, result: np.ndarray, kind: str) -> None:
    """RuntimeError unless the dtype of `out` is one that its function accepts."""
    if target.dtype is result.dtype or kind == "any" or (kind == "bool" and target.dtype == "u1"):
        return
    if kind in ("bool", "same"):
        wanted, got = of_numpy(result.dtype).c_name, of_numpy(target.dtype).c_name
        raise RuntimeError(f"Expected out tensor to have dtype {wanted}, but got {got} instead")
    if not same_category_or_higher(result.dtype, target.dtype):
        which = (
            "torch.cat(): input types" if kind == "join" else f"result type {scalar_name(result)}"
        )
        error = TypeError if kind == "join" else RuntimeError
        raise error(f"{which} can't be cast to the desired output type {scalar_name(target)}")


def _store(out: TensorBase, result: np.ndarray, name: str, operands: Sequence[TensorBase]) -> None:
    """Store a result in a tensor, which gets its shape, with a warning unless it was empty."""
    refuse_inference(out)
    if out._array.shape != result.shape:
        _warn_of_resizing(out._array, result.shape)
        steps = [step // result.itemsize * out._array.itemsize for step in result.strides]
        resize_array(out, result.shape, steps if result.size else None)
    target = out._array
    refuse_memory(target, f"{name}(out=...)")
    refuse_overlap(target, operands, name)
    hold()  # another thread must not write at the same time
    try:
        quiet.call(np.copyto, target, result, "unsafe")
    finally:
        let_go()
    count_write(out._counter)


def _warn_of_resizing(target: np.ndarray, shape: tuple[int, ...]) -> None:
    if target.size:
        warn(
            f"An output with one or more elements was resized since it had shape "
            f"{list(target.shape)}, which does not match the required output shape {list(shape)}. "
            "This behavior is deprecated: resize it first, with out.resize_(0).",
            UserWarning,
        )


# Functions that create tensors --------------------------------------------------------------------


# What makes a row of numbers. It fills any shape that has as many elements.
_RANGES = ("arange", "linspace", "logspace", "range")


def _in_shape_of(target: np.ndarray, row: np.ndarray, name: str) -> np.ndarray:
    """The numbers of a range in the shape of `out`, if it has as many elements."""
    if target.size == row.size:
        return row.reshape(target.shape)
    if target.size and name == "arange":
        warn(
            f"The number of elements in the out tensor of shape {list(target.shape)} is "
            f"{target.size} which does not match the computed number of elements {row.size}. "
            "It gets another shape.",
            UserWarning,
        )
    return row


def created(
    make: Callable[..., Any], options: dict[str, Any], *arguments: Any, **others: Any
) -> Any:
    """Call a function that creates a tensor, and store the result in `options["out"]`, if any.

    It computes in the dtype of `out`. RuntimeError for an option `dtype` that is another one.
    """
    out = options["out"]
    options = {name: value for name, value in options.items() if name != "out"}
    if out is None:
        return make(*arguments, **others, **options)
    name = make.__name__
    (tensor,) = _tensors_of(out, name)
    kind, given = of_numpy(tensor._array.dtype), others.pop("dtype", None)
    if given is not None and given is not kind:
        raise RuntimeError(
            f"dtype {given.scalar_name} does not match dtype of out parameter ({kind.scalar_name})"
        )
    if grad_mode.enabled and tensor.requires_grad:
        raise RuntimeError(
            f"aten::{name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )
    requires_grad = options.pop("requires_grad", False)
    result = make(*arguments, **others, dtype=kind, **options)._array
    if name in _RANGES:
        result = _in_shape_of(tensor._array, result, name)
    if tensor._array.shape != result.shape:
        resize_array(tensor, result.shape)  # without a warning, unlike an op
    _store(tensor, result, name, ())
    return tensor.requires_grad_() if requires_grad else tensor
