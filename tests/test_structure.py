"""The structure of minigrad:

imports go one way, every module imports first, state stays private.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import minigrad

ROOT = Path(minigrad.__file__).parent
# A package imports those before it, and itself. `catalogue` and `app` also use the namespace.
ORDER = (
    "rules",
    "core",
    "random",
    "api",
    "autograd",
    "distributed",
    "nn",
    "optim",
    "utils",
    "distributions",
    "compiling",
    "explaining",
    "catalogue",
    "app",
)
# Names of PyTorch's beside the order. They may import every package.
NAMESPACES = {
    "_C",
    "_dynamo",
    "_jit_internal",
    "__config__",
    "_utils",
    "accelerator",
    "amp",
    "backends",
    "compiler",
    "cpu",
    "cuda",
    "fft",
    "func",
    "functional",
    "hub",
    "jit",
    "masked",
    "mps",
    "multiprocessing",
    "overrides",
    "profiler",
    "return_types",
    "serialization",
    "signal",
    "special",
    "storage",
    "testing",
    "torch_version",
    "types",
    "version",
    "xpu",
}
FILES = {"accelerator", "amp", "fft", "func", "linalg", "masked", "serialization", "special"}
FILES |= {
    "_C",
    "_dynamo",
    "_jit_internal",
    "_utils",
    "functional",
    "jit",
    "mps",
    "profiler",
    "storage",
}
FILES |= {"__config__", "compiler", "hub", "return_types", "torch_version", "types", "version"}
FILES |= {"overrides", "xpu"}
# Private attributes of a tensor, and who may use those of another object than `self`. The core uses
# all of them, and its docstring says what for.
PRIVATE: dict[str, set[str]] = {
    "_array": {
        "random",
        "api",
        "autograd",
        "distributed",
        "nn",
        "optim",
        "explaining",
        "compiling",
    },
    "_attached": {"compiling"},
    "_counter": {"api", "autograd", "distributed", "nn", "optim", "compiling"},
    "_grad": {"explaining", "compiling"},
    "_node": {"autograd", "explaining", "compiling"},
    "_requires_grad": {"autograd", "compiling"},
    "_view": {"api", "autograd", "compiling"},
}


@dataclass(frozen=True)
class Import:
    """One import statement: who imports which module, where, and whether it is for types only."""

    module: str
    target: str
    line: int
    only_types: bool
    in_function: bool


def modules() -> dict[str, Path]:
    files = sorted(ROOT.rglob("*.py"))
    return {_name(path): path for path in files if path.name != "conftest.py"}


def _name(path: Path) -> str:
    parts = ("minigrad", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = modules()


def imports_of(module: str, path: Path) -> Iterator[Import]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, only_types: bool, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from visit(child, True, in_function)
            elif isinstance(child, ast.FunctionDef | ast.Lambda):
                yield from visit(child, only_types, True)
            elif isinstance(child, ast.Import | ast.ImportFrom):
                for target in _targets(child, package):
                    yield Import(module, target, child.lineno, only_types, in_function)
            else:
                yield from visit(child, only_types, in_function)

    return visit(ast.parse(path.read_text()), False, False)


def _targets(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
    base = ".".join(filter(None, (base, node.module)))
    for alias in node.names:
        yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


IMPORTS = [found for module, path in MODULES.items() for found in imports_of(module, path)]
OURS = [i for i in IMPORTS if i.target.split(".")[0] == "minigrad"]


def place(module: str) -> int:
    """The place of a module's package in the order; the namespace itself comes last."""
    parts = module.split(".")
    return ORDER.index(parts[1]) if len(parts) > 1 and parts[1] in ORDER else len(ORDER)


def test_packages_are_known() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {*ORDER, *NAMESPACES} - FILES
    assert {path.name for path in ROOT.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "conftest.py",
        "one_page.py",
        *(f"{name}.py" for name in FILES),
    }


