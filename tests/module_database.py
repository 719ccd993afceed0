"""Run PyTorch's own database of modules on minigrad: every sample of every layer it has.

    python -m tests.module_database [NAME …]

prints a line for each layer: the number of samples, how far values and gradients are apart at
most, in units of eps of the largest element, and the first disagreements.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import minigrad
from bridge import from_torch
from bridge.libraries.databases import side_effects_undone
from minigrad import nn

# Layers of PyTorch's that minigrad lacks.
MISSING: set[str] = set()
# NaN inputs, at which a derivative of xlogy differs.
EDGES = {"KLDivLoss"}
# How far results may be apart, in eps of the largest element. Longer programs lose more.
ALLOWED = 64
LOSES_MORE = {"CTCLoss": 512, "Transformer": 256, "TransformerEncoder": 256}


def module_infos() -> dict[str, Any]:
    """Return the entries for ordinary modules by name. ImportError without `expecttest`."""
    with side_effects_undone():
        # Not at the top: it needs a package that only this uses.
        from torch.testing._internal import common_modules
    return {
        info.module_cls.__name__: info
        for info in common_modules.module_db
        if info.module_cls.__module__.startswith("torch.nn.modules")
    }


def ours(value: Any, made: dict[int, Any] | None = None) -> Any:
    """Return minigrad's counterpart of an argument; a tensor that is in it twice is so there."""
    made = {} if made is None else made
    if isinstance(value, torch.nn.Module):
        return from_torch(value)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.PackedSequence(*(ours(part, made) for part in value))
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            x = minigrad.from_numpy(np.array(value.detach().numpy()))
            made[id(value)] = x.requires_grad_(value.requires_grad)
        return made[id(value)]
    if isinstance(value, torch.dtype):
        return getattr(minigrad, str(value).removeprefix("torch."))
    if isinstance(value, dict):
        return {key: ours(item, made) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(ours(item, made) for item in value)
    if callable(value) and hasattr(nn.functional, getattr(value, "__name__", "")):
        return getattr(nn.functional, value.__name__)
    return value


def tensors(value: Any) -> list[Any]:
    """Return the tensors in nested lists and tuples."""
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors(part)]
    return [value] if isinstance(value, torch.Tensor | minigrad.Tensor) else []


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far `a` is from `b`, in eps of the largest element of `b`, or of 1.

    The inputs are of order 1, and so are the terms of a result that is smaller.
    """
    if a.dtype.kind != "f":
        return float("inf") if (a != b).any() else 0.0
    if (np.isnan(a) != np.isnan(b)).any() or (np.isinf(a) != np.isinf(b)).any():
        return float("inf")
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    largest = np.abs(b).max(initial=1)
    return float(np.abs(a - b).max(initial=0) / (np.finfo(b.dtype).eps * largest))


@dataclass
class Result:
    """What the samples of a layer gave."""

    name: str
    samples: int = 0
    worst: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        line = f"{self.name:30} {self.samples:4} samples {self.worst:8.1f} eps"
        return "\n".join([line, *(f"    {fault}" for fault in self.faults[:4])])


def samples_of(info: Any, seed: int) -> Iterator[tuple[bool, Any, Any]]:
    for dtype in (torch.float32, torch.float64):
        for training in (True, False):
            torch.manual_seed(seed)
            drawn = info.module_inputs_func(
                info, device="cpu", dtype=dtype, requires_grad=True, training=training
            )
            for sample in drawn:
                if sample.constructor_input.kwargs.get("options") is not None:
                    continue  # minigrad refuses the options of LinearCrossEntropyLoss
                yield training, dtype, sample


def _make(library: Any, name: str, sample: Any, dtype: Any, training: bool) -> Any:
    given = sample.constructor_input
    args, kwargs = given.args, given.kwargs
    if library is minigrad:
        args, kwargs, dtype = ours(args), ours(dict(kwargs)), ours(dtype)
    library.manual_seed(0)
    return getattr(library.nn, name)(*args, **kwargs).to(dtype).train(training)


def _results(library: Any, module: Any, inputs: Any) -> list[np.ndarray]:
    """Call a module, and return its outputs and the gradients for random cotangents."""
    args, kwargs = inputs
    library.manual_seed(1)
    outputs = tensors(module(*args, **kwargs))
    leaves = [x for x in tensors([*args, *kwargs.values()]) if x.requires_grad]
    leaves += list(module.parameters())
    rng = np.random.default_rng(0)
    wanted = [x for x in outputs if x.requires_grad]
    cotangents = [
        library.from_numpy(
            np.asarray(rng.standard_normal(tuple(x.shape)), x.detach().numpy().dtype)
        )
        for x in wanted
    ]
    gradients = (
        library.autograd.grad(wanted, leaves, cotangents, allow_unused=True) if wanted else ()
    )
    return [
        np.zeros(0) if x is None else np.asarray(x.detach().numpy()) for x in (*outputs, *gradients)
    ]


def _compare(name: str, training: bool, dtype: Any, sample: Any, result: Result) -> None:
    theirs = _make(torch, name, sample, dtype, training)
    mine = _make(minigrad, name, sample, dtype, training)
    if repr(mine) != repr(theirs):
        result.faults.append(f"{sample.desc}: repr {mine!r} instead of {theirs!r}")
    if not name.startswith("Lazy"):
        a, b = mine.state_dict(), theirs.state_dict()
        if [(k, x.numpy().tobytes()) for k, x in a.items()] != [
            (k, x.numpy().tobytes()) for k, x in b.items()
        ]:
            result.faults.append(f"{sample.desc}: the initial state differs")
    given = sample.forward_input
    if given is None:
        return
    expected = _results(torch, theirs, (given.args, given.kwargs))
    found = _results(minigrad, mine, ours((given.args, dict(given.kwargs))))
    if [(x.shape, x.dtype) for x in found] != [(x.shape, x.dtype) for x in expected]:
        result.faults.append(f"{sample.desc}: shapes or dtypes differ")
        return
    far = max((distance(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)
    result.worst = max(result.worst, far)
    if far > LOSES_MORE.get(name, ALLOWED):
        result.faults.append(f"{sample.desc}: {far:.3g} eps of the largest element")


def check(name: str, info: Any, seed: int = 0, every: int = 1) -> Result:
    """Compare every sample of a layer, or one in `every`."""
    result = Result(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, (training, dtype, sample) in enumerate(samples_of(info, seed)):
            if (i + seed) % every:
                continue
            result.samples += 1
            try:
                _compare(name, training, dtype, sample, result)
            except Exception as error:
                result.faults.append(f"{sample.desc}: {type(error).__name__}: {error}")
    return result


def main(names: list[str]) -> int:
    infos = module_infos()
    torch.set_num_threads(1)
    failed = 0
    for name, info in infos.items():
        if name in MISSING:
            print(f"{name:30} missing")
        elif not names or name in names:
            result = check(name, info)
            failed += bool(result.faults)
            print(result)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
