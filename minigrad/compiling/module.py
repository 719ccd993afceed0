"""A module whose calls run as a recorded program."""

from __future__ import annotations

from typing import Any

from ..nn.module import Module

_OF_STEP = ("refusal", "repeat", "running_source", "save", "shortfall", "source")


class OptimizedModule(Module):
    """What `compile` makes of a module: a module around it, as in PyTorch.

    Its parameters are those of the module, under `_orig_mod`. What it doesn't have itself, it
    takes from the compiled step, such as `source`, or from the module.

    >>> model = minigrad.compile(nn.Linear(2, 1))
    >>> [name for name, _ in model.named_parameters()], model.in_features
    (['_orig_mod.weight', '_orig_mod.bias'], 2)
    """

    _orig_mod: Module

    def __init__(self, module: Module, step: Any) -> None:
        super().__init__()
        self._orig_mod, self.step = module, step
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, or the program that was recorded for such a call."""
        return self.step(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "step" not in self.__dict__ or name == "_orig_mod":
                raise
        owner = self.step if name in _OF_STEP else self._orig_mod
        return getattr(owner, name)


__all__ = ["OptimizedModule"]
