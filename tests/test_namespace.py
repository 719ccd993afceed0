"""The public namespace: a program runs when its import is changed, and every name is PyTorch's."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import twins

import minigrad
import minigrad.nn.functional
import minigrad.nn.init
import minigrad.optim.lr_scheduler
import minigrad.utils.data

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.benchmark")

MODULES: dict[str, tuple[ModuleType, ModuleType]] = {
    "": (minigrad, torch),
    "accelerator": (minigrad.accelerator, torch.accelerator),
    "amp": (minigrad.amp, torch.amp),
    "backends.cpu": (minigrad.backends.cpu, torch.backends.cpu),
    "backends.cuda": (minigrad.backends.cuda, torch.backends.cuda),
    "backends.cudnn": (minigrad.backends.cudnn, torch.backends.cudnn),
    "backends.mha": (minigrad.backends.mha, torch.backends.mha),
    "backends.mkl": (minigrad.backends.mkl, torch.backends.mkl),
    "backends.mps": (minigrad.backends.mps, torch.backends.mps),
    "backends.openmp": (minigrad.backends.openmp, torch.backends.openmp),
    "backends.opt_einsum": (minigrad.backends.opt_einsum, torch.backends.opt_einsum),
    "compiler": (minigrad.compiler, torch.compiler),
    "cpu": (minigrad.cpu, torch.cpu),
    "cpu.amp": (minigrad.cpu.amp, torch.cpu.amp),
    "cuda": (minigrad.cuda, torch.cuda),
    "cuda.amp": (minigrad.cuda.amp, torch.cuda.amp),
    "cuda.memory": (minigrad.cuda.memory, torch.cuda.memory),
    "cuda.nvtx": (minigrad.cuda.nvtx, torch.cuda.nvtx),
    "cuda.random": (minigrad.cuda.random, torch.cuda.random),
    "mps": (minigrad.mps, torch.mps),
    "xpu": (minigrad.xpu, torch.xpu),
    "distributions": (minigrad.distributions, torch.distributions),
    "distributions.constraint_registry": (
        minigrad.distributions.constraint_registry,
        torch.distributions.constraint_registry,
    ),
    "distributions.constraints": (
        minigrad.distributions.constraints,
        torch.distributions.constraints,
    ),
    "distributions.utils": (minigrad.distributions.utils, torch.distributions.utils),
    "distributions.transforms": (
        minigrad.distributions.transforms,
        torch.distributions.transforms,
    ),
    "fft": (minigrad.fft, torch.fft),
    "func": (minigrad.func, torch.func),
    "testing": (minigrad.testing, torch.testing),
    "utils.benchmark": (minigrad.utils.benchmark, torch.utils.benchmark),
    "autograd": (minigrad.autograd, torch.autograd),
    "autograd.functional": (minigrad.autograd.functional, torch.autograd.functional),
    "autograd.function": (minigrad.autograd.function, torch.autograd.function),
    "autograd.grad_mode": (minigrad.autograd.grad_mode, torch.autograd.grad_mode),
    "autograd.profiler": (minigrad.autograd.profiler, torch.autograd.profiler),
    "functional": (minigrad.functional, torch.functional),
    "hub": (minigrad.hub, torch.hub),
    "jit": (minigrad.jit, torch.jit),
    "linalg": (minigrad.linalg, torch.linalg),
    "nn": (minigrad.nn, torch.nn),
    "nn.functional": (minigrad.nn.functional, torch.nn.functional),
    "nn.init": (minigrad.nn.init, torch.nn.init),
    "nn._reduction": (minigrad.nn._reduction, torch.nn._reduction),
    "nn.modules.module": (minigrad.nn.modules.module, torch.nn.modules.module),
    "optim": (minigrad.optim, torch.optim),
    "overrides": (minigrad.overrides, torch.overrides),
    "profiler": (minigrad.profiler, torch.profiler),
    "return_types": (minigrad.return_types, torch.return_types),
    "torch_version": (minigrad.torch_version, torch.torch_version),
    "random": (minigrad.random, torch.random),
    "optim.lr_scheduler": (minigrad.optim.lr_scheduler, torch.optim.lr_scheduler),
    "masked": (minigrad.masked, torch.masked),
    "signal": (minigrad.signal, torch.signal),
    "signal.windows": (minigrad.signal.windows, torch.signal.windows),
    "special": (minigrad.special, torch.special),
    "utils.dlpack": (minigrad.utils.dlpack, torch.utils.dlpack),
    "utils": (minigrad.utils, torch.utils),
    "utils.data": (minigrad.utils.data, torch.utils.data),
}


def public(module: ModuleType) -> list[str]:
    """Return the public names of a module: `__all__`, or else the names that it defines itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


