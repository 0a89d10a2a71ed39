"""The changes that enqueue ModelServers, and the watched resources."""

import copy
from pathlib import Path
from typing import Any

import pytest
from epochal_operator.experiment.kind import experiments
from epochal_operator.modelserver.kind import servers_of_experiment, servers_of_job
from epochal_operator.modelserver.resources import EXPERIMENTS, MODEL_SERVERS
from epochal_operator.runtime.api.resource import PODS, Key
from epochal_operator.runtime.kind import store_for, watched_sources
from epochal_operator.runtime.store import Change, Source
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.controlled import controlled, until
from tests.unit.operator.modelserver.servers import KIND, SPEC, document, training_job
from tests.unit.operator.objects import INSTALLATION
from tests.unit.operator.objects import KIND as TRAINING

KEY = Key("vision", "digits")


def store(**source: Any) -> Any:
    found = store_for([KIND])
    found.put(MODEL_SERVERS, document(source=source))
    return found


def changed(one: Any, **status: Any) -> Any:
    made = copy.deepcopy(one)
    made["status"] |= status
    return made


def labelled(one: Any) -> Any:
    return {**one, "metadata": {**one["metadata"], "labels": {"epochal.dev/experiment": "search"}}}


@pytest.mark.parametrize(
    ("before", "after", "wakes"),
    [
        (None, training_job(), True),
        (training_job(), None, True),
        (training_job("Running"), training_job(), True),
        (training_job(), training_job(uid="again"), True),
        (training_job(), training_job(exports=[]), True),
        (training_job(), changed(training_job(), progress={"epoch": 3}), False),
        (training_job("Running"), changed(training_job("Running"), metrics={"loss": "0.1"}), False),
    ],
)
def test_training_job_change_enqueues_its_servers(before: Any, after: Any, *, wakes: bool) -> None:
    change = Change(TRAINING_JOBS, before, after)
    assert set(servers_of_job(change, store(trainingJobRef={"name": "mnist"}))) == ({KEY} if wakes else set())
    assert set(servers_of_job(change, store(trainingJobRef={"name": "other"}))) == set()
    assert set(servers_of_job(change, store(uri="s3://models/a.onnx", sha256="a" * 64))) == set()


def test_trial_change_enqueues_servers_of_its_experiment() -> None:
    change = Change(TRAINING_JOBS, labelled(training_job("Running")), labelled(training_job()))
    assert set(servers_of_job(change, store(experimentRef={"name": "search"}))) == {KEY}


def search(state: str, job: str | None = None) -> Any:
    metadata = {"name": "search", "namespace": "vision", "uid": "u"}
    return {"metadata": metadata, "status": {"state": state, "best": {"jobName": job} if job else None}}


@pytest.mark.parametrize(
    ("before", "after", "wakes"),
    [
        (None, search("Running"), True),
        (search("Running", "a"), search("Complete", "a"), True),
        (search("Complete", "a"), search("Complete", "b"), True),
        (search("Running", "a"), changed(search("Running", "a"), trials={"created": 3}), False),
        (search("Complete", "a"), None, True),
    ],
)
def test_experiment_change_enqueues_its_servers(before: Any, after: Any, *, wakes: bool) -> None:
    found = servers_of_experiment(Change(EXPERIMENTS, before, after), store(experimentRef={"name": "search"}))
    assert set(found) == ({KEY} if wakes else set())


def test_children_are_watched_by_label() -> None:
    sources = watched_sources([KIND])
    assert Source(MODEL_SERVERS) in sources
    labels = {source.label for source in sources if source.resource not in {MODEL_SERVERS, TRAINING_JOBS, EXPERIMENTS}}
    assert labels == {"epochal.dev/modelserver"}
    assert Source(PODS, "epochal.dev/modelserver") in sources


async def test_model_servers_start_without_the_crd_of_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [TRAINING, experiments(lambda: INSTALLATION, instance="test"), KIND]
    async with FakeApiServer("vision") as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        del server.objects.resources["experiments"]
        server.objects.create("modelservers", "vision", {"metadata": {"name": "digits"}, "spec": SPEC})
        async with controlled(kinds, server):
            await until(lambda: server.objects.list("deployments"), seconds=30)
