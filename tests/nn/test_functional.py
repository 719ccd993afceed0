"""nn/functional.py: values and gradients for every argument that PyTorch documents."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from twins import check_same

import minigrad
import minigrad.nn.functional as F

torch = pytest.importorskip("torch")

# The arguments of a call, with arrays for tensors.
Arguments = dict[str, Any]
REDUCTIONS = ("none", "mean", "sum")


def value_and_gradients(
    namespace: Any, call: Callable[[Any, Arguments], Any], arguments: Arguments
) -> Any:
    """Return the value of a call and the gradients of its float tensors for a random cotangent.

    If the call raises, return the name of the error's type.
    """
    given_ = {}
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            value = namespace.from_numpy(value.copy())
            if value.is_floating_point():
                value.requires_grad_()
        given_[name] = value
    try:
        out = call(namespace.nn.functional, given_)
        cotangent = np.random.default_rng(0).standard_normal(tuple(out.shape))
        if out.requires_grad:
            out.backward(namespace.from_numpy(np.asarray(cotangent)).to(out.dtype))
    except Exception as error:
        return type(error).__name__
    grads = {n: t.grad for n, t in given_.items() if getattr(t, "requires_grad", False)}
    return {"value": out} | grads


def check(call: Callable[[Any, Arguments], Any], arguments: Arguments, rtol: float = 1e-10) -> Any:
    """Compare a call's value_and_gradients in both libraries; return PyTorch's."""
    with warnings.catch_warnings(action="ignore"):
        ours, theirs = (value_and_gradients(n, call, arguments) for n in (minigrad, torch))
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours == theirs
        return theirs
    assert ours.keys() == theirs.keys()
    for name in theirs:
        a, b = ours[name], theirs[name]
        assert (a is None) == (b is None), name
        if b is not None:
            a, b = a.detach().numpy(), b.detach().numpy()
            assert (a.dtype, a.shape) == (b.dtype, b.shape), name
            np.testing.assert_allclose(a, b, rtol, rtol, err_msg=name)
    return theirs


def by_name(function: str) -> Callable[[Any, Arguments], Any]:
    return lambda functional, arguments: getattr(functional, function)(**arguments)


def floats(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def test_signatures_are_pytorchs() -> None:
    for name in (
        "relu",
        "softmax",
        "log_softmax",
        "nll_loss",
        "cross_entropy",
        "mse_loss",
        "dropout",
    ):
        ours, theirs = (
            inspect.signature(getattr(n.nn.functional, name)) for n in (minigrad, torch)
        )
        known = {p.name: p.default for p in ours.parameters.values()}
        wanted = {p.name: p.default for p in theirs.parameters.values()}
        if name == "mse_loss":  # `weight` was added in PyTorch 2.6
            wanted.setdefault("weight", None)
        assert known == wanted, name
        assert list(known)[: len(theirs.parameters)] == list(theirs.parameters), name


def test_check_finds_a_wrong_value() -> None:
    def wrong(functional: Any, arguments: Arguments) -> Any:
        off = 1e-6 if functional is F else 0
        return functional.relu(arguments["input"]) * (1 + off)

    with pytest.raises(AssertionError):
        check(wrong, {"input": floats(3)})


# linear -------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 3),
    st.sampled_from([None, 0, 1, 3]),
    st.sampled_from([None, (0,), (1,), (3,), (2,), (), (1, 3), (2, 3), (1, 1), (2, 1), (1, 2, 1)]),
)
@example([], 2, 3, (1, 3))  # adds the bias as a row
@example([2], 3, 3, (2, 3))  # one row more than the product has
def test_linear(lead: list[int], inside: int, outside: int | None, bias: Any) -> None:
    # A 1D weight, for which `outside` is None, takes a 0-d bias. PyTorch accepts some others, too.
    assume(outside is not None or bias in (None, ()))
    arguments: Arguments = {
        "input": floats(*lead, inside),
        "weight": floats(inside, seed=1) if outside is None else floats(outside, inside, seed=1),
        "bias": None if bias is None else floats(*bias, seed=2),
    }
    check(by_name("linear"), arguments)


def test_linear_of_a_transposed_input() -> None:
    for t in (minigrad, torch):
        x, w, b = (t.from_numpy(floats(*shape)) for shape in ((3, 4, 2), (5, 2), (5,)))
        y = t.nn.functional.linear(x.transpose(0, 1), w.requires_grad_(), b)
        assert (y.shape, y.grad_fn.name()) == ((4, 3, 5), "AddBackward0")


@pytest.mark.parametrize(("a", "b"), [((2, 3), (4, 2)), ((3,), (4, 2)), ((), (4, 2)), ((2, 3), ())])
def test_linear_with_shapes_that_do_not_fit(a: Any, b: Any) -> None:
    for bias in (None, floats(4)):
        check(by_name("linear"), {"input": floats(*a), "weight": floats(*b), "bias": bias})


def test_linear_with_several_dtypes() -> None:
    for dtypes in (("float32",) * 3, ("int64",) * 3, ("float32", "float64", "float32")):
        arrays = (floats(2, 3), floats(4, 3, seed=1), floats(4, seed=2))
        named = zip(("input", "weight", "bias"), arrays, dtypes, strict=True)
        arguments = {name: (3 * array).astype(dtype) for name, array, dtype in named}
        check(by_name("linear"), arguments, 1e-5)


# Activations --------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3), max_size=3), st.integers(-4, 3))
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, shape: list[int], dim: int) -> None:
    check(by_name(name), {"input": np.asarray(floats(*shape) * 5), "dim": dim})


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "row", [[1e4, -1e4], [1e300, 1e300], [np.inf, 1], [-np.inf, 1], [np.nan, 1]]
)
def test_softmax_of_large_and_non_finite_values(name: str, row: list[float]) -> None:
    check(by_name(name), {"input": np.array([row, [0.0, 1.0]]), "dim": 1})


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (2, 2, 2), (2, 2, 2, 2)])
def test_softmax_without_dim_warns_and_chooses_one(name: str, shape: tuple[int, ...]) -> None:
    x = floats(*shape)
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        ours = getattr(F, name)(minigrad.from_numpy(x))
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        theirs = getattr(torch.nn.functional, name)(torch.from_numpy(x))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("to", ["float32", "float64"])
def test_softmax_converts_to_a_dtype(name: str, dtype: str, to: str) -> None:
    def call(functional: Any, arguments: Arguments) -> Any:
        namespace = minigrad if functional is F else torch
        return getattr(functional, name)(arguments["input"], 0, dtype=getattr(namespace, to))

    check(call, {"input": (floats(4) * 3).astype(dtype)}, 1e-5)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_activations(name: str) -> None:
    x = np.array([-np.inf, -800, -1.5, -0.0, 0, 2.5, 800, np.inf, np.nan])
    check(lambda functional, arguments: getattr(functional, name)(arguments["input"]), {"input": x})


def test_relu_in_place() -> None:
    x = minigrad.tensor([-1.0, 2.0])
    assert F.relu(x, inplace=True) is x
    assert x.tolist() == [0, 2]
    check(lambda functional, a: functional.relu(a["input"] * 1, True), {"input": floats(3)})
    check(by_name("relu"), {"input": floats(3), "inplace": True})  # a leaf


# Classes ------------------------------------------------------------------------------------------


@st.composite
def classifications(draw: st.DrawFn) -> Arguments:
    """Logits, classes and the other arguments of nll_loss and cross_entropy."""
    classes = draw(st.integers(1, 4))
    lead = draw(st.sampled_from([(), (1,), (3,), (0,), (2, 2), (2, 0), (2, 1, 2)]))
    shape = (*lead[:1], classes, *lead[1:])
    seed = draw(st.integers(0, 99))
    ignored = draw(st.sampled_from([-100, -1, 0, 1, 9]))
    labels = st.integers(0, classes - 1) | st.just(ignored)
    if draw(st.integers(0, 9)) == 0:
        labels = st.integers(-1, classes)  # some are not classes
    size = int(np.prod(lead))
    target = np.array(draw(st.lists(labels, min_size=size, max_size=size)), np.int64)
    arguments: Arguments = {
        "input": floats(*shape, seed=seed),
        "target": target.reshape(lead),
        "reduction": draw(st.sampled_from(REDUCTIONS)),
    }
    if ignored != -100 or draw(st.booleans()):
        arguments["ignore_index"] = ignored
    if draw(st.booleans()):
        weight = np.abs(floats(classes, seed=seed + 1))
        if draw(st.booleans()):
            weight[0] = 0
        arguments["weight"] = weight
    return arguments


def with_detached_weight(name: str) -> Callable[[Any, Arguments], Any]:
    """Call a function by name with its `weight` detached, as PyTorch can't differentiate it."""

    def call(functional: Any, arguments: Arguments) -> Any:
        if "weight" in arguments:
            arguments = arguments | {"weight": arguments["weight"].detach()}
        return getattr(functional, name)(**arguments)

    return call


