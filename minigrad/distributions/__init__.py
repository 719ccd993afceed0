"""Probability distributions, under the names of torch.distributions: samples from the same seed are
PyTorch's. It imports `rules`, `core`, `random` and `api`. Read `distribution.py` with
`constraints.py` (which values are valid), then `normal.py`. The other distributions are like it.
`discrete.py` has what two of them share, and `kl.py` the divergences. Distributions of transformed
samples are in `transformed_distribution.py`, and the transforms in `transforms.py`.
"""

import sys

from . import constraints, counts, kl, transformed_distribution, transforms
from .bernoulli import Bernoulli
from .beta import Beta
from .categorical import Categorical
from .counts import Geometric, Multinomial, Poisson
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .transformed_distribution import LogNormal, TransformedDistribution
from .transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from .uniform import Uniform

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "CatTransform",
    "Categorical",
    "ComposeTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "Gamma",
    "Geometric",
    "Independent",
    "IndependentTransform",
    "Laplace",
    "LogNormal",
    "LowerCholeskyTransform",
    "Multinomial",
    "MultivariateNormal",
    "Normal",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "constraints",
    "identity_transform",
    "kl",
    "kl_divergence",
    "register_kl",
    "transforms",
]

# Under PyTorch's names for the modules of some distributions.
for _name, _module in (
    ("geometric", counts),
    ("multinomial", counts),
    ("poisson", counts),
    ("log_normal", transformed_distribution),
):
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module
