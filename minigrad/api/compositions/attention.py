"""Attention, and the bilinear map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.dispatch import OPS
from ...core.one_node import as_one_node, one_node
from ...core.tensor import require_tensor, wrap
from ...core.tracing import constant
from ...rules.dtypes import bool as boolean
from ...rules.dtypes import float32
from ...rules.layout import elementwise
from ...rules.presentation import FUNCTION
from .basic import matmul
from .half import in_float32
from .registry import composed
from .shape import repeat_interleave
from .with_numbers import times

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION, module="nn.functional")
@in_float32
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(scale × query keyᵀ + mask) value: (*, L, E) (*, S, E) (*, S, V) → (*, L, V).

    `scale` is 1 / √E by default. A bool mask tells which keys take part; a float mask is added.
    `is_causal` lets a query see the keys up to its own position. A query that sees no key gets
    zeros. `enable_gqa` repeats the heads of keys and values (Vaswani et al., 2017).

    >>> x = minigrad.tensor([[1., 0.]])
    >>> minigrad.nn.functional.scaled_dot_product_attention(x, x, x)
    tensor([[1., 0.]])
    """
    for place, (name, each) in enumerate((("query", query), ("key", key), ("value", value)), 1):
        require_tensor(each, "scaled_dot_product_attention", name, place)
        if each.dtype != query.dtype:
            raise RuntimeError(
                "Expected query, key, and value to have the same dtype, but got query.dtype: "
                f"{query.dtype}, key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
            )
        if each.ndim < 2:
            raise RuntimeError(
                "Expected query, key, and value to all be at least 2 dimensional, but got "
                f"{query.ndim}, {key.ndim} and {value.ndim} instead."
            )
    if attn_mask is not None and is_causal:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if attn_mask is not None and attn_mask.dtype not in (boolean, float32, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {attn_mask.dtype} and query.dtype: {query.dtype} instead."
        )
    operands = query, key, value
    fused = dropout_p == 0 and _has_kernel(query, key, value, attn_mask, enable_gqa)
    if enable_gqa:
        heads = query.shape[-3]
        key, value = (repeat_interleave(x, heads // x.shape[-3], -3) for x in (key, value))
    length, width = query.shape[-2:]
    factor = math.sqrt(1 / math.sqrt(width) if scale is None else scale)
    scores = matmul(times(query, factor), times(key.transpose(-2, -1), factor))
    if is_causal:
        attn_mask = wrap(constant(np.tri(length, key.shape[-2], dtype=bool)))
    if attn_mask is not None:
        if attn_mask._array.dtype.kind == "b":
            zeros = np.zeros(attn_mask.shape, query._array.dtype)
            attn_mask = OPS["masked_fill"](wrap(constant(zeros)), ~attn_mask, -math.inf)
        scores = scores + attn_mask
    blind = (scores == -math.inf).all(-1, keepdim=True)
    visible = scores
    if is_blind := blind._array.any():
        visible = OPS["masked_fill"](scores, blind, 0)  # else the gradient is NaN
    weights = OPS["softmax"](visible, -1)
    if is_blind:
        weights = OPS["masked_fill"](weights, blind, 0)
    weights = as_one_node(weights, "SafeSoftmaxBackward0", scores)
    if dropout_p > 0:
        mask = wrap(np.empty_like(weights._array)).bernoulli_(1 - dropout_p) / (1 - dropout_p)
        weights = weights * mask
    result = matmul(weights, value)
    if fused:
        result._array = elementwise(result._array, (query._array,))
        as_one_node(result, "ScaledDotProductFlashAttentionForCpuBackward0", *operands)
    return result


def _has_kernel(query: Tensor, key: Tensor, value: Tensor, mask: Any, enable_gqa: bool) -> bool:
    """Whether PyTorch has one kernel for these operands, whose result has the query's layout.

    It is for four dimensions, the last one of equal size and innermost in memory.
    """
    q, *others = arrays = [each._array for each in (query, key, value)]
    if any(x.ndim != 4 or x.strides[-1] != x.itemsize or not x.size for x in arrays):
        return False
    if any(x.shape[0] != q.shape[0] or x.shape[-1] != q.shape[-1] for x in others):
        return False
    if not enable_gqa and any(x.shape[1] != q.shape[1] for x in others):
        return False
    return mask is None or (mask.ndim in (2, 4) and not mask.requires_grad)


@composed(FUNCTION, module="nn.functional")
@composed(FUNCTION)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return Σ input1[i] weight[o, i, j] input2[j] + bias[o]: (*, I) (*, J) (O, I, J) → (*, O).

    RuntimeError for shapes that don't fit.

    >>> x = minigrad.tensor([[1., 2.]])
    >>> minigrad.bilinear(x, x, minigrad.ones(1, 2, 2))
    tensor([[9.]])
    """
    require_tensor(input1, "bilinear", "input1")
    require_tensor(input2, "bilinear", "input2", 2)
    require_tensor(weight, "bilinear", "weight", 3)
    lead = tuple(input1.shape[:-1])
    if tuple(input2.shape[:-1]) != lead:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: {list(input1.shape)} and "
            f"{list(input2.shape)}"
        )
    outputs, first, second = weight.shape
    if (input1.shape[-1], input2.shape[-1]) != (first, second):
        raise RuntimeError(
            f"bilinear(): input1 size does not match weight size: got {input1.shape[-1]} and "
            f"{input2.shape[-1]} but expected {first} and {second}"
        )
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(f"bilinear(): bias size does not match weight size: {list(bias.shape)}")
    rows = math.prod(lead)
    y = _trilinear(input1.reshape(rows, first), weight, input2.reshape(rows, second))
    y = y.reshape(*lead, outputs)
    return y if bias is None else y + bias


@one_node("TrilinearBackward0", "first", "weight", "second")
def _trilinear(first: Tensor, weight: Tensor, second: Tensor) -> Tensor:
    outputs, width, other = weight.shape
    filters = weight.permute(1, 0, 2).reshape(width, outputs * other)
    products = OPS["mm"](first, filters).reshape(len(first), outputs, other)
    return (products * second.unsqueeze(1)).sum(-1).to(first.dtype)
