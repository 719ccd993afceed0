"""Functions of ops that do more than call one rule, one module for each family of rules.

PyTorch composes most of them itself (`CompositeImplicitAutograd`), so their graphs show the parts.
They import `core` and `rules`, and `registry.py` collects them. Read `basic.py` first.
"""

from . import arithmetic as arithmetic
from . import basic as basic
from . import special as special
from .registry import COMPOSITIONS as COMPOSITIONS
from .registry import public as public
