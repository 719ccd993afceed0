"""How long `minigrad explain` takes to write a page, how large it is, and how fast it is to use.

`python -m benchmarks.pages` writes the pages of four programs and opens them in Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from minigrad.app.command import CommandParser, UsageError, require_package, run_command

STEPS = 40  # steps that are timed in each view

TUTORIAL = """\
import torch
x = torch.tensor([[1., 2.], [3., 4.], [-1., .5], [2., 2.], [0., 1.], [1., 0.]])
y = torch.tensor([0, 1, 2, 0, 0, 2])
W1, B1 = torch.randn(2, 5, requires_grad=True), torch.randn(5, requires_grad=True)
Wout, Bout = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)
z1 = torch.add(torch.matmul(x, W1), B1)
Zout = torch.add(torch.matmul(torch.relu(z1), Wout), Bout)
loss = torch.nn.functional.nll_loss(torch.nn.functional.log_softmax(Zout, dim=1), y)
loss.backward()
with torch.no_grad():
    for p in (W1, B1, Wout, Bout):
        p -= 0.01 * p.grad
"""

MODULES = """\
import torch
x = torch.tensor([[1., 2.], [3., 4.], [-1., .5], [2., 2.], [0., 1.], [1., 0.]])
y = torch.tensor([0, 1, 2, 0, 0, 2])
model = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
loss = torch.nn.CrossEntropyLoss()(model(x), y)
loss.backward()
optimiser.step()
"""

# Two blocks whose attention is written out for each of 22 heads: about 1,000 ops.
TRANSFORMER = """\
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        parts = zip(*(each.chunk(self.heads, dim=-1) for each in (q, k, v)))
        return self.out(torch.cat([self.head(*part) for part in parts], dim=-1))

    def head(self, q, k, v):
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        weights = (scores - scores.max(dim=-1, keepdim=True)[0]).exp()
        return weights / weights.sum(dim=-1, keepdim=True) @ v


class Block(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = Attention(size, heads)
        self.wide, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.narrow(torch.relu(self.wide(self.norm2(x))))


model = nn.Sequential(nn.Embedding(50, 88), Block(88, 22), Block(88, 22), nn.Linear(88, 50))
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
words = torch.randint(0, 50, (2, 17))
predicted = model(words[:, :-1]).reshape(-1, 50)
loss = nn.functional.cross_entropy(predicted, words[:, 1:].reshape(-1))
loss.backward()
optimiser.step()
"""

LOOP = """\
import torch
w, x = torch.randn(8, 8, requires_grad=True), torch.randn(4, 8)
h = torch.zeros(4, 8)
for _ in range(3333):
    h = torch.tanh(h @ w + x)
loss = h.sum()
loss.backward()
"""

PROGRAMS = {"manual": TUTORIAL, "modules": MODULES, "transformer": TRANSFORMER, "loop": LOOP}

# The time from the start of the navigation to the first frame with content.
_PAINT = """async () => {
    for (;;) {
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        const [found] = performance.getEntriesByName('first-contentful-paint');
        if (found) return found.startTime;
    }
}"""

# Time steps all over the tape, each up to the frame after it.
_TIME_STEPS = """async ([view, count]) => {
    page.setView(view);
    const times = [];
    for (let i = 0; i < count; i++) {
        page.go(Math.floor(page.tape.moments.length * i / count));
        const start = performance.now();
        page.step(1);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - start);
    }
    return times;
}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return its exit status."""
    return run_command("benchmarks.pages", _command, argv)


def _command(argv: list[str]) -> int:
    """Print a table with a line for each program."""
    parser = CommandParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the two small programs")
    chosen = list(PROGRAMS.items())[: 2 if parser.parse_args(argv).quick else None]
    require_package("playwright", "-e '.[dev]'", "this benchmark")
    path = shutil.which("chromium")
    if path is None:
        raise UsageError("chromium is not installed: this benchmark opens the pages in it")
    from playwright.sync_api import sync_playwright  # an optional package, which was just checked

    lines = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, source in chosen:
            program = Path(folder, f"{name}.py")
            program.write_text(source, encoding="utf-8")
            start = time.perf_counter()
            command = [sys.executable, "-m", "minigrad", "explain", str(program)]
            subprocess.run(command, check=True)
            seconds = time.perf_counter() - start
            page = program.with_suffix(".html")
            lines.append([name, seconds, page.stat().st_size / 1000, *_use(browser, page)])
        browser.close()
    headers = [
        "program",
        "rows",
        "s to write",
        "kB",
        "ms to paint",
        "tape ms/step",
        "graph ms/step",
    ]
    lines = [[line[0], line[3], *line[1:3], *line[4:]] for line in lines]
    print(tabulate(lines, headers, floatfmt=("", ".0f", ".2f", *[".0f"] * 4)))
    return 0


def _use(browser: Any, file: Path) -> list[float]:
    """Return the rows, the time of the first paint, and the median time of a step in two views."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(file.as_uri())
    page.locator("#sentence b").wait_for()
    paint = page.evaluate(_PAINT)
    rows = page.evaluate("page.tape.record.rows.length")
    times = [median(page.evaluate(_TIME_STEPS, [view, STEPS])) for view in ("tape", "graph")]
    page.close()
    return [rows, paint, *times]


if __name__ == "__main__":
    sys.exit(main())
