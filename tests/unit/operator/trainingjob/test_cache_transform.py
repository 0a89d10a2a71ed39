"""The cached parts of a TrainingJob, its Job and its pods, and their bounded size."""

import json
import sys
from typing import Any

import pytest
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES
from epochal_operator.runtime.api.resource import JOBS, Resource
from epochal_operator.runtime.cache_transform import MAX_LABELS, decompress_spec
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.trainingjob.job.batch_job import batch_job, differs_from_resolved_spec, job_changes
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.objects import INSTALLATION, KIND, SPEC, read, required, training_job
from tests.unit.operator.runtime.test_store import KEY, RESOURCES, job, obj, pods


def test_cached_fields() -> None:
    store = store_for([KIND])
    for resource in RESOURCES:
        store.put(resource, obj(resource, 1))
    one, child, (pod,) = store.get(TRAINING_JOBS, KEY), job(store), pods(store)
    assert one is not None
    assert child is not None
    assert "managedFields" not in {**one["metadata"], **child["metadata"], **pod["metadata"]}
    assert decompress_spec(one)["spec"] == obj(TRAINING_JOBS, 1)["spec"]
    assert child["spec"] == {"suspend": True}
    assert child["metadata"]["annotations"] == {"epochal.dev/spec-sha256": "c"}
    assert pod["spec"] == {"nodeName": "node-1", "containers": [{"name": "trainer", "resources": {"limits": {}}}]}


def test_metric_labels_are_kept_beyond_the_limit() -> None:
    one = obj(TRAINING_JOBS, 1)
    many = {f"label-{number}": "" for number in range(MAX_LABELS)} | {"team": "vision"}
    one["metadata"]["labels"] = many
    for chosen, left in ((("team",), {"team": "vision"}), ((), {})):
        store = store_for([training_jobs(lambda: INSTALLATION, instance="test", metric_labels=chosen)])
        store.put(TRAINING_JOBS, one)
        (kept,) = store.objects(TRAINING_JOBS)
        assert kept["metadata"]["labels"] == left


def test_cached_spec_outline_marks_image_and_endpoint_of_the_user() -> None:
    store = store_for([KIND])
    one = obj(TRAINING_JOBS, 1)
    one["spec"] = {"image": "a/b:1", "storage": {"endpoint": "http://minio:9000"}}
    store.put(TRAINING_JOBS, one)
    (kept,) = store.objects(TRAINING_JOBS)
    assert (kept["spec"]["image"], kept["spec"]["storage"]) == (True, {"endpoint": True})


def size(value: Any) -> int:
    """Returns the memory of a value and its items in bytes."""
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    return sys.getsizeof(value) + sum(map(size, inside))


LAVISH: dict[str, Any] = {
    "spec": {"a": [[]] * 43_000},
    "labels": {f"label-{number}": "" for number in range(8_000)},
    "our labels": {f"epochal.dev/{number}": "" for number in range(8_000)},
    "annotations": {f"epochal.dev/{number}": "" for number in range(6_000)},
    "annotation": {"epochal.dev/spec-sha256": "\U0001f600" + "x" * 120_000},
    "owner": {"kind": "TrainingJob", "apiVersion": "a", "controller": True, "uid": "u", "name": "\U0001f600" * 30_000},
    "resources": {f"example.com/{number}": "1" for number in range(3_000)},
    "ownerReferences": [{"kind": "ConfigMap", "name": "a", "uid": str(number)} for number in range(2_500)],
    "finalizers": [f"a/{number}" for number in range(10_000)],
    "managedFields": [{"fieldsV1": {}}] * 6_000,
}


@pytest.mark.parametrize("field", LAVISH)
@pytest.mark.parametrize("resource", RESOURCES)
def test_size_of_a_cached_object_is_bounded(resource: Resource, field: str) -> None:
    """The largest spec stays text: as Python values it would take 20 times the memory."""
    one = obj(resource, 1)
    if field == "spec":
        one["spec"] |= LAVISH[field]
    elif "labels" in field:
        one["metadata"]["labels"] = one["metadata"].get("labels", {}) | LAVISH[field]
    elif field == "annotation":
        one["metadata"]["annotations"] = LAVISH[field]
    elif field == "owner":
        one["metadata"]["ownerReferences"] = [LAVISH[field]]
    elif field == "resources":
        one["spec"]["containers"] = [{"name": "trainer", "resources": {"limits": LAVISH[field] | {"memory": "1Gi"}}}]
    else:
        one["metadata"][field] = LAVISH[field]
    one = read(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode())
    store = store_for([KIND])
    assert store.put(resource, one)
    (kept,) = store.objects(resource)
    assert size(kept) < MAX_SPEC_BYTES + 16 * 1024
    if field not in {"spec", "resources"} or resource != TRAINING_JOBS:
        assert size(kept) < 16 * 1024


def test_job_of_the_largest_spec_is_cached() -> None:
    """The pod template of the Job contains the spec as text."""
    made = training_job(network=SPEC["network"] | {"layers": [{"layer": "Dense", "units": ["a"] * 32_000}]})
    child = batch_job(made, INSTALLATION)
    child["metadata"] |= {"uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "epochal"}]}
    text = json.dumps(child).encode()
    assert len(text) > MAX_SPEC_BYTES + 32 * 1024
    store = store_for([KIND])
    assert store.put(JOBS, read(text))
    known = required(job(store))
    assert not differs_from_resolved_spec(made, known, INSTALLATION)
    assert job_changes(made, known) == {}
    assert controller_uid(known) == made.metadata.uid
    assert known["metadata"]["labels"] == child["metadata"]["labels"]
    assert size(known) < 16 * 1024
