"""Samples of every layer: options to construct it with, and inputs for a call.

The table is `LAYERS`. Losses that take more than an input and a target are in it too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .draws import RandomDraws

Options = Mapping[str, Any]
Choices = dict[str, tuple[Any, ...]]
Inputs = list[np.ndarray]
# Options that are tensors. They are given as lists.
_TENSORS = ("weight", "pos_weight")


@dataclass(frozen=True)
class Layer:
    """A class of `torch.nn` and the options to construct it with.

    Options are Python's numbers, strings and lists; a dtype is given by its name, a weight as a
    list and a submodule as another Layer. `args` and `kwargs` are for constructors that take any.

    >>> Layer("Sequential", {"args": [Layer("ReLU"), Layer("Softmax", {"dim": 1})]}).make(minigrad)
    Sequential(
      (0): ReLU()
      (1): Softmax(dim=1)
    )
    """

    name: str
    options: Options = field(default_factory=dict)

    def make(self, torch: Any) -> Any:
        """Construct the layer in a namespace, without the warning about deprecated options."""
        options = {name: _made(torch, name, value) for name, value in self.options.items()}
        args, kwargs = options.pop("args", ()), options.pop("kwargs", {})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "size_average and reduce|.*is deprecated|dropout opt")
            # Of PyTorch's encoder, about a faster path that it then doesn't take.
            warnings.filterwarnings("ignore", "enable_nested_tensor")
            return getattr(torch.nn, self.name)(*args, **options, **kwargs)


def _made(torch: Any, name: str, value: Any) -> Any:
    if isinstance(value, Layer):
        return value.make(torch)
    if name == "parameters":
        return {key: torch.tensor(item) for key, item in value.items()}
    if isinstance(value, dict):
        return type(value)((key, _made(torch, key, item)) for key, item in value.items())
    if name == "dtype":
        return getattr(torch, value)
    if name in _TENSORS:
        return torch.tensor(value)
    if name == "values":
        return [torch.tensor(item) for item in value]
    return [_made(torch, "", item) for item in value] if isinstance(value, list) else value


def _vectors(draw: RandomDraws, features: int, options: Options) -> Inputs:
    return [draw.array((draw.integer(2, 4), features)).values]


@dataclass(frozen=True)
class LayerSample:
    """How to construct a layer: `options(draw, features)`, and what to call it with.

    `inputs(draw, features, options)` are arrays, by default one of shape (n, features). `inert`
    options change no result, and minigrad refuses `refused` ones unless they are false. A layer
    that `keeps_shape` can stand between linear layers. One that `is_random` draws numbers from the
    default generator. With an
    option of `not_derivatives` the gradient isn't the derivative.
    """

    options: Callable[[RandomDraws, int], Options] = lambda draw, features: {}
    inputs: Callable[[RandomDraws, int, Options], Inputs] = _vectors
    inert: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    keeps_shape: bool = False
    is_random: bool = False
    not_derivatives: tuple[str, ...] = ()


# Helpers ------------------------------------------------------------------------------------------

_MADE: Choices = {"device": (..., None, "cpu"), "dtype": (..., "float32", "float64")}
_FLAG = (..., True, False)
_INPLACE: Choices = {"inplace": (..., False, True)}


def _any_of(**choices: tuple[Any, ...]) -> Callable[[RandomDraws, int], Options]:
    """Options that don't depend on the features."""
    return lambda draw, features: draw.options(**choices)


def _of_shape(*shape: int | None, count: int = 1) -> Callable[..., Inputs]:
    """`count` inputs of a shape, in which None stands for the features."""

    def inputs(draw: RandomDraws, features: int, options: Options) -> Inputs:
        sizes = tuple(features if size is None else size for size in shape)
        return [draw.array(sizes).values for _ in range(count)]

    return inputs


# Inputs with channels over 1, 2 and 3 dimensions.
_OVER = {1: (2, None, 7), 2: (2, None, 5, 4), 3: (1, None, 4, 3, 4)}
# Windows of 3 with gaps take 5 elements.
_WINDOWED = {1: (2, None, 7), 2: (2, None, 5, 5), 3: (1, None, 4, 3, 3)}

