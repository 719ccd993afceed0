"""Recurrent layers and cells: RNN, LSTM and GRU. Their loops are in `recurrent.py`."""

from __future__ import annotations

import math
import numbers
import operator
import warnings
from typing import Any, ClassVar

from ..api.creation import empty, zeros
from ..api.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .recurrent import MODES, State, run_layers
from .utils.rnn import PackedSequence

_Sizes = tuple[int, int, int]

# Layers -------------------------------------------------------------------------------------------


class RNNBase(Module):
    """The parameters and the loop of the recurrent layers.

    Layer l has the parameters `weight_ih_l{l}`, `weight_hh_l{l}`, `bias_ih_l{l}`, `bias_hh_l{l}`
    and, with `proj_size`, `weight_hr_l{l}`; the backward direction has them too, with the suffix
    `_reverse`. All are initially uniform in ±1/sqrt(hidden_size).
    """

    _state_names: ClassVar[tuple[str, ...]] = ("hx",)

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_options(input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        if mode not in MODES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for layer in range(num_layers):
            for suffix in self._suffixes():
                for name, sizes in self._sizes(layer).items():
                    values = empty(sizes, device=device, dtype=dtype)
                    setattr(self, f"{name}_l{layer}{suffix}", Parameter(values))
        self.reset_parameters()

    def _suffixes(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _sizes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters of a layer, in PyTorch's order."""
        rows = MODES[self.mode][1] * self.hidden_size
        outputs = self.proj_size or self.hidden_size
        inputs = self.input_size if layer == 0 else outputs * len(self._suffixes())
        sizes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, outputs),
        }
        if self.bias:
            sizes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            sizes["weight_hr"] = (outputs, self.hidden_size)
        return sizes

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_names() for name in names]

    # Not from `_parameters`: a weight may be computed, and then it's an attribute like another.
    def _weights(self) -> list[Any]:
        """The weights in one list: that of `_flat_weights`, unless an attribute was replaced."""
        now = [getattr(self, name, None) for name in self._flat_weights_names]
        of, given = vars(self).get("_given_weights", ((), []))
        same = len(of) == len(now) and all(map(operator.is_, of, now))
        return given if same else now

    @property
    def _flat_weights(self) -> list[Any]:
        """The list that `forward` uses, until one of the attributes is replaced."""
        self._flat_weights = weights = self._weights()
        return weights

    @_flat_weights.setter
    def _flat_weights(self, weights: list[Any]) -> None:
        of = tuple([getattr(self, name, None) for name in self._flat_weights_names])
        vars(self)["_given_weights"] = of, weights

    def __getstate__(self) -> dict[str, Any]:
        """A copy uses its own attributes."""
        return {name: value for name, value in vars(self).items() if name != "_given_weights"}

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_names()]

    def _all_names(self) -> list[list[str]]:
        return [
            [f"{name}_l{layer}{suffix}" for name in self._sizes(layer)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes()
        ]

    def flatten_parameters(self) -> None:
        """Do nothing. In PyTorch it moves the parameters on a GPU to one piece of memory."""

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        parts += [
            f"{name}={getattr(self, name)}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]
        return ", ".join(parts)

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D instead"
            )
        is_batched = input.dim() == 3
        state = self._given_state(hx, is_batched)
        self._check_state_dims(state, is_batched)
        if not is_batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
            state = tuple(x.unsqueeze(1) for x in state)
        state = self._first_state(state, input, None)
        output, state = self._run(input, None, state, self.batch_first)
        if not is_batched:
            output = output.squeeze(0 if self.batch_first else 1)
            state = tuple(x.squeeze(1) for x in state)
        return output, self._as_given(state)

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        data, batch_sizes, order, inverse = packed
        hx = None if hx is None else self.permute_hidden(hx, order)
        state = self._given_state(hx, is_batched=True)
        state = self._first_state(state, data, batch_sizes)
        output, state = self._run(data, batch_sizes, state, False)
        last = self.permute_hidden(self._as_given(state), inverse)
        return PackedSequence(output, batch_sizes, order, inverse), last

    def _run(
        self, input: Tensor, batch_sizes: Tensor | None, state: State, batch_first: bool
    ) -> tuple[Tensor, State]:
        return run_layers(
            self.mode,
            input,
            batch_sizes,
            state,
            self._weights(),
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            batch_first,
        )

    # The state that a call is given and returns: a tensor, or for an LSTM a pair

    def _given_state(self, hx: Any, is_batched: bool) -> State:
        return () if hx is None else (hx,)

    def _as_given(self, state: State) -> Any:
        return state[0]

    def _first_state(self, state: State, input: Tensor, batch_sizes: Tensor | None) -> State:
        """Return the given state, or zeros, which is checked, as the input is."""
        if not state:
            sizes = self._expected_sizes(input, batch_sizes)
            state = tuple(zeros(*each, dtype=input.dtype) for each in sizes)
        self.check_forward_args(input, self._as_given(state), batch_sizes)
        return state

    def _expected_sizes(self, input: Tensor, batch_sizes: Tensor | None) -> list[_Sizes]:
        return [self.get_expected_hidden_size(input, batch_sizes)]

    def _check_state_dims(self, state: State, is_batched: bool) -> None:
        dims = 3 if is_batched else 2
        if any(x.dim() != dims for x in state):
            kind = "batched 3-D" if is_batched else "unbatched 2-D"
            given = ", ".join(f"{x.dim()}-D" for x in state)
            what = f"({given}) tensors" if len(state) > 1 else f"{given} tensor"
            raise RuntimeError(
                f"For {kind} input, {' and '.join(self._state_names)} should also be {dims}-D but "
                f"got {what}"
            )

    # Checks, which subclasses may override

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Check the input of a batch, or packed data if there are `batch_sizes`.

        ValueError for another dtype than that of the weights, RuntimeError for a wrong shape.
        """
        weight = self.weight_ih_l0
        if input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        dims = 3 if batch_sizes is None else 2
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> _Sizes:
        """Return the shape of `h`.

        >>> nn.GRU(3, 4, num_layers=2).get_expected_hidden_size(minigrad.zeros(5, 1, 3), None)
        (2, 1, 4)
        """
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def _state_size(self, input: Tensor, batch_sizes: Tensor | None, size: int) -> _Sizes:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.shape[0 if self.batch_first else 1]
        return self.num_layers * len(self._suffixes()), batch, size

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: _Sizes,
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """RuntimeError with a message of both shapes, unless a state has the expected one."""
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Check the input and the state of a batch; see `check_input`."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Return a state with its sequences in another order, or in the same for None."""
        return hx if permutation is None else hx.index_select(1, permutation)


def _check_dropout(dropout: Any, num_layers: int) -> None:
    is_number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not is_number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and num_layers=1",
            stacklevel=4,
        )


