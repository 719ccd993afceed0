"""Module and the hooks of all modules, under their names in torch.nn.modules.module."""

from __future__ import annotations

from ..module import Module
from ..module_hooks import (
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ..state_dict import _IncompatibleKeys as _IncompatibleKeys


def _addindent(s_: str, numSpaces: int) -> str:
    """Indent all lines of a text but the first and those that are blank."""
    first, *lines = s_.split("\n")
    return "\n".join([first, *(" " * numSpaces + line if line.strip() else "" for line in lines)])


__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]
