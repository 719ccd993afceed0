"""The tape: `graph.py` holds its nodes and walks it, `views.py` follows shared memory,
`grad_mode.py` switches it on and off, and `backward.py` is what a user calls. Made of that alone,
`functional.py` has Jacobians and Hessians.
"""

from . import functional
from .backward import backward, grad
from .grad_mode import enable_grad, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "functional", "grad", "no_grad", "set_grad_enabled"]