# Importing ----------------------------------------------------------------------------------------


def test_importing_loads_only_numpy() -> None:
    script = (
        "import sys, numpy.random; before = set(sys.modules)\n"
        "import minigrad, minigrad.nn.functional, minigrad.optim.lr_scheduler\n"
        "import minigrad.utils.data\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - sys.stdlib_module_names))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(minigrad.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {*found.stdout.split()} - {"__mp_main__"} == {
        "minigrad"
    }  # multiprocessing adds the other


@pytest.mark.parametrize("name", MODULES)
def test_all_exists(name: str) -> None:
    ours, _ = MODULES[name]
    names = public(ours)
    assert names
    assert [n for n in names if not hasattr(ours, n)] == []
    assert len(set(names)) == len(names)


def test_a_star_import_gives_the_names_in_all() -> None:
    namespace: dict[str, Any] = {}
    exec("from minigrad import *", namespace)
    assert set(minigrad.__all__) <= set(namespace)


# What minigrad has beside PyTorch's names.
OWN = ("explain",)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_pytorchs(name: str) -> None:
    ours, theirs = MODULES[name]
    assert [n for n in public(ours) if not hasattr(theirs, n) and n not in OWN] == []


def test_every_public_attribute_of_a_tensor_is_pytorchs() -> None:
    names = [n for n in dir(minigrad.Tensor) if not n.startswith("_")]
    assert len(names) > 100
    assert [n for n in names if not hasattr(torch.Tensor, n)] == []


def test_every_function_and_class_has_a_docstring() -> None:
    for ours, _ in MODULES.values():
        for name in public(ours):
            value = getattr(ours, name)
            assert not callable(value) or inspect.getdoc(value), f"{ours.__name__}.{name}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["", "nn.functional", "special", "linalg", "signal.windows"])
def test_the_error_for_an_unknown_keyword_names_a_public_function(name: str) -> None:
    """It isn't a function that only the implementation has."""
    ours, theirs = MODULES[name]
    x = minigrad.eye(3) + 1
    operands: list[tuple[Any, ...]] = [(), (2,), (x,), (x, 2), (x, x), (2, 2), (x, x, x)]
    operands += [(2, 2, 2), ((2,), 1.0), ((2, 2), (1, 2)), ((2, 2), (0, 1)), (0, 5, (2,))]
    checked = 0
    for function in public(ours):
        value = getattr(ours, function)
        settings = function.startswith(("set_", "use_", "save", "seed", "manual_seed"))
        if settings or not inspect.isfunction(value):
            continue
        for args in operands:
            with contextlib.suppress(Exception):
                value(*args)
                with pytest.raises(TypeError) as raised:
                    value(*args, no_such=1)
                called = re.match(r"(\w+)\(\) got an unexpected keyword", str(raised.value))
                assert called, raised.value
                found = called[1].removeprefix("special_")
                assert any(hasattr(t, found) for t in (theirs, torch, torch.special)), raised.value
                checked += 1
    assert checked > 8


# Functions that aren't there at all: PyTorch's docs don't list them, or they set what is refused.
MISSING = {
    *("classproperty", "solve"),
    *("autocast_decrement_nesting", "autocast_increment_nesting", "compiled_with_cxx11_abi"),
    *("cudnn_is_acceptable", "get_autocast_cpu_dtype", "get_autocast_gpu_dtype"),
    *("get_autocast_ipu_dtype", "get_autocast_xla_dtype", "get_file_path", "init_num_threads"),
    *("is_autocast_ipu_enabled", "is_autocast_xla_enabled", "is_vulkan_available"),
    *("merge_type_from_type_comment", "parse_type_comment", "prepare_multiprocessing_environment"),
    *("set_anomaly_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype"),
    *("set_autocast_cpu_enabled", "set_autocast_dtype", "set_autocast_enabled"),
    *("set_autocast_gpu_dtype", "set_autocast_ipu_dtype", "set_autocast_ipu_enabled"),
    *("set_autocast_xla_dtype", "set_autocast_xla_enabled", "thread_safe_generator"),
    *("profiler_allow_cudagraph_cupti_lazy_reinit_cuda12", "unify_type_list", "vitals_enabled"),
    *("sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum"),
}


def functions_of(namespace: Any) -> set[str]:
    names = (n for n in dir(namespace) if not n.startswith("_"))
    return {n for n in names if inspect.isroutine(getattr(namespace, n))}


