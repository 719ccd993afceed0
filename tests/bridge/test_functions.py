"""bridge/running/functions.py: functions that agree, and every way to differ."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from profiles import examples

torch = pytest.importorskip("torch")

import minigrad
import minigrad.nn.functional as F
from bridge import DeviceError, assert_matches_torch, compare
from bridge.conformance import checker
from bridge.drawing.operands import Case, Operand
from bridge.drawing.samples import SAMPLES, forms
from bridge.strategies import cases
from minigrad.catalogue.accuracy import FEW_DIGITS_IN_PYTORCH
from minigrad.core import walk as graph
from minigrad.rules import REGISTRY
from tests.bridge.mistakes import mistake_in_rule, same_masks

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{checker.LAYOUT_WARNING}"),
    pytest.mark.filterwarnings("ignore:Using a target size"),
]
X = np.random.default_rng(0).standard_normal((4, 3))
W = np.random.default_rng(1).standard_normal((3, 5))


def composite(torch: Any, x: Any, w: Any) -> Any:
    return torch.nn.functional.relu(x @ w).tanh().log_softmax(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_that_agrees(dtype: Any) -> None:
    report = compare(composite, X.astype(dtype), W.astype(dtype))
    assert report.ok
    assert report.ops == {"mm": 1, "relu": 1, "tanh": 1, "log_softmax": 1}
    names = ["output", "gradient of input 0", "gradient of input 1"]
    assert [found.what for found in report.compared] == names
    assert report.worst is not None
    assert report.worst.ok
    assert str(report).endswith("minigrad and PyTorch agree")
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["ok"]
    assert plain["environment"]["seed"] == 0


def outputs_of(torch: Any, x: Any, w: Any) -> Any:
    return {"a": [x * 2, w.sum()], "b": (x @ w, (x > 0, x.detach() * 3)), "c": 1.5}


NAMES = ["['a'][0]", "['a'][1]", "['b'][0]", "['b'][1][0]", "['b'][1][1]", "['c']"]


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_every_output_is_judged(place: int) -> None:
    """One of several outputs is wrong, or its gradient is, or its flag."""
    name = f"output{NAMES[place]}"

    def wrong_value(torch: Any, x: Any, w: Any) -> Any:
        outputs = outputs_of(torch, x, w)
        flat = [*outputs["a"], outputs["b"][0], *outputs["b"][1], outputs["c"]]
        if torch is minigrad:
            y = flat[place]
            flat[place] = ~y if y is flat[3] else y * 1.001
        return {"a": flat[:2], "b": (flat[2], tuple(flat[3:5])), "c": flat[5]}

    assert compare(outputs_of, X, W).ok
    report = compare(wrong_value, X, W)
    assert [found.what for found in report.compared if not found.ok][:1] == [name]
    with pytest.raises(AssertionError, match=re.escape(name)):
        assert_matches_torch(wrong_value, X, W)


@pytest.mark.parametrize("place", range(3))
def test_the_gradient_through_every_output_is_judged(place: int) -> None:
    def cut(torch: Any, x: Any, w: Any) -> Any:
        outputs = [x * 2, w.sum(), x @ w]
        if torch is minigrad:
            y = outputs[place]
            outputs[place] = y.detach() + (y - y.detach()) * 1.001
        return outputs

    report = compare(cut, X, W)
    assert all(found.ok for found in report.compared if found.what.startswith("output"))
    wrong = {found.what for found in report.compared if not found.ok}
    assert wrong == {"gradient of input 0", "gradient of input 1"} - {
        ("gradient of input 1", "gradient of input 0", "")[place]
    }


@pytest.mark.parametrize("place", range(3))
def test_the_flag_of_every_output_is_judged(place: int) -> None:
    def detached(torch: Any, x: Any) -> Any:
        outputs = [x * 2, x + 1, x - 1]
        if torch is minigrad:
            outputs[place] = outputs[place].detach()
        return outputs

    assert f"output[{place}]: requires_grad" in str(compare(detached, X))


def function_and_inputs(name: str, case: Case) -> Any:
    """Return the case's call as a function of the namespace, and its operands as inputs."""
    form = next(iter(forms(name).values()))

    def function(torch: Any, *operands: Any) -> Any:
        options = {key: checker._translated(torch, v) for key, v in case.options.items()}
        return form(torch, *operands, **options)

    inputs = [x.values if isinstance(x, Operand) else x for x in case.operands]
    constant = any(isinstance(x, Operand) and x.constant for x in case.operands)
    if constant or not REGISTRY[name].differentiable:  # an array would require grad
        inputs = [torch.from_numpy(x.copy()) if isinstance(x, np.ndarray) else x for x in inputs]
    return function, inputs


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in FEW_DIGITS_IN_PYTORCH])
@settings(max_examples=examples(8))  # tests/rules draws more of the same cases
@given(data=st.data())
def test_every_rule_agrees_on_any_case(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    if REGISTRY[name].differentiable:
        case = replace(case, wanted=None)
    function, inputs = function_and_inputs(name, case)
    first = next(iter(forms(name).values()))
    assume(all(checker.call_outcome(t, first, case).error is None for t in (torch, minigrad)))
    report = compare(function, *inputs, seed=case.seed)
    assert report.ok or report.faults[0].note, report


def wrong(x: Any) -> Any:
    return np.asarray(x) * np.asarray(x).dtype.type(1.001)


@pytest.mark.parametrize("op", ["mm", "relu", "tanh", "log_softmax"])
@pytest.mark.parametrize("kind", ["value", "derivative"])
def test_a_mistake_in_a_rule_is_named(op: str, kind: str) -> None:
    with mistake_in_rule(op, **{kind: wrong}):
        report = compare(composite, X, W)
        assert not report.ok
        with pytest.raises(AssertionError) as raised:
            assert_matches_torch(composite, X, W)
    fault = report.worst
    assert fault is not None
    assert fault is report.faults[0]
    assert fault.op == op
    assert fault.what.startswith("value" if kind == "value" else "gradient of ")
    assert fault.index is not None
    assert fault.distance > fault.bound
    said = str(raised.value)
    for part in (op, "test_functions.py:", str(list(fault.index)), repr(fault.ours)):
        assert part in said
    assert repr(fault.theirs) in said
    assert f"{fault.bound:.3g} is allowed" in said


def test_assert_matches_torch_passes() -> None:
    assert_matches_torch(composite, X, W)


def test_wrongly_combined_ops_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = F.relu
    monkeypatch.setattr(F, "relu", lambda x: relu(x) * 1.001)
    report = compare(composite, X, W)
    assert report.faults[0].op == "mul"
    assert "unlike any in PyTorch" in report.faults[0].what


def test_a_tape_that_sums_gradients_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = graph.summed_to
    monkeypatch.setattr(graph, "summed_to", lambda *args: wrong(summed(*args)))
    report = compare(lambda torch, x, b: torch.tanh(x + b), X, X[0])
    assert [found.what for found in report.faults] == ["gradient of input 1"]


def test_a_small_difference_in_a_small_element_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each element is judged by how far rounding carries that element."""
    x = np.array([1e-20, 1.0, 1e10])
    tanh = F.tanh
    monkeypatch.setattr(F, "tanh", lambda x: tanh(x) + minigrad.tensor([1e-24, 0, 0]).double())
    report = compare(lambda torch, x: torch.nn.functional.tanh(x), x)
    assert not report.ok
    assert report.faults[-1].index == (0,)


def test_the_sign_of_zero_counts_for_exact_ops() -> None:
    function = lambda torch, x: torch.relu(x)  # noqa: E731
    assert compare(function, np.array([-0.0, 0.0, -1.0])).ok
    with mistake_in_rule("relu", value=lambda y: y + 0.0):
        assert not compare(function, np.array([-0.0, 0.0, -1.0])).ok


def test_nan_equals_nan_and_the_sign_of_infinity_counts() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 5e-324])
    assert compare(lambda torch, x: (x.exp(), x * 2, x.sqrt()), x).ok
    with mistake_in_rule("mul", value=lambda y: np.where(np.isinf(y), -y, y)):
        assert not compare(lambda torch, x: x * 2, x).ok


def test_dtypes_shapes_strides_and_requires_grad_are_compared() -> None:
    def faults(ours: Any) -> list[str]:
        changed = lambda torch, x: ours(x) if torch is minigrad else x * 2  # noqa: E731
        return [str(found) for found in compare(changed, X).faults]

    assert "output: dtypes differ: float32 and float64" in faults(lambda x: (x * 2).float())
    assert "output: shapes differ: (4, 3, 1) and (4, 3)" in faults(lambda x: (x * 2).unsqueeze(-1))
    assert faults(lambda x: (x * 2).detach()) == [
        "gradient of input 0: PyTorch has it, minigrad doesn't",
        "output: requires_grad is False in minigrad and True in PyTorch",
    ]
    assert faults(lambda x: (x * 2).t().contiguous().t()) == [
        "output: strides is (1, 4) in minigrad and (3, 1) in PyTorch"
    ]


# Inputs and results of every kind -----------------------------------------------------------------


def test_inputs_of_every_kind() -> None:
    def function(torch: Any, x: Any, n: Any, pair: Any, named: Any, k: Any, reduction: Any) -> Any:
        assert reduction == "sum"
        a, b = pair
        loss = ((x * a)[n] + b * k + named["c"]).sum()
        return {"loss": loss, "parts": [x * 2, (a, None)], "number": loss.item(), "flag": True}

    report = compare(function, X, np.array([0, 2, 2]), (X, np.float64(3.0)), {"c": X[0]}, 2, "sum")
    assert report.ok, report
    names = {found.what for found in report.compared}
    assert names >= {"output['loss']", "output['parts'][0]", "output['parts'][1][0]"}
    assert names >= {"output['number']", "output['flag']", "gradient of input 2[0]"}
    assert names >= {"gradient of input 2[1]", "gradient of input 3['c']", "gradient of input 0"}


@pytest.mark.parametrize("library", [minigrad, torch])
def test_tensors_and_modules_of_either_library(library: Any) -> None:
    nn = library.nn
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    x = library.tensor(X.tolist())
    report = compare(lambda torch, model, x: model(x), model, x)
    assert report.ok
    names = {"output", "gradient of input 0.0.weight", "gradient of input 0.0.bias"}
    assert {found.what for found in report.compared} == names
    assert all(p.grad is None for p in model.parameters())


def test_inputs_are_not_changed() -> None:
    x = X.copy()
    compare(lambda torch, x: x.detach().zero_() + 1, x)
    assert (x == X).all()


def test_a_result_that_is_not_a_tensor_raises() -> None:
    with pytest.raises(TypeError, match="output is a str"):
        compare(lambda torch, x: "nothing", X)


def test_a_missing_result_raises() -> None:
    for result in (None, [], {"x": None}):
        with pytest.raises(TypeError, match="it returns none"):
            compare(lambda torch, x, result=result: result, X)


def test_writes_into_inputs_are_compared() -> None:
    def function(torch: Any, x: Any, model: Any) -> Any:
        x.add_(1 if torch is minigrad else 2)
        with torch.no_grad():
            model.weight.mul_(2 if torch is minigrad else 3)
        return 0.0

    whats = {found.what for found in compare(function, np.arange(3), torch.nn.Linear(2, 2)).faults}
    assert whats >= {"input 0 afterwards", "input 1.weight afterwards"}
    report = compare(lambda torch, x: x.add_(1).sum(), np.arange(3))
    assert report.ok
    assert "input 0 afterwards" in {found.what for found in report.compared}


@same_masks
def test_random_numbers_are_equal_and_the_streams_are_restored() -> None:
    states = minigrad.get_rng_state().tolist(), torch.get_rng_state().tolist()
    function = lambda torch, x: torch.nn.functional.dropout(x, 0.5) * torch.rand(4, 3)  # noqa: E731
    assert compare(function, np.float32(X)).ok
    assert states == (minigrad.get_rng_state().tolist(), torch.get_rng_state().tolist())


def test_a_mask_is_not_blamed_for_a_later_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = F._sum_over_classes
    monkeypatch.setattr(F, "_sum_over_classes", lambda *args: smooth(*args) * 1.001)

    def function(torch: Any, x: Any) -> Any:
        y = torch.tensor([0, 1, 2, 1])
        return torch.nn.functional.cross_entropy(x, y, label_smoothing=0.2)

    report = compare(function, X)
    assert not report.ok
    assert report.faults[0].op != "ne"


def test_the_seed_decides_the_cotangent() -> None:
    def gradient(seed: int) -> float:
        report = compare(lambda torch, x: x * 3, np.ones(()), seed=seed)
        return report.compared[1].ours

    assert gradient(1) == gradient(1) != gradient(2)


# Errors -------------------------------------------------------------------------------------------


def test_an_error_of_both_libraries_is_raised_or_expected() -> None:
    function = lambda torch, x: x.view(5)  # noqa: E731
    with pytest.raises(RuntimeError, match="shape"):
        compare(function, X)
    assert compare(function, X, raises=RuntimeError).ok
    assert_matches_torch(function, X, raises=(RuntimeError, ValueError))
    report = compare(function, X, raises=IndexError)
    assert "minigrad raises RuntimeError" in str(report.faults[0])
    assert str(report.faults[0]).endswith("not IndexError")


def test_a_missing_error_is_a_fault() -> None:
    report = compare(lambda torch, x: x * 2, X, raises=RuntimeError)
    assert "minigrad raises nothing and PyTorch raises nothing, not RuntimeError" in str(report)


def test_an_error_of_one_library_is_a_fault() -> None:
    def function(torch: Any, x: Any) -> Any:
        if torch is minigrad:
            raise ValueError("no")
        return x

    report = compare(function, X)
    assert not report.ok
    assert "minigrad raises ValueError (no) and PyTorch raises nothing" in str(report)
    report = compare(lambda torch, x: x if torch is minigrad else function(minigrad, x), X)
    assert "minigrad raises nothing and PyTorch raises ValueError (no)" in str(report)


def test_errors_of_two_types_are_a_fault() -> None:
    def function(torch: Any, x: Any) -> Any:
        raise ValueError("a") if torch is minigrad else IndexError("b")

    assert not compare(function, X).ok


def test_a_missing_device_raises() -> None:
    with pytest.raises(DeviceError):
        compare(composite, X, W, device="nowhere")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data())
def test_every_rule_agrees_on_cuda(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name, "tame"))
    function, inputs = function_and_inputs(name, case)
    found = checker.call_outcome(torch, next(iter(forms(name).values())), case)
    assume(found.error is None)
    # The mean over no sample is NaN, but CUDA's kernel returns 0 if there is one sample.
    assume(name != "nll_loss" or np.isfinite(found.results[0]).all())
    report = compare(function, *inputs, device="cuda")
    assert report.ok, report
