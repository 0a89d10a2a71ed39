"""A status of any version is read as far as possible."""

from typing import Any

import pytest
from epochal_api.condition import Condition
from epochal_api.read_status import read_status
from epochal_api.trainingjob.spec import parse
from epochal_api.trainingjob.status import ReportedStatus, Status, Waiting
from hypothesis import given
from hypothesis import strategies as st

TIME = "2026-11-25T12:00:00Z"
COMPLETE = {"type": "Complete", "status": "True", "reason": "Completed", "message": "done", "lastTransitionTime": TIME}


@pytest.mark.parametrize(
    ("document", "left"),
    [
        (None, {}),
        ({}, {}),
        ("Running", {}),
        ([1, 2], {}),
        ({"state": "Compiling", "attempt": 2}, {"attempt": 2}),
        ({"state": ["Running"], "attempt": "two", "gpus": 1}, {"gpus": 1}),
        ({"progress": {"stage": "Sharding", "epoch": 3}}, {"progress": {"epoch": 3}}),
        ({"progress": {"epoch": "3.5", "step": 7}}, {"progress": {"step": 7}}),
        ({"progress": "all of it", "jobName": "digits"}, {"jobName": "digits"}),
        ({"progress": {"waiting": {"reason": "Quota"}, "epoch": 3}}, {"progress": {"epoch": 3}}),
        ({"best": {"epoch": 2, "metric": "loss"}, "metrics": {"loss": "0.5"}}, {"metrics": {"loss": "0.5"}}),
        ({"metrics": {"loss": 0.5, "val_loss": "0.25"}}, {"metrics": {"val_loss": "0.25"}}),
        ({"metrics": ["loss"], "network": {"layers": 3}}, {}),
        ({"display": {"epoch": 3, "eta": "45s"}, "shards": [{"of": 4}]}, {"display": {"eta": "45s"}}),
    ],
)
def test_unreadable_parts_are_omitted(document: Any, left: dict[str, Any]) -> None:
    assert read_status(Status, document) == Status.model_validate(left)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": 7},
        {"type": "Sharded", "status": "Perhaps"},
        {"status": "True", "reason": "Nothing"},
        "Failed",
        None,
    ],
)
def test_invalid_condition_is_omitted(odd: Any) -> None:
    status = read_status(Status, {"conditions": [odd, COMPLETE, odd, odd]})
    assert status.conditions == [Condition.model_validate(COMPLETE)]


@pytest.mark.parametrize(
    "change",
    [
        {"reason": None},
        {"reason": "R" * 1024},
        {"message": "m" * 40_000},
        {"message": 7},
        {"lastTransitionTime": 7},
        {"observedGeneration": "one"},
        {"severity": "Info"},
    ],
)
def test_condition_with_invalid_details_is_kept(change: dict[str, Any]) -> None:
    status = read_status(Status, {"conditions": [COMPLETE | change]})
    assert [(one.type, one.status) for one in status.conditions or []] == [("Complete", "True")]
    bare = read_status(Status, {"conditions": [{"type": "Complete", "status": "True"}]})
    assert [(one.type, one.status) for one in bare.conditions or []] == [("Complete", "True")]


def test_long_lists_and_maps_are_cut() -> None:
    others = [COMPLETE | {"type": f"Other{number}"} for number in range(30)]
    metrics = {f"m{number}": "0.5" for number in range(500)}
    status = read_status(Status, {"conditions": [COMPLETE, *others], "metrics": metrics})
    assert (status.conditions or [])[0].type == "Complete"
    assert len(status.conditions or []) == 16
    assert len(status.metrics or {}) == 128


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(TIME),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(str(field.alias) for model in (Status, Condition, Waiting) for field in model.model_fields.values())
ODD = st.dictionaries(
    st.sampled_from([*NAMES, "observed_generation", "stage", "epoch"]),
    JSON | st.dictionaries(st.sampled_from([*NAMES, "stage", "epoch"]), JSON, max_size=4),
    max_size=6,
)


@given(ODD, st.lists(ODD, max_size=3))
def test_read_status_never_fails(document: dict[str, Any], conditions: list[Any]) -> None:
    read_status(ReportedStatus, document)
    status = read_status(Status, document | {"conditions": [*conditions, COMPLETE]})
    assert (status.conditions or [])[-1] == Condition.model_validate(COMPLETE)


def test_parse_ignores_unreadable_status() -> None:
    spec = {
        "storage": {"secretRef": {"name": "credentials"}},
        "data": {"bucket": "data", "train": {"object": "train.npz"}},
        "network": {"input": {"shape": [8]}, "layers": [{"layer": "Dense", "units": 10}]},
        "training": {"epochs": 10, "loss": "SparseCategoricalCrossentropy"},
        "results": {"bucket": "results"},
    }
    document = {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "digits"}}
    document |= {"spec": spec, "status": {"progress": {"stage": "Sharding", "epoch": 3}, "attempt": {}}}
    job = parse(document)
    assert job.status is not None
    assert job.status.progress is not None
    assert job.status.progress.epoch == 3


@pytest.mark.parametrize("character", ["\x1b", "\u202e", "\u200b", "\ue000", "\u2028", "\udc80", "\U000e0041"])
def test_messages_are_printable(character: str) -> None:
    words = f"a{character}b\tc\nd"
    condition = Condition(type="Ready", status="True", reason="R", message=words, last_transition_time=TIME)
    assert condition.message == "a b\tc\nd"
    assert Waiting(reason="R", message=words, since=TIME).message == "a b\tc\nd"
