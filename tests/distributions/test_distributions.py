"""distributions/: samples, densities, gradients, entropies and errors are PyTorch's."""

from __future__ import annotations

import contextlib
import copy
import importlib
import itertools
import pickle
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:Singular sample detected")

DISTRIBUTIONS = """
D.Normal(0., 1.)
D.Normal(0, 2)
D.Normal(t([0.5, -1.0]), t([[0.5], [2.0], [1.5]]))
D.Normal(t([0.5, -1.0]).double(), 2.0)
D.Normal(torch.zeros(20), 1.5)
D.Uniform(0., 2.)
D.Uniform(t([0.5, -1.0]), t([[1.5], [2.0], [3.0]]))
D.Exponential(0.5)
D.Exponential(t([0.5, 3.0]))
D.Laplace(0., 1.)
D.Laplace(t([0.5, -1.0]), t([[0.5], [2.0], [1.5]]))
D.Bernoulli(0.25)
D.Bernoulli(t([0.0, 0.3, 0.5, 1.0]))
D.Bernoulli(logits=t([0.0, 1.0, -30.0, 30.0]))
D.Categorical(t([1.0, 2.0, 3.0]))
D.Categorical(t([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]]))
D.Categorical(logits=t([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]))
D.Gamma(0.5, 2.0)
D.Gamma(t([0.5, 3.0]), t([[1.5], [2.0], [3.0]]))
D.Gamma(t([0.5, 3.0]).double(), 2.0)
D.Beta(0.5, 2.0)
D.Beta(t([0.5, 3.0]), t([[1.5], [2.0], [0.25]]))
D.Dirichlet(t([0.5, 3.0, 2.0]))
D.Dirichlet(t([[0.5, 0.75, 0.25], [1.5, 1.0, 4.0]]))
D.Dirichlet(t([[0.5, 0.75, 0.25], [1.5, 1.0, 4.0]]).double())
D.MultivariateNormal(t([0.5, -1.0]), t([[2.0, 0.5], [0.5, 1.0]]))
D.MultivariateNormal(t([[0.5, -1.0], [0.0, 1.0]]), precision_matrix=t([[2., 0.5], [0.5, 1.]]))
D.MultivariateNormal(t([0.5, -1.0]).double(), scale_tril=t([[2.0, 0.0], [0.5, 1.0]]).double())
D.Multinomial(4, t([1.0, 2.0, 3.0]))
D.Multinomial(3, logits=t([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]))
D.Poisson(3.5)
D.Poisson(t([0.5, 3.0, 20.0]))
D.Geometric(0.25)
D.Geometric(logits=t([0.0, 1.0, -3.0]))
D.Independent(D.Normal(t([0.5, -1.0]), t([[0.5], [2.0], [1.5]])), 1)
D.Independent(D.Normal(t([0.5, -1.0]), t([[0.5], [2.0], [1.5]])), 2)
D.Independent(D.Bernoulli(t([0.5, 0.25])), 1)
D.LogNormal(0.5, 1.5)
D.LogNormal(t([0.5, -1.0]), t([[0.5], [2.0], [1.5]]))
D.TransformedDistribution(D.Normal(t([0.5, -1.0]), 2.0), [D.ExpTransform()])
D.TransformedDistribution(D.Normal(t([0.5, -1.0]), 2.0), D.AffineTransform(1.0, -2.0))
D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(t([0.5, 1.0]), t([[2.0], [0.5]])))
D.TransformedDistribution(D.Normal(t([0.5, -1.0]), 1.0), [D.TanhTransform(), D.ExpTransform()])
D.TransformedDistribution(D.Normal(t([0.5, -1.0]), 1.0), D.StickBreakingTransform())
D.TransformedDistribution(D.Normal(t([[0.5, -1.0]]), 1.0), D.AffineTransform(0.5, 2.0, event_dim=1))
D.TransformedDistribution(D.Laplace(t([0.5, -1.0]), 1.0), D.SigmoidTransform())
D.TransformedDistribution(D.Uniform(t([0.0, 1.0]), 3.0), D.PowerTransform(t([0.5, 2.0])))
D.TransformedDistribution(D.Normal(t([0.5, -1.0]), 1.0), [])
D.StudentT(3.5)
D.StudentT(t([0.5, 1.5, 4.0]), t([[0.5], [-1.0]]), 2.0)
D.Cauchy(0., 1.)
D.Cauchy(t([0.5, -1.0]), t([[0.5], [2.0]]).double())
D.HalfNormal(0.5)
D.HalfNormal(t([0.5, 3.0]))
D.HalfCauchy(0.5)
D.HalfCauchy(t([0.5, 3.0]).double())
D.Gumbel(0.5, 2.0)
D.Gumbel(t([0.5, -1.0]), t([[0.5], [2.0]]))
D.Binomial(4, 0.25)
D.Binomial(30, t([0.0, 0.4, 1.0]))
D.Binomial(30, logits=t([-1.0, 0.0, 3.0]).double())
D.Binomial(t([5.0, 40.0]), t([[0.3], [0.6]]))
D.NegativeBinomial(4, 0.3)
D.NegativeBinomial(t([2.0, 30.0]), logits=t([[-1.0], [0.5]]))
D.NegativeBinomial(t([0.0, 1.5]), t([0.25, 0.5]).double())
D.OneHotCategorical(t([1.0, 2.0, 3.0]))
D.OneHotCategorical(logits=t([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]))
D.OneHotCategoricalStraightThrough(t([[1.0, 2.0, 3.0], [0.5, 1.0, 1.0]]))
D.MixtureSameFamily(D.Categorical(t([1.0, 3.0])), D.Normal(t([0.5, -1.0]), 2.0))
D.MixtureSameFamily(D.Categorical(t([[1., 3.], [2., 1.]])), D.Normal(t([[.5, -1.], [0., 2.]]), 2.))
D.MixtureSameFamily(D.Categorical(logits=t([[1.0, 3.0]])), D.Gumbel(t([[0.5, -1.0]]), 2.0))
D.MixtureSameFamily(D.Categorical(t([1., 3.])), D.Independent(D.Cauchy(t([[.5, 1.]] * 2), 1.), 1))
D.Chi2(3.0)
D.Chi2(t([0.5, 3.0]).double())
D.InverseGamma(2.5, 3.0)
D.InverseGamma(t([0.5, 1.5, 3.0]), t([[1.0], [2.0]]))
D.Pareto(1.0, 2.5)
D.Pareto(t([0.5, 2.0]), t([[0.5], [1.5], [3.0]]))
D.GeneralizedPareto(0.5, 1.0, 0.25)
D.GeneralizedPareto(t([0.5, 2.0, 0.0]), 1.5, t([0.0, -0.5, 2.0]))
D.Weibull(1.0, 2.5)
D.Weibull(t([0.5, 2.0]), t([[1.5], [3.0]]).double())
D.Kumaraswamy(1.5, 2.5)
D.Kumaraswamy(t([0.5, 2.0]), t([[0.75], [3.0]]))
D.RelaxedBernoulli(t(0.5), 0.25)
D.RelaxedBernoulli(t(0.5), logits=t([-1.0, 2.0]))
D.RelaxedBernoulli(t([2.0]), t([0.25, 0.5]).double())
D.RelaxedOneHotCategorical(t(0.5), t([1.0, 2.0, 3.0]))
D.RelaxedOneHotCategorical(t(0.5), logits=t([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]]))
D.LogisticNormal(0.0, 1.0)
D.LogisticNormal(t([0.5, -1.0]), t([[0.5, 1.0], [1.5, 2.0]]))
D.LowRankMultivariateNormal(t([0.5, -1.0]), t([[2.0], [0.5]]), t([1.0, 3.0]))
D.LowRankMultivariateNormal(t([[0.5, -1.0], [0.0, 1.0]]), t([[2., 1.], [0.5, 3.]]), t([1., 3.]))
D.VonMises(0.5, 2.0)
D.VonMises(t([0.5, -1.0]), t([[0.001], [2.0], [40.0]]))
D.VonMises(t([0.5, -1.0]).double(), t([0.001, 20.0]).double())
D.ContinuousBernoulli(0.25)
D.ContinuousBernoulli(t([0.0001, 0.3, 0.5, 0.9]))
D.ContinuousBernoulli(logits=t([-2.0, 0.0, 3.0]).double())
D.FisherSnedecor(1.5, 2.5)
D.FisherSnedecor(t([1.5, 3.0]), t([[1.0], [3.0], [6.0]]))
D.Wishart(t(3.5), t([[2.0, 0.5], [0.5, 1.0]]))
D.Wishart(t([3.5, 5.0]).double(), scale_tril=t([[2.0, 0.0], [0.5, 1.0]]).double())
D.LKJCholesky(3, 0.5)
D.LKJCholesky(2, t([0.5, 2.0]).double())
""".strip().splitlines()


