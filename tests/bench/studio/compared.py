"""The page Compare with 200 runs: its tables, the curves of chosen runs, and its long tasks."""

from urllib.parse import urlencode

from playwright.sync_api import BrowserContext

from tests.bench.figures import Figure, spread
from tests.bench.studio.curves import history
from tests.bench.studio.measured_page import (
    RECORD_LONG_TASKS,
    long_tasks,
    longest,
    measured_studio,
    signed_in,
    until,
)
from tests.bench.studio.runs_list import LONG_TASK_MS, name_of
from tests.kit.studio import NAMESPACE, Studio
from tests.kit.studio_runs import EXAMPLE, complete, spec

RUNS = 200
DRAWN = 12
"""As many as the page draws."""
EPOCHS = 100
REPEATS = 5
SHOWN = """document.getElementById("curves")
  && ["Compared runs", "Figures of the results", "Differing fields of the specs"].every((name) =>
    document.querySelectorAll(`[aria-label="${name}"] tbody tr`).length === %d)"""
DRAW = """async (runs) => {
  document.getElementById("curves").scrollIntoView();
  const boxes = [...document.querySelectorAll('[aria-label="Compared runs"] input')].slice(0, runs);
  for (const box of boxes) {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    box.click();
  }
  return performance.now();
}"""
"""Chooses runs, one in each frame, and returns the time of the last choice."""
STAND = """(() => {
  const chart = document.querySelector(".chart-card");
  const isLoaded = document.querySelector(".draw-status")?.textContent === "";
  return isLoaded && chart?.querySelector("canvas") && chart.querySelectorAll(".chart-legend tbody tr").length === %d;
})()"""


def compared() -> list[Figure]:
    """Measures the page in Chromium."""
    names = [name_of(index) for index in range(RUNS)]
    with measured_studio() as app:
        for index, name in enumerate(names):
            training = {**EXAMPLE["spec"]["training"], "seed": index, "batchSize": 16 + index % 8, "epochs": EPOCHS}
            app.put("trainingjobs", name, spec(training=training))
            app.set_status("trainingjobs", name, **complete(app, name))
            app.put_results("trainingjobs", name, {"history.csv": history(index, EPOCHS)})
        query = urlencode([*(("run", f"TrainingJob/{NAMESPACE}/{name}") for name in names), ("namespace", NAMESPACE)])
        with signed_in(app) as context:
            context.add_init_script(RECORD_LONG_TASKS)
            # The first page compiles the scripts.
            shown, drawn, tasks = zip(*[_page(context, app, query) for _ in range(REPEATS + 1)][1:], strict=True)
    found = [task for each in tasks for task in each]
    return [
        Figure(f"{RUNS} runs compared: tables", "-", spread(list(shown))),
        Figure(f"the same, {DRAWN} curves", "-", spread(list(drawn))),
        Figure(f"the same, tasks over {LONG_TASK_MS} ms", "-", f"{len(found) / REPEATS:g} on a page, {longest(found)}"),
    ]


def _page(context: BrowserContext, app: Studio, query: str) -> tuple[float, float, list[float]]:
    """Returns the seconds until the tables stand, those from the last choice to the curves, and the long tasks."""
    page = context.new_page()
    page.goto(f"{app.url}/compare?{query}", wait_until="commit")
    shown = until(page, SHOWN % RUNS)
    chosen: float = page.evaluate(DRAW, DRAWN)
    drawn = until(page, STAND % DRAWN) - chosen
    tasks = long_tasks(page)
    page.close()
    return shown / 1000, drawn / 1000, tasks
