"""The comparison of runs with any content, in bounded size and time."""

import time
from typing import Any

from epochal_studio.runs.compare import MAX_CHARACTERS, MAX_PATHS, compared, comparison
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.results import MAX_FIELDS


def job(name: str, spec: Any) -> dict[str, Any]:
    return {"kind": "TrainingJob", "metadata": {"name": name, "namespace": "vision"}, "spec": spec}


def key(name: str) -> RunKey:
    return RunKey(kind="TrainingJob", namespace="vision", name=name)


def test_an_experiment_is_compared_by_its_template_and_best_value() -> None:
    spec = {"objective": {"metric": "acc", "goal": "Maximize"}, "template": {"spec": {"training": {"epochs": 3}}}}
    best = {"trial": 1, "jobName": "s-1-0", "value": "0.9", "epoch": 2}
    found = {"kind": "Experiment", "metadata": {"name": "s"}, "spec": spec, "status": {"best": best}}
    run = compared(found)
    assert (run.fields, run.objective) == ({"training.epochs": "3"}, ("acc", "Max"))
    assert run.figures == {"best acc": "0.9", "best epoch": "2"}


def test_200_runs_without_a_common_field_are_compared_fast() -> None:
    names = [f"m{number}" for number in range(200)]
    runs = [compared(job(name, {f"{name}-{field}": field for field in range(400)})) for name in names]
    begin = time.process_time()
    found = comparison([key(name) for name in names], runs)
    assert time.process_time() - begin < 5
    assert (len(found.fields), found.omitted_fields) == (MAX_FIELDS, 200 * 400 - MAX_FIELDS)


def test_the_fields_of_a_spec_are_bounded() -> None:
    found = compared(job("m", {str(field): field for field in range(MAX_PATHS + 1)}))
    assert (len(found.fields), found.is_cut) == (MAX_PATHS, True)
    assert not compared(job("m", {"training": {"epochs": 1}})).is_cut


def test_the_memory_of_a_comparison_is_bounded() -> None:
    deep: Any = {f"{number}" * 30: "v" * 600 for number in range(4000)}
    for _ in range(60):
        deep = {"a" * 1000: deep}
    runs = [
        compared(job(str(number), {f"{number}-{field}": "v" * 600 for field in range(500)}), 200)
        for number in range(200)
    ]
    size = sum(len(path) + len(value) for run in runs for path, value in run.fields.items())
    assert size <= MAX_CHARACTERS
    found = comparison([key(run.name) for run in runs], runs)
    assert all(run.is_cut for run in found.runs)
    assert len(found.model_dump_json()) < 4 * MAX_CHARACTERS
    assert (compared(job("deep", deep)).fields, compared(job("deep", deep)).is_cut) == ({}, True)


def test_hostile_specs_are_compared() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}
    runs = [compared(job(str(number), spec)) for number, spec in enumerate([None, "x", deep, {"a": ["\x1b" * 9]}])]
    assert len(comparison([key(str(number)) for number in range(4)], runs).runs) == 4