MATRICES = {"W": [[2.0, 1.0], [0.5, 3.0]], "P": [[2.0, -0.5], [-0.5, 1.0]]}


def made(namespace: Any, line: str, leaves: list[Any] | None = None, dtype: str = "float32") -> Any:
    """A distribution, whose tensors become leaves that require grad if a list is given."""

    def t(data: Any) -> Any:
        x = namespace.tensor(data, dtype=getattr(namespace, dtype))
        if leaves is not None:
            leaves.append(x.requires_grad_())
        return x

    return eval(line, {"D": namespace.distributions, "t": t, "torch": namespace, **MATRICES})


def array(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy())


def check_close(ours: Any, theirs: Any) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    accuracy = 1e-5 if array(theirs).dtype == np.float32 else 1e-12
    np.testing.assert_allclose(array(ours), array(theirs), accuracy, accuracy)


def samples(line: str, namespace: Any, shape: Any, how: str = "sample") -> Any:
    namespace.manual_seed(3)
    drawn = getattr(made(namespace, line), how)(shape)
    return drawn, namespace.rand(1)


@pytest.mark.parametrize("line", DISTRIBUTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 9)])
def test_samples_are_pytorchs(line: str, shape: Any) -> None:
    for how in ("sample", "rsample"):
        if how == "rsample" and not made(torch, line).has_rsample:
            continue
        (ours, after), (theirs, theirs_after) = (
            samples(line, namespace, shape, how) for namespace in (minigrad, torch)
        )
        assert ours.shape == theirs.shape
        # NumPy's exponentials, logarithms, powers and products of matrices aren't PyTorch's.
        inexact = (
            *(
                "Laplace",
                "MultivariateNormal",
                "LogNormal",
                "Transformed",
                "Gumbel",
                "InverseGamma",
            ),
            *("Pareto", "Weibull", "Kumaraswamy", "Relaxed", "LogisticNormal", "VonMises"),
            *("ContinuousBernoulli", "Wishart", "LKJCholesky"),
        )
        if any(kind in line for kind in inexact):
            check_close(ours, theirs)
        else:
            np.testing.assert_array_equal(array(ours), array(theirs))
        assert after.item() == theirs_after.item()


# PyTorch compares the concentration of a GeneralizedPareto with a float32, an error for doubles.
OF_TENSORS = [line for line in DISTRIBUTIONS if "t(" in line and "GeneralizedPareto" not in line]


@pytest.mark.parametrize("line", OF_TENSORS)
def test_doubles_are_pytorchs(line: str) -> None:
    """Samples, their densities, the gradients of both, and facts."""
    results = []
    for namespace in (minigrad, torch):
        leaves: list[Any] = []
        distribution = made(namespace, line, leaves, "float64")
        namespace.manual_seed(4)
        x = distribution.sample((3,))
        found = [x, distribution.log_prob(x)]
        if distribution.has_rsample and "Wishart" not in line:  # whose gradient fails in PyTorch
            found.append(distribution.rsample((2,)))
        for name in ("mean", "mode", "variance", "entropy"):
            with contextlib.suppress(NotImplementedError):
                found.append(fact(distribution, name))
        recorded = [y for y in found if y.requires_grad]
        sum((y.sum() for y in recorded), namespace.zeros((), requires_grad=True)).backward()
        results.append([*found, *(leaf.grad for leaf in leaves if leaf.grad is not None)])
    for ours, theirs in zip(*results, strict=True):
        check_close(ours, theirs)


