"""Curves of eight runs with 10,000 epochs each: the work of the main thread in a frame while the chart is moved."""

import csv
import io
import math
import time
from urllib.parse import urlencode

from tests.bench.figures import Figure, percentile, spread
from tests.bench.studio.measured_page import MainThread, measured_studio, signed_in
from tests.kit.studio import NAMESPACE
from tests.kit.studio_runs import complete, spec

RUNS = 8
EPOCHS = 10_000
FRAMES = 120
GOAL_MS = 8.0


def curves() -> list[Figure]:
    """Measures the chart of a comparison in Chromium."""
    names = [f"long-{index}" for index in range(RUNS)]
    with measured_studio() as app:
        for index, name in enumerate(names):
            app.put("trainingjobs", name, spec())
            app.set_status("trainingjobs", name, **complete(app, name))
            app.put_results("trainingjobs", name, {"history.csv": history(index)})
        query = urlencode([*(("run", f"TrainingJob/{NAMESPACE}/{name}") for name in names), ("namespace", NAMESPACE)])
        with signed_in(app) as context:
            page = context.new_page()
            page.goto(f"{app.url}/compare?{query}")
            chart = page.get_by_role("region", name="val_loss", exact=True)
            chart.scroll_into_view_if_needed()
            chart.locator("canvas").wait_for()
            chart.locator("[tabindex='0']").first.focus()
            for _ in range(4):
                page.keyboard.press("+")
            thread = MainThread(page)
            busy, begin = [], time.monotonic()
            for index in range(FRAMES):
                before = thread.busy()
                page.keyboard.press("Shift+ArrowLeft" if index // 10 % 2 else "Shift+ArrowRight")
                thread.frame()
                busy.append((thread.busy() - before) * 1000)
            rate = FRAMES / (time.monotonic() - begin)
    p95 = percentile(busy, 0.95)
    return [
        Figure(
            f"main thread while {RUNS} curves of {EPOCHS:,} points move, a step",
            "-",
            f"{spread(busy, 'ms')}, p95 {p95:.1f} ms; {rate:.0f} steps a second",
            f"p95 {GOAL_MS:g} ms",
            p95 <= GOAL_MS,
        )
    ]


def history(seed: int, epochs: int = EPOCHS) -> bytes:
    """Returns history.csv with noisy curves."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["epoch", "seconds", "learning_rate", "loss", "val_loss"])
    for epoch in range(1, epochs + 1):
        noise = math.sin(epoch * (12.9898 + seed)) * 0.1
        rows.writerow([epoch, 1.0, 0.001, f"{1 / epoch + noise + 0.2:.6f}", f"{1.1 / epoch + noise + 0.3:.6f}"])
    return out.getvalue().encode()
