"""The objects of a very large search, and the figures from them."""

from typing import Any

import pytest

from tests.bench.experiments.seen import Seen, fills, latencies

CREATED = {
    "digits-search-0-r0": 0.0,
    "digits-search-1-r0": 0.0,
    "digits-search-0-r1": 10.1,
    "digits-search-2-r0": 12.0,
    "digits-search-2-r1": 30.0,
}
ENDED = {"digits-search-1-r0": 11.0, "digits-search-0-r0": 10.0, "digits-search-2-r0": 29.0}


def training(name: str, *conditions: str, **annotations: str) -> dict[str, Any]:
    conditions_seen = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": {"name": name, "annotations": annotations}, "status": {"conditions": conditions_seen}}


def test_free_slots_get_new_trainings_in_order() -> None:
    assert fills(CREATED, ENDED, slots=2) == pytest.approx([0.1, 1.0])
    assert fills(CREATED, ENDED, slots=2, known=2) == [1.0]


def test_other_training_jobs_take_no_slot() -> None:
    assert fills(CREATED | {"single-7": 1.0}, ENDED | {"single-7": 2.0}, slots=2) == pytest.approx([0.1, 1.0])


def test_the_first_observation_counts() -> None:
    seen = Seen()
    for version in (training("single-7"), training("single-7", "Complete"), training("single-7", "Complete")):
        seen.training(version)
    seen.job(training("single-7"))
    seen.training(training("single-8"))
    assert list(seen.created) == ["single-7", "single-8"]
    assert list(seen.ended) == ["single-7"]
    assert len(latencies(seen, "single")) == 2
    assert latencies(seen, "single-7")[0] == seen.jobs["single-7"] - seen.created["single-7"]


def test_the_largest_status_and_ledger_count() -> None:
    seen = Seen()
    for text, best in (("a" * 9, "b"), ("a", "b" * 7)):
        seen.search({"metadata": {}, "status": {"best": best}})
        seen.ledger({"metadata": {}, "data": text})
    assert (seen.ledger_bytes, seen.status_bytes) == (9, len('{"best":"bbbbbbb"}'))
