"""A write to memory that an operand of the op uses too: as in PyTorch, result or error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import minigrad  # noqa: E402

Call = Callable[..., Any]

# Ops that write what `src` has to the places that `i` chooses.
INTO: dict[str, Call] = {
    "index_add_": lambda x, i, src: x.index_add_(0, i, src),
    "index_copy_": lambda x, i, src: x.index_copy_(0, i, src),
    "index_reduce_": lambda x, i, src: x.index_reduce_(0, i, src, "amax"),
    "index_put_": lambda x, i, src: x.index_put_((i,), src),
    "setitem": lambda x, i, src: x.__setitem__(i, src),
    "put_": lambda x, i, src: x.put_(i, src),
    "scatter_": lambda x, i, src: x.scatter_(0, i, src),
    "scatter_add_": lambda x, i, src: x.scatter_add_(0, i, src),
    "scatter_reduce_": lambda x, i, src: x.scatter_reduce_(0, i, src, "sum"),
}
# Where `src` and `i` are, given six numbers and three indices.
PLACES: dict[str, Call] = {
    "apart": lambda x, i: (x, i, x[:3].clone()),
    "in the other half": lambda x, i: (x[3:], i, x[:3]),
    "in the first half": lambda x, i: (x, i, x[:3]),
    "in half of both": lambda x, i: (x[:4], i, x[2:5]),
    "in all of it": lambda x, i: (x[:3], i, x[:3]),
    "itself": lambda x, i: (i, i.clone(), i),
    "its index": lambda x, i: (i, i, i.clone()),
    "a view of its index": lambda x, i: (i, i[:], i.clone()),
}
# Other calls of `x`, six floats, `m`, six bools, and `i`, three indices.
CALLS: dict[str, Call] = {
    "index_fill_ at itself": lambda t, x, m, i: i.index_fill_(0, i, 5),
    "index_fill_ with an element": lambda t, x, m, i: x.index_fill_(0, i, x[0]),
    "index_put_ of an element": lambda t, x, m, i: x.index_put_((i,), x[0]),
    "setitem at itself": lambda t, x, m, i: i.__setitem__(i, 5),
    "setitem of a mask at itself": lambda t, x, m, i: m.__setitem__(m, m),
    "setitem of a number by a mask at itself": lambda t, x, m, i: m.__setitem__(m, False),
    "setitem of a part by a mask at itself": lambda t, x, m, i: m.__setitem__(m, m[3:].clone()),
    "setitem of an element": lambda t, x, m, i: x.__setitem__(m, x[0]),
    "masked_fill_ at itself": lambda t, x, m, i: m.masked_fill_(m, False),
    "masked_fill_ at a part": lambda t, x, m, i: m[:3].masked_fill_(m[1:4], False),
    "masked_fill_ with an element": lambda t, x, m, i: x.masked_fill_(m, x[0]),
    "scatter_ of a number at itself": lambda t, x, m, i: i.scatter_(0, i, 5),
    "add_ of the other half": lambda t, x, m, i: x[:3].add_(x[3:]),
    "add_ of a part": lambda t, x, m, i: x[:3].add_(x[1:4]),
    "add_ of itself": lambda t, x, m, i: x.add_(x[:]),
    "lerp_ of a part": lambda t, x, m, i: x[:3].lerp_(x[1:4], 0.5),
    "gather into its input": lambda t, x, m, i: t.gather(x[:3], 0, i, out=x[:3]),
    "index_select into its input": lambda t, x, m, i: t.index_select(x[:3], 0, i, out=x[:3]),
    "index_select into its index": lambda t, x, m, i: t.index_select(i.clone(), 0, i, out=i),
    "take into its input": lambda t, x, m, i: t.take(x[:3], i, out=x[:3]),
    "masked_select into its input": lambda t, x, m, i: t.masked_select(x, m, out=x),
    "index_add into its input": lambda t, x, m, i: t.index_add(x, 0, i, t.ones(3), out=x),
    "index_add into its source": lambda t, x, m, i: t.index_add(x[3:], 0, i, x[:3], out=x[:3]),
    "scatter into its input": lambda t, x, m, i: t.scatter(x, 0, i, t.ones(3), out=x),
    "scatter into its source": lambda t, x, m, i: t.scatter(x[3:], 0, i, x[:3], out=x[:3]),
    "cumsum into its input": lambda t, x, m, i: t.cumsum(x, 0, out=x),
    "cat into its parts": lambda t, x, m, i: t.cat((x[:3], x[3:]), out=x),
}


def outcome(call: Call, t: Any) -> Any:
    """What a call returns and leaves in its operands, or the type of its error."""
    x = t.arange(6.0)
    operands = x, x > 2, t.tensor([2, 1, 0])
    try:
        result = call(t, *operands)
    except Exception as error:
        return type(error)
    return [None if y is None else y.tolist() for y in (result, *operands)]


@pytest.mark.filterwarnings("ignore:index_reduce", "ignore:An output with one or more elements")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", INTO)
def test_a_source_or_an_index_in_the_written_memory(name: str, place: str) -> None:
    def call(t: Any, x: Any, m: Any, i: Any) -> Any:
        return INTO[name](*PLACES[place](x, i))

    assert outcome(call, minigrad) == outcome(call, torch)


@pytest.mark.filterwarnings("ignore:An output with one or more elements")
@pytest.mark.parametrize("name", CALLS)
def test_an_operand_in_the_written_memory(name: str) -> None:
    assert outcome(CALLS[name], minigrad) == outcome(CALLS[name], torch)
