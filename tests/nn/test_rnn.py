"""nn/rnn.py and nn/utils/rnn.py: recurrent layers on padded and packed sequences, and errors.

The gates are sums of products in another order than PyTorch's, and for an LSTM in float32 PyTorch
calls a library with its own exp and tanh. So results may be 64 eps apart in short sequences.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import twins
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import both, check_same, torch

import minigrad
from tests.profiles import examples

KINDS = st.sampled_from(["RNN", "LSTM", "GRU"])


@st.composite
def recurrent(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(KINDS)
    options: dict[str, Any] = {
        "input_size": draw(st.integers(1, 4)),
        "hidden_size": draw(st.integers(2, 4)),
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if name == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if name == "LSTM":
        options["proj_size"] = draw(st.sampled_from([0, 1]))
    return name, options


def flat(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [x for part in value for x in flat(part)]
    return [] if value is None else [value]


def results(t: Any, name: str, options: dict[str, Any], run: Any, dtype: str) -> list[np.ndarray]:
    """Return the outputs of `run(t, layer)` and the gradients of the parameters."""
    t.manual_seed(0)
    layer = getattr(t.nn, name)(**options).to(getattr(t, dtype))
    outputs = flat(run(t, layer))
    loss = sum((x * x).sum() for x in outputs if x.requires_grad)
    loss.backward()
    tensors = [x.detach() for x in outputs] + [p.grad for p in layer.parameters()]
    return [x.numpy() for x in tensors]


def check_close(name: str, options: dict[str, Any], run: Any, dtype: str) -> None:
    with warnings.catch_warnings():
        # PyTorch's, about the library that it can't use then.
        warnings.filterwarnings("ignore", "LSTM with projections")
        found, wanted = (results(t, name, options, run, dtype) for t in (minigrad, torch))
    eps = np.finfo(dtype).eps
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        largest = np.abs(b).max(initial=0)
        np.testing.assert_allclose(a, b, rtol=0, atol=64 * eps * (largest + 1))


@settings(max_examples=examples(20))
@given(
    recurrent(),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 99),
)
def test_packed_sequences(
    kind: tuple[str, dict[str, Any]],
    lengths: list[int],
    is_sorted: bool,
    with_state: bool,
    dtype: str,
    seed: int,
) -> None:
    name, options = kind
    if is_sorted:
        lengths = sorted(lengths, reverse=True)
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal((n, options["input_size"])).astype(dtype) for n in lengths]
    hidden, outputs = options["hidden_size"], options.get("proj_size") or options["hidden_size"]
    cells = options["num_layers"] * (1 + options["bidirectional"])
    sizes = (outputs, hidden) if name == "LSTM" else (hidden,)
    state = [rng.standard_normal((cells, len(lengths), n)).astype(dtype) for n in sizes]

    def run(t: Any, layer: Any) -> Any:
        sequences = [t.from_numpy(x) for x in parts]
        packed = t.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=is_sorted)
        given_state = tuple(map(t.from_numpy, state))
        given_state = given_state if name == "LSTM" else given_state[0]
        output, last = layer(packed, given_state) if with_state else layer(packed)
        padded = t.nn.utils.rnn.pad_packed_sequence(output, layer.batch_first, -1.0, 6)
        return output, padded, last

    check_close(name, options, run, dtype)


@settings(max_examples=examples(20))
@given(recurrent(), st.integers(1, 5), st.sampled_from([None, 1, 3]), st.integers(0, 99))
def test_padded_sequences(
    kind: tuple[str, dict[str, Any]], steps: int, batch: int | None, seed: int
) -> None:
    name, options = kind
    shape = [steps] if batch is None else [steps, batch]
    if batch is not None and options["batch_first"]:
        shape.reverse()
    x = np.random.default_rng(seed).standard_normal((*shape, options["input_size"]))
    check_close(name, options, lambda t, layer: layer(t.from_numpy(x)), "float64")


@settings(max_examples=examples(10))
@given(KINDS, st.integers(0, 99))
def test_dropout_between_layers_draws_the_same_masks(name: str, seed: int) -> None:
    options = {"input_size": 2, "hidden_size": 3, "num_layers": 3, "dropout": 0.5}
    x = np.random.default_rng(seed).standard_normal((3, 2, 2))

    def run(t: Any, layer: Any) -> Any:
        t.manual_seed(seed)
        return layer(t.from_numpy(x))

    check_close(name, options, run, "float64")


def rows(t: Any) -> list[Any]:
    return [t.tensor([1.0, 2.0, 3.0]), t.tensor([4.0, 5.0]), t.tensor([6.0, 7.0, 8.0])]


PROGRAMS = {
    "pack unsorted": lambda t: list(t.nn.utils.rnn.pack_sequence(rows(t), enforce_sorted=False)),
    "pack with unsorted lengths": lambda t: t.nn.utils.rnn.pack_sequence(rows(t)).data,
    "pack with a length of 0": lambda t: (
        t.nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2), [3, 0]).data
    ),
    "pack with too few lengths": lambda t: (
        t.nn.utils.rnn.pack_padded_sequence(t.zeros(3, 2), [3]).data
    ),
    "pad": lambda t: t.nn.utils.rnn.pad_sequence(rows(t), padding_value=-1),
    "pad on the left": lambda t: t.nn.utils.rnn.pad_sequence(
        rows(t), batch_first=True, padding_side="left"
    ),
    "pad to too few steps": lambda t: t.nn.utils.rnn.pad_packed_sequence(
        t.nn.utils.rnn.pack_sequence(rows(t)[:2]), total_length=2
    ),
    "unpack": lambda t: t.nn.utils.rnn.unpack_sequence(
        t.nn.utils.rnn.pack_sequence(rows(t), enforce_sorted=False)
    ),
    "unpad": lambda t: t.nn.utils.rnn.unpad_sequence(
        t.nn.utils.rnn.pad_sequence(rows(t)), t.tensor([3, 2, 3])
    ),
    "unpad swaps the dimensions of its argument": lambda t: [
        t.nn.utils.rnn.unpad_sequence(padded := t.ones(2, 3), t.tensor([1, 2, 1])),
        padded,
        [x.stride() for x in t.nn.utils.rnn.unpad_sequence(t.ones(2, 3, 2), t.tensor([2, 1, 2]))],
    ],
    "packed dtypes": lambda t: [
        str(getattr(t.nn.utils.rnn.pack_sequence(rows(t)[:2]), name)().data.dtype)
        for name in ("half", "float", "double", "long", "int", "short", "char", "byte")
    ],
    "no steps": lambda t: t.nn.LSTM(2, 3)(t.zeros(0, 1, 2)),
    "invert": lambda t: t.nn.utils.rnn.invert_permutation(t.tensor([2, 0, 1])),
    "input of four dimensions": lambda t: t.nn.LSTM(2, 3)(t.zeros(1, 1, 1, 2)),
    "input of another size": lambda t: t.nn.GRU(2, 3)(t.zeros(4, 1, 5)),
    "input of another dtype": lambda t: t.nn.GRU(2, 3)(t.zeros(4, 1, 2, dtype=t.float64)),
    "state of another size": lambda t: t.nn.RNN(2, 3)(t.zeros(4, 1, 2), t.zeros(1, 2, 3)),
    "states of another size": lambda t: t.nn.LSTM(2, 3)(
        t.zeros(4, 1, 2), (t.zeros(1, 1, 3), t.zeros(1, 1, 4))
    ),
    "states of two dimensions": lambda t: t.nn.LSTM(2, 3)(
        t.zeros(4, 1, 2), (t.zeros(1, 3), t.zeros(1, 3))
    ),
    "state of two dimensions": lambda t: t.nn.GRU(2, 3)(t.zeros(4, 1, 2), t.zeros(1, 3)),
    "proj_size of a GRU": lambda t: t.nn.GRU(2, 3, proj_size=1),
    "proj_size as large as the state": lambda t: t.nn.LSTM(2, 3, proj_size=3),
    "no layers": lambda t: t.nn.LSTM(2, 3, num_layers=0),
    "hidden_size of 0": lambda t: t.nn.LSTM(2, 0),
    "bias as a number": lambda t: t.nn.LSTM(2, 3, bias=1),
    "dropout above 1": lambda t: t.nn.LSTM(2, 3, dropout=2.0),
    "dropout in one layer": lambda t: repr(t.nn.LSTM(2, 3, dropout=0.5)),
    "another nonlinearity": lambda t: t.nn.RNN(2, 3, nonlinearity="gelu"),
    "all weights": lambda t: [
        tuple(p.shape)
        for group in t.nn.LSTM(2, 3, 2, bidirectional=True).all_weights
        for p in group
    ],
    "packed in other dtypes": lambda t: [
        getattr(t.nn.utils.rnn.pack_sequence([t.ones(2), t.ones(1)]), to)()
        for to in ("byte", "char", "short", "int", "long", "half", "float", "double", "cpu")
    ],
    "flatten": lambda t: t.nn.LSTM(2, 3).flatten_parameters(),
    "cell input of another size": lambda t: t.nn.GRUCell(2, 3)(t.zeros(1, 5)),
    "cell input of three dimensions": lambda t: t.nn.LSTMCell(2, 3)(t.zeros(1, 1, 2)),
    "cell state of another batch": lambda t: t.nn.RNNCell(2, 3)(t.zeros(1, 2), t.zeros(2, 3)),
    "cell state of another size": lambda t: t.nn.RNNCell(2, 3)(t.zeros(1, 2), t.zeros(1, 4)),
}


STATES = {
    "LSTM": """
        (o(1, 1, 3),)
        ()
        (o(1, 1, 3), o(1, 1, 3), o(1, 1, 3))
        (o(1, 3), o(1, 3))
        (o(1, 3), o(1, 1, 3))
        (o(1, 1, 3), o(1, 1, 4))
        o(2, 1, 3)
        o(2, 1, 1, 3)
        [o(1, 1, 3), o(1, 1, 3)]
        3
        (o(1, 1, 3), None)
        (o(1, 1, 3).double(), o(1, 1, 3).double())
    """,
    "GRU": """
        o(1, 3)
        o(2, 1, 3)
        (o(1, 1, 3),)
        3
        o(1, 1, 3).double()
    """,
    "LSTMCell": """
        o(1, 3)
        o(2, 1, 3)
        o(2, 3)
        (o(1, 3),)
        (o(1, 3), o(1, 3), o(1, 3))
        (o(3), o(3), o(3))
        [o(1, 3), o(1, 3)]
        (o(3), o(3))
        3
    """,
}
STATES["RNN"] = STATES["GRU"]
CALLS = [
    (name, text.strip(), batched)
    for name, lines in STATES.items()
    for text in lines.strip().splitlines()
    for batched in (True, False)
]


@pytest.mark.parametrize(("name", "state", "batched"), CALLS)
def test_states_of_other_kinds(name: str, state: str, batched: bool) -> None:
    def program(t: Any) -> Any:
        layer = getattr(t.nn, name)(2, 3)
        shape = (2,) if name == "LSTMCell" else (4, 2)
        x = t.ones(shape).unsqueeze(-2) if batched else t.ones(shape)
        return [list(y.shape) for y in flat(layer(x, eval(state, {"o": t.ones})))]

    ours, theirs = both(program)
    assert ours == theirs


def test_the_checks_of_layers() -> None:
    def program(t: Any) -> Any:
        x, found = t.ones(4, 5, 2), []
        sizes, order = t.tensor([3, 1]), t.tensor([1, 0, 2])
        for name, options in (("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2})):
            layer = getattr(t.nn, name)(2, 3, 2, True, True, bidirectional=True, **options)
            h = layer.get_expected_hidden_size(x, None)
            found += [h, layer.get_expected_hidden_size(x, sizes)]
            hidden = t.arange(12.0).view(2, 3, 2)
            given_state = (hidden, hidden * 2) if name == "LSTM" else hidden
            found += [layer.permute_hidden(given_state, order)]
            assert layer.permute_hidden(given_state, None) is given_state
            states = t.zeros(h)
            if name == "LSTM":
                found.append(c := layer.get_expected_cell_size(x, None))
                states = (states, t.zeros(c))
            found.append(layer.check_forward_args(x, states, None))
            found.append(layer.check_input(x, None))
            found.append(layer._flat_weights_names)
            with pytest.raises(RuntimeError, match=r"wrong \(3, 4\), not \[1\]"):
                layer.check_hidden_size(t.ones(1), (3, 4), "wrong {}, not {}")
            for call in (
                lambda: layer.check_input(x, sizes),  # noqa: B023
                lambda: layer.check_input(x[..., :1], None),  # noqa: B023
            ):
                with pytest.raises(RuntimeError, match="input"):
                    call()
            with pytest.raises(ValueError, match="dtype"):
                layer.check_input(x.double(), None)
        return found

    check_same(program)


def test_forward_calls_the_checks() -> None:
    def program(t: Any) -> Any:
        seen = []

        class Seeing(t.nn.LSTM):  # type: ignore[misc]
            def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
                seen.append([list(input.shape), [list(x.shape) for x in hidden]])

            def permute_hidden(self, hx: Any, permutation: Any) -> Any:
                seen.append(permutation)
                return super().permute_hidden(hx, permutation)

        layer = Seeing(2, 3, batch_first=True)
        layer(t.ones(4, 5, 2))
        layer(t.ones(5, 2), (t.ones(1, 3), t.ones(1, 3)))
        return [x for x in seen if x is not None]

    check_same(program)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    check_same(program)


@given(
    st.lists(st.floats(-1, 6, width=32), min_size=1, max_size=3),
    st.sampled_from(["list", "float32", "int32", "bool"]),
    st.booleans(),
    st.booleans(),
)
def test_lengths_to_pack(
    lengths: list[float], kind: str, batch_first: bool, enforce_sorted: bool
) -> None:
    """Also of fractions, and of more steps than there are."""

    def program(t: Any) -> Any:
        count = len(lengths)
        x = t.arange(4.0 * count).view((count, 2, 2) if batch_first else (2, count, 2))
        given_lengths = lengths if kind == "list" else t.tensor(lengths).to(getattr(t, kind))
        pack = t.nn.utils.rnn.pack_padded_sequence
        return list(pack(x, given_lengths, batch_first, enforce_sorted))

    check_same(program)


def nodes(x: Any, count: int = 2) -> list[str]:
    """The names of the last nodes, along the first edges."""
    names, node = [], x.grad_fn
    for _ in range(count):
        names.append(node.name())
        node = next(parent for parent, _ in node.next_functions if parent is not None)
    return names


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [None, 3])
def test_nodes_and_strides(
    name: str, batch_first: bool, bidirectional: bool, dtype: str, batch: int | None
) -> None:
    def program(t: Any) -> Any:
        options = {"batch_first": batch_first, "bidirectional": bidirectional}
        layer = getattr(t.nn, name)(2, 3, **options, dtype=getattr(t, dtype))
        x = t.ones((4, 2) if batch is None else (4, batch, 2), dtype=getattr(t, dtype))
        output, last = layer(x.requires_grad_())
        return [(nodes(y), list(y.stride())) for y in flat((output, last))]

    check_same(program)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_nodes_of_packing(batch_first: bool, is_sorted: bool) -> None:
    def program(t: Any) -> Any:
        u = t.nn.utils.rnn
        rows = [t.ones(n, requires_grad=True) for n in ([3, 2] if is_sorted else [2, 3])]
        padded = u.pad_sequence(rows, batch_first)
        packed = u.pack_padded_sequence(padded, [3, 2], batch_first, is_sorted)
        again, _ = u.pad_packed_sequence(packed, batch_first)
        tensors = padded, packed.data, again
        return [nodes(packed.data), *([x.grad_fn.name(), list(x.stride())] for x in tensors)]

    check_same(program)


# Functions of torch, and their weights ------------------------------------------------------------

FUNCTIONS = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("form", ["steps first", "batch first", "packed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_over_a_list_of_weights(
    name: str, dtype: str, form: str, biased: bool, bidirectional: bool
) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        leaves: list[Any] = []

        def draw(*shape: int) -> Any:
            leaves.append(t.randn(*shape, dtype=getattr(t, dtype), requires_grad=True))
            return leaves[-1]

        rows, directions = FUNCTIONS[name] * 3, 2 if bidirectional else 1
        weights = []
        for inputs in (2, 3 * directions):
            for _ in range(directions):
                weights += [draw(rows, inputs), draw(rows, 3)]
                weights += [draw(rows), draw(rows)] if biased else []
        states = [draw(2 * directions, 4, 3) for _ in range(2 if name == "lstm" else 1)]
        hx = tuple(states) if name == "lstm" else states[0]
        options = biased, 2, 0.0, True, bidirectional
        function = getattr(t, name)
        if form == "packed":
            found = function(draw(7, 2), t.tensor([4, 2, 1]), hx, weights, *options)
        else:
            x = draw(4, 5, 2) if form == "batch first" else draw(5, 4, 2)
            found = function(x, hx, weights, *options, form == "batch first")
        found[0].sum().backward(retain_graph=True)
        (found[-1] * found[-1]).sum().backward()
        grads = [leaf.grad for leaf in leaves]
        return [*found, found[0].stride(), found[0].grad_fn.name(), *grads]

    twins.check_close(program, *((1e-3, 1e-4) if dtype == "float32" else (1e-7, 1e-8)))


def test_an_lstm_function_with_projections_drops_out() -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        layer = t.nn.LSTM(2, 4, 2, proj_size=3, dropout=0.5).double()
        x = t.randn(5, 1, 2, dtype=t.float64)
        hx = t.zeros(2, 1, 3, dtype=t.float64), t.zeros(2, 1, 4, dtype=t.float64)
        t.manual_seed(1)
        return list(t.lstm(x, hx, layer._flat_weights, True, 2, 0.5, True, False, False))

    twins.check_close(program, 1e-7, 1e-8)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x, w: t.lstm(x, x, w, False, 1, 0.0, False, False, False),
        lambda t, x, w: t.lstm(x, (x,), w, False, 1, 0.0, False, False, False),
        lambda t, x, w: t.lstm(x[:0], (x, x), w, False, 1, 0.0, False, False, False),
        lambda t, x, w: t.gru(x, x, w, False, 1, 0.0, False, False),
    ],
)
def test_operands_that_do_not_fit(call: Any) -> None:
    kinds = []
    for t in (minigrad, torch):
        with pytest.raises((TypeError, RuntimeError)) as raised:
            call(t, t.ones(1, 1, 1), [t.ones(4, 1), t.ones(4, 1)])
        kinds.append(type(raised.value))
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_list_of_weights_is_what_forward_uses(kind: str) -> None:
    """Until an attribute of one of their names is replaced."""

    def program(t: Any) -> Any:
        t.manual_seed(0)
        layer, x = getattr(t.nn, kind)(2, 3), t.randn(4, 1, 2)
        found = [layer(x)[0]]
        layer._flat_weights[0] = layer.weight_ih_l0 * 2
        found.append(layer(x)[0])
        layer._flat_weights = [w.detach() / 2 for w in layer._flat_weights]
        found.append(layer(x)[0])
        copy_of_layer = copy.deepcopy(layer)
        found.append(copy_of_layer(x)[0])
        layer.weight_hh_l0 = t.nn.Parameter(t.zeros(len(layer.weight_ih_l0), 3))
        found += [layer(x)[0], layer._flat_weights[1], layer._flat_weights[0]]
        layer.double()
        found += [layer(x.double())[0]]
        return found

    twins.check_close(program, 1e-5, 1e-6)
