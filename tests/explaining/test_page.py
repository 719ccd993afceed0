"""The page in a real Chromium: what a person sees, clicks and types."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.explaining.page import page_html

torch = pytest.importorskip("torch")
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")

TUTORIAL = """\
torch.manual_seed(0)
x = torch.tensor([[1., 2.], [3., 4.], [-1., .5], [2., 2.], [0., 1.], [1., 0.]])
y = torch.tensor([0, 1, 2, 0, 0, 2])
W1 = torch.randn(2, 5, requires_grad=True)
B1 = torch.randn(5, requires_grad=True)
Wout = torch.randn(5, 3, requires_grad=True)
Bout = torch.randn(3, requires_grad=True)
a1 = torch.matmul(x, W1)
z1 = torch.add(a1, B1)
h1 = torch.nn.functional.relu(z1)
a2 = torch.matmul(h1, Wout)
Zout = torch.add(a2, Bout)
log_softmax = torch.nn.functional.log_softmax(Zout, dim=1)
loss = torch.nn.functional.nll_loss(log_softmax, y)
retain()
loss.backward()
with torch.no_grad():
    W1 -= 0.1 * W1.grad
    B1 -= 0.1 * B1.grad
    Wout -= 0.1 * Wout.grad
    Bout -= 0.1 * Bout.grad
"""
VALUES = ("a1", "z1", "h1", "a2", "Zout", "log_softmax", "loss")
LEAVES = ("W1", "B1", "Wout", "Bout")

BLOCKS = """\
class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x):
        return x + self.linear(x).relu()


model = torch.nn.Sequential(Block(), Block(), Block(), torch.nn.Linear(3, 2))
# recorded from here
loss = model(torch.ones(2, 3)).sum()
loss.backward()
"""

HOSTILE = """\
größe = torch.ones(2, requires_grad=True)
data = {"<script>window.hacked = 1</script>": größe, '"><img src=x onerror=alert(1)>': größe * 2}
text = "</script><script>window.hacked = 2</script><!-- {{record}} '\\"& \\u2028"
名 = data["<script>window.hacked = 1</script>"] * data['"><img src=x onerror=alert(1)>']
名.sum().backward()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def recorded(folder: Path, source: str, **options: Any) -> Any:
    """Run a program on minigrad, and return what `explain` recorded after the mark, if any."""
    path = folder / "program.py"
    path.write_text(source, encoding="utf-8")
    module = ModuleType("program")  # whose variables no other frame has
    module.torch, module.retain = minigrad, lambda: None
    before, mark, turn = source.rpartition("# recorded from here\n")
    exec(compile(before, str(path), "exec"), vars(module))
    with minigrad.explain(**options) as page:
        exec(compile("\n" * (before + mark).count("\n") + turn, str(path), "exec"), vars(module))
    return page


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a program. At the end, there must be no error and no request."""
    contexts, problems = [], []

    def open_(source: str, fragment: str = "", width: int = 1280, **options: Any) -> Any:
        file = tmp_path / "page.html"
        if not file.exists():
            recorded(tmp_path, source).save(file)
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: r.url.startswith(file.as_uri()) or problems.append(r.url))
        page.goto(f"{file.as_uri()}{fragment}")
        expect(page.locator("#sentence")).not_to_be_empty()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def figures(page: Any) -> dict[str, np.ndarray]:
    """The arrays of the open row, by the names that the page gives them, with all their digits."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('.current figure')].map((figure) => [
            figure.dataset.name,
            [...figure.querySelectorAll('td')].map((cell) => cell.getAttribute('aria-label')),
        ])"""
    )
    return {name: np.array([float(text.split("] ")[1]) for text in t]) for name, t in found}


def moment(page: Any) -> str:
    """What the page says about the current step."""
    return str(page.inner_text("#sentence"))


def steps(page: Any) -> int:
    return int(page.get_attribute("#slider", "max"))


def expected_of_pytorch() -> dict[str, np.ndarray]:
    """Run the tutorial's step on PyTorch: values, gradients, and leaves after the update."""
    names: dict[str, Any] = {"torch": torch}
    names["retain"] = lambda: [names[name].retain_grad() for name in VALUES]
    start = TUTORIAL.partition("a1 =")[0]
    exec(start, {"torch": torch})
    exec(TUTORIAL, names)
    found = {name: names[name].detach() for name in VALUES}
    found |= {f"{name}.grad": names[name].grad for name in VALUES + LEAVES}
    found |= {f"{name} after": names[name].detach() for name in LEAVES}
    return {name: value.numpy().reshape(-1) for name, value in found.items()}