def _check_options(
    input_size: Any, hidden_size: Any, num_layers: int, bias: Any, batch_first: Any, proj_size: int
) -> None:
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """`h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`, step by step.

    `nonlinearity` is "tanh" or "relu". Shapes: input (T, N, input_size), or (N, T, input_size) with
    `batch_first`, or (T, input_size) for one sequence, or a PackedSequence; `hx` (num_layers × D,
    N, hidden_size), with D = 2 if `bidirectional`, else 1. The results are the output (T, N, D ×
    hidden_size) of the last layer, and the last `h` of every layer. `dropout` acts between layers.

    Raises ValueError or RuntimeError for sizes that don't fit.

    >>> layer = nn.RNN(3, 4, num_layers=2)
    >>> output, h = layer(minigrad.zeros(5, 1, 3))
    >>> output.shape, h.shape
    (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        _refuse(others, "RNN")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """A recurrent layer with a reset gate and an update gate; see `RNN`.

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014), with PyTorch's
    bias in the reset term.

    >>> output, h = nn.GRU(3, 4, batch_first=True)(minigrad.zeros(1, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([1, 5, 4]), torch.Size([1, 1, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        _refuse(others, "GRU")
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )


def _refuse(others: dict[str, Any], name: str) -> None:
    if "proj_size" in others:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    for option in others:
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{option}'")


class LSTM(RNNBase):
    """A recurrent layer with an input, a forget and an output gate, and a cell `c`; see `RNN`.

    The state is a pair `(h, c)`. With `proj_size`, `h` is multiplied by a matrix `weight_hr` to
    that size. Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997).

    >>> output, (h, c) = nn.LSTM(3, 4)(minigrad.zeros(5, 1, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([5, 1, 4]), torch.Size([1, 1, 4]), torch.Size([1, 1, 4]))
    """

    _state_names = ("hx", "cx")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def _given_state(self, hx: Any, is_batched: bool) -> State:
        if hx is None:
            return ()
        if is_batched and isinstance(hx, Tensor) and hx.dim() == 4:
            raise TypeError("lstm(): argument 'hx' must be tuple of Tensors, not Tensor")
        h, c = hx[0], hx[1]
        if len(hx) > 2:
            raise RuntimeError("lstm expects two hidden states")
        return h, c

    def _as_given(self, state: State) -> Any:
        return state

    def _expected_sizes(self, input: Tensor, batch_sizes: Tensor | None) -> list[_Sizes]:
        cell = self.get_expected_cell_size(input, batch_sizes)
        return [self.get_expected_hidden_size(input, batch_sizes), cell]

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> _Sizes:
        """Return the shape of `c`.

        >>> layer = nn.LSTM(3, 4, proj_size=2)
        >>> layer.get_expected_cell_size(minigrad.zeros(5, 1, 3), None)
        (1, 1, 4)
        """
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Check the input and the states of a batch; see `check_input`."""
        self.check_input(input, batch_sizes)
        for i, size in enumerate(self._expected_sizes(input, batch_sizes)):
            self.check_hidden_size(hidden[i], size, f"Expected hidden[{i}] size {{}}, got {{}}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Return states with their sequences in another order, or in the same for None."""
        if permutation is None:
            return hx
        return tuple(x.index_select(1, permutation) for x in (hx[0], hx[1]))


# Cells --------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """The parameters of one step of a recurrent layer."""

    _mode: str
    _state_count: ClassVar[int] = 1
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            values = empty(rows, device=device, dtype=dtype) if bias else None
            self.register_parameter(name, None if values is None else Parameter(values))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _next(self, input: Tensor, state: State) -> State:
        """Return the state after a step. `state` is () for zeros."""
        name = self._get_name()
        for what, x in self._named(input, state):
            if x.dim() not in (1, 2):
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {x.dim()}D instead")
        is_batched = input.dim() == 2
        if not is_batched:
            input = input.unsqueeze(0)
        if not state:
            start = zeros(input.shape[0], self.hidden_size, dtype=input.dtype)
            state = (start,) * self._state_count
        elif not is_batched:
            state = tuple(x.unsqueeze(0) for x in state)
        self._check_sizes(input, state)
        step, _ = MODES[self._mode]
        gates = F.linear(input, self.weight_ih, self.bias_ih)
        state = step(gates, state, self.weight_hh, self.bias_hh)
        return state if is_batched else tuple(x.squeeze(0) for x in state)

    def _named(self, input: Tensor, state: State) -> list[tuple[str, Tensor]]:
        if self._state_count == 1:
            return [("input", input), *(("hidden", x) for x in state)]
        return [("input", input), *((f"hx[{i}]", x) for i, x in enumerate(state))]

    def _check_sizes(self, input: Tensor, state: State) -> None:
        if input.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[1]} expected "
                f"{self.input_size}"
            )
        for i, x in enumerate(state):
            if x.shape[0] != input.shape[0]:
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size "
                    f"{x.shape[0]}"
                )
            if x.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {x.shape[1]}, expected "
                    f"{self.hidden_size}"
                )


