"""Multi-head attention: the function and the layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

from ..api.creation import empty, zeros, zeros_like
from ..api.functions import baddbmm, bmm, cat
from ..api.tensor import Tensor
from ..core.warning import warn
from ..rules.dtypes import bool as boolean
from ..rules.dtypes import dtype as DType
from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


class SDPBackend(Enum):
    """PyTorch's ways to compute `scaled_dot_product_attention`. Here there is one: MATH."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(
    backends: Sequence[SDPBackend] | SDPBackend, set_priority: bool = False
) -> Iterator[dict[str, Any]]:
    """Allow only some ways to compute attention in this context: nothing to do, there is one.

    AssertionError for anything but a backend or a list of them.

    >>> from minigrad.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     y = F.scaled_dot_product_attention(*[minigrad.ones(1, 2, 2)] * 3)
    """
    given = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(given, list) or not all(isinstance(b, SDPBackend) for b in given):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    yield {}


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear`, under the name that it has in `MultiheadAttention`."""


class MultiheadAttention(Module):
    """Attention in `num_heads` parts of the features: `multi_head_attention_forward`.

    Shapes: query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); with `batch_first` N
    comes first, and all may be without N. The results are (L, N, embed_dim) and, with
    `need_weights`, the weights (N, L, S), averaged over the heads, or (N, num_heads, L, S).
    `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N × num_heads, L, S) are added to the
    logits, or are True where there is no attention. Vaswani et al., "Attention Is All You Need"
    (2017).

    >>> layer = nn.MultiheadAttention(4, 2, batch_first=True)
    >>> x = minigrad.zeros(3, 5, 4)
    >>> output, weights = layer(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([3, 5, 4]), torch.Size([3, 5, 5]))
    """

    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        same, e = self._qkv_same_embed_dim, embed_dim
        sizes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": None if same else (e, e),
            "k_proj_weight": None if same else (e, self.kdim),
            "v_proj_weight": None if same else (e, self.vdim),
            "in_proj_weight": (3 * e, e) if same else None,
            "in_proj_bias": (3 * e,) if bias else None,
            "bias_k": (1, 1, e) if add_bias_kv else None,
            "bias_v": (1, 1, e) if add_bias_kv else None,
        }
        if same:  # PyTorch's order
            sizes = {"in_proj_weight": sizes.pop("in_proj_weight"), **sizes}
        for name, each in sizes.items():
            if name == "bias_k":
                self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias, device, dtype)
            values = None if each is None else empty(each, device=device, dtype=dtype)
            self.register_parameter(name, None if values is None else Parameter(values))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            assert self.out_proj.bias is not None
            init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        key_padding_mask = added_mask(key_padding_mask, "key_padding_mask", query, attn_mask)
        attn_mask = added_mask(attn_mask, "attn_mask", query)
        swapped = self.batch_first and query.dim() == 3
        if swapped:  # one tensor stays one tensor, because it is then projected at once
            turned = {id(x): x.transpose(1, 0) for x in (query, key, value)}
            query, key, value = (turned[id(x)] for x in (query, key, value))
        output, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if swapped else output), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Return multi-head attention and its weights; see `MultiheadAttention`, whose N is second.

    `static_k` and `static_v` (N × num_heads, S, embed_dim / num_heads) replace the projections of
    `key` and `value`. Raises AssertionError or RuntimeError for shapes that don't fit.
    """
    is_batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    steps, batch, features = query.shape
    key_padding_mask = added_mask(key_padding_mask, "key_padding_mask", query, attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint says it all
    else:
        attn_mask = added_mask(attn_mask, "attn_mask", query)
        is_causal = is_causal and key_padding_mask is None
    _check_features(features, embed_dim_to_check, num_heads)
    q, k, v = _projected(
        (query, key, value),
        in_proj_weight,
        in_proj_bias,
        (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None,
    )
    attn_mask = _in_three_dims(attn_mask, batch * num_heads, steps, key.shape[0])
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must both be given, or neither")
    added = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to a static key or value")
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        added += 1
    # From (steps, N, features) to (N × heads, steps, features of a head).
    heads, width = batch * num_heads, features // num_heads
    q, k, v = (x.contiguous().view(x.shape[0], heads, width).transpose(0, 1) for x in (q, k, v))
    k, v = _static(static_k, k, "static_k"), _static(static_v, v, "static_v")
    if add_zero_attn:
        nothing = zeros(heads, 1, width, dtype=k.dtype)
        k, v = cat([k, nothing], dim=1), cat([v, nothing], dim=1)
        added += 1
    if added and attn_mask is not None:
        attn_mask = F.pad(attn_mask, (0, added))
    if added and key_padding_mask is not None:
        key_padding_mask = F.pad(key_padding_mask, (0, added))
    mask = _merged(attn_mask, key_padding_mask, batch, num_heads, k.shape[1])
    attend = _attention_with_weights if need_weights else _attention
    output, weights = attend(
        q, k, v, mask, dropout_p if training else 0.0, is_causal, batch, num_heads
    )
    output = F.linear(output.reshape(steps * batch, features), out_proj_weight, out_proj_bias)
    output = output.view(steps, batch, output.shape[1])
    if weights is not None and average_attn_weights:
        weights = weights.mean(dim=1)
    if is_batched:
        return output, weights
    return output.squeeze(1), None if weights is None else weights.squeeze(0)


def _static(given: Tensor | None, projected: Tensor, name: str) -> Tensor:
    """The given keys or values, or else the projected ones."""
    if given is None:
        return projected
    heads, _, width = projected.shape
    if given.shape[0] != heads or given.shape[2] != width:
        raise AssertionError(f"expecting {name} of shape ({heads}, S, {width}), got {given.shape}")
    return given


def _attention_with_weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    dropout: float,
    is_causal: bool,
    batch: int,
    num_heads: int,
) -> tuple[Tensor, Tensor | None]:
    scaled = q * math.sqrt(1.0 / float(q.shape[-1]))
    turned = k.transpose(-2, -1)
    logits = bmm(scaled, turned) if mask is None else baddbmm(mask, scaled, turned)
    weights = F.softmax(logits, dim=-1)
    if dropout > 0.0:
        weights = F.dropout(weights, p=dropout)
    return bmm(weights, v).transpose(0, 1), weights.view(batch, num_heads, *weights.shape[1:])


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    dropout: float,
    is_causal: bool,
    batch: int,
    num_heads: int,
) -> tuple[Tensor, Tensor | None]:
    q, k, v = (x.view(batch, num_heads, *x.shape[1:]) for x in (q, k, v))
    if mask is not None:
        one = mask.shape[0] == 1
        mask = mask.unsqueeze(0) if one else mask.view(batch, num_heads, -1, k.shape[2])
    output = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal)
    return output.permute(2, 0, 1, 3).contiguous(), None


