"""The tape. Read `node.py` (what is recorded of an op), then `graph.py` (the walk back over it).

`views.py` follows shared memory, `rereading.py` gives gradients a graph of their own, `hooks.py`
and `anomaly_mode.py` look on, `grad_fn.py` is what is shown of it all, `grad_mode.py` switches
recording on and off, `function.py` is for ops of one's own, and `backward.py` is what a user calls.
Made of that alone, `functional.py` has Jacobians and Hessians, and `gradcheck.py` checks gradients
against differences.
"""

from ..core.backward import backward, grad
from ..core.grad_mode import enable_grad, no_grad, set_grad_enabled
from . import functional
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
