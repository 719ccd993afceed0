"""The functions of torch.special, and others whose arguments differ from their rules'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.dispatch import OPS
from ...rules import REGISTRY
from ...rules.presentation import BOTH, FUNCTION
from .registry import COMPOSITIONS, Composition, composed
from .with_numbers import plus, times

if TYPE_CHECKING:
    from ..tensor import Tensor


@composed(FUNCTION)
def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the derivative of order `n` of digamma. RuntimeError for a negative order.

    >>> minigrad.polygamma(1, minigrad.tensor([1., 2.]))
    tensor([1.6449, 0.6449])
    """
    return OPS["polygamma"](input, n)


class _frexp_result(NamedTuple):
    mantissa: Tensor
    exponent: Tensor

    def __repr__(self) -> str:
        return (
            f"torch.return_types.frexp(\nmantissa={self.mantissa!r},\nexponent={self.exponent!r})"
        )


@composed(BOTH)
def frexp(input: Tensor) -> Any:
    """Return the mantissa and the exponent of each float: mantissa * 2 ** exponent.

    The magnitude of a mantissa is at least 0.5 and below 1. RuntimeError for integers.

    >>> minigrad.frexp(minigrad.tensor([4., 3.])).exponent
    tensor([3, 2], dtype=torch.int32)
    """
    return _frexp_result(*OPS["frexp"](input))


@composed(FUNCTION, module="special")
def ndtr(input: Tensor) -> Tensor:
    """Return the standard normal distribution function.

    >>> minigrad.special.ndtr(minigrad.tensor([0., 1.]))
    tensor([0.5000, 0.8413])
    """
    return times(plus(OPS["erf"](times(input, math.sqrt(0.5))), 1), 0.5)


@composed(FUNCTION, module="special")
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return exp(x) / Σ exp(x) along `dim`. `dtype` converts the input first.

    >>> minigrad.special.softmax(minigrad.tensor([0., 1.]), 0)
    tensor([0.2689, 0.7311])
    """
    return OPS["softmax"](input, dim, dtype)


@composed(FUNCTION, module="special")
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return x − log Σ exp(x) along `dim`. `dtype` converts the input first.

    >>> minigrad.special.log_softmax(minigrad.tensor([0., 1.]), 0)
    tensor([-1.3133, -0.3133])
    """
    return OPS["log_softmax"](input, dim, dtype)


@composed(FUNCTION)
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """Return `input` where it is greater than `threshold`, else `value`.

    >>> minigrad.threshold(minigrad.tensor([-1., 2.]), 0.5, 7)
    tensor([7., 2.])
    """
    return OPS["threshold"](input, threshold, value)


# Functions under the names of torch.special.
_NAMES = {name.removeprefix("special_"): name for name in REGISTRY if name.startswith("special_")}
_NAMES |= {name: name for name in ("digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0")}
_NAMES |= {name: name for name in ("log1p", "logit", "logsumexp", "round", "sinc", "xlogy")}
_NAMES |= {
    "expit": "sigmoid",
    "gammainc": "igamma",
    "gammaincc": "igammac",
    "gammaln": "lgamma",
    "multigammaln": "mvlgamma",
    "psi": "digamma",
}
for _public, _name in _NAMES.items():
    COMPOSITIONS["special", _public] = Composition(OPS[_name], FUNCTION, False, "special")
COMPOSITIONS["special", "polygamma"] = Composition(polygamma, FUNCTION, False, "special")
