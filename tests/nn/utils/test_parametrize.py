"""nn/utils: parametrizations, and the old weight and spectral norms, compared with PyTorch's."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twins import check_close, check_same, torch, translate

import minigrad

LAYERS: list[Callable[[Any], Any]] = [
    lambda nn: nn.Linear(3, 4),
    lambda nn: nn.Linear(4, 3),
    lambda nn: nn.Linear(3, 3),
    lambda nn: nn.Conv1d(2, 4, 3),
    lambda nn: nn.Conv2d(2, 3, 2),
    lambda nn: nn.ConvTranspose1d(4, 3, 2),
]
WEIGHT_DIMS = [2, 2, 2, 3, 4, 3]


def norms(p: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions of a namespace's `nn.utils` that normalise a layer."""
    return {
        "weight_norm": p.parametrizations.weight_norm,
        "spectral_norm": p.parametrizations.spectral_norm,
        "orthogonal": p.parametrizations.orthogonal,
        "old weight_norm": p.weight_norm,
        "old spectral_norm": p.spectral_norm,
    }


REMOVE: dict[str, Callable[..., Any]] = {
    "old weight_norm": lambda u, layer: u.remove_weight_norm(layer),
    "old spectral_norm": lambda u, layer: u.remove_spectral_norm(layer),
}


def assert_close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


def assert_same_layers(ours: Any, theirs: Any) -> None:
    """Compare the reprs, the states and the gradients of two layers."""
    assert repr(ours) == repr(theirs)
    a, b = ours.state_dict(), theirs.state_dict()
    assert [*a] == [*b]
    assert a._metadata == b._metadata
    assert [*dict(ours.named_parameters())] == [*dict(theirs.named_parameters())]
    for key in b:
        assert_close(a[key], b[key])
    for key, param in theirs.named_parameters():
        mine = dict(ours.named_parameters())[key]
        assert (mine.grad is None) == (param.grad is None), key
        if param.grad is not None:
            assert_close(mine.grad, param.grad)


def used(layer: Any, x: Any) -> Any:
    y = layer(x)
    (y * y).sum().backward()
    return y


@settings(max_examples=60)
@given(
    st.integers(0, 5),
    st.sampled_from([*norms(minigrad.nn.utils)]),
    st.integers(0, 1000),
    st.booleans(),
    st.booleans(),
    st.data(),
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_norms_of_layers(
    which: int, norm: str, seed: int, train: bool, remove: bool, data: st.DataObject
) -> None:
    options: dict[str, Any] = {}
    if norm != "orthogonal":
        dims = st.integers(0, WEIGHT_DIMS[which] - 1)
        if norm.endswith("weight_norm"):
            dims = st.none() | dims
        if data.draw(st.booleans()):
            options["dim"] = data.draw(dims)
    elif data.draw(st.booleans()):
        options["orthogonal_map"] = data.draw(st.sampled_from(["cayley", "householder"]))
        if options["orthogonal_map"] == "householder" and data.draw(st.booleans()):
            options["use_trivialization"] = False
    if norm.endswith("spectral_norm"):
        options["n_power_iterations"] = data.draw(st.integers(1, 3))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *LAYER_INPUTS[which]))

    def program(t: Any) -> list[Any]:
        t.manual_seed(seed)
        layer = LAYERS[which](t.nn).double()
        layer = norms(t.nn.utils)[norm](layer, **options).train(train)
        found = [layer, used(layer, t.from_numpy(x))]
        used(layer, t.from_numpy(x))
        copied = copy.deepcopy(layer) if "old" not in norm else layer
        found += [used(copied, t.from_numpy(x)), layer.weight]
        if remove:
            undo = REMOVE.get(
                norm, lambda u, layer: u.parametrize.remove_parametrizations(layer, "weight")
            )
            layer.zero_grad()
            found += [undo(t.nn.utils, layer), used(layer, t.from_numpy(x))]
        return found

    for ours, theirs in zip(program(minigrad), program(torch), strict=True):
        if isinstance(theirs, torch.nn.Module):
            assert_same_layers(ours, theirs)
        else:
            assert_close(ours, theirs)


LAYER_INPUTS = [(3,), (4,), (3,), (2, 5), (2, 4, 4), (4, 3)]


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm", "orthogonal"])
def test_states_go_both_ways(norm: str) -> None:
    for a, b in ((minigrad, torch), (torch, minigrad)):
        first, second = (norms(t.nn.utils)[norm](t.nn.Linear(3, 3)) for t in (a, b))
        state = translate(dict(first.state_dict()), b)
        assert repr(second.load_state_dict(state)) == "<All keys matched successfully>"
        first.eval(), second.eval()
        assert_close(first.weight, second.weight)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("dim", [None, *range(-4, 4)])