def _projected(
    inputs: tuple[Tensor, Tensor, Tensor],
    weight: Tensor | None,
    bias: Tensor | None,
    separate: tuple[Any, ...] | None,
) -> Any:
    """Return the projections of query, key and value."""
    _, key, value = inputs
    if separate is None:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        assert weight is not None
        return _in_projection_packed(*inputs, weight, bias)
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    return _in_projection(*inputs, *separate, *((None,) * 3 if bias is None else bias.chunk(3)))


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Return the projections of query, key and value, whose weights are one below the other.

    Those of one tensor are computed as one product, as in PyTorch, so that sums have its order.
    """
    if q is k and k is v:
        return _parts(F.linear(q, w, b), 3)
    if k is v:
        sizes = [q.shape[-1], 2 * q.shape[-1]]
        w_query, w_both = w.split(sizes)
        b_query, b_both = (None, None) if b is None else b.split(sizes)
        return F.linear(q, w_query, b_query), *_parts(F.linear(k, w_both, b_both), 2)
    biases = (None,) * 3 if b is None else b.chunk(3)
    parts = zip((q, k, v), w.chunk(3), biases, strict=True)
    return tuple(F.linear(x, weight, bias) for x, weight, bias in parts)


def _in_projection(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    b_q: Tensor | None = None,
    b_k: Tensor | None = None,
    b_v: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return the projections of query, key and value. AssertionError for other shapes."""
    features = q.shape[-1]
    found = []
    for name, x, w, b in (
        ("query", q, w_q, b_q),
        ("key", k, w_k, b_k),
        ("value", v, w_v, b_v),
    ):
        if w.shape != (features, x.shape[-1]):
            expected = features, x.shape[-1]
            raise AssertionError(f"expecting {name} weights shape of {expected}, but got {w.shape}")
        if b is not None and b.shape != (features,):
            raise AssertionError(f"expecting {name} bias shape of {(features,)}, but got {b.shape}")
        found.append(F.linear(x, w, b))
    return tuple(found)