@settings(max_examples=100)
@given(classifications())
def test_nll_loss(arguments: Arguments) -> None:
    check(with_detached_weight("nll_loss"), arguments)


@settings(max_examples=100)
@given(classifications(), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_cross_entropy_of_classes(arguments: Arguments, smoothing: float) -> None:
    if smoothing and arguments["target"].ndim == 0:
        return  # tested below
    check(with_detached_weight("cross_entropy"), arguments | {"label_smoothing": smoothing})


@given(st.sampled_from(REDUCTIONS), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
def test_cross_entropy_of_one_sample(reduction: str, smoothing: float, weighted: bool) -> None:
    arguments: Arguments = {
        "input": floats(3),
        "target": np.array(1),
        "reduction": reduction,
        "label_smoothing": smoothing,
    }
    if weighted:
        arguments["weight"] = np.array([0.5, 2.0, 1.0])
    check(with_detached_weight("cross_entropy"), arguments)


def test_mean_is_nan_if_every_target_is_ignored() -> None:
    for name in ("nll_loss", "cross_entropy"):
        for reduction in REDUCTIONS:
            arguments = {"input": floats(2, 3), "target": np.array([1, 1]), "reduction": reduction}
            check(by_name(name), arguments | {"ignore_index": 1})


def test_mean_divides_by_the_sum_of_the_weights() -> None:
    x = minigrad.tensor([[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]])
    weight = minigrad.tensor([1.0, 10.0])
    loss = F.nll_loss(x, minigrad.tensor([0, 1, -100]), weight)
    assert loss.item() == pytest.approx((1 * 1 + 4 * 10) / 11)


@pytest.mark.parametrize("weight", [floats(2), floats(3, 1), floats(3, dtype="float32"), [1.0] * 3])
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_weight_that_does_not_fit(name: str, weight: Any) -> None:
    arguments = {"input": floats(2, 3), "target": np.array([0, 2]), "weight": weight}
    assert isinstance(check(by_name(name), arguments), str)


@pytest.mark.parametrize(
    "target",
    [
        np.array([0, 1, 2]),
        np.array([[0], [1]]),
        np.array(0),
        np.array([0.0, 1.0]),
        np.array([0, 1], np.int32),
        np.array([True, False]),
        np.array([0, 3]),
        np.array([0, -1]),
        [0, 1],
        1,
    ],
)
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_target_that_does_not_fit(name: str, target: Any) -> None:
    for smoothing in (0.0, 0.1) if name == "cross_entropy" else (None,):
        arguments: Arguments = {"input": floats(2, 3), "target": target}
        if smoothing is not None:
            arguments["label_smoothing"] = smoothing
        assert isinstance(check(by_name(name), arguments), str)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_keep_the_dtype(dtype: str) -> None:
    for name in ("nll_loss", "cross_entropy"):
        arguments = {"input": floats(4, 3, dtype=dtype), "target": np.array([0, 2, 1, 1])}
        check(by_name(name), arguments, 1e-5)


def test_cross_entropy_does_not_overflow() -> None:
    for logits in ([[1e4, 0.0]], [[-1e4, 0.0]], [[-np.inf, 0.0]], [[np.inf, 0.0]], [[np.nan, 0.0]]):
        for target in (0, 1):
            check(
                by_name("cross_entropy"), {"input": np.array(logits), "target": np.array([target])}
            )


def test_cross_entropy_is_nll_loss_of_log_softmax() -> None:
    x = minigrad.from_numpy(floats(4, 3, 2))
    target = minigrad.tensor([[0, 1], [2, 2], [1, 0], [0, 0]])
    one = F.cross_entropy(x, target)
    other = F.nll_loss(F.log_softmax(x, 1), target)
    assert one.item() == other.item()


# Probabilities ------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.integers(0, 4),
    st.sampled_from([(), (1,), (3,), (0,), (2, 2), (2, 0)]),
    st.sampled_from(REDUCTIONS),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.booleans(),
)
def test_cross_entropy_of_probabilities(
    classes: int, lead: tuple[int, ...], reduction: str, smoothing: float, weighted: bool
) -> None:
    shape = (*lead[:1], classes, *lead[1:])
    arguments: Arguments = {
        "input": floats(*shape),
        "target": np.asarray(floats(*shape, seed=1) ** 2),
        "reduction": reduction,
        "label_smoothing": smoothing,
    }
    if weighted:
        arguments["weight"] = np.abs(floats(classes, seed=2))
    check(by_name("cross_entropy"), arguments)


def test_one_hot_probabilities_equal_classes() -> None:
    x, labels = floats(4, 3), np.array([0, 2, 1, 1])
    for smoothing in (0.0, 0.3):
        for reduction in REDUCTIONS:
            options: Any = {"reduction": reduction, "label_smoothing": smoothing}
            one = F.cross_entropy(minigrad.from_numpy(x), minigrad.from_numpy(labels), **options)
            hot = minigrad.from_numpy(np.eye(3)[labels])
            other = F.cross_entropy(minigrad.from_numpy(x), hot, **options)
            np.testing.assert_allclose(one.numpy(), other.numpy(), 1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        {"target": np.ones((2, 3), np.int64)},
        {"target": np.ones((2, 3), bool)},
        {"target": np.ones((2, 2))},
        {"target": np.ones(3)},
        {"ignore_index": 1},
        {"ignore_index": -1},
        {"weight": np.ones(2)},
        {"weight": np.ones(1)},
        {"weight": np.ones((2, 3))},
        {"target": np.ones((2, 3), np.float32)},
        {"label_smoothing": 1.5},
    ],
    ids=str,
)
def test_probabilities_with_other_arguments(arguments: Arguments) -> None:
    check(by_name("cross_entropy"), {"input": floats(2, 3), "target": np.ones((2, 3))} | arguments)


