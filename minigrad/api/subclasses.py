"""What a first subclass of Tensor changes: public functions and methods ask for its results.

Functions that a program has imported by their names before don't.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from ..core.overriding import make_overridable

_PACKAGE = __name__.partition(".")[0]
_MODULES = ("", ".autograd", ".linalg", ".nn.functional", ".special")
# Functions that read tensors as data, or return them themselves.
_EXEMPT = """
as_subclass as_tensor asarray can_cast compile explain gradcheck gradgradcheck is_storage is_tensor
load result_type save set_detect_anomaly tensor vmap
"""
_OPERATORS = """
abs add and bool contains delitem eq floordiv ge getitem gt iadd iand ifloordiv ilshift imod imul
index invert ior ipow irshift isub itruediv ixor le len lshift lt matmul mod mul ne neg or pos
pow radd rand rdiv reversed rfloordiv rlshift rmatmul rmod rmul ror rpow rrshift rshift rsub
rtruediv rxor setitem sub truediv xor
"""
_PROPERTIES = ("H", "T", "data", "mH", "mT", "real")
_changed: list[bool] = []


def ask_subclasses(tensor: type[Any]) -> None:
    """Let the public functions and the methods of Tensor ask subclasses. It is done once."""
    if _changed:
        return
    _changed.append(True)
    operators = [f"__{name}__" for name in _OPERATORS.split()]
    public = [name for name in dir(tensor) if not name.startswith("_")]
    for name in (*public, *operators):
        found = inspect.getattr_static(tensor, name, None)
        if (inspect.isfunction(found) and name not in _EXEMPT.split()) or name in _PROPERTIES:
            make_overridable(tensor, name)
    for path in _MODULES:
        module = sys.modules[_PACKAGE + path]
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)) and name not in _EXEMPT.split():
                make_overridable(module, name)
