"""nn/cross_map.py and nn/sync_batchnorm.py: values, gradients, conversion and errors."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import translate

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")
importlib.import_module("torch.nn.utils.prune")  # PyTorch does not import it by itself


@given(
    st.integers(1, 8),
    st.integers(1, 7),
    st.sampled_from([1e-4, 0.5]),
    st.sampled_from([0.75, 0.5, 1.0]),
    st.sampled_from([1, 2.0]),
    st.integers(0, 2**32 - 1),
)
def test_cross_map_normalisation_and_its_gradient(
    size: int, channels: int, alpha: float, beta: float, k: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, g = rng.standard_normal((2, 2, channels, 2, 1))
    results = []
    for t in (minigrad, torch):
        leaf = t.from_numpy(x.copy()).requires_grad_()
        y = t.nn.CrossMapLRN2d(size, alpha, beta, k)(leaf)
        found = [y.detach().numpy()]
        if size > 1:
            y.backward(t.from_numpy(g.copy()))
            found.append(leaf.grad.numpy())
        results.append(found)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-12, 1e-12)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (1, 2, 3, 4, 5)])
def test_cross_map_normalisation_takes_images(shape: tuple[int, ...]) -> None:
    for t in (minigrad, torch):
        with pytest.raises(ValueError, match=f"Expected input to be 4D, got {len(shape)}D"):
            t.nn.CrossMapLRN2d(2)(t.ones(shape))


def test_cross_map_normalisation_of_one_channel_each_has_no_gradient() -> None:
    for t in (minigrad, torch):
        y = t.nn.CrossMapLRN2d(1)(t.ones(1, 2, 1, 1, requires_grad=True))
        with pytest.raises(RuntimeError):
            y.sum().backward()


@given(st.booleans(), st.booleans(), st.sampled_from([None, 0.1, 0.5]), st.booleans())
def test_synchronised_normalisation_of_one_process(
    affine: bool, track: bool, momentum: Any, training: bool
) -> None:
    results = []
    x = np.random.default_rng(0).standard_normal((4, 3, 2))
    for t in (minigrad, torch):
        layer = t.nn.SyncBatchNorm(
            3, momentum=momentum, affine=affine, track_running_stats=track, dtype=t.float64
        )
        for _ in range(2):
            layer.train(training)
            y = layer(t.from_numpy(x.copy()))
        results.append([y.detach().numpy(), *(v.numpy() for v in layer.state_dict().values())])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-12, 1e-12)


def test_conversion_keeps_parameters_statistics_and_modes() -> None:
    shown = []
    for t in (minigrad, torch):
        net = t.nn.Sequential(
            t.nn.BatchNorm2d(3, affine=False, momentum=None),
            t.nn.Sequential(t.nn.Linear(2, 2), t.nn.BatchNorm1d(2, eps=0.1, bias=False)),
        )
        net[1].eval()
        weight, mean = net[1][1].weight, net[1][1].running_mean
        converted = t.nn.SyncBatchNorm.convert_sync_batchnorm(net, "group")
        assert converted is net
        assert net[1][1].weight is weight
        assert net[1][1].running_mean is mean
        assert net[1][1].process_group == "group"
        shown.append((repr(net), net[0].training, net[1][1].training, [*net.state_dict()]))
        alone = t.nn.SyncBatchNorm.convert_sync_batchnorm(t.nn.BatchNorm1d(4))
        assert type(alone) is t.nn.SyncBatchNorm
        other = t.nn.Linear(1, 1)
        assert t.nn.SyncBatchNorm.convert_sync_batchnorm(other) is other
    assert shown[0] == shown[1]


def test_a_weight_that_is_computed_cannot_be_converted() -> None:
    for t in (minigrad, torch):
        layer = t.nn.BatchNorm1d(3)
        t.nn.utils.prune.identity(layer, "weight")
        with pytest.raises(TypeError, match="as parameter 'weight'"):
            t.nn.SyncBatchNorm.convert_sync_batchnorm(layer)


def test_state_is_exchanged_with_pytorch() -> None:
    theirs = torch.nn.SyncBatchNorm(3)
    theirs(torch.randn(4, 3))
    ours = nn.SyncBatchNorm(3)
    ours.load_state_dict(translate(theirs.state_dict(), minigrad))
    assert ours.running_mean.tolist() == theirs.running_mean.tolist()


def test_too_few_dimensions() -> None:
    for t in (minigrad, torch):
        with pytest.raises(ValueError, match="at least 2D"):
            t.nn.SyncBatchNorm(3)(t.ones(3))


@pytest.mark.parametrize("training", [True, False])
def test_several_processes_need_a_gpu_for_training(training: bool, tmp_path: Any) -> None:
    for t in (minigrad, torch):
        at = f"file://{tmp_path}/{t.__name__}"
        t.distributed.init_process_group("gloo", init_method=at, rank=0, world_size=1)
        try:
            layer = t.nn.SyncBatchNorm(3).train(training)
            if training:
                with pytest.raises(ValueError, match="SyncBatchNorm expected input tensor to be"):
                    layer(t.ones(2, 3))
            else:
                assert layer(t.ones(2, 3)).shape == (2, 3)
        finally:
            t.distributed.destroy_process_group()