@contextlib.contextmanager
def errors_in(found: list[Any]) -> Iterator[None]:
    """Append the class of an error."""
    try:
        yield
    except (NotImplementedError, RuntimeError, ValueError) as error:
        found.append(type(error))


VALUES = [-1.0, -0.0, 0.5, 1.0, 2.0, 1e-30, float("inf"), -float("inf"), float("nan")]


@pytest.mark.parametrize("line", [d for d in DISTRIBUTIONS if "MultivariateN" not in d])
@pytest.mark.parametrize("method", ["log_prob", "cdf"])
def test_densities_of_unchecked_values_are_pytorchs(method: str, line: str) -> None:
    """Of infinities and NaN too. A multivariate normal one solves equations by LAPACK's blocks."""
    results: list[Any] = []
    for namespace in (minigrad, torch):
        namespace.distributions.Distribution.set_default_validate_args(False)
        try:
            distribution = made(namespace, line)
            shape = (1,) * len((*distribution.batch_shape, *distribution.event_shape))
            values = namespace.tensor(VALUES, dtype=distribution.sample().dtype)
            values = values.reshape((-1, *shape))
            values = values.expand(
                (-1, *(1,) * len(distribution.batch_shape), *distribution.event_shape)
            )
            results.append(getattr(distribution, method)(values))
        except (NotImplementedError, RuntimeError) as error:
            results.append(type(error))
        finally:
            namespace.distributions.Distribution.set_default_validate_args(True)
    ours, theirs = results
    if isinstance(theirs, type):
        assert ours is theirs
    else:
        check_close(ours, theirs)


# PyTorch has an error for some empty samples.
WITHOUT_EMPTY = ("Multinomial", "Wishart", "LKJCholesky")


@pytest.mark.parametrize(
    "line", [d for d in DISTRIBUTIONS if not any(x in d for x in WITHOUT_EMPTY)]
)
def test_empty_samples_are_pytorchs(line: str) -> None:
    shapes = []
    for namespace in (minigrad, torch):
        distribution = made(namespace, line)
        none = distribution.expand((0, *distribution.batch_shape))
        found: list[Any] = []
        for each, shape in ((distribution, (2, 0)), (none, (2,))):
            for draw in (lambda d, s: d.sample(s), lambda d, s: d.log_prob(d.sample(s))):
                with errors_in(found):
                    found.append(draw(each, shape))
        for name in ("mean", "variance", "entropy"):
            with errors_in(found):
                found.append(fact(none, name))
        shapes.append([y if isinstance(y, type) else (tuple(y.shape), str(y.dtype)) for y in found])
    assert shapes[0] == shapes[1]


def fact(distribution: Any, name: str) -> Any:
    """A property of a distribution, or the result of a method without arguments."""
    found = getattr(distribution, name)
    return found() if callable(found) else found


@pytest.mark.parametrize("line", DISTRIBUTIONS)
def test_facts_are_pytorchs(line: str) -> None:
    ours, theirs = made(minigrad, line), made(torch, line)
    assert repr(ours) == repr(theirs)
    assert repr(ours.expand((2, *ours.batch_shape))) == repr(
        theirs.expand((2, *theirs.batch_shape))
    )
    for name in ("batch_shape", "event_shape", "has_rsample", "has_enumerate_support"):
        assert getattr(ours, name) == getattr(theirs, name), name
    if "Uniform" not in line:
        assert repr(ours.support) == repr(theirs.support)
    for name in ("mean", "mode", "variance", "stddev", "entropy", "perplexity"):
        try:
            expected = fact(theirs, name)
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                fact(ours, name)
        else:
            check_close(fact(ours, name), expected)
    if ours.has_enumerate_support and "D.Binomial(t(" not in line:
        check_close(ours.enumerate_support(), theirs.enumerate_support())
        check_close(ours.enumerate_support(False), theirs.enumerate_support(False))
    # What was computed from the parameters is a parameter too from now on.
    assert repr(ours) == repr(theirs)
    assert repr(ours.arg_constraints) == repr(theirs.arg_constraints)
    expanded = [d.expand((2, *d.batch_shape)) for d in (ours, theirs)]
    assert repr(expanded[0]) == repr(expanded[1])
    for name in ("mean", "variance"):
        if type(theirs).__dict__.get(name) is not None:
            check_close(fact(expanded[0], name), fact(expanded[1], name))


@pytest.mark.parametrize("line", DISTRIBUTIONS)
def test_densities_and_their_gradients_are_pytorchs(line: str) -> None:
    torch.manual_seed(1)
    values = made(torch, line).sample((3,))
    for name in ("log_prob", "cdf", "entropy", "rsample"):
        if (name, type(made(torch, line)).__name__) == ("rsample", "Wishart"):
            continue  # PyTorch writes to what it has saved
        results = []
        for namespace in (minigrad, torch):
            leaves: list[Any] = []
            distribution = made(namespace, line, leaves)
            of = namespace.from_numpy(values.numpy())
            namespace.manual_seed(2)
            arguments = {"log_prob": (of,), "cdf": (of,), "entropy": (), "rsample": ((3,),)}[name]
            try:
                y = getattr(distribution, name)(*arguments)
                if y.requires_grad:
                    y.sum().backward()
            except NotImplementedError:
                results.append(None)
                continue
            results.append([y, *(x.grad for x in leaves if x.grad is not None)])
        ours, theirs = results
        assert (ours is None) == (theirs is None), name
        for mine, other in zip(ours or (), theirs or (), strict=True):
            check_close(mine, other)


@pytest.mark.parametrize("line", DISTRIBUTIONS)
def test_the_inverse_of_the_cdf_is_pytorchs(line: str) -> None:
    results: list[Any] = []
    for namespace in (minigrad, torch):
        leaves: list[Any] = []
        distribution = made(namespace, line, leaves)
        shares = namespace.tensor([0.001, 0.25, 0.5, 0.9], dtype=distribution.sample().dtype)
        shares = shares.reshape((4,) + (1,) * len(distribution.batch_shape))
        try:
            y = distribution.icdf(shares)
        except NotImplementedError:
            results.append(None)
            continue
        if y.requires_grad:
            y.sum().backward()
        results.append([y, *(x.grad for x in leaves if x.grad is not None)])
    ours, theirs = results
    assert (ours is None) == (theirs is None)
    for mine, other in zip(ours or (), theirs or (), strict=True):
        check_close(mine, other)


