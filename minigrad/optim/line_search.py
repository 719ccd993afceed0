"""A line search: how far to go along a direction. `LBFGS` uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..api.tensor import Tensor

# Nocedal and Wright's names. The loss must fall by C1 of what the slope at the start promises, and
# the slope must shrink to C2 of that.
C1, C2 = 1e-4, 0.9
_SHORTEST = 1e-9


class Point(NamedTuple):
    """A place on the line, `t` directions from the start, with the derivatives there."""

    t: Any
    loss: float
    grad: Tensor
    slope: Tensor


def strong_wolfe(
    at: Callable[[Any], Point], start: Point, first: Any, longest: Tensor, tries: int
) -> tuple[Point, int]:
    """Return a point that fulfils the strong Wolfe conditions, and the number of evaluations.

    Nocedal and Wright, "Numerical Optimization" (2006), Algorithms 3.5 and 3.6. `first` is the
    first distance to try, and `longest` the largest element of the direction. After `tries` tries,
    the point is the best so far.
    """

    def is_too_high(point: Point) -> bool:
        return bool(point.loss > start.loss + C1 * point.t * start.slope)

    def is_flat(point: Point) -> bool:
        return bool(abs(point.slope) <= -C2 * start.slope)

    before, new, done = start, at(first), 0
    ends: list[Point] | None = None
    while done < tries and ends is None:
        if is_too_high(new) or (done > 1 and new.loss >= before.loss):
            ends = [before, new]
        elif is_flat(new):
            return new, done + 1
        elif new.slope >= 0:
            ends = [before, new]
        else:
            bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
            before, new = new, at(_lowest_of_cubic(before, new, *bounds))
            done += 1
    if ends is None:
        ends = [start, new]
    return _zoom(at, ends, done, tries, longest, is_too_high, is_flat)


def _zoom(
    at: Callable[[Any], Point],
    ends: list[Point],
    done: int,
    tries: int,
    longest: Tensor,
    is_too_high: Callable[[Point], bool],
    is_flat: Callable[[Point], bool],
) -> tuple[Point, int]:
    """Shrink the interval between two points, in which a good one lies."""
    low = 0 if ends[0].loss <= ends[1].loss else 1
    was_near_an_end = False
    while done < tries and not abs(ends[1].t - ends[0].t) * longest < _SHORTEST:
        t, was_near_an_end = _next_try(ends, was_near_an_end)
        new = at(t)
        done += 1
        if is_too_high(new) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if is_flat(new):
            return new, done + 1
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low], done + 1


def _next_try(ends: list[Point], was_near_an_end: bool) -> tuple[Any, bool]:
    """Return the next distance, and whether it is near an end of the interval.

    A second distance near an end, or one beyond it, is moved inside by a tenth of the interval.
    """
    left, right = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
    t = _lowest_of_cubic(ends[0], ends[1], left, right)
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if was_near_an_end or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def _lowest_of_cubic(a: Point, b: Point, least: Any, most: Any) -> Any:
    """Return where the cubic through two points with their slopes is lowest, within bounds.

    Nocedal and Wright, equation 3.59.
    """
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = square.sqrt()
    if a.t <= b.t:
        lowest = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    else:
        lowest = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(lowest, least), most)
