"""bridge/comparing/rounding.py: what perturbed operands show, and what they don't excuse."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bridge.comparing.rounding import PERTURBATION, PerturbedOperands, judge_by_rounding

EPS = np.finfo(np.float64).eps


def perturbed_results(function: Any, *operands: Any, seeds: range = range(20)) -> np.ndarray:
    found = []
    for seed in seeds:
        with PerturbedOperands(seed):
            found.append(np.array(function(*operands).numpy()))
    return np.array(found)


def test_operands_are_perturbed_by_up_to_4_eps() -> None:
    x = torch.linspace(0.1, 3, 500, dtype=torch.float64)
    relative = np.abs(perturbed_results(lambda x: x * 1.0, x) / x.numpy() - 1) / EPS
    assert PERTURBATION / 2 < relative.max() <= PERTURBATION + 1
    assert (x == torch.linspace(0.1, 3, 500, dtype=torch.float64)).all()


def test_cancellation_is_measured() -> None:
    x = torch.tensor([1.0, 1e-3, -1.0], dtype=torch.float64)
    assert np.ptp(perturbed_results(torch.sum, x)) > EPS


@pytest.mark.parametrize("dim", [0, -1])
def test_cancellation_inside_a_softmax_is_measured(dim: int) -> None:
    x = torch.tensor([[9.0, 0.0], [0.0, 9.0]], dtype=torch.float64, requires_grad=True)
    y = perturbed_results(lambda: torch.log_softmax(x, dim).detach())
    assert np.ptp(y, axis=0).min() > EPS / 4

    def gradient() -> Any:
        (g,) = torch.autograd.grad(torch.log_softmax(x, dim)[0, 0], x)
        return g

    assert np.ptp(perturbed_results(gradient)[:, 0, 0]) > EPS / 4


@pytest.mark.parametrize("size", [1e3, 1e20])
@pytest.mark.parametrize("function", [torch.softmax, torch.log_softmax])
def test_perturbing_a_softmax_of_large_numbers_overflows_no_exponential(
    function: Any, size: float
) -> None:
    x = torch.tensor([[size, 0.5 * size, size], [-size, 1.0, -size]])
    found = perturbed_results(function, x, 1)
    assert np.isfinite(found).all()
    assert np.ptp(found[:, 0, 0]) > 0  # a tie, which rounding decides
    assert perturbed_results(function, x[:, :0], 1).shape == (20, 2, 0)


def test_the_errors_of_lapack_are_relative_to_a_whole_matrix() -> None:
    """LAPACK may rotate a matrix with zeros. A small matrix in a stack has small errors."""
    matrix = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    found = np.ptp(
        perturbed_results(torch.linalg.inv, torch.stack([matrix, matrix * 2**30])), axis=0
    )
    assert (found[0] > EPS).all()
    assert (found[0] < 40 * EPS).all()
    assert (found[1] < 40 * EPS / 2**30).all()


def test_a_norm_of_a_vector_is_none_of_lapack() -> None:
    x = torch.tensor([[1.0, 1e-9]], dtype=torch.float64)
    assert np.ptp(perturbed_results(lambda x: torch.linalg.vector_norm(x, dim=0), x)[:, 1]) < 1e-22


def test_an_op_with_a_coarser_dtype_argument_is_perturbed_more() -> None:
    x = torch.tensor([1.0, -1.0], dtype=torch.float64)
    assert (
        np.ptp(perturbed_results(lambda x: x.sum(dtype=torch.float32), x))
        > np.finfo(np.float32).eps
    )


def test_the_only_operand_of_a_write_is_perturbed() -> None:
    x = torch.tensor([1.0], dtype=torch.float64)
    assert np.ptp(perturbed_results(lambda: x.clone().exp_().log_())) > EPS / 2


def test_views_and_writes_still_work() -> None:
    def writes() -> Any:
        x = torch.zeros(3, dtype=torch.float64)
        x.view(3, 1)[1] = 2.0
        x.add_(1.0)
        return x

    np.testing.assert_allclose(perturbed_results(writes), [[1.0, 3.0, 1.0]] * 20, rtol=100 * EPS)


def test_perturbations_depend_on_the_seed_and_not_on_the_stream() -> None:
    x = torch.ones(3)
    state = torch.get_rng_state()
    a, b = (perturbed_results(torch.exp, x, seeds=range(3)) for _ in range(2))
    assert (a == b).all()
    assert (torch.get_rng_state() == state).all()


def test_integers_are_not_perturbed() -> None:
    assert (perturbed_results(lambda x: x * 2, torch.arange(3)) == [0, 2, 4]).all()


# What rounding explains ---------------------------------------------------------------------------


def judged(ours: Any, function: Any, *operands: Any, **options: Any) -> Any:
    theirs = {"x": np.asarray(function(*operands).numpy())}

    def rerun(context: AbstractContextManager[Any]) -> dict[str, np.ndarray]:
        with context:
            return {"x": np.asarray(function(*operands).numpy())}

    found = judge_by_rounding(
        {"x": np.asarray(ours, theirs["x"].dtype)}, theirs, ["x"], rerun, **options
    )
    return found["x"]


def test_a_difference_by_rounding_is_explained() -> None:
    x = torch.tensor([1.0, 1e-17, -1.0], dtype=torch.float64)
    assert judged(1e-17, torch.sum, x).ok
    assert judged(5e-16, torch.sum, x).ok
    assert not judged(1e-13, torch.sum, x).ok


def test_each_element_is_judged_by_itself() -> None:
    x = torch.tensor([1e-20, 1.0, 1e20], dtype=torch.float64)
    y = x.numpy()
    assert judged(y * (1 + EPS), torch.positive, x).ok
    found = judged(y * np.array([1 + 1e-10, 1, 1]), torch.positive, x)
    assert not found.ok
    assert found.index == (0,)
    assert "times as far as rounding carries it" in str(found)


def test_a_kink_within_rounding_is_explained() -> None:
    w = torch.tensor([0.1, 0.2, -0.3], dtype=torch.float64)

    def slope(w: Any) -> Any:
        x = torch.ones((), dtype=torch.float64, requires_grad=True)
        (g,) = torch.autograd.grad(torch.relu((x * w).sum()), x)
        return g

    assert judged(0.0, slope, w).ok
    assert judged(slope(w), slope, w).ok
    assert not judged(0.0, slope, w + 0.001).ok


def test_nan_and_infinity_are_judged() -> None:
    x = torch.tensor([np.nan, np.inf, -np.inf], dtype=torch.float64)
    assert judged(x.numpy(), torch.positive, x).ok
    assert not judged([np.nan, np.inf, np.inf], torch.positive, x).ok
    assert not judged([0.0, np.inf, -np.inf], torch.positive, x).ok
    assert not judged([np.nan, np.nan, -np.inf], torch.positive, x).ok
    assert judged([0.0, np.nan, np.inf], torch.positive, x, overflowed=True).ok
    one = torch.ones(1, dtype=torch.float64)
    assert not judged([2.0], torch.positive, one, overflowed=True).ok


def test_integers_must_be_equal_unless_they_move() -> None:
    x = torch.tensor([1.0, 1.0 + EPS, 3.0], dtype=torch.float64)
    assert judged(1, torch.argmin, x).ok
    assert not judged(2, torch.argmin, x + torch.tensor([0, 1, 2])).ok
    assert not judged([False, True], lambda x: x > 1, torch.tensor([2.0, 3.0])).ok