# mse_loss -----------------------------------------------------------------------------------------

SHAPES = st.sampled_from([(), (1,), (3,), (0,), (2, 3), (2, 1), (1, 3), (2, 0)])


@settings(max_examples=60)
@given(SHAPES, SHAPES, st.sampled_from(REDUCTIONS))
def test_mse_loss(a: tuple[int, ...], b: tuple[int, ...], reduction: str) -> None:
    arguments = {"input": floats(*a), "target": floats(*b, seed=1), "reduction": reduction}
    check(by_name("mse_loss"), arguments)


@pytest.mark.skipif(
    "weight" not in inspect.signature(torch.nn.functional.mse_loss).parameters,
    reason="this PyTorch has no weight there",
)
@given(SHAPES, SHAPES, SHAPES, st.sampled_from(REDUCTIONS))
def test_weighted_mse_loss(a: Any, b: Any, c: Any, reduction: str) -> None:
    arguments = {"input": floats(*a), "target": floats(*b, seed=1), "reduction": reduction}
    check(by_name("mse_loss"), arguments | {"weight": np.asarray(floats(*c, seed=2))})


@pytest.mark.parametrize("a", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("b", ["float32", "float64", "int64", "bool"])
def test_mse_loss_of_two_dtypes(a: str, b: str) -> None:
    arrays = (floats(3) * 3).astype(a), (floats(3, seed=1) * 3).astype(b)
    check(by_name("mse_loss"), dict(zip(("input", "target"), arrays, strict=True)), 1e-5)


def test_mse_loss_of_different_shapes_warns() -> None:
    for namespace in (minigrad, torch):
        with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[2\]\)\)"):
            namespace.nn.functional.mse_loss(namespace.zeros(3, 2), namespace.zeros(2))


