"""Arguments at the edge of what PyTorch accepts: the same result, error and warnings."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twins import check_same, outcome

import minigrad
from minigrad.api.compositions import COMPOSITIONS

torch = pytest.importorskip("torch")

# `x` is (3, 2), `v` (3,), `u` a uint8 mask of two of three elements, `b` (2, 3) expanded from one
# element and `r` from one row; `g` requires grad; `put` is an index assignment.
EXPRESSIONS = """
F.nll_loss(x, u)
F.nll_loss(x, u, weight=torch.tensor([1.0, 2.0]))
F.nll_loss(x, u, ignore_index=1)
F.nll_loss(x, u * 200, ignore_index=200)
F.nll_loss(x, u * 200)
F.nll_loss(v, u[0])
F.nll_loss(x[None], u[None, :2])
F.cross_entropy(x, u)
F.cross_entropy(x, u, reduction="none")
F.cross_entropy(x, u, label_smoothing=0.1)
F.cross_entropy(x[None], u[None, :2])
F.cross_entropy(x, u.int())
F.cross_entropy(x, u > 0)
F.cross_entropy(torch.tensor(1.0), torch.tensor(0))
F.cross_entropy(x, x.long())
v[u]
v[u * 2]
x[u, 0]
x[u, :]
x[:, u[:2]]
x[u[0]]
x[u[1]]
v[u[:2]]
v.index_put((u,), torch.tensor([1.0, 2.0]))
v.index_put((u,), torch.tensor(1.0))
v.index_put((u,), torch.tensor(1.0), accumulate=True)
put(v, u, torch.tensor([1.0, 2.0]))
put(v, u, 1.0)
put(v, u, torch.tensor(1.0))
put(x, (u, 0), 1.0)
put(v, u[0], 1.0)
v.masked_fill(u, 1.0)
v.masked_fill_(u, 1.0)
v[torch.tensor([True, False])]
x[torch.tensor([[True, False]])]
x[:, torch.tensor([True, False, True])]
put(v, torch.tensor([True, False]), 1.0)
v.index_put((torch.tensor([True, False]),), torch.tensor(1.0))
v[torch.tensor([3])]
v[torch.tensor([-4])]
v[[1, 5]]
v[3]
x[0, 2]
x[torch.tensor([0, 1]), torch.tensor([0, 1, 0])]
x[..., ...]
x[..., ..., 0]
x[0, ..., ...]
put(v, torch.tensor([3]), 1.0)
v.index_put((torch.tensor([7]),), torch.tensor([1.0, 2.0]))
v.index_put((torch.tensor([0]),), torch.tensor([1.0, 2.0]))
torch.zeros(2, 3, 0, 2)[..., :, [2]]
torch.zeros(2, 3, 0, 2)[..., :, [2]].sum()
torch.zeros(0, 2)[:, torch.tensor([5])]
torch.zeros(0, 2)[torch.tensor([0])]
torch.zeros(2, 0)[torch.tensor([5])]
put(torch.zeros(0, 2), (slice(None), torch.tensor([5])), 1.0)
put(torch.zeros(0, 2), torch.tensor([5]), 1.0)
torch.zeros(2, 0, 2)[0, ..., torch.zeros(0, dtype=torch.bool)]
torch.zeros(2, 0, 2)[0, ..., torch.zeros(2, dtype=torch.bool)]
torch.zeros(2, 0, 2)[0, torch.zeros(0, 2, dtype=torch.bool)]
v.max(0, 0, 0)
v.min(foo=1)
x.to(torch.int, True, True)
x.to("cpu", None), x.to(None), x.to(), x.to(None, torch.int), x.to(dtype=None, memory_format=None)
x.to(v.double(), False, True), x.to(float), x.to(dtype=int), x.to(device="cpu", dtype=torch.int)
warn_only(torch)
torch.cat([torch.zeros(0), torch.zeros(0)], dim=1)
torch.cat([torch.zeros(0)], dim=-5)
torch.cat([torch.zeros(0), torch.zeros(0, dtype=torch.int64)], dim=3)
torch.cat([torch.zeros(0), x], dim=3)
torch.cat([torch.zeros(0), x], dim=1)
torch.cat([torch.zeros(0), torch.zeros(0, 2)], dim=2)
torch.stack([torch.zeros(0)], dim=2)
x.requires_grad_("a").requires_grad
x.requires_grad_(1).requires_grad
x.requires_grad_(None).requires_grad
setattr(x, "requires_grad", 1)
torch.nn.Linear(1, 1).requires_grad_(1).weight
torch.nn.Parameter(x, requires_grad=True).requires_grad
torch.autograd.Function.apply(x)
b.masked_fill_(b > 0, 3.0)
r.masked_fill_(r > 1, torch.tensor(3.0))
r.masked_fill_(r > 9, 3.0)
b.index_put_((torch.tensor([0, 1]), torch.tensor([1, 0])), torch.tensor([5.0, 6.0]))
r.index_put_((torch.tensor([1]),), torch.tensor([5.0, 6.0, 7.0]))
b.index_put_((torch.tensor([0, 1]),), torch.tensor(5.0), accumulate=True)
put(r, torch.tensor([0]), 4.0)
put(r, r > 1, torch.tensor([4.0, 5.0, 6.0, 7.0]))
put(r, 0, 4.0)
b.add_(1.0)
b.copy_(r)
b.fill_(2.0)
b.requires_grad_().mul(1).expand(2, 3).masked_fill_(b > 0, 2.0)
(w * 1).expand(2, 3).masked_fill_(b > 0, 2.0).sum().backward()
(w * 1).expand(2, 3).index_put_((torch.tensor([0]),), w[0]).sum().backward()
torch.full((2,), g.detach())
torch.arange(g.detach())
torch.linspace(0, g, 3)
resized(torch.optim.SGD, momentum=0.9)
resized(torch.optim.SGD)
resized(torch.optim.Adam)
resized(torch.optim.AdamW)
"""

# Errors that PyTorch words in another way.
ERRORS = """
x.to(torch.float, torch.int)
x.to(torch.float, 1)
x.to(torch.float, False, torch.int)
x.to(torch.float, "cpu")
x.to(torch.float, device="cpu")
x.to(torch.float, dtype=torch.int)
x.to("cpu", 1)
x.to("cpu", torch.int, False, 1)
x.to("cpu", device="cpu")
x.to(x, 1)
x.to(x, dtype=torch.int)
x.to(x, device="cpu")
x.to(x, True, True, True)
x.to(non_blocking=None)
x.to(copy=1)
x.to(dtype="a")
x.to(memory_format="a")
x.to(foo=1)
torch.zeros(2, memory_format=torch.contiguous_format)
torch.rand(2, memory_format=torch.contiguous_format)
torch.full((2,), 1.0, memory_format=torch.contiguous_format)
v.new_empty((2,), memory_format=torch.contiguous_format)
v.max(1.0, 2.0)
v.max(v, v)
v.min(other=v, dim=0)
torch.max(v, 0, v)
torch.cat([torch.zeros(0)], dim="a")
torch.full((2,), g)
torch.full_like(v, g)
torch.arange(g)
torch.add(v, v, alpha=g)
torch.zeros(2).uniform_(0, g)
torch.zeros(2).normal_(g)
"""


@pytest.mark.parametrize("expression", EXPRESSIONS.split("\n")[1:-1])
def test_an_argument(expression: str) -> None:
    check_same(lambda torch: eval(expression, names(torch)))


@pytest.mark.parametrize("expression", ERRORS.split("\n")[1:-1])
def test_an_error(expression: str) -> None:
    kinds = []
    for namespace in (minigrad, torch):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is compared
            eval(expression, names(namespace))
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


def names(torch: Any) -> dict[str, Any]:
    """Return the names that an expression may use, with fresh tensors."""

    def put(target: Any, key: Any, value: Any) -> Any:
        target[key] = value
        return target

    def resized(optimizer: Any, **options: Any) -> Any:
        """Step, resize the parameter, and step again."""
        parameter = torch.nn.Parameter(torch.ones(2))
        stepping = optimizer([parameter], lr=0.1, **options)
        parameter.grad = torch.ones(2)
        stepping.step()
        parameter.data, parameter.grad = torch.ones(3), None
        parameter.grad = torch.ones(3)
        stepping.step()
        return parameter.data

    def warn_only(torch: Any) -> bool:
        torch.use_deterministic_algorithms(False, warn_only=True)
        found = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(False)
        return found

    return {
        "torch": torch,
        "warn_only": warn_only,
        "F": torch.nn.functional,
        "put": put,
        "resized": resized,
        "x": torch.tensor([[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]]),
        "v": torch.tensor([1.0, 2.0, 3.0]),
        "u": torch.tensor([1, 0, 1], dtype=torch.uint8),
        "b": torch.ones(1, 1).expand(2, 3),
        "r": torch.tensor([[1.0, 2.0, 3.0]]).expand(2, 3),
        "w": torch.ones(1, 3, requires_grad=True),
        "g": torch.tensor(2.0, requires_grad=True),
    }


# What a call needs beside the tensor and its dimension, if anything.
_REST = {
    "cosine_similarity": "x2=x",
    "cross": "other=x",
    "gather": "index=i",
    "index_add": "index=i[0], source=x",
    "index_copy": "index=i[0], source=x",
    "index_fill": "index=i[0], value=1.0",
    "index_select": "index=i[0]",
    "kthvalue": "k=1",
    "nanquantile": "q=0.5",
    "narrow": "start=0, length=1",
    "narrow_copy": "start=0, length=1",
    "quantile": "q=0.5",
    "renorm": "p=2, maxnorm=1.0",
    "repeat_interleave": "repeats=2",
    "scatter": "index=i, src=x",
    "scatter_add": "index=i, src=x",
    "scatter_reduce": "index=i, src=x, reduce='sum'",
    "select_copy": "index=0",
    "select_scatter": "src=x[0], index=0",
    "slice_scatter": "src=x",
    "split": "split_size_or_sections=1",
    "split_copy": "split_size=1",
    "split_with_sizes": "split_sizes=[1, 1, 1]",
    "split_with_sizes_copy": "split_sizes=[1, 1, 1]",
    "take_along_dim": "indices=i",
    "tensor_split": "sections=2",
    "topk": "k=1",
    "unflatten": "sizes=(3, 1)",
    "vecdot": "y=x",
}
_CALLS = [
    call
    for (module, name), composition in COMPOSITIONS.items()
    if module != "nn.functional" and name not in ("index_reduce", "matrix_norm", "unflatten")
    for parameters in [inspect.signature(composition.function).parameters]
    for dims in ["axis=0", "axis=0, keepdims=True", "keepdims=True"]
    if ("axis" not in dims or "dim" in parameters) and ("k" not in dims or "keepdim" in parameters)
    for rest in [f"{_REST.get(name, '')}, {dims}".lstrip(", ")]
    for call in [
        f"torch.{module and module + '.'}{name}(x, {rest})".replace("Tensor.", ""),
        f"x.{name}({rest})",
    ]
]


@pytest.mark.parametrize("call", [*_CALLS, "torch.std(x, axis=0, dim=0)", "torch.std(a=x, axis=0)"])
def test_dimensions_have_numpys_names_too(call: str) -> None:
    def program(torch: Any) -> Any:
        x = torch.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0], [1.0, 2.0, 4.0]])
        return eval(call, {"torch": torch, "x": x, "i": torch.eye(3).long()})

    ours, theirs = outcome(program, minigrad), outcome(program, torch)
    assert (ours.error is None) == (theirs.error is None), (ours.error, theirs.error)
    assert theirs.error is None or ours.error.kind == theirs.error.kind


FLAGS = """
std(x, 0, FLAG) | var(x, unbiased=FLAG) | var_mean(x, 0, FLAG) | median(x, 0, FLAG)
nanmedian(x, 0, FLAG) | mode(x, 0, FLAG) | sum(x, 0, FLAG) | quantile(x, 0.5, 0, FLAG)
kthvalue(x, 1, 0, FLAG) | topk(x, 1, 0, True, FLAG) | sort(x, 0, FLAG) | sort(x, descending=FLAG)
sort(x, dim=0, stable=FLAG) | argsort(x, 0, FLAG) | argsort(x, stable=FLAG) | unique(x, FLAG)
unique_consecutive(x, FLAG) | unique(x, return_counts=FLAG) | linalg.svd(x, FLAG)
cholesky_solve(x, x, FLAG) | searchsorted(x[0], x, right=FLAG) | bucketize(x, x[0], right=FLAG)
isclose(x, x, equal_nan=FLAG) | allclose(x, x, 1.0, 1.0, FLAG) | isin(x, x, invert=FLAG)
combinations(x[0], 2, FLAG) | vander(x[0], 2, FLAG) | Tensor.median(x, 0, FLAG)
linalg.lu(x, pivot=FLAG) | linalg.lu_factor(x, pivot=FLAG)
linalg.inv_ex(x, check_errors=FLAG) | linalg.lu_factor_ex(x, check_errors=FLAG)
scatter_reduce(x, 0, x.long(), x, "sum", include_self=FLAG)
Tensor.scatter_reduce_(x, 0, x.long(), x * 1, "sum", include_self=FLAG)
Tensor.sort(x, 0, FLAG) | Tensor.topk(x, 1, 0, largest=FLAG) | Tensor.std(x, 0, keepdim=FLAG)
"""
CALLS_WITH_FLAGS = [call.strip() for line in FLAGS.split("\n")[1:-1] for call in line.split("|")]


@pytest.mark.parametrize("call", CALLS_WITH_FLAGS)
@pytest.mark.parametrize("flag", ["True", "1", "0", "1.0", "'a'", "[1]", "tensor(True)"])
def test_a_flag_is_a_bool(call: str, flag: str) -> None:
    def kind(t: Any) -> Any:
        names = {**vars(t), "x": t.eye(2)}
        try:
            eval(call.replace("FLAG", flag), names)
        except TypeError:
            return TypeError
        return None

    assert kind(minigrad) == kind(torch) == (None if flag == "True" else TypeError)