@pytest.mark.parametrize("line", DISTRIBUTIONS)
def test_exponential_families_are_pytorchs(line: str) -> None:
    """By their natural parameters and normalisers, which give entropies by a gradient."""
    found: list[list[Any]] = []
    for namespace in (minigrad, torch):
        distribution, family = made(namespace, line), namespace.distributions.ExponentialFamily
        if not isinstance(distribution, family):
            found.append([])
            continue
        parameters = distribution._natural_params
        found.append([*parameters, distribution._log_normalizer(*parameters)])
        with contextlib.suppress(NotImplementedError):
            found[-1].append(family.entropy(distribution))
    assert len(found[0]) == len(found[1])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(array(ours), array(theirs), 2e-4, 2e-4)


# Where a case begins: a parameter at a bound, a probability of 0 or 1, and infinite logits.
EDGES = """
D.Chi2(t([2.0, 3.0])).expand((4, 2)).rate
D.Gamma(t(1.0).double(), 1.0).log_prob(0.1)
D.Gamma(t([1e-3, 1e-2]), t(4.0)).rsample((3,))
D.Dirichlet(t([1.0, 1.0])).mode
D.Dirichlet(t([[0.5, 0.5], [1.0, 0.5]])).mode
D.Categorical(logits=t([-torch.inf, 0.0])).entropy()
D.ContinuousBernoulli(t(0.625), lims=(0.375, 0.625)).mean
D.ContinuousBernoulli(t(0.375), lims=(0.375, 0.625)).mean
D.Geometric(t(1.0)).log_prob(torch.tensor([0.0, 1.0]))
D.Multinomial(2, logits=t([0.0, -torch.inf, 0.0])).log_prob(torch.tensor([1.0, 0.0, 1.0]))
D.FisherSnedecor(t([2.0, 4.0]), t([2.0, 4.0])).mean
D.FisherSnedecor(t([2.0, 4.0]), t([2.0, 4.0])).mode
D.FisherSnedecor(t([2.0, 4.0]), t([2.0, 4.0])).variance
D.StudentT(t([1.0, 2.0, 3.0])).mean
D.StudentT(t([1.0, 2.0, 3.0])).variance
D.InverseGamma(t([1.0, 2.0]), 1.0).mean
D.InverseGamma(t([1.0, 2.0]), 1.0).variance
D.Kumaraswamy(t([1.0, 1.0, 2.0]), t([1.0, 2.0, 1.0])).mode
D.GeneralizedPareto(0.0, 1.0, t(-1.0)).log_prob(torch.tensor(0.5))
D.GeneralizedPareto(0.0, 1.0, t([0.5, 1.0])).mean
D.GeneralizedPareto(0.0, 1.0, t([0.5, 1.0])).variance
D.OneHotCategoricalStraightThrough(t([1.0, 2.0, 3.0])).rsample((2,))
D.kl_divergence(D.Bernoulli(logits=t([100.0, -100.0])), D.Bernoulli(logits=t([0.5, 0.5])))
D.Uniform(t(0.0), t(1.0)).log_prob(torch.tensor(0.0))
D.Uniform(t(0.0), t(1.0)).log_prob(torch.tensor(1.0))
D.Uniform(t(0.0), t(1.0), validate_args=False).cdf(torch.tensor([-1.0, 2.0]))
D.VonMises(t([0.5, 1.0]), t([1e-6, 1e-8])).sample((3,))
D.Weibull(t([1.0, 2.0]), 2.0).expand((3, 2)).log_prob(torch.tensor(1.5))
D.Weibull(t([1.0, 2.0]), t(2.0)).expand((3, 2)).transforms[0].exponent
D.Wishart(t([3.0, 4.0]), t([[2.0, 0.5], [0.5, 1.0]])).mode
D.Wishart(t([3.0, 4.0]), t([[2.0, 0.5], [0.5, 1.0]])).expand((3, 2)).entropy()
D.MultivariateNormal(t([[0.5, -1.0]] * 3), t([[2.0, 0.5], [0.5, 1.0]])).entropy()
D.LowRankMultivariateNormal(t([[0.5, 1.0]] * 3), t([[2.0], [0.5]]), t([1.0, 3.0])).entropy()
D.LowRankMultivariateNormal(t([0.5, 1.0]), t([[2.0], [0.5]]), t([1.0, 3.0])).precision_matrix
D.MixtureSameFamily(D.Categorical(t([1.0, 3.0])), D.Normal(t([[[1.0, 2.0]] * 3] * 2), 1.0)).mean
D.MixtureSameFamily(D.Categorical(t([[1.0, 3.0]] * 3)), D.Normal(t([[[1., 2.]] * 3] * 2), 1.)).mean
D.MixtureSameFamily(D.Categorical(t([[1.0, 3.0]])), D.Normal(t([[1.0, 2.0]] * 3), 1.0)).mean
D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(t([0.5, 1.0]), 2.0)).sample()
D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(0.0, t(-2.0))).cdf(torch.ones(1))
"""


@pytest.mark.parametrize("line", EDGES.strip().splitlines())
def test_edges_are_pytorchs(line: str) -> None:
    results = []
    for namespace in (minigrad, torch):
        leaves: list[Any] = []
        namespace.manual_seed(5)
        y = made(namespace, line, leaves)
        if y.requires_grad:
            (y * namespace.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        results.append([y, *(leaf.grad for leaf in leaves if leaf.grad is not None)])
    for ours, theirs in zip(*results, strict=True):
        check_close(ours, theirs)


@pytest.mark.parametrize("name", ["kl_divergence", "sample_n"])
def test_a_warning_names_the_line_of_the_call(name: str) -> None:
    class P(minigrad.distributions.Normal):
        pass

    D = minigrad.distributions
    D.register_kl(P, D.Normal)(lambda p, q: minigrad.ones(()))
    D.register_kl(D.Normal, P)(lambda p, q: minigrad.zeros(()))
    p = P(0.0, 1.0)
    with pytest.warns() as caught:
        D.kl_divergence(p, p) if name == "kl_divergence" else p.sample_n(2)
    assert [each.filename for each in caught] == [__file__]


def test_an_ambiguous_divergence_is_a_warning() -> None:
    def program(torch: Any) -> Any:
        D = torch.distributions

        class P(D.Normal):  # type: ignore[name-defined,misc]
            pass

        class Q(D.Normal):  # type: ignore[name-defined,misc]
            pass

        D.register_kl(P, D.Normal)(lambda p, q: torch.ones(1))
        D.register_kl(D.Normal, Q)(lambda p, q: torch.zeros(1))
        return D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0))

    check_same(program)


