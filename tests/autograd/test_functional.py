"""functional.py: values, structures, flags and errors, as in PyTorch.

Functions are random: a few ops on inputs that broadcast against each other, then some outputs. Each
function is described by a `RandomFunction`, which both libraries run.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import Saying

import minigrad

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
# How much the two libraries may differ, relative to a result's largest element.
CLOSE = {"float64": 1e-12, "float32": 1e-5}


# Comparison ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Described:
    """The dtype, the elements and requires_grad of a tensor of either library."""

    dtype: str
    array: np.ndarray
    requires_grad: bool


def described(value: Any) -> Any:
    if isinstance(value, minigrad.Tensor | torch.Tensor):
        array = np.array(value.numpy(force=True))  # PyTorch may give zeros without memory
        return Described(str(array.dtype), array, value.requires_grad)
    if isinstance(value, tuple | list):
        return type(value).__name__, [described(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str), type(value)
    return value


def run(program: Program, namespace: Any) -> tuple[Any, Saying | None]:
    try:
        return described(program(namespace)), None
    except AssertionError as error:
        if not str(error).startswith("Expected strategy"):
            raise
        return None, Saying.of(error)
    except Exception as error:
        return None, Saying.of(error)


def assert_close(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        assert ours[0] == theirs[0]
        assert len(ours[1]) == len(theirs[1])
        for a, b in zip(ours[1], theirs[1], strict=True):
            assert_close(a, b)
    elif isinstance(theirs, Described):
        assert isinstance(ours, Described)
        assert (ours.dtype, ours.array.shape) == (theirs.dtype, theirs.array.shape)
        assert ours.requires_grad == theirs.requires_grad
        finite = theirs.array[np.isfinite(theirs.array)]
        allowed = CLOSE.get(theirs.dtype, 0) * (1 + np.abs(finite).max(initial=0))
        np.testing.assert_allclose(ours.array, theirs.array, rtol=0, atol=allowed)
    else:
        assert ours == theirs


def check_close(program: Program) -> tuple[Any, Saying | None]:
    """Run `program` in both libraries, compare, and return PyTorch's value and error."""
    (ours, our_error), (theirs, their_error) = run(program, minigrad), run(program, torch)
    both = f"\nminigrad: {our_error or ours}\nPyTorch:  {their_error or theirs}"
    assert (our_error is None) == (their_error is None), both
    if their_error is not None:
        assert our_error is not None
        assert our_error.begins_as(their_error), both
    else:
        assert_close(ours, theirs)
    return theirs, their_error


# Random functions ---------------------------------------------------------------------------------


def _small(a: Any) -> Any:
    """Return at most a half, so that functions that grow or saturate don't amplify rounding."""
    return a / (a * a + 1)


def _written_in_place(torch: Any, a: Any, b: Any) -> Any:
    total = a + b
    total.mul_(a)
    return total


def _written_in_part(torch: Any, a: Any, b: Any) -> Any:
    product = a * b
    if product.numel():  # a write to no elements cuts the second derivative's graph in PyTorch
        product.flatten()[1:] *= 3.0
    return product


STEPS: list[Callable[[Any, Any, Any], Any]] = [
    lambda torch, a, b: a + b,
    lambda torch, a, b: a * b,
    lambda torch, a, b: a - 2 * b,
    lambda torch, a, b: a / (b * b + 1),
    lambda torch, a, b: a * a * b,
    lambda torch, a, b: torch.tanh(_small(a)) * b,
    lambda torch, a, b: _small(a).exp(),
    lambda torch, a, b: torch.sigmoid(_small(a + b)),
    lambda torch, a, b: a**3,
    lambda torch, a, b: torch.where(a > b, a * b, b),
    lambda torch, a, b: torch.maximum(a, b),
    lambda torch, a, b: torch.relu(a),
    lambda torch, a, b: a.clamp(-1, 1) * b,
    lambda torch, a, b: a.sum() * b,
    lambda torch, a, b: a.detach() * b,
    lambda torch, a, b: a * 3.0,
    _written_in_place,
    _written_in_part,
]
ENDS: list[Callable[[Any, Any], Any]] = [
    lambda torch, a: a,
    lambda torch, a: a,
    lambda torch, a: a.sum(),
    lambda torch, a: a.sum(0, keepdim=True) if a.ndim else a,
    lambda torch, a: a.reshape(-1)[:1] * 2,
    lambda torch, a: a.T if a.ndim == 2 else a,
    lambda torch, a: a.detach(),
    lambda torch, a: torch.ones_like(a, requires_grad=False),
    lambda torch, a: torch.cat([a.reshape(-1), a.reshape(-1) * 2]),
]
BASES = [(), (1,), (3,), (2, 3), (2, 1), (0,), (2, 0)]


