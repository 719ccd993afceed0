"""amp.GradScaler on the CPU, and settings, compared with PyTorch."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import both, check_same, torch

import minigrad

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["step", "unscale and step", "unscale", "nothing"]),
        st.sampled_from([1.0, 3e38, 1e-30, float("inf"), float("nan")]),
        st.sampled_from([None, None, None, 16.0]),
    ),
    max_size=8,
)


@given(
    STEPS,
    st.sampled_from([2.0**16, 3.0, 2.0**127]),
    st.sampled_from([2.0, 1.5]),
    st.sampled_from([0.5, 0.3]),
    st.integers(0, 3),
    st.sampled_from(["float32", "float64"]),
)
def test_trainings(
    steps: Any, scale: float, growth: float, backoff: float, interval: int, dtype: str
) -> None:
    def program(t: Any) -> Any:
        params = [t.ones(2, dtype=getattr(t, dtype), requires_grad=True) for _ in range(2)]
        optimizer = t.optim.SGD(params, lr=0.5)
        scaler = t.GradScaler("cpu", scale, growth, backoff, interval)
        seen = []
        for what, factor, new in steps:
            optimizer.zero_grad()
            scaler.scale((params[0] * factor).sum()).backward()
            if "unscale" in what:
                scaler.unscale_(optimizer)
            if "step" in what:
                scaler.step(optimizer)
            if what != "nothing" or new is not None:
                scaler.update(new)
            seen += [params[0].clone(), params[0].grad, scaler.get_scale(), scaler.state_dict()]
        return seen, pickle.loads(pickle.dumps(scaler)).state_dict()

    check_same(program)


def scaling(t: Any) -> tuple[Any, Any, Any]:
    """A scaler that has scaled, an optimiser, and its parameter."""
    w = t.ones(2, requires_grad=True)
    scaler, optimizer = t.GradScaler("cpu", init_scale=4.0), t.optim.SGD([w], lr=0.1)
    scaler.scale(w.sum()).backward()
    return scaler, optimizer, w


def called(t: Any, *names: str) -> Any:
    scaler, optimizer, _ = scaling(t)
    return [getattr(scaler, name)(*([] if name == "update" else [optimizer])) for name in names]


def halves(t: Any) -> Any:
    scaler, _, _ = scaling(t)
    w = t.ones(2, dtype=t.float16, requires_grad=True)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(t.optim.SGD([w], lr=0.1))


def options(t: Any) -> Any:
    scaler = t.GradScaler("cpu")
    found = [scaler.is_enabled(), scaler.get_scale()]
    for name, value in (("growth_factor", 3.0), ("backoff_factor", 0.1), ("growth_interval", 7)):
        found.append(getattr(scaler, f"get_{name}")())
        getattr(scaler, f"set_{name}")(value)
    other = t.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict() | {"scale": 2.0, "_growth_tracker": 5})
    found += [other.state_dict(), other.scale(t.ones(1)), other.state_dict()]
    return found


def unhashable(t: Any) -> Any:
    class Equal(t.optim.SGD):  # type: ignore[misc]
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    w = [t.ones(1, requires_grad=True) for _ in range(2)]
    optimizers = [Equal([each], lr=0.5) for each in w]
    scaler = t.GradScaler("cpu", 4.0)
    scaler.scale(w[0] + 2 * w[1]).backward()
    for optimizer in optimizers:
        scaler.step(optimizer)
    return scaler.update(), w


def decorated(t: Any, of_forward: Any, of_backward: Any) -> Any:
    class Double(t.autograd.Function):  # type: ignore[misc]
        @staticmethod
        @of_forward
        def forward(ctx: Any, x: Any, *, factor: float = 2.0) -> Any:
            """Return the double."""
            return x * factor

        @staticmethod
        @of_backward
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 + t.is_autocast_enabled("cpu")

    x = t.ones(2, requires_grad=True)
    y = Double.apply(x)
    y.sum().backward()
    return y, x.grad, Double.forward.__doc__


PROGRAMS = {
    "options": options,
    "scale of a tuple": lambda t: t.GradScaler("cpu").scale(
        (t.ones(1), [t.ones(2, dtype=t.int64)])
    ),
    "scale of a generator": lambda t: list(t.GradScaler("cpu").scale(t.ones(1) for _ in range(2))),
    "scale of half": lambda t: t.GradScaler("cpu", 2.0).scale(t.ones(1, dtype=t.float16)),
    "scale of a number": lambda t: t.GradScaler("cpu").scale(3),
    "growth": lambda t: t.GradScaler("cpu", growth_factor=1.0),
    "backoff": lambda t: t.GradScaler("cpu", backoff_factor=1.0),
    "update first": lambda t: t.GradScaler("cpu").update(),
    "step first": lambda t: t.GradScaler("cpu").step(t.optim.SGD([t.ones(1)], lr=1)),
    "unscale first": lambda t: t.GradScaler("cpu").unscale_(t.optim.SGD([t.ones(1)], lr=1)),
    "an empty state": lambda t: t.GradScaler("cpu").load_state_dict({}),
    "a state for a disabled one": lambda t: t.GradScaler(enabled=False).load_state_dict({}),
    "two steps": lambda t: called(t, "step", "step"),
    "two steps and updates": lambda t: called(t, "step", "update", "unscale_", "step", "update"),
    "unscaled twice": lambda t: called(t, "unscale_", "unscale_"),
    "unscaled after a step": lambda t: called(t, "step", "unscale_"),
    "nothing to update": lambda t: called(t, "update"),
    "half": halves,
    "closure": lambda t: scaling(t)[0].step(scaling(t)[1], closure=lambda: 1),
    "growth beyond float32": lambda t: [
        (scaler := t.GradScaler("cpu", 2.0**127, growth_interval=1))
        .scale((w := t.ones(1, requires_grad=True)) * 1e-30)
        .backward(),
        scaler.step(t.optim.SGD([w], lr=1.0)),
        scaler.update(),
        scaler.get_scale(),
        scaler.state_dict(),
    ],
    "a new scale": lambda t: [
        (scaler := scaling(t)[0]).update(t.tensor(3.0)),
        scaler.get_scale(),
    ],
    "a new scale with a gradient": lambda t: scaling(t)[0].update(t.ones((), requires_grad=True)),
    "an optimiser without a hash": lambda t: unhashable(t),
    "autocast is off": lambda t: [
        t.is_autocast_enabled(),
        t.is_autocast_enabled("cpu"),
        t.is_autocast_enabled(device_type="xpu"),
        [str(t.get_autocast_dtype(name)) for name in ("cpu", "cuda", "cuda:1", "mps", "xla")],
    ],
    "autocast of the CPU": lambda t: t.is_autocast_cpu_enabled(),
    "autocast of no device": lambda t: t.is_autocast_enabled("foo"),
    "decorated": lambda t: decorated(
        t, t.amp.custom_fwd(device_type="cpu"), t.amp.custom_bwd(device_type="cpu")
    ),
    "decorated with a dtype": lambda t: decorated(
        t,
        t.amp.custom_fwd(device_type="cuda", cast_inputs=t.float16),
        lambda bwd: t.amp.custom_bwd(bwd, device_type="cuda"),
    ),
    "decorated for CUDA": lambda t: decorated(
        t, t.cuda.amp.custom_fwd(cast_inputs=t.float16), t.cuda.amp.custom_bwd
    ),
    "decorated without a device": lambda t: t.amp.custom_fwd() and None,
    "decorated for a number": lambda t: t.amp.custom_bwd(device_type=3) and None,
    "only backward decorated": lambda t: decorated(
        t, lambda fwd: fwd, t.amp.custom_bwd(device_type="cpu")
    ),
    "deterministic": lambda t: [
        (
            t.set_deterministic_debug_mode(mode),
            t.get_deterministic_debug_mode(),
            t.are_deterministic_algorithms_enabled(),
            t.is_deterministic_algorithms_warn_only_enabled(),
        )
        for mode in ("warn", 2, "error", 1, "default", 0)
    ],
    "deterministic by a wrong name": lambda t: t.set_deterministic_debug_mode("x"),
    "deterministic by a wrong number": lambda t: t.set_deterministic_debug_mode(3),
    "deterministic by a float": lambda t: t.set_deterministic_debug_mode(1.0),
    "no interop threads": lambda t: t.set_num_interop_threads(0),
    "a float of interop threads": lambda t: t.set_num_interop_threads(1.5),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_matches_pytorch(program: Any) -> None:
    try:
        if both(program)[1] is AssertionError:
            assert both(program) == [AssertionError, AssertionError]
        else:
            check_same(program)
    finally:
        for t in (minigrad, torch):
            t.use_deterministic_algorithms(False)


def test_devices_without_autocast() -> None:
    for t in (minigrad, torch):
        for call in (
            t.is_autocast_enabled,
            t.get_autocast_dtype,
            lambda name, t=t: t.autocast(name, t.float16, False),
        ):
            with pytest.raises(RuntimeError):
                call("meta")
        for function in (t.is_autocast_enabled, t.get_autocast_dtype):
            with pytest.raises(TypeError, match="must be str, not int"):
                function(3)


def test_no_gradients() -> None:
    for t in (minigrad, torch):
        scaler, optimizer, _ = scaling(t)
        optimizer.zero_grad()
        with pytest.raises(AssertionError):
            scaler.step(optimizer)
        with pytest.raises(AssertionError):
            pickle.dumps(scaler)


def test_the_number_of_interop_threads_is_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad.api.queries._settings, "interop_threads", None)
    minigrad.set_num_interop_threads(3)
    assert minigrad.get_num_interop_threads() == 3
    with pytest.raises(RuntimeError):
        minigrad.set_num_interop_threads(2)