# Distributions of each kind with a divergence, in batches of three or one.
OF_KINDS = """
Bernoulli: D.Bernoulli(t([0., 1., 0.25]))
Bernoulli: D.Bernoulli(t([0.5, 0.5, 0.]))
Bernoulli: D.Bernoulli(logits=t([0., 1., -30.]))
Bernoulli: D.Bernoulli(t([1., 1., 0.5]))
Beta: D.Beta(t([0.5, 1., 3.]), t([2., 2., 0.5]))
Beta: D.Beta(t([1.5, 2., 1.]), t([3., 1., 1.]))
Binomial: D.Binomial(4, t([0.5, 0.25, 1.]))
Binomial: D.Binomial(t([3., 4., 4.]), t([.1, .9, 0.]))
Categorical: D.Categorical(t([[1., 0., 3.]] * 3))
Categorical: D.Categorical(t([[1., 2., 0.]] * 3))
Categorical: D.Categorical(logits=t([[1., 2., 0.]] * 3))
Cauchy: D.Cauchy(t([0., 1., 2.]), t([1., 2., 0.5]))
Cauchy: D.Cauchy(t([0.5, -1., 2.]), t([1., 1., 3.]))
ContinuousBernoulli: D.ContinuousBernoulli(t([0.2, 0.5, 0.9]))
ContinuousBernoulli: D.ContinuousBernoulli(logits=t([0., 2., -1.]))
Dirichlet: D.Dirichlet(t([[0.5, 1., 2.]] * 3))
Dirichlet: D.Dirichlet(t([[2., 3., 0.5]] * 3))
Exponential: D.Exponential(t([0.5, 1., 2.]))
Exponential: D.Exponential(t([2., 3., 0.25]))
Gamma: D.Gamma(t([0.5, 1., 3.]), t([2., 2., 0.5]))
Gamma: D.Chi2(t([1.5, 2., 3.]))
Geometric: D.Geometric(t([0.5, 0.25, 0.9]))
Geometric: D.Geometric(logits=t([0., 1., -2.]))
Gumbel: D.Gumbel(t([0., 1., 2.]), t([1., 2., 0.5]))
Gumbel: D.Gumbel(t([0.5, -1., 2.]), t([1., 1., 3.]))
HalfNormal: D.HalfNormal(t([0.5, 1., 2.]))
HalfNormal: D.HalfNormal(t([2., 3., 0.25]))
Independent: D.Independent(D.Normal(t([[0., 1.]] * 3), 1.), 1)
Independent: D.Independent(D.Normal(1., t([[2., 3.]] * 3)), 1)
Laplace: D.Laplace(t([0., 1., 2.]), t([1., 2., 0.5]))
Laplace: D.Laplace(t([.5, -1., 2.]), t([1., 1., 3.]))
LowRankMultivariateNormal: D.LowRankMultivariateNormal(t([0.5, -1.]), t([[2.], [0.5]]), t([1., 3.]))
LowRankMultivariateNormal: D.LowRankMultivariateNormal(t([[0., 1.]] * 3), t(W), t([1., 2.]))
MultivariateNormal: D.MultivariateNormal(t([0.5, -1.]), t([[2., 0.5], [0.5, 1.]]))
MultivariateNormal: D.MultivariateNormal(t([[0., 1.]] * 3), precision_matrix=t(P))
MultivariateNormal: D.MultivariateNormal(t([0.5, 2.]), scale_tril=t([[[2., 0.], [0.5, 1.]]] * 3))
Normal: D.Normal(t([0., 1., 2.]), t([1., 2., 0.5]))
Normal: D.Normal(t([0.5, -1., 2.]), t([1., 1., 3.]))
OneHotCategorical: D.OneHotCategorical(t([[1., 2., 3.]] * 3))
OneHotCategorical: D.OneHotCategoricalStraightThrough(t([[1., 2., 0.5]] * 3))
Pareto: D.Pareto(t([0.5, 1., 2.]), t([0.5, 1.5, 3.]))
Pareto: D.Pareto(t([1., 0.5, 0.5]), t([2., 2., 1.]))
Poisson: D.Poisson(t([0.5, 1., 20.]))
Poisson: D.Poisson(t([2., 3., 0.5]))
TransformedDistribution: D.TransformedDistribution(D.Normal(t([0., 1., 2.]), 1.), D.ExpTransform())
TransformedDistribution: D.LogNormal(1., t([2., 3., 4.]))
TransformedDistribution: D.HalfCauchy(t([0.5, 1., 2.]))
Uniform: D.Uniform(t([0., 0.25, 0.5]), t([1., 0.75, 3.]))
Uniform: D.Uniform(t([-1., 0., 1.]), t([2., 1., 3.]))
Uniform: D.Uniform(t([0.1, 0.2, 0.3]), 0.9)
ExponentialFamily: D.Wishart(t(3.5), t([[2., 0.5], [0.5, 1.]]))
ExponentialFamily: D.Wishart(t(4.5), scale_tril=t([[2., 0.], [0.5, 1.]]))
ExponentialFamily: D.Gamma(t([0.5, 1., 3.]), 1.)
""".strip().splitlines()
PAIRS = sorted((p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY)


@pytest.mark.parametrize("pair", PAIRS)
def test_divergences_and_their_gradients_are_pytorchs(pair: tuple[str, str]) -> None:
    lines = [
        [line.partition(": ")[2] for line in OF_KINDS if line.startswith(f"{kind}: ")]
        for kind in pair
    ]
    for p, q in itertools.product(*lines):
        results: list[Any] = []
        for namespace in (minigrad, torch):
            leaves: list[Any] = []
            distributions = [made(namespace, line, leaves) for line in (p, q)]
            try:
                y = namespace.distributions.kl_divergence(*distributions)
            except NotImplementedError:
                results.append(None)
                continue
            finite = namespace.where(y.abs() < 1e30, y, 0.0)
            if finite.requires_grad:
                finite.sum().backward()
            zeros = namespace.zeros(())
            results.append([y, *(zeros if x.grad is None else x.grad for x in leaves)])
        ours, theirs = results
        assert (ours is None) == (theirs is None), (p, q)
        for mine, other in zip(ours or (), theirs or (), strict=True):
            check_close(mine, other)


ERRORS = """
D.Normal(0, -1.)
D.Normal(torch.zeros(2), torch.tensor([1., -1]))
repr(D.Normal(0, -1., validate_args=False))
D.Normal('a', 1.)
D.Normal(torch.zeros(2), torch.zeros(3))
D.Normal(0., 1.).log_prob(1.)
D.Normal(0., 1.).log_prob(torch.tensor(float('nan')))
D.Normal(torch.zeros(2), 1.).log_prob(torch.zeros(3))
D.Uniform(1., 0.)
D.Uniform(0., 1.).log_prob(torch.tensor(2.))
D.Uniform(0., 1., validate_args=False).log_prob(torch.tensor(2.))
D.Bernoulli()
D.Bernoulli(0.5, 0.2)
D.Bernoulli(1.5)
D.Bernoulli(.2).log_prob(torch.tensor(.5))
D.Bernoulli(.2).foo
D.Categorical(torch.tensor([1., -2, 3]))
D.Categorical(torch.tensor(1.))
D.Categorical(torch.tensor([1., 2, 3])).log_prob(torch.tensor(3))
D.Categorical(torch.tensor([1., 2, 3])).log_prob(torch.tensor(0.5))
D.Exponential(-1.)
D.Exponential(1.).log_prob(torch.tensor(-1.))
D.Independent(D.Normal(torch.zeros(3), 1.), 2)
D.Independent(D.Normal(torch.zeros(3), 1.), 1).log_prob(torch.zeros(2))
D.Bernoulli(torch.tensor([0., 1.])).logits
D.Bernoulli(logits=torch.tensor([0., 0.])).probs
D.Categorical(torch.tensor([1., 2, 1])).probs
D.LogNormal(0., -1.)
D.LogNormal(0., 1.).log_prob(torch.tensor(-1.))
D.TransformedDistribution(D.Normal(0., 1.), 1)
D.TransformedDistribution(D.Normal(0., 1.), [1])
D.TransformedDistribution(D.Normal(0., 1.), D.SoftmaxTransform())
D.StudentT(-1.)
D.StudentT(1., 0., 0.)
D.StudentT(1.).log_prob(torch.tensor(float('nan')))
D.Cauchy(0., -1.)
D.HalfNormal(-1.)
D.HalfNormal(1.).log_prob(torch.tensor(-1.))
D.HalfNormal(1., validate_args=False).log_prob(torch.tensor([-1., 0.]))
D.HalfCauchy(-1.)
D.HalfCauchy(1., validate_args=False).log_prob(torch.tensor([-1., 0.]))
D.Gumbel(0., -1.)
D.Gumbel('a', 1.)
D.Binomial(-1, 0.5)
D.Binomial(2.5, 0.5)
D.Binomial(3)
D.Binomial(3, 1.5)
D.Binomial(3, 0.5).log_prob(torch.tensor(4.))
D.Binomial(3, 0.5).log_prob(torch.tensor(0.5))
D.Binomial(torch.tensor([3., 4.]), 0.5).entropy()
D.Binomial(torch.tensor([3., 4.]), 0.5).enumerate_support()
D.NegativeBinomial(-1, 0.5)
D.NegativeBinomial(2, 1.0)
D.NegativeBinomial(2)
D.NegativeBinomial(0, 0.5).sample((3,))
D.OneHotCategorical(torch.tensor([1., -1.]))
D.OneHotCategorical(torch.tensor(1.))
D.OneHotCategorical(torch.ones(3)).log_prob(torch.tensor([1., 1., 0.]))
D.OneHotCategorical(torch.ones(3)).log_prob(torch.tensor([1., 0.]))
D.MixtureSameFamily(D.Normal(0., 1.), D.Normal(torch.zeros(2), 1.))
D.MixtureSameFamily(D.Categorical(torch.ones(2)), 1)
D.MixtureSameFamily(D.Categorical(torch.ones(3)), D.Normal(torch.zeros(2), 1.))
D.MixtureSameFamily(D.Categorical(torch.ones(3, 2)), D.Normal(torch.zeros(2, 2), 1.))
D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.zeros(2), 1.)).entropy()
D.Chi2(-1.)
D.Chi2(2.).log_prob(torch.tensor(-1.))
repr(D.Chi2(2.))
D.InverseGamma(-1., 1.)
D.InverseGamma(1., 1.).log_prob(torch.tensor(-1.))
D.Pareto(1., -1.)
D.Pareto(1., 1.).log_prob(torch.tensor(0.5))
D.GeneralizedPareto(0., -1., 1.)
D.GeneralizedPareto(0., 1., 1.).log_prob(torch.tensor(-0.5))
D.GeneralizedPareto(0., 1., -1.).log_prob(torch.tensor(1.5))
D.Weibull(1., -1.)
D.Weibull(1., 1.).log_prob(torch.tensor(-1.))
D.Kumaraswamy(1., -1.)
D.Kumaraswamy(1., 1.).log_prob(torch.tensor(2.))
D.RelaxedBernoulli(torch.tensor(1.))
D.RelaxedBernoulli(torch.tensor(1.), 1.5)
D.RelaxedBernoulli(torch.tensor(1.), 0.5).log_prob(torch.tensor(2.))
D.RelaxedOneHotCategorical(torch.tensor(1.), torch.tensor([1., -1.]))
D.LogisticNormal(torch.zeros(2), -1.)
D.LogisticNormal(torch.zeros(2), 1.).log_prob(torch.ones(3))
D.LowRankMultivariateNormal(torch.tensor(1.), torch.ones(2, 1), torch.ones(2))
D.LowRankMultivariateNormal(torch.ones(2), torch.ones(2), torch.ones(2))
D.LowRankMultivariateNormal(torch.ones(2), torch.ones(3, 1), torch.ones(2))
D.LowRankMultivariateNormal(torch.ones(2), torch.ones(2, 1), torch.ones(3))
D.LowRankMultivariateNormal(torch.ones(4, 2), torch.ones(3, 2, 1), torch.ones(2))
D.LowRankMultivariateNormal(torch.ones(2), torch.ones(2, 1), torch.ones(2)).precision_matrix
D.VonMises(0., -1.)
D.ContinuousBernoulli(0.5, 0.5)
D.ContinuousBernoulli(1.5, validate_args=True)
D.ContinuousBernoulli(1.5).probs
D.ContinuousBernoulli(0.5).log_prob(torch.tensor(1.5))
D.ContinuousBernoulli(0.2).cdf(torch.tensor([0., 0.5, 1.]))
D.FisherSnedecor(-1., 1.)
D.FisherSnedecor(1., 1.).log_prob(torch.tensor(-1.))
D.Wishart(torch.tensor(1.), torch.eye(2))
D.Wishart(torch.tensor(1.5), torch.eye(2)).df
D.Wishart(3, torch.eye(2)).mean
D.Wishart(torch.tensor(3.), torch.ones(2))
D.Wishart(torch.tensor(3.), -torch.eye(2), validate_args=True)
D.Wishart(torch.tensor(3.), torch.eye(2)).precision_matrix
D.Wishart(torch.tensor([3., 4.]), torch.eye(2)).expand((3, 2)).scale_tril.shape
D.LKJCholesky(1, 1.)
D.LKJCholesky(3, -1.)
D.LKJCholesky(2, 1.).log_prob(torch.ones(2, 2))
D.Gamma(1., -1.)
D.Gamma(1., 1.).log_prob(2)
D.Gamma(torch.tensor(2.).double(), 1.).log_prob(torch.tensor(1.))
D.Independent(D.Bernoulli(torch.ones(2) / 2), 0).enumerate_support()
D.Independent(D.Bernoulli(torch.ones(2) / 2), 1).enumerate_support()
D.MultivariateNormal(torch.zeros(3, 2), torch.eye(2).expand(4, 2, 2))
D.Bernoulli(0.5).log_prob(torch.tensor(1))
D.Distribution(validate_args=False).expand((2,))
D.ExponentialFamily(validate_args=False).expand((2,))
D.Distribution.set_default_validate_args(3)
repr(D.Normal(torch.ones(0), 1.))
D.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.tensor(0.))
D.MultivariateNormal(torch.zeros(2), torch.eye(2), torch.eye(2))
D.Independent(D.Bernoulli(torch.ones(2) / 2), 1).has_enumerate_support
D.TransformedDistribution(D.Uniform(0., 1., False), [D.ExpTransform()], False).cdf(torch.tensor(9.))
twice(torch, 'Dirichlet')
twice(torch, 'Gamma')
D.ExpTransform(cache_size=2)
D.ReshapeTransform((2,), (3,))
D.ReshapeTransform((2,), (1, 2))(torch.ones(3))
D.StickBreakingTransform().forward_shape(())
D.IndependentTransform(D.ExpTransform(), 1)(torch.tensor(1.))
D.IndependentTransform(D.ExpTransform(), 1).inv(torch.tensor(1.))
D.kl_divergence(*(D.MultivariateNormal(torch.zeros(n), torch.eye(n)) for n in (2, 3)))
transformed_divergence(torch, 2, 2)
transformed_divergence(torch, 2, 3)
D.kl_divergence(D.Binomial(3, 0.5), D.Binomial(4, 0.5))
D.kl_divergence(*(D.Independent(D.Normal(torch.zeros(2), 1.), n) for n in (1, 0)))
D.kl_divergence(D.LogNormal(0., 1.), D.TransformedDistribution(D.Normal(0., 1.), D.TanhTransform()))
"""


def twice(torch: Any, kind: str) -> Any:
    """A second derivative of samples."""
    a = torch.tensor([0.5, 2.0], requires_grad=True)
    others = {"Gamma": (1.0,), "Dirichlet": ()}[kind]
    y = getattr(torch.distributions, kind)(a, *others).rsample()
    (g,) = torch.autograd.grad(y[0], a, create_graph=True)
    g.sum().backward()


def transformed_divergence(torch: Any, *sizes: int) -> Any:
    """That of the exponentials of normal vectors of two sizes."""
    D = torch.distributions
    bases = [D.MultivariateNormal(torch.zeros(n), torch.eye(n)) for n in sizes]
    return D.kl_divergence(*(D.TransformedDistribution(x, D.ExpTransform()) for x in bases))


@pytest.mark.parametrize("line", ERRORS.strip().splitlines())
def test_errors_are_pytorchs(line: str) -> None:
    names = {"transformed_divergence": transformed_divergence, "twice": twice}
    check_same(lambda torch: eval(line, names | {"torch": torch, "D": torch.distributions}))


def test_the_whole_message_of_a_wrong_parameter_is_pytorchs() -> None:
    said = []
    for namespace in (minigrad, torch):
        with pytest.raises(ValueError, match="scale") as caught:
            namespace.distributions.Normal(0.0, namespace.tensor([1.0, -1.0]))
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_divergence_can_be_registered() -> None:
    distributions = minigrad.distributions

    class Point(distributions.Distribution):
        pass

    for kinds in ((1, Point), (Point, 1)):
        with pytest.raises(TypeError, match="class"):
            distributions.register_kl(*kinds)
    with pytest.raises(NotImplementedError, match="Point"):
        distributions.kl_divergence(Point(), Point())

    @distributions.register_kl(Point, Point)
    def divergence(p: Any, q: Any) -> Any:
        return minigrad.zeros(())

    assert distributions.kl_divergence(Point(), Point()).item() == 0


def test_a_subclass_with_its_own_parameters_expands_them() -> None:
    def program(torch: Any) -> Any:
        D = torch.distributions
        found = []
        for kind in (D.Normal, D.Weibull, D.LogNormal, D.Gamma):

            class Own(kind):  # type: ignore[misc]
                def __init__(self, share: Any) -> None:
                    self.share = share
                    super().__init__(share, 2.0)

            class Expanding(Own):
                def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
                    made = self._get_checked_instance(Expanding, _instance)
                    made.share = self.share.expand(batch_shape)
                    return super().expand(batch_shape, _instance=made)

            x = torch.tensor([0.5, 1.5])
            expanded = Expanding(x).expand((3, 2))
            found += [type(expanded) is Expanding, expanded.share, expanded.batch_shape]
            found += [
                expanded.log_prob(torch.tensor(1.0)).shape,
                type(kind(x, x).expand((3, 2))).__name__,
            ]
            try:
                Own(x).expand((3, 2))
            except NotImplementedError as error:
                found.append(str(error))
        return [str(each) for each in found]

    check_same(program)


def test_parameters_of_the_common_shape_are_kept() -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(2, requires_grad=True)
        normal = torch.distributions.Normal(x, torch.ones(1))
        return [normal.loc is x, copy.deepcopy(normal).loc, pickle.loads(pickle.dumps(normal)).loc]

    check_same(program)


def test_default_validation_can_be_switched_off() -> None:
    distributions = minigrad.distributions
    distributions.Distribution.set_default_validate_args(False)
    try:
        assert distributions.Normal(0.0, -1.0).scale.item() == -1
    finally:
        distributions.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        distributions.Normal(0.0, -1.0)


def test_gradients_of_gamma_samples_are_recorded_as_pytorch_records_them() -> None:
    def program(torch: Any) -> Any:
        torch.manual_seed(1)
        a = torch.tensor([0.5, 2.0], requires_grad=True)
        y = torch.distributions.Gamma(a, 1.0).rsample()
        (g,) = torch.autograd.grad(y.sum(), a, create_graph=True)
        drawn = y.grad_fn.next_functions[0][0]
        names = [drawn.name(), drawn.next_functions[0][0].name()]
        names += [torch.distributions.Dirichlet(a).rsample().grad_fn.name()]
        g.sum().backward()  # an error
        return names

    check_same(program)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("normal", "Normal"),
        ("multinomial", "Multinomial"),
        ("poisson", "Poisson"),
        ("geometric", "Geometric"),
        ("log_normal", "LogNormal"),
        ("transformed_distribution", "TransformedDistribution"),
        ("chi2", "Chi2"),
        ("generalized_pareto", "GeneralizedPareto"),
        ("half_cauchy", "HalfCauchy"),
        ("half_normal", "HalfNormal"),
        ("negative_binomial", "NegativeBinomial"),
        ("relaxed_bernoulli", "RelaxedBernoulli"),
        ("relaxed_categorical", "RelaxedOneHotCategorical"),
        ("studentT", "StudentT"),
        ("transforms", "ExpTransform"),
    ],
)
def test_classes_are_in_pytorchs_modules(module: str, name: str) -> None:
    for namespace in ("minigrad", "torch"):
        found = importlib.import_module(f"{namespace}.distributions.{module}")
        package = importlib.import_module(f"{namespace}.distributions")
        assert getattr(found, name) is getattr(package, name)
        assert getattr(package, module) is found


