"""Padding with a constant."""

from __future__ import annotations

import numpy as np

from .layout import elementwise, like_images
from .presentation import INTERNAL
from .rule import Array, Result, differentiable


@differentiable(INTERNAL, public="pad", layout="own", linear=True, node="ConstantPadNdBackward0")
def constant_pad(input: Array, padding: tuple[tuple[int, int], ...], value: float) -> Result:
    """`input` with elements added before and after its last dimensions; negative numbers remove."""
    lead = input.ndim - len(padding)
    sizes, source, place = [*input.shape], [slice(None)] * lead, [slice(None)] * lead
    for d, (before, after) in enumerate(padding, lead):
        size = sizes[d]
        sizes[d] = size + before + after
        if sizes[d] < 0:
            raise RuntimeError(
                f"The input size {size}, plus negative padding {before} and {after}, resulted in a "
                f"negative output size, which is invalid. Check dimension {d} of your input."
            )
        if size + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        source.append(slice(max(-before, 0), size - max(-after, 0)))
        place.append(slice(max(before, 0), sizes[d] - max(after, 0)))
    part = input[(*source,)]
    if all(max(pair) <= 0 for pair in padding):  # nothing is added: a clone of the part
        y = elementwise(part.copy(), (part,))
    else:
        y = np.full(sizes, value).astype(input.dtype) if value else np.zeros(sizes, input.dtype)
        if y.size and input.size:
            y[(*place,)] = part
        y = like_images(y, input)
    back = tuple([(-before, -after) for before, after in padding])
    return y, (lambda g: constant_pad(g, back, 0)[0],)
