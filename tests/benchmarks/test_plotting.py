"""benchmarks/plotting.py: every engine has its own style, and the picture names it."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("torch")
for needed in ("tabulate", "threadpoolctl", "matplotlib"):
    pytest.importorskip(needed)

from benchmarks import growth, ops
from benchmarks.all_engines import OPTIONAL, constructors
from benchmarks.chains_and_fans import NAMESPACES, SHAPES
from benchmarks.measurement import Measurement
from benchmarks.networks import LADDER, Network
from benchmarks.plotting import STYLES, draw_benchmarks

ENGINES = [
    *constructors(OPTIONAL),
    "PyTorch CUDA, manual",
    "PyTorch CUDA, modules",
]
INVENTED: dict[str, list[Measurement]] = {
    "steps": [
        Measurement("steps", f"{n}×{i} → {h} → {c}", n * i * h, engine, "step", (t, 1.1 * t, t))
        for n, i, h, c in LADDER
        for k, engine in enumerate(ENGINES)
        for t in [(1 + k) * (1e-5 + 1e-10 * n * i * h)]
    ],
    "ops": [
        Measurement("ops", op, size, engine, quantity, ((1 + k) * 1e-6 * size**0.5,) * 2)
        for op in ("exp", "add", "eq")
        for size in (1, 1_000_000)
        for k, engine in enumerate(ops.ENGINES)
        for quantity in ((ops.FORWARD, ops.BOTH) if op != "eq" else (ops.FORWARD,))
    ],
    "growth": [
        *(
            Measurement("growth", shape, n, engine, quantity, (n * 1e-6,) * 2)
            for shape in SHAPES
            for n in (10, 1000, 100_000)
            for engine in NAMESPACES
            for quantity in ("forward", "backward", "memory")
        ),
        *(
            Measurement("growth", case, n, engine, "step", ((1 + k) * 1e-5 + 1e-6 * n / (1 + k),))
            for case in (growth.BATCH, growth.WIDTH)
            for n in (1, 64, 4096)
            for k, engine in enumerate(ENGINES)
        ),
    ],
}


def test_every_engine_has_its_own_style() -> None:
    assert set(ENGINES) <= STYLES.keys()
    used = [STYLES[engine] for engine in ENGINES]
    assert len(set(used)) == len(used)
    in_grey = [(marker, line) for _, marker, line in used]
    assert len(set(in_grey)) == len(in_grey)


@pytest.mark.parametrize(
    "parts", [c for k in range(1, 4) for c in itertools.combinations(INVENTED, k)], ids="+".join
)
def test_a_picture_of_any_combination_of_parts(parts: tuple[str, ...]) -> None:
    measurements = [m for part in parts for m in INVENTED[part]]
    picture = draw_benchmarks("a machine, 100% idle $ and so on", measurements, "svg").decode()
    ET.fromstring(picture)
    # Matplotlib draws text as paths, each with its text in a comment.
    for engine in ENGINES if parts != ("ops",) else []:
        assert f"<!-- {engine} -->" in picture
    for text, part in (
        ("A training step: time against size", "steps"),
        ("A chain of n ops: cost per op", "growth"),
        ("as fast as PyTorch", "ops"),
    ):
        assert (f"<!-- {text} -->" in picture) == (part in parts)
    if "growth" in parts:
        assert "faster than minigrad, modules from n" in picture


def test_png() -> None:
    assert draw_benchmarks("", INVENTED["steps"], "png").startswith(b"\x89PNG")


def test_one_engine_and_one_size() -> None:
    network = Network.tutorial()
    one = Measurement("steps", network.name, network.operations, "minigrad, manual", "step", (1.0,))
    assert draw_benchmarks("", [one], "png")