# Layers -------------------------------------------------------------------------------------------


def _linear(draw: RandomDraws, features: int) -> Options:
    outputs = draw.integer(1, 4)
    return {"in_features": features, "out_features": outputs} | draw.options(bias=_FLAG, **_MADE)


def _bilinear(draw: RandomDraws, features: int) -> Options:
    sizes = {"in1_features": features, "in2_features": features}
    return {**sizes, "out_features": draw.integer(1, 3)} | draw.options(bias=_FLAG, **_MADE)


def _conv(dims: int, transposed: bool) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        groups = draw.pick(1, 1, features)
        stride = draw.pick(1, 1, 2)
        sizes = {"in_channels": features, "out_channels": groups * draw.integer(1, 2)}
        drawn = sizes | {"kernel_size": draw.pick(1, 2, 3 if dims < 3 else 1), "stride": stride}
        drawn |= draw.options(groups=(groups,), bias=_FLAG, dilation=(..., 1, 2), **_MADE)
        if transposed:
            drawn |= draw.options(padding=(..., 0, 1), padding_mode=(..., "zeros"))
            return drawn | draw.options(output_padding=(..., 0, 1) if stride == 2 else (...,))
        # With an even window PyTorch warns of "same".
        kernel = drawn["kernel_size"]
        padding = (..., 0, 1, "valid", *(("same",) if stride == 1 == kernel % 2 else ()))
        modes = (..., "zeros", "reflect", "replicate", "circular")
        return drawn | draw.options(padding=padding, padding_mode=modes)

    return options


def _convs() -> dict[str, LayerSample]:
    samples = {}
    for dims in (1, 2, 3):
        for transposed in (False, True):
            name = f"Conv{'Transpose' * transposed}{dims}d"
            inert = ("device", "padding_mode") if transposed else ("device",)
            options, inputs = _conv(dims, transposed), _of_shape(*_WINDOWED[dims])
            samples[name] = LayerSample(options, inputs, inert)
            samples[f"Lazy{name}"] = LayerSample(_without_size(options), inputs, inert)
    return samples


def _without_size(
    options: Callable[[RandomDraws, int], Options],
) -> Callable[[RandomDraws, int], Options]:
    """The options of the lazy form of a layer."""
    sizes = ("in_features", "in_channels", "num_features")

    def without(draw: RandomDraws, features: int) -> Options:
        return {k: value for k, value in options(draw, features).items() if k not in sizes}

    return without


def _channel_norm(affine: bool) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        momentum = (..., 0.1, 0.5, *((None,) if affine else ()))
        return {"num_features": features} | draw.options(
            eps=(..., 1e-5, 1e-2),
            momentum=momentum,
            affine=(..., True, True, False),
            track_running_stats=_FLAG,
            bias=_FLAG,
            **_MADE,
        )

    return options


def _synchronised(draw: RandomDraws, features: int) -> Options:
    return {**_channel_norm(affine=True)(draw, features), **draw.options(process_group=(..., None))}


def _channel_norms() -> dict[str, LayerSample]:
    samples = {}
    for kind, affine in (("BatchNorm", True), ("InstanceNorm", False)):
        for dims in (1, 2, 3):
            options, inputs = _channel_norm(affine), _of_shape(*_OVER[dims])
            samples[f"{kind}{dims}d"] = LayerSample(options, inputs, ("device",))
            lazy = LayerSample(_without_size(options), inputs, ("device",))
            samples[f"Lazy{kind}{dims}d"] = lazy
    return samples


def _group_norm(draw: RandomDraws, features: int) -> Options:
    sizes = {"num_groups": draw.pick(1, features), "num_channels": features}
    eps = (..., 1e-5, 1e-2)
    return sizes | draw.options(eps=eps, affine=(..., True, True, False), bias=_FLAG, **_MADE)


