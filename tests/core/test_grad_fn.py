"""grad_fn.py: the graph as users see it: next_functions, variables and saved tensors."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from collector import no_cyclic_gc
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ops import SMALL_OPS
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [-0.5, 2.0, 4.0]])
Y = np.array([[0.5, 1.0, 2.0], [0.25, 4.0, 1.0], [2.0, 0.5, 1.0]])
# Ops whose nodes save views of the operands in PyTorch.
SAVED_ELSEWHERE = {"linear"}


def leaves(torch: Any) -> tuple[Any, Any]:
    x, y = (torch.from_numpy(a.copy()).requires_grad_() for a in (X, Y))
    return x, y


def leaf(torch: Any, *values: float) -> Any:
    return torch.tensor(values or (1.0, 2.0), dtype=torch.float64, requires_grad=True)


def walk(
    node: Any, names: dict[Any, str], details: Callable[[Any], Any] = lambda node: None
) -> Any:
    """List the graph below a node in the order in which torchviz finds it, each node once.

    A node's entry has its name, the leaf if it accumulates into one, its edges and `details(node)`.
    """
    found: dict[Any, int] = {}
    entries: list[Any] = []
    todo = [node]
    while todo:
        node = todo.pop(0)
        if node in found:
            continue
        found[node] = len(found)
        todo += [each for each, _ in node.next_functions if each is not None]
    for node in found:
        variable = names.get(getattr(node, "variable", None))
        edges = [(n if n is None else found[n], i) for n, i in node.next_functions]
        entries.append((node.name(), variable, edges, details(node)))
    return entries


def saved(node: Any) -> dict[str, Any]:
    """Return the tensors that a node saved, by the names of its attributes."""
    found = {}
    for name in sorted(name for name in dir(node) if name.startswith("_saved_")):
        value = getattr(node, name)
        if hasattr(value, "requires_grad"):
            found[name] = value
    return found


# Every op -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("name", SMALL_OPS)
def test_the_graph_of_an_op(name: str, wanted: tuple[bool, bool]) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        for t, wish in zip((x, y), wanted, strict=True):
            t.requires_grad_(wish)
        out = SMALL_OPS[name](torch, x, y)
        return out.grad_fn and walk(out.grad_fn, {x: "x", y: "y"})

    check_same(program)


@pytest.mark.parametrize("name", [name for name in SMALL_OPS if name not in SAVED_ELSEWHERE])
def test_the_saved_tensors_of_an_op(name: str) -> None:
    """Every saved tensor here has the same name in PyTorch, and is the same operand or result."""
    shown: list[dict[str, Any]] = []
    for t in (minigrad, torch):
        x, y = leaves(t)
        a, b = x * 1, y * 1
        out = SMALL_OPS[name](t, a, b)
        shown.append(
            {
                each: (
                    tensor,
                    [tensor.grad_fn is other.grad_fn for other in (a, b, out)],
                    tensor.requires_grad,
                    # A 0-d result is saved as a number.
                    tensor.ndim
                    and [tensor.data_ptr() == other.data_ptr() for other in (a, b, out)],
                )
                for each, tensor in saved(out.grad_fn).items()
            }
        )
    ours, theirs = shown
    for each, (tensor, *facts) in ours.items():
        if each not in theirs:
            continue  # not a tensor in PyTorch: an operand's sizes, for example
        other, *expected = theirs[each]
        np.testing.assert_allclose(tensor.numpy(force=True), other.numpy(force=True), 1e-14)
        assert facts == expected, each
    assert ours.keys() <= theirs.keys() | {"_saved_weight"}, (ours.keys(), theirs.keys())


# Calls of a namespace, a (2, 2) matrix and a batch of images (1, 2, 4, 4).
NAMED_OTHERWISE: dict[str, Callable[[Any, Any, Any], Any]] = {
    "bmm": lambda t, x, images: t.bmm(x[None], x[None] * 2),
    "conv": lambda t, x, images: t.nn.functional.conv2d(images, t.ones(2, 2, 1, 1).double()),
    "sort": lambda t, x, images: x.sort()[0],
    "stable sort": lambda t, x, images: x.sort(stable=True)[0],
    "topk": lambda t, x, images: x.topk(1)[0],
    "kthvalue": lambda t, x, images: x.kthvalue(1)[0],
    "median": lambda t, x, images: x.median(0)[0],
    "nanmedian": lambda t, x, images: x.nanmedian(0)[0],
    "mode": lambda t, x, images: x.mode(0)[0],
    "cummax": lambda t, x, images: x.cummax(0)[0],
    "cummin": lambda t, x, images: x.cummin(0)[0],
    "gather": lambda t, x, images: x.gather(0, t.tensor([[1, 0]])),
    "layer norm": lambda t, x, images: t.nn.functional.layer_norm(x, (2,)),
    "max pool": lambda t, x, images: t.nn.functional.max_pool2d(images, 2),
    "adaptive max pool": lambda t, x, images: t.nn.functional.adaptive_max_pool2d(images, 2),
    "embedding": lambda t, x, images: t.nn.functional.embedding(t.tensor([1, 0]), x),
    "det": lambda t, x, images: t.linalg.det(x),
    "inv": lambda t, x, images: t.linalg.inv(x),
    "lu": lambda t, x, images: t.linalg.lu_factor(x)[0],
    "batch norm in eval": lambda t, x, images: t.nn.functional.batch_norm(
        images, t.zeros(2).double(), t.ones(2).double()
    ),
}


@pytest.mark.parametrize("name", NAMED_OTHERWISE)
def test_saved_tensors_have_pytorchs_names(name: str) -> None:
    """Every saved tensor here has the same name and elements in PyTorch, and there are some."""
    shown: list[dict[str, Any]] = []
    for t in (minigrad, torch):
        x = t.tensor([[1.0, 3.0], [2.0, 0.5]], dtype=t.float64, requires_grad=True)
        images = t.arange(32.0).double().sin().view(1, 2, 4, 4).requires_grad_()
        node = NAMED_OTHERWISE[name](t, x * 1, images * 1).grad_fn
        shown.append({each: tensor.numpy(force=True) for each, tensor in saved(node).items()})
    ours, theirs = shown
    assert ours
    for each, array in ours.items():
        np.testing.assert_allclose(array, theirs[each], 1e-12, err_msg=each)
        assert array.shape == theirs[each].shape


def test_what_a_node_says_of_itself() -> None:
    def program(torch: Any) -> Any:
        class Double(torch.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return 2 * x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return 2 * grad

        x = leaf(torch)
        first, second = (x * 2).grad_fn, Double.apply(x).grad_fn
        end = first.next_functions[0][0]
        return (
            first.requires_grad,
            end.requires_grad,
            second.requires_grad,
            first._sequence_nr() < second._sequence_nr() < end._sequence_nr(),
            end._sequence_nr(),
            second._forward_cls is Double,
        )

    check_same(program)


@pytest.mark.parametrize("name", ["exp", "mul", "mm", "pow", "tanh", "softmax", "where", "add"])
def test_the_saved_tensors_of_a_freed_graph_raise_an_error(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        out = SMALL_OPS[name](torch, x * 1, y * 1)
        before = len(walk(out.grad_fn, {x: "x", y: "y"}))
        names = [
            n for n in ("_saved_result", "_saved_self", "_saved_other") if n in dir(out.grad_fn)
        ]
        out.sum().backward()
        found = []
        for each in names[:1]:
            try:
                getattr(out.grad_fn, each)
            except RuntimeError as error:
                found.append(str(error).split()[:6])
        return before, found, len(walk(out.grad_fn, {x: "x", y: "y"}))

    check_same(program)


# PyTorch doesn't sum the gradient of a broadcast bias in the node itself.
@pytest.mark.parametrize("name", [name for name in SMALL_OPS if name != "linear"])
def test_a_graph_walked_by_calling_its_nodes(name: str) -> None:
    """A node returns a gradient for each of its edges, and that of a leaf adds it to `.grad`."""

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        out = SMALL_OPS[name](torch, x, y)
        todo = [(out.grad_fn, torch.ones_like(out))]
        while todo:
            node, g = todo.pop()
            sent = node(g)
            edges = [node for node, _ in node.next_functions]
            pairs = zip(edges, sent if isinstance(sent, tuple) else (sent,), strict=True)
            todo += [(node, g) for node, g in pairs if node is not None and g is not None]
        return [None if t.grad is None else t.grad.round(decimals=9) + 0 for t in (x, y)]

    check_same(program)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": lambda torch, node: node(),
    "two tensors": lambda torch, node: node(torch.ones(2), torch.ones(2)),
    "a number": lambda torch, node: node(1.0),
    "None": lambda torch, node: node(None),
    "a number for a leaf": lambda torch, node: node.next_functions[0][0](1.0),
    "None for a leaf": lambda torch, node: node.next_functions[0][0](None),
    "a tensor twice": lambda torch, node: [node(torch.ones(2).double()) for _ in range(2)],
    "with a hook": lambda torch, node: (
        node.register_hook(lambda sent, arrived: None) and node(torch.ones(2).double())
    ),
    "in no_grad": lambda torch, node: torch.no_grad()(lambda: node(torch.ones(2).double()))(),
}


@pytest.mark.parametrize("freed", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_calls_of_a_node(name: str, freed: bool) -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * x
        if freed:
            y.sum().backward()
        found = CALLS[name](torch, y.grad_fn)
        return found, x.grad, [d.requires_grad for d in found if isinstance(d, torch.Tensor)]

    check_same(program)


def test_a_missing_attribute() -> None:
    def program(torch: Any) -> Any:
        return hasattr((leaf(torch) * 2).grad_fn, "nope"), hasattr(
            leaf(torch).exp().grad_fn, "_saved_x"
        )

    check_same(program)


def test_an_operand_without_a_derivative_has_its_own_name() -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        return torch.where(x > 0, x, y).grad_fn._saved_condition

    check_same(program)


# Compositions and writes --------------------------------------------------------------------------

# Of x and y, float64 leaves of shape (3, 3), and z = x * 1. The graph of z is looked at if the
# result is None.
COMPOSITIONS: dict[str, Callable[..., Any]] = {
    "sum, kept": lambda torch, x, y, z: x.sum(None, keepdim=True),
    "whole slice": lambda torch, x, y, z: x[:],
    "whole slices": lambda torch, x, y, z: x[:, 0:5],
    "a whole slice and a slice": lambda torch, x, y, z: x[0:3, 1:],
    "x[0] = row": lambda torch, x, y, z: z.__setitem__(0, y[0]),
    "x[0] = (1, 3)": lambda torch, x, y, z: z.__setitem__(0, y[:1]),
    "x[1:] = row": lambda torch, x, y, z: z.__setitem__(slice(1, None), y[0]),
    "x[1:] = (1, 1, 3)": lambda torch, x, y, z: z.__setitem__(slice(1, None), y[None, :1]),
    "x[:] = row": lambda torch, x, y, z: z.__setitem__(slice(None), y[0]),
    "x[:] = element": lambda torch, x, y, z: z.__setitem__(slice(None), y[0, 0]),
    "x[..., ] = matrix": lambda torch, x, y, z: z.__setitem__(..., y[None]),
    "x[rows] = (1, 3)": lambda torch, x, y, z: z.__setitem__([0, 1], y[:1]),
    "x[rows] = element": lambda torch, x, y, z: z.__setitem__([0, 1], y[0, 0]),
    "x[mask] = element": lambda torch, x, y, z: z.__setitem__(x > 1, y[0, 0]),
    "x[mask] = (1, 1)": lambda torch, x, y, z: z.__setitem__(x > 1, y[:1, :1]),
    "masked_fill_": lambda torch, x, y, z: z.masked_fill_(x > 1, y[0, 0]) and None,
    "copying reshape": lambda torch, x, y, z: x.t().reshape(9),
    "copying flatten": lambda torch, x, y, z: x.t().flatten(),
    "softmax to float32": lambda torch, x, y, z: x.softmax(0, dtype=torch.float32),
    "log_softmax to float64": lambda torch, x, y, z: x.log_softmax(0, dtype=torch.float64),
    "linear of 1-d": lambda torch, x, y, z: torch.nn.functional.linear(x[0], y, z[0]),
    "linear of 3-d": lambda torch, x, y, z: torch.nn.functional.linear(x[None], y, z[0]),
    "linear, transposed": lambda torch, x, y, z: torch.nn.functional.linear(
        x[None].transpose(1, 2), y, z[0]
    ),
    "linear of 3-d, no bias": lambda torch, x, y, z: torch.nn.functional.linear(x[None], y),
    "linear to numbers": lambda torch, x, y, z: torch.nn.functional.linear(x[0], y[0], z[0, 0]),
    "vector @ matrix": lambda torch, x, y, z: x[0] @ y,
    "vector @ matrices": lambda torch, x, y, z: x[0] @ y[None],
    "matrices @ vector": lambda torch, x, y, z: x[None] @ y[0],
    "matrices @ matrix": lambda torch, x, y, z: x[None] @ y,
    "matrix @ matrices": lambda torch, x, y, z: x @ y[None],
    "matrices @ matrices": lambda torch, x, y, z: x[None, None] @ torch.stack([y, z]),
    "mse_loss, broadcast": lambda torch, x, y, z: torch.nn.functional.mse_loss(x, y[0]),
    "mse_loss, two dtypes": lambda torch, x, y, z: torch.nn.functional.mse_loss(x, y.float()),
}
# Functions that record several ops, where PyTorch has one or a few. `v` and `u` are vectors of 3,
# `x` and `y` matrices of (3, 3), `b` a stack (2, 3, 3), `i` images (1, 4, 4, 4), `k` are indices,
# and F is nn.functional.
AS_ONE = """
torch.addmm(x, x, y)
torch.addmm(v, mat1=x, mat2=y, beta=2)
torch.addmv(v, x, u)
torch.addr(x, v, u)
torch.baddbmm(b, b, b)
torch.addbmm(x, b, b)
torch.vdot(v, u)
torch.einsum("i,i->", v, u)
torch.einsum("ij,j->i", x, v)
torch.einsum("ij,jk->ik", x, y)
torch.einsum("bij,jk->bik", b, x)
torch.einsum("ij,kj->ik", x, y)
torch.einsum("ij,jk,kl->il", x, y, x)
torch.einsum("...ij,...jk->...ik", b, b)
torch.einsum("ij->", x)
torch.einsum("ii", x)
torch.einsum("ii->i", x)
torch.einsum("i,j->ij", v, u)
torch.einsum("ij,ij->ij", x, y)
torch.einsum("bqhd,bkhd->bhqk", i, i)
x.split(1)
x.split([1, 2], 1)
x.chunk(2)
x.unsafe_chunk(2, 1)
x.unbind(1)
list(x)
x.trace()
x.diag()
v.diag()
torch.diag_embed(x)
x.rot90()
torch.block_diag(x, v, y)
torch.select_scatter(x, v, 0, 1)
torch.slice_scatter(x, y[:1], 0, 0, 1)
torch.diagonal_scatter(x, v)
x.repeat_interleave(2)
x.repeat_interleave(2, dim=0)
v.repeat_interleave(k)
x.scatter_reduce(0, k[None], y, "sum")
x.scatter_reduce(0, k[None], y, "mean")
x.nansum()
x.nansum(0)
torch.var_mean(x)
torch.std_mean(x, 1)
x.aminmax()
x.sort(stable=True)
torch.dist(x, y)
torch.cdist(x, y)
F.pdist(x)
F.normalize(x)
F.cosine_similarity(x, y)
x.renorm(2, 0, 1.0)
torch.angle(x)
torch.ldexp(x, k)
torch.cross(x, y, dim=1)
torch.linalg.solve(x, v)
torch.linalg.solve_triangular(x, y, upper=True)
torch.linalg.qr(x)
torch.linalg.svd(x)
torch.linalg.svdvals(x)
torch.linalg.eigh(x)
torch.linalg.eigvalsh(x)
torch.linalg.slogdet(x)
torch.linalg.lu(x)
torch.linalg.lstsq(x, y)
torch.cholesky_solve(x, y)
F.interpolate(i, scale_factor=2)
F.interpolate(i, scale_factor=2, mode="nearest-exact")
F.interpolate(i, scale_factor=2, mode="bilinear")
F.interpolate(i, scale_factor=2, mode="bicubic")
F.grid_sample(i, i[..., :2], align_corners=False)
F.affine_grid(x[None, :2], (1, 1, 2, 2), align_corners=False)
torch.linalg.inv_ex(x)
torch.linalg.solve_ex(x, y)
torch.linalg.cholesky_ex(x)
torch.adaptive_max_pool1d(x[None], 1)
torch.rrelu(x)
F.pixel_shuffle(i, 2)
F.pixel_unshuffle(i, 2)
F.celu(x)
F.elu(x * 1, inplace=True)
F.leaky_relu(x * 1, inplace=True)
F.multi_margin_loss(x, k)
F.kl_div(x, y, reduction="sum")
F.embedding_bag(k[None], x)
F.scaled_dot_product_attention(i, i, i)
F.scaled_dot_product_attention(i, i, i, is_causal=True)
F.ctc_loss(b.log_softmax(2), k[None, :1] + 1, (2,), (1,), reduction="none")
""".strip().splitlines()


@pytest.mark.parametrize("expression", AS_ONE)
def test_what_pytorch_records_as_one_node(expression: str) -> None:
    """The results have the same graphs and numbers, and share a node if PyTorch's do."""

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        v, u = (torch.tensor(a[0], dtype=torch.float64, requires_grad=True) for a in (X, Y))
        images = torch.from_numpy(np.cos(np.arange(64.0))).reshape(1, 4, 4, 4).requires_grad_()
        names = {"x": x, "y": y, "v": v, "u": u, "i": images}
        names["b"] = torch.stack([x.detach(), y.detach()]).requires_grad_()
        more = {"torch": torch, "F": torch.nn.functional, "k": torch.tensor([0, 2, 1])}
        found = eval(expression, {**names, **more})
        results = [found] if isinstance(found, torch.Tensor) else list(found)
        nodes = [each.grad_fn for each in results]
        leaf_names = {leaf: name for name, leaf in names.items()}
        return [
            [(each.output_nr, each.requires_grad) for each in results],
            [node is nodes[0] for node in nodes],
            [node and walk(node, leaf_names) for node in nodes],
            [type(node).__name__ in repr(each) for node, each in zip(nodes, results, strict=True)],
        ]

    check_same(program)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "classes": (lambda x: x, lambda torch, y: torch.tensor([0, 2, 1])),
    "one example": (lambda x: x[0], lambda torch, y: torch.tensor(1)),
    "probabilities": (lambda x: x, lambda torch, y: y),
    "images": (lambda x: x[None, :, :, None], lambda torch, y: torch.tensor([[[0], [2], [1]]])),
    "sequences": (lambda x: x[None], lambda torch, y: torch.tensor([[0, 2, 1]])),
    "volumes": (
        lambda x: x[None, :, :, None, None],
        lambda torch, y: torch.tensor([[[[0]], [[2]], [[1]]]]),
    ),
}
LOSS_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "reduction": st.sampled_from(["none", "sum", "mean"]),
        "label_smoothing": st.just(0.1),
        "weight": st.just([1.0, 2.0, 3.0]),
    },
)


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("name", COMPOSITIONS)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_graph_of_a_composition(name: str, wanted: tuple[bool, bool]) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        for t, wish in zip((x, y), wanted, strict=True):
            t.requires_grad_(wish)
        z = x * 1
        out = COMPOSITIONS[name](torch, x, y, z)
        out = z if out is None else out
        return out.grad_fn and walk(out.grad_fn, {x: "x", y: "y"})

    check_same(program)


