"""The Job of a TrainingJob, and its changes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from epochal_api import pod
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES, MUTABLE, InvalidTrainingJob, TrainingJobSpec, parse
from epochal_operator.runtime.cache_transform import MAX_NAME
from epochal_operator.trainingjob.job.batch_job import (
    FIELDS_ANNOTATION,
    USER_SPEC_ANNOTATION,
    batch_job,
    changed_fields,
    differs_from_resolved_spec,
    job_changes,
    matches_user_spec,
)
from pydantic.alias_generators import to_camel

from tests.unit.operator.objects import INSTALLATION, SPEC, UID, document, training_job


def made(**spec: Any) -> dict[str, Any]:
    return batch_job(training_job(**spec), INSTALLATION)


def pod_spec(**spec: Any) -> dict[str, Any]:
    result = made(**spec)["spec"]["template"]["spec"]
    assert isinstance(result, dict)
    return result


def test_job_is_owned_by_its_training_job() -> None:
    metadata = made()["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("digits", "vision")
    (owner,) = metadata["ownerReferences"]
    assert owner == {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "digits",
        "uid": UID,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_job_and_pod_have_labels_for_selectors() -> None:
    job = made()
    labels = {
        "app.kubernetes.io/managed-by": "epochal",
        "epochal.dev/trainingjob": "digits",
        "epochal.dev/trainingjob-uid": UID,
    }
    assert job["metadata"]["labels"] == labels
    assert job["spec"]["template"]["metadata"]["labels"] == labels


def test_job_and_pod_have_the_labels_of_the_installation() -> None:
    labels = {"team": "vision", "other": "x", "epochal.dev/trainingjob": "theirs"}
    one = document()
    one["metadata"]["labels"] = labels
    chosen = replace(INSTALLATION, labels=("team", "cost-centre", "epochal.dev/trainingjob"))
    job, bare = batch_job(parse(one), chosen), made()
    wanted = bare["metadata"]["labels"] | {"team": "vision"}
    assert job["metadata"]["labels"] == wanted
    assert job["spec"]["template"]["metadata"]["labels"] == wanted
    assert not differs_from_resolved_spec(parse(one), bare, chosen), "who chooses labels stops no training"


def test_pod_annotation_contains_the_resolved_spec() -> None:
    annotations = made()["spec"]["template"]["metadata"]["annotations"]
    read = parse(json.loads(annotations[pod.JOB_ANNOTATION]))
    assert (read.metadata.name, read.metadata.namespace, read.metadata.uid) == ("digits", "vision", UID)
    assert read.spec.storage.endpoint == INSTALLATION.storage_endpoint
    assert read.spec.network == training_job().spec.network
    assert annotations[pod.CA_ANNOTATION] == INSTALLATION.progress_ca


def test_pod_annotation_omits_finish() -> None:
    """The pod would only have the value of its creation, and earlier trainers do not know the field."""
    job = made(finish=True)
    assert "finish" not in json.loads(job["spec"]["template"]["metadata"]["annotations"][pod.JOB_ANNOTATION])["spec"]
    assert not differs_from_resolved_spec(training_job(), job, INSTALLATION)


def test_null_argument_stays_null() -> None:
    annotations = made()["spec"]["template"]["metadata"]["annotations"]
    dense = json.loads(annotations[pod.JOB_ANNOTATION])["spec"]["network"]["layers"][1]
    assert dense == {"layer": "Dense", "units": 10, "kernel_initializer": None}


FOLLOWS = {"training": SPEC["training"] | {"continueFrom": {"name": "first"}}}
URI = "s3://results/vision/first/1234/"


def source(job: dict[str, Any]) -> Any:
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    return json.loads(annotations[pod.JOB_ANNOTATION])["spec"]["training"]["continueFrom"]


def test_predecessor_becomes_the_uri_of_its_results() -> None:
    assert source(batch_job(training_job(**FOLLOWS), INSTALLATION, URI)) == {"uri": URI}
    best = {"training": SPEC["training"] | {"continueFrom": {"name": "first", "from": "Best"}}}
    assert source(batch_job(training_job(**best), INSTALLATION, URI)) == {"uri": URI, "from": "Best"}
    given = {"training": SPEC["training"] | {"continueFrom": {"uri": "s3://results/other/"}}}
    assert source(batch_job(training_job(**given), INSTALLATION)) == {"uri": "s3://results/other/"}


@pytest.mark.parametrize("now", [None, "s3://results/vision/first/5678/"])
def test_results_of_the_predecessor_do_not_make_a_job_outdated(now: str | None) -> None:
    job = training_job(**FOLLOWS)
    made, again = (batch_job(job, INSTALLATION, uri) for uri in (URI, now))
    assert made["metadata"]["annotations"] == again["metadata"]["annotations"]
    assert not differs_from_resolved_spec(job, made, INSTALLATION)
    other = {"training": SPEC["training"] | {"continueFrom": {"name": "second"}}}
    assert differs_from_resolved_spec(training_job(**other), made, INSTALLATION)


def test_job_that_continues_from_itself_is_invalid() -> None:
    job = training_job(training=SPEC["training"] | {"continueFrom": {"name": "digits"}})
    with pytest.raises(InvalidTrainingJob, match=r"^spec\.training\.continueFrom\.name: must be .* found digits"):
        batch_job(job, INSTALLATION)


def test_backoff_limit_and_failure_policy() -> None:
    spec = made(backoffLimit=7, activeDeadlineSeconds=60)["spec"]
    assert (spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (1, 1, 7)
    assert spec["activeDeadlineSeconds"] == 60
    assert spec["podReplacementPolicy"] == "Failed"
    assert "ttlSecondsAfterFinished" not in spec
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"containerName": "trainer", "operator": "In", "values": [64, 65, 77]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "Ignore", "onExitCodes": {"containerName": "trainer", "operator": "In", "values": [143]}},
    ]
    assert (pod_spec()["restartPolicy"], pod_spec()["terminationGracePeriodSeconds"]) == ("Never", 120)


def test_missing_endpoint_is_an_error() -> None:
    bare = replace(INSTALLATION, storage_endpoint=None)
    with pytest.raises(InvalidTrainingJob, match=r"spec\.storage\.endpoint: must be given"):
        batch_job(training_job(), bare)


def test_size_of_a_spec_is_bounded() -> None:
    layers = [{"layer": "Dense", "units": 1, "text": "x" * MAX_SPEC_BYTES}]
    with pytest.raises(InvalidTrainingJob, match=rf"spec: must fit in {MAX_SPEC_BYTES} bytes as JSON, found \d+"):
        made(network={"input": {"shape": [1]}, "layers": layers})


@pytest.mark.parametrize(
    ("was", "now", "difference"),
    [
        ({}, {}, {}),
        ({}, {"suspend": True}, {"suspend": True}),
        ({"suspend": True}, {}, {"suspend": False}),
        ({}, {"activeDeadlineSeconds": 9}, {"activeDeadlineSeconds": 9}),
        ({"activeDeadlineSeconds": 9}, {}, {"activeDeadlineSeconds": None}),
        ({}, {"ttlSecondsAfterFinished": 9}, {}),
    ],
)
def test_job_changes(was: dict[str, Any], now: dict[str, Any], difference: dict[str, Any]) -> None:
    job = training_job(**now)
    assert job_changes(job, made(**was)) == difference
    assert not differs_from_resolved_spec(job, made(**was), INSTALLATION)


@pytest.mark.parametrize(("field", "value"), [("parallelism", 0), ("suspend", True), ("activeDeadlineSeconds", 1)])
def test_changes_of_other_writers_are_reverted(field: str, value: Any) -> None:
    child = made()
    wanted = child["spec"].get(field)
    child["spec"][field] = value
    assert job_changes(training_job(), child) == {field: wanted}


@pytest.mark.parametrize("change", [{"backoffLimit": 9}, {"image": "other"}, {"training": {"loss": "mse"}}])
def test_changed_spec_makes_a_job_outdated(change: dict[str, Any]) -> None:
    assert differs_from_resolved_spec(training_job(**change), made(), INSTALLATION)


@pytest.mark.parametrize(
    ("spec", "generation", "changed"),
    [
        ({}, 2, False),
        ({"backoffLimit": 9}, 2, True),
        ({"suspend": True, "finish": True, "ttlSecondsAfterFinished": 9}, 3, False),
        ({"backoffLimit": 3}, 2, False),
    ],
)
def test_matches_user_spec(spec: dict[str, Any], generation: int, *, changed: bool) -> None:
    job = training_job(generation=generation, **spec)
    assert matches_user_spec(job, made()) is not changed
    of_before = made()
    del of_before["metadata"]["annotations"][USER_SPEC_ANNOTATION]
    assert matches_user_spec(job, of_before), "if a webhook removed the annotation, the Job is kept"


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ({}, ()),
        ({"suspend": True, "finish": True, "backoffLimit": 3}, ()),
        ({"backoffLimit": 9, "data": {"bucket": "other", "train": {"object": "a.npz"}}}, ("data", "backoffLimit")),
    ],
)
def test_changed_fields(spec: dict[str, Any], changed: tuple[str, ...]) -> None:
    job = training_job(generation=2, **spec)
    assert changed_fields(job, made()) == changed
    of_before = made()
    del of_before["metadata"]["annotations"][FIELDS_ANNOTATION]
    assert changed_fields(job, of_before) == (), "a Job of an earlier version has no digests of fields"


def test_hostile_digests_of_fields_name_only_fields() -> None:
    job = made()
    for text in ("", "=,=", "a=1,data=2,", "\U0001f600" * 300):
        job["metadata"]["annotations"][FIELDS_ANNOTATION] = text
        assert set(changed_fields(training_job(), job)) <= set(map(to_camel, TrainingJobSpec.model_fields))


def test_digests_of_all_fields_fit_in_the_cache() -> None:
    names = [to_camel(name) for name in TrainingJobSpec.model_fields if name not in {*MUTABLE, "model", "code"}]
    assert len(",".join(f"{name}={'0' * 8}" for name in names)) <= MAX_NAME


@pytest.mark.parametrize("filled_in", [{"backoffLimit": 3}, {"serviceAccountName": "default", "suspend": False}])
def test_new_schema_defaults_make_no_job_outdated(filled_in: dict[str, Any]) -> None:
    assert not differs_from_resolved_spec(training_job(**filled_in), made(), INSTALLATION)