def _last_norm(**more: tuple[Any, ...]) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        shape = draw.pick(features, [features], (features,))
        return {"normalized_shape": shape} | draw.options(
            eps=(..., 1e-5, 1e-2), elementwise_affine=(..., True, True, False), **more, **_MADE
        )

    return options


def _embedding(draw: RandomDraws, features: int) -> Options:
    sizes = {"num_embeddings": features + 1, "embedding_dim": draw.pick(2, 3)}
    return sizes | draw.options(
        padding_idx=(..., ..., 0, -1),
        max_norm=(..., ..., 0.5),
        norm_type=(..., 2.0, 1.0),
        scale_grad_by_freq=(..., False, True),
        **_MADE,
    )


# Rows without a gradient, rows whose gradient is divided, and rows that a call changes.
_EMBEDDING_GRADIENTS = ("padding_idx", "scale_grad_by_freq", "max_norm")


def _tokens(draw: RandomDraws, features: int, options: Options) -> Inputs:
    return [draw.rng.integers(0, features + 1, (3, 4))]


def _embedding_bag(draw: RandomDraws, features: int) -> Options:
    mode = draw.pick("sum", "mean", "max")
    frequency = (...,) if mode == "max" else (..., False, True)
    sizes = {"num_embeddings": features + 1, "embedding_dim": draw.pick(2, 3), "mode": mode}
    return sizes | draw.options(
        padding_idx=(..., ..., 0, -1),
        max_norm=(..., ..., 0.5),
        norm_type=(..., 2.0, 1.0),
        scale_grad_by_freq=frequency,
        include_last_offset=(..., False, True),  # without offsets it means nothing
        **_MADE,
    )


def _pairs_of_tokens(draw: RandomDraws, features: int, options: Options) -> Inputs:
    """Every token twice: PyTorch divides the gradients of a row by the frequency of another."""
    tokens = np.repeat(np.arange(features + 1), 2)
    return [draw.rng.permutation(tokens).reshape(2, features + 1)]


def _adaptive(draw: RandomDraws, features: int) -> Options:
    cutoffs = draw.pick([2], [1, 4], (3,))
    sizes = {"in_features": 16 * features, "n_classes": draw.pick(5, 6), "cutoffs": cutoffs}
    return sizes | draw.options(div_value=(..., 1.5, 2.0), head_bias=(..., False, True), **_MADE)


def _of_adaptive(draw: RandomDraws, features: int, options: Options) -> Inputs:
    classes = draw.rng.integers(0, options["n_classes"], 3)
    return [draw.array((3, 16 * features)).values, classes]


def _linear_classes(draw: RandomDraws, features: int) -> Options:
    outputs, classes = draw.options(out_features=(..., (), (2,))), draw.pick(3, 4)
    return {"in_features": features, "num_classes": classes, **outputs} | draw.options(
        bias=_FLAG,
        reduction=(..., "mean", "sum", "none"),
        ignore_index=(..., None, 0),
        label_smoothing=(..., 0.0, 0.5),
        **draw.pick({"weight": ([0.5, 1.0, 2.0, 4.0][:classes],)}, _MADE),  # a weight is float32
    )


def _of_linear_classes(draw: RandomDraws, features: int, options: Options) -> Inputs:
    shape = (3, *options.get("out_features", ()))
    # Not 0, so that not all targets are ignored.
    return [draw.array((3, features)).values, draw.rng.integers(1, 3, shape)]


def _sequence_probabilities(draw: RandomDraws, features: int, options: Options) -> Inputs:
    blank = options.get("blank", 0)
    labels = np.setdiff1d(np.arange(3), blank)[draw.rng.integers(0, 2, (2, 2))]
    scores = draw.rng.random((6, 2, 3))
    logs = np.log(scores / scores.sum(-1, keepdims=True))
    return [logs, labels, np.array([6, 5]), np.array([2, 1])]