# reduction and its deprecated flags ---------------------------------------------------------------

LOSSES: dict[str, Arguments] = {
    "nll_loss": {"input": floats(2, 3), "target": np.array([0, 2])},
    "cross_entropy": {"input": floats(2, 3), "target": np.array([0, 2])},
    "mse_loss": {"input": floats(2, 3), "target": floats(2, 3, seed=1)},
}


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "average", "", None, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_reductions(name: str, reduction: Any) -> None:
    check(by_name(name), LOSSES[name] | {"reduction": reduction})


@pytest.mark.parametrize("reduce", [None, True, False])
@pytest.mark.parametrize("average", [None, True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_deprecated_flags(name: str, average: bool | None, reduce: bool | None) -> None:
    arguments = LOSSES[name] | {"size_average": average, "reduce": reduce, "reduction": "sum"}
    check(by_name(name), arguments)
    said = []
    for namespace in (minigrad, torch):
        with warnings.catch_warnings(record=True, action="always") as caught:
            value_and_gradients(namespace, by_name(name), arguments)
        said.append([(w.category, str(w.message)) for w in caught])
    assert said[0] == said[1]


# dropout ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64])
def test_dropout_zeroes_with_probability_p_and_scales_the_rest(p: float, dtype: Any) -> None:
    minigrad.manual_seed(0)
    n = 40_000
    x = minigrad.full((n,), 3.0, dtype=dtype, requires_grad=True)
    out = F.dropout(x, p)
    assert out.dtype is dtype
    out.sum().backward()
    values = out.detach().numpy()
    kept = values != 0
    # Within five standard deviations of a binomial distribution.
    assert abs(kept.sum() - n * (1 - p)) <= 5 * np.sqrt(n * p * (1 - p))
    if p < 1:
        scale = values.dtype.type(1) / values.dtype.type(1 - p)
        np.testing.assert_allclose(values[kept], 3 * scale, 1e-6)
        np.testing.assert_allclose(x.grad.numpy(), np.where(kept, scale, 0), 1e-6)
    else:
        assert x.grad.numpy().any() == False  # noqa: E712, a NumPy bool
    # Neighbours are independent.
    if 0 < p < 1:
        both = (kept[1:] & kept[:-1]).mean()
        assert abs(both - (1 - p) ** 2) < 5 / np.sqrt(n)


def test_dropout_draws_from_the_default_generator() -> None:
    x = minigrad.ones(100)
    minigrad.manual_seed(3)
    first, second = F.dropout(x), F.dropout(x)
    minigrad.manual_seed(3)
    again = F.dropout(x)
    assert first.tolist() == again.tolist() != second.tolist()


@pytest.mark.parametrize(
    "arguments", [{"training": False}, {"p": 0.0}, {"p": 0.7, "training": False}]
)
def test_dropout_without_effect_returns_its_input(arguments: Arguments) -> None:
    for namespace in (minigrad, torch):
        x = namespace.ones(3)
        assert namespace.nn.functional.dropout(x, **arguments) is x


def test_dropout_in_place() -> None:
    minigrad.manual_seed(0)
    x = minigrad.ones(1000)
    assert F.dropout(x, 0.5, True, True) is x
    assert set(x.tolist()) == {0.0, 2.0}
    leaf = minigrad.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable"):
        F.dropout(leaf, inplace=True)
    middle = leaf * 1
    F.dropout(middle, 1.0, inplace=True)
    middle.sum().backward()
    assert leaf.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("x", [floats(3), np.array([np.nan, np.inf]), np.arange(3), floats(0)])
@pytest.mark.parametrize("p", [1.0, 1, 0, -0.1, 1.1])
def test_dropout_with_certain_outcomes(x: np.ndarray, p: float) -> None:
    check(by_name("dropout"), {"input": x, "p": p})


def test_dropout_refuses_wrong_inputs() -> None:
    for x in (minigrad.arange(3), minigrad.tensor([True])):
        with pytest.raises(RuntimeError, match="float"):
            F.dropout(x, 0.5)
    with pytest.raises(TypeError, match=r"'input' \(position 1\) must be Tensor, not list"):
        F.dropout([1.0], 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        F.dropout(minigrad.ones(1), float("nan"))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2,)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_of_integers_is_refused_unless_there_are_none(
    name: str, dtype: str, shape: tuple[int, ...]
) -> None:
    check_same(
        lambda torch: getattr(torch.nn.functional, name)(
            torch.zeros(shape, dtype=getattr(torch, dtype)), 0
        )
    )


def graded(t: Any, call: Callable[[Any], Any], *shape: int, form: str = "") -> list[Any]:
    """Return the result of a call, its node, its strides and its gradient."""
    x = t.arange(float(np.prod(shape))).reshape(shape)
    if form:
        x = x.contiguous(memory_format=getattr(t, form))
    x.requires_grad_()
    y = call(x)
    y.sum().backward()
    return [y, type(y.grad_fn).__name__, y.stride() if y.numel() else (), x.grad]


EDGES: dict[str, Callable[[Any, Any], Any]] = {
    "max pool without a batch": lambda t, f: graded(t, lambda x: f.max_pool2d(x, 2), 0, 2, 4, 4),
    "adaptive max pool without a batch": lambda t, f: graded(
        t, lambda x: f.adaptive_max_pool2d(x, 2), 0, 2, 4, 4
    ),
    "adaptive max pool without channels": lambda t, f: f.adaptive_max_pool1d(t.zeros(2, 0, 4), 2),
    "max pool of integers": lambda t, f: f.max_pool1d(t.ones(1, 4, dtype=t.int64), 2),
    "mean of windows larger than the image": lambda t, f: f.avg_pool3d(
        t.ones(1, 1, 2, 2), 2, ceil_mode=True
    ),
    "dropped channels of integers": lambda t, f: f.dropout1d(t.ones(2, 3, dtype=t.int64)),
    "circular padding": lambda t, f: graded(
        t, lambda x: f.pad(x, (2, 1, -1, 1), "circular"), 1, 2, 3, 4
    ),
    "circular padding without channels": lambda t, f: f.pad(t.ones(2, 0, 3), (1, 1), "circular"),
    "circular padding twice around": lambda t, f: f.pad(t.ones(2, 3), (4, 0), "circular"),
    "an even kernel and the same size": lambda t, f: graded(
        t, lambda x: f.conv1d(x, t.ones(1, 1, 2), padding="same"), 1, 1, 3
    ),
    "layer norm with innermost channels": lambda t, f: graded(
        t, lambda x: f.layer_norm(x, (3,)) * 0, 2, 2, 2, 3, form="channels_last"
    ),
    "layer norm of a transposed matrix": lambda t, f: graded(
        t, lambda x: f.layer_norm(x.t(), (2,)) * 0, 2, 3
    ),
    "rms norm of a transposed matrix": lambda t, f: graded(
        t, lambda x: f.rms_norm(x.t(), (2,)) * 0, 2, 3
    ),
    "rms norm of float16 by float32": lambda t, f: f.rms_norm(
        t.tensor([1e-3, 2e-3]).half(), (2,), t.ones(2)
    ),
    "rms norm of float32 by float16": lambda t, f: f.rms_norm(t.ones(2), (2,), t.ones(2).half()),
    "rms norm with innermost channels": lambda t, f: graded(
        t, lambda x: f.rms_norm(x, (3,)) * 0, 2, 2, 2, 3, form="channels_last"
    ),
    "rows of 16-bit indices": lambda t, f: f.embedding(t.tensor([1], dtype=t.int16), t.ones(2, 2)),
    "a query that sees nothing": lambda t, f: graded(
        t,
        lambda x: (
            f.scaled_dot_product_attention(x, x, x, t.tensor([[False, False], [True, True]])) * 0
        ),
        2,
        1,
    ),
    "a mask of integers": lambda t, f: f.scaled_dot_product_attention(
        *[t.ones(2, 2)] * 3, attn_mask=t.ones(2, 2, dtype=t.int64)
    ),
}


@pytest.mark.parametrize("program", EDGES.values(), ids=EDGES)
def test_edges(program: Callable[[Any, Any], Any]) -> None:
    check_same(lambda t: program(t, t.nn.functional))
