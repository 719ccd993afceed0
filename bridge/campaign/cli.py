"""`python -m bridge campaign`: its options, its progress, and its exit statuses.

0: the libraries agree. 1: they differ. 2: bad usage, explained in one line. 130: Ctrl-C, after the
summary of what was found until then.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minigrad.app.command import (
    CommandParser,
    UsageError,
    positive_number,
    require_package,
    whole_number,
    with_option,
)

from . import PROGRAMS, SUBJECTS

if TYPE_CHECKING:
    from distributed import Client

    from .ranges import Schedule
    from .running import Found

EXAMPLES = """\
examples:
  python -m bridge campaign --programs 1000000       on all cores of this machine
  python -m bridge campaign --programs 1000000 --scheduler tcp://localhost:8786
  python -m bridge campaign --seed 42 --programs 1   one program again
"""
# Without a terminal, progress is a line every so many seconds.
LINE_EVERY = 30


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m bridge campaign",
        description="Run random programs, calls of rules and trainings in minigrad and in PyTorch, "
        "and keep, shrink and group all that differ.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "--programs",
        type=whole_number(1),
        default=1000,
        help="how many to run, of all subjects (1000)",
    )
    parser.add_argument(
        "--subject", choices=(*SUBJECTS, "all"), help="what to run (all, or programs with --seed)"
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        help="run these seeds, from this one on; the default are all, more of what is rare",
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="an existing dask cluster")
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        help="processes on this machine, without --scheduler (all cores)",
    )
    parser.add_argument(
        "--limit", type=_seconds, default=60.0, help="the most seconds for one program (60)"
    )
    parser.add_argument(
        "--directory",
        metavar="DIR",
        help="where ranges.jsonl and the scripts go, and from where a campaign continues "
        "(campaign, or nowhere with --seed)",
    )
    return parser


def _seconds(text: str) -> float:
    return positive_number(text, "a number of seconds up to 1e6", 1e6)


def command(argv: list[str]) -> int:
    """Run the command with these arguments, and return its exit status."""
    given = _parser().parse_args(argv)
    if given.scheduler is not None and given.workers is not None:
        raise UsageError("--workers is for this machine, --scheduler for a cluster: use one")
    require_package("torch", "'torch>=2.4,<2.14'", "the bridge")
    require_package("distributed", "'minigrad[campaign]'", "the campaign")
    from .ranges import Schedule  # PyTorch takes seconds to load, and --help does without it
    from .running import Found

    subjects = _subjects(given)
    _check_seed(given)
    directory = given.directory
    if directory is None and given.seed is None:
        directory = "campaign"
    try:
        found = Found(directory)
    except OSError as error:
        raise UsageError(f"--directory {directory}: {error.strerror}") from None
    schedule = Schedule(subjects, given.programs, found.coverage, given.seed)
    for done in found.finished:
        schedule.finish(done.subject, done.first, done.count)
    interrupted = False
    try:
        _run(given, schedule, found)
    except KeyboardInterrupt:
        interrupted = True
    print(_summary(found), flush=True)
    return 130 if interrupted else 1 if found.kinds else 0


def _subjects(given: argparse.Namespace) -> tuple[str, ...]:
    if given.subject in SUBJECTS:
        return (given.subject,)
    if given.seed is None:
        return SUBJECTS
    if given.subject == "all":
        raise UsageError("--seed needs one --subject, since each has its own seeds")
    return (PROGRAMS,)


def _check_seed(given: argparse.Namespace) -> None:
    from bridge.random_programs.numbered import SEEDS  # loads PyTorch

    if given.seed is not None and given.seed + given.programs > SEEDS:
        raise UsageError(f"--seed {given.seed}: the last seed is {SEEDS - 1}")


def _run(given: argparse.Namespace, schedule: Schedule, found: Found) -> None:
    from .ranges import SIZES  # loads PyTorch
    from .running import ClusterRun, run_here

    few = given.seed is not None and given.programs <= SIZES[schedule.subjects[0]]
    if few and given.scheduler is None and given.workers is None:
        run_here(schedule, found)
        return
    with _client(given) as client, _progress(given.programs, found) as advance:
        ClusterRun(client, schedule, found, given.limit, advance).run()


@contextmanager
def _client(given: argparse.Namespace) -> Iterator[Client]:
    """Yield a client of the given cluster, or of one that is made here and ends with the block."""
    import dask  # these take long to load
    from distributed import Client, LocalCluster

    if given.scheduler is not None:
        try:
            client = Client(given.scheduler, timeout=10)
        # The last four are for what another kind of server answers.
        except (OSError, ValueError, TypeError, AssertionError, MemoryError) as error:
            first, *_ = str(error).splitlines() or ["it isn't a dask scheduler"]
            named = with_option("scheduler", given.scheduler)
            raise UsageError(f"{named}: {first}") from None
        with client:
            yield client
        return
    # A process that ends is named at once, by running each of its seeds alone.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=given.workers or os.cpu_count(),
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            preload="bridge.campaign.process",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _progress(total: int, found: Found) -> Iterator[Callable[[int], Any]]:
    """Show what is done, the rate and the time left; yield the function that advances it."""
    from tqdm import tqdm  # only a command needs it

    terminal = sys.stderr.isatty()
    with tqdm(
        total=total,
        initial=min(found.judged, total),
        desc="campaign",
        unit="program",
        smoothing=0,
        mininterval=0.5 if terminal else LINE_EVERY,
        maxinterval=10 if terminal else LINE_EVERY,
    ) as bar:

        def advance(count: int) -> None:
            bar.set_postfix(kinds=len(found.kinds), refresh=False)
            bar.update(count)

        yield advance


def _summary(found: Found) -> str:
    rate = f", {found.judged / found.seconds:.1f} per second of one core" if found.seconds else ""
    lines = [f"{found.judged} programs, {sum(found.kinds.values())} differ{rate}"]
    lines += [str(found.coverage)] if found.directory is not None else []
    lines.append(str(found))
    for kind, text in found.scripts.items():
        if found.directory is None:
            lines.append(f"\n{text}")
        elif kind in found.first:
            lines.append(f"{found.script_path(kind)} runs in both libraries")
    return "\n".join(filter(None, lines))
