"""`minigrad run`: PyTorch programs on minigrad."""

from __future__ import annotations

import ast
import io
import os
import random
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest

import minigrad
from minigrad.app.cli import main
from minigrad.app.run_command import missing_names
from minigrad.app.stand_in import NEED_PYTORCH, installed

NET = """\
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8, dtype=torch.float64), nn.Tanh(), nn.Linear(8, 3).double())
optimizer = optim.SGD(net.parameters(), lr=0.1)
data = TensorDataset(torch.randn(20, 4, dtype=torch.float64), torch.randint(0, 3, (20,)))
for x, y in DataLoader(data, batch_size=5, shuffle=True):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    print(loss)
print(sys.argv[1:], __name__, isinstance(net, nn.Module), net)
"""


@pytest.fixture
def written(tmp_path: Path, capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a program that is given as text; return the status and what it printed."""

    def run(text: str, *arguments: str, options: tuple[str, ...] = ()) -> SimpleNamespace:
        path = tmp_path / "program.py"
        path.write_text(text)
        status = main(["run", *options, str(path), *arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(status=status, out=out, err=err, path=str(path))

    return run


def test_a_program_prints_what_it_prints_in_pytorch(written) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("torch")
    ran = written(NET, "--lr", "1")
    printed = io.StringIO()
    before, sys.argv = sys.argv, ["program.py", "--lr", "1"]
    try:
        with redirect_stdout(printed):
            exec(compile(NET, "program.py", "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = before
    assert (ran.status, ran.out, ran.err) == (0, printed.getvalue(), "")


def test_the_private_name_of_an_error_is_the_error(written) -> None:  # type: ignore[no-untyped-def]
    ran = written(
        "import torch\nimport torch._C\nprint(torch._C._LinAlgError is torch.linalg.LinAlgError)\n"
    )
    assert (ran.status, ran.out) == (0, "True\n")


def test_the_program_is_main_and_imports_its_neighbours(written, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "neighbour_of_a_program.py").write_text("import torch\nones = torch.ones(2)\n")
    ran = written("from neighbour_of_a_program import ones\nimport __main__\nprint(__main__.ones)")
    assert (ran.status, ran.out) == (0, "tensor([1., 1.])\n")
    assert str(tmp_path) not in sys.path


def test_a_program_finds_its_path_and_errors_as_under_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "program.py").write_text(
        "import sys\nprint(__file__, sys.argv)\nraise ValueError\n"
    )
    monkeypatch.chdir(tmp_path)
    python = subprocess.run(
        [sys.executable, "program.py", "one"], capture_output=True, text=True, check=False
    )
    assert main(["run", "program.py", "one"]) == python.returncode == 1
    assert capfd.readouterr() == (python.stdout, python.stderr)


LIKE_PYTHON = {
    "annotations are evaluated": "x: int = 1\nprint(__annotations__)",
    "builtins is a module": "print(__builtins__)",
    "main is in no package": "from .settings import Settings",
    "its own excepthook": "import sys\nsys.excepthook = lambda *error: print(error[0])\n1 / 0",
    "a suggestion": "class A: one = 1\nA().onn",
    "any exception": "class Stop(BaseException): ...\nraise Stop(1)",
    "standard output is closed": "import sys\nprint(1)\nsys.stdout.close()",
    "standard output is replaced": """\
import sys
class Log:
    write = sys.stdout.write
    flush = sys.stdout.flush
sys.stdout = Log()
print(1)
""",
    "a thread that runs on": """\
import pickle, threading, time
class A: ...
def work():
    time.sleep(0.1)
    print(type(pickle.loads(pickle.dumps(A()))))
threading.Thread(target=work).start()
raise ValueError("first")
""",
    "signals": "import signal as s\nprint(s.getsignal(s.SIGTERM), s.getsignal(s.SIGHUP))",
    "a process that is ended": """\
import multiprocessing, time
process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
process.start()
process.terminate()
process.join()
print(process.exitcode)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("case", LIKE_PYTHON)
def test_a_program_does_what_it_does_under_python(case: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LIKE_PYTHON[case])
    ended = [
        subprocess.run(
            [sys.executable, *command, "program.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(minigrad.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )
        for command in ([], ["-m", "minigrad", "run"])
    ]
    expected, ran = ((each.returncode, each.stdout, each.stderr) for each in ended)
    assert ran == expected


def test_an_interrupt_shows_where_the_program_was(written) -> None:  # type: ignore[no-untyped-def]
    ran = written("raise KeyboardInterrupt")
    assert (ran.status, ran.out) == (130, "")
    assert ran.err.splitlines()[1:] == [
        f'  File "{ran.path}", line 1, in <module>',
        "    raise KeyboardInterrupt",
        "KeyboardInterrupt",
    ]


def test_a_star_import_gives_no_modules(written) -> None:  # type: ignore[no-untyped-def]
    ran = written("import random, signal\nfrom torch import *\nprint(random, signal, tensor(1))")
    assert ran.out == f"{random} {signal} tensor(1)\n"


def test_torch_is_minigrad_in_a_thread_that_runs_on(written) -> None:  # type: ignore[no-untyped-def]
    ran = written("""\
import threading, time
def work():
    time.sleep(0.1)
    import torch.nn
    print(torch.nn.Linear.__module__)
threading.Thread(target=work).start()
""")
    assert ran.out == "minigrad.nn.linear\n"


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("import torch\n\ntorch.nothing", "torch.nothing", 3),
        ("import torch.nn as nn\nnn.Nothing()", "torch.nn.Nothing", 2),
        ("from torch.nn import functional as F\nF.nothing(1)", "torch.nn.functional.nothing", 2),
    ],
)
def test_a_missing_name_says_where_it_is_used(written, text: str, name: str, line: int) -> None:  # type: ignore[no-untyped-def]
    ran = written(text)
    assert ran.status == 1
    last = ran.err.splitlines()[-1]
    assert last == f"AttributeError: minigrad has no {name} ({ran.path}, line {line})"
    assert f'File "{ran.path}", line {line}' in ran.err.splitlines()[1]  # the program comes first


def test_a_missing_module_is_an_import_error(written) -> None:  # type: ignore[no-untyped-def]
    assert written("import torch.fx").err.splitlines()[-1].startswith("ModuleNotFoundError: ")
    assert written("from torch import fx").err.splitlines()[-1].startswith("ImportError: ")


@pytest.mark.parametrize("package", NEED_PYTORCH)
def test_a_package_that_needs_pytorch_is_refused_in_one_line(written, package: str) -> None:  # type: ignore[no-untyped-def]
    last = written(f"import {package}").err.splitlines()[-1]
    assert last == f"ImportError: {package} needs PyTorch itself; it doesn't work with minigrad"


def test_the_exit_status_of_the_program(written) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as exit_of_program:
        written("import sys\nsys.exit(5)")
    assert exit_of_program.value.code == 5


def test_the_real_torch_is_back_afterwards(written) -> None:  # type: ignore[no-untyped-def]
    torch = pytest.importorskip("torch")
    written("import torch\nassert torch.Tensor.__module__.startswith('minigrad')")
    assert sys.modules["torch"] is torch
    with installed():
        import torch as stand_in

        assert stand_in.Tensor is minigrad.Tensor
    assert sys.modules["torch"] is torch


def test_a_program_goes_through_the_names_of_a_module() -> None:
    with installed():
        import torch

        shown = vars(torch.distributions)
        assert shown["Normal"] is minigrad.distributions.Normal
        assert shown["__name__"] == "torch.distributions"
        assert {*minigrad.__all__} <= {*torch.__dict__}


def test_a_name_that_a_program_sets_is_set_in_minigrad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minigrad, "relu", minigrad.relu)
    with installed():
        import torch

        torch.relu = torch.exp
        assert minigrad.relu is minigrad.exp