def _parts(projection: Tensor, count: int) -> tuple[Tensor, ...]:
    """The parts of a projection along its last dimension, one after the other in memory."""
    apart = projection.unflatten(-1, (count, -1)).unsqueeze(0).transpose(0, -2).squeeze(-2)
    together = apart.contiguous()
    return tuple([together[i] for i in range(count)])


# Masks and checks ---------------------------------------------------------------------------------


def added_mask(
    mask: Tensor | None,
    name: str,
    query: Tensor,
    other: Tensor | None = None,
    other_name: str = "attn_mask",
) -> Any:
    """Return a mask to add to the logits: −inf where a boolean mask is True.

    It warns if the `other` mask has another dtype. AssertionError for integers.
    """
    return _canonical_mask(mask, name, _none_or_dtype(other), other_name, query.dtype)


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: DType | None,
    other_name: str,
    target_type: DType,
    check_other: bool = True,
) -> Tensor | None:
    """`added_mask` for given dtypes: that of the other mask, and that of the result."""
    if mask is None:
        return None
    if mask.dtype != boolean and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            UserWarning,
        )
    if mask.dtype != boolean:
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _none_or_dtype(input: Tensor | None) -> DType | None:
    """The dtype of a tensor, or None. RuntimeError for anything else."""
    if input is None or isinstance(input, Tensor):
        return None if input is None else input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _in_three_dims(mask: Tensor | None, heads: int, steps: int, sources: int) -> Tensor | None:
    if mask is None:
        return None
    sizes = {2: (steps, sources), 3: (heads, steps, sources)}
    if mask.dim() not in sizes:
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    if tuple(mask.shape) != sizes[mask.dim()]:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be "
            f"{sizes[mask.dim()]}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _merged(
    attn_mask: Tensor | None, padding: Tensor | None, batch: int, num_heads: int, sources: int
) -> Tensor | None:
    if padding is None:
        return attn_mask
    if tuple(padding.shape) != (batch, sources):
        raise AssertionError(
            f"expecting key_padding_mask shape of {(batch, sources)}, but got {padding.shape}"
        )
    padding = padding.view(batch, 1, 1, sources).expand(-1, num_heads, -1, -1)
    padding = padding.reshape(batch * num_heads, 1, sources)
    return padding if attn_mask is None else attn_mask + padding


def _check_features(features: int, expected: int, num_heads: int) -> None:
    if features != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {features}")
    if features % num_heads:
        raise AssertionError(f"embed_dim {features} not divisible by num_heads {num_heads}")


def _mha_shape_check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Tell whether the query is batched. Raises AssertionError for dimensions that don't fit."""
    dims = query.dim()
    kind = {3: "batched (3-D)", 2: "unbatched (2-D)"}.get(dims)
    if kind is None:
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {dims}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {dims - 1}-D but "
            f"found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{attn_mask.dim()}-D tensor instead"
        )
    if dims == 2 and attn_mask is not None and attn_mask.dim() == 3:
        expected = num_heads, query.shape[0], key.shape[0]
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}"
            )
    return dims == 3
