"""PyTorch's own database of optimisers: every sample and every error of it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's database of optimisers needs expecttest")

from bridge.libraries.databases import side_effects_undone  # noqa: E402

with side_effects_undone():
    from torch.testing._internal.common_optimizers import optim_db

import minigrad  # noqa: E402
from minigrad import optim  # noqa: E402

# SparseAdam is refused by name.
INFOS = [
    info
    for info in optim_db
    if hasattr(optim, info.optim_cls.__name__) and info.optim_cls.__name__ != "SparseAdam"
]
WITH_INFO = pytest.mark.parametrize("info", INFOS, ids=lambda info: info.optim_cls.__name__)
# There are no sparse and no complex tensors.
MISSING = "complex|sparse"
# Tensor betas are refused with another error.
REFUSED = "betas.* as a Tensor"


def converted(value: Any, seen: dict[int, Any]) -> Any:
    """Convert PyTorch's tensors to minigrad's; the same tensor stays the same."""
    if isinstance(value, torch.Tensor):
        if id(value) not in seen:
            kind = minigrad.nn.Parameter if isinstance(value, torch.nn.Parameter) else lambda x: x
            seen[id(value)] = kind(minigrad.from_numpy(value.detach().numpy().copy()))
        return seen[id(value)]
    if isinstance(value, dict):
        return {key: converted(item, seen) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(converted(item, seen) for item in value)
    return value


def losses(t: Any, name: str, options: dict[str, Any]) -> list[float]:
    """Return the losses of five steps on a small problem."""
    rng = np.random.default_rng(0)
    w, x = (t.from_numpy(rng.standard_normal((4, 4))) for _ in range(2))
    w, b = t.nn.Parameter(w), t.nn.Parameter(t.from_numpy(rng.standard_normal(4)))
    optimizer = getattr(t.optim, name)([w] if name == "Muon" else [w, b], **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (t.tanh(x @ w) ** 2).sum() + (b**2).sum()
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(5)]


@WITH_INFO
def test_samples(info: Any) -> None:
    name = info.optim_cls.__name__
    tried = 0
    for sample in info.optim_inputs_func(device="cpu"):
        if sample.kwargs.get("differentiable") or sample.kwargs.get("capturable"):
            continue
        given = sample.kwargs.get("betas", ())
        if any(isinstance(beta, torch.Tensor) for beta in given):
            continue
        ways = [way for way in info.supported_impls if way in ("foreach", "fused")]
        for way in (None, *ways):
            options = sample.kwargs | ({way: True} if way else {})
            lr_is_tensor = isinstance(options.get("lr"), torch.Tensor)
            if lr_is_tensor and options.get("foreach") and name in ("Adam", "AdamW"):
                continue  # PyTorch refuses it
            ours = losses(minigrad, name, converted(options, {}))
            tolerance = 0.05 if name == "Muon" else 1e-6
            expected = losses(torch, name, options)
            np.testing.assert_allclose(ours, expected, rtol=tolerance, err_msg=f"{options}")
            tried += 1
    assert tried > 1


@WITH_INFO
def test_errors(info: Any) -> None:
    kind = getattr(optim, info.optim_cls.__name__)
    for error in info.optim_error_inputs_func("cpu", torch.float32):
        if re.search(MISSING, error.error_regex) or re.search(REFUSED, error.error_regex):
            continue
        sample = error.optimizer_error_input
        seen: dict[int, Any] = {}
        params = sample.params
        if not isinstance(params, torch.Tensor | list | dict | None):
            params = list(params)
        params = [torch.zeros(1)] if params is None else params
        arguments, options = converted(params, seen), converted(sample.kwargs, seen)
        # Warnings are errors in tests.
        with pytest.raises(error.error_type, match=error.error_regex):
            kind(arguments, **options)
