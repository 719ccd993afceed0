"""nn/loss.py: buffers, deprecated flags and errors.

tests/bridge/test_class_samples.py compares every loss with PyTorch's.
"""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_close, check_same, outcome, torch, translate

import minigrad
from minigrad import nn


def test_weight_is_a_buffer() -> None:
    def program(t: Any) -> Any:
        loss = t.nn.CrossEntropyLoss(weight=t.ones(3)).double()
        return dict(loss.state_dict()), dict(t.nn.NLLLoss().state_dict()), repr(loss)

    check_same(program)
    theirs = torch.nn.NLLLoss(torch.tensor([1.0, 2.0])).state_dict()
    ours = nn.NLLLoss(minigrad.zeros(2))
    ours.load_state_dict(translate(theirs, minigrad))
    assert ours.weight.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
@pytest.mark.parametrize("flags", [{"reduce": False}, {"size_average": False}, {"reduce": True}])
def test_deprecated_flags(name: str, flags: dict[str, bool]) -> None:
    check_same(lambda t: getattr(t.nn, name)(**flags).reduction)


ERRORS = {
    "a margin of 0": lambda t: t.nn.TripletMarginLoss(margin=0),
    "a negative margin": lambda t: t.nn.TripletMarginWithDistanceLoss(margin=-1),
    "a power of 3": lambda t: t.nn.MultiMarginLoss(p=3),
    "a matrix of weights": lambda t: t.nn.MultiMarginLoss(weight=t.ones(2, 2)),
    "a divergence of integers": lambda t: t.nn.KLDivLoss(reduction="sum")(
        t.zeros(2), t.tensor([0, 1])
    ),
    "integers as probabilities": lambda t: t.nn.BCEWithLogitsLoss()(t.zeros(2), t.tensor([0, 1])),
    "a Huber loss of integers": lambda t: t.nn.HuberLoss()(t.tensor([1, 2]), t.zeros(2)),
    **{
        f"{name} of {dtype}": lambda t, name=name, dtype=dtype: getattr(t.nn, name)()(
            t.zeros(1, 1),
            t.zeros(1 if name == "MultiMarginLoss" else (1, 1), dtype=getattr(t, dtype)),
        )
        for name in ("MultiMarginLoss", "MultiLabelMarginLoss")
        for dtype in ("int32", "uint8", "bool", "float32")
    },
    "weights that don't fit": lambda t: t.nn.BCELoss(weight=t.ones(3))(t.zeros(2), t.zeros(2)),
}


@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS)
def test_errors(program: Any) -> None:
    outcomes = [outcome(program, t) for t in (minigrad, torch)]
    assert outcomes[0].error is not None
    assert outcomes[1].error is not None
    assert outcomes[0].error.kind == outcomes[1].error.kind


FLOATS = ("float16", "float32", "float64")


@pytest.mark.parametrize("a", FLOATS)
@pytest.mark.parametrize("b", FLOATS)
@pytest.mark.parametrize("name", ["HuberLoss", "BCEWithLogitsLoss", "SmoothL1Loss", "MSELoss"])
def test_dtypes_of_results(name: str, a: str, b: str) -> None:
    def program(t: Any) -> Any:
        x = t.ones(2, dtype=getattr(t, a))
        return str(getattr(t.nn, name)()(x, t.zeros(2, dtype=getattr(t, b))).dtype)

    assert check_same(program).error is None


@pytest.mark.parametrize("margin", [0, 2, True, 1.0], ids=repr)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", *FLOATS])
def test_a_margin_is_a_float(dtype: str, reduction: str, margin: Any) -> None:
    def program(t: Any) -> Any:
        a, b = (t.tensor(x, dtype=getattr(t, dtype)) for x in ([[1, 5], [2, 3]], [[4, 2], [2, 7]]))
        F, signs = t.nn.functional, t.tensor([[1, -1], [-1, 1]])
        return [
            F.margin_ranking_loss(a, b, signs, margin=margin, reduction=reduction),
            F.cosine_embedding_loss(a, b, signs[0], margin=margin, reduction=reduction),
            F.hinge_embedding_loss(a, signs, margin=margin, reduction=reduction),
        ]

    check_close(program, rtol=1e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool", *FLOATS])
@pytest.mark.parametrize("margin", [1, True, 0.5], ids=repr)
def test_the_dtypes_of_margins_of_classes(dtype: str, margin: Any) -> None:
    def program(t: Any) -> Any:
        x = t.ones(2, 2, dtype=getattr(t, dtype))
        return t.nn.functional.multi_margin_loss(x, t.tensor([0, 1]), margin=margin)

    check_same(program)
    check_same(
        lambda t: t.nn.functional.multilabel_margin_loss(
            t.ones(2, 2, dtype=getattr(t, dtype)), t.tensor([[0, -1], [1, 0]])
        )
    )


@pytest.mark.parametrize("weight", [*FLOATS, "int64"])
@pytest.mark.parametrize("option", ["weight", "pos_weight"])
def test_a_weight_doesnt_change_the_dtype(option: str, weight: str) -> None:
    def program(t: Any) -> Any:
        loss = t.nn.BCEWithLogitsLoss(**{option: t.ones(2, dtype=getattr(t, weight))})
        return str(loss(t.zeros(2), t.ones(2)).dtype)

    assert check_same(program).error is None


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MSELoss"])
def test_unknown_reduction_is_refused_when_called(name: str) -> None:
    def program(t: Any) -> Any:
        target = t.zeros(1, 2) if name == "MSELoss" else t.tensor([0])
        return getattr(t.nn, name)(reduction="average")(t.zeros(1, 2), target)

    check_same(program)
