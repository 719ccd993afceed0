"""The layers under their names in torch.nn.modules.

Most modules of torch.nn.modules are made here, from the table of the files that have their classes.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .. import (
    activation,
    attention,
    batchnorm,
    container,
    conv,
    cross_map,
    distance,
    dropout,
    function_layer,
    lazy,
    linear,
    loss,
    normalization,
    padding,
    pooling,
    rearranging,
    rnn,
    sparse,
    sync_batchnorm,
    transformer,
)
from ..state_dict import consume_prefix_in_state_dict_if_present
from . import module

_FILES: dict[str, tuple[Any, ...]] = {
    "activation": (activation, attention),
    "batchnorm": (batchnorm, lazy, sync_batchnorm),
    "channelshuffle": (rearranging,),
    "container": (container,),
    "conv": (conv, lazy),
    "distance": (distance,),
    "dropout": (dropout,),
    "flatten": (rearranging,),
    "fold": (rearranging,),
    "instancenorm": (batchnorm, lazy),
    "lazy": (lazy,),
    "linear": (linear, attention, lazy),
    "loss": (loss,),
    "normalization": (normalization, cross_map),
    "padding": (padding,),
    "pixelshuffle": (rearranging,),
    "pooling": (pooling,),
    "rnn": (rnn,),
    "sparse": (sparse,),
    "transformer": (transformer,),
    "upsampling": (rearranging,),
}

# Functions that programs use though they are private.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "transformer": (
        transformer._generate_square_subsequent_mask,
        transformer._get_activation_fn,
        transformer._get_clones,
    ),
}


def _classes(files: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: value
        for file in files
        for name, value in vars(file).items()
        if isinstance(value, type) and value.__module__ == file.__name__
    }


def _made(name: str, members: dict[str, Any]) -> ModuleType:
    made = ModuleType(f"{__name__}.{name}", f"The classes of torch.nn.modules.{name}.")
    vars(made).update(members)
    sys.modules[made.__name__] = made
    return made


for _name, _files in _FILES.items():
    _functions = {each.__name__: each for each in _FUNCTIONS.get(_name, ())}
    globals()[_name] = _made(_name, _classes(_files) | _functions)
    globals().update({k: v for k, v in _classes(_files).items() if not k.startswith("_")})


def _ntuple(n: int, name: str = "parse") -> Any:
    def parse(x: Any) -> Any:
        return function_layer.numbers_for(n, x)

    parse.__name__ = name
    return parse


def _reverse_repeat_tuple(t: Any, n: int) -> tuple[Any, ...]:
    """The items of a sequence from the last to the first, each `n` times."""
    return tuple([x for x in reversed(t) for _ in range(n)])


_single, _pair, _triple, _quadruple = map(_ntuple, (1, 2, 3, 4))
utils = _made(
    "utils",
    {
        "_ntuple": _ntuple,
        "_reverse_repeat_tuple": _reverse_repeat_tuple,
        "_single": _single,
        "_pair": _pair,
        "_triple": _triple,
        "_quadruple": _quadruple,
        "consume_prefix_in_state_dict_if_present": consume_prefix_in_state_dict_if_present,
    },
)
Module = module.Module

__all__ = [name for name in globals() if not name.startswith("_") and name not in ("Any", "sys")]