def with_a_module(t: Any) -> Any:
    """Distributions and transforms that are modules too, as in libraries of flows."""

    class Shift(t.distributions.Transform, t.nn.Module):  # type: ignore[misc]
        domain = codomain = t.distributions.constraints.real
        bijective = True

        def __init__(self) -> None:
            super().__init__(cache_size=1)
            self.layer = t.nn.Linear(1, 1)
            self.by = t.nn.Parameter(t.tensor(0.5))

        def _call(self, x: Any) -> Any:
            return x + self.by

        def _inverse(self, y: Any) -> Any:
            return y - self.by

        def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
            return t.zeros_like(x)

    class Point(t.distributions.Distribution, t.nn.Module):  # type: ignore[misc]
        arg_constraints: ClassVar[dict[str, Any]] = {}

        def __init__(self) -> None:
            super().__init__()
            self.place = t.nn.Parameter(t.ones(2))

    shift, point = Shift(), Point()
    base = t.distributions.Normal(t.zeros(2), 1.0)
    shifted = t.distributions.TransformedDistribution(base, [shift])
    names = [name for module in (shift, point) for name, _ in module.named_parameters()]
    value = t.tensor([0.5, 2.0])
    return names, shifted.log_prob(value), shift._cached_x_y[1] is value


def expanded_subclasses(t: Any) -> Any:
    class Scaled(t.distributions.Normal):  # type: ignore[misc]
        def __init__(self, loc: Any, scale: Any, factor: Any) -> None:
            super().__init__(loc, scale)
            self.factor = factor

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = self._get_checked_instance(Scaled, _instance)
            new = super().expand(batch_shape, _instance=new)
            new.factor = self.factor.expand(batch_shape)
            return new

    class Further(Scaled):
        pass

    class Other(Scaled):
        def __init__(self) -> None:
            super().__init__(t.zeros(1), t.ones(1), t.ones(1))

    wide = Further(t.zeros(2, 1), t.ones(1), t.ones(1)).expand((2, 3))
    found = [type(wide).__name__, wide.factor, wide.loc, wide.batch_shape]
    try:
        Other().expand((2,))
    except NotImplementedError:
        found.append("refused")
    return found


def private_names(t: Any) -> Any:
    utils = importlib.import_module(f"{t.__name__}.distributions.utils")
    normal = importlib.import_module(f"{t.__name__}.distributions.multivariate_normal")
    t.manual_seed(3)
    x = t.arange(24.0).reshape(2, 3, 4)
    precision = t.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=t.float64)
    inverse = t.distributions.transforms.ExpTransform().inv
    return [
        [utils._sum_rightmost(x, n) for n in range(4)],
        utils._standard_normal((2, 3), t.float64, t.device("cpu")),
        normal._precision_to_scale_tril(precision),
        isinstance(inverse, t.distributions.transforms._InverseTransform),
    ]


@pytest.mark.parametrize("program", [with_a_module, expanded_subclasses, private_names])
def test_what_libraries_of_distributions_use(program: Any) -> None:
    check_same(program)
