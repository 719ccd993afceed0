"""All transforms, under the name of torch.distributions.transforms."""

from __future__ import annotations

from . import elementwise_transforms, event_transforms, transform
from .elementwise_transforms import *  # noqa: F403
from .event_transforms import *  # noqa: F403
from .transform import *  # noqa: F403
from .transform import _InverseTransform as _InverseTransform

__all__ = [*elementwise_transforms.__all__, *event_transforms.__all__, *transform.__all__]
