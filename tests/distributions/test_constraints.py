"""distributions/constraints.py, constraint_registry.py and utils.py are PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

CONSTRAINTS = """
C.boolean
C.one_hot
C.nonnegative_integer
C.positive_integer
C.integer_interval(-1, 2)
C.real
C.real_vector
C.positive
C.nonnegative
C.greater_than(0.5)
C.greater_than(torch.tensor([0.5, -1.0]))
C.greater_than_eq(0.5)
C.less_than(0.5)
C.multinomial(2)
C.unit_interval
C.interval(-1.0, 0.5)
C.interval(-1.0, 1.0)
C.half_open_interval(-1.0, 0.5)
C.simplex
C.lower_triangular
C.lower_cholesky
C.corr_cholesky
C.square
C.symmetric
C.positive_semidefinite
C.positive_definite
C.independent(C.positive, 1)
C.MixtureSameFamilyConstraint(C.interval(torch.tensor([0.0, -1.0]), 1.0))
C.independent(C.integer_interval(0, 1), 2)
C.independent(C.simplex, 1)
C.cat([C.positive, C.real], -1)
C.cat([C.boolean, C.simplex], -1, [0, 2])
C.stack([C.positive, C.real], -1)
C.dependent
C.dependent(is_discrete=True, event_dim=1)
""".strip().splitlines()

VALUES = """
[1.0, 0.0]
[0.5, 0.5]
[-1.0, 2.0]
[float("nan"), 0.5]
[float("inf"), -float("inf")]
[[1.0, 0.0], [0.6, 0.8]]
[[1.0, 0.5], [0.5, 1.0]]
[[1.0, 0.0], [0.0, 0.0]]
[[1.0, 2.0], [2.0, 1.0]]
[[[2.0, 0.0], [1.0, 3.0]], [[2.0, 1.0], [1.0, 3.0]]]
[[1.0, 0.0], [2.0, 3.0], [0.0, 1.0]]
""".strip().splitlines()


def run(line: str, torch: Any, **names: Any) -> Any:
    D = torch.distributions
    return eval(line, {"torch": torch, "D": D, "C": D.constraints, "U": D.utils, **names})


def outcome(function: Any) -> Any:
    try:
        return function()
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("line", CONSTRAINTS)
def test_a_constraint_is_pytorchs(line: str) -> None:
    def program(torch: Any) -> Any:
        c = run(line, torch)
        facts = [
            repr(c),
            *(outcome(lambda n=n: getattr(c, n)) for n in ("event_dim", "is_discrete")),
        ]
        values = [torch.tensor(eval(each)) for each in VALUES]
        if any(kind in line for kind in ("definite", "cholesky", "triangular", "symm", "square")):
            values = [v for v in values if v.ndim > 1]
        return [*facts, torch.distributions.constraints.is_dependent(c)] + [
            outcome(lambda v=v: c.check(v)) for v in values
        ]

    check_same(program)


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("line", CONSTRAINTS)
def test_the_transform_to_a_constraint_is_pytorchs(line: str, registry: str) -> None:
    found = []
    for t in (minigrad, torch):
        transform = outcome(lambda t=t: getattr(t.distributions, registry)(run(line, t)))
        if isinstance(transform, str):
            found.append([transform])
            continue
        shape = (2, 2, 2) if "definite" in line or "lower_cholesky" in line else (3, 2)
        x = t.linspace(-1, 1, 8)[: 8 if len(shape) == 3 else 6].reshape(shape)
        x = x[:, :1] if "corr" in line else x
        y = transform(x)
        facts = [repr(transform), type(y) is t.Tensor, y.shape]
        found.append([*map(str, facts), y.numpy().round(5).tolist()])
    assert found[0] == found[1]


HELPERS = """
U.broadcast_all(1, 2.5)
U.broadcast_all(torch.zeros(2, 1).double(), 1, torch.ones(3).double())
U.broadcast_all(torch.zeros(2), 'a')
U.clamp_probs(torch.tensor([0.0, 0.5, 1.0]))
U.clamp_probs(torch.tensor([0.0, 0.5, 1.0]).double())
U.logits_to_probs(torch.zeros(2))
U.logits_to_probs(torch.zeros(2), is_binary=True)
U.probs_to_logits(torch.tensor([0.5, 1.0, 0.0]), is_binary=True).isfinite()
U.tril_matrix_to_vec(torch.arange(9.).reshape(3, 3))
U.tril_matrix_to_vec(torch.arange(18.).reshape(2, 3, 3), -1)
U.tril_matrix_to_vec(torch.arange(18.).reshape(2, 3, 3), 1)
U.tril_matrix_to_vec(torch.arange(9.).reshape(3, 3), 3)
U.tril_matrix_to_vec(torch.arange(9.).reshape(3, 3), -3)
U.broadcast_all(torch.zeros(1), 1, torch.ones(1).double())
U.vec_to_tril_matrix(torch.arange(12.).reshape(2, 6))
U.vec_to_tril_matrix(torch.arange(6.), -1)
U.vec_to_tril_matrix(torch.arange(8.), 1)
U.vec_to_tril_matrix(torch.arange(5.))
C.independent(C.real, 2).check(torch.ones(3))
C.stack([C.positive, C.real]).check(torch.ones(3))
C.dependent(is_discrete=True)(event_dim=1).is_discrete
C.dependent(event_dim=1)(is_discrete=True).event_dim
C.symmetric.check(torch.tensor([[1.0, 0.0], [3e-7, 1.0]]))
C.corr_cholesky.check(torch.tensor([[1.0, 0.0], [0.6, 0.8 + 1e-6]]))
C.corr_cholesky.check(torch.tensor([[1.0, 0.0], [0.6, 0.8 + 3e-6]]))
D.biject_to.register(1, None)(1)
D.biject_to.register(int, None)(1)
D.transform_to(D.constraints.boolean)
D.CorrCholeskyTransform().forward_shape((2, 3))
D.CorrCholeskyTransform().forward_shape((2,))
D.CorrCholeskyTransform().inverse_shape((4, 3, 3))
D.CorrCholeskyTransform().inverse_shape((3, 2))
D.Uniform(0., 2.).arg_constraints
D.Categorical(torch.ones(2, requires_grad=True)).log_prob(torch.tensor(1)).grad_fn.name()
D.Normal(0., 1.).enumerate_support()
D.Normal(torch.zeros(2), 0.).sample_n(3)
D.Normal(torch.zeros(2), 1e-30, validate_args=False).sample_n(3).shape
D.Uniform.support.event_dim
D.MixtureSameFamily.support.event_dim
""".strip().splitlines()


@pytest.mark.parametrize("line", HELPERS)
def test_a_helper_is_pytorchs(line: str) -> None:
    check_same(lambda torch: str(run(line, torch)) if "arg_" in line else run(line, torch))


WRONG = """
C.independent(1, 1)
C.independent(C.real, -1)
C.independent(C.real, 1.0)
C.stack([C.real, 1])
C.cat([C.real, 1])
C.cat([C.positive, C.real], lengths=[1])
""".strip().splitlines()


@pytest.mark.parametrize("line", WRONG)
def test_a_constraint_of_wrong_parts_is_refused(line: str) -> None:
    assert outcome(lambda: run(line, minigrad)) == outcome(lambda: run(line, torch))


def test_a_lazy_property_is_computed_once_and_recorded() -> None:
    def program(torch: Any) -> Any:
        calls = []

        class Doubled:
            def __init__(self, x: Any) -> None:
                self.x = x

            @torch.distributions.utils.lazy_property
            def twice(self) -> Any:
                """Twice."""
                calls.append(1)
                return self.x * 2

        doubled = Doubled(torch.ones(2, requires_grad=True))
        with torch.no_grad():
            first = doubled.twice
        same = doubled.twice is first
        return [first.requires_grad, same, len(calls), Doubled.twice.__doc__]

    check_same(program)