def _recurrent(**more: tuple[Any, ...]) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        return {"input_size": features, "hidden_size": draw.pick(3, 4)} | draw.options(
            num_layers=(..., 1, 2),
            bias=_FLAG,
            batch_first=(..., False, True),
            dropout=(..., ..., 0.0, 0.5),
            bidirectional=(..., False, True),
            **more,
            **_MADE,
        )

    return options


def _cell(draw: RandomDraws, features: int) -> Options:
    return {"input_size": features, "hidden_size": draw.pick(3, 4)} | draw.options(
        bias=_FLAG, **_MADE
    )


def _rnn_cell(draw: RandomDraws, features: int) -> Options:
    return {**_cell(draw, features), **draw.options(nonlinearity=(..., "tanh", "relu"))}


def _attention(draw: RandomDraws, features: int) -> Options:
    heads = draw.pick(1, 2)
    sizes = (..., ..., features)
    return {"embed_dim": heads * features, "num_heads": heads} | draw.options(
        dropout=(..., ..., 0.5),
        bias=_FLAG,
        add_bias_kv=(..., False, True),
        add_zero_attn=(..., False, True),
        batch_first=(..., False, True),
        kdim=sizes,
        vdim=sizes,
        **_MADE,
    )


def _attended(draw: RandomDraws, features: int, options: Options) -> Inputs:
    width = options["embed_dim"]
    widths = (width, options.get("kdim", width), options.get("vdim", width))
    return [draw.array((3, 3, each)).values for each in widths]


def _transformer_layer(draw: RandomDraws, features: int) -> Options:
    heads = draw.pick(1, 2)
    sizes = {"d_model": heads * features, "nhead": heads, "dim_feedforward": draw.pick(3, 4)}
    return sizes | draw.options(
        dropout=(..., 0.0, 0.5),
        activation=(..., "relu", "gelu"),
        layer_norm_eps=(..., 1e-5, 1e-2),
        batch_first=(..., False, True),
        norm_first=(..., False, True),
        bias=_FLAG,
        **_MADE,
    )


def _transformer(draw: RandomDraws, features: int) -> Options:
    counts = {name: draw.pick(1, 2) for name in ("num_encoder_layers", "num_decoder_layers")}
    return {**_transformer_layer(draw, features), **counts}


def _sequences(count: int) -> Callable[..., Inputs]:
    def inputs(draw: RandomDraws, features: int, options: Options) -> Inputs:
        width = options["d_model"]
        return [draw.array((3, 3, width)).values for _ in range(count)]

    return inputs


def _stacked(name: str, key: str) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        below = {"d_model": 4, "nhead": 2, "dim_feedforward": 3}
        layer = Layer(name, below | draw.options(batch_first=(..., True)))
        norm = (..., None, Layer("LayerNorm", {"normalized_shape": 4}))
        paths = {"enable_nested_tensor": _FLAG, "mask_check": _FLAG} if "En" in name else {}
        return {key: layer, "num_layers": draw.pick(1, 2)} | draw.options(norm=norm, **paths)

    return options


def _transformers() -> dict[str, LayerSample]:
    random: dict[str, Any] = {"is_random": True}
    inert = ("device", "batch_first", "enable_nested_tensor", "mask_check")
    encoder, decoder = "TransformerEncoderLayer", "TransformerDecoderLayer"
    return {
        encoder: LayerSample(_transformer_layer, _sequences(1), ("device",), **random),
        decoder: LayerSample(_transformer_layer, _sequences(2), ("device",), **random),
        "TransformerEncoder": LayerSample(
            _stacked(encoder, "encoder_layer"), _of_shape(3, 3, 4), inert, **random
        ),
        "TransformerDecoder": LayerSample(
            _stacked(decoder, "decoder_layer"), _of_shape(3, 3, 4, count=2), inert, **random
        ),
        "Transformer": LayerSample(
            _transformer,
            _sequences(2),
            ("device",),
            refused=("custom_encoder", "custom_decoder"),
            **random,
        ),
    }


