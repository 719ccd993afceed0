"""Functions of ops that do more than call one rule, one module for each family of rules.

PyTorch composes most of them itself (`CompositeImplicitAutograd`), so their graphs show the parts.
They import `core` and `rules`, and `registry.py` collects them. Read `basic.py` first.
"""

from . import activations as activations
from . import arithmetic as arithmetic
from . import attention as attention
from . import basic as basic
from . import convolution as convolution
from . import ctc as ctc
from . import distances as distances
from . import dropout as dropout
from . import embedding as embedding
from . import fractional_pooling as fractional_pooling
from . import grids as grids
from . import histograms as histograms
from . import indexing as indexing
from . import ldl as ldl
from . import linalg as linalg
from . import losses as losses
from . import low_rank as low_rank
from . import lu as lu
from . import moments as moments
from . import native as native
from . import normalisation as normalisation
from . import norms as norms
from . import padding as padding
from . import pooling as pooling
from . import products as products
from . import reduction as reduction
from . import resampling as resampling
from . import shape as shape
from . import sorting as sorting
from . import special as special
from .registry import COMPOSITIONS as COMPOSITIONS
from .registry import public as public
