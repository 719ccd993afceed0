"""After any sequence of calls, values and states are PyTorch's, bit for bit."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from streams import FUSED, same_numbers, state, torch

import minigrad

NAMESPACES = (minigrad, torch)
SEEDS = st.integers(-(2**63), 2**64 - 1)
SIZES = st.lists(st.integers(0, 7), max_size=3).map(tuple)
# From 16 on, normal numbers are drawn in blocks. The twister refills its memory every 624 words.
LENGTHS = st.sampled_from([0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 100, 623, 624, 625, 2000])
SHAPES = SIZES | LENGTHS.map(lambda n: (n,)) | st.tuples(LENGTHS, st.integers(1, 3))
FLOATS = st.sampled_from(["float32", "float64"])
DTYPES = st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool"])
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.1, 3.7, -1e-3, 1e4])
SPREADS = st.sampled_from([0.0, 1.0, 0.1, 2.5, 1e-3, 1e4])
PROBABILITIES = st.sampled_from([0.0, 1.0, 0.5, 0.1, 1 / 3, 0.99])
LAYOUTS = st.sampled_from(["plain", "transposed", "every second", "reversed dims"])


def tensor(namespace: Any, shape: tuple[int, ...], dtype: str, layout: str) -> Any:
    """Make zeros of a shape in one of several memory layouts."""
    kind = getattr(namespace, dtype)
    if layout == "transposed" and len(shape) >= 2:
        return namespace.zeros((shape[1], shape[0], *shape[2:]), dtype=kind).transpose(0, 1)
    if layout == "every second" and shape:
        return namespace.zeros((*shape[:-1], 2 * shape[-1]), dtype=kind)[..., ::2]
    if layout == "reversed dims":
        order = tuple(range(len(shape)))[::-1]
        return namespace.zeros(shape[::-1], dtype=kind).permute(order)
    return namespace.zeros(shape, dtype=kind)


class Stream(RuleBasedStateMachine):
    """Draws in both libraries, from the default generator or from a `Generator` of each."""

    @initialize(seed=SEEDS)
    def start(self, seed: int) -> None:
        self.generators = [t.Generator() for t in NAMESPACES]
        self.named = False
        for t in NAMESPACES:
            t.manual_seed(seed)

    @rule(named=st.booleans())
    def use(self, named: bool) -> None:
        """From now on, pass `generator=` if `named`, else draw from the default generator."""
        self.named = named

    @rule(seed=SEEDS)
    def seed(self, seed: int) -> None:
        for t, g in zip(NAMESPACES, self.generators, strict=True):
            (g if self.named else t).manual_seed(seed)

    @rule()
    def exchange_states(self) -> None:
        """Continue in each library from the other's state."""
        if not self.named:
            ours, theirs = (t.get_rng_state().numpy() for t in NAMESPACES)
            minigrad.set_rng_state(minigrad.from_numpy(theirs))
            torch.set_rng_state(torch.from_numpy(ours))

    @rule()
    def clone(self) -> None:
        self.generators = [g.clone_state() for g in self.generators]

    @invariant()
    def states_are_equal(self) -> None:
        if hasattr(self, "generators"):
            assert state(self.generators[0]) == state(self.generators[1])
            assert state(minigrad.default_generator) == state(torch.default_generator)

    def both(self, call: Any) -> None:
        """Make a call in both libraries and compare the results."""
        results = [
            call(t, {"generator": g} if self.named else {})
            for t, g in zip(NAMESPACES, self.generators, strict=True)
        ]
        assert same_numbers(*results), results

    @rule(name=st.sampled_from(["rand", "randn"]), shape=SHAPES, dtype=FLOATS)
    def floats(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
        self.both(lambda t, g: getattr(t, name)(shape, dtype=getattr(t, dtype), **g))

    @rule(
        low=st.integers(-(2**62), 2**62) | st.integers(-9, 9),
        count=st.sampled_from([1, 2, 7, 100, 2**28 - 1, 2**28, 2**31, 2**33 + 1, 2**62]),
        shape=SHAPES,
    )
    def randint(self, low: int, count: int, shape: tuple[int, ...]) -> None:
        self.both(lambda t, g: t.randint(low, low + count, shape, **g))

    @rule(high=st.integers(1, 255), shape=SHAPES, dtype=DTYPES)
    def randint_in_a_dtype(self, high: int, shape: tuple[int, ...], dtype: str) -> None:
        high = min(high, 2) if dtype == "bool" else high
        self.both(lambda t, g: t.randint(high, shape, dtype=getattr(t, dtype), **g))

    @rule(n=st.integers(0, 40) | LENGTHS, dtype=st.sampled_from(["int64", "int32", "float32"]))
    def randperm(self, n: int, dtype: str) -> None:
        self.both(lambda t, g: t.randperm(n, dtype=getattr(t, dtype), **g))

    @rule(
        name=st.sampled_from(["rand_like", "randn_like", "randint_like"]),
        shape=SHAPES,
        dtype=FLOATS,
        layout=LAYOUTS,
    )
    def like(self, name: str, shape: tuple[int, ...], dtype: str, layout: str) -> None:
        bounds = (-3, 5) if name == "randint_like" else ()
        self.both(lambda t, g: getattr(t, name)(tensor(t, shape, dtype, layout), *bounds, **g))

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS, low=NUMBERS, width=SPREADS)
    def uniform_(
        self, shape: tuple[int, ...], dtype: str, layout: str, low: float, width: float
    ) -> None:
        self.both(lambda t, g: tensor(t, shape, dtype, layout).uniform_(low, low + width, **g))

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS, mean=NUMBERS, std=SPREADS)
    def normal_(
        self, shape: tuple[int, ...], dtype: str, layout: str, mean: float, std: float
    ) -> None:
        self.both(lambda t, g: tensor(t, shape, dtype, layout).normal_(mean, std, **g))

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS, rate=st.sampled_from([1.0, 0.3, 7.0]))
    def exponential_(self, shape: tuple[int, ...], dtype: str, layout: str, rate: float) -> None:
        self.both(lambda t, g: tensor(t, shape, dtype, layout).exponential_(rate, **g))

    @rule(shape=SHAPES, dtype=DTYPES, layout=LAYOUTS, p=PROBABILITIES)
    def bernoulli_(self, shape: tuple[int, ...], dtype: str, layout: str, p: float) -> None:
        self.both(lambda t, g: tensor(t, shape, dtype, layout).bernoulli_(p, **g))

    @rule(shape=SHAPES, dtype=DTYPES, of=FLOATS, layout=LAYOUTS)
    def bernoulli_of_a_tensor_(
        self, shape: tuple[int, ...], dtype: str, of: str, layout: str
    ) -> None:
        def call(t: Any, g: Any) -> Any:
            p = t.rand(shape, dtype=getattr(t, of))
            return tensor(t, shape, dtype, layout).bernoulli_(p, **g)

        self.both(call)

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS)
    def bernoulli(self, shape: tuple[int, ...], dtype: str, layout: str) -> None:
        self.both(lambda t, g: t.bernoulli(tensor(t, shape, dtype, layout).uniform_(), **g))

    @rule(shape=SHAPES, dtype=DTYPES, layout=LAYOUTS, bounds=st.sampled_from([(), (2,), (0, 2)]))
    def random_(
        self, shape: tuple[int, ...], dtype: str, layout: str, bounds: tuple[int, ...]
    ) -> None:
        self.both(lambda t, g: tensor(t, shape, dtype, layout).random_(*bounds, **g))

    @rule(
        dtype=st.sampled_from(["int64", "int32", "uint8", "float32", "float64"]),
        low=st.integers(0, 200),
    )
    def random_from_(self, dtype: str, low: int) -> None:
        self.both(lambda t, g: tensor(t, (5,), dtype, "plain").random_(low, None, **g))

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS, which=st.sampled_from(["m", "s", "ms"]))
    def normal_of_tensors(
        self, shape: tuple[int, ...], dtype: str, layout: str, which: str
    ) -> None:
        def call(t: Any, g: Any) -> Any:
            mean = tensor(t, shape, dtype, layout).uniform_(-3, 3) if "m" in which else 0.7
            std = tensor(t, shape, dtype, layout).uniform_(0, 2) if "s" in which else 1.3
            return t.normal(mean, std, **g)

        self.both(call)

    @rule(shape=SHAPES, mean=NUMBERS, std=SPREADS)
    def normal(self, shape: tuple[int, ...], mean: float, std: float) -> None:
        self.both(lambda t, g: t.normal(mean, std, shape, **g))

    @rule(
        rows=st.none() | st.integers(0, 4),
        categories=st.integers(1, 30),
        samples=st.integers(1, 40),
        replacement=st.booleans(),
        dtype=FLOATS,
    )
    def multinomial(
        self, rows: int | None, categories: int, samples: int, replacement: bool, dtype: str
    ) -> None:
        shape = (categories,) if rows is None else (rows, categories)
        samples = samples if replacement else min(samples, categories)

        def call(t: Any, g: Any) -> Any:
            weights = t.rand(shape, dtype=getattr(t, dtype)) + 0.01
            return t.multinomial(weights, samples, replacement, **g)

        self.both(call)

    @rule(shape=SHAPES, dtype=FLOATS, layout=LAYOUTS, p=PROBABILITIES, inplace=st.booleans())
    def dropout(
        self, shape: tuple[int, ...], dtype: str, layout: str, p: float, inplace: bool
    ) -> None:
        def call(t: Any, _: Any) -> Any:
            x = tensor(t, shape, dtype, layout).fill_(1.7)
            return t.nn.functional.dropout(x, p, True, inplace)

        self.both(call)

    @rule(inputs=st.integers(1, 40), outputs=st.integers(1, 5), dtype=FLOATS, bias=st.booleans())
    def linear(self, inputs: int, outputs: int, dtype: str, bias: bool) -> None:
        def call(t: Any, _: Any) -> Any:
            layer = t.nn.Linear(inputs, outputs, bias, dtype=getattr(t, dtype))
            return t.cat([p.detach().reshape(-1) for p in layer.parameters()])

        self.both(call)

    @rule(
        name=st.sampled_from(["xavier_uniform_", "xavier_normal_", "kaiming_uniform_"]),
        shape=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
        dtype=FLOATS,
        layout=LAYOUTS,
    )
    def initialise(self, name: str, shape: tuple[int, ...], dtype: str, layout: str) -> None:
        self.both(lambda t, g: getattr(t.nn.init, name)(tensor(t, shape, dtype, layout), **g))

    @rule(shape=SHAPES)
    def fork(self, shape: tuple[int, ...]) -> None:
        def call(t: Any, g: Any) -> Any:
            with t.random.fork_rng():
                return t.randn(shape, **g)

        self.both(call)


TestStream = Stream.TestCase
TestStream.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_same_numbers_finds_a_difference_of_one_bit() -> None:
    a = minigrad.rand(20)
    b = torch.from_numpy(copy.deepcopy(a.numpy()))
    assert same_numbers(a, b)
    b[3] = torch.nextafter(b[3], torch.tensor(2.0)) if FUSED else b[3] + 1e-5
    assert not same_numbers(a, b)
    assert not same_numbers(a, torch.from_numpy(a.numpy()).double())
    assert not same_numbers(
        a.view(4, 5).t(), torch.from_numpy(a.numpy()).view(4, 5).t().contiguous()
    )