@given(st.sampled_from([*LOSSES]), LOSS_OPTIONS)
def test_the_graph_of_cross_entropy(name: str, options: dict[str, Any]) -> None:
    input, target = LOSSES[name]

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        given = dict(options)
        if "weight" in given:
            given["weight"] = torch.tensor(given["weight"], dtype=torch.float64)
        out = torch.nn.functional.cross_entropy(input(x), target(torch, y), **given)
        return walk(out.grad_fn, {x: "x", y: "y"})

    check_same(program)


# Ops whose derivative PyTorch composes of the same ops.
OF_GRADIENTS = ("pow number", "sqrt", "exp", "log", "mul", "div", "div number")


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_the_graph_of_a_gradient(name: str) -> None:
    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        leaf = y if name in ("sqrt", "log", "div number") else x
        out = SMALL_OPS[name](torch, x, y)
        (d,) = torch.autograd.grad(out.sum(), leaf, create_graph=True)
        return walk(d.grad_fn, {x: "x", y: "y"})

    check_same(program)


@pytest.mark.parametrize("name", SMALL_OPS)
def test_a_graph_that_was_looked_at_has_the_same_second_derivatives(name: str) -> None:
    def second(looks: bool) -> list[Any]:
        x, y = leaves(minigrad)
        out = SMALL_OPS[name](minigrad, x, y)
        if looks:
            walk(out.grad_fn, {})
        g = minigrad.arange(out.numel(), dtype=out.dtype).reshape(out.shape)
        firsts = minigrad.autograd.grad(out, (x, y), g, create_graph=True, allow_unused=True)
        total = sum(((d * d).sum() for d in firsts if d is not None), minigrad.zeros(()))
        if not total.requires_grad:
            return []
        found = minigrad.autograd.grad(total, (x, y), allow_unused=True)
        return [d if d is None else d.tolist() for d in found]

    assert second(looks=True) == second(looks=False)