class RNNCell(RNNCellBase):
    """One step of an `RNN`.

    Shapes: input (N, input_size) or (input_size,), `hx` and the result (N, hidden_size) or without
    N.

    >>> nn.RNNCell(3, 4)(minigrad.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def _mode(self) -> str:  # type: ignore[override]
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return f"RNN_{self.nonlinearity.upper()}"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._next(input, () if hx is None else (hx,))[0]


class GRUCell(RNNCellBase):
    """One step of a `GRU`; see `RNNCell`.

    >>> nn.GRUCell(3, 4)(minigrad.zeros(3)).shape
    torch.Size([4])
    """

    _mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._next(input, () if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`, from a pair `(h, c)` to the next; see `RNNCell`.

    >>> h, c = nn.LSTMCell(3, 4)(minigrad.zeros(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    _mode = "LSTM"
    _state_count = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self._next(input, () if hx is None else self._pair(input, hx))
        return h, c

    def _pair(self, input: Tensor, hx: Any) -> State:
        if input.dim() != 1 and isinstance(hx, Tensor):
            raise TypeError("lstm_cell(): argument 'hx' must be tuple of Tensors, not Tensor")
        if input.dim() != 1 and len(hx) != 2:
            raise RuntimeError("lstm_cell expects two hidden states")
        return hx[0], hx[1]