def test_every_function_exists_or_is_refused_by_name() -> None:
    missing = {n for n in functions_of(torch) if not hasattr(minigrad, n)}
    assert missing <= MISSING
    missing = {n for n in functions_of(torch.fft) if not hasattr(minigrad.fft, n)}
    assert not missing


def test_what_is_refused_says_so() -> None:
    refused = [n for n in vars(minigrad) if callable(getattr(minigrad, n))]
    refused = [n for n in refused if getattr(minigrad, n).__module__ == "minigrad.api.refused"]
    assert len(refused) > 90
    assert all(hasattr(torch, n) for n in refused)
    for name in refused:
        with pytest.raises(RuntimeError, match=rf"^{name} "):
            getattr(minigrad, name)(minigrad.ones(2), key=1)
    with pytest.raises(NotImplementedError, match="no tensor can be complex"):
        minigrad.fft.fft(minigrad.ones(2))


METHODS = {
    *("coalesce", "indices", "values", "is_coalesced", "crow_indices", "col_indices"),
    *("ccol_indices", "row_indices", "int_repr", "q_scale", "qscheme", "eig", "symeig"),
    *("is_distributed", "sparse_dim", "dense_dim", "xpu"),
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_for_other_tensors(name: str) -> None:
    """They have PyTorch's values, or its types of errors."""
    ours, theirs = twins.both(lambda t: getattr(t.ones(2, 3), name)())
    assert ours == theirs


def test_the_other_devices_of_a_tensor() -> None:
    for name in ("is_vulkan", "is_xla", "is_ipu", "is_maia", "is_mtia"):
        assert getattr(minigrad.ones(2), name) is getattr(torch.ones(2), name) is False
    for t in (minigrad, torch):
        with pytest.raises(RuntimeError, match="imag is not implemented for tensors with non-c"):
            _ = t.ones(2).imag
        with pytest.raises(NotImplementedError):
            t.ones(2).record_stream(t.cpu.current_stream() if t is minigrad else t.Stream("cpu"))
        x = t.ones(2)
        assert x.to_dense() is x
        assert x.to_dense(t.float64).dtype is t.float64
        assert not t.is_distributed(x)


def test_resizing_out_of_place() -> None:
    def program(t: Any) -> Any:
        x = t.arange(6.0, requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y, z = x.resize(3, 2), x.resize_as(t.ones(2, 3))
            (y.sin() + z.reshape(3, 2)).sum().backward()
            said = [str(w.message) for w in caught]
        return [y, z, x.grad, *said, y.grad_fn.name(), z.grad_fn.name()]

    twins.check_close(program, 1e-6)
    for t in (minigrad, torch):
        with (
            warnings.catch_warnings(action="ignore"),
            pytest.raises(RuntimeError, match="requested resize to 2x2"),
        ):
            t.ones(6).resize(2, 2)


@pytest.mark.parametrize("n", [0, 1, 4, 5])
@pytest.mark.parametrize("dtype", [None, "float64", "float16", "int64"])
def test_frequencies(n: int, dtype: str | None) -> None:
    def program(t: Any) -> Any:
        kind = dtype and getattr(t, dtype)
        x, y = t.fft.fftfreq(n, 0.3, dtype=kind), t.fft.rfftfreq(n, dtype=kind, requires_grad=True)
        return [x, y, y.requires_grad, y.is_leaf]

    twins.check_close(program, 1e-6)


@pytest.mark.parametrize("shape", [(6,), (5,), (2, 3), (), (0,), (3, 1, 4)], ids=str)
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 1), (), 3], ids=str)
def test_halves_are_exchanged(shape: tuple[int, ...], dim: Any) -> None:
    def program(t: Any) -> Any:
        x = t.from_numpy(np.random.default_rng(0).normal(size=shape)).requires_grad_()
        found = []
        for y in (t.fft.fftshift(x, dim), t.fft.ifftshift(x, dim)):
            found += [y, t.autograd.grad(y, x, y.detach().cos())[0]]
        return [*found, t.equal(t.fft.ifftshift(t.fft.fftshift(x, dim), dim), x)]

    twins.check_close(program, 0)


# Parameters ---------------------------------------------------------------------------------------

