"""benchmarks/models.py and model_zoo.py: the models, the check before the timing, and the table."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl"):
    pytest.importorskip(needed)

import minigrad
from benchmarks import memory
from benchmarks.agreement import Disagreement
from benchmarks.measurement import Measurement
from benchmarks.memory import peak
from benchmarks.model_zoo import MODELS, training_step
from benchmarks.models import check_models, measure, table
from benchmarks.settings import BenchmarkSettings
from tests.bridge.mistakes import mistake_in_rule

QUICK = BenchmarkSettings(rounds=1, seconds=1e-5, quick=True)
LIBRARIES = {"minigrad": minigrad, "PyTorch": torch}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_both_libraries_train_a_model_alike(name: str, dtype: str) -> None:
    steps = {
        library: training_step(MODELS[name], t, dtype, small=True)
        for library, t in LIBRARIES.items()
    }
    check_models(name, steps, dtype)
    for step in steps.values():
        first = step.run().item()
        assert step.run().item() < first
        step.reset()
        assert step.run().item() == first
        assert {str(array.dtype) for array in step.arrays().values()} == {dtype}


def test_a_quick_run_measures_every_model_in_both_libraries() -> None:
    found = measure(QUICK)
    assert [(m.case, m.engine) for m in found] == [(c, e) for c in MODELS for e in LIBRARIES]
    lines = table(found).splitlines()
    assert [line.split("  ")[0] for line in lines[3:-1]] == list(MODELS)


def test_a_wrong_gradient_is_refused() -> None:
    wrong = mistake_in_rule("relu", derivative=lambda d: d * d.dtype.type(1.01))
    message = "convolutions, 64×8×8: minigrad computes .* for the gradient of .*, but PyTorch"
    with wrong, pytest.raises(Disagreement, match=message):
        measure(QUICK)


def test_parameters_that_are_not_updated_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.optim.SGD, "_update", lambda self, group, pairs: None)
    model = MODELS["convolutions, 64×8×8"]
    steps = {name: training_step(model, t, small=True) for name, t in LIBRARIES.items()}
    with pytest.raises(Disagreement, match=r"minigrad computes 0 for the distance that .* moved"):
        check_models(model.name, steps, "float32")


def test_the_table_names_the_targets_that_are_missed() -> None:
    def found(case: str, seconds: float, megabytes: float) -> list[Measurement]:
        numbers = {("minigrad", "step"): seconds, ("minigrad", "memory"): megabytes * 1e6}
        numbers |= {("PyTorch", "step"): 1e-3, ("PyTorch", "memory"): 1e6}
        return [Measurement("models", case, 1, *key, (value,)) for key, value in numbers.items()]

    fast, slow, large = list(MODELS)[:3]
    met = found(fast, 1.4e-3, 1.4)
    assert table(met).endswith("\nall targets are met")
    text = table([*met, *found(slow, 3.5e-3, 1.0), *found(large, 2.5e-3, 1.6)])
    assert text.endswith(f"\ntargets missed: time of {slow}; memory of {large}")
    (line,) = (line for line in text.splitlines() if line.startswith(slow))
    assert line.removeprefix(slow).split() == [
        *("3.50", "1.00", "0%", "3.50", "3"),
        *("1.0", "1.0", "1.00", "1.5"),
    ]


@pytest.mark.skipif(not memory._CLEAR.exists(), reason="only Linux can reset the peak")
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_memory_of_a_model(library: str) -> None:
    assert 10_000 < peak("model", library, list(MODELS).index("makemore's MLP")) < 100_000_000
