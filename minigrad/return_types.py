"""The named tuples that ops with several results return, under the names of torch.return_types.

>>> isinstance(minigrad.ones(2, 2).max(0), minigrad.return_types.max)
True
"""

from __future__ import annotations

from .api.compositions import results as _results

_CLASSES = {
    made.__name__: made for name, made in vars(_results).items() if name.endswith("_result")
}
globals().update(_CLASSES)
__all__ = sorted(_CLASSES)
