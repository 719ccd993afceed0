"""Transformer layers, and the encoder and decoder that stack them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

from ..api.creation import full
from ..api.functions import triu
from ..api.tensor import Tensor
from ..core.grad_mode import is_grad_enabled
from . import functional as F
from . import init
from .attention import MultiheadAttention, added_mask
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

Activation = Callable[[Tensor], Tensor]


def _get_activation_fn(activation: str) -> Activation:
    """The function of a name. RuntimeError for any but "relu" and "gelu"."""
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _activation(given: str | Activation) -> Activation:
    return _get_activation_fn(given) if isinstance(given, str) else given


def _get_clones(module: Module, N: int) -> ModuleList:
    """A list of copies of a module."""
    return ModuleList(copy.deepcopy(module) for _ in range(N))


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    """A mask (sz, sz) that is −inf above the diagonal, where j comes after i."""
    return triu(full((sz, sz), float("-inf"), dtype=dtype, device=device), diagonal=1)


class _TransformerLayer(Module):
    """Attention and a feedforward network, each added to its input and normalised.

    Both kinds of layers have these steps. With `norm_first` a step normalises its input, otherwise
    the sum.
    """

    norm_first: bool
    activation: Activation

    def _step(self, x: Tensor, norm: LayerNorm, change: Activation) -> Tensor:
        return x + change(norm(x)) if self.norm_first else norm(x + change(x))

    def _feedforward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _attend(
        self,
        attention: MultiheadAttention,
        dropout: Dropout,
        x: Tensor,
        memory: Tensor | None,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool,
    ) -> Any:
        source = x if memory is None else memory
        output, _ = attention(
            x,
            source,
            source,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            is_causal=is_causal,
            need_weights=False,
        )
        return dropout(output)


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then a feedforward network; each is added to its input and normalised.

    Shapes: `src` and the result (S, N, d_model), or (N, S, d_model) with `batch_first`. The
    activation is "relu", "gelu" or a function. Vaswani et al., "Attention Is All You Need" (2017).

    >>> layer = nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, batch_first=True)
    >>> layer(minigrad.zeros(3, 5, 4)).shape
    torch.Size([3, 5, 4])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, batch_first=batch_first, **made
        )
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        src_key_padding_mask = added_mask(
            src_key_padding_mask, "src_key_padding_mask", src, src_mask, "src_mask"
        )
        src_mask = added_mask(src_mask, "src_mask", src)
        x = self._step(
            src,
            self.norm1,
            lambda x: self._attend(
                self.self_attn, self.dropout1, x, None, src_mask, src_key_padding_mask, is_causal
            ),
        )
        return self._step(x, self.norm2, lambda x: self.dropout2(self._feedforward(x)))


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to `memory`, then a feedforward network.

    Each is added to its input and normalised; see `TransformerEncoderLayer`.

    >>> layer = nn.TransformerDecoderLayer(4, 2, dim_feedforward=8)
    >>> layer(minigrad.zeros(5, 3, 4), minigrad.zeros(6, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        attention: dict[str, Any] = {"dropout": dropout, "batch_first": batch_first, **made}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # As in PyTorch, a copy has no activation but ReLU if that of the layer is a module.
        super().__setstate__({"activation": F.relu, **state})

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        x = self._step(
            tgt,
            self.norm1,
            lambda x: self._attend(
                *(self.self_attn, self.dropout1, x, None),
                *(tgt_mask, tgt_key_padding_mask, tgt_is_causal),
            ),
        )
        x = self._step(
            x,
            self.norm2,
            lambda x: self._attend(
                *(self.multihead_attn, self.dropout2, x, memory),
                *(memory_mask, memory_key_padding_mask, memory_is_causal),
            ),
        )
        return self._step(x, self.norm3, lambda x: self.dropout3(self._feedforward(x)))


class TransformerEncoder(Module):
    """`num_layers` copies of a layer, one after the other, and perhaps a `norm` at the end.

    As in PyTorch with `enable_nested_tensor`, in evaluation mode without gradients the results at
    padding are 0 before the `norm`, if the layer is one for which PyTorch leaves padding out; it
    warns if not. With `mask_check` the padding must be at the end of the sequences for that.

    >>> layer = nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, batch_first=True)
    >>> nn.TransformerEncoder(layer, num_layers=2)(minigrad.zeros(3, 5, 4)).shape
    torch.Size([3, 5, 4])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = _why_padding_stays(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not reason
        if enable_nested_tensor and reason:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"encoder_layer{reason}",
                stacklevel=2,
            )

    def _leaves_out(self, padding: Tensor, src: Tensor) -> bool:
        """Tell whether PyTorch would compute nothing for the padding."""
        first = self.layers[0]
        if not self.use_nested_tensor or first.training or src.dim() != 3:
            return False
        if is_grad_enabled() and any(x.requires_grad for x in (src, *first.parameters())):
            return False
        # At the end of each sequence: a True is followed by True only.
        return not (self.mask_check and bool((padding[:, :-1] & ~padding[:, 1:]).any()))

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        src_key_padding_mask = added_mask(
            src_key_padding_mask, "src_key_padding_mask", src, mask, "mask"
        )
        mask = added_mask(mask, "mask", src)
        causal = _is_causal(mask, is_causal)
        output = src
        for layer in self.layers:
            output = layer(
                output,
                src_mask=mask,
                is_causal=causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        if src_key_padding_mask is not None and mask is None:
            padding = src_key_padding_mask != 0
            if self._leaves_out(padding, src):
                output = output.masked_fill(padding.unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)


def _why_padding_stays(layer: Module) -> str:
    """Return why PyTorch computes results at padding for a layer; "" if it doesn't."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    if layer.norm_first:
        return ".norm_first was True"
    if not attention.batch_first:
        return (
            ".self_attn.batch_first was not True(use batch_first for better inference performance)"
        )
    if attention.in_proj_bias is None:
        return ".self_attn was passed bias=False"
    if layer.activation not in (F.relu, F.gelu):
        return ".activation_relu_or_gelu was not True"
    if layer.norm1.eps != layer.norm2.eps:
        return ".norm1.eps was not equal to encoder_layer.norm2.eps"
    return ".self_attn.num_heads is odd" if attention.num_heads % 2 == 1 else ""


class TransformerDecoder(Module):
    """`num_layers` copies of a layer, one after the other, and perhaps a `norm` at the end.

    >>> layer = nn.TransformerDecoderLayer(4, 2, dim_feedforward=8)
    >>> decoder = nn.TransformerDecoder(layer, num_layers=2)
    >>> decoder(minigrad.zeros(5, 3, 4), minigrad.zeros(6, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        causal = _is_causal(tgt_mask, tgt_is_causal)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


def _is_causal(mask: Tensor | None, given: bool | None) -> bool:
    """Return `given`, or else whether the mask hides exactly what comes later."""
    if given is not None or mask is None:
        return bool(given)
    if mask.dim() != 2 or mask.shape[0] != mask.shape[1]:
        return False
    causal = Transformer.generate_square_subsequent_mask(mask.shape[0], dtype=mask.dtype)
    return bool((mask == causal).all())


class Transformer(Module):
    """An encoder of `src` and a decoder of `tgt` that attends to its result.

    Shapes: `src` (S, N, d_model), `tgt` and the result (T, N, d_model), or with N first if
    `batch_first`. Every matrix is drawn by `xavier_uniform_`.

    >>> model = nn.Transformer(4, 2, 1, 1, dim_feedforward=8, batch_first=True)
    >>> mask = model.generate_square_subsequent_mask(2)
    >>> mask
    tensor([[0., -inf],
            [0., 0.]])
    >>> model(minigrad.zeros(1, 3, 4), minigrad.zeros(1, 2, 4), tgt_mask=mask).shape
    torch.Size([1, 2, 4])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options: tuple[Any, ...] = (
            *(d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps),
            *(batch_first, norm_first, bias, device, dtype),
        )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = custom_encoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*options)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        self.decoder = custom_decoder
        if custom_decoder is None:
            below = TransformerDecoderLayer(*options)
            self.decoder = TransformerDecoder(below, num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for param in self.parameters():
            if param.dim() > 1:
                init.xavier_uniform_(param)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return a mask (sz, sz) that is −inf above the diagonal, where j comes after i."""
        return _generate_square_subsequent_mask(sz, device, dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch_dim] != tgt.shape[batch_dim]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