def _pools() -> dict[str, LayerSample]:
    samples: dict[str, LayerSample] = {}
    window: Choices = {"kernel_size": (2, 3), "stride": (..., 1, 2), "ceil_mode": (..., True)}
    padded: Choices = {**window, "padding": (..., 0, 1)}
    for dims in (1, 2, 3):
        inputs = _of_shape(*_OVER[dims])
        sizes = {1: (1, 2), 2: (1, (None, 2), (3, 1)), 3: (1, 2, (2, None, 1))}[dims]
        indices: Choices = {"return_indices": (..., False, True)}
        average: Choices = {**padded, "count_include_pad": _FLAG}
        if dims > 1:
            average["divisor_override"] = (..., None, 3)
        largest = _of_shape(*((1, None, 4, 4, 3) if dims == 3 else (2, None, 5, 5)[: dims + 2]))
        samples |= {
            f"MaxPool{dims}d": LayerSample(
                _any_of(**padded, **indices, dilation=(..., 1, 1))
                if dims == 3
                else _any_of(**padded, **indices, dilation=(..., 1, 2)),
                largest,
                ("dilation",) if dims == 3 else (),
            ),
            f"AvgPool{dims}d": LayerSample(_any_of(**average), inputs),
            f"LPPool{dims}d": LayerSample(
                _any_of(norm_type=(1, 2, 3.0), **window), _positive(_OVER[dims])
            ),
            f"AdaptiveAvgPool{dims}d": LayerSample(_any_of(output_size=sizes), inputs),
            f"AdaptiveMaxPool{dims}d": LayerSample(_any_of(output_size=sizes, **indices), inputs),
            f"MaxUnpool{dims}d": LayerSample(
                _any_of(kernel_size=(2, 3), stride=(..., 3), padding=(..., 0, 1)),
                _to_unpool(dims),
            ),
        }
        if dims > 1:
            # In three dimensions, PyTorch needs one element more than the windows cover.
            kernels = (1, 2) if dims == 2 else (1, (2, 1, 1))
            fractional: Choices = {"kernel_size": kernels, "return_indices": (..., False, True)}
            samples[f"FractionalMaxPool{dims}d"] = LayerSample(
                _fractional(dims, fractional),
                largest,
                refused=("_random_samples",),
                is_random=True,
            )
    return samples


def _fractional(dims: int, choices: Choices) -> Callable[[RandomDraws, int], Options]:
    def options(draw: RandomDraws, features: int) -> Options:
        size = draw.pick(
            {"output_size": 2 if dims == 2 else 1},
            {"output_size": (1, 2, 2)[:dims]},
            {"output_ratio": 0.6},
            {"output_ratio": (0.5, 0.6, 0.7)[:dims]},
        )
        return {**size, **draw.options(**choices)}

    return options


def _positive(shape: tuple[int | None, ...]) -> Callable[..., Inputs]:
    def inputs(draw: RandomDraws, features: int, options: Options) -> Inputs:
        sizes = tuple(features if size is None else size for size in shape)
        return [draw.array(sizes, positive=True).values]

    return inputs


def _to_unpool(dims: int) -> Callable[..., Inputs]:
    """Numbers, and different places for them within the result."""

    def inputs(draw: RandomDraws, features: int, options: Options) -> Inputs:
        shape = (2, features, *(2,) * dims)
        places = np.stack([draw.rng.permutation(2**dims) for _ in range(2 * features)])
        return [draw.array(shape).values, places.reshape(shape)]

    return inputs


def _pads() -> dict[str, LayerSample]:
    samples = {}
    for dims in (1, 2, 3):
        uneven = tuple(range(1, 3)) * dims
        choices: Choices = {"padding": (1, 2, uneven)}
        inputs = _of_shape(1, None, *(4, 4, 3)[:dims])
        for kind in ("Zero", "Reflection", "Replication", "Circular"):
            samples[f"{kind}Pad{dims}d"] = LayerSample(_any_of(**choices), inputs)
        constant = _any_of(**choices, value=(0.0, 1.5))
        samples[f"ConstantPad{dims}d"] = LayerSample(constant, inputs)
    return samples


