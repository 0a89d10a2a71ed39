"""The Job that writes what an Experiment has found."""

from dataclasses import replace
from typing import Any

from epochal_api import pod
from epochal_api.experiment.report import decode
from epochal_operator.experiment.ledger.events import Event
from epochal_operator.experiment.report.job import report_job
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.unit.operator.experiment.searches import created, finished, started
from tests.unit.operator.experiment.spaces import TEMPLATE, UID, document, experiment
from tests.unit.operator.objects import INSTALLATION, training_job

EVENTS: list[Event] = [
    created(0, {"rate": "0.001", "units": "32", "optimizer": "Adam"}),
    started(0),
    finished(0, "0.9"),
]


def made(*, labels: dict[str, str] | None = None, **template: Any) -> dict[str, Any]:
    changes: dict[str, Any] = {"template": {**TEMPLATE, **template}}
    whole = document(**changes)
    whole["metadata"]["labels"] = labels or {}
    return report_job(whole, EVENTS, experiment(**changes).spec, replace(INSTALLATION, labels=("team",)))


def pod_spec(**template: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**template)["spec"]["template"]["spec"]
    return found


def test_whose_it_is() -> None:
    found = made(labels={"team": "vision", "other": "x"})
    metadata = found["metadata"]
    labels = {
        "team": "vision",
        "app.kubernetes.io/managed-by": "epochal",
        "epochal.dev/experiment": "digits",
        "epochal.dev/experiment-uid": UID,
    }
    assert (metadata["name"], metadata["namespace"]) == ("digits-report", "vision")
    assert metadata["labels"] == found["spec"]["template"]["metadata"]["labels"] == labels
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("Experiment", "digits", UID, True)


def test_its_pod_is_a_trainers_but_for_what_it_runs() -> None:
    """What keeps a trainer in keeps it in, too."""
    own = {"containers", "volumes"}
    trainers = batch_job(training_job(), INSTALLATION)["spec"]["template"]["spec"]
    found = pod_spec()
    assert {key: value for key, value in found.items() if key not in own} == {
        key: value for key, value in trainers.items() if key not in own
    }
    (container,), (trainer,) = found["containers"], trainers["containers"]
    assert container["securityContext"] == trainer["securityContext"]
    assert container["command"] == ["epochal-trainer", "report"]
    assert container["image"] == INSTALLATION.trainer_image
    assert [one["name"] for one in container["env"]] == [
        pod.ACCESS_KEY_ENV,
        pod.SECRET_KEY_ENV,
        pod.SESSION_TOKEN_ENV,
    ]


def test_it_has_no_token_and_finds_its_report_in_a_file() -> None:
    found = made()["spec"]["template"]
    volumes = {volume["name"]: volume for volume in found["spec"]["volumes"]}
    assert set(volumes) == {"job", "scratch", "tmp"}
    (item,) = volumes["job"]["downwardAPI"]["items"]
    assert item == {"path": "report", "fieldRef": {"fieldPath": "metadata.annotations['epochal.dev/report']"}}
    mounts = {mount["name"]: mount["mountPath"] for mount in found["spec"]["containers"][0]["volumeMounts"]}
    assert f"{mounts['job']}/report" == pod.REPORT_FILE
    (text,) = found["metadata"]["annotations"].values()
    report = decode(text)
    assert ([one.number for one in report.trials], report.best) == ([0], 0)
    assert report.storage.endpoint == INSTALLATION.storage_endpoint


def test_it_is_small_and_ends() -> None:
    spec = made()["spec"]
    resources = spec["template"]["spec"]["containers"][0]["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}
    assert "nvidia.com/gpu" not in str(made(resources={"limits": {"nvidia.com/gpu": 1}}))
    assert spec["activeDeadlineSeconds"] <= 3600
    assert spec["backoffLimit"] <= 2
    assert "suspend" not in spec
    assert "ttlSecondsAfterFinished" not in spec, "by it the Experiment knows what has been reported"
    assert spec["podFailurePolicy"] == batch_job(training_job(), INSTALLATION)["spec"]["podFailurePolicy"]


def test_it_runs_where_trials_run() -> None:
    spec = pod_spec(
        image="mine:1",
        serviceAccountName="trainer",
        imagePullSecrets=[{"name": "registry"}],
        scheduling={"nodeSelector": {"zone": "a"}},
        storage={"secretRef": {"name": "mine"}, "caConfigMapRef": {"name": "our-ca"}},
    )
    (container,) = spec["containers"]
    assert container["image"] == "mine:1"
    assert spec["serviceAccountName"] == "trainer"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["nodeSelector"] == {"zone": "a"}
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "mine"
    assert "storage-ca" in {volume["name"] for volume in spec["volumes"]}


def test_in_a_queue_it_waits_for_its_turn() -> None:
    found = made(scheduling={"queueName": "lab"})
    assert found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "lab"
    assert found["spec"]["suspend"] is True


def test_an_empty_ledger_is_reported_as_empty() -> None:
    found = report_job(document(), (), experiment().spec, INSTALLATION)
    (text,) = found["spec"]["template"]["metadata"]["annotations"].values()
    assert decode(text).trials == []
