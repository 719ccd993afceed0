"""The loops of recurrent layers over their weights: RNN, LSTM and GRU.

A layer is a loop over the steps of its input. A step takes what the input adds to the gates and the
previous state, which is `(h,)`, or `(h, c)` for an LSTM, and returns the next state. The inputs of
all steps are multiplied at once. The arithmetic and its order are PyTorch's, except that PyTorch
gives an LSTM in float32 to a library whose results differ by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api.functions import cat, relu, sigmoid, stack, tanh
from ..api.tensor import Tensor
from ..core.dispatch import OPS
from ..core.one_node import as_one_node
from ..core.warning import warn_once
from ..rules.dtypes import float32
from . import functional as F

State = tuple[Tensor, ...]
# A step takes what the input adds to the gates, the state, and the hidden weight and bias.
Step = Callable[[Tensor, State, Any, Any], State]

# Steps --------------------------------------------------------------------------------------------


def tanh_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    return (tanh(F.linear(state[0], weight, bias) + gates),)


def relu_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    return (relu(F.linear(state[0], weight, bias) + gates),)


def lstm_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    h, c = state
    gates = F.linear(h, weight, bias) + gates
    input, forget, cell, output = gates.unsafe_chunk(4, 1)
    c = sigmoid(forget) * c + sigmoid(input) * tanh(cell)
    return sigmoid(output) * tanh(c), c


def gru_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    (h,) = state
    reset_x, update_x, new_x = gates.unsafe_chunk(3, 1)
    reset_h, update_h, new_h = F.linear(h, weight, bias).unsafe_chunk(3, 1)
    new = tanh(new_x + new_h * sigmoid(reset_h + reset_x))
    return ((h - new) * sigmoid(update_h + update_x) + new,)


# For each mode, the step and how many gates it has.
MODES: dict[str, tuple[Step, int]] = {
    "RNN_TANH": (tanh_step, 1),
    "RNN_RELU": (relu_step, 1),
    "LSTM": (lstm_step, 4),
    "GRU": (gru_step, 3),
}


def _run(
    step: Callable[[Tensor, State], State], parts: Sequence[Tensor], first: State
) -> tuple[list[Tensor], State]:
    """Take the steps in order, and return the h of each and the last state of each sequence.

    `parts` are the inputs of one step each, with a row for each sequence that isn't finished. The
    sequences are sorted by length, so those that finish are the last ones.
    """
    state = first
    hs: list[Tensor] = []
    finished: list[State] = []
    for part in parts:
        size = part.shape[0]
        if size < state[0].shape[0]:
            finished.append(tuple(x[size:] for x in state))
            state = tuple(x[:size] for x in state)
        state = step(part, state)
        hs.append(state[0])
    if finished:
        pieces = [state, *reversed(finished)]
        state = tuple(cat(each) for each in zip(*pieces, strict=True))
    return hs, state


def _run_back(
    step: Callable[[Tensor, State], State], parts: Sequence[Tensor], first: State
) -> tuple[list[Tensor], State]:
    """`_run` from the last step to the first. A sequence joins at its own last step."""
    size = parts[-1].shape[0]
    state, hs = first if size == first[0].shape[0] else tuple(x[:size] for x in first), []
    for part in reversed(parts):
        if part.shape[0] > size:
            joining = tuple(x[size : part.shape[0]] for x in first)
            state = tuple(cat(each) for each in zip(state, joining, strict=True))
            size = part.shape[0]
        state = step(part, state)
        hs.append(state[0])
    return hs[::-1], state


def _beside(*outputs: Tensor) -> Tensor:
    """Put the outputs of the directions beside each other."""
    return outputs[0] if len(outputs) == 1 else cat(outputs, -1)


# Layers -------------------------------------------------------------------------------------------


def run_layers(
    mode: str,
    input: Tensor,
    batch_sizes: Tensor | None,
    state: State,
    weights: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[Tensor, State]:
    """Run all layers on steps (T, N, *), or on packed data if there are `batch_sizes`.

    `weights` are those of the first layer, then those of its backward direction, and so on. Each
    time they are `weight_ih`, `weight_hh`, with `has_biases` two biases, and a projection of h if
    its size isn't that of c. RuntimeError for another number of weights.
    """
    if batch_first:
        input = input.transpose(0, 1)
    if mode == "LSTM" and not input.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    directions = ("", "_reverse") if bidirectional else ("",)
    projected = mode == "LSTM" and state[0].shape[-1] != state[1].shape[-1]
    names = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if has_biases else ())]
    names += ["weight_hr"] if projected else []
    count = num_layers * len(directions)
    if len(weights) != count * len(names):
        raise RuntimeError(
            f"{count} layers and directions have {count * len(names)} weights, not {len(weights)}"
        )
    sizes = None if batch_sizes is None else batch_sizes.tolist()

    def parted(x: Tensor) -> Sequence[Tensor]:
        return x.unbind(0) if sizes is None else x.split(sizes)

    def joined(parts: Sequence[Tensor]) -> Tensor:
        return stack(parts) if sizes is None else cat(parts)

    # PyTorch gives such a layer to a library, as one op.
    by_library = mode == "LSTM" and sizes is None and input.dtype is float32
    if by_library and projected:
        by_library = False
        warn_once(
            "LSTM with projections is not supported with oneDNN. Using default implementation."
        )
    if by_library and any(x.dtype is not float32 for x in state):
        raise RuntimeError(f"the states of an {mode} in float32 must be in float32")
    rows = [x.unbind(0) for x in state]
    last: list[State] = []
    output = input
    for layer in range(num_layers):
        if layer and dropout and train:
            output = F.dropout(output, dropout)
        outputs = []
        for direction in directions:
            first = tuple(each[len(last)] for each in rows)
            start = len(last) * len(names)
            param = dict(zip(names, weights[start : start + len(names)], strict=True))
            if by_library:
                result, final = _lstm_direction(output, first, param, bool(direction))
            else:
                hs, final = _direction(mode, output, parted, first, param, bool(direction))
                result = joined(hs)
            outputs.append(result)
            last.append(final)
        output = _beside(*outputs)
    if batch_first and mode == "LSTM":
        output = output.transpose(0, 1)
    elif batch_first:
        output = output.transpose_(0, 1)  # in place, which the name of the node says
    return output, tuple(stack(each) for each in zip(*last, strict=True))


def _lstm_direction(
    input: Tensor, first: State, param: dict[str, Any], back: bool
) -> tuple[Tensor, State]:
    """Run one direction of an LSTM's layer as one op."""
    bias = param["bias_ih"] + param["bias_hh"] if "bias_ih" in param else None
    gates = F.linear(input.flip(0) if back else input, param["weight_ih"], bias)
    hs, cs = OPS["lstm"](gates, *first, param["weight_hh"]).unbind(0)
    hs, *last = hs.flip(0) if back else hs, hs[-1], cs[-1]
    as_one_node((hs, *last), "MkldnnRnnLayerBackward0", input, *param.values(), *first)
    return hs, tuple(last)