# One way to call a function: its positional parameter names, and all its parameter names.
ParameterNames = tuple[list[str], set[str]]
# PyTorch's own signature of these is missing or wrong.
WRONG_IN_PYTORCH = {
    *("dtype", "no_grad", "autograd.no_grad", "autograd.grad_mode.no_grad"),
    "Tensor.requires_grad_",
    # These accept the parameters of `max_pool2d_with_indices` and kin.
    *(f"nn.functional.{kind}max_pool{n}d" for kind in ("", "adaptive_") for n in (1, 2, 3)),
    *(f"nn.functional.fractional_max_pool{n}d" for n in (2, 3)),
    "lu",  # the parameters of one of two functions
}
WRONG_IN_PYTORCH |= {
    "compiler.compile",
    "unique",
    "unique_consecutive",
    "nn.GRU",
    "nn.LSTM",
    "nn.RNN",
    "TypedStorage",
    "UntypedStorage",
}  # they take *args and **kwargs
WRONG_IN_PYTORCH |= {f"functional.{name}" for name in ("lu", "unique", "unique_consecutive")}
# PyTorch has `out` for the functions only, which give these methods.
WRONG_IN_PYTORCH |= {"Tensor.bernoulli", "Tensor.multinomial"}
WRONG_IN_PYTORCH |= {"Tensor.new"}
# They take `memory_format`.
_CONVERSIONS = ("bool", "byte", "char", "double", "float", "half", "int", "long", "short")
WRONG_IN_PYTORCH |= {f"Tensor.{name}" for name in (*_CONVERSIONS, "bfloat16", "cdouble", "cfloat")}
# NumPy's argument names, which PyTorch accepts but its stubs don't list.
ALIASES = {"axis", "keepdims"}