@pytest.mark.parametrize("key", ["...", ":", "0", "None", "mask", "[0, 1]", "()"])
@pytest.mark.parametrize("shape", [(3,), (3, 2), ()])
@pytest.mark.parametrize("value", [2.0, True])
def test_a_number_that_is_assigned_to_elements(
    key: str, shape: tuple[int, ...], value: float
) -> None:
    def program(torch: Any) -> Any:
        x = torch.ones(shape, requires_grad=True)
        y, mask = x * 3, torch.ones(shape, dtype=torch.bool)
        exec(f"y[{key}] = value", {"y": y, "mask": mask, "value": value})
        y.backward(torch.ones(shape))
        return walk(y.grad_fn, {x: "x"}), y, x.grad

    check_same(program)


@pytest.mark.parametrize("size", [(3, 1, 2), (1, 1, 2), (2, 3, 1, 2)])
@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2), (2,), (1, 1, 1), ()])
def test_products_of_expanded_stacks(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    """PyTorch takes one of two ways. The strides decide, also those of dimensions of size 1."""

    def program(torch: Any) -> Any:
        x = torch.ones(shape, requires_grad=True)
        y = x.expand(size)
        out = y.matmul(torch.ones(2, 2))
        return list(y.stride()), walk(out.grad_fn, {x: "x"})

    check_same(program)


def test_hooks_on_the_nodes_of_a_composition() -> None:
    """The node before an op can have hooks and be asked for its gradient, like any other."""

    def program(torch: Any) -> Any:
        x, y = leaves(torch)
        out = torch.nn.functional.linear(x, y, y[0])
        (_, _), (_, _), (transpose, _) = out.grad_fn.next_functions
        seen = []
        transpose.register_hook(lambda inputs, outputs: seen.extend([*inputs, *outputs]))
        out.backward(torch.tensor([[1.0, 0.0, 2.0]] * 3, dtype=torch.float64))
        return [tuple(g.shape) for g in seen], seen[0].tolist() == seen[1].t().tolist(), y.grad

    check_same(program)


# Identity -----------------------------------------------------------------------------------------


def test_nodes_keep_their_identity_while_they_are_referenced() -> None:
    def program(torch: Any) -> Any:
        x, y = leaf(torch), leaf(torch)
        a = x * y
        b = a + a
        node = b.grad_fn
        into_x, into_y = (n for n, _ in a.grad_fn.next_functions)
        return (
            node is b.grad_fn,
            node.next_functions[0][0] is node.next_functions[1][0] is a.grad_fn,
            into_x is (x * 2).grad_fn.next_functions[0][0],
            into_x is into_y,
            into_x.variable is x,
            into_x == a.grad_fn.next_functions[0][0],
            len({a.grad_fn, b.grad_fn, node}),
            into_x.next_functions,
            x.grad_fn,
        )

    check_same(program)


def test_the_node_of_a_result_and_of_its_detached_copy() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * 2
        return y.detach().grad_fn, y.output_nr, x.output_nr, y.view(2, 1).grad_fn.name()

    check_same(program)


def test_metadata_is_kept() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * 2
        y.grad_fn.metadata["note"] = 3
        z = y + 1
        return z.grad_fn.next_functions[0][0].metadata, z.grad_fn.metadata

    check_same(program)


def test_a_write_gives_a_new_node() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        y = x * 2
        before = y.grad_fn
        y.add_(1)
        z = y[:1]
        z.mul_(3)
        return [before.name(), type(y.grad_fn).__name__, z.grad_fn.name()]

    check_same(program)


# Whole graphs -------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.data())
def test_random_graphs(data: st.DataObject) -> None:
    names = [n for n in SMALL_OPS if n in ("add", "mul", "exp", "tanh", "sub", "mm", "t", "relu")]
    numbers = st.integers(0, 100)
    steps = data.draw(st.lists(st.tuples(st.sampled_from(names), numbers, numbers), max_size=8))

    def program(torch: Any) -> Any:
        values = [*leaves(torch)]
        names = {values[0]: "x", values[1]: "y"}
        for op, i, j in steps:
            values.append(SMALL_OPS[op](torch, values[i % len(values)], values[j % len(values)]))
        return values[-1].grad_fn and walk(values[-1].grad_fn, names)

    check_same(program)


NETWORKS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "by hand": lambda torch, x, w: ((x @ w).tanh() @ w).relu().mean(),
    "a loss": lambda torch, x, w: torch.nn.functional.mse_loss((x @ w).sigmoid(), x),
    "shared weights": lambda torch, x, w: ((x @ w) @ w + w).exp().sum(),
    "parts": lambda torch, x, w: torch.cat([x[:1] * w[:1], w[1:]]).log_softmax(1).sum(),
    "a residual": lambda torch, x, w: (x + (x @ w).relu()).softmax(1).mean(),
}


