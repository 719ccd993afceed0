"""What PyTorch has and minigrad refuses: functions and methods that say so when they are called.

Nothing else of a program fails before, and `hasattr` finds them as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

# The names, by the reason.
_FUNCTIONS = {
    "no tensor can be complex": """
complex polar view_as_complex view_as_complex_copy view_as_real_copy stft istft
""",
    "there are no sparse tensors": """
ccol_indices_copy col_indices_copy crow_indices_copy dsmm hsmm hspmm indices_copy
resize_as_sparse_ row_indices_copy saddmm smm sparse_bsc_tensor sparse_bsr_tensor
sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor spmm sspaddmm
values_copy
""",
    "there are no quantised tensors": """
choose_qparams_optimized dequantize empty_quantized fake_quantize_per_channel_affine
fake_quantize_per_tensor_affine fbgemm_linear_fp16_weight
fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight
fbgemm_linear_int8_weight_fp32_activation fbgemm_linear_quantize_weight
fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix fused_moving_avg_obs_fake_quant int_repr
q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm
quantized_gru quantized_gru_cell quantized_lstm quantized_lstm_cell quantized_max_pool1d
quantized_max_pool2d quantized_max_pool3d quantized_rnn_relu_cell quantized_rnn_tanh_cell
""",
    "it is for other devices than the CPU": """
batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats
batch_norm_gather_stats_with_counts batch_norm_stats cudnn_affine_grid_generator cudnn_batch_norm
cudnn_convolution cudnn_convolution_add_relu cudnn_convolution_relu cudnn_convolution_transpose
cudnn_grid_sampler miopen_batch_norm miopen_convolution miopen_convolution_add_relu
miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution
miopen_rnn
""",
    "it is for tensors of oneDNN": """
mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear_backward_weights mkldnn_max_pool2d
mkldnn_max_pool3d mkldnn_rnn_layer
""",
    "nothing is traced or scripted": """
cond fork import_ir_module import_ir_module_from_buffer parse_ir parse_schema sym_constrain_range
sym_constrain_range_for_size sym_fresh_size wait while_loop
""",
    "it isn't implemented": """
batch_norm_update_stats from_file hash_tensor lobpcg native_norm segment_reduce slice_inverse
""",
}
_METHODS = {
    "no tensor can be complex": "chalf istft stft",
    "there are no sparse tensors": """
resize_as_sparse_ smm sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm to_sparse
to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
""",
    "there are no quantised tensors": """
dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
q_zero_point qscheme
""",
    "there are no nested tensors": "to_padded_tensor",
    "it is for tensors of oneDNN": "to_mkldnn",
    "there are no streams on the CPU": "record_stream",
    "it isn't implemented": "hash_tensor slice_inverse",
}
# Methods and functions that PyTorch has removed, and what it names instead.
_REMOVED = {
    "eig": "linalg.eig",
    "lstsq": "linalg.lstsq",
    "matrix_rank": "linalg.matrix_rank",
    "reinforce": "distributions",
    "symeig": "linalg.eigh",
}
# Methods that PyTorch has for tensors of other layouts.
_LAYOUTS = {
    "sparse coordinate": "coalesce indices is_coalesced",
    "sparse": "values",
    "sparse row compressed": "col_indices crow_indices",
    "sparse column compressed": "ccol_indices row_indices",
}


def refusing(name: str, error: type[Exception], message: str) -> Callable[..., NoReturn]:
    """A function that only raises an error."""

    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise error(message)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raise {error.__name__}: {message}."
    return refuse


def _by_reason(names: dict[str, str]) -> dict[str, Callable[..., NoReturn]]:
    return {
        name: refusing(name, NotImplementedError, f"{name} is not supported: {reason}")
        for reason, listed in names.items()
        for name in listed.split()
    }


def _removed(name: str) -> Callable[..., NoReturn]:
    message = f"{name} was deprecated and is removed: use {_REMOVED[name]}"
    return refusing(name, RuntimeError, message)


FUNCTIONS: dict[str, Callable[..., Any]] = _by_reason(_FUNCTIONS)
FUNCTIONS |= {name: _removed(name) for name in _REMOVED if name != "reinforce"}
FUNCTIONS["view_as_real"] = refusing(
    "view_as_real", RuntimeError, "view_as_real is only supported for complex tensors"
)
FUNCTIONS["imag"] = refusing(
    "imag", RuntimeError, "imag is not implemented for tensors with non-complex dtypes."
)


class Refused:
    """The methods of Tensor that refuse."""

    __slots__ = ()

    imag = property(FUNCTIONS["imag"])


for _name, _method in _by_reason(_METHODS).items():
    setattr(Refused, _name, _method)
for _name in _REMOVED.keys() - {"matrix_rank"}:
    setattr(Refused, _name, _removed(_name))
for _layout, _names in _LAYOUTS.items():
    for _name in _names.split():
        _message = f"{_name} expected {_layout} tensor layout but got Strided"
        setattr(Refused, _name, refusing(_name, RuntimeError, _message))