def stubs(path: str, of_class: str | None = None) -> dict[str, list[ParameterNames]]:
    """Return every overload of PyTorch's compiled functions, from its type stubs."""
    tree: Any = ast.parse((Path(torch.__file__).parent / path).read_text())
    if of_class is not None:
        tree = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == of_class)
    found: dict[str, list[ParameterNames]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            positional = [_unified(a.arg) for a in node.args.posonlyargs + node.args.args]
            named = {_unified(a.arg) for a in node.args.kwonlyargs}
            found.setdefault(node.name, []).append((positional, named | set(positional)))
    return found


def _unified(name: str) -> str:
    """Rename a method's `self` to a function's `input`."""
    return "input" if name == "self" else name


FUNCTION_STUBS = stubs("_C/_VariableFunctions.pyi")
METHOD_STUBS = stubs("_C/__init__.pyi", "TensorBase")


def signature(function: Any) -> ParameterNames | None:
    """Return the parameter names of a Python function or class, or None if unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    positional = [
        _unified(p.name)
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    named = {_unified(p.name) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return positional, named | set(positional)


# Classes whose objects only a profiler makes. Those of `return_types` only ops make.
MADE_BY_PROFILERS = {"autograd.profiler.EventList", "autograd.profiler.FunctionEvent"}


def pairs() -> Iterator[tuple[str, ParameterNames, list[ParameterNames]]]:
    """Yield the name of every callable that both have, our parameters, and theirs per overload."""
    for module, (ours, theirs) in MODULES.items():
        for name in public(ours):
            mine = getattr(ours, name)
            if not callable(mine) or isinstance(mine, minigrad.dtype):
                continue
            known = FUNCTION_STUBS.get(name, []) if module == "" else []
            other = signature(getattr(theirs, name, None)) if not known else None
            call = signature(mine)
            full_name = f"{module}.{name}".lstrip(".")
            skipped = full_name in WRONG_IN_PYTORCH | MADE_BY_PROFILERS or module == "return_types"
            if call is not None and (known or other) and not skipped:
                yield full_name, call, known or [other]  # type: ignore[list-item]
    for name in dir(minigrad.Tensor):
        mine = getattr(minigrad.Tensor, name)
        if name.startswith("_") or not callable(mine):
            continue
        call, known = signature(mine), METHOD_STUBS.get(name, [])
        if call is not None and known and f"Tensor.{name}" not in WRONG_IN_PYTORCH:
            yield f"Tensor.{name}", call, known


@pytest.mark.parametrize(("name", "ours", "theirs"), [pytest.param(*p, id=p[0]) for p in pairs()])
def test_parameters_are_named_and_ordered_as_pytorchs(
    name: str, ours: ParameterNames, theirs: list[ParameterNames]
) -> None:
    positional, every = ours
    assert every - ALIASES <= set().union(*(names for _, names in theirs))
    assert any(positional[: len(other)] == other[: len(positional)] for other, _ in theirs)


def test_the_main_functions_are_compared() -> None:
    names = [name for name, _, _ in pairs()]
    assert len(names) > 200
    for some in ("add", "Tensor.sum", "nn.Linear", "optim.SGD", "nn.functional.cross_entropy"):
        assert some in names


# Programs -----------------------------------------------------------------------------------------

BY_HAND = """
import torch
import torch.nn.functional as F
import numpy as np

points = np.array([[0.0, 0.2], [1.0, 0.1], [0.9, 1.0], [0.1, 0.9], [0.2, 0.0], [1.1, 0.8]])
kinds = np.array([0, 1, 2, 0, 0, 2])
inputs = torch.from_numpy(points).float()
labels = torch.from_numpy(kinds)

def parameter(*shape):
    size = int(np.prod(shape))
    values = np.sin(np.arange(1, size + 1)).reshape(shape)
    return torch.from_numpy(values).float().requires_grad_()

first, first_bias, last, last_bias = parameter(2, 4), parameter(4), parameter(4, 3), parameter(3)
parameters = [first, first_bias, last, last_bias]

def scores(inputs):
    hidden = torch.add(torch.matmul(inputs, first), first_bias)
    return torch.add(torch.matmul(F.relu(hidden), last), last_bias)

for epoch in range(300):
    loss = F.nll_loss(F.log_softmax(scores(inputs), dim=1), labels)
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p.data -= 0.1 * p.grad.data
    for p in parameters:
        p.grad.data.zero_()
    if epoch % 100 == 99:
        with torch.no_grad():
            guess = torch.argmax(scores(inputs), 1)
            right = (guess.numpy() == kinds).mean()
            print('%d %.4f %.3f' % (epoch + 1, loss.item(), right))
print(loss)
print(guess, guess.numpy(), first_bias.grad, first_bias.requires_grad)
"""

BY_OPTIMISER = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import numpy as np

grid = np.stack(np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 6)), -1).reshape(-1, 2)
inputs = torch.from_numpy(grid).float()
labels = torch.from_numpy((grid[:, 0] * grid[:, 1] > 0).astype(np.int64))

class Net(nn.Module):
    def __init__(self, width):
        super(Net, self).__init__()
        self.inner = nn.Linear(2, width)
        self.outer = nn.Linear(width, 2)

    def forward(self, x):
        return self.outer(F.relu(self.inner(x)))

torch.manual_seed(1)
net = Net(8)
with torch.no_grad():
    for k, p in enumerate(net.parameters()):
        p.copy_(torch.from_numpy(np.cos(np.arange(p.numel()) + k)).view_as(p))
measure = nn.CrossEntropyLoss()
optimiser = optim.SGD(net.parameters(), lr=0.5)
print(net)
for epoch in range(200):
    net.train()
    optimiser.zero_grad()
    loss = measure(net(inputs), labels)
    loss.backward()
    optimiser.step()
    if epoch % 50 == 49:
        net.eval()
        _, guess = torch.max(net(inputs), 1)
        print(f'{epoch + 1}: {loss.item():.4f} {(guess == labels).float().mean():.4f}')
print(guess.tolist(), loss.requires_grad, [name for name, _ in net.named_parameters()])
"""


def printed(program: str, library: str) -> str:
    """Return what a program prints when only its imports are changed."""
    lines = program.replace("import torch\n", f"import {library} as torch\n")
    lines = lines.replace("import torch.", f"import {library}.")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(lines, "<program>", "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("program", [BY_HAND, BY_OPTIMISER], ids=["by hand", "by optimiser"])
def test_change_the_import_and_the_program_prints_the_same(program: str) -> None:
    ours, theirs = printed(program, "minigrad"), printed(program, "torch")
    assert ours == theirs
    assert len(theirs.splitlines()) >= 5
    assert "1.0" in theirs  # the training reached full accuracy


RANDOM: list[Callable[[Any], Any]] = [
    lambda torch: torch.randn(2, 5, requires_grad=True),
    lambda torch: torch.nn.Linear(2, 5).weight,
    lambda torch: torch.rand(3).requires_grad_(),
]


@pytest.mark.parametrize("make", RANDOM)
def test_random_tensors_have_pytorchs_dtype_shape_and_flags(make: Callable[[Any], Any]) -> None:
    ours, theirs = make(minigrad), make(torch)
    assert ours.shape == theirs.shape
    assert (str(ours.dtype), ours.requires_grad, ours.is_leaf) == (
        str(theirs.dtype),
        theirs.requires_grad,
        theirs.is_leaf,
    )
    assert np.isfinite(ours.detach().numpy()).all()