def _dropouts() -> dict[str, LayerSample]:
    options = _any_of(p=(..., 0.0, 0.1, 0.8, 1.0), **_INPLACE)
    samples = {
        "Dropout": LayerSample(options, keeps_shape=True, is_random=True),
        # As in PyTorch, these never write into the input.
        "AlphaDropout": LayerSample(options, inert=("inplace",), is_random=True),
        "FeatureAlphaDropout": LayerSample(
            options, _of_shape(2, None, 2), inert=("inplace",), is_random=True
        ),
    }
    for dims in (1, 2, 3):
        inputs = _of_shape(2, None, *(2,) * dims)
        samples[f"Dropout{dims}d"] = LayerSample(options, inputs, is_random=True)
    return samples


def _activations() -> dict[str, LayerSample]:
    """Those that are continuous can be between linear layers."""
    alpha, dim = _any_of(alpha=(..., 1.0, 0.5), **_INPLACE), _any_of(dim=(0, 1, 1, -1))
    between: dict[str, Any] = {"keeps_shape": True}
    samples = {
        name: LayerSample(_any_of(**_INPLACE), **between)
        for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid")
    }
    samples |= {
        name: LayerSample(**between)
        for name in ("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink")
    }
    slopes = _any_of(lower=(..., 0.1), upper=(..., 0.5), **_INPLACE)
    bounds = _any_of(
        min_val=(..., -1.0, -0.5),
        max_val=(..., 1.0, 2.0),
        min_value=(..., ..., ..., -2.0),
        max_value=(..., ..., ..., 1.5),
        **_INPLACE,
    )
    return samples | {
        "ELU": LayerSample(alpha, **between),
        "CELU": LayerSample(alpha, **between),
        "LeakyReLU": LayerSample(_any_of(negative_slope=(..., 0.01, 0.2), **_INPLACE), **between),
        "GELU": LayerSample(
            _any_of(approximate=(..., "none", "tanh")),
            # Far from 0 the derivative is a small difference.
            lambda draw, features, options: [draw.array((3, features)).values / 4],
            **between,
        ),
        "GLU": LayerSample(_any_of(dim=(..., -1, 0)), _of_shape(4, 2)),
        "Hardshrink": LayerSample(_any_of(lambd=(..., 0.5, 1.005))),
        "Softshrink": LayerSample(_any_of(lambd=(..., 0.505, 1.005)), **between),
        "Softplus": LayerSample(_any_of(beta=(..., 1.0, 2.0), threshold=(..., 20.0, 1.0))),
        "Threshold": LayerSample(_any_of(threshold=(0.105, 1.005), value=(0.0, 20.0), **_INPLACE)),
        "Hardtanh": LayerSample(bounds),
        "RReLU": LayerSample(slopes, is_random=True),
        "Softmax": LayerSample(dim, **between),
        "LogSoftmax": LayerSample(dim, **between),
        "Softmin": LayerSample(dim, **between),
        "Softmax2d": LayerSample(inputs=_of_shape(2, None, 2, 3)),
        "PReLU": LayerSample(
            lambda draw, features: draw.options(
                num_parameters=(..., 1, features), init=(..., 0.25, 0.5), **_MADE
            ),
            # Only the first slopes count, whichever they are.
            inert=("device", "init"),
            **between,
        ),
    }


