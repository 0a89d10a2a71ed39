"""The cached fields of ModelServers, their children and their sources."""

from typing import Any

import pytest
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.model_annotation import MAX_LENGTH, MODEL_ANNOTATION
from epochal_operator.modelserver.resources import RESTARTED_ANNOTATION, TEMPLATE_ANNOTATION
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.kind import store_for
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.modelserver.servers import (
    CONVERTED,
    KIND,
    SPEC,
    container,
    document,
    inputs,
    live_deployment,
    pod,
    server,
    training_job,
)
from tests.unit.operator.objects import KIND as TRAINING_JOB_KIND


def test_model_server_keeps_its_spec_as_text_and_its_references() -> None:
    one = document(source={"trainingJobRef": {"name": "mnist", "model": "Last"}}, status={"state": "Ready"})
    kept = cache_transform.model_server(one)
    assert kept["spec"] == {"source": {"trainingJobRef": {"name": "mnist"}}}
    assert decompress_spec(kept)["spec"] == one["spec"]
    assert kept["status"] == {"state": "Ready"}


@pytest.mark.parametrize("source", [None, "odd", {"trainingJobRef": "odd"}, {"trainingJobRef": {"name": ["odd"]}}])
def test_invalid_source_has_no_reference(source: Any) -> None:
    one = document()
    one["spec"]["source"] = source
    kept = cache_transform.model_server(one)
    assert [index.key(kept) for index in KIND.indexes] == [None, None]


def test_deployment_keeps_digests_of_its_template() -> None:
    one = live_deployment(server(replicas=2), replicas=2)
    kept = cache_transform.deployment(one)
    template = one["spec"]["template"]
    assert kept["spec"]["template"] == {"digest": cache_transform.template_digest(template), "inputs": inputs(one)}
    assert (kept["spec"]["replicas"], kept["status"]["replicas"]) == (2, 2)
    ours = {MODEL_ANNOTATION, TEMPLATE_ANNOTATION, RESTARTED_ANNOTATION}
    assert set(kept["metadata"]["annotations"]) == ours
    one["metadata"]["annotations"][MODEL_ANNOTATION] = "x" * (MAX_LENGTH + 1)
    assert MODEL_ANNOTATION not in cache_transform.deployment(one)["metadata"]["annotations"]


def test_child_keeps_long_field_as_digest() -> None:
    one = {"metadata": document()["metadata"], "spec": {"podSelector": {}, "ingress": [{}] * 40_000}}
    kept = cache_transform.child(one)
    assert kept["spec"] == {"podSelector": {}, "ingress": cache_transform.value_or_digest([{}] * 40_000)}
    assert len(kept["spec"]["ingress"]) < 100
    assert cache_transform.value_or_digest([{}] * 40_000) != cache_transform.value_or_digest([{}] * 40_001)


def test_pod_keeps_its_address_and_memory_limits() -> None:
    kept = cache_transform.pod(pod(model=CONVERTED, podIP="192.0.2.1", hostIP="192.0.2.9"))
    memory = {"convert": "2Gi", "server": "512Mi"}
    assert kept["spec"] == {"nodeName": "node-1", "memory": memory, "ports": ["http"]}
    assert kept["status"]["podIP"] == "192.0.2.1"
    assert "hostIP" not in kept["status"]


def test_pod_omits_containers_of_other_programs() -> None:
    one = pod(containerStatuses=[container(), container("sidecar")], initContainerStatuses=[container("mesh")])
    one["spec"]["containers"].append({"name": "sidecar"})
    kept = cache_transform.pod(one)
    assert kept["spec"]["memory"] == {"server": "512Mi"}
    assert [each["name"] for each in kept["status"]["containerStatuses"]] == ["server"]
    assert kept["status"]["initContainerStatuses"] == []


def test_training_job_cache_serves_both_kinds() -> None:
    store = store_for([TRAINING_JOB_KIND, KIND])
    job = training_job()
    job["spec"] = {"training": {"epochs": 9}}
    store.put(TRAINING_JOBS, job)
    known = store.get(TRAINING_JOBS, Key("vision", "mnist"))
    assert known is not None
    assert known["status"]["results"] == job["status"]["results"]
    assert known["spec"]["training"]["epochs"] == 9


def test_experiment_keeps_its_best_trial() -> None:
    one = {
        "metadata": {"name": "search", "namespace": "vision", "uid": "u", "resourceVersion": "1"},
        "spec": {"objective": {"strategy": "Last", "metric": "loss"}, "template": {}},
        "status": {"state": "Complete", "best": {"jobName": "search-1-r0"}, "top": [1, 2]},
    }
    kept = cache_transform.experiment(one)
    assert kept["spec"] == {"objective": {"strategy": "Last"}}
    assert kept["status"] == {"state": "Complete", "best": {"jobName": "search-1-r0"}}


def test_objects_without_a_status() -> None:
    assert cache_transform.model_server(document())["status"] == {}
    assert cache_transform.training_job({"metadata": {"name": "a", "namespace": "b"}})["status"] == {}
    assert decompress_spec(cache_transform.model_server(document()))["spec"] == SPEC
