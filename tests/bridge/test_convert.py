"""bridge/libraries/convert.py: round trips are exact; an object without counterpart is named."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

torch = pytest.importorskip("torch")
from torch.ao.nn.quantizable import LSTM as QuantizableLSTM  # minigrad has no such module

import minigrad
from bridge import from_torch, to_torch
from bridge.drawing.class_samples import OPTIMIZERS, draw_optimizer_options

DTYPES = ("float32", "float64", "int32", "int64", "bool")
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0))
)


def bits(tensor: Any) -> Any:
    array = tensor.detach().numpy()
    return array.dtype, array.shape, array.tobytes()


@given(ARRAYS, st.booleans())
def test_tensors_make_a_round_trip(array: np.ndarray, wanted: bool) -> None:
    ours = minigrad.from_numpy(array.copy())
    ours.requires_grad_(wanted and array.dtype.kind == "f")
    theirs = to_torch(ours)
    assert isinstance(theirs, torch.Tensor)
    back = from_torch(theirs)
    assert isinstance(back, minigrad.Tensor)
    assert bits(ours) == bits(theirs) == bits(back)
    assert ours.requires_grad == theirs.requires_grad == back.requires_grad


def test_nothing_shares_memory() -> None:
    ours = minigrad.zeros(3)
    theirs = to_torch(ours)
    back = from_torch(theirs)
    theirs += 1
    assert ours.tolist() == back.tolist() == [0, 0, 0]


def test_every_layout_is_converted() -> None:
    x = minigrad.arange(12.0).reshape(3, 4)
    for view in (x.T, x[:, ::2], x[:1].expand(3, 4), x[1:1], x[0, 0]):
        assert to_torch(view).tolist() == view.tolist()
        assert from_torch(to_torch(view)).tolist() == view.tolist()


def test_a_leaf_keeps_its_gradient_and_a_result_becomes_a_leaf() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    y = w * w
    y.sum().backward()
    assert to_torch(w).grad.tolist() == [2.0, 4.0]
    theirs = to_torch(y)
    assert theirs.is_leaf
    assert theirs.requires_grad
    p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert isinstance(from_torch(p), minigrad.nn.Parameter)
    assert not from_torch(p).requires_grad


def tied(nn: Any) -> Any:
    layer = nn.Linear(3, 3)
    return nn.Sequential(OrderedDict(a=layer, b=nn.Sequential(nn.ReLU()), c=layer))


# test_class_samples.py converts every layer with every option.
@pytest.mark.parametrize("training", [True, False])
def test_nested_modules_make_a_round_trip(training: bool) -> None:
    ours = tied(minigrad.nn).train(training)
    theirs = to_torch(ours)
    back = from_torch(theirs)
    assert repr(theirs) == repr(tied(torch.nn))
    assert repr(back) == repr(ours)
    states = [module.state_dict() for module in (ours, theirs, back)]
    assert list(states[0]) == list(states[1]) == list(states[2])
    for key in states[0]:
        assert len({str(bits(state[key])) for state in states}) == 1
    names = [[name for name, _ in m.named_parameters()] for m in (ours, theirs, back)]
    assert names[0] == names[1] == names[2]
    assert all(module.training == training for module in (*theirs.modules(), *back.modules()))


@given(st.integers(0, 2**32 - 1))
def test_a_converted_module_computes_the_same(seed: int) -> None:
    minigrad.manual_seed(seed)
    model = minigrad.nn.Sequential(minigrad.nn.Linear(3, 4), minigrad.nn.Tanh())
    x = np.ones((2, 3), np.float32)
    ours = model(minigrad.from_numpy(x)).detach().numpy()
    theirs = to_torch(model)(torch.from_numpy(x)).detach().numpy()
    # The terms of a sum are below 1 and may cancel.
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_conversion_draws_no_random_numbers() -> None:
    state = torch.get_rng_state()
    to_torch(minigrad.nn.Linear(3, 4))
    assert (torch.get_rng_state() == state).all()


def test_shared_parameters_stay_shared() -> None:
    theirs = to_torch(tied(minigrad.nn))
    assert theirs[0] is theirs[2]
    weight = minigrad.nn.Parameter(minigrad.ones(2, 2))
    pair = minigrad.nn.Sequential(minigrad.nn.Linear(2, 2), minigrad.nn.Linear(2, 2))
    pair[0].weight = pair[1].weight = weight
    theirs = to_torch(pair)
    assert theirs[0].weight is theirs[1].weight
    first, second = to_torch([weight, weight])
    assert first is second


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("seed", range(8))
def test_the_other_library_continues_from_an_optimisers_state(kind: str, seed: int) -> None:
    options = draw_optimizer_options(kind, seed)

    def train(library: Any, parameter: Any, optimizer: Any, steps: int) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = (parameter.exp() - parameter).sum()
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)

    sample = OPTIMIZERS[kind]
    start = minigrad.tensor([1.0, -2.0]).double()
    w = minigrad.nn.Parameter(start.view(1, 2) if sample.only_matrices else start)
    ours = getattr(minigrad.optim, kind)([w], **options)
    train(minigrad, w, ours, 3)
    v = to_torch(w)
    theirs = getattr(torch.optim, kind)([v], **options)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    # Loading converts numbers such as NAdam's `mu_product` to the parameter's dtype.
    ours.load_state_dict(ours.state_dict())
    u = from_torch(v)
    back = getattr(minigrad.optim, kind)([u], **options)
    back.load_state_dict(from_torch(theirs.state_dict()))
    for library, parameter, optimizer in (
        (minigrad, w, ours),
        (torch, v, theirs),
        (minigrad, u, back),
    ):
        train(library, parameter, optimizer, 3)
    assert bits(u) == bits(w)
    rtol = 0.01 if kind == "Muon" else 1e-13  # Muon rounds to 8 bits
    np.testing.assert_allclose(v.detach().numpy(), w.detach().numpy(), rtol=rtol, atol=1e-10)


def test_plain_data_are_unchanged() -> None:
    state = OrderedDict(a=[1, (2.5, None)], b={"dtype": minigrad.float32, "name": "x", 3: True})
    theirs = to_torch(state)
    assert type(theirs) is OrderedDict
    assert theirs["b"]["dtype"] is torch.float32
    assert from_torch(theirs) == state
    assert isinstance(to_torch(minigrad.ones(2, 3).shape), torch.Size)


class UsersModule(minigrad.nn.Module):
    pass


@pytest.mark.parametrize(
    ("convert", "obj", "said"),
    [
        (from_torch, torch.nn.Sequential(QuantizableLSTM(2, 2)), r"^0 is a torch.*rnn.LSTM"),
        (from_torch, QuantizableLSTM(2, 2), "the object is a torch.*rnn.LSTM"),
        (
            to_torch,
            UsersModule(),
            r"UsersModule, which has no counterpart: .* function of the namespace",
        ),
        (from_torch, torch.zeros(2, dtype=torch.bfloat16), "minigrad has no dtype bfloat16"),
        (from_torch, {"a": [torch.zeros(2, dtype=torch.complex64)]}, r"\['a'\]\[0\]: .* complex64"),
        (to_torch, [object()], r"^\[0\] is a builtins.object"),
        (to_torch, np.zeros(2), "numpy.ndarray, which has no counterpart"),
        (to_torch, torch.zeros(2), "torch.Tensor, which has no counterpart"),
        (to_torch, minigrad.optim.SGD([minigrad.ones(1)]), r"convert its state_dict\(\)"),
    ],
)
def test_an_object_without_counterpart_is_named(convert: Any, obj: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        convert(obj)


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
@pytest.mark.parametrize(("library", "convert"), [(minigrad, to_torch), (torch, from_torch)])
def test_hooks_raise_an_error(library: Any, convert: Any, kind: str) -> None:
    model = library.nn.Sequential(library.nn.Linear(1, 1))
    handle = getattr(model[0], f"register_{kind}_hook")(lambda *args: None)
    with pytest.raises(TypeError, match=f"^0 has {kind.removeprefix('full_')}_hooks"):
        convert(model)
    handle.remove()
    convert(model)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_to_cuda_and_back() -> None:
    model = minigrad.nn.Linear(3, 2)
    theirs = to_torch(model, device="cuda")
    assert theirs.weight.is_cuda
    assert bits(from_torch(theirs).weight) == bits(model.weight)
