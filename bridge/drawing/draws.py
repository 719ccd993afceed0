"""RandomDraws: shapes, values, layouts and options, all drawn from one seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.rules.dtypes import SUPPORTED

from .operands import LAYOUTS, Operand, laid_out, special_values

SHAPES = (
    *((), (4,), (1,), (0,), (3, 4), (4, 2), (3, 3), (1, 3), (3, 1), (0, 3)),
    *((2, 3, 4), (3, 2, 2), (2, 3, 2), (2, 1, 3), (1, 4, 2), (2, 0, 3), (1, 1, 1)),
)


class RandomDraws:
    """Draw shapes, values, layouts and options in one of four styles.

    - "wild": any dtype and layout, ties, all special values, and calls that raise errors.
    - "tame": contiguous float64 from the standard normal distribution; every call succeeds.
    - "whole": tame, but small whole numbers, whose sums and products are exact.
    - "smooth": tame, but every element of every operand is a different multiple of 0.01 between 0.2
      and 4, with a random sign unless `positive`. So no element is at a kink or tied with another.

    The fewer bits a seed has, the fewer dimensions the shapes have.
    """

    def __init__(self, seed: int, style: str) -> None:
        self.style = style
        self.max_dims = seed.bit_length() // 2
        self.wild, self.was_odd = style == "wild", False
        self.rng = np.random.default_rng(seed)
        self._multiples = iter(self.rng.permutation(np.arange(0.2, 4, 0.01)))
        self.dtype = np.dtype(np.float64)
        self.texture = self.pick("normal", "special", "special", "wide")
        if self.wild:
            floats = *("float32", "float64") * 4, "float16"
            self.dtype = np.dtype("int64" if self.odd(6) else self.pick(*floats))

    # Choices

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def integer(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most, endpoint=True))

    def odd(self, of: int) -> bool:
        """Tell whether to do something odd: once in `of` times if wild, but once per case.

        If a call had two mistakes, the libraries might report different ones.
        """
        if self.wild and not self.was_odd:
            self.was_odd = self.integer(1, of) == of
            return self.was_odd
        return False

    def options(self, **choices: tuple[Any, ...]) -> dict[str, Any]:
        """Pick one of the choices for each option; `...` leaves the option out."""
        drawn = {name: self.pick(*values) for name, values in choices.items()}
        return {name: value for name, value in drawn.items() if value is not ...}

    # Shapes

    def shape(self, least: int = 0, most: int = 3) -> tuple[int, ...]:
        most = max(least, min(most, self.max_dims))
        return self.pick(*(shape for shape in SHAPES if least <= len(shape) <= most))

    def shapes(self, count: int) -> tuple[tuple[int, ...], ...]:
        """Draw shapes that broadcast together; if wild, rarely one that doesn't."""
        full = self.shape()
        shapes = [full]
        for _ in range(count - 1):
            if self.odd(12):
                shapes.append(self.shape())
            else:
                lead = self.pick(0, 0, *range(len(full) + 1))
                shapes.append(tuple(self.pick(size, size, 1) for size in full[lead:]))
        return tuple(shapes if self.pick(True, False) else reversed(shapes))

    def size(self) -> int:
        return self.pick(1, 2, 3, 4, 4) if not self.odd(6) else 0

    def dim(self, ndim: int, negative: bool = True) -> int:
        """Draw a dimension, counted from either end; if wild, rarely one out of range."""
        reach = max(ndim, 1)
        if self.odd(12):
            return self.pick(-reach - 1, reach)
        return self.integer(-reach if negative else 0, reach - 1)

    # Values

    def array(
        self,
        shape: tuple[int, ...],
        *,
        positive: bool = False,
        moderate: bool = False,
        dtype: np.dtype | None = None,
    ) -> Operand:
        """Draw an operand.

        `positive` affects all styles but wild; `moderate` keeps special values out of wild ones.
        """
        dtype = self._dtype() if dtype is None else dtype
        values = self._values(shape, dtype, positive, moderate)
        # Transposed operands find most code that assumes row-major memory.
        return laid_out(values, self.pick(*LAYOUTS, "transposed") if self.wild else "contiguous")

    def _dtype(self) -> np.dtype:
        if self.odd(8):
            return np.dtype(self.pick(*(d.numpy for d in SUPPORTED)))
        return self.dtype

    def _values(
        self, shape: tuple[int, ...], dtype: np.dtype, positive: bool, moderate: bool
    ) -> np.ndarray:
        rng = self.rng
        if self.style == "smooth" and dtype.kind == "f":
            values = np.array([next(self._multiples) for _ in range(int(np.prod(shape)))])
            signs = 1 if positive else rng.choice([-1.0, 1.0], values.size)
            return (values * signs).reshape(shape)
        if dtype.kind == "b":
            return np.asarray(rng.random(shape) < 0.5)
        if dtype.kind in "iu":
            return np.asarray(rng.integers(-4, 5, shape)).astype(dtype)
        normal = np.asarray(rng.standard_normal(shape), dtype)
        if self.style == "whole":
            return np.asarray(rng.integers(1 if positive else -4, 5, shape), dtype)
        if not self.wild:
            return np.asarray(np.abs(normal) + 0.1) if positive else normal
        # Small whole numbers, many of them equal, and zeros of both signs.
        ties = np.copysign(np.asarray(np.abs(rng.integers(-2, 3, shape)), dtype), normal)
        if self.texture == "normal" or moderate:
            return np.where(rng.random(shape) < 0.5, ties, normal)
        if self.texture == "special":
            special = rng.choice(special_values(dtype), shape)
            return np.where(rng.random(shape) < 0.6, special, ties)
        reach = 20 if dtype.itemsize > 2 else 4
        return np.asarray(normal * np.asarray(10.0 ** rng.uniform(-reach, reach, shape), dtype))

    def number(self, *choices: float) -> float:
        """Draw a Python number; if smooth, one that no element of an array equals."""
        if self.style == "smooth" and not choices:
            return float(next(self._multiples)) + 0.005
        return self.pick(*(choices or (0, 1, -2, 3, 0.5, -1.5, 1e-3, float("inf"), float("nan"))))

    def indices(self, bound: int, shape: tuple[int, ...], repeats: bool = True) -> np.ndarray:
        """Draw indices into a dimension of size `bound`, counted from either end."""
        if repeats:
            if not bound:
                return np.zeros(shape, int)
            return np.asarray(self.rng.integers(-bound, bound, shape))
        return np.asarray(self.rng.permutation(bound)[: int(np.prod(shape))])
