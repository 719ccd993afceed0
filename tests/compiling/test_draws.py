"""Random draws of a step: the program draws them before each call, in the order of the step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.compiling import CompiledStep
from minigrad.compiling.compiled import Compiled
from minigrad.compiling.recording import Recording
from tests.compiling.twin_steps import Setting, bits, labels, numbers, small_blocks

DRAWS: dict[str, Callable[[Any], Any]] = {
    "bernoulli_": lambda w: w * minigrad.empty(3, 4).bernoulli_(0.3),
    "cauchy_": lambda w: w * minigrad.empty(3, 4).cauchy_(1.0, 2.0),
    "dropout": lambda w: F.dropout(w, 0.4) + F.dropout(w.exp(), 0.4),
    "dropout in place": lambda w: F.dropout(w * 2, 0.4, inplace=True),
    "dropout of columns": lambda w: F.dropout(w.t(), 0.4).t(),
    "dropout1d": lambda w: F.dropout1d(w, 0.4),
    "dropout of everything": lambda w: F.dropout(w, 1.0) + F.alpha_dropout(w, 1.0),
    "alpha_dropout": lambda w: F.alpha_dropout(w, 0.4, training=True),
    "feature_alpha_dropout": lambda w: F.feature_alpha_dropout(w, 0.4, training=True),
    "exponential_": lambda w: w * minigrad.empty(3, 4).exponential_(2.0),
    "geometric_": lambda w: w * minigrad.empty(3, 4).geometric_(0.3),
    "gumbel_softmax": lambda w: F.gumbel_softmax(w, tau=0.7),
    "log_normal_": lambda w: w * minigrad.empty(3, 4).log_normal_(0.0, 0.5),
    "normal_": lambda w: w * minigrad.empty(3, 4).normal_(1.0, 0.5),
    "rand": lambda w: w * minigrad.rand(3, 4),
    "rand_like": lambda w: w * minigrad.rand_like(w.t()).t(),
    "randint": lambda w: w * minigrad.randint(2, 9, (3, 4)),
    "randn": lambda w: w + 0.1 * minigrad.randn(5, 3, 4)[2:].sum(0),
    "randn in double": lambda w: (w * minigrad.randn(3, 4, dtype=minigrad.float64)).float(),
    "random_": lambda w: w * minigrad.empty(3, 4).random_(7),
    "randn, an odd number": lambda w: w + minigrad.randn(3, 1),
    "randperm": lambda w: w * minigrad.randperm(4),
    "uniform_": lambda w: w * minigrad.empty(3, 4).uniform_(-1.0, 2.0),
    "written": lambda w: w * _with_zeros(minigrad.rand(3, 4)),
    "unused": lambda w: (w * minigrad.rand(4), minigrad.randn(2))[0],
    "twice": lambda w: w * minigrad.rand(4) * minigrad.rand(4),
}


def _with_zeros(x: Any) -> Any:
    x[1] = 0
    return x


def setting_of(draw: Callable[[Any], Any]) -> Setting:
    w = numbers(3, 3, 4).requires_grad_()
    opt = optim.SGD([w], lr=0.1)

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = (draw(w * x) * x).sum()
        loss.backward()
        opt.step()
        return loss

    return Setting(step, {"w": w}, opt)


def check(make: Callable[[], Setting], batches: list[tuple[Any, ...]], **options: Any) -> Any:
    """Run a setting and its compiled twin, each from the same seeds. They must agree."""
    eager, twin = make(), make()
    step = CompiledStep(twin.step, fullgraph=True, **options)
    for i, batch in enumerate(batches):
        found = []
        for run in (eager.step, step):
            minigrad.manual_seed(i)
            found.append(([bits(run(*batch)) for _ in range(2)], minigrad.get_rng_state().tolist()))
        assert found[0] == found[1], i
        assert eager.state() == twin.state(), i
    return step


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", [0, 1], ids=["whole", "in blocks"])
def test_a_draw(name: str, seed: int) -> None:
    with small_blocks(seed):
        step = check(lambda: setting_of(DRAWS[name]), [(numbers(i, 3, 4),) for i in range(4)])
    assert step.source


def classifier() -> Setting:
    minigrad.manual_seed(7)
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.3), nn.ReLU(), nn.Linear(6, 3))
    opt = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = F.cross_entropy(F.dropout(model(x), 0.2, training=model.training), y)
        loss.backward()
        opt.step()
        return loss

    setting = Setting(step, dict(model.named_parameters()), opt)
    vars(setting)["model"] = model
    return setting


BATCHES = [(numbers(i, 5, 4), labels(i, 5, 3)) for i in range(4)]


def test_a_model_with_dropout() -> None:
    check(classifier, BATCHES)


def test_a_call_that_does_not_fit_has_drawn_nothing() -> None:
    ignored = (BATCHES[0][0], minigrad.tensor([0, 1, -100, 2, 0]))
    check(classifier, [*BATCHES[:2], ignored, *BATCHES[2:]])
    eager, twin = classifier(), classifier()
    compiled = CompiledStep(twin.step, fullgraph=True)
    for i, decay in enumerate((0, 0, 0, 0.1, 0, 0.2)):
        for setting, run in ((eager, eager.step), (twin, compiled)):
            minigrad.manual_seed(i)
            setting.optimizer.param_groups[0]["weight_decay"] = decay
            run(*BATCHES[0])
        assert eager.state() == twin.state(), i


def test_an_error_after_a_draw_leaves_the_stream_to_the_step() -> None:
    wrong = (BATCHES[0][0], minigrad.tensor([0, 1, 9, 2, 0]))
    eager, twin = classifier(), classifier()
    compiled = CompiledStep(twin.step, fullgraph=True)
    for _ in range(3):
        compiled(*BATCHES[0])
        eager.step(*BATCHES[0])
    states = []
    for run in (eager.step, compiled):
        minigrad.manual_seed(3)
        with pytest.raises(IndexError, match="Target 9 is out of bounds"):
            run(*wrong)
        states.append(minigrad.get_rng_state().tolist())
    assert states[0] == states[1]


def test_evaluation_is_another_program() -> None:
    setting: Any = classifier()
    step = CompiledStep(setting.step, fullgraph=True)
    for _ in range(3):
        step(*BATCHES[0])
    setting.model.eval()
    before = minigrad.get_rng_state().tolist()
    for _ in range(3):
        step(*BATCHES[0])
    assert minigrad.get_rng_state().tolist() == before
    assert "trials" not in step.source


def test_a_generator_of_its_own() -> None:
    def make() -> Any:
        g = minigrad.Generator().manual_seed(5)
        return g, lambda x: x * minigrad.rand(3, generator=g) + minigrad.rand(3)

    (g, eager), (its, twin) = make(), make()
    step = CompiledStep(twin, fullgraph=True)
    for i in range(5):
        found = []
        for run in (eager, step):
            minigrad.manual_seed(i)
            found.append(run(numbers(i, 3)).tolist())
        assert found[0] == found[1]
        assert g.get_state().tolist() == its.get_state().tolist()
    assert "uniforms_2" in step.source


def test_the_numbers_are_inputs_of_the_printed_program() -> None:
    setting = classifier()
    step = CompiledStep(setting.step, fullgraph=True)
    for batch in BATCHES[:3]:
        step(*batch)
    compiled, space = step._programs[0], dict[str, Any]()
    exec(step.source, space)
    x, y = BATCHES[3]
    minigrad.manual_seed(1)
    given = {k: np.copy(v) for k, v in compiled.read_inputs().items()}
    given |= {k: v.item() for k, v in given.items() if k in compiled.options()}
    names = list(inspect.signature(space["step"]).parameters)
    assert names[-2:] == ["trials", "trials_2"]
    loss, grads = space["step"](**{k: ({"x": x._array, "y": y._array} | given)[k] for k in names})
    minigrad.manual_seed(1)
    assert bits(step(x, y))[3] == loss.tobytes()
    assert grads["w_0"].tobytes() == setting.tensors["0.weight"].grad._array.tobytes()
    assert "trials: random numbers, `trials(30, 0.7)`." in step.source


def test_numba_draws_the_same_numbers() -> None:
    pytest.importorskip("numba")
    eager, twin = classifier(), classifier()
    step = CompiledStep(twin.step, fullgraph=True, backend="numba")
    for i, batch in enumerate(BATCHES):
        losses = []
        for run in (eager.step, step):
            minigrad.manual_seed(i)
            losses.append([run(*batch).item() for _ in range(2)])
        np.testing.assert_allclose(*losses, rtol=1e-5)
    assert step.shortfall == ""
    minigrad.manual_seed(9)
    rows = tuple([minigrad.stack([batch[k] for batch in BATCHES]) for k in range(2)])
    many = step.repeat(4, rows).tolist()
    minigrad.manual_seed(9)
    np.testing.assert_allclose(many, [eager.step(*batch).item() for batch in BATCHES], rtol=1e-4)


REFUSED = {
    "a seed": lambda w: minigrad.manual_seed(0) and w,
    "words": lambda w: (minigrad.default_generator.words(3), w)[1],
    "a few words": lambda w: (minigrad.default_generator.few_words(3), w)[1],
    "a state": lambda w: (minigrad.get_rng_state(), w)[1],
    "rates of a tensor": lambda w: w * minigrad.poisson(w.detach().abs()),
    "chances of a tensor": lambda w: w * minigrad.bernoulli(w.detach().sigmoid()),
    "as many as there are negatives": lambda w: F.rrelu(w, training=True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_use_of_a_generator_that_is_refused(name: str) -> None:
    """The step runs without a program and draws the numbers that it would draw anyway."""
    eager, twin = setting_of(REFUSED[name]), setting_of(REFUSED[name])
    step, x = CompiledStep(twin.step), numbers(0, 3, 4)

    def outcome(run: Callable[..., Any], i: int) -> list[Any]:
        minigrad.manual_seed(i)
        return [minigrad.rand(1).item(), bits(run(x)), minigrad.rand(1).item()]

    assert outcome(step, 0) == outcome(eager.step, 0)
    with pytest.warns(UserWarning, match="minigrad.compile can't record"):
        recorded = outcome(step, 1)
    assert recorded == outcome(eager.step, 1)
    assert outcome(step, 2) == outcome(eager.step, 2)


def _numbers_baked(patch: pytest.MonkeyPatch) -> None:
    draw = Recording.draw

    def constant(self: Any, function: Any, generator: Any, args: Any) -> Any:
        drawn = draw(self, function, generator, args)
        self.draws[-1] = self.draws[-1]._replace(function=lambda *_: drawn.value.copy())
        return drawn

    patch.setattr(Recording, "draw", constant)


def _not_marked_as_drawn(patch: pytest.MonkeyPatch) -> None:
    draw = Recording.draw

    def unmarked(self: Any, *args: Any) -> Any:
        drawn = draw(self, *args)
        drawn.storage.drawn = False
        return drawn

    patch.setattr(Recording, "draw", unmarked)


def _in_reverse_order(patch: pytest.MonkeyPatch) -> None:
    drawn = Compiled._drawn
    patch.setattr(Compiled, "_drawn", lambda self: drawn(self)[::-1])


def _streams_not_put_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(minigrad.Generator, "put_back", lambda self, snapshot: None)


def _misses_not_put_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Compiled, "_with_streams", lambda self, run: run)


def _a_waiting_normal_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Any, snapshot: Any) -> None:
        self._bits.state, self._fresh, _ = snapshot

    patch.setattr(minigrad.Generator, "put_back", forgetful)


MUTANTS: dict[Any, Callable[[], None]] = {
    _numbers_baked: test_a_model_with_dropout,
    _not_marked_as_drawn: lambda: test_a_draw("written", 0),
    _in_reverse_order: lambda: test_a_draw("dropout", 0),
    _streams_not_put_back: test_a_model_with_dropout,
    _misses_not_put_back: test_a_call_that_does_not_fit_has_drawn_nothing,
    _a_waiting_normal_is_forgotten: lambda: test_a_draw("randn, an odd number", 0),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_killed(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises((AssertionError, RuntimeError)):
        MUTANTS[mutant]()
