"""minigrad passes PyTorch's operator database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from profiles import USUAL

pytest.importorskip("torch")
pytest.importorskip("expecttest")  # the database imports it

import minigrad
from bridge.conformance import operator_database as database
from bridge.conformance.operator_database import (
    NO_SAMPLES,
    OPS,
    SHORTFALLS,
    Form,
    check,
    counterpart,
    forms,
)
from minigrad.catalogue.database import PASSING, SENTENCE, Passing

# PyTorch's samples call functions that are deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:torch.*is deprecated:UserWarning")

ROOT = Path(__file__).parent.parent
THERE = [name for name, op in OPS.items() if counterpart(op) is not None]


def share() -> int | None:
    """Samples of each dtype and form: one, or all in another profile than the usual one."""
    usual = settings.default.max_examples <= settings.get_profile(USUAL).max_examples
    return 1 if usual else None


@pytest.mark.parametrize("name", [name for name in THERE if name not in (*SHORTFALLS, *NO_SAMPLES)])
def test_op(name: str) -> None:
    assert not check(OPS[name], share()).differences


@pytest.mark.parametrize("name", SHORTFALLS)
def test_a_known_shortfall_still_falls_short(name: str) -> None:
    assert name in THERE, f"{name} doesn't exist: remove it from SHORTFALLS"
    verdict = check(OPS[name], first=True)
    assert not verdict.passes, f"{name} passes now: remove it from SHORTFALLS"


@pytest.mark.parametrize("name", NO_SAMPLES)
def test_no_sample_fits(name: str) -> None:
    assert not check(OPS[name], first=True).samples


def test_the_import_changes_nothing_else() -> None:
    torch = pytest.importorskip("torch")
    assert settings.default.max_examples != 10  # that of the profile of PyTorch's tests
    assert not torch.backends.flags_frozen()


def test_the_figures_of_the_texts_are_those_of_the_database() -> None:
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith(f"{PASSING.torch}."):
        pytest.skip(f"the figures are those of PyTorch {PASSING.torch}")
    passing = [OPS[name] for name in THERE if name not in (*SHORTFALLS, *NO_SAMPLES)]
    with_derivative = [op for op in OPS.values() if op.supports_autograd]
    both = [op for op in passing if op.supports_autograd]
    found = Passing(PASSING.torch, len(OPS), len(passing), len(with_derivative), len(both))
    assert found == PASSING


def test_the_documents_have_the_figures() -> None:
    texts = [
        " ".join((ROOT / name).read_text().split()) for name in ("README.md", "tests/README.md")
    ]
    assert all(SENTENCE in text for text in texts)
    assert f"{len(OPS) - len(THERE)} don't exist in minigrad" in texts[1]


def test_every_shortfall_has_a_reason() -> None:
    assert all(SHORTFALLS.values())


# The check finds mistakes -------------------------------------------------------------------------


def _wrong_value(x: Any) -> Any:
    return minigrad.exp(x) * 1.0001


def _wrong_gradient(x: Any) -> Any:
    y = minigrad.exp(x)
    return y.detach() + (y - y.detach()) * 1.001 if x.is_floating_point() else y


def _wrong_second_gradient(x: Any) -> Any:
    if not x.is_floating_point():
        return minigrad.exp(x)
    return Exp.apply(x)


class Exp(minigrad.autograd.Function):
    """An exp whose gradient is right, but constant."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.y = minigrad.exp(x).detach()
        return ctx.y.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.y


def _wrong_dtype(x: Any) -> Any:
    return minigrad.exp(x).double()


def _wrong_strides(x: Any) -> Any:
    y = minigrad.exp(x)
    return minigrad.stack([y, y], dim=-1)[..., 0]


def _wrong_shape(x: Any) -> Any:
    return minigrad.exp(x).unsqueeze(0)


def _detached(x: Any) -> Any:
    return minigrad.exp(x).detach()


def _other_graph(x: Any) -> Any:
    y = minigrad.exp(x)
    return y * 1 if y.requires_grad else y


def _error(x: Any) -> Any:
    raise RuntimeError("mistake")


MISTAKES = {
    "function: 1": _wrong_value,
    ", gradient": _wrong_gradient,
    "second gradient": _wrong_second_gradient,
    ": dtype": _wrong_dtype,
    ": strides": _wrong_strides,
    ": shape": _wrong_shape,
    ": requires_grad": _detached,
    ", graph": _other_graph,
    "raises RuntimeError": _error,
}


@pytest.mark.parametrize("word", MISTAKES)
def test_the_check_finds_a_mistake(word: str) -> None:
    op = OPS["exp"]
    verdict = check(op, forms_of=lambda op: [Form("function", op.op, MISTAKES[word])])
    assert not verdict.passes
    word = word.removesuffix("1")
    assert any(word in text for text in verdict.differences), verdict.differences


def test_the_check_passes_what_is_right() -> None:
    op = OPS["exp"]
    assert check(op, forms_of=lambda op: [Form("function", op.op, minigrad.exp)]).passes


def _in_another_order(x: Any, *args: Any, **options: Any) -> Any:
    values, indices = minigrad.sort(x, *args, **options)
    return type(minigrad.sort(x))((values, indices.flip(-1) if x.ndim else indices))


def _first_picked_twice(x: Any, *args: Any, **options: Any) -> Any:
    values, indices = minigrad.sort(x, *args, **options)
    return type(minigrad.sort(x))((values, indices * 0))


@pytest.mark.parametrize("mistake", [_in_another_order, _first_picked_twice])
def test_indices_must_be_those_of_the_values(mistake: Any) -> None:
    op = OPS["sort"]
    assert check(op, 4, forms_of=lambda op: [Form("function", op.op, minigrad.sort)]).passes
    assert not check(op, 4, forms_of=lambda op: [Form("function", op.op, mistake)]).passes


def test_the_check_finds_a_missing_error() -> None:
    op = OPS["cat"]
    lenient = [Form("function", op.op, lambda tensors, dim=0: tensors[0])]
    verdict = check(op, forms_of=lambda op: lenient)
    assert any("error input" in text for text in verdict.differences)


def test_the_check_finds_a_missing_form() -> None:
    def without_method(op: Any) -> Any:
        raise database.Difference("no method exp_")

    assert check(OPS["exp"], share=1, forms_of=without_method).differences == ["no method exp_"]
    assert [form.name for form in forms(OPS["exp"])] == ["function", "method", "in-place"]


# The command --------------------------------------------------------------------------------------


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert database.main(["exp", "--share", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("exp ")
    assert "1 entries, of which 1 exist and 1 pass; 1 have autograd, of which 1 pass" in out


def test_the_command_names_an_op_that_falls_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minigrad, "exp", _wrong_value)
    assert database.main(["exp", "--share", "1"]) == 1
    assert "falls short: exp" in capsys.readouterr().out


def test_the_command_refuses_an_unknown_op(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        database.main(["expp"])
    assert "no such op: expp" in capsys.readouterr().err