@pytest.mark.parametrize("package", ORDER)
def test_imports_go_one_way(package: str) -> None:
    """Also those for types only, and those inside of functions."""
    uses_namespace = package in ("catalogue", "app")
    wrong = [
        f"{i.module}:{i.line} imports {i.target}"
        for i in OURS
        if place(i.module) == ORDER.index(package) < place(i.target)
        if not (uses_namespace and i.target == "minigrad")
    ]
    assert not wrong


def test_rules_import_numpy_only_and_nothing_imports_the_bridge() -> None:
    allowed = {"numpy", "minigrad", *sys.stdlib_module_names}
    light = ("rules", "core", "random", "api", "autograd", "nn", "optim", "one_page")
    for found in IMPORTS:
        top = found.target.split(".")[0]
        assert top not in ("bridge", "tests", "benchmarks", "torch"), found
        if found.module.split(".")[1:2] and found.module.split(".")[1] in light:
            assert top in allowed, found


EDGES: dict[str, set[str]] = {module: set() for module in MODULES}
for _import in OURS:
    if not (_import.only_types or _import.in_function or _import.target not in MODULES):
        EDGES[_import.module].add(_import.target)


def test_no_cycle_at_run_time() -> None:
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join([*above[above.index(module) :], module])
        if module not in done:
            for target in EDGES[module]:
                visit(target, (*above, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def needs(module: str) -> set[str]:
    """The modules that a module imports at run time, and those that they import."""
    found: set[str] = set()
    todo = [module]
    while todo:
        below = EDGES[todo.pop()] - found
        found |= below
        todo += below
    return found


def test_circles_of_imports_for_types_are_few() -> None:
    """Two modules whose classes hold each other. Each such import is listed here.

    All families of compositions count as one.
    """
    circles = {
        (
            re.sub(r"(compositions)\..*", r"\1", i.module.removeprefix("minigrad.")),
            i.target.removeprefix("minigrad."),
        )
        for i in OURS
        if i.only_types and i.module in needs(i.target)
    }
    assert circles == {
        ("api.compositions", "api.tensor"),
        ("rules.reading", "rules.rule"),
        ("core.tensor", "core.hooks"),
        ("core.tensor", "core.node"),
        ("core.tensor", "core.views"),
        ("core.hooks", "core.node"),
        ("core.observer", "core.node"),
        ("autograd.function_node", "autograd.function"),
        ("explaining.walk_recorder", "explaining.recorder"),
        ("nn.module_hooks", "nn.module"),
        ("nn.state_dict", "nn.module"),
        ("app.plotting", "app.training"),
    }


def test_imports_in_functions_have_a_reason() -> None:
    """A comment on the line or above it says which package or which time it saves."""
    for i in IMPORTS:
        if i.in_function:
            lines = MODULES[i.module].read_text().splitlines()
            above = [line.strip() for line in lines[max(i.line - 4, 0) : i.line - 1]]
            reason = "#" in lines[i.line - 1] or any(line.startswith("#") for line in above)
            assert reason, f"{i.module}:{i.line}: why isn't this at the top?"


# Imports each module in a process of its own, with an empty package in the place of minigrad. The
# packages before the module's own are there already: none of them imports it.
IMPORT_EACH = """\
import importlib, json, os, sys, types
sys.modules["minigrad"] = empty = types.ModuleType("minigrad")
empty.__path__ = [sys.argv[1]]
failed = []
for package in json.loads(sys.argv[2]):
    for module in package:
        child = os.fork()
        if not child:
            importlib.import_module(module)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            failed.append(module)
    for module in package:
        importlib.import_module(module)
sys.exit(", ".join(failed) or 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_every_module_can_be_imported_first() -> None:
    packages = [[m for m in MODULES if m.split(".")[1:2] == [package]] for package in ORDER]
    command = [sys.executable, "-c", IMPORT_EACH, str(ROOT), json.dumps(packages)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_private_state_is_used_by_few() -> None:
    for module, path in MODULES.items():
        package = module.split(".")[1] if "." in module else ""
        if package in ("core", "one_page"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
                of_self = isinstance(node.value, ast.Name) and node.value.id in (
                    "self",
                    "candidate",
                )
                assert of_self or package in PRIVATE[node.attr], (
                    f"{module}:{node.lineno} uses {ast.unparse(node)}"
                )
