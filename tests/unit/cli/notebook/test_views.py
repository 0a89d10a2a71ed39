"""The network and the curves of a notebook, as text and as HTML."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from epochal.client.kinds import TRAINING_JOBS
from epochal.notebook import svg, watch_view
from epochal.notebook.curves import Curves
from epochal.notebook.frames import frame
from epochal.notebook.network_view import MAX_NODES, MAX_ROWS, NetworkView
from epochal.tasks.follow import Target
from epochal_api.trainingjob.network import Network

from tests.unit.cli.notebook.models import surroundings, written

TARGET = Target(TRAINING_JOBS, "mnist")


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - the picture is our own


def running(epoch: int, state: str = "Running", **metrics: str) -> dict[str, Any]:
    progress = {"epoch": epoch, "epochs": 10, "percent": 10 * epoch}
    status = {"state": state, "progress": progress, "metrics": metrics}
    return {"kind": "TrainingJob", "metadata": {"name": "mnist"}, "status": status}


def test_a_network_is_a_table_and_a_graph() -> None:
    layers = [
        {"layer": "Dense", "name": "a", "units": 2, "inputs": ["input"]},
        {"layer": "Dense", "name": "b", "units": 2, "inputs": ["input"]},
        {"layer": "Add", "name": "sum", "inputs": ["a", "b"]},
        {"use": "a", "name": "again", "inputs": ["sum"]},
    ]
    view = NetworkView(Network.model_validate({"input": {"shape": [2]}, "layers": layers}))
    assert str(view).splitlines() == [
        "NAME    LAYER      TAKES   ARGUMENTS",
        'input   Input      -       shape=[2], dtype="float32"',
        "a       Dense      input   units=2",
        "b       Dense      input   units=2",
        "sum     Add        a, b    -",
        "again   a, again   sum     -",
        "outputs: again",
    ]
    html = view._repr_html_()
    graph = parsed(html[html.index("<svg") :])
    assert len(graph.findall(".//{*}rect")) == 5
    assert len(graph.findall(".//{*}path")) == 5


def test_a_large_network_has_a_limited_table_and_no_graph() -> None:
    layers = [{"layer": "Dense", "units": 2, "kernel_initializer": "<script>"}] * 1000
    view = NetworkView(Network.model_validate({"input": {"shape": [2]}, "layers": layers}))
    html = view._repr_html_()
    assert len(view.rows) > MAX_NODES
    assert "<svg" not in html
    assert "<script>" not in html
    assert html.count("<tr>") == MAX_ROWS + 1
    assert f"and {1001 - MAX_ROWS} more layers" in str(view)


def test_curves_of_a_status_have_a_panel_for_each_metric() -> None:
    curves = Curves("mnist")
    for epoch in (1, 2, 2, 3):
        curves.add(running(epoch, loss=str(1 / epoch), val_loss="nan", accuracy=str(epoch / 10), note="text"))
    panels = curves.panels()
    assert [panel.title for panel in panels] == ["loss", "accuracy"]
    assert [point.epoch for point in panels[0].lines[0].points] == [1, 2, 3]
    picture = parsed(svg.draw(panels))
    assert len(picture.findall(".//{*}polyline")) == 2


@pytest.mark.parametrize("statuses", [[], [running(1, loss="1")], [running(1, loss="nan"), running(2, loss="inf")]])
def test_there_is_no_curve_before_the_second_finite_point(statuses: list[dict[str, Any]]) -> None:
    curves = Curves("mnist")
    for each in statuses:
        curves.add(each)
    assert curves.panels() == []


def test_an_experiment_has_the_best_value_by_the_number_of_trials() -> None:
    curves = Curves("search")
    for count, best in ((1, "0.9"), (3, "0.4")):
        status = {"trials": {"complete": count, "failed": 1}, "best": {"value": best}}
        curves.add({"kind": "Experiment", "spec": {"objective": {"metric": "val_loss"}}, "status": status})
    [panel] = curves.panels()
    assert (panel.title, panel.axis, panel.lines[0].points) == (
        "search: val_loss",
        "ended trials",
        [(2, 0.9), (4, 0.4)],
    )


def test_names_in_pictures_are_escaped() -> None:
    curves = Curves("x")
    for epoch in (1, 2):
        curves.add(running(epoch, **{"<script>alert(1)</script>\x1b": str(epoch)}))
    picture = svg.draw(curves.panels())
    assert "<script>" not in picture
    assert "\x1b" not in picture
    parsed(picture)


class Fields(SimpleNamespace):
    """A widget: it keeps its fields."""

    def __init__(self, children: Any = (), **fields: Any) -> None:
        super().__init__(children=children, value="", **fields)


WIDGETS = SimpleNamespace(IntProgress=Fields, HTML=Fields, VBox=Fields, HBox=Fields)


def test_widgets_have_a_bar_with_the_state_as_a_word_and_curves(tmp_path: Path) -> None:
    view = watch_view.Widgets(surroundings(tmp_path), Curves("mnist"), WIDGETS)
    view.show(TARGET, running(1, loss="0.9"), deleted=False)
    assert (view.bar.value, view.bar.bar_style, view.picture.value) == (10, "info", "")
    assert view.line.value == "mnist  Running  epoch 1/10  loss 0.9"
    view.show(TARGET, running(10, "Complete", loss="<b>"), deleted=False)
    assert (view.bar.value, view.bar.bar_style) == (100, "success")
    assert "&lt;b&gt;" in view.line.value
    view.show(TARGET, running(10, "Complete", loss="0.1"), deleted=True)
    assert view.line.value == "mnist  Deleted"
    assert view.picture.value.startswith("<div><svg")


def test_widgets_appear_in_jupyter_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.append))
    monkeypatch.setitem(sys.modules, "ipywidgets", WIDGETS)
    monkeypatch.setattr(watch_view, "find_spec", lambda name: name)
    with watch_view.watch_view(surroundings(tmp_path), "mnist") as view:
        assert isinstance(view, watch_view.Widgets)
        assert shown == [view.box]
    monkeypatch.setattr(watch_view, "find_spec", lambda _: None)
    with watch_view.watch_view(surroundings(tmp_path), "mnist") as other:
        assert isinstance(other, watch_view.WithCurves)


def test_text_has_lines_and_the_curves_at_its_end(tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    with watch_view.watch_view(environment, "mnist") as view:
        for epoch in (1, 2):
            view.show(TARGET, running(epoch, loss=str(1 / epoch)), deleted=False)
        view.tick()
        assert written(environment).splitlines()[-1] == "00:00:00  mnist  Running  epoch 2/10  loss 0.5"
    assert "o loss" in written(environment)


def test_a_frame_is_a_list_of_rows_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"epoch": 1, "loss": 0.5}]
    made: list[Any] = []

    class DataFrame:
        columns = ("epoch", "loss")

        def __init__(self, values: list[Any]) -> None:
            made.append(values)

        def set_index(self, name: str) -> str:
            return name

    monkeypatch.setattr("epochal.notebook.frames.find_spec", lambda _: None)
    assert frame(rows, "epoch") == rows
    monkeypatch.setattr("epochal.notebook.frames.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=DataFrame))
    assert frame(rows, "epoch") == "epoch"
    assert made == [rows]
