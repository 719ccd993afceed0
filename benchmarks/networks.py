"""The networks to train: two layers, in many sizes, with data and initial parameters.

The numbers are random multiples of a coarse unit: 1/8 for the data and 1/256 for the parameters. So
the first layer's products and their sums are exact in float32, in any order of summation. Before
the first update all engines therefore agree on which hidden units ReLU cuts off, and their first
gradients can be compared within rounding errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Network:
    """Data `x` (n, inputs) and int64 `y` (n,), and the initial parameters W1, b1, W2, b2.

    A weight is (in, out).

    >>> network = Network.drawn(256, 784, 512, 10)
    >>> network.name
    '256×784 → 512 → 10'
    >>> [p.shape for p in network.parameters]
    [(784, 512), (512,), (512, 10), (10,)]
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    parameters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def tutorial(cls, dtype: str = "float32") -> Network:
        """Six points with two features, five hidden units, three classes."""
        x = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], dtype)
        return cls._with_parameters(x, np.array([0, 1, 2, 0, 0, 2]), 5, 3)

    @classmethod
    def drawn(
        cls, n: int, inputs: int, hidden: int, classes: int, dtype: str = "float32"
    ) -> Network:
        """Normally distributed data with uniformly distributed labels."""
        rng = np.random.default_rng(0)
        x = _rounded(rng.standard_normal((n, inputs)), 8).astype(dtype)
        return cls._with_parameters(x, rng.integers(0, classes, n), hidden, classes)

    @classmethod
    def _with_parameters(cls, x: np.ndarray, y: np.ndarray, hidden: int, classes: int) -> Network:
        rng = np.random.default_rng(1)
        n, inputs = x.shape
        shapes = (inputs, hidden), (hidden,), (hidden, classes), (classes,)
        scales = [1 / inputs**0.5] * 2 + [1 / hidden**0.5] * 2
        w1, b1, w2, b2 = (
            _rounded(rng.standard_normal(shape) * scale, 256).astype(x.dtype)
            for shape, scale in zip(shapes, scales, strict=True)
        )
        return cls(f"{n}×{inputs} → {hidden} → {classes}", x, y, (w1, b1, w2, b2))

    @property
    def operations(self) -> int:
        """The floating-point operations of the matrix products in one training step.

        A product (n, i) @ (i, o) takes n·i·o multiplications and as many additions. The first layer
        has two products: forward, and backward for its weight. The second has a third, for the
        gradient of its input.

        >>> Network.tutorial().operations
        780
        """
        (n, inputs), (hidden, classes) = self.x.shape, self.parameters[2].shape
        return 2 * n * (2 * inputs * hidden + 3 * hidden * classes)


def _rounded(values: np.ndarray, parts: int) -> np.ndarray:
    """The nearest multiples of 1/parts."""
    return np.round(values * parts) / parts


# (n, inputs, hidden, classes), each about ten to a hundred times the work of the previous one.
LADDER = (
    (32, 16, 32, 10),
    (64, 64, 128, 10),
    (128, 256, 256, 10),
    (256, 784, 512, 10),
    (1024, 784, 2048, 10),
)


def ladder(dtype: str, quick: bool = False) -> list[Network]:
    """The tutorial's network and larger ones, in order of size."""
    sizes = LADDER[:1] if quick else LADDER
    return [Network.tutorial(dtype), *(Network.drawn(*each, dtype) for each in sizes)]
