"""The modeler: large networks are opened and moved, and an edit has the shapes of the checker."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import yaml
from epochal_api.checker import CHECK_PATH
from playwright.sync_api import BrowserContext, Page

from tests.bench.checker import network
from tests.bench.figures import Figure, percentile, spread
from tests.bench.studio.measured_page import MainThread, measured_studio, signed_in, until
from tests.kit.kubectl import wait
from tests.kit.ports import hold, port_of
from tests.kit.studio import NAMESPACE, Studio

LAYERS = 1000
OPEN_SECONDS, FRAME_MS, MAX_NODES = 3.0, 33.0, 300
EDIT_GOALS = {100: 0.3, 500: 2.0}
"""Seconds at the 95th percentile, by the number of layers."""
EDITS = 30
OPENED = 8
BRANCHES, BRANCH_LAYERS = 12, 83
"""With the four layers below the branches, LAYERS layers."""
FRAMES = 120
START_SECONDS = 120
NODES = "document.querySelectorAll('.react-flow__node').length"
MANY_NODES = 160
"""Fewer nodes than these would not be as many as the modeler mounts."""
LOOKS, LOOK_MS = 10, 500
"""Time in which a layout and the animated moves of the canvas end."""
OPEN_LARGEST = """() => {
  const layers = (block) => Number(/, (\\d+) layers/.exec(block.ariaLabel)[1]);
  const blocks = [...document.querySelectorAll('.node-block')];
  blocks.sort((left, right) => layers(right) - layers(left))[0].click();
}"""
VIEWPORT = "document.querySelector('.react-flow__viewport').style.transform"
SHAPES = "[...document.querySelectorAll('.edge-shape')].some((shape) => shape.textContent === '{}')"


def modeler() -> list[Figure]:
    """Measures the modeler in Chromium, with a checker of this machine."""
    with _checker() as address, measured_studio(CHECKER=address) as app, signed_in(app) as context:
        figures = [_opened(context, app), _panned(context, app)]
        for layers, goal in EDIT_GOALS.items():
            figures.append(_edited(context, app, address, layers, goal))
        return figures


@contextmanager
def _checker() -> Iterator[str]:
    with hold() as held:
        port = port_of(held)
    program = Path(sys.executable).with_name("epochal-trainer")
    with subprocess.Popen([str(program), "checker", "--port", str(port)], stdout=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            wait("the checker", lambda: _answers(address), seconds=START_SECONDS)
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        _ask(address, network(4, 10))
    except OSError:
        return False
    return True


def _ask(address: str, asked: dict[str, Any]) -> float:
    """Asks the checker about a network, and returns the seconds of the answer."""
    begin = monotonic()
    with urllib.request.urlopen(f"{address}{CHECK_PATH}", json.dumps({"network": asked}).encode(), 60) as answer:
        answer.read()
    return monotonic() - begin


def _branched() -> dict[str, Any]:
    """Returns a network of LAYERS layers. Its branches stand beside each other: more nodes fit into the view."""
    conv = {"layer": "Conv2D", "filters": 8, "kernel_size": 3, "padding": "same"}
    layers: list[dict[str, Any]] = []
    for branch in range(BRANCHES):
        own = [conv if index % 2 == 0 else {"layer": "BatchNormalization"} for index in range(BRANCH_LAYERS)]
        layers += [{**layer, "name": f"b{branch}_{index}"} for index, layer in enumerate(own)]
        layers[-BRANCH_LAYERS]["inputs"] = ["input"]
    add = {"layer": "Add", "inputs": [f"b{branch}_{BRANCH_LAYERS - 1}" for branch in range(BRANCHES)]}
    end = [add, {"layer": "Flatten"}, {"layer": "Dense", "units": 64}, {"layer": "Dense", "units": 10}]
    return {"input": {"shape": [28, 28, 1]}, "layers": [*layers, *end]}


def _open(context: BrowserContext, app: Studio, opened: dict[str, Any]) -> tuple[Page, float]:
    """Opens a draft of the browser, and returns the seconds until its nodes are there."""
    document = {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": "large"},
        "spec": {"network": opened},
    }
    draft = {
        "namespace": NAMESPACE,
        "name": "large",
        "text": yaml.safe_dump(document, sort_keys=False),
        "saved": "2026-01-01T00:00:00Z",
        "resourceVersion": None,
    }
    page = context.new_page()
    page.goto(f"{app.url}/storage?namespace={NAMESPACE}")
    page.evaluate(f"draft => localStorage.setItem('studio:draft:ada:{NAMESPACE}/large', JSON.stringify(draft))", draft)
    page.goto(f"{app.url}/modeler?namespace={NAMESPACE}&draft={NAMESPACE}/large", wait_until="commit")
    return page, until(page, f"{NODES} > 2") / 1000


def _opened(context: BrowserContext, app: Studio) -> Figure:
    seconds = []
    for _ in range(OPENED + 1):
        page, shown = _open(context, app, network(LAYERS, 10))
        seconds.append(shown)
        page.close()
    seconds = seconds[1:]  # the first page compiles the scripts
    return Figure(
        f"{LAYERS:,} layers open",
        "-",
        spread(seconds),
        f"{OPEN_SECONDS:g} s",
        percentile(seconds, 0.5) <= OPEN_SECONDS,
    )


def _panned(context: BrowserContext, app: Studio) -> Figure:
    page, _ = _open(context, app, _branched())
    nodes = _mount_many(page)
    moved = _moved(page)
    page.close()
    assert nodes >= MANY_NODES, nodes
    p95 = percentile(moved, 0.95)
    return Figure(
        f"main thread while {LAYERS:,} layers in {BRANCHES} branches move, a frame",
        f"{nodes} nodes mounted",
        f"{spread(moved, 'ms')}, p95 {p95:.1f} ms",
        f"p95 {FRAME_MS:g} ms, at most {MAX_NODES} nodes",
        p95 <= FRAME_MS and nodes <= MAX_NODES,
    )


def _mount_many(page: Page) -> int:
    """Opens blocks, the largest first, until the modeler mounts no more nodes, and returns their number."""
    nodes = 0
    while (found := _show_whole(page, nodes)) > nodes:
        nodes = found
        page.evaluate(OPEN_LARGEST)
    return found


def _show_whole(page: Page, before: int) -> int:
    """Shows the whole network until more nodes are mounted than before, or in vain, and returns their number."""
    found = before
    for _ in range(LOOKS):
        page.get_by_role("button", name="Show the whole network").click()
        page.wait_for_timeout(LOOK_MS)
        found = page.evaluate(NODES)
        if found > before:
            break
    return found


def _moved(page: Page) -> list[float]:
    """Drags the canvas, and returns the milliseconds of the main thread in each frame."""
    box = page.locator(".react-flow__pane").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] - 40, box["y"] + box["height"] / 2
    thread, busy, start = MainThread(page), [], page.evaluate(VIEWPORT)
    page.mouse.move(x, y)
    page.mouse.down()
    for index in range(FRAMES):
        before = thread.busy()
        page.mouse.move(x - 3 * (index % 60), y + index % 7)
        thread.frame()
        busy.append((thread.busy() - before) * 1000)
    assert page.evaluate(VIEWPORT) != start
    page.mouse.up()
    return busy


def _edited(context: BrowserContext, app: Studio, address: str, layers: int, goal: float) -> Figure:
    alone = [_ask(address, network(layers, 1000 + number)) for number in range(EDITS)]
    page, _ = _open(context, app, network(layers, 10))
    last = page.locator('.node[aria-label^="Dense"]').last
    last.click()
    field = page.get_by_label("units", exact=True)
    seconds = []
    for number in range(EDITS + 1):
        units = str(2000 + number)
        field.fill(units)
        begin: float = page.evaluate("() => performance.now()")
        field.press("Enter")
        seconds.append((until(page, SHAPES.format(units)) - begin) / 1000)
    page.close()
    seconds = seconds[1:]
    p95 = percentile(seconds, 0.95)
    return Figure(
        f"edit of {layers} layers -> shape at the layer",
        f"the checker alone: {spread(alone)}",
        f"p95 {p95:.3g} s, {spread(seconds)}",
        f"p95 {goal:g} s",
        p95 <= goal,
    )
