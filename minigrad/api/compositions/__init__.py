"""Functions of ops that do more than call one rule, one module for each family of rules.

PyTorch composes most of them itself (`CompositeImplicitAutograd`), so their graphs show the parts.
They import `core` and `rules`, and `registry.py` collects them. Read `basic.py` first.
"""

from . import activations as activations
from . import attention as attention
from . import basic as basic
from . import convolution as convolution
from . import distances as distances
from . import dropout as dropout
from . import losses as losses
from . import normalisation as normalisation
from . import padding as padding
from . import pooling as pooling
from . import resampling as resampling
from .registry import COMPOSITIONS as COMPOSITIONS
from .registry import public as public