@pytest.mark.parametrize("kind", ["Linear", "Conv1d"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_dimension_of_weight_norms(dim: int | None, kind: str, dtype: str) -> None:
    def program(t: Any, function: Any) -> Any:
        t.manual_seed(0)
        layer = t.nn.Linear(5, 3) if kind == "Linear" else t.nn.Conv1d(5, 3, 2)
        layer = function(t)(layer.to(getattr(t, dtype)), dim=dim)
        layer.weight.backward(t.randn(layer.weight.shape).to(layer.weight.dtype))
        _, *norms = layer.parameters()
        nodes = [layer.weight.grad_fn, *(node for node, _ in layer.weight.grad_fn.next_functions)]
        names = [node.name() for node in nodes]
        return [*names, *norms, *(p.grad for p in norms), layer.weight]

    rtol = 1e-2 if dtype == "float16" else 1e-5
    for function in (
        lambda t: t.nn.utils.parametrizations.weight_norm,
        lambda t: t.nn.utils.weight_norm,
    ):
        check_close(lambda t, f=function: program(t, f), rtol=rtol, atol=rtol)


def test_the_new_weight_norm_loads_the_old_names() -> None:
    def program(t: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = t.nn.utils.weight_norm(t.nn.Linear(2, 3))
        new = t.nn.utils.parametrizations.weight_norm(t.nn.Linear(2, 3))
        return [repr(new.load_state_dict(old.state_dict())), bool((new.weight == old.weight).all())]

    check_same(program)


def test_assignments_apply_the_inverse() -> None:
    def program(t: Any) -> Any:
        t.manual_seed(1)
        found = []
        for function in ("weight_norm", "orthogonal"):
            layer = getattr(t.nn.utils.parametrizations, function)(t.nn.Linear(3, 3))
            layer.weight = 2 * t.eye(3)
            found.append((layer.weight * 1000).round().tolist())
        return found

    check_same(program)


# Parametrizations of one's own --------------------------------------------------------------------


def made(t: Any, kind: str) -> Any:
    """Return a parametrization."""
    nn = t.nn

    class Symmetric(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).T

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    class Doubled(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return 2 * x

    class Product(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, a: Any, b: Any) -> Any:
            return a @ b

        def right_inverse(self, x: Any) -> Any:
            return x[:, :1], x[:1]

    class Wrong(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return {"shape": lambda: x[0], "dtype": lambda: x.double(), "type": lambda: 3}[
                kind.removeprefix("inverse ")
            ]()

    class WrongInverse(Wrong):
        def forward(self, x: Any) -> Any:
            return x

        def right_inverse(self, x: Any) -> Any:
            return Wrong.forward(self, x)

    if kind.startswith("inverse"):
        return WrongInverse()
    kinds = {"symmetric": Symmetric, "doubled": Doubled, "product": Product}
    return kinds.get(kind, Wrong)()


@settings(max_examples=80)
@example(["doubled", "inverse shape"], False, "nothing", "weight")
@given(
    st.lists(
        st.sampled_from(
            [
                *("symmetric", "doubled", "product", "shape", "dtype", "type"),
                *("inverse shape", "inverse dtype", "inverse type"),
            ]
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
    st.sampled_from(["nothing", "assign", "remove", "remove original", "cached", "deepcopy"]),
    st.sampled_from(["weight", "weight", "running", "nothing"]),
)
def test_parametrizations_of_ones_own(kinds: Any, unsafe: bool, then: str, name: str) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        parametrize = t.nn.utils.parametrize
        layer = t.nn.Linear(3, 3, bias=False)
        layer.register_buffer("running", t.ones(3, 3))
        before = type(layer)
        for kind in kinds:
            parametrize.register_parametrization(layer, name, made(t, kind), unsafe=unsafe)
        if then == "assign":
            setattr(layer, name, t.ones(3, 3))
        elif then.startswith("remove"):
            parametrize.remove_parametrizations(layer, name, then == "remove")
        elif then == "cached":
            with parametrize.cached():
                assert getattr(layer, name) is getattr(layer, name)
        elif then == "deepcopy":
            layer = copy.deepcopy(layer)
        return [
            getattr(layer, name),
            repr(layer),
            dict(layer.state_dict()),
            parametrize.is_parametrized(layer),
            parametrize.is_parametrized(layer, name),
            parametrize.is_parametrized(layer, "bias"),
            parametrize.type_before_parametrizations(layer) is before,
            isinstance(getattr(layer, name), t.nn.Parameter),
            type(layer).__name__,
        ]

    check_same(program)


@pytest.mark.parametrize("what", range(9))
def test_errors(what: int) -> None:
    def program(t: Any) -> Any:
        u, layer = t.nn.utils, t.nn.Linear(3, 2)
        return [
            lambda: u.parametrizations.weight_norm(layer, "nothing"),
            lambda: u.parametrizations.spectral_norm(layer, "nothing"),
            lambda: u.parametrizations.spectral_norm(layer, dim=2),
            lambda: u.parametrizations.spectral_norm(layer, n_power_iterations=0),
            lambda: u.parametrizations.orthogonal(layer, "bias"),
            lambda: u.parametrizations.orthogonal(layer, orthogonal_map="no"),
            lambda: u.parametrize.remove_parametrizations(layer, "weight"),
            lambda: u.remove_weight_norm(layer),
            lambda: u.remove_spectral_norm(layer),
        ][what]()

    assert check_same(program).error is not None


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("function", ["weight_norm", "spectral_norm"])
def test_old_norms_are_registered_once(function: str) -> None:
    def program(t: Any) -> Any:
        layer = t.nn.Linear(3, 2)
        for _ in range(2):
            getattr(t.nn.utils, function)(layer)

    assert check_same(program).error is not None


def test_pickles_are_refused() -> None:
    def program(t: Any) -> Any:
        return t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2)).__getstate__()

    assert check_same(program).error is not None


def test_skip_init() -> None:
    before = minigrad.get_rng_state()
    layer = minigrad.nn.utils.skip_init(minigrad.nn.Linear, 3, 2, bias=False)
    assert layer.weight.shape == (2, 3)
    assert (minigrad.get_rng_state() == before).all()
    assert check_same(lambda t: t.nn.utils.skip_init(int, 3)).error is not None


def transferred(t: Any, name: str | None, kind: str) -> Any:
    t.manual_seed(0)
    parametrize = t.nn.utils.parametrize
    layer, other = t.nn.Linear(3, 3), t.nn.Linear(3, 3)
    if kind == "several originals":
        t.nn.utils.parametrizations.weight_norm(layer)
    elif kind != "none":
        for each in ("weight", "bias"):
            parametrize.register_parametrization(layer, each, t.nn.Softplus())
            parametrize.register_parametrization(layer, each, t.nn.Tanh())
    if kind == "a new tensor":
        del other.weight
    returned = parametrize.transfer_parametrizations_and_params(layer, other, name)
    names = [key for key, _ in other.named_parameters()]
    values = [
        bool((getattr(other, key) == getattr(layer, key)).all()) for key in ("weight", "bias")
    ]
    return (
        returned is other,
        names,
        values,
        [a is b for a in layer.parameters() for b in other.parameters()],
    )


@pytest.mark.parametrize("kind", ["none", "one original", "several originals", "a new tensor"])
@pytest.mark.parametrize("name", [None, "weight"])
def test_transfer(kind: str, name: str | None) -> None:
    check_same(lambda t: transferred(t, name, kind))


def test_a_spectral_norm_loads_the_state_of_an_old_version() -> None:
    """Then the weight itself was saved, and `weight_v` was not."""

    def program(t: Any, *, missing: str | None = None, version: bool = False) -> Any:
        t.manual_seed(0)
        layers = [t.nn.utils.spectral_norm(t.nn.Linear(3, 4)) for _ in range(2)]
        for _ in range(30):
            layers[0](t.ones(1, 3))
        state = layers[0].state_dict()
        v = state.pop("weight_v")
        if not version:
            del state._metadata[""]["spectral_norm"]
        state["weight"] = layers[0].weight.detach().clone()
        if missing is not None:
            del state[missing]
        found = layers[1].load_state_dict(state, strict=missing is None and not version)
        close = t.allclose(layers[1].weight_v, v, atol=1e-3)
        return list(map(sorted, found)), close

    assert check_same(program).value[1][1] is True
    for missing in ("weight", "weight_u", "weight_orig"):
        check_same(lambda t, missing=missing: program(t, missing=missing))
    check_same(lambda t: program(t, version=True))
    ours = minigrad.nn.utils.spectral_norm(minigrad.nn.Linear(2, 3))
    assert not minigrad.nn.utils.remove_spectral_norm(ours)._load_state_dict_pre_hooks


def test_the_weights_of_a_recurrent_layer() -> None:
    def program(t: Any) -> Any:
        layer = t.nn.LSTM(2, 3, 2, bidirectional=True, proj_size=2)
        seen = []
        for function in ("weight_norm", "remove_weight_norm"):
            getattr(t.nn.utils, function)(layer, name="weight_hr_l1")
            seen.append([type(weight).__name__ for weight in layer._flat_weights])
        return seen, list(layer._flat_weights_names), [name for name, _ in layer.named_parameters()]

    check_same(program)


def names_of_norms(t: Any) -> Any:
    x = t.ones(2, 3, requires_grad=True)
    return [t.norm_except_dim(x, 2, dim).grad_fn.name() for dim in (-1, 0, 1)]


def two_uses(t: Any, norm: str) -> Any:
    """The gradients after two computations of a weight in training mode."""
    t.manual_seed(0)
    layer, x = norms(t.nn.utils)[norm](t.nn.Linear(3, 2)), t.ones(1, 3)
    (layer(x) + layer(x)).sum().backward()
    return [p.grad for p in layer.parameters()]


def part_of_the_old_names(t: Any) -> Any:
    layer = t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2))
    return str(layer.load_state_dict({"weight_g": t.ones(2, 1)}, strict=False))


def nested_caches(t: Any) -> Any:
    parametrize, norm = t.nn.utils.parametrize, t.nn.utils.parametrizations.weight_norm
    layer = norm(t.nn.Linear(3, 2))
    with parametrize.cached():
        weight = layer.weight
        with parametrize.cached():
            found = [layer.weight is weight]
        found.append(layer.weight is weight)
    return [*found, layer.weight is weight]


def steps(t: Any) -> Any:
    """Two parametrizations, of which the inverses of both are applied, the last first."""

    class Plus(t.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x + 1

        def right_inverse(self, x: Any) -> Any:
            return x - 1

    class Twice(t.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, x: Any) -> Any:
            return x / 2

    made = t.nn.utils.parametrize.ParametrizationList([Plus(), Twice()], t.ones(2))
    layer = t.nn.Linear(3, 2).eval()
    register = t.nn.utils.parametrize.register_parametrization
    register(layer, "weight", Plus())
    modes = [register(layer, "weight", Twice(), unsafe=True).parametrizations.weight.unsafe]
    return [made.original, made(), *modes, [m.training for m in layer.parametrizations.weight]]


def a_buffer(t: Any, requires_grad: bool) -> Any:
    module = t.nn.Module()
    module.register_buffer("weight", t.ones(2, 3).requires_grad_(requires_grad))
    t.nn.utils.parametrizations.weight_norm(module)
    originals = [x.requires_grad for x in module.parametrizations.weight.buffers()]
    t.nn.utils.parametrize.remove_parametrizations(module, "weight")
    return [originals, [*module._buffers], [*module._parameters]]


def a_copy_of_its_own(t: Any) -> Any:
    class Own(t.nn.Linear):  # type: ignore[misc, name-defined]
        def __deepcopy__(self, memo: Any) -> str:
            return "a copy"

    return copy.deepcopy(t.nn.utils.parametrizations.weight_norm(Own(3, 2)))


def missing_in_an_old_version(t: Any, strict: bool) -> Any:
    layer = t.nn.utils.spectral_norm(t.nn.Linear(3, 2))
    return layer.load_state_dict({"weight_orig": t.ones(2, 3)}, strict=strict)


def an_old_version_whose_vectors_do_not_fit(t: Any) -> Any:
    layer = t.nn.utils.spectral_norm(t.nn.Linear(2, 3, bias=False))
    weight = t.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    state = {"weight_orig": weight + 1e-3, "weight": weight / 4 + 2.5e-4}
    layer.load_state_dict(state | {"weight_u": t.tensor([0.6, 0.0, 0.8])})
    return layer.weight_v


def a_dimension_from_the_back(t: Any) -> Any:
    t.manual_seed(0)
    layer = t.nn.utils.parametrizations.spectral_norm(t.nn.Conv1d(3, 2, 4), dim=-2)
    return [layer.weight, layer.parametrizations.weight[0].dim]


def onto_an_identity(t: Any) -> Any:
    orthogonal, found = t.nn.utils.parametrizations.orthogonal, []
    for sign in (1, -1):
        layer = orthogonal(t.nn.Linear(3, 3), "weight", "householder", use_trivialization=False)
        layer.weight = sign * t.eye(3)
        found.append(layer.weight)
    return found


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (names_of_norms, ()),
        *((two_uses, (norm,)) for norm in ("spectral_norm", "old spectral_norm")),
        (part_of_the_old_names, ()),
        (nested_caches, ()),
        (steps, ()),
        (a_buffer, (False,)),
        (a_buffer, (True,)),
        (a_copy_of_its_own, ()),
        (missing_in_an_old_version, (False,)),
        (missing_in_an_old_version, (True,)),
        (an_old_version_whose_vectors_do_not_fit, ()),
        (a_dimension_from_the_back, ()),
        (onto_an_identity, ()),
    ],
)
def test_particular_cases(program: Any, arguments: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        check_close(lambda t: program(t, *arguments), 1e-5, 1e-6)


def test_a_number_has_no_dimension_to_keep() -> None:
    check_same(lambda t: t.norm_except_dim(t.tensor(2.0), 2, 0))