def _direction(
    mode: str,
    input: Tensor,
    parted: Callable[[Tensor], Sequence[Tensor]],
    first: State,
    param: dict[str, Any],
    back: bool,
) -> tuple[list[Tensor], State]:
    """Run one direction of a layer. `parted` takes the steps of its input apart."""
    take, _ = MODES[mode]

    def step(gates: Tensor, state: State) -> State:
        h, *others = take(gates, state, param["weight_hh"], param.get("bias_hh"))
        if "weight_hr" in param:
            h = F.linear(h, param["weight_hr"])
        return (h, *others)

    gates = F.linear(input, param["weight_ih"], param.get("bias_ih"))
    return (_run_back if back else _run)(step, parted(gates), first)


# The functions of torch ---------------------------------------------------------------------------


def _function(name: str, mode: str, example: str) -> Callable[..., Any]:
    def run(
        input: Tensor,
        hx: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        given = input, hx, params, has_biases, num_layers, dropout, train, bidirectional
        if isinstance(has_biases, list | tuple):  # the form for packed data
            data, batch_sizes, states, *others = *given, batch_first
        else:
            data, states, *others = *given, batch_first
            batch_sizes = None
        state = _states(name, mode, data, batch_sizes, states)
        output, last = run_layers(mode, data, batch_sizes, state, *others)
        return (output, *last)

    run.__name__ = run.__qualname__ = name
    layer = mode.partition("_")[0]
    run.__doc__ = f"""Return the output of layers of `nn.{layer}`, and the last state.

    `params` are the weights of all layers and directions in a list, in the order of the layer's
    parameters. With packed data, the arguments begin with the data and the sizes of the batches,
    and there is no `batch_first`. RuntimeError for operands that don't fit.
    {example}
    """
    return run


def _states(name: str, mode: str, data: Any, batch_sizes: Any, hx: Any) -> State:
    """The state in a tuple, whose number of dimensions is checked, as that of the data is."""
    if mode == "LSTM":
        if isinstance(hx, Tensor):
            raise TypeError(f"{name}(): argument 'hx' must be tuple of Tensors, not Tensor")
        if len(hx) != 2:
            raise RuntimeError("lstm expects two hidden states")
    state = tuple(hx) if mode == "LSTM" else (hx,)
    dims = 3 if batch_sizes is None else 2
    if data.dim() != dims or any(x.dim() != 3 for x in state):
        raise RuntimeError(
            f"{name}: the input must have {dims} dimensions and the states 3, but they have "
            f"{data.dim()} and {[x.dim() for x in state]}"
        )
    return state


rnn_tanh = _function(
    "rnn_tanh",
    "RNN_TANH",
    """
    >>> x, options = minigrad.ones(1, 1, 1), (False, 1, 0., False, False, False)
    >>> output, h = minigrad.rnn_tanh(x, x, [x[0], -x[0]], *options)
    >>> h
    tensor([[[0.]]])
    """,
)
rnn_relu = _function(
    "rnn_relu",
    "RNN_RELU",
    """
    >>> x, options = minigrad.ones(1, 1, 1), (False, 1, 0., False, False, False)
    >>> output, h = minigrad.rnn_relu(x, x, [x[0], x[0]], *options)
    >>> h
    tensor([[[2.]]])
    """,
)
gru = _function(
    "gru",
    "GRU",
    """
    >>> x, h, zero = minigrad.zeros(2, 1, 1), minigrad.ones(1, 1, 1), minigrad.zeros(3, 1)
    >>> output, h = minigrad.gru(x, h, [zero, zero], False, 1, 0., False, False, False)
    >>> h
    tensor([[[0.2500]]])
    """,
)
lstm = _function(
    "lstm",
    "LSTM",
    """
    >>> x, one, zero = minigrad.zeros(1, 1, 1), minigrad.ones(1, 1, 1), minigrad.zeros(4, 1)
    >>> output, h, c = minigrad.lstm(x, (one, one), [zero, zero], False, 1, 0., False, False, False)
    >>> c
    tensor([[[0.5000]]])
    """,
)