@dataclass(frozen=True)
class RandomFunction:
    """A function to differentiate, its inputs, and the options."""

    shapes: tuple[tuple[int, ...], ...]
    values: int  # a seed
    dtype: str
    wants_grad: tuple[bool, ...]  # for each input, then for each vector
    tupled: bool  # whether a single input is in a tuple
    steps: tuple[tuple[int, int, int], ...]
    ends: tuple[tuple[int, int], ...]
    tupled_outputs: bool
    create_graph: bool
    strict: bool
    enabled: bool

    def tensor(self, torch: Any, shape: tuple[int, ...], which: int) -> Any:
        """Return a tensor that may require grad, with the same values each time."""
        values = np.random.RandomState(self.values + which).randint(-6, 7, shape) / 4
        made = torch.from_numpy(np.asarray(values, self.dtype))
        return made.requires_grad_(self.wants_grad[which % len(self.wants_grad)])

    def inputs(self, torch: Any) -> tuple[Any, ...]:
        return tuple(self.tensor(torch, shape, i) for i, shape in enumerate(self.shapes))

    def func(self, torch: Any, *inputs: Any) -> tuple[Any, ...]:
        values = list(inputs)
        for step, a, b in self.steps:
            values.append(STEPS[step](torch, values[-1 - a % len(values)], values[b % len(values)]))
        return tuple(ENDS[end](torch, values[-1 - a % len(values)]) for end, a in self.ends)

    def structured(self, tensors: tuple[Any, ...], tupled: bool) -> Any:
        return tensors if tupled or len(tensors) != 1 else tensors[0]


@st.composite
def random_functions(draw: Any, scalar: bool = False) -> RandomFunction:
    base = draw(st.sampled_from(BASES))
    shapes = []
    for _ in range(draw(st.integers(1, 3))):
        kept = base[draw(st.integers(0, len(base))) :]
        shapes.append(tuple(1 if draw(st.integers(0, 3)) == 0 else size for size in kept))
    index = st.integers(0, 7)
    step = st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 1), index)
    end = st.tuples(st.integers(0, len(ENDS) - 1), st.integers(0, 2))
    sums = st.just((2, 0))
    return RandomFunction(
        shapes=tuple(shapes),
        values=draw(st.integers(0, 999)),
        dtype=draw(st.sampled_from(["float64", "float64", "float64", "float32"])),
        wants_grad=tuple(
            draw(st.lists(st.sampled_from([True, True, False]), min_size=5, max_size=5))
        ),
        tupled=draw(st.booleans()),
        steps=tuple(draw(st.lists(step, min_size=1, max_size=5))),
        ends=tuple(
            draw(st.lists(sums if scalar else end, min_size=1, max_size=1 if scalar else 3))
        ),
        tupled_outputs=not scalar and draw(st.booleans()),
        create_graph=draw(st.booleans()),
        strict=draw(st.sampled_from([False, False, True])),
        enabled=draw(st.sampled_from([True, True, False])),
    )


