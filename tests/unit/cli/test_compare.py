"""`epochal compare`: the fields in which runs differ, and their metrics."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from epochal.exit_codes import ExitCode
from epochal.runs.comparison import compare, job_run
from epochal.runs.flattening import Limits, flatten
from epochal.runs.output import shortened_row
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.commands import epochal
from tests.unit.cli.stored_results import Stored

TRIALS = b"number,state,units,parameter_epochs,rungs,epochs,seconds,value,uri\n0,Complete,8,3,1,3,9,0.5,s3://b/0/\n7,Failed,16,4,0,0,0,,\n"


def training(rate: float, best: str | None, units: int = 10, **status: Any) -> dict[str, Any]:
    layers = [{"layer": "Flatten"}, {"layer": "Dense", "name": "last", "units": units}]
    found = {"best": {"epoch": 2, "metric": "val_loss", "mode": "Min", "value": best}} if best else {}
    spec = {"training": {"optimizer": {"name": "Adam", "learning_rate": rate}}, "network": {"layers": layers}}
    return {"spec": spec, "status": {"state": "Complete", **found, **status}}


def put(stored: Stored, name: str, rate: float, best: str | None, **more: Any) -> None:
    job = training(rate, best, **more)
    stored.put_job(name, {}, job["spec"], **job["status"])


def test_prints_only_fields_that_differ_and_names_the_best(stored: Stored, tmp_path: Path) -> None:
    put(stored, "fast", 0.01, "0.5", test={"accuracy": "0.91"})
    put(stored, "slow", 0.001, "0.25", units=20)
    code, output, errors = epochal("compare", "fast", "slow", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (0, "")
    assert [line.split() for line in output.splitlines()] == [
        ["NAME", "fast", "slow", "(best)"],
        ["state", "Complete", "Complete"],
        ["training.optimizer.learning_rate", "0.01", "0.001"],
        ["network.layers[last].units", "10", "20"],
        ["best", "epoch", "2", "2"],
        ["best", "val_loss", "0.5", "0.25"],
        ["test.accuracy", "0.91", "-"],
    ]


def test_many_runs_have_a_row_each(stored: Stored, tmp_path: Path) -> None:
    names = [f"run-{number}" for number in range(5)]
    for number, name in enumerate(names):
        put(stored, name, 0.01 * (number + 1), f"0.{number + 1}")
    output = epochal("compare", *names, folder=tmp_path, variables=stored.variables).output
    assert [line.split()[0] for line in output.splitlines()[1:]] == names
    assert "run-0 (best)" in output


def test_an_experiment_stands_for_its_best_trials(stored: Stored, tmp_path: Path) -> None:
    top = [
        {"trial": 4, "jobName": "search-4-r0", "value": "0.1", "epoch": 3, "parameters": {"units": "32"}},
        {"trial": 0, "jobName": "search-0-r0", "value": "0.5", "epoch": 3, "parameters": {"units": "8"}},
    ]
    stored.put_experiment("search", {"trials.csv": TRIALS}, top=top)
    output = epochal("compare", "search", folder=tmp_path, variables=stored.variables).output
    assert output.splitlines()[0].split() == ["NAME", "search/4", "(best)", "search/0"]
    assert ["units", "32", "8"] in [line.split() for line in output.splitlines()]
    content = epochal("compare", "search/4", "search/7", "-o", "json", folder=tmp_path, variables=stored.variables)
    runs = json.loads(content.output)["runs"]
    assert [(run["name"], run["state"], run["fields"]["units"]) for run in runs] == [
        ("search/4", "-", "32"),
        ("search/7", "Failed", "16"),
    ]
    assert runs[1]["fields"]["epochs"] == "4"  # a parameter with the name of a column


def test_errors_name_what_is_missing(stored: Stored, tmp_path: Path) -> None:
    put(stored, "mnist", 0.01, None)
    stored.put_experiment("search", {"trials.csv": TRIALS})
    for arguments, expected, message in (
        (["mnist"], ExitCode.USAGE, "only one run to compare, mnist"),
        (["search/99", "mnist"], ExitCode.NOT_FOUND, "Experiment search has no trial 99"),
        (["search"], ExitCode.NOT_FOUND, "Experiment search has no trial with a result yet"),
    ):
        code, _, errors = epochal("compare", *arguments, folder=tmp_path, variables=stored.variables)
        assert code == expected
        assert message in errors


def test_without_a_common_objective_no_run_is_the_best() -> None:
    def run(metric: str, value: str) -> Any:
        job = training(0.1, value) | {"metadata": {"name": metric}}
        job["status"]["best"]["metric"] = metric
        return job_run(job)

    assert compare([run("val_loss", "1"), run("loss", "2")]).best is None
    assert compare([run("loss", "1"), run("loss", "nan")]).best is None
    assert compare([run("loss", "2"), run("loss", "-1")]).best == 1


def test_a_layer_more_moves_no_named_layer() -> None:
    layers = [{"name": "a", "units": 1}, {"units": [1, 2]}]
    assert flatten({"layers": layers, "none": {}, "text": "1"}).values == {
        "layers": "a, 1",
        "layers[a].name": "a",
        "layers[a].units": "1",
        "layers[1].units": "[1, 2]",
        "none": "{}",
        "text": "1",
    }


def test_another_order_of_named_layers_is_a_difference(stored: Stored, tmp_path: Path) -> None:
    start = [{"layer": "Dense", "name": f"a_long_name_of_layer_{number}", "units": 8} for number in range(10)]
    first, second = {"layer": "Dense", "name": "one"}, {"layer": "ReLU", "name": "two"}
    for name, layers in (("a", [*start, first, second]), ("b", [*start, second, first])):
        stored.put_job(name, {}, {"network": {"layers": layers}}, state="Complete")
    code, output, errors = epochal("compare", "a", "b", folder=tmp_path, variables=stored.variables)
    assert (code, errors) == (0, "")
    (row,) = (line for line in output.splitlines() if line.startswith("network.layers"))
    assert row.split("   ") == ["network.layers", "…of_layer_9, one, two", "…of_layer_9, two, one"]


def test_items_with_the_same_name_are_all_compared() -> None:
    def run(k: int) -> Any:
        metrics = ["accuracy", *({"name": "TopKCategoricalAccuracy", "k": each} for each in (k, 10))]
        return job_run({"metadata": {"name": "job"}, "spec": {"training": {"metrics": metrics}}})

    first, second = run(2), run(3)
    path = "training.metrics[TopKCategoricalAccuracy#1].k"
    assert compare([first, second]).fields == [path]
    assert (first.fields[path], second.fields[path]) == ("2", "3")


@given(st.lists(st.sampled_from(["a", "b", "a#0", "a#1", "0", "1", "2", "#", None, 1]), max_size=6))
def test_no_path_twice(names: list[str | None]) -> None:
    items = [{"name": name, "units": index} for index, name in enumerate(names)]
    paths = flatten({"layers": items}).values
    assert sum(path.endswith(".units") for path in paths) == len(names)


def test_long_names_in_many_levels_take_little_memory() -> None:
    document: Any = {str(number): number for number in range(4000)}
    for _ in range(60):
        document = {"a" * 1000: document}
    tracemalloc.start()
    try:
        fields = flatten(document)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (fields.values, fields.is_cut) == ({}, True)
    assert peak < 2**20


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), {"a.b": "12345", "a.c": "2", "d": "x"}),
        (Limits(path=3), {"a.b": "12345", "a.c": "2", "d": "x"}),
        (Limits(path=2), {"d": "x"}),
        (Limits(value=4), {"a.b": "1234", "a.c": "2", "d": "x"}),
        (Limits(fields=2), {"a.b": "12345", "a.c": "2"}),
        (Limits(characters=12), {"a.b": "12345", "a.c": "2"}),
        (Limits(characters=11), {"a.b": "12345"}),
    ],
)
def test_the_fields_of_a_document_are_bounded(limits: Limits, expected: dict[str, str]) -> None:
    fields = flatten({"a": {"b": "12345", "c": 2}, "d": "x"}, limits)
    assert fields.values == expected
    assert fields.is_cut == (len(expected) < 3)


def test_fields_that_are_not_compared_are_said(stored: Stored, tmp_path: Path) -> None:
    for name in ("a", "b"):
        stored.put_job(name, {}, {"network": {"x" * 1001: name}}, state="Complete")
    code, _, errors = epochal("compare", "a", "b", folder=tmp_path, variables=stored.variables)
    assert (code, "some fields are not compared, because these runs have too many: a, b" in errors) == (0, True)
    assert "equal" not in errors


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["short", "a" * 9], ["short", "a" * 7 + "…"]),
        (["a" * 9, "a" * 9], ["a" * 7 + "…"] * 2),
        (["a" * 9 + "b", "a" * 9 + "c", "-"], ["…aab", "…aac", "-"]),
        (["a" * 9, "a" * 9 + "b"], ["…aa", "…aab"]),
        (["b" * 9, "a" * 9], ["b" * 7 + "…", "a" * 7 + "…"]),
    ],
)
def test_long_cells_show_their_difference(cells: list[str], expected: list[str]) -> None:
    assert shortened_row(cells, 8) == expected
