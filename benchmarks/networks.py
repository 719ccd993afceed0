"""What is trained: two-layer networks of many sizes, with data and first parameters.

The numbers are drawn, but from a coarse grid: data are whole eighths, first-layer parameters whole
parts of 256. The products of the first layer and every sum of them are then exact in float32, in
whatever order a library adds. So before the first update no two engines can find a hidden unit on
different sides of ReLU's kink, and their first gradients can be held to rounding alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Network:
    """x (n, inputs), y (n,) of int64; first parameters (in, out), (out,), (in, out) and (out,).

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
        return cls._of(x, np.array([0, 1, 2, 0, 0, 2]), 5, 3)

    @classmethod
    def drawn(
        cls, n: int, inputs: int, hidden: int, classes: int, dtype: str = "float32"
    ) -> Network:
        """Normal data, to the nearest eighth, with labels drawn evenly."""
        rng = np.random.default_rng(0)
        x = _rounded(rng.standard_normal((n, inputs)), 8).astype(dtype)
        return cls._of(x, rng.integers(0, classes, n), hidden, classes)

    @classmethod
    def _of(cls, x: np.ndarray, y: np.ndarray, hidden: int, classes: int) -> Network:
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
        """Floating-point operations of a training step: those of its matrix products.

        A product (n, i) (i, o) takes n·i·o multiplications and as many additions. The first layer
        has one forward and one backward, for its weight; the second one more, for its input.

        >>> Network.tutorial().operations
        780
        """
        (n, inputs), (hidden, classes) = self.x.shape, self.parameters[2].shape
        return 2 * n * (2 * inputs * hidden + 3 * hidden * classes)


def _rounded(values: np.ndarray, parts: int) -> np.ndarray:
    return np.round(values * parts) / parts


# (n, inputs, hidden, classes), each some ten to a hundred times the work of the one before.
RUNGS = (
    (32, 16, 32, 10),
    (64, 64, 128, 10),
    (128, 256, 256, 10),
    (256, 784, 512, 10),
    (1024, 784, 2048, 10),
)


def ladder(dtype: str, quick: bool = False) -> list[Network]:
    """The tutorial's network, and larger ones, up to 1024×784 → 2048 → 10."""
    rungs = RUNGS[:1] if quick else RUNGS
    return [Network.tutorial(dtype), *(Network.drawn(*rung, dtype) for rung in rungs)]