@pytest.mark.parametrize("of_gradient", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, of_gradient: bool) -> None:
    def program(torch: Any) -> Any:
        x, w = leaves(torch)
        out = NETWORKS[name](torch, x, w)
        if not of_gradient:
            return walk(out.grad_fn, {x: "x", w: "w"})
        (d,) = torch.autograd.grad(out, w, create_graph=True)
        graph = walk(d.grad_fn, {x: "x", w: "w"})
        # The ops of a derivative may differ, but they lead to the same leaves.
        return sorted(variable for _, variable, _, _ in graph if variable)

    check_same(program)


def test_a_module_leads_to_its_parameters() -> None:
    def program(torch: Any) -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
        names = {p: n for n, p in model.named_parameters()}
        out = model(torch.ones(4, 3))
        graph = walk(out.grad_fn, names)
        return graph[0][0], sorted(variable for _, variable, _, _ in graph if variable)

    check_same(program)


# Memory -------------------------------------------------------------------------------------------


def test_inspection_keeps_nothing_alive() -> None:
    x, y = leaves(minigrad)
    with no_cyclic_gc():
        out = (x * y).exp()
        walk(out.grad_fn, {x: "x", y: "y"}, saved)
        alive = [weakref.ref(out), weakref.ref(out.grad_fn), weakref.ref(out._node)]
        del out
        assert [ref() for ref in alive] == [None] * 3
        assert gc.collect() == 0


def test_a_reference_to_a_node_keeps_the_graph() -> None:
    def program(torch: Any) -> Any:
        x = leaf(torch)
        node = (x.exp() * x).grad_fn
        return walk(node, {x: "x"}), node._saved_self, node._saved_other

    ours, theirs = program(minigrad), program(torch)
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1].detach().numpy(), theirs[1].detach().numpy())
    assert ours[2].tolist() == theirs[2].tolist()
