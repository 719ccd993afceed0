"""The strides of results and gradients are PyTorch's, for operands of any layout."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import check_same

torch = pytest.importorskip("torch")

import minigrad
from bridge.comparing.closeness import strides_of

# How to make an operand: its shape, the order of its dimensions in memory, the dimensions of which
# it takes every second element, and whether it is expanded to the whole shape.
Recipe = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], bool]


@st.composite
def recipes(draw: st.DrawFn, shape: tuple[int, ...], whole: bool = False) -> Recipe:
    own = shape
    if not whole:
        own = shape[draw(st.sampled_from((0, 0, 0, min(1, len(shape))))) :]
        own = tuple(draw(st.sampled_from((size, size, size, 1))) for size in own)
    order = draw(st.permutations(range(len(own))))
    gaps = draw(st.lists(st.sampled_from(range(len(own))), max_size=1)) if own else []
    expanded = not whole and draw(st.sampled_from((False, False, False, True)))
    return own, tuple(order), tuple(gaps), expanded


def operand(t: Any, recipe: Recipe, shape: tuple[int, ...]) -> Any:
    own, order, gaps, expanded = recipe
    x = t.ones([own[d] * (2 if d in gaps else 1) for d in order])
    x = x.permute([order.index(d) for d in range(len(own))])
    for d in gaps:
        x = x[(slice(None),) * d + (slice(None, None, 2),)]
    return x.expand(shape) if expanded else x


# Sizes of 1 are left out: the strides of views along them may differ, and they take part in the
# comparison of operands.
SHAPES = st.lists(st.sampled_from((2, 3, 4)), min_size=1, max_size=4).map(tuple)

OPS: dict[str, Callable[..., Any]] = {
    "exp": lambda t, x: t.exp(x),
    "x * 2": lambda t, x: x * 2,
    "2 ** x": lambda t, x: 2**x,
    "x + y": lambda t, x, y: x + y,
    "int + float": lambda t, x, y: x.long() + y,
    "x < y": lambda t, x, y: x < y,
    "where": lambda t, x, y, z: t.where(x > 0, y, z),
    "clamp": lambda t, x, y, z: t.clamp(x, y, z),
    "mse_loss": lambda t, x, y: t.nn.functional.mse_loss(x, y.expand(x.shape), reduction="none"),
    "cat of two": lambda t, x, y: t.cat([x, y.expand(x.shape)], -1),
    "cat of itself": lambda t, x: t.cat([x, x], x.ndim // 2),
    "stack of itself": lambda t, x: t.stack([x, x], x.ndim // 2),
    "clone": lambda t, x: x.clone(),
    "double": lambda t, x: x.double(),
    "zeros_like": lambda t, x: t.zeros_like(x),
    "rand_like": lambda t, x: t.rand_like(x),
    "masked_fill": lambda t, x, y: x.masked_fill(y > 0, 1.0),
    "sum": lambda t, x: x.sum(0),
    "mean": lambda t, x: x.mean(-1, keepdim=True),
    "max": lambda t, x: x.max(0).values,
    "argmax": lambda t, x: x.argmax(-1),
    "any": lambda t, x: x.bool().any(0),
    "softmax": lambda t, x: t.softmax(x, 0),
    "cat": lambda t, x: t.cat([x, x], 0),
    "matmul": lambda t, x: x @ x.transpose(-1, -2) if x.ndim > 1 else x,
    "x[i]": lambda t, x: x[t.tensor([[0, 1], [1, 1], [0, 0]]).t()],
    "x[:, i]": lambda t, x: x[:, t.tensor([0, 1])] if x.ndim > 1 else x,
    "x[i, :, i]": lambda t, x: x[t.tensor([0, 1]), :, t.tensor([0])] if x.ndim > 2 else x,
    "x[mask]": lambda t, x: x[x.sum(-1) > 0] if x.ndim > 1 else x,
    "index_put": lambda t, x: x.index_put((t.tensor([0]),), t.tensor(1.0)),
    "reshape": lambda t, x: x.reshape(-1),
    "sort": lambda t, x: x.sort(0).values,
    "argsort": lambda t, x: x.argsort(-1, descending=True),
    "topk": lambda t, x: x.topk(1, 0).indices,
    "index_fill": lambda t, x: x.index_fill(0, t.tensor([1]), 2.0),
    "index_select": lambda t, x: x.index_select(-1, t.tensor([1])),
    "one_hot": lambda t, x: t.nn.functional.one_hot(x.long()),
    "count_nonzero": lambda t, x: x.count_nonzero(0),
    "repeat_interleave": lambda t, x: x.repeat_interleave(2, x.ndim // 2),
    "repeat_interleave of each": lambda t, x: x.repeat_interleave(t.tensor([2]), 0),
    "roll": lambda t, x: x.roll(1, 0),
    "roll by nothing": lambda t, x: x.roll((1, x.shape[-1]), (0, -1)),
    "roll all": lambda t, x: x.roll(1),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, x.shape[-1:]),
    "renorm": lambda t, x: x.renorm(2, 0, 1.0) if x.ndim > 1 else x,
    "kl_div": lambda t, x, y: t.nn.functional.kl_div(x, y.expand(x.shape), reduction="none"),
    "dropout": lambda t, x: t.nn.functional.dropout(x),
    "dropout of all": lambda t, x: t.nn.functional.dropout(x, 1.0),
    "alpha_dropout": lambda t, x: t.nn.functional.alpha_dropout(x, 0.5, training=True),
    "slice_scatter": lambda t, x: x.clone().slice_scatter(x[:1], 0, 0, 1),
}


@pytest.mark.parametrize("name", OPS)
@given(data=st.data())
def test_the_strides_of_a_result(name: str, data: st.DataObject) -> None:
    op, shape = OPS[name], data.draw(SHAPES)
    count = op.__code__.co_argcount - 1
    made = [data.draw(recipes(shape, whole=i == 0)) for i in range(count)]
    ours, theirs = (op(t, *(operand(t, recipe, shape) for recipe in made)) for t in LIBRARIES)
    assert strides_of(ours) == strides_of(theirs)
    assert ours.is_contiguous() == theirs.is_contiguous()


EQUATIONS = """
i->i ii-> ii->i ij->ji iij->ji iji->ij ij->j ij-> ...i->... i...->...i i,j->ji i,i-> ij,ij->
ij,ij->ji ij,jk->ik ij,jk->ki ij,kj->ik ij,jj->i ij,k->kij bij,bjk->bik bij,bjk->bki bij,bkj->ikb
bqhd,bkhd->bhqk bhqk,bkhd->bqhd bhqk,bkhd->qdbh ...ij,...jk->...ik ij...,jk...->ik...
i...,i...->...i ij,jk,kl->li ij,jk,ik->k i,j,k->kij bn,anm,bm->ba
"""


@pytest.mark.parametrize("equation", EQUATIONS.split())
@given(data=st.data())
def test_the_strides_and_the_graph_of_einsum(equation: str, data: st.DataObject) -> None:
    terms = equation.partition("->")[0].replace("...", "xy").split(",")
    sizes = dict(zip("abdhijklmnqxy", (2, 3, 4) * 5, strict=False))
    made = [
        (shape := tuple(sizes[letter] for letter in term), data.draw(recipes(shape, whole=True)))
        for term in terms
    ]

    def strides(t: Any) -> Any:
        operands = [operand(t, recipe, shape).requires_grad_() for shape, recipe in made]
        y = t.einsum(equation, *operands)
        return strides_of(y), y.grad_fn.name(), y.is_contiguous()

    assert strides(minigrad) == strides(torch)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("dim", range(5))
def test_the_strides_of_joined_images(order: tuple[int, ...], dim: int) -> None:
    def joined(t: Any) -> list[Any]:
        x = t.arange(120.0).reshape(4, 3, 2, 5).permute(order)
        return [*([t.cat([x, x + 1], dim)] if dim < 4 else []), t.stack([x, x + 1, x + 2], dim)]

    for ours, theirs in zip(joined(minigrad), joined(torch), strict=True):
        assert strides_of(ours) == strides_of(theirs)
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_strides_of_a_gather_along_separate_dimensions(order: tuple[int, ...]) -> None:
    def strides(t: Any) -> tuple[int, ...]:
        x = t.ones(4, 3, 2, 3).permute(order)
        return strides_of(x[:, t.tensor([0, 1]), :, t.tensor([0])])

    assert strides(minigrad) == strides(torch)


LIBRARIES = (minigrad, torch)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(),
    "x * x": lambda x: x * x,
    "sum of exp": lambda x: x.exp().sum(0),
    "transposed": lambda x: x.transpose(0, -1).relu(),
    "indexed": lambda x: x[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data(), twice=st.booleans(), recorded=st.booleans())
@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_gradient_has_the_strides_of_its_leaf(
    name: str, data: st.DataObject, twice: bool, recorded: bool
) -> None:
    shape = data.draw(SHAPES)
    recipe = data.draw(recipes(shape))

    def gradient(t: Any) -> Any:
        leaf = operand(t, recipe, shape).expand(shape).requires_grad_()
        for _ in range(1 + twice):
            y = FUNCTIONS[name](leaf)
            y.backward(t.ones_like(y), create_graph=recorded)
        return leaf.grad

    ours, theirs = map(gradient, LIBRARIES)
    assert strides_of(ours) == strides_of(theirs)


@pytest.mark.parametrize("t", LIBRARIES)
def test_a_write_through_a_reshape_reaches_the_tensor_only_if_that_is_contiguous(t: Any) -> None:
    x = t.arange(6.0).reshape(2, 3).t()
    kept, contiguous = x + t.zeros(3, 2), x.masked_fill(x > 9, 0.0)
    kept.reshape(-1)[0], contiguous.reshape(-1)[0] = 9.0, 9.0
    assert kept[0, 0] == 0
    assert contiguous[0, 0] == 9


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_strides_of_other_copies(order: tuple[int, ...]) -> None:
    def strides(t: Any) -> Any:
        x, y = t.arange(24.0).reshape(2, 3, 4).permute(order), t.ones(24).reshape(2, 3, 4)
        y = y.permute(order).contiguous()
        made = [t.fill(x, 2), t.isreal(x), t.rsub(x, y), t.rsub(y, x), t.rsub(x, 2), 2 - x]
        forms = (t.contiguous_format, t.preserve_format)
        made += [t.clone(x, memory_format=form) for form in forms]
        return [strides_of(z) for z in made]

    assert strides(minigrad) == strides(torch)


COPIES = {
    "clone": lambda t, x: x.clone(),
    "double": lambda t, x: x.double(),
    "zeros_like": lambda t, x: t.zeros_like(x),
    "empty_like": lambda t, x: t.empty_like(x),
    "full_like": lambda t, x: t.full_like(x, 2),
    "to a copy": lambda t, x: x.to(x.dtype, copy=True),
    "deepcopy": lambda t, x: copy.deepcopy(x),
    "flip": lambda t, x: x.flip(0),
    "x[[0]]": lambda t, x: x[[0]],
    "x[:, [0]]": lambda t, x: x[:, [0]],
    "x[..., [0, 0]]": lambda t, x: x[..., [0, 0]],
    "x[None, [0], [0]]": lambda t, x: x[None, [0], [0]],
    "x[:, None, [0]]": lambda t, x: x[:, None, [0]],
    "x[mask, None]": lambda t, x: x[x[:, ..., 0].bool(), None] if x.ndim == 2 else x,
}


@pytest.mark.parametrize("name", COPIES)
@given(st.lists(st.integers(1, 3), min_size=2, max_size=4), st.data())
def test_the_strides_of_a_copy_along_sizes_of_1(
    name: str, shape: list[int], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    copied = COPIES[name]
    ours, theirs = (copied(t, t.ones(shape).permute(order)) for t in LIBRARIES)
    assert ours.stride() == theirs.stride()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 3), (1, 1), (2, 1, 3)])
def test_the_strides_of_an_expanded_tensor(shape: tuple[int, ...], transposed: bool) -> None:
    def strides(t: Any, sizes: tuple[int, ...]) -> Any:
        x = t.ones(shape)
        try:
            return (x.mT if transposed and len(shape) > 1 else x).expand(sizes).stride()
        except RuntimeError:
            return RuntimeError

    for lead in range(3):
        for sizes in itertools.product((-1, 1, 2, 3), repeat=lead + len(shape)):
            assert strides(minigrad, sizes) == strides(torch, sizes), sizes


IMAGES = [
    "pad(x, (1,) * 2 * n, mode='reflect')",
    "pad(x, (1,) * 2 * n, mode='replicate')",
    "pad(x, (1,) * 2 * n, mode='circular')",
    "pad(x, (1,) * 2 * n)",
    "interpolate(x, scale_factor=2)",
    "interpolate(x, scale_factor=2, mode=['bilinear', 'trilinear'][n - 2])",
    "interpolate(x, size=2, mode='area')",
    "rms_norm(x, x.shape[-1:])",
    "layer_norm(x, x.shape[-2:])",
    "group_norm(x, 2)",
    "batch_norm(x, None, None, training=True)",
    "[avg_pool2d, avg_pool3d][n - 2](x, 2)",
    "[max_pool2d, max_pool3d][n - 2](x, 2)",
    "[adaptive_avg_pool2d, adaptive_avg_pool3d][n - 2](x, 2)",
    "[adaptive_max_pool2d, adaptive_max_pool3d][n - 2](x, 2)",
    "rrelu(x)",
    "rrelu(x, training=True)",
]


@pytest.mark.parametrize("call", IMAGES)
@pytest.mark.parametrize("n", [2, 3])
def test_the_strides_of_images(call: str, n: int) -> None:
    def strides(t: Any, order: tuple[int, ...]) -> tuple[int, ...]:
        sizes = (2, 4, 3, 5, 6)[: n + 2]
        x = t.ones([sizes[d] for d in order]).permute([order.index(d) for d in range(n + 2)])
        return strides_of(eval(call, vars(t.nn.functional) | {"x": x, "n": n}))

    for order in itertools.permutations(range(n + 2)):
        assert strides(minigrad, order) == strides(torch, order), order


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        "batch_norm(x, None, None, training=True)",
        "batch_norm(x, *[x.new_ones(x.shape[1])] * 4)",
        "instance_norm(x)",
        "[adaptive_avg_pool2d, adaptive_avg_pool3d][n - 2](x, 1)",
        "[adaptive_max_pool2d, adaptive_max_pool3d][n - 2](x, 1)",
        "[max_pool2d, max_pool3d][n - 2](x, 1)",
    ],
)
def test_the_strides_of_images_with_a_size_of_1(call: str, gap: bool, n: int) -> None:
    def strides(t: Any, order: tuple[int, ...], one: int) -> tuple[int, ...]:
        sizes = [1 if d == one else size for d, size in enumerate((3, 4, 2, 3, 2)[: n + 2])]
        x = t.ones([sizes[d] * (1 + gap) for d in order])[(slice(None, None, 1 + gap),) * (n + 2)]
        x = x.permute([order.index(d) for d in range(n + 2)])
        return strides_of(eval(call, vars(t.nn.functional) | {"x": x, "n": n}))

    for order in itertools.islice(itertools.permutations(range(n + 2)), 0, None, 2 * n - 3):
        for one in range(n + 2):
            assert strides(minigrad, order, one) == strides(torch, order, one), (order, one)


@pytest.mark.parametrize("shape", [(4, 2, 3), (1, 2, 3), (4, 2, 3, 5), (4, 1, 3, 5)])
@pytest.mark.parametrize("name", ["max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool"])
def test_the_strides_of_one_image(name: str, shape: tuple[int, ...]) -> None:
    def strides(t: Any, order: tuple[int, ...]) -> tuple[int, ...]:
        x = t.ones([shape[d] for d in order]).permute([order.index(d) for d in range(len(shape))])
        pool = getattr(t.nn.functional, f"{name}{len(shape) - 1}d")
        y: tuple[int, ...] = strides_of(pool(x, 1))
        return y

    for order in itertools.permutations(range(len(shape))):
        if order != (0, 2, 3, 1):  # an error in PyTorch, which takes the depth for channels
            assert strides(minigrad, order) == strides(torch, order), order


@pytest.mark.parametrize("n", [2, 3])
def test_the_strides_of_a_single_mean_of_each_channel(n: int) -> None:
    def stride(t: Any, form: str) -> Any:
        x = t.ones(2, 3, *(4, 5, 6)[:n]).contiguous(memory_format=getattr(t, form)).requires_grad_()
        y = getattr(t.nn.functional, f"adaptive_avg_pool{n}d")(x, 1)
        return y.stride(), y.grad_fn.name()

    for form in ("contiguous_format", "channels_last" if n == 2 else "channels_last_3d"):
        assert stride(minigrad, form) == stride(torch, form)


@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize("shape", list(itertools.product((1, 2), repeat=3)))
def test_the_strides_along_dimensions_of_size_1(shape: tuple[int, ...], gap: bool) -> None:
    def strides(t: Any, order: tuple[int, ...]) -> list[Any]:
        x = t.ones([shape[d] * (1 + gap) for d in order]).permute(order)
        x = x[:, :: 1 + gap]
        return [(x.unsqueeze(d).stride(), x.squeeze(d - 1).stride()) for d in range(4)]

    for order in itertools.permutations(range(3)):
        assert strides(minigrad, order) == strides(torch, order)


@pytest.mark.parametrize(
    "options",
    ["", "is_causal=True", "dropout_p=0.5", "attn_mask=t.ones(4, 4)", "attn_mask=t.ones(3, 4, 4)"],
)
@pytest.mark.parametrize("width", [5, 7])
def test_the_strides_of_attention(options: str, width: int) -> None:
    def strides(t: Any, order: tuple[int, ...], which: int) -> tuple[int, ...]:
        sizes, back = (2, 3, 4, 5), [order.index(d) for d in range(4)]
        operands = [t.ones(sizes), t.ones(sizes), t.ones(2, 3, 4, width)]
        shape = operands[which].shape
        operands[which] = t.ones([shape[d] for d in order]).permute(back)
        call = f"scaled_dot_product_attention(*operands, {options})"
        return strides_of(eval(call, vars(t.nn.functional) | {"operands": operands, "t": t}))

    for order, which in itertools.product(itertools.permutations(range(4)), range(3)):
        assert strides(minigrad, order, which) == strides(torch, order, which), (order, which)


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_strides_along_sizes_of_one(order: tuple[int, ...]) -> None:
    strides = []
    for t in (minigrad, torch):
        x = t.ones(1, 1, 4, 12)[..., ::2].permute(order)
        y = t.ones(x.shape[-1])
        results = (x.exp(), x + x, x + y, y + x, x == y, t.lerp(x, y, 0.5), x * 2)
        strides.append([z.stride() for z in results])
    assert strides[0] == strides[1]


@given(data=st.data(), shape=st.lists(st.sampled_from((1, 1, 2, 3)), min_size=1, max_size=5))
def test_all_the_strides_of_elementwise_results(data: st.DataObject, shape: list[int]) -> None:
    x_recipe, y_recipe = data.draw(recipes(tuple(shape), True)), data.draw(recipes(tuple(shape)))
    strides = []
    for t in (minigrad, torch):
        x, y = operand(t, x_recipe, tuple(shape)), operand(t, y_recipe, tuple(shape))
        results = [x * 5, 2 - x, x**2, x.exp(), x + y, y + x, x < y, x > 1, x.isnan()]
        results += [t.where(x > 0, x, y), t.where(x > 0, x, 1.0), x.clamp(0, 1), x.clamp(y)]
        results += [t.lerp(x, x, 0.5), t.addcmul(x, x, x), x.long() + x, t.add(x, x, out=t.ones(0))]
        results += [x.double(), x.long(), x.clone(), x.clone().mul_(2), t.empty_like(x)]
        results += [t.zeros_like(x, dtype=t.float64), x.relu(), x.abs()]
        strides.append([z.stride() for z in results])
    assert strides[0] == strides[1]


def test_the_strides_along_a_size_of_one_beside_an_equal_stride() -> None:
    strides = []
    for t in (minigrad, torch):
        x = t.ones(40).as_strided((1, 3, 3, 2), (12, 4, 12, 2))
        strides.append([z.stride() for z in (x.exp(), x + x, x * 2, x == x)])
    assert strides[0] == strides[1] == [(6, 2, 6, 1)] * 4


def test_the_strides_of_normalised_images_along_sizes_of_one() -> None:
    strides = []
    for t in (minigrad, torch):
        x = t.ones(1, 3, 2, 1).permute(3, 2, 1, 0)
        y = t.nn.functional.batch_norm(x, t.zeros(2), t.ones(2))
        strides.append(y.stride())
    assert strides[0] == strides[1]


# The operands of each are x (3, 4), w (5, 4) and v (4,).
OF_GRAD = [
    "x @ w.t()", "w @ x.t()", "w.t().t() @ x.t()", "t.mm(x, w.T)", "F.linear(x, w)",
    "F.linear(x, w, v[:1].expand(5))", "F.linear(x[None], w)", "t.tensordot(x, w, ([1], [1]))",
    "t.einsum('ij,kj->ik', x, w)", "t.addmm(v[:1], x, w.t())", "w @ v", "w @ x.t() @ x",
    "x.mean(1)", "x.mean(0, keepdim=True) + w.mean(0)", "x.sum(1)",
    "t.where(v > 0, x, 0.).cumsum(0)", "t.where(v > 0, x, 0.).sum(0)",
    "t.where((v > 0).expand(3, 4), x, 0.).cumsum(0)",
    "x.masked_fill(v > 0, 1.).logsumexp(0)",
]  # fmt: skip


@pytest.mark.parametrize("expression", OF_GRAD)
@given(data=st.data(), create_graph=st.booleans())
def test_the_strides_of_the_results_of_grad(
    expression: str, data: st.DataObject, create_graph: bool
) -> None:
    shapes = ((3, 4), (5, 4), (4,))
    drawn = [data.draw(recipes(shape, whole=True)) for shape in shapes]

    def strides(t: Any) -> Any:
        x, w, v = leaves = [
            operand(t, recipe, shape).detach().requires_grad_()
            for recipe, shape in zip(drawn, shapes, strict=True)
        ]
        y = eval(expression, {"t": t, "F": t.nn.functional, "x": x, "w": w, "v": v})
        cotangent = t.ones(y.shape) * 2
        found = t.autograd.grad(y, leaves, cotangent, create_graph=create_graph, allow_unused=True)
        # PyTorch's gradient of a sum shares the memory of its cotangent.
        return [None if g is None or 0 in g.stride() else strides_of(g) for g in found]

    theirs, ours = strides(torch), strides(minigrad)
    assert [b for a, b in zip(theirs, ours, strict=True) if a is not None] == [
        a for a in theirs if a is not None
    ]


# What makes a tensor in a format, or asks for one, of a tensor `x` and a format.
FORMATTED: dict[str, Callable[..., Any]] = {
    "empty": lambda t, x, form: t.empty(x.shape, memory_format=form),
    "empty_like": lambda t, x, form: t.empty_like(x, memory_format=form),
    "zeros_like": lambda t, x, form: t.zeros_like(x, memory_format=form),
    "clone": lambda t, x, form: x.clone(memory_format=form),
    "contiguous": lambda t, x, form: x.contiguous(memory_format=form),
    "is_contiguous": lambda t, x, form: x.is_contiguous(memory_format=form),
    "to": lambda t, x, form: x.to(memory_format=form),
    "to a copy": lambda t, x, form: x.to(copy=True, memory_format=form),
    "to a dtype": lambda t, x, form: x.to(t.float64, memory_format=form),
    "double": lambda t, x, form: x.double(memory_format=form),
    "resize_": lambda t, x, form: t.empty(0).resize_(x.shape, memory_format=form),
    "resize_as_": lambda t, x, form: t.empty(0).resize_as_(x, memory_format=form),
}
FORMATS = ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format")


@pytest.mark.parametrize("name", FORMATTED)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=5), st.sampled_from(FORMATS), st.data())
def test_the_strides_of_a_format(
    name: str, shape: list[int], form: str, data: st.DataObject
) -> None:
    order = range(len(shape))
    if 0 not in shape:
        order = data.draw(st.permutations(order) | st.just((*order[:1], *order[2:], 1)))
    found: list[Any] = []
    for t in (minigrad, torch):
        x = t.ones([shape[d] for d in order]).permute([*map(order.index, range(len(shape)))])
        try:
            y = FORMATTED[name](t, x, getattr(t, form))
        except Exception as error:
            found.append(type(error))
        else:
            found.append(y if isinstance(y, bool) else (y.shape, y.stride(), y is x))
    assert found[0] == found[1]


# Functions of images whose results have the layout of these.
OF_IMAGES: dict[str, Callable[..., Any]] = {
    "max_pool2d": lambda F, x: F.max_pool2d(x, 1),
    "avg_pool2d": lambda F, x: F.avg_pool2d(x, 1),
    "adaptive_avg_pool2d": lambda F, x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_avg_pool2d to 1": lambda F, x: F.adaptive_avg_pool2d(x, 1),
    "adaptive_max_pool2d": lambda F, x: F.adaptive_max_pool2d(x, 1),
    "nearest": lambda F, x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda F, x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "conv2d": lambda F, x: F.conv2d(x, x[:1, :, :1, :1].detach().clone().contiguous()),
}


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("last", [False, True])
def test_the_strides_of_results_for_images_with_sizes_of_one(name: str, last: bool) -> None:
    for shape in itertools.product((1, 2), (1, 2, 3), (1, 3), (1, 3)):
        found = []
        for t in (minigrad, torch):
            x = t.ones(shape)
            x = x.to(memory_format=t.channels_last) if last else x
            y = OF_IMAGES[name](t.nn.functional, x.requires_grad_())
            found.append((x.stride(), y.stride(), y.grad_fn.name()))
        assert found[0] == found[1], shape


@pytest.mark.parametrize("channels", [1, 2])
def test_the_strides_of_converted_weights(channels: int) -> None:
    for t in (minigrad, torch):
        layer = t.nn.Conv2d(channels, 3, 2)
        t.nn.utils.convert_conv2d_weight_memory_format(layer, t.channels_last)
        assert layer.weight.stride() == (4 * channels, 1, 2 * channels, channels)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("innermost", ["", "input", "weight", "both"])
@pytest.mark.parametrize("nd", [2, 3])
def test_a_convolution_has_the_format_of_its_operands(
    nd: int, innermost: str, transposed: bool
) -> None:
    """And so have the gradients. The sizes are those for which the format is unambiguous."""

    def program(t: Any) -> Any:
        form = t.channels_last if nd == 2 else t.channels_last_3d
        x, weight = t.ones(2, 4, *[5] * nd), t.ones(4, 4, *[3] * nd)
        if innermost in ("input", "both"):
            x = x.contiguous(memory_format=form)
        if innermost in ("weight", "both"):
            weight = weight.contiguous(memory_format=form)
        x.requires_grad_()
        weight.requires_grad_()
        call = getattr(t.nn.functional, f"conv{'_transpose' if transposed else ''}{nd}d")
        y = call(x, weight, t.ones(4))
        found = t.autograd.grad(y.sum(), [x, weight])
        return [list(each.stride()) for each in (y, *found)] + [y, *found]

    assert check_same(program).error is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "bool"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_strides_of_angles(order: tuple[int, ...], dtype: str) -> None:
    def strides(t: Any) -> tuple[int, ...]:
        return tuple(t.angle(t.ones(2, 3, 4, dtype=getattr(t, dtype)).permute(order)).stride())

    assert strides(minigrad) == strides(torch)
