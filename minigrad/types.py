"""Types of arguments, under the names of torch.types."""

from __future__ import annotations

import builtins as _builtins
import os as _os
from collections.abc import Sequence as _Sequence
from typing import IO as _IO
from typing import TypeAlias

from .api.size import Size as Size
from .api.storage import TypedStorage as _TypedStorage
from .api.storage import UntypedStorage as _UntypedStorage
from .api.tensor import Tensor as Tensor
from .core.devices import device as _device
from .core.formats import layout as _layout  # noqa: F401
from .rules.dtypes import dtype as _dtype  # noqa: F401

_bool, _bytes, _complex = _builtins.bool, _builtins.bytes, _builtins.complex
_float, _int, _str = _builtins.float, _builtins.int, _builtins.str

_TensorOrTensors: TypeAlias = Tensor | _Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | _Sequence[Tensor | None]
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize: TypeAlias = Size | _Sequence[int]
Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
FileLike: TypeAlias = str | _os.PathLike[str] | _IO[bytes]
Device: TypeAlias = _device | str | int | None
Storage: TypeAlias = _TypedStorage | _UntypedStorage

__all__ = ["Device", "FileLike", "Number", "Storage"]