def _rearranging() -> dict[str, LayerSample]:
    window: Choices = {
        "kernel_size": (2, (1, 2)),
        "dilation": (..., 1),
        "padding": (..., 0, 1),
        "stride": (..., 1, 2),
    }

    def upsample(draw: RandomDraws, features: int) -> Options:
        mode = draw.pick("nearest", "bilinear")
        corners = {} if mode == "nearest" else draw.options(align_corners=_FLAG)
        if draw.pick(True, False):
            return {"size": draw.pick(3, (5, 2)), "mode": mode, **corners}
        recompute = draw.options(recompute_scale_factor=(..., None, True))
        return {"scale_factor": draw.pick(2, 1.5, (1, 2)), "mode": mode, **corners, **recompute}

    def to_size(draw: RandomDraws, features: int) -> Options:
        return draw.pick({"size": draw.pick(3, (2, 4))}, {"scale_factor": draw.pick(2, 1.5)})

    def fold(draw: RandomDraws, features: int) -> Options:
        padding = draw.options(padding=(..., 0, 1), dilation=(..., 1, 2))
        size = 3 - 2 * padding.get("padding", 0) + padding.get("dilation", 1)
        return {
            "output_size": (size, size),
            "kernel_size": draw.pick(2, (2, 2)),
            **padding,
            **draw.options(stride=(..., 1)),
        }

    images = _of_shape(2, 2, 3, 4)
    return {
        "Flatten": LayerSample(
            _any_of(start_dim=(..., 0, 1, -2), end_dim=(..., 1, 2, -1)), _of_shape(2, 1, None)
        ),
        "Unflatten": LayerSample(
            _any_of(dim=(1, -1), unflattened_size=((2, 3), (3, 2))), _of_shape(2, 6)
        ),
        "Unfold": LayerSample(
            _any_of(**{**window, "dilation": (..., 1, 2)}), _of_shape(1, None, 4, 5)
        ),
        "Fold": LayerSample(fold, _of_shape(1, 8, 9)),
        "PixelShuffle": LayerSample(_any_of(upscale_factor=(1, 2)), _of_shape(1, 4, 2, 3)),
        "PixelUnshuffle": LayerSample(_any_of(downscale_factor=(1, 2)), _of_shape(1, 1, 4, 6)),
        "ChannelShuffle": LayerSample(_any_of(groups=(1, 2)), _of_shape(1, 4, 2)),
        "Upsample": LayerSample(upsample, images),
        "UpsamplingNearest2d": LayerSample(to_size, images),
        "UpsamplingBilinear2d": LayerSample(to_size, images),
    }


def _several_inputs() -> dict[str, LayerSample]:
    """Layers of two vectors, and losses of more than an input and a target."""
    reduced: Choices = {"reduction": (..., "mean", "sum", "none")}
    old: Choices = {"size_average": (*(...,) * 6, True, False), "reduce": (*(...,) * 6, False)}
    margin: Choices = {"margin": (..., 0.3, 2.005)}
    triplet: Choices = {**margin, "swap": (..., True)}
    pair = _of_shape(3, None, count=2)

    def signs(draw: RandomDraws, features: int, options: Options) -> Inputs:
        return [*pair(draw, features, options), np.array([1.0, -1.0, 1.0])]

    def with_variance(draw: RandomDraws, features: int, options: Options) -> Inputs:
        variance = draw.array((3, features), positive=True).values
        return [*pair(draw, features, options), variance]

    def signs_of_numbers(draw: RandomDraws, features: int, options: Options) -> Inputs:
        return [draw.array((3,)).values, draw.array((3,)).values, np.array([1.0, -1.0, 1.0])]

    def between_0_and_1(draw: RandomDraws, features: int, options: Options) -> Inputs:
        target = draw.rng.random((3, 2))
        return [draw.array((3, 2), positive=True).values / 4.1, target]

    full: Choices = {"full": (..., True), "eps": (..., 1e-6, 1e-2)}
    three = _of_shape(3, None, count=3)
    return {
        "Bilinear": LayerSample(_bilinear, pair, ("device",)),
        "CosineSimilarity": LayerSample(_any_of(dim=(..., 0, 1), eps=(..., 1e-8)), pair, ("eps",)),
        "PairwiseDistance": LayerSample(
            _any_of(p=(..., 1.0, 3.0), eps=(..., 1e-6, 0.1), keepdim=(..., True)), pair
        ),
        "CosineEmbeddingLoss": LayerSample(
            _any_of(**reduced, **old, margin=(..., -0.5, 0.305)), signs
        ),
        "MarginRankingLoss": LayerSample(_any_of(**reduced, **old, **margin), signs_of_numbers),
        "TripletMarginLoss": LayerSample(
            _any_of(**reduced, **old, **triplet, p=(..., 1.0, 3.0), eps=(..., 0.1)), three
        ),
        "TripletMarginWithDistanceLoss": LayerSample(
            _any_of(**reduced, **triplet), three, refused=("distance_function",)
        ),
        "GaussianNLLLoss": LayerSample(_any_of(**reduced, **full), with_variance, ("eps",)),
        "BCELoss": LayerSample(
            _any_of(**reduced, **old, weight=(..., [0.5, 2.0])), between_0_and_1
        ),
    }


