"""The record of a turn: its numbers are those of the run, and it says what was done with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("torch")

import minigrad
from bridge.strategies import programs
from minigrad import nn
from minigrad.core.errstate import quiet
from minigrad.core.observer import observation
from minigrad.explaining.calls import Call
from minigrad.explaining.record import Record
from minigrad.explaining.replay import replay
from tests.profiles import examples

X = minigrad.tensor([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]])
Y = minigrad.tensor([0, 1, 2])


def elements(record: Record, number: int) -> np.ndarray:
    """Return an array of a record."""
    array = record.arrays[number]
    return np.array([float(x) for x in array["values"]], array["dtype"]).reshape(array["shape"])


def by_hand(steps: int, **options: Any) -> tuple[Any, dict[str, Any]]:
    """Record one turn of a network that is trained by hand. Returns the page and the variables."""
    minigrad.manual_seed(0)
    W = minigrad.randn(2, 3, requires_grad=True)
    b = minigrad.zeros(3, requires_grad=True)
    losses = []
    with minigrad.explain(**options) as page:
        for _ in range(steps):
            h = X @ W + b
            loss = nn.functional.cross_entropy(h, Y)
            loss.backward()
            losses.append((loss.item(), W.grad.numpy().copy()))
            with minigrad.no_grad():
                W -= 0.1 * W.grad
                b -= 0.1 * b.grad
            W.grad.zero_()
            b.grad.zero_()
    return page, {"W": W, "b": b, "losses": losses}


# What is recorded ---------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_one_turn_is_recorded(turn: int) -> None:
    page, names = by_hand(3, backward=turn)
    record = page.record
    formulas = [row.formula for row in record.rows if row.number < record.walks[0].after_row]
    forward = ["X @ W", f"#{len(formulas) - 3} + b", "log_softmax(h, dim=1)"]
    assert formulas[-4:-1] == forward
    assert formulas[-1] == f"nll_loss(#{len(formulas) - 1}, Y)"
    loss, gradient = names["losses"][turn - 1]
    (last,) = record.rows[record.walks[0].after_row - 1].results
    assert elements(record, last).item() == np.float32(loss)
    leaf = next(leaf for leaf in record.leaves if leaf.name == "W")
    assert leaf.grad is not None
    np.testing.assert_array_equal(elements(record, leaf.grad), gradient)
    assert [update.by.partition(" ")[0] for update in record.updates] == ["W", "b"]
    assert not record.notes


def test_variables_lines_and_modules_are_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            hidden = self.first(x)
            return self.second(hidden.relu())

    model = Net()
    optimiser = minigrad.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    with minigrad.explain() as page:
        out = model(X)
        loss = nn.CrossEntropyLoss()(out, Y)
        loss.backward()
        optimiser.step()
    record = page.record
    first, relu, second, *_ = record.rows
    assert first.formula == "linear(x, model.first.weight, model.first.bias)"
    assert (first.name, first.modules) == ("hidden", ["model", "model.first"])
    assert (relu.formula, relu.modules) == ("relu(hidden)", ["model"])
    assert second.name == "out"
    assert first.place is not None
    source = record.files[first.place.file].source.splitlines()
    assert source[first.place.line - 1].strip() == "hidden = self.first(x)"
    assert {u.by for u in record.updates} == {"SGD(lr=0.5, momentum=0.9)"}
    assert {leaf.name for leaf in record.leaves if leaf.is_parameter} == {
        *("model.first.weight", "model.first.bias", "model.second.weight", "model.second.bias")
    }
    for update, (_, parameter) in zip(
        sorted(record.updates, key=lambda u: record.leaves[u.leaf].name),
        sorted(model.named_parameters()),
        strict=True,
    ):
        np.testing.assert_array_equal(elements(record, update.after), parameter.detach().numpy())


def test_pullbacks_are_shown_as_source_with_their_saved_tensors() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.explain() as page:
        (w * X).sum().backward()
    walk = page.record.walks[0]
    (of_sum,), (of_mul,) = (step.contributions for step in walk.steps)
    assert of_mul.source == "lambda g: g * other"
    assert [saved.name for saved in of_mul.saved] == ["other"]
    np.testing.assert_array_equal(elements(page.record, of_mul.saved[0].array), X.numpy())
    assert of_mul.axes == [0]
    assert of_mul.summed is not None
    np.testing.assert_array_equal(elements(page.record, of_mul.summed), X.numpy().sum(0))
    assert of_sum.row == 0


def test_the_default_names_no_options_of_the_rule() -> None:
    w = minigrad.ones(2, 3, requires_grad=True)
    with minigrad.explain() as page:
        minigrad.sub(w, w.sum(dim=1, keepdim=True), alpha=2).sum().backward()
    assert [row.formula for row in page.record.rows] == [
        *("sum(w, dim=1, keepdim=True)", "sub(w, #1, alpha=2)", "sum(#2)")
    ]


# Kinds of programs --------------------------------------------------------------------------------


def test_several_walks_before_an_update_accumulate() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.explain() as page:
        (w * 3).sum().backward()
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad
        (w + 1).sum()
    first, second = page.record.walks
    (arrival,) = second.arrivals
    assert arrival.before == first.arrivals[0].after
    assert arrival.before is not None
    assert arrival.after is not None
    sums = [elements(page.record, n) for n in (arrival.before, arrival.gradient, arrival.after)]
    np.testing.assert_array_equal(sums[0] + sums[1], sums[2])
    assert len(page.record.updates) == 1
    assert "w + 1" not in [row.formula for row in page.record.rows]


def test_a_second_walk_goes_over_the_first() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.explain() as page:
        (slope,) = minigrad.autograd.grad((w**3).sum(), w, create_graph=True)
        slope.sum().backward()
    first, second = page.record.walks
    assert (first.function, first.create_graph, second.function) == ("grad", True, "backward")
    inside = {row.number for row in page.record.rows if row.walk == 0}
    assert inside & {step.row for step in second.steps}
    assert w.grad is not None
    assert elements(page.record, second.arrivals[0].gradient).tolist() == w.grad.tolist()


def test_writes_views_functions_hooks_and_several_outputs() -> None:
    class Double(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    w = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with minigrad.explain() as page:
        h = Double.apply(w) * 1.5
        part = h[1:]
        part.mul_(10)
        values, _ = h.max(dim=0)
        h.register_hook(lambda g: g * 3)
        (values + h.sum()).backward()
    record = page.record
    by_op = {row.op: row for row in record.rows}
    assert by_op["CopySlices"].kind == by_op["Double"].kind == "node"
    assert [row.formula for row in record.rows if row.kind == "write"] == ["part *= 10"]
    assert len(by_op["max_dim"].results) == 2
    assert [step.node for step in record.walks[0].steps if step.hooks] == ["CopySlices"]
    assert w.grad is not None
    leaf = record.leaves[0]
    assert leaf.grad is not None
    assert elements(record, leaf.grad).tolist() == w.grad.tolist() == [9.0, 90.0, 180.0]


# Errors -------------------------------------------------------------------------------------------


def test_a_write_to_a_saved_tensor_marks_both_rows() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    page = minigrad.explain()
    with pytest.raises(RuntimeError, match="inplace"), page:  # noqa: PT012, it is the program
        y = w.exp()
        y.add_(1)
        y.sum().backward()
    assert [row.formula for row in page.record.rows if row.error] == ["exp(w)", "y += 1"]
    assert "modified by an inplace operation" in page.record.error


def test_a_second_backward_marks_the_freed_row() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    page = minigrad.explain()
    with pytest.raises(RuntimeError, match="second time"), page:  # noqa: PT012, it is the program
        loss = (w * w).sum()
        loss.backward()
        loss.backward()
    assert [row.formula for row in page.record.rows if row.error] == ["w * w"]


def test_the_op_that_raised_is_the_last_row() -> None:
    w = minigrad.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError), minigrad.explain() as page:
        (w * 2) @ w
    last = page.record.rows[-1]
    assert (last.formula, last.results) == ("#1 @ w", [])
    assert "cannot be multiplied" in last.error


def test_a_program_without_backward_gets_a_note() -> None:
    with minigrad.explain() as page:
        minigrad.ones(2) * 2
    assert len(page.record.rows) == 1
    assert page.record.notes == ["The program never called backward."]


def test_the_first_infinity_is_marked() -> None:
    w = minigrad.tensor([1.0, 0.0], requires_grad=True)
    with minigrad.explain() as page:
        ((w + 0).log() * 2).sum().backward()
    assert page.record.first_bad == 1


@pytest.mark.parametrize("options", [{"backward": 0}, {"keep_values": -1}])
def test_bad_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="explain\\(\\) needs"):
        minigrad.explain(**options)


def test_large_arrays_are_summaries() -> None:
    w = minigrad.randn(200, 300, requires_grad=True)
    with minigrad.explain(keep_values=100) as page:
        (w * 2).sum().backward()
    array = page.record.arrays[page.record.rows[0].results[0]]
    assert "values" not in array
    assert array["cells"]["shape"] == [64, 64]
    assert array["max"] == w.max().item() * 2


# Checks -------------------------------------------------------------------------------------------


@settings(max_examples=examples(10))
@given(programs())
def test_the_numbers_are_those_of_the_run(program: Any) -> None:
    names: dict[str, Any] = {"torch": minigrad, "np": np}
    with minigrad.explain(keep_values=10_000) as page:
        for statement in program.statements:
            statement.run(names)
    record = page.record
    assert record.check["ok"], record.check["text"]
    for walk in record.walks:
        for step in walk.steps:
            for one in step.contributions:
                summed = elements(record, one.returned if one.summed is None else one.summed)
                if one.axes:
                    terms = (
                        elements(record, one.returned).sum(tuple(one.axes)).reshape(summed.shape)
                    )
                    np.testing.assert_allclose(terms, summed, rtol=1e-4, atol=1e-4)
                if one.before is not None and one.after is not None:
                    with np.errstate(all="ignore"):
                        total = elements(record, one.before) + summed
                    np.testing.assert_array_equal(total, elements(record, one.after))


def test_a_changed_record_doesnt_pass_the_replay() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    page = minigrad.explain()
    with page:
        (w * w).sum().backward()
    recorder = page._recorder
    for number in (page.record.rows[0].results[0], page.record.walks[0].steps[1].cotangent):
        kept = recorder.copies[number]
        recorder.copies[number] = kept + 1
        replay(recorder)
        assert not page.record.check["ok"]
        recorder.copies[number] = kept
    replay(recorder)
    assert page.record.check["ok"]


def test_central_differences_agree_with_the_gradient_and_find_a_wrong_one() -> None:
    def largest(page: Any) -> float:
        found = page.to_dict()["differences"][0]["elements"]
        return max(abs(each["grad"] - each["numeric"]) for each in found)

    w = minigrad.tensor([0.5, 2.0], requires_grad=True)
    with minigrad.explain() as page:
        (w.sin() * w).sum().backward()
    assert largest(page) < 1e-6
    with minigrad.explain() as page:
        y = w.sin() * w
        y.register_hook(lambda g: g * 2)
        y.sum().backward()
    assert largest(page) > 0.1


def test_pytorch_is_beside_each_row_and_finds_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    w = minigrad.tensor([0.5, 2.0], requires_grad=True)
    with minigrad.explain() as page:
        (w.sin() * w).sum().backward()
    found = page.to_dict()["pytorch"]
    assert [row["ok"] for row in found["rows"].values()] == [True] * 3
    assert len(found["gradients"]) == 4
    assert all(each["ok"] for each in found["gradients"])

    def wrong(results: Any, pullbacks: Any) -> Any:
        return [results[0] + 1], pullbacks

    # A hook isn't a row, so a wrong value is planted in what the replay computes.
    repeated = Call.repeated
    monkeypatch.setattr(Call, "repeated", lambda call: wrong(*repeated(call)))
    with minigrad.explain() as page:
        w.sin().sum().backward()
    assert not any(row["ok"] for row in page.to_dict()["pytorch"]["rows"].values())


def test_nothing_is_watched_afterwards() -> None:
    before = quiet.run, observation.observer
    with pytest.raises(KeyError), minigrad.explain():
        raise KeyError
    assert (quiet.run, observation.observer) == before


def test_the_gradient_of_an_earlier_walk_has_its_name_and_may_be_set_to_zero() -> None:
    w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.explain(backward=2) as page:
        for _ in range(2):
            (w * w).sum().backward()
            with minigrad.no_grad():
                w -= 0.5 * w.grad
            w.grad.zero_()
    formulas = [row.formula for row in page.record.rows[:3]]
    assert formulas == ["w.grad * 0.5", "w -= #1", "zero_(w.grad)"]
    assert elements(page.record, page.record.rows[2].results[0]).tolist() == [0, 0]
    assert page.record.check["ok"]


@pytest.mark.parametrize("op", ["logical_and_", "lt_", "eq_"])
def test_a_write_of_bools_into_numbers_is_replayed(op: str) -> None:
    with minigrad.explain() as page:
        x, w = minigrad.tensor([0.0, 3.0]), minigrad.tensor([1.0, 2.0], requires_grad=True)
        getattr(x, op)(minigrad.tensor([1.0, 3.0]))
        (x.sigmoid() * w).sum().backward()
    assert page.record.rows[0].kind == "write"
    assert page.record.check["ok"], page.record.check["text"]
