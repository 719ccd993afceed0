"""MyGrad, a tensor library over NumPy."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.activations import logsoftmax, relu, sigmoid, softmax

from .array_ops import CONVENTIONS, array_ops

name, version = "mygrad", version_of("mygrad")


def tensor(array: np.ndarray, requires_grad: bool) -> Any:
    constant = None if array.dtype.kind == "f" and requires_grad else True
    return mygrad.tensor(np.array(array), constant=constant)


def backward(result: Any, cotangent: np.ndarray) -> None:
    result.backward(np.array(cotangent))


def grad(leaf: Any) -> Any:
    return leaf.grad


def to_numpy(value: Any) -> Any:
    return np.asarray(value.data if isinstance(value, mygrad.Tensor) else value)


def zero_grad(leaf: Any) -> None:
    leaf.null_grad()


no_grad = lambda: mygrad.no_autodiff  # noqa: E731
_CLEARED = (
    "a gradient is cleared when its tensor is used in a new graph, and backward clears the graph: "
    "the docstring of mygrad.Tensor"
)
conventions = CONVENTIONS | {
    ("accumulation", "*"): _CLEARED,
    ("accumulation_keeps_others", "*"): _CLEARED,
    ("second_walk", "*"): _CLEARED,
}


def _where(condition: Any, a: Any, b: Any) -> Any:
    return mygrad.where(to_numpy(condition), a, b)


ops = array_ops(mygrad) | {
    "where": _where,
    "relu": relu,
    "sigmoid": sigmoid,
    "softmax": lambda x, dim: softmax(x, axis=dim),
    "log_softmax": lambda x, dim: logsoftmax(x, axis=dim),
}
for _name in ("ceil", "floor", "sign"):  # functions of constants only
    ops.pop(_name, None)