LAYERS: dict[str, LayerSample] = {
    **_activations(),
    **_channel_norms(),
    **_convs(),
    **_dropouts(),
    **_pads(),
    **_pools(),
    **_rearranging(),
    **_several_inputs(),
    **_transformers(),
    "Embedding": LayerSample(
        _embedding, _tokens, ("device",), ("sparse",), not_derivatives=_EMBEDDING_GRADIENTS
    ),
    "AdaptiveLogSoftmaxWithLoss": LayerSample(_adaptive, _of_adaptive, ("device",)),
    "CTCLoss": LayerSample(
        _any_of(
            blank=(..., 0, 1),
            reduction=(..., "mean", "sum", "none"),
            zero_infinity=(..., False, True),  # no loss is infinite
        ),
        _sequence_probabilities,
        ("zero_infinity",),
        not_derivatives=("blank", "reduction", "zero_infinity"),
    ),
    "EmbeddingBag": LayerSample(
        _embedding_bag,
        _pairs_of_tokens,
        ("device", "include_last_offset"),
        ("sparse",),
        not_derivatives=_EMBEDDING_GRADIENTS,
    ),
    "LinearCrossEntropyLoss": LayerSample(
        _linear_classes, _of_linear_classes, ("device", "ignore_index"), ("options",)
    ),
    "GRU": LayerSample(_recurrent(), _of_shape(3, 2, None), ("device",), is_random=True),
    "GRUCell": LayerSample(_cell, inert=("device",)),
    "GroupNorm": LayerSample(_group_norm, _of_shape(2, None, 3), ("device",)),
    "Identity": LayerSample(
        _any_of(args=(..., [54], [1, 2]), kwargs=(..., {"unused": True})),
        inert=("args", "kwargs"),
        keeps_shape=True,
    ),
    "LSTM": LayerSample(
        _recurrent(proj_size=(..., 0, 2)), _of_shape(3, 2, None), ("device",), is_random=True
    ),
    "LSTMCell": LayerSample(_cell, inert=("device",)),
    "LayerNorm": LayerSample(_last_norm(bias=_FLAG), inert=("device",), keeps_shape=True),
    "LazyLinear": LayerSample(_without_size(_linear), inert=("device",)),
    "Linear": LayerSample(_linear, inert=("device",)),
    "LocalResponseNorm": LayerSample(
        _any_of(size=(1, 2, 3), alpha=(..., 0.5), beta=(..., 0.5), k=(..., 2.0)),
        _of_shape(2, None, 3),
    ),
    "CrossMapLRN2d": LayerSample(
        _any_of(size=(2, 3, 4), alpha=(..., 0.5), beta=(..., 0.5), k=(..., 2.0)),
        _of_shape(2, None, 2, 3),
        not_derivatives=("size",),  # PyTorch's gradient is that of another sum
    ),
    "SyncBatchNorm": LayerSample(_synchronised, _of_shape(2, None, 7), ("device", "process_group")),
    "MultiheadAttention": LayerSample(_attention, _attended, ("device",), is_random=True),
    "RMSNorm": LayerSample(_last_norm(), inert=("device",), keeps_shape=True),
    "RNN": LayerSample(
        _recurrent(nonlinearity=(..., "tanh", "relu")),
        _of_shape(3, 2, None),
        ("device",),
        is_random=True,
    ),
    "RNNCell": LayerSample(_rnn_cell, inert=("device",)),
}
