"""Private names of torch.nn that programs use: they are PyTorch's."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from twins import check_close, check_same

torch = pytest.importorskip("torch")

# The base classes by module, and layers that must be of them in both libraries.
BASES = """
pooling._MaxPoolNd MaxPool1d(2) MaxPool2d(2) MaxPool3d(2) AvgPool2d(2)
pooling._AvgPoolNd AvgPool1d(2) AvgPool2d(2) AvgPool3d(2) MaxPool1d(2)
pooling._LPPoolNd LPPool1d(2,2) LPPool2d(2,2) LPPool3d(2,2) AvgPool1d(2)
pooling._AdaptiveAvgPoolNd AdaptiveAvgPool1d(2) AdaptiveAvgPool2d(2) AdaptiveMaxPool1d(2)
pooling._AdaptiveMaxPoolNd AdaptiveMaxPool1d(2) AdaptiveMaxPool3d(2) AdaptiveAvgPool1d(2)
pooling._MaxUnpoolNd MaxUnpool1d(2) MaxUnpool2d(2) MaxPool1d(2)
dropout._DropoutNd Dropout() Dropout1d() Dropout3d() AlphaDropout() FeatureAlphaDropout() ReLU()
padding._ConstantPadNd ConstantPad1d(1,0) ConstantPad3d(1,0) ZeroPad2d(1) ReflectionPad1d(1)
padding._ReflectionPadNd ReflectionPad1d(1) ReflectionPad3d(1) ReplicationPad1d(1)
padding._ReplicationPadNd ReplicationPad1d(1) ReplicationPad2d(1) ReflectionPad1d(1)
padding._CircularPadNd CircularPad1d(1) CircularPad2d(1) ReflectionPad1d(1)
conv._ConvNd Conv1d(1,1,1) Conv3d(1,1,1) ConvTranspose2d(1,1,1) LazyConv2d(1,1) Linear(1,1)
conv._ConvTransposeNd ConvTranspose1d(1,1,1) ConvTranspose3d(1,1,1) Conv1d(1,1,1)
batchnorm._BatchNorm BatchNorm1d(1) BatchNorm3d(1) SyncBatchNorm(1) InstanceNorm1d(1) LayerNorm(1)
batchnorm._NormBase BatchNorm1d(1) InstanceNorm2d(1) LayerNorm(1)
instancenorm._InstanceNorm InstanceNorm1d(1) InstanceNorm3d(1) BatchNorm1d(1)
loss._Loss MSELoss() NLLLoss() CTCLoss() ReLU()
loss._WeightedLoss NLLLoss() CrossEntropyLoss() MSELoss()
rnn.RNNBase RNN(1,1) GRU(1,1) LSTM(1,1) RNNCell(1,1)
rnn.RNNCellBase RNNCell(1,1) GRUCell(1,1) RNN(1,1)
"""


@pytest.mark.parametrize("line", BASES.strip().splitlines())
def test_layers_are_of_their_base_class(line: str) -> None:
    path, *layers = line.split(" ")
    module, _, name = path.rpartition(".")

    def program(t: Any) -> Any:
        base = getattr(importlib.import_module(f"{t.__name__}.nn.modules.{module}"), name)
        return [isinstance(eval(each, vars(t.nn)), base) for each in layers]

    check_same(program)


CALLS = """
F._get_softmax_dim('softmax', 3, 5), F._get_softmax_dim('softmax', 2, 5)
F.softmax(x).shape, F.log_softmax(x[0]).shape
F._none_or_dtype(None), str(F._none_or_dtype(x))
F._none_or_dtype(3)
F._canonical_mask(None, 'a', None, 'b', t.float32)
F._canonical_mask(x > 0, 'a', None, 'b', t.float64)
F._canonical_mask(x, 'a', t.bool, 'b', t.float64)
F._canonical_mask(x, 'a', t.bool, 'b', t.float64, check_other=False)
F._mha_shape_check(x[None], x[None], x[None], None, None, 1)
F._mha_shape_check(x, x, x, None, x, 1)
t.nn.modules.utils._ntuple(3)(2), t.nn.modules.utils._ntuple(2)([1, 5])
t.nn.modules.utils._ntuple(3, 'name').__name__, t.nn.modules.utils._pair(4)
t.nn.modules.utils._reverse_repeat_tuple((1, 2, 3), 2)
t.nn.modules.module._addindent('a\\nb\\n\\nc', 2), t.nn.modules.module._addindent('a', 2)
t.nn.modules.module._IncompatibleKeys(['a'], []).missing_keys
isinstance(t.nn.ReLU().load_state_dict({}), t.nn.modules.module._IncompatibleKeys)
t.nn.modules.transformer._generate_square_subsequent_mask(3)
t.nn.modules.transformer._get_activation_fn('relu') is F.relu
t.nn.modules.transformer._get_activation_fn('tanh')
len(t.nn.modules.transformer._get_clones(t.nn.ReLU(), 3))
t.nn.init._no_grad_fill_(w, 2), t.nn.init._no_grad_zero_(w)
seeded(t).init._no_grad_normal_(w, 1, 2)
seeded(t).init._no_grad_uniform_(w, 1, 2)
seeded(t).init._no_grad_trunc_normal_(w, 0, 1, -1, 1)
x._cdata == x._cdata, x._cdata == w._cdata, w._cdata == w.detach()._cdata
[name for name, _ in linear(t)._named_members(lambda m: m._parameters.items(), prefix='a')]
[name for name, _ in linear(t)._named_members(lambda m: m._modules.items(), recurse=False)]
F.has_torch_function((x,)), F.handle_torch_function is t.overrides.handle_torch_function
t.overrides.has_torch_function_unary(x), t.overrides.has_torch_function_variadic(x, 1)
t.nn.init._calculate_fan_in_and_fan_out(t.ones(2, 3, 4))
t.nn.init._calculate_correct_fan(t.ones(2, 3, 4), 'fan_out')
"""


def seeded(t: Any) -> Any:
    t.manual_seed(0)
    return t.nn


def linear(t: Any) -> Any:
    return t.nn.Sequential(t.nn.Linear(2, 1), t.nn.ReLU())


def names(t: Any) -> dict[str, Any]:
    x = t.tensor([[0.5, -1.0], [2.0, 0.0]])
    found = {"t": t, "F": t.nn.functional, "x": x, "w": t.nn.Parameter(t.ones(3))}
    return found | {"seeded": seeded, "linear": linear}


@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_calls(line: str) -> None:
    check_same(lambda t: eval(line, names(t)))


@pytest.mark.parametrize(
    "line",
    [
        "F._canonical_mask(x.long(), 'a', None, 'b', t.float32)",
        "F._mha_shape_check(x, x[0], x, None, None, 1)",
        "F._in_projection(x, x, x, x[:1], x, x)",
        "F._in_projection(x, x, x, x, x, x, None, x)",
    ],
)
def test_what_does_not_fit_is_an_assertion_error(line: str) -> None:
    for library in ("minigrad", "torch"):
        with pytest.raises(AssertionError):
            eval(line, names(importlib.import_module(library)))


def test_tensors_as_one_vector_and_back() -> None:
    def program(t: Any) -> Any:
        utils = importlib.import_module(f"{t.__name__}._utils")
        x = t.arange(6.0).reshape(2, 3).T.requires_grad_()
        tensors = [x, t.ones(()), t.ones(0, 2)]
        flat = utils._flatten_dense_tensors(tensors)
        parts = utils._unflatten_dense_tensors(flat, tensors)
        (parts[0] * t.arange(6.0).reshape(3, 2)).sum().backward()
        return flat, parts, [type(part.grad_fn).__name__ for part in parts], x.grad

    check_same(program)


@pytest.mark.parametrize("same", ["qkv", "kv", ""])
@pytest.mark.parametrize("bias", [True, False])
def test_projections(same: str, bias: bool) -> None:
    def program(t: Any) -> Any:
        F = t.nn.functional
        t.manual_seed(1)
        k, w, b = t.randn(3, 2, 4), t.randn(12, 4), t.randn(12) if bias else None
        q = k if "q" in same else t.randn(5, 2, 4)
        v = k if same else t.randn(3, 2, 4)
        biases = () if b is None else b.chunk(3)
        return [
            *F._in_projection_packed(q, k, v, w, b),
            *F._in_projection(q, k, v, *w.chunk(3), *biases),
        ]

    check_close(program, 1e-5, 1e-6)
