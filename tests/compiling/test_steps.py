"""A compiled step does what the step does, to the bit, in everything that it changes."""

from __future__ import annotations

import builtins
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.compiling import CompiledStep
from minigrad.core import node
from minigrad.core.errstate import quiet
from tests.compiling.twin_steps import Setting, agree, bits, labels, module_setting, numbers

F = nn.functional


def two_layers() -> Any:
    return nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3))


def classifier(optimizer: Any = lambda p: optim.SGD(p, lr=0.1)) -> Setting:
    return module_setting(two_layers, nn.CrossEntropyLoss(), optimizer)


def batches(count: int = 8, n: int = 6) -> list[tuple[Any, Any]]:
    return [(numbers(i, n, 2), labels(i, n, 3)) for i in range(count)]


OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "maximize": lambda p: optim.SGD(p, lr=0.1, maximize=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: optim.Adadelta(p),
    "Adamax": lambda p: optim.Adamax(p),
    "NAdam": lambda p: optim.NAdam(p),
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.5, centered=True),
    "Rprop": lambda p: optim.Rprop(p),
}
# The optimisers that aren't recorded, and a part of the reason that is given.
REFUSED_OPTIMIZERS: dict[str, tuple[Any, str]] = {
    "RAdam": (lambda p: optim.RAdam(p), "a condition on values that the step has written"),
    "ASGD": (lambda p: optim.ASGD(p), "option"),
    "Muon": (lambda p: optim.Muon([each for each in p if each.ndim == 2]), "option"),
    "Adafactor": (lambda p: optim.Adafactor(p), "a condition on values"),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser(name: str) -> None:
    agree(lambda: classifier(OPTIMIZERS[name]), batches())


@pytest.mark.parametrize("name", REFUSED_OPTIMIZERS)
def test_an_optimiser_that_is_refused(name: str) -> None:
    make, reason = REFUSED_OPTIMIZERS[name]
    with pytest.warns(UserWarning, match="minigrad.compile can't record"):
        compiled = agree(lambda: classifier(make), batches(4), recorded=False)
    assert reason in compiled.refusal


def by_hand(update: str) -> Setting:
    """The tutorial's manual loop with an update of a kind."""
    w, b = numbers(0, 2, 3).requires_grad_(), minigrad.zeros(3, requires_grad=True)
    space: dict[str, Any] = {"w": w, "b": b, "F": F, "minigrad": minigrad, "lr": 0.1}
    exec(
        "def step(x, y):\n"
        "    loss = F.nll_loss(F.log_softmax(x @ w + b, dim=1), y)\n"
        "    loss.backward()\n" + textwrap.indent(textwrap.dedent(update), "    ") + "\n"
        "    return loss\n",
        space,
    )
    return Setting(space["step"], {"w": w, "b": b})


UPDATES = {
    "data": "for p in (w, b):\n    p.data -= lr * p.grad.data\n    p.grad.data.zero_()",
    "no_grad": "with minigrad.no_grad():\n    for p in (w, b):\n        p -= lr * p.grad\n"
    "        p.grad.zero_()",
    "None": "with minigrad.no_grad():\n    for p in (w, b):\n        p -= lr * p.grad\n"
    "        p.grad = None",
    "sub_": "with minigrad.no_grad():\n    for p in (w, b):\n        p.sub_(p.grad, alpha=lr)\n"
    "w.grad = b.grad = None",
    "accumulate": "with minigrad.no_grad():\n    for p in (w, b):\n        p -= lr * p.grad",
}


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_by_hand(name: str) -> None:
    agree(lambda: by_hand(UPDATES[name]), batches())


LAYERS: dict[str, Any] = {
    "BatchNorm1d": lambda: nn.BatchNorm1d(4),
    "LayerNorm": lambda: nn.LayerNorm(4),
    "GroupNorm": lambda: nn.GroupNorm(2, 4),
    "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid, "SiLU": nn.SiLU, "ELU": nn.ELU, "Softplus": nn.Softplus,
    "LeakyReLU": nn.LeakyReLU, "Hardtanh": nn.Hardtanh, "Mish": nn.Mish,
    "PReLU": lambda: nn.PReLU(4), "Softmax": lambda: nn.Softmax(1),
    "GELU": lambda: nn.GELU(approximate="tanh"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name: str) -> None:
    def make() -> Any:
        return nn.Sequential(nn.Linear(2, 4), LAYERS[name](), nn.Linear(4, 3))

    agree(lambda: module_setting(make, nn.CrossEntropyLoss(), lambda p: optim.Adam(p)), batches())


def test_a_convolutional_network() -> None:
    def make() -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
        )

    data = [(numbers(i, 4, 1, 6, 6), labels(i, 4, 3)) for i in range(5)]
    agree(lambda: module_setting(make, nn.CrossEntropyLoss(), lambda p: optim.SGD(p, lr=0.1)), data)


def test_products_whose_shapes_do_not_broadcast() -> None:
    """Of matrices, which a convolution writes into an array of its own."""

    def make() -> Any:
        first = nn.Conv2d(3, 3, 3, stride=2, groups=3, bias=False, padding_mode="circular")
        second = nn.Conv2d(3, 2, 1, padding_mode="replicate")
        return nn.Sequential(first, second, nn.Flatten(), nn.Linear(6, 3))

    data = [(numbers(i, 2, 3, 4, 8), labels(i, 2, 3)) for i in range(4)]
    agree(lambda: module_setting(make, nn.CrossEntropyLoss(), lambda p: optim.SGD(p, lr=0.1)), data)


def test_a_transformer_block_and_an_embedding() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(7, 8)
            self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
            self.out = nn.Linear(8, 7)

        def forward(self, tokens: Any) -> Any:
            return self.out(self.block(self.embedding(tokens))).reshape(-1, 7)

    data = [(labels(i, 12, 7).reshape(3, 4), labels(i + 50, 12, 7)) for i in range(5)]
    agree(lambda: module_setting(Model, nn.CrossEntropyLoss(), lambda p: optim.AdamW(p)), data)


# The scenes in which a program could be wrong -----------------------------------------------------


def test_the_same_expression_before_and_after_a_write() -> None:
    def make() -> Setting:
        b = numbers(1, 4)

        def step(x: Any) -> Any:
            first = (b * x).exp()
            b.mul_(2)
            return [first, (b * x).exp(), b * x]

        return Setting(step, {"b": b})

    agree(make, [(numbers(i, 4),) for i in range(4)])


def test_a_view_read_after_its_base_was_written() -> None:
    def make() -> Setting:
        b = numbers(1, 3, 4)

        def step(x: Any) -> Any:
            h = x + b
            row = h[1]
            before = row * 2
            h.mul_(3)
            h[0] = 7.0
            return [before, row * 2, h.sum(0)]

        return Setting(step, {"b": b})

    agree(make, [(numbers(i, 3, 4),) for i in range(4)])


def test_a_view_of_an_expression_that_is_shared() -> None:
    """Its memory is in use as long as the view is."""

    def step(x: Any) -> Any:
        once, again = x.exp(), x.exp()
        total, row = once.sum(), again.view(-1)
        others = ((x * 2).cos() + (x * 3).sin()).tan()
        return [total, others, row * 2]

    agree(lambda: Setting(step), [(numbers(i, 4, 5),) for i in range(4)])


def test_strides_of_dimensions_of_size_1_are_kept() -> None:
    """Those of results, of gradients, and of values that are computed in reused memory."""

    def make() -> Setting:
        w = numbers(1, 3, 3).unsqueeze(-1).diagonal().detach().requires_grad_()

        def step(x: Any) -> Any:
            w.grad = None
            part = x.unsqueeze(-1).diagonal()
            loss = ((w * part).tanh() * part).sum()
            loss.backward()
            h = (part + 1).exp()
            return [loss, w.detach().clone(), part.clone(), part + 1, h.clone(), h * 2]

        return Setting(step, {"w": w})

    agree(make, [(numbers(i, 3, 3),) for i in range(4)])


def test_a_write_from_a_part_of_the_same_memory() -> None:
    def step(x: Any) -> Any:
        y = x * 2
        y[:, 0].mul_(y[:, 1])
        y[0].add_(y[0])
        return [y.clone(), y.sum()]

    agree(lambda: Setting(step), [(numbers(i, 4, 3),) for i in range(4)])


def test_tensors_like_others_and_sorted_ones() -> None:
    def step(x: Any) -> Any:
        zeros, ones = minigrad.zeros_like(x), minigrad.ones_like(x.t())
        zeros[0] = x[1]
        found = [x.sort(0), x.sort(1, descending=True), x.topk(2, 0), x.kthvalue(2, 0)]
        return [zeros + x, ones.t() * x, *[part for pair in found for part in pair]]

    agree(lambda: Setting(step), [(numbers(i, 4, 3),) for i in range(4)])


def test_kept_results_and_gradients_stay_distinct() -> None:
    setting = classifier()
    step = CompiledStep(setting.step, fullgraph=True)
    weight = setting.tensors["0.weight"]
    losses, grads, copies = [], [], []
    for batch in batches(6):
        losses.append(step(*batch))
        grads.append(weight.grad)
        copies.append((losses[-1].item(), bits(grads[-1])))
    assert [(loss.item(), bits(grad)) for loss, grad in zip(losses, grads, strict=True)] == copies
    assert len({id(grad) for grad in grads}) == 6


def test_a_view_of_a_gradient_keeps_its_memory() -> None:
    setting = classifier()
    step = CompiledStep(setting.step, fullgraph=True)
    data = batches(5)
    for batch in data[:3]:
        step(*batch)
    row = setting.tensors["0.weight"].grad.detach()[0]
    setting.tensors["0.weight"].grad = None
    before = row.tolist()
    step(*data[3])
    step(*data[4])
    assert row.tolist() == before


def test_two_steps_over_one_model() -> None:
    def make() -> Setting:
        setting = classifier()
        first, second = setting.step, CompiledStep(setting.step, fullgraph=True)

        def step(x: Any, y: Any) -> Any:
            return [first(x, y), second(x, y)]

        setting.step = step
        return setting

    eager, twin = make(), make()
    a, b = CompiledStep(classifier().step), None
    del a, b
    for batch in batches(6):
        assert list(map(bits, eager.step(*batch))) == list(map(bits, twin.step(*batch)))
        assert eager.state() == twin.state()


def test_two_threads() -> None:
    expected = []
    for seed in range(2):
        setting = module_setting(two_layers, nn.CrossEntropyLoss(), OPTIMIZERS["Adam"], seed)
        for batch in batches(30):
            setting.step(*batch)
        expected.append(setting.state())
    settings = [
        module_setting(two_layers, nn.CrossEntropyLoss(), OPTIMIZERS["Adam"], seed)
        for seed in range(2)
    ]
    steps = [CompiledStep(setting.step, fullgraph=True) for setting in settings]

    def train(step: Any) -> None:
        for batch in batches(30):
            step(*batch)

    threads = [threading.Thread(target=train, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [setting.state() for setting in settings] == expected


def test_the_learning_rate_is_an_input() -> None:
    def make() -> Setting:
        setting = classifier(OPTIMIZERS["Adam"])
        setting.scheduler = optim.lr_scheduler.StepLR(setting.optimizer, 1, 0.5)
        return setting

    def between(setting: Setting, i: int) -> None:
        if i % 2:
            setting.scheduler.step()
        if i == 4:
            setting.optimizer.param_groups[0]["betas"] = (0.8, 0.95)

    compiled = agree(make, batches(), between)
    assert len(compiled._programs) == 1


def test_an_option_that_was_branched_on() -> None:
    def between(setting: Setting, i: int) -> None:
        setting.optimizer.param_groups[0]["weight_decay"] = (0, 0.1, 0.2, 0)[i % 4]

    compiled = agree(lambda: classifier(OPTIMIZERS["Adam"]), batches(), between)
    assert len(compiled._programs) == 2


def test_what_a_program_is_recorded_for() -> None:
    """A number, a shape, a frozen parameter, assigned data and a loaded state: each is noticed."""

    def between(setting: Setting, i: int) -> None:
        weight, bias = setting.tensors["0.weight"], setting.tensors["0.bias"]
        if i == 2:
            weight.data = weight.data * 2
        if i == 3:
            bias.requires_grad_(False)
        if i == 4:
            bias.requires_grad_(True)
        if i == 5:
            setting.optimizer.load_state_dict(setting.optimizer.state_dict())
        if i == 6:
            weight.grad = None

    data = batches(4) + batches(2, 5) + batches(4)
    agree(lambda: classifier(OPTIMIZERS["Adam"]), data, between)


def test_a_number_of_the_closure() -> None:
    def make() -> Setting:
        scale, w = [0.5], numbers(0, 3).requires_grad_()

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x * scale[0]).sum()
            loss.backward()
            return loss

        setting = Setting(step, {"w": w})
        setting.scheduler = None
        vars(setting)["scale"] = scale
        return setting

    def between(setting: Setting, i: int) -> None:
        vars(setting)["scale"][0] = float(i // 3)

    compiled = agree(make, [(numbers(i, 3),) for i in range(9)], between)
    assert len(compiled._programs) > 1


def test_labels_that_are_ignored_or_out_of_range() -> None:
    x = numbers(0, 4, 2)
    rows = [[0, 1, 2, 0], [0, 1, 2, 2], [-100, 1, 2, 0], [0, 1, 3, 0], [-100] * 4, [0, -1, 2, 0]]
    rows += [[2, 1, 2, 0]]
    agree(lambda: classifier(), [(x, minigrad.tensor(row)) for row in rows])


@pytest.mark.parametrize(
    "part",
    [lambda w: w[0], lambda w: w.as_strided((3,), (1,)), lambda w: w.view(-1).unfold(0, 3, 1)[0]],
    ids=["row", "as_strided", "unfold"],
)
def test_an_argument_that_shares_memory_with_a_parameter(part: Any) -> None:
    def make() -> Setting:
        w = numbers(0, 2, 3)

        def step(x: Any) -> Any:
            first = x * 2
            w.mul_(2)
            return [first, x * 2]

        return Setting(step, {"w": w})

    eager, twin = make(), make()
    compiled = CompiledStep(twin.step)
    for x in (numbers(1, 3), numbers(2, 3), numbers(3, 3)):
        assert list(map(bits, eager.step(x))) == list(map(bits, compiled(x)))
    with pytest.warns(UserWarning, match="share memory"):
        results = compiled(part(twin.tensors["w"]))
    assert list(map(bits, results)) == list(map(bits, eager.step(part(eager.tensors["w"]))))


def test_a_mask_changed_in_place() -> None:
    def make() -> Setting:
        mask, w = minigrad.tensor([True, False, True]), numbers(0, 3).requires_grad_()

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).masked_fill(mask, 0.0).sum()
            loss.backward()
            mask.logical_not_()
            return loss

        return Setting(step, {"w": w, "mask": mask})

    agree(make, [(numbers(i, 3),) for i in range(6)])


def test_every_input_matters() -> None:
    """No gradient, batch or parameter is a constant of the program: eager and compiled agree when
    any of them changes."""

    def between(setting: Setting, i: int) -> None:
        names = list(setting.tensors)
        tensor = setting.tensors[names[i % len(names)]]
        with minigrad.no_grad():
            tensor.add_(0.25)
        for state in setting.optimizer.state.values():
            state["momentum_buffer"].mul_(0.5)

    agree(lambda: classifier(OPTIMIZERS["momentum"]), batches(10), between)


def test_the_gradient_alone_and_the_forward_alone() -> None:
    w = numbers(0, 3).requires_grad_()

    def slope(x: Any) -> Any:
        return minigrad.autograd.grad((w * x).exp().sum(), w)

    def forward(x: Any) -> Any:
        with minigrad.no_grad():
            return (w * x).exp()

    agree(lambda: Setting(slope, {"w": w}), [(numbers(i, 3),) for i in range(4)])
    agree(lambda: Setting(forward, {"w": w}), [(numbers(i, 3),) for i in range(4)])


def test_a_gradient_that_is_written_and_then_replaced() -> None:
    """The writes are those to the gradient of before, whose version a user may see."""
    kept: dict[Any, list[Any]] = {}

    def make() -> Setting:
        setting = classifier(OPTIMIZERS["momentum"])
        plain, opt, weights = setting.step, setting.optimizer, list(setting.tensors.values())

        def accumulating(x: Any, y: Any) -> Any:
            loss = nn.functional.cross_entropy(x @ weights[0].T @ weights[2].T, y)
            loss.backward()
            opt.step()
            opt.zero_grad()
            return loss

        def zeroing(x: Any, y: Any) -> Any:
            opt.zero_grad(set_to_none=False)
            return plain(x, y)

        setting.step = lambda x, y: [zeroing(x, y), accumulating(x, y), plain(x, y)]
        return setting

    def between(setting: Setting, i: int) -> None:
        grads = [tensor.grad for tensor in setting.tensors.values()]
        kept.setdefault(id(setting), []).extend(grads)
        if i % 3 == 0:
            setting.tensors["0.weight"].grad = None

    agree(make, batches(), between)
    ours, theirs = ([bits(grad) for grad in grads] for grads in kept.values())
    assert ours == theirs


def test_parameters_that_are_views_of_one_tensor() -> None:
    def make() -> Setting:
        flat = numbers(0, 12)
        w, v = (part.view(2, 3).requires_grad_() for part in (flat[:6], flat[6:]))
        opt = optim.SGD([w, v], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (w * x).sum() + (v * x).square().sum()
            loss.backward()
            opt.step()
            return loss

        return Setting(step, {"w": w, "v": v, "flat": flat}, opt)

    agree(make, [(numbers(i, 2, 3),) for i in range(5)])


def test_numbers_as_results() -> None:
    def step(x: Any) -> Any:
        return [x * 2, float("nan"), float("-inf"), -0.0, "text", None, True]

    compiled = CompiledStep(step, fullgraph=True)
    for i in range(4):
        x = numbers(i, 3)
        assert repr(compiled(x)) == repr(step(x))


@pytest.mark.filterwarnings("ignore:minigrad.compile can't record")
def test_a_result_whose_graph_is_kept_or_that_has_a_gradient() -> None:
    """The caller may use them."""
    w = numbers(0, 3).requires_grad_()

    def retaining(x: Any) -> Any:
        loss = (w * x).exp().sum()
        loss.backward(retain_graph=True)
        return loss

    def linear(x: Any) -> Any:
        loss = (w + x).sum()
        loss.backward()
        return loss

    def with_gradient(x: Any) -> Any:
        leaf = minigrad.zeros(3, requires_grad=True)
        ((leaf - x) * w).sum().backward()
        return leaf.grad_fn if leaf.grad is None else leaf

    for step in (retaining, linear, with_gradient):
        compiled = CompiledStep(step)
        for i in range(4):
            result = compiled(numbers(i, 3))
            if step is with_gradient:
                assert result.grad is not None
            else:
                result.backward()
        assert compiled.refusal


def test_a_compiled_step_inside_another() -> None:
    """Its statements are a part of the outer program."""

    def make() -> Setting:
        setting = classifier(OPTIMIZERS["Adam"])
        inner = CompiledStep(setting.step)
        scale = minigrad.compile(lambda x: x * 0.5)

        def step(x: Any, y: Any) -> Any:
            return scale(inner(scale(x), y).detach())

        setting.step = step
        return setting

    agree(make, batches())


def test_a_scheduler_of_later_notices_the_steps() -> None:
    setting = classifier()
    step = CompiledStep(setting.step, fullgraph=True)
    data = batches(8)
    for batch in data[:4]:
        step(*batch)
    scheduler = optim.lr_scheduler.StepLR(setting.optimizer, 1)
    for batch in data[4:]:
        step(*batch)
        scheduler.step()  # a warning, that `optimizer.step()` wasn't called, is an error


@pytest.mark.filterwarnings("ignore:minigrad.compile can't record")
def test_a_learning_rate_of_numpy() -> None:
    def between(setting: Setting, i: int) -> None:
        rate = np.float64 if i % 4 < 2 else np.float32
        setting.optimizer.param_groups[0]["lr"] = rate(0.5**i)

    agree(classifier, batches(10), between, recorded=False)


# The program --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "nesterov"])
def test_the_source_runs_with_numpy_alone(name: str, tmp_path: Path) -> None:
    """In a fresh process, without minigrad, and for several steps, it gives the same bits."""
    setting = classifier(OPTIMIZERS[name])
    step = CompiledStep(setting.step, fullgraph=True)
    for batch in batches(3):
        step(*batch)
    step.save(tmp_path / "step.py")
    compiled = step._programs[0]
    inputs = compiled.read_inputs()
    x, y = batches(4)[3]
    np.savez(tmp_path / "inputs.npz", **inputs, x=x.numpy(), y=y.numpy())
    program = textwrap.dedent(
        """
        import sys
        import numpy as np
        import inspect
        sys.path.insert(0, ".")
        from step import step
        given = dict(np.load("inputs.npz"))
        given = {k: v[()] if v.ndim == 0 and k in OPTIONS else v for k, v in given.items()}
        given = {k: v.item() if isinstance(v, np.generic) else v for k, v in given.items()}
        names = inspect.signature(step).parameters
        *results, grads = step(**{k: given[k] for k in names})
        assert "minigrad" not in sys.modules
        grads = {f"grad_{k}": v for k, v in grads.items()}
        np.savez("outputs.npz", loss=results[0], **given, **grads)
        """
    ).replace("OPTIONS", repr(list(compiled.options())))
    subprocess.run([sys.executable, "-I", "-c", program], cwd=tmp_path, check=True)
    outputs = np.load(tmp_path / "outputs.npz")
    loss = step(x, y)
    assert outputs["loss"].tobytes() == loss._array.tobytes()
    for key, value in compiled.read_inputs().items():
        assert outputs[key].tobytes() == np.asarray(value).tobytes(), key
    for key, tensor in setting.tensors.items():
        index, kind = key.split(".")
        assert outputs[f"grad_{kind[0]}_{index}"].tobytes() == tensor.grad._array.tobytes()


def test_the_source_has_headings_and_comments() -> None:
    step = CompiledStep(classifier().step)
    for batch in batches(2):
        step(*batch)
    lines = step.source.splitlines()
    for heading in ("guards", "forward", "backward", "update"):
        assert any(line.strip().startswith(f"# {heading} -") for line in lines)
    statements = [line for line in lines if " = " in line and not line.lstrip().startswith("#")]
    assert all("  # " in line for line in statements)
    assert [line for line in lines if line.startswith(("import", "from"))] == ["import numpy as np"]


# Names of the running form, and words that it numbers.
OWN_NAMES = (
    "slot", "buffer", "index", "like", "made", "t1", "m0", "i0", "v1", "MISS", "ALONE", "OWNED",
    "call", "writes", "get_default_dtype", "program", "workspace", "moves", "static", "carray",
    "pointer", "floor_divided", "rest_of_integers", "unchanged",
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_variable_may_have_any_name(backend: str, tmp_path: Path) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    body = "".join(f"    {name} = h.tanh()\n    h = h + {name}.sum() / 9\n" for name in OWN_NAMES)
    text = (
        "def step(x):\n    w.grad = None\n    count.add_(1)\n"
        f"    h = x * w + x // 0.3 + (x > 0).long().fmod(2)\n{body}"
        "    loss = h.sum()\n    loss.backward()\n    return loss.detach()\n"
    )
    file = tmp_path / "named.py"
    file.write_text(text)
    space: dict[str, Any] = {"w": numbers(0, 3).requires_grad_(), "count": minigrad.zeros(1)}
    exec(builtins.compile(text, file, "exec"), space)
    step = CompiledStep(space["step"], True, backend)
    other = (4, 2, 3) if backend == "numpy" else (4, 3)  # numba would compile it again
    for x in (numbers(1, 3), numbers(2, 3), numbers(3, 3), numbers(*other), numbers(5, 3)):
        loss, grad = step(x).item(), space["w"].grad.tolist()
        assert loss == pytest.approx(space["step"](x).item(), rel=1e-5)
        assert grad == pytest.approx(space["w"].grad.tolist(), rel=1e-5)
    assert "made" in step.source


def test_a_step_calls_nothing_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    step = CompiledStep(classifier(OPTIMIZERS["Adam"]).step, fullgraph=True)
    data = batches(4)
    for batch in data[:3]:
        step(*batch)
    calls: list[Any] = []

    def watch(run: Any, function: Any, *args: Any, **options: Any) -> Any:
        calls.append(function)
        return run(function, *args, **options)

    def init(self: Any, *args: Any, **options: Any) -> None:
        raise AssertionError("a node")

    monkeypatch.setattr(node.Node, "__init__", init)
    with quiet.watched(watch):
        step(*data[3])
    assert calls == [step._programs[0].call]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_step_allocates_only_its_result(name: str) -> None:
    def make() -> Any:
        return nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))

    setting = module_setting(make, nn.MSELoss(), OPTIMIZERS[name])
    step = CompiledStep(setting.step, fullgraph=True)
    x, y = numbers(0, 256, 256), numbers(1, 256, 256)
    for _ in range(4):
        step(x, y)
    tracemalloc.start()
    step(x, y)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step(x, y)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # Less than a weight. NumPy's iterators take up to 8192 elements when they convert or broadcast.
    assert peak < 256 * 256 * 4 * 3 // 4, peak


# Refusals -----------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[str, str]] = {
    "bool": ("if loss > 0: pass", "the truth of a tensor's value"),
    "item": ("loss.item()", r"item\(\) of a tensor"),
    "float": ("float(loss)", r"float\(\) of a tensor"),
    "int": ("int(loss)", r"int\(\) of a tensor"),
    "tolist": ("w.tolist()", "tolist"),
    "numpy": ("w.detach().numpy()", "NumPy|array"),
    "mask": ("w[w > 0]", "a boolean mask as an index"),
    "array": ("minigrad.from_numpy(array) * w", "an undeclared array"),
    "tensor of array": ("minigrad.tensor(array) * w", "an array of NumPy"),
    "data": ("w.data = w.data * 2", r"w.data = new"),
    "create_graph": ("(w * x).sum().backward(create_graph=True)", "create_graph"),
    "hook": ("h = w * 1; h.register_hook(lambda g: g); h.sum().backward()", "hooks"),
    "seed": ("minigrad.manual_seed(0)", "a seed"),
    "draw": ("minigrad.poisson(w.detach().abs())", "the truth of a tensor's value"),
    "side effect": ("box[0] += 1", "changes what it uses"),
}


@pytest.mark.filterwarnings("ignore:Using backward", "ignore:Converting a tensor")
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal(name: str) -> None:
    """It gives the reason and the line, and leaves everything to the step itself."""
    line, reason = REFUSALS[name]

    def make() -> Setting:
        w = numbers(0, 3).requires_grad_()
        space = {"w": w, "F": F, "minigrad": minigrad, "array": np.ones(3, "f4"), "box": [0]}
        exec(
            "def step(x):\n    w.grad = None\n    loss = (w * x).sum()\n    loss.backward()\n"
            "    with minigrad.no_grad():\n        w.mul_(0.5)\n"
            f"    {line}\n    return loss\n",
            space,
        )
        return Setting(space["step"], {"w": w})  # type: ignore[arg-type]

    data = [(numbers(i, 3),) for i in range(4)]
    minigrad.manual_seed(0)
    with pytest.warns(UserWarning, match=f"minigrad.compile can't record .*({reason})"):
        compiled = agree(make, data, recorded=False)
    assert compiled.source == ""
    minigrad.manual_seed(0)
    setting = make()
    step = CompiledStep(setting.step, fullgraph=True)
    step(*data[0])
    before = setting.state()
    with pytest.raises(RuntimeError, match=reason):
        step(*data[1])
    assert setting.state() == before


def test_a_refusal_restores_everything() -> None:
    setting = classifier(OPTIMIZERS["Adam"])
    plain = setting.step

    def step(x: Any, y: Any) -> Any:
        loss = plain(x, y)
        loss.item()
        return loss

    compiled = CompiledStep(step, fullgraph=True)
    x, y = batches(1)[0]
    compiled(x, y)
    before, arrays = setting.state(), [id(t._array) for t in setting.tensors.values()]
    with pytest.raises(RuntimeError, match="item"):
        compiled(x, y)
    assert setting.state() == before
    assert [id(t._array) for t in setting.tensors.values()] == arrays


def test_a_dynamic_step_has_programs_for_the_latest_shapes() -> None:
    def double(x: Any) -> Any:
        return x * 2

    compiled = minigrad.compile(double, dynamic=True, fullgraph=True)
    for n in [*range(1, 20)] * 2:
        x = minigrad.arange(n, dtype=minigrad.float32)
        assert compiled(x).tolist() == double(x).tolist()
    assert compiled.refusal == ""
    fixed = minigrad.compile(double, fullgraph=True)
    for n in range(1, 18):
        fixed(minigrad.ones(n))
    with pytest.raises(RuntimeError, match="more than 16 programs"):
        fixed(minigrad.ones(18))


def test_arguments_of_compile() -> None:
    def step() -> None:
        pass

    assert minigrad.compile(step, disable=True) is step
    assert isinstance(minigrad.compile()(step), CompiledStep)
    for argument in ({"backend": "jax"}, {"mode": "x"}, {"options": {}}):
        with pytest.raises(NotImplementedError, match=next(iter(argument))):
            minigrad.compile(step, **argument)
    with pytest.raises(TypeError, match="a function"):
        minigrad.compile(1)
    with pytest.raises(RuntimeError, match="isn't recorded"):
        minigrad.compile(step).save("step.py")
