"""The tape: `graph.py` holds its nodes and walks it, `views.py` follows shared memory,
`grad_mode.py` switches it on and off, `backward.py` is what a user calls, and `gradcheck.py` checks
gradients against differences.
"""

from .backward import backward, grad
from .grad_mode import enable_grad, no_grad, set_grad_enabled
from .gradcheck import gradcheck, gradgradcheck

__all__ = [
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "no_grad",
    "set_grad_enabled",
]
