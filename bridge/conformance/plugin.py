"""A plugin of pytest: `pytest --engine mypackage.engine` tests an engine.

Each op × property is a test of its own, and so is each check of the tape. What the engine lacks is
skipped or, if it is a whole op, left out. Without the option the plugin does nothing.

    pytest --engine mypackage.engine                     the engine's tests only
    pytest --engine mypackage.engine tests               these tests, too
    pytest --engine mypackage.engine -k "relu and ties"
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .process import WorkerProcess
    from .verdicts import Verdict

_SUITES = ("rules", "tape")
_EXAMPLES = 12


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("engine", "conformance of an autograd engine with PyTorch")
    group.addoption("--engine", metavar="ENGINE", help="an adapter, module or file to test")
    group.addoption(
        "--engine-examples", type=int, default=_EXAMPLES, help=f"of each test ({_EXAMPLES})"
    )


def _alone(config: pytest.Config) -> bool:
    """Tell whether the engine's tests are all that was asked for."""
    return bool(config.option.engine) and config.args_source != config.ArgsSource.ARGS


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if _alone(config) else None


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.option.engine:
        engine = Engine.from_parent(session, name=config.option.engine)
        items.extend(engine.collect())


def pytest_unconfigure(config: pytest.Config) -> None:
    worker = config.stash.get(_WORKER, None)
    if worker is not None:
        worker.close()


_WORKER: pytest.StashKey[WorkerProcess] = pytest.StashKey()


class EngineFault(Exception):
    """A test of an engine found something."""


class Engine(pytest.Collector):
    """All tests of an engine. They run in a process of their own, with limits."""

    def collect(self) -> Iterator[EngineTest]:
        from .adapter import BadCandidate  # nothing is loaded without the option
        from .process import WorkerProcess
        from .running import MEMORY, PATIENCE

        worker = WorkerProcess(self.name, _SUITES, PATIENCE, MEMORY)
        self.config.stash[_WORKER] = worker
        try:
            worker.start(kinds=True)
        except BadCandidate as error:
            raise pytest.UsageError(str(error)) from None
        for op, kinds in worker.kinds.items():
            for kind in kinds:
                yield self._test("rules", op, kind)
        for check in worker.units["tape"]:
            yield self._test("tape", check, None)

    def _test(self, suite: str, unit: str, kind: str | None) -> EngineTest:
        name = "::".join(filter(None, (suite, unit, kind)))
        made: EngineTest = EngineTest.from_parent(self, name=name)
        made.part = suite, unit, kind
        return made


class EngineTest(pytest.Item):
    """One property of one op, or one check of the tape."""

    part: tuple[str, str, str | None]

    def runtest(self) -> None:
        suite, unit, kind = self.part
        options: dict[str, Any] = {"seed": 0, "seconds": 3600.0}
        options["examples"] = self.config.option.engine_examples
        if kind is not None:
            options["kinds"] = [kind]
        verdicts = list(self.config.stash[_WORKER].judge(suite, unit, **options))
        for verdict in verdicts:
            if verdict.verdict in ("wrong", "error"):
                raise EngineFault(self._text(verdict))
        if all(verdict.verdict in ("missing", "convention") for verdict in verdicts):
            pytest.skip("; ".join(v.diagnosis or v.message for v in verdicts))

    def _text(self, verdict: Verdict) -> str:
        from .report import Report  # as above

        report = Report(self.config.option.engine, "PyTorch", [verdict])
        return next(report.entries())

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, EngineFault):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.config.rootpath, None, self.name