def tensors_in(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from tensors_in(item)
    elif value is not None:
        yield value


def gradients_of(torch: Any, results: Any, sources: list[Any]) -> Any:
    """Differentiate the results with respect to the tensors that they may depend on."""
    sources = [x for x in sources if x.requires_grad]
    weighted = [
        (r * torch.from_numpy(np.cos(np.arange(r.numel())).reshape(r.shape)).type_as(r)).sum()
        for r in tensors_in(results)
        if r.requires_grad
    ]
    if not sources or not weighted:
        return None
    return torch.autograd.grad(weighted, sources, allow_unused=True)


def program_of(name: str, case: RandomFunction) -> Program:
    """Return a program: call the function, differentiate again, and check the inputs."""

    def program(torch: Any) -> Any:
        inputs = case.inputs(torch)
        flags = [x.requires_grad for x in inputs]
        arguments = [case.structured(inputs, case.tupled)]
        sources = list(inputs)
        if name in ("vjp", "jvp", "vhp", "hvp"):
            with torch.no_grad():
                of = case.func(torch, *inputs) if name == "vjp" else inputs
            tangents = tuple(
                case.tensor(torch, tuple(t.shape), len(inputs) + i) for i, t in enumerate(of)
            )
            tupled = case.tupled_outputs if name == "vjp" else case.tupled
            arguments.append(case.structured(tangents, tupled))
            sources += tangents

        def func(*x: Any) -> Any:
            assert torch.is_grad_enabled()
            return case.structured(case.func(torch, *x), case.tupled_outputs)

        with contextlib.nullcontext() if case.enabled else torch.no_grad():
            results = getattr(torch.autograd.functional, name)(
                func, *arguments, create_graph=case.create_graph, strict=case.strict
            )
        again = gradients_of(torch, results, sources) if case.create_graph else None
        assert all(x.grad is None for x in sources)
        assert [x.requires_grad for x in inputs] == flags
        assert [x._version for x in sources] == [0] * len(sources)
        return results, again

    return program


@given(random_functions())
@pytest.mark.parametrize("name", ["vjp", "jvp", "jacobian"])
def test_first_derivatives(name: str, case: RandomFunction) -> None:
    check_close(program_of(name, case))


@given(random_functions(scalar=True))
@pytest.mark.parametrize("name", ["hessian", "vhp", "hvp"])
def test_second_derivatives(name: str, case: RandomFunction) -> None:
    check_close(program_of(name, case))


# Relations between the functions -----------------------------------------------------------------


def _smooth(x: Any, y: Any) -> Any:
    return (x * y).tanh() + x.exp() * x


def _points(values: list[int]) -> tuple[Any, Any, Any, Any]:
    """Return an x of three elements, a y of one, and a vector for each."""
    numbers = minigrad.tensor(values, dtype=minigrad.float64) / 4
    return numbers[:3], numbers[3:4], numbers[4:7], numbers[7:8]


@given(st.lists(st.integers(-8, 8), min_size=8, max_size=8))
def test_vjp_and_jvp_are_products_with_the_jacobian(values: list[int]) -> None:
    functional = minigrad.autograd.functional
    x, y, v, w = _points(values)
    by_x, by_y = functional.jacobian(_smooth, (x, y))
    _, forth = functional.jvp(_smooth, (x, y), (v, w))
    np.testing.assert_allclose(forth, by_x @ v + by_y @ w, rtol=1e-12, atol=1e-12)
    _, (back_x, back_y) = functional.vjp(_smooth, (x, y), v)
    np.testing.assert_allclose(back_x, v @ by_x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(back_y, v @ by_y, rtol=1e-12, atol=1e-12)


@given(st.lists(st.integers(-8, 8), min_size=8, max_size=8))
def test_vhp_and_hvp_are_products_with_the_hessian(values: list[int]) -> None:
    functional = minigrad.autograd.functional
    x, y, v, w = _points(values)

    def total(x: Any, y: Any) -> Any:
        return _smooth(x, y).sum()

    (xx, xy), (yx, yy) = functional.hessian(total, (x, y))
    np.testing.assert_allclose(xy, yx.T, rtol=1e-12, atol=1e-12)
    for product in (functional.vhp, functional.hvp):
        _, (of_x, of_y) = product(total, (x, y), (v, w))
        np.testing.assert_allclose(of_x, xx @ v + xy @ w, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(of_y, yx @ v + yy @ w, rtol=1e-12, atol=1e-12)


@given(st.lists(st.integers(-8, 8), min_size=8, max_size=8))
def test_jacobians_agree_with_differences(values: list[int]) -> None:
    x, y, v, w = _points(values)
    _, product = minigrad.autograd.functional.jvp(_smooth, (x, y), (v, w))
    h = 1e-5
    difference = (_smooth(x + h * v, y + h * w) - _smooth(x - h * v, y - h * w)) / (2 * h)
    np.testing.assert_allclose(product, difference, rtol=1e-6, atol=1e-5)


# Arguments and errors -----------------------------------------------------------------------------


def vector(torch: Any, *values: float, grad: bool = False) -> Any:
    return torch.tensor(list(values), dtype=torch.float64, requires_grad=grad)


def square(x: Any) -> Any:
    return x * x


def cubes(x: Any) -> Any:
    return (x * x * x).sum()


def product(x: Any, y: Any) -> Any:
    return (x * y).sum()


# Names in these calls: `F` (the module), `torch`, `x`, `y` (three elements), `one` (one element).
CALLS: dict[str, str] = {}

CALLS["arguments and results"] = """
F.vjp(cubes, [x])
F.jvp(cubes, 1.0)
F.hessian(product, (x, 1.0))
F.vjp(cubes, x.long())
F.jvp(lambda: x, (), ())
F.jacobian(lambda x: [x], x)
F.vjp(lambda x: None, x)
F.vjp(lambda x: (x, None), x, (x, x))
F.hessian(lambda x: 3.0, x)
F.hvp(lambda x: [x.sum()], x, x)
F.hessian(lambda x: (x.sum(),), x)
F.vhp(lambda x: (x.sum(),), x, x)
F.hvp(lambda x: (x.sum(),), x, x)
F.hessian(square, x)
F.vhp(square, x, x)
F.hvp(square, x, x)
F.hessian(lambda x: x[:0], x)
F.hessian(lambda x: cubes(x).view(1, 1), x)
F.vhp(lambda x: cubes(x).view(1, 1), x, y)
F.jacobian(lambda x: x > 1, x)
F.vjp(lambda x: (x > 1, x), x, (x, y))
F.jvp(lambda x: (x > 1, x), x, y)
F.jacobian(lambda x: (x * x).float(), x)
F.vjp(lambda x: (x * x).float(), x, y)
F.jvp(lambda x: (x * x).float(), x, y)
F.jacobian(lambda x: x[:0], x)
F.jacobian(cubes, x[:0])
F.hessian(cubes, x[:0])
F.hvp(cubes, x[:0], y[:0])
F.vhp(cubes, x[:0], y[:0])
F.hessian(product, (x, x))
F.jacobian(square, torch.stack([x, y]).T, create_graph=True)
F.hvp(cubes, x, y, True, True)
F.vhp(func=cubes, inputs=x, v=y, create_graph=True, strict=True)
F.jacobian(square, x, True, True, False, "reverse-mode")
F.hessian(cubes, x, create_graph=True, strict=True, vectorize=False)
F.hessian(func=cubes, inputs=x, outer_jacobian_strategy="reverse-mode")
F.jacobian(square, x, vectorize=True)
F.jacobian(product, (x, y), create_graph=True, vectorize=True)
F.hessian(cubes, x, vectorize=True)
"""

CALLS["the vector"] = """
F.vjp(square, x, (y,))
F.vjp(lambda x: (x * x,), (x,), y)
F.vjp(square, x, (x, y))
F.vjp(lambda x: (x, x * x), x, y)
F.jvp(product, (x, y), (x, y, x))
F.hvp(product, (x, y), ())
F.vjp(square, x, one)
F.vhp(cubes, x, one)
F.hvp(product, (x, y), (x, one))
F.vjp(lambda x: (x, x.sum()), x, (y, one))
F.jvp(cubes, x, x.sum())
F.vjp(square, x, [y])
F.jvp(square, x, 1.0)
F.vhp(product, (x, y), (x, 1.0))
F.vjp(square, x)
F.vjp(lambda x: (x.sum(), x.sum()), x)
F.jvp(cubes, x)
F.vhp(cubes, x)
F.hvp(cubes, x)
F.hvp(product, (one, one))
F.vjp(cubes, x)
F.vjp(lambda x: (cubes(x),), x)
F.jvp(lambda x: x * y, one.view(1, 1))
F.jvp(square, (one,))
F.vhp(cubes, one, None, True)
F.hvp(cubes, one.sum(), None, True)
F.vjp(cubes, x, one.sum())
F.vjp(cubes, x, one)
F.vjp(square, x, y.long())
F.jvp(square, x, y.long())
F.hvp(cubes, x, y.float())
F.vhp(cubes, x, y.float())
"""

CALLS["strategies"] = """
F.jacobian(square, x, strategy="forward")
F.hessian(cubes, x, outer_jacobian_strategy="forward")
F.hessian(cubes, [x], outer_jacobian_strategy="forward")
F.jacobian(square, x, strategy="forward-mode")
F.jacobian(square, x, create_graph=True, strategy="forward-mode")
F.jacobian(square, x, strict=True, vectorize=True, strategy="forward-mode")
F.jacobian(square, x, create_graph=True, strict=True, strategy="forward-mode")
F.jacobian(square, x, strict=True, vectorize=True)
F.hessian(cubes, x, outer_jacobian_strategy="forward-mode")
F.hessian(cubes, x, create_graph=True, outer_jacobian_strategy="forward-mode")
F.hessian(cubes, x, strict=True, outer_jacobian_strategy="forward-mode")
F.hessian(cubes, x, strict=True, vectorize=True)
"""

CALLS["nested calls"] = """
F.jacobian(lambda x: F.jacobian(square, x, create_graph=True), x)
F.jacobian(lambda x: F.jacobian(square, x), x)
F.jacobian(lambda x: F.jacobian(square, x), x, strict=True)
F.jacobian(lambda x: F.hessian(lambda x: cubes(x * x), x, create_graph=True), x)
F.hessian(lambda x: F.jvp(square, x, y, create_graph=True)[1].sum() ** 3, x)
F.hvp(lambda x: cubes(F.vjp(cubes, x, create_graph=True)[1]), x, y)
F.jvp(lambda x: F.vhp(cubes, x, y, create_graph=True), x, y)
F.jvp(lambda x: F.jvp(lambda x: x * x * x, x, y, create_graph=True)[1], x, y, create_graph=True)
"""

CALLS["writing into the input"] = """
F.vjp(lambda x: x.mul_(2), x, y)
F.jvp(lambda x: x[:1].zero_(), x, y)
F.hessian(lambda x: x.mul_(2).sum(), x)
"""


@pytest.mark.parametrize("grad", [False, True], ids=["constants", "leaves"])
@pytest.mark.parametrize(
    "call", [call for calls in CALLS.values() for call in calls.strip().splitlines()]
)
def test_calls(call: str, grad: bool) -> None:
    def program(torch: Any) -> Any:
        x, y, one = (vector(torch, *v, grad=grad) for v in ([1, -2, 3], [-0.5, 2, 4], [1.5]))
        names = {"F": torch.autograd.functional, "torch": torch, "x": x, "y": y, "one": one}
        return eval(call, {"square": square, "cubes": cubes, "product": product} | names)

    check_close(program)


def _last_tripled(x: Any) -> Any:
    x.view(-1)[-1:] *= 3
    return x


FUNCTIONS = ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp")
# Functions of one element: `w` is a leaf, `k` a constant.
OF_ONE_INPUT: dict[str, Callable[[Any, Any, Any], Any]] = {
    "cubic": lambda x, w, k: x * x * x * w,
    "square": lambda x, w, k: x * x * w,
    "square, scaled by a constant": lambda x, w, k: x * x * k,
    "linear": lambda x, w, k: x * w,
    "linear, scaled by a constant": lambda x, w, k: x * k,
    "itself": lambda x, w, k: x,
    "independent": lambda x, w, k: w * 2,
    "a leaf": lambda x, w, k: w,
    "constant": lambda x, w, k: k * 2,
    "detached": lambda x, w, k: x.detach() * x,
    "detached wholly": lambda x, w, k: (x * x).detach(),
    "the captured input": lambda x, w, k: x * w + k * k,
    "writing": lambda x, w, k: x.mul_(w),
    "a write to a copy": lambda x, w, k: x.clone().mul_(x),
    "a write through a view": lambda x, w, k: _last_tripled(x * x * x),
    "linear between kinks": lambda x, w, k: x.relu() - x.abs(),
    "linear between kinks, scaled": lambda x, w, k: x.relu() * w,
    "square between kinks": lambda x, w, k: x.abs() * x,
    "cubic between kinks": lambda x, w, k: x.abs() * x.clamp(min=0) * x,
}


def program_of_one_input(
    name: str, of: str, kind: str, create_graph: bool, strict: bool
) -> Program:
    """Return a program that differentiates such a function once, and again if it has a graph."""

    def program(torch: Any) -> Any:
        x = vector(torch, 1.5, grad=kind != "constant")
        k, w, given = vector(torch, 3), vector(torch, -2, grad=True), x
        if kind == "non-leaf":
            given = x * 1
        if of == "the captured input":
            w = k = given
        results = getattr(torch.autograd.functional, name)(
            lambda x: OF_ONE_INPUT[of](x, w, k), given, create_graph=create_graph, strict=strict
        )
        again = gradients_of(torch, results, [x, w]) if create_graph else None
        return results, again, given, given.requires_grad, given.is_leaf, given._version

    return program


FLAGS = list(itertools.product([False, True], [False, True]))  # create_graph, strict


@pytest.mark.parametrize(("create_graph", "strict"), FLAGS)
@pytest.mark.parametrize("kind", ["constant", "leaf", "non-leaf"])
@pytest.mark.parametrize("of", OF_ONE_INPUT)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_element(name: str, of: str, kind: str, create_graph: bool, strict: bool) -> None:
    check_close(program_of_one_input(name, of, kind, create_graph, strict))


# Two inputs and two outputs (their sum for second derivatives), some of them independent.
OF_TWO_INPUTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "both of both": lambda x, y, w: (x * x * y, x * y * y),
    "one of each": lambda x, y, w: (x * x * x, y * y * y),
    "one of each, linear": lambda x, y, w: (x * 2, y * w),
    "only of the first": lambda x, y, w: (x * x, x * x * x),
    "constant, the second": lambda x, y, w: (x * x * x * y, w * w),
    "one constant": lambda x, y, w: (x * x * x * y, w.detach()),
    "both constant": lambda x, y, w: (w * w, w + 1),
    "one linear": lambda x, y, w: (x * x * x, y * w),
    "one quadratic": lambda x, y, w: (x * x * x, y * y * 2),
}


def program_of_two_inputs(name: str, of: str, create_graph: bool, strict: bool) -> Program:
    """Return a program that differentiates such a function, and again by the first input."""

    def program(torch: Any) -> Any:
        x, y = vector(torch, 1.5, -2, grad=True), vector(torch, 2, 0.5)
        w = vector(torch, -1, 3, grad=True)

        def func(x: Any, y: Any) -> Any:
            a, b = OF_TWO_INPUTS[of](x, y, w)
            return (a, b) if name in ("vjp", "jvp", "jacobian") else (a + b).sum()

        v = () if name in ("jacobian", "hessian") else ((w * 2, y),)
        results = getattr(torch.autograd.functional, name)(
            func, (x, y), *v, create_graph=create_graph, strict=strict
        )
        return results, gradients_of(torch, results, [x, w]) if create_graph else None

    return program


@pytest.mark.parametrize(("create_graph", "strict"), FLAGS)
@pytest.mark.parametrize("of", OF_TWO_INPUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_inputs(name: str, of: str, create_graph: bool, strict: bool) -> None:
    check_close(program_of_two_inputs(name, of, create_graph, strict))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_captured_tensors_are_not_inputs(name: str) -> None:
    """Not even if it is the input itself, or has a gradient."""

    def program(torch: Any) -> Any:
        x = vector(torch, 1.5, grad=True)
        x.grad = vector(torch, 7)
        results = getattr(torch.autograd.functional, name)(
            lambda a: (a * a * a * x + x).sum(), x, create_graph=True
        )
        return results, x.grad, gradients_of(torch, results, [x])

    check_close(program)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_input_that_is_returned_shares_memory(name: str) -> None:
    def program(torch: Any) -> Any:
        x = vector(torch, 1.5)
        results = getattr(torch.autograd.functional, name)(lambda a: a, x)
        outputs = [r for r in tensors_in(results) if r.data_ptr() == x.data_ptr()]
        return len(outputs)

    check_close(program)


def test_a_write_to_a_non_leaf_input_is_visible() -> None:
    def program(torch: Any) -> Any:
        x = vector(torch, 1, -2, 3, grad=True)
        y = x * 2
        v = vector(torch, 1, 10, 100)
        outputs, product = torch.autograd.functional.vjp(
            lambda a: a.mul_(x) * 5, y, v, create_graph=True
        )
        return y, outputs, product, gradients_of(torch, (outputs, y), [x])

    check_close(program)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_is_called_once_and_recorded(name: str, create_graph: bool) -> None:
    calls = []

    def func(x: Any) -> Any:
        calls.append(minigrad.is_grad_enabled())
        return (x * x * x).sum()

    x = vector(minigrad, 1.5, grad=True)
    with minigrad.no_grad():
        results = getattr(minigrad.autograd.functional, name)(func, x, create_graph=create_graph)
        assert not minigrad.is_grad_enabled()
    assert calls == [True]
    assert {r.requires_grad for r in tensors_in(results)} == {create_graph}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_error_of_the_function_restores_grad_mode(name: str) -> None:
    def func(x: Any) -> Any:
        raise KeyError("mine")

    with minigrad.no_grad():
        with pytest.raises(KeyError, match="mine"):
            getattr(minigrad.autograd.functional, name)(func, vector(minigrad, 1.5))
        assert not minigrad.is_grad_enabled()


def test_missing_features_are_refused_by_name() -> None:
    functional = minigrad.autograd.functional
    x = vector(minigrad, 1, 2)
    for vectorize in (False, True):
        with pytest.raises(NotImplementedError, match="strategy"):
            functional.jacobian(square, x, vectorize=vectorize, strategy="forward-mode")
        with pytest.raises(NotImplementedError, match="outer_jacobian_strategy"):
            functional.hessian(
                cubes, x, vectorize=vectorize, outer_jacobian_strategy="forward-mode"
            )


def test_no_inputs_or_outputs_give_no_derivatives() -> None:
    """PyTorch raises IndexError."""
    functional, x = minigrad.autograd.functional, vector(minigrad, 1.5)
    assert functional.vjp(lambda: x, ())[1] == ()
    assert functional.jacobian(lambda: x, ()) == ()
    assert functional.jacobian(lambda x: (), x) == ()
    assert functional.jvp(lambda x: (), x) == ((), ())
    assert functional.hessian(lambda: x, ()) == ()


# The tests themselves -----------------------------------------------------------------------------


def _changed(name: str, change: Callable[..., Any]) -> tuple[str, Callable[..., Any]]:
    """Return a name of the module, and its value with a mistake: `change` of the original."""
    original = getattr(minigrad.autograd.functional, name)
    return name, lambda *args, **kwargs: change(original, *args, **kwargs)


MISTAKES: dict[str, tuple[str, Callable[..., Any]]] = {
    "graphs are never created": _changed(
        "_walk_back", lambda f, y, x, v, create_graph, *retain, **named: f(y, x, v, False, True)
    ),
    "results keep their histories": _changed(
        "_results", lambda f, tensors, many, _: f(tensors, many, 1)
    ),
    "results are detached": _changed(
        "_results", lambda f, tensors, many, _: f(tensors, many, False)
    ),
    "one result becomes a tuple": _changed(
        "_results", lambda f, tensors, _, graph: f(tensors, 1, graph)
    ),
    "a tuple becomes one result": _changed(
        "_results", lambda f, tensors, _, graph: f(tensors, 0, graph)
    ),
    "inputs are used directly": _changed("_fresh", lambda f, tensors, create_graph: tensors),
    "inputs are all leaves": _changed("_fresh", lambda f, tensors, create_graph: f(tensors, False)),
    "inputs are copied": _changed(
        "_fresh", lambda f, tensors, create_graph: f(tuple(t.clone() for t in tensors), True)
    ),
    "zeros are ones": _changed(
        "_or_zeros", lambda f, found, like: tuple(t + (t == 0) for t in f(found, like))
    ),
    "strict has no effect": _changed("_check_dependence", lambda f, *args: None),
    "constants are always an error": _changed(
        "_check_dependence", lambda f, t, unused, constant: f(t, unused, "So")
    ),
    "the vector has the opposite sign": _changed(
        "_vector", lambda f, *args: tuple(v if v is None else -v for v in f(*args))
    ),
    "the vector is detached": _changed(
        "_vector", lambda f, *args: tuple(v if v is None else v.detach() for v in f(*args))
    ),
    "jvp is vjp": _changed(
        "_walk_twice", lambda f, y, x, v, graph: (f(y, x, v, graph)[0], f(y, x, v, graph)[0])
    ),
}


def _check_all() -> None:
    for name, (create_graph, strict) in itertools.product(FUNCTIONS, FLAGS):
        for of in OF_TWO_INPUTS:
            check_close(program_of_two_inputs(name, of, create_graph, strict))
        for of, kind in itertools.product(OF_ONE_INPUT, ["constant", "leaf", "non-leaf"]):
            check_close(program_of_one_input(name, of, kind, create_graph, strict))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.autograd.functional, *MISTAKES[mistake])
    with pytest.raises(AssertionError):
        _check_all()