def test_the_missing_names_are_listed(written) -> None:  # type: ignore[no-untyped-def]
    text = """\
import torch, torch.fx as fx
import numpy.nothing
from torch.nothing import everything
from torch import nn, nothing
import torch.nn.functional as F
x = torch.ones(2).nothing
nn.Linear(1, 1); nn.Nothing.deeper; F.relu; F.relu.note; torch.nn.functional.nothing
fx.Graph
"""
    ran = written(text, options=("--missing",))
    names = ["1: torch.fx", "3: torch.nothing.everything", "4: torch.nothing"]
    names += ["7: torch.nn.Nothing", "7: torch.nn.functional.nothing", "8: torch.fx.Graph"]
    assert ran.out.splitlines() == [f"{ran.path}:{name}" for name in names]
    assert (ran.status, ran.err) == (1, "")
    assert written(NET, options=("--missing",)).status == 0


def test_no_name_that_exists_is_missing() -> None:
    names = [name for name in minigrad.nn.__all__ if name.isidentifier()]
    assert not missing_names(
        ast.parse("from torch import nn\n" + "\n".join(f"nn.{n}" for n in names))
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file or directory"), ("x = (", "is no Python program"), ("\0", "is no")],
)
def test_a_file_that_is_no_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    path = tmp_path / "program.py"
    if content is not None:
        path.write_text(content)
    assert main(["run", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err


def test_a_traceback_leaves_out_the_command(written) -> None:  # type: ignore[no-untyped-def]
    ran = written("import torch\ntorch.ones(2) @ torch.ones(3)")
    assert ran.status == 1
    assert f'File "{ran.path}", line 2' in ran.err
    assert ran.err.splitlines()[-1].startswith("RuntimeError: ")
    assert "run_command" not in ran.err


PROCESSES = """\
import torch
import torch.multiprocessing as mp
from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor(index) ** 2


def work(number, queue):
    queue.put((number, torch.ones(2) * number, torch.__name__))


if __name__ == "__main__":
    mp.set_start_method("spawn", force=True)
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, (queue,), nprocs=2)
    print(sorted((queue.get() for _ in range(2)), key=lambda result: result[0]))
    for batch in DataLoader(Squares(), 2, num_workers=1, multiprocessing_context="spawn"):
        print(batch)
    mp.set_start_method(None, force=True)
"""


def test_new_processes_of_a_program_have_minigrad_as_torch(written) -> None:  # type: ignore[no-untyped-def]
    ran = written(PROCESSES)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "[(0, tensor([0., 0.]), 'torch'), (1, tensor([1., 1.]), 'torch')]\n"
        "tensor([0, 1])\ntensor([4, 9])\n"
    )
