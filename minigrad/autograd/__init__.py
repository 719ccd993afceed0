"""The names of torch.autograd. `backward`, `grad` and the grad modes are the core's; the rest is
here. It imports `rules`, `core`, `random` and `api`. Read `function.py` and `function_node.py` (ops
that users define), `anomaly_mode.py` (errors with the line of the forward pass), `functional.py`
(Jacobians and Hessians), then `gradcheck.py` (gradients compared with finite differences).
`transforms.py` has torch.func's derivatives, and `recompute.py` graphs that save less memory.
`graph.py` has hooks for what ops save, and `profiler.py` times of ops.
`grad_mode.py` and `variable.py` are little more than aliases.
"""

from ..core.backward import backward, grad
from ..core.grad_mode import enable_grad, no_grad, set_grad_enabled
from ..core.inference import inference_mode
from . import functional, graph, profiler
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import set_multithreading_enabled
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
    "graph",
    "inference_mode",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