def check_numbers(page: Any, expected: dict[str, np.ndarray]) -> set[str]:
    """Compare the numbers of the open row with PyTorch's; return which were there."""
    seen = set()
    for name, value in figures(page).items():
        key = name.replace("g, the gradient of ", "") + ".grad" if name.startswith("g,") else name
        if key in expected:
            np.testing.assert_allclose(value, expected[key], rtol=2e-5, atol=1e-6)
            seen.add(key)
    return seen


def test_the_numbers_on_the_screen_are_pytorchs_at_each_step(open_page: Open) -> None:
    expected = expected_of_pytorch()
    page = open_page(TUTORIAL)
    count = steps(page)
    there = []
    for number in range(count):
        assert moment(page).startswith(f"{number + 1} / {count}")
        there.append(check_numbers(page, expected))
        page.keyboard.press("ArrowRight")
    assert set().union(*there) == set(expected)
    for number in reversed(range(count)):
        assert moment(page).startswith(f"{number + 1} / {count}")
        assert check_numbers(page, expected) == there[number]
        page.keyboard.press("ArrowLeft")


def test_nothing_of_the_future_is_shown(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.click("#last")
    everything = page.locator("#rows .summary.backward:has(.title)").count()
    page.click("#first")
    assert page.locator("#rows .summary.backward:has(.title)").count() == 0
    assert min(everything, page.locator("#rows .later").count()) > 3


def test_a_number_shows_its_digits_its_index_and_its_terms(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.click("#last")
    while "becomes B1.grad" not in moment(page):
        page.keyboard.press("ArrowLeft")
    cell = page.locator(".current figure[data-name='B1.grad'] td").nth(1)
    cell.hover()
    text = page.inner_text("#inspector")
    whole = float(cell.get_attribute("aria-label").split("] ")[1])
    assert f"{whole} at [1]" in text
    terms = page.locator("#inspector .terms .terms li b").all_inner_texts()
    assert len(terms) == 6
    assert math.isclose(sum(map(float, terms)), whole, rel_tol=1e-5)


def test_only_the_keyboard(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.keyboard.press("End")
    assert moment(page).startswith(f"{steps(page)} / ")
    page.keyboard.press("Home")
    assert moment(page).startswith("1 / ")
    page.focus("#tab-tape")
    page.keyboard.press("ArrowRight")
    assert page.locator("#graph").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-program").get_attribute("aria-selected") == "true"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-tape").get_attribute("aria-selected") == "true"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('td')"):
            break
    before = moment(page)
    page.keyboard.press("ArrowRight")
    assert "[0, 1]" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "at [0, 1]" in page.inner_text("#inspector")
    assert moment(page) == before  # the arrows move inside the table
    page.keyboard.press("Escape")
    assert page.locator("#inspector").is_hidden()


def test_the_step_is_in_the_address(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    for _ in range(4):
        page.click("#next")
    assert page.evaluate("location.hash") == "#step=5"
    again = open_page(TUTORIAL, "#step=9&view=graph")
    assert moment(again).startswith("9 / ")
    assert again.locator("#graph").is_visible()
    again.evaluate("location.hash = '#step=12'")
    expect(again.locator("#sentence")).to_contain_text("12 / ")


def test_a_line_of_the_program_selects_its_rows(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.locator("#program button", has_text="z1 = torch.add").click()
    assert page.locator("#rows .current .title").first.inner_text().endswith("z1 = a1 + B1")
    assert page.locator("#rows .selected").count() == 1
    assert page.locator("#program .current").inner_text().endswith("z1 = torch.add(a1, B1)")


def test_play_and_pause(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.click("#play")
    expect(page.locator("#sentence")).to_contain_text("3 / ", timeout=20_000)
    page.click("#play")
    assert page.inner_text("#play").endswith("Play")


def test_modules_open_and_close(open_page: Open) -> None:
    page = open_page(BLOCKS, "#view=graph")
    group = page.locator(".node.box", has_text="× 3")
    assert group.get_attribute("aria-expanded") == "false"
    assert page.locator(".node.box", has_text="model.0").count() == 1  # the group's own name
    closed = page.locator(".node").count()
    group.click()
    assert page.locator(".node.box", has_text="× 3").get_attribute("aria-expanded") == "true"
    assert page.locator(".node").count() > closed
    page.locator(".node.box", has_text="× 3").press("Enter")
    assert page.locator(".node").count() == closed
    page.click("#tab-tape")
    rows = page.locator("#rows li").count()
    page.locator(".heading", has_text="× 3").click()
    assert page.locator("#rows li").count() > rows
    page.fill("#depth", "0")
    page.press("#depth", "Tab")
    assert page.locator("#rows li.module").count() == 1
    page.click("#last")  # a step inside a closed module is shown at its box
    page.keyboard.press("Home")
    assert page.locator("#rows li.current").count() == 1


def test_what_a_program_contains_is_text(open_page: Open) -> None:
    page = open_page(HOSTILE)
    for _ in range(steps(page)):
        page.keyboard.press("ArrowRight")
    for view in ("graph", "program", "tape"):
        page.click(f"#tab-{view}")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3
    assert "größe" in page.inner_text("#rows")
    assert "名 = " in page.inner_text("#rows")
    assert "window.hacked = 2</script>" in page.inner_text("#program")


def test_the_policy_forbids_other_scripts_and_requests(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_only_the_rows_on_the_screen_are_in_the_document(open_page: Open) -> None:
    source = """\
w = torch.ones(3, requires_grad=True)
h = w
for i in range(1500):
    h = h * 0.999
    h = h + w
h.sum().backward()
"""
    page = open_page(source)
    for key in ("End", "Home", "ArrowRight"):
        page.keyboard.press(key)
        assert 5 < page.locator("#rows li").count() < 60
    page.evaluate("page.go(1500)")
    assert page.locator("#rows li.current").is_visible()
    page.evaluate("document.getElementById('tape').scrollTop = 1e6")
    expect(page.locator("#rows li.walk")).to_be_visible()
    assert page.locator("#rows li").count() < 60
    page.click("#tab-graph")
    assert page.locator(".node").count() < 60


def test_a_second_walk_is_shown_over_the_longer_tape(open_page: Open) -> None:
    source = """\
x = torch.tensor([1., 2.], requires_grad=True)
y = (x ** 3).sum()
(g,) = torch.autograd.grad(y, x, create_graph=True)
(g * g).sum().backward()
"""
    page = open_page(source)
    page.keyboard.press("End")
    assert page.locator("#rows li.walk").count() == 2
    assert page.locator(".mark", has_text="in walk 1").count() > 0
    expected = {"x.grad": np.array([36.0, 576.0 / 2])}
    assert "x.grad" in check_numbers(page, expected)


def test_errors_and_the_first_nan_are_marked(open_page: Open, tmp_path: Path) -> None:
    source = """\
x = torch.tensor([0., 1.], requires_grad=True)
y = x / x
y.sum().backward()
"""
    page = open_page(source)
    page.locator("button.fact", has_text="NaN").click()
    assert page.locator("#rows .current .mark.bad").inner_text() == "first NaN or ∞"
    assert "NaN" in page.locator("#rows .current td").all_inner_texts()


def test_what_differs_from_pytorch_can_be_jumped_to(open_page: Open, tmp_path: Path) -> None:
    record = recorded(tmp_path, TUTORIAL).to_dict()
    number = next(row["number"] for row in record["rows"] if row["name"] == "h1")
    beside = record["pytorch"]
    beside["rows"][str(number)] = {"array": 0, "ulps": 7.0, "ok": False, "reason": "too far"}
    gradient = next(each for each in beside["gradients"] if each["walk"] == 0 and each["step"] == 3)
    gradient |= {"array": 0, "ulps": 9.0, "ok": False}
    (tmp_path / "page.html").write_text(page_html(record), encoding="utf-8")
    page = open_page(TUTORIAL)
    jump = page.locator("button.fact", has_text="2 values or gradients differ from PyTorch")
    jump.click()
    assert "h1 = relu(z1)" in page.locator("#rows .current .title").first.inner_text()
    assert page.locator("#rows .current .error").inner_text() == (
        "PyTorch: differs, 7 ULP apart. too far"
    )
    jump.click()
    assert "MmBackward0" in moment(page)
    assert "differs, 9 ULP apart" in page.inner_text("#rows .current")


def test_the_central_differences_are_beside_the_gradient(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.keyboard.press("End")
    while "becomes W1.grad" not in moment(page):
        page.keyboard.press("ArrowLeft")
    page.locator(".current .differences summary").click()
    cells = page.locator(".current .differences td").all_inner_texts()
    assert len(cells) == 30
    for gradient, difference in zip(cells[1::3], cells[2::3], strict=True):
        numbers = [float(each.replace("−", "-")) for each in (gradient, difference)]
        assert math.isclose(*numbers, rel_tol=1e-3, abs_tol=1e-5)


def test_it_works_in_the_frame_of_a_notebook(browser: Any, tmp_path: Path) -> None:
    problems: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_content(recorded(tmp_path, TUTORIAL)._repr_html_())
    frame = page.frame_locator("iframe")
    expect(frame.locator("#sentence")).to_contain_text("1 / ")
    frame.locator("#next").click()
    expect(frame.locator("#sentence")).to_contain_text("2 / ")
    page.close()
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_readable(open_page: Open, scheme: str, width: int) -> None:
    page = open_page(TUTORIAL, "#step=18", width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for view in ("tape", "program"):
        page.click(f"#tab-{view}")
        assert page.evaluate(_LOW_CONTRAST) == []


_LOW_CONTRAST = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const parse = (colour, under) => {
        canvas.fillStyle = `rgb(${under.join(' ')})`;
        canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (colour) => {
        const [r, g, b] = colour.map((c) => {
            c /= 255;
            return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => element
        ? parse(getComputedStyle(element).backgroundColor, behind(element.parentElement))
        : [255, 255, 255];
    const low = [];
    for (const element of document.body.querySelectorAll('*')) {
        const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!text || !element.checkVisibility() || element.closest('svg, script')) continue;
        const under = behind(element);
        const [a, b] = [light(parse(getComputedStyle(element).color, under)), light(under)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) low.push([element.className, element.textContent, contrast]);
    }
    return low;
}"""


def test_it_prints_every_row_with_its_numbers(open_page: Open) -> None:
    page = open_page(TUTORIAL)
    page.keyboard.press("End")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#rows li").count() == page.evaluate("page.tape.items.length")
    assert page.locator("#rows figure").count() > 60
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#rows figure").count() < 20


def test_the_data_in_the_page_is_the_record(open_page: Open, tmp_path: Path) -> None:
    source = "w = torch.randn(300, 300, requires_grad=True)\n(w * w).sum().backward()\n"
    for program, kind in ((TUTORIAL, "application/json"), (source, "application/gzip")):
        record = recorded(tmp_path, program, keep_values=100_000)
        record.save(tmp_path / "page.html")
        page = open_page(program)
        assert page.get_attribute("#record", "type") == kind
        found = json.loads(page.evaluate("JSON.stringify(page.tape.record)"))
        assert found == json.loads(json.dumps(record.to_dict()))
