"""TrainingJobs, Experiments and ModelServers of a notebook, against an API server and an S3 service."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal import Experiment, ModelServer, TrainingJob
from epochal.client.kinds import TRAINING_JOBS
from epochal.client.transport import Response
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.serving.access import Server
from epochal_server.protocols import v2
from epochal_server.protocols.protocol import HEADER_LENGTH
from epochal_server.routes.page import describe

from tests.kit.s3_server import refusing
from tests.kit.served import pair as served_pair
from tests.kit.served import small
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.notebook.models import surroundings, table, warned, written
from tests.unit.cli.objects import put, put_job, ready, running, set_status
from tests.unit.cli.stored_results import STORAGE, Stored
from tests.unit.cli.test_watch import when_watched

X, Y = np.ones((6, 4), np.float32), np.arange(6)
HISTORY = b"epoch,loss,val_loss,seconds\n1,0.9,nan,0.1\n2,0.5,0.6,0.1\n"


@pytest.fixture
def new_job(stored: Stored, tmp_path: Path) -> Callable[..., TrainingJob]:
    def new_job(name: str = "prices", **options: Any) -> TrainingJob:
        environment = surroundings(tmp_path, stored.variables)
        usual: dict[str, Any] = {"data": (X, Y), "bucket": "bucket", "results": "bucket", "environment": environment}
        return TrainingJob.from_keras(table(), name=name, **(usual | options))

    return new_job


def of_cluster(kind: Any, stored: Stored, tmp_path: Path, name: str) -> Any:
    return kind.get(name, environment=surroundings(tmp_path, stored.variables))


def test_submit_uploads_the_arrays_once_and_creates_the_job(
    stored: Stored, new_job: Callable[..., TrainingJob]
) -> None:
    job = new_job(weights=True).submit()
    created = stored.cluster.call(stored.cluster.objects.get, "trainingjobs", "vision", "prices")
    assert created["spec"]["data"]["train"]["object"] in stored.service.objects
    assert len(stored.service.objects) == 2
    assert job.document["metadata"]["uid"] == created["metadata"]["uid"]
    assert (job.state, repr(job)) == ("Pending", "TrainingJob prices: Pending")

    job.delete()
    asked = len(stored.service.asked)
    new_job(weights=True).submit()
    assert "PUT" not in {request.method for request in stored.service.asked[asked:]}


def test_a_job_of_the_same_name_is_refused_before_the_upload(
    stored: Stored, new_job: Callable[..., TrainingJob]
) -> None:
    put_job(stored.cluster, "prices")
    with pytest.raises(EpochalError, match=r"exists already.\nUse it: TrainingJob.get\('prices'\)"):
        new_job().submit()
    assert not stored.service.objects


def test_a_missing_bucket_creates_no_job(stored: Stored, new_job: Callable[..., TrainingJob]) -> None:
    stored.service.faults.append(refusing(404, "NoSuchBucket", methods=("GET", "PUT")))
    with pytest.raises(EpochalError, match="bucket"):
        new_job().submit()
    assert stored.cluster.connect().list(TRAINING_JOBS) == []


def test_watch_returns_the_job_at_its_end(stored: Stored, new_job: Callable[..., TrainingJob]) -> None:
    job = new_job().submit()
    complete = running(2, loss="0.5") | {"state": "Complete"}
    when_watched(
        stored.cluster,
        lambda: set_status(stored.cluster, "trainingjobs", "prices", **running(1, loss="0.9")),
        lambda: set_status(stored.cluster, "trainingjobs", "prices", **complete),
    )
    assert job.watch() is job
    assert written(job.place.environment).splitlines()[:3] == [
        "00:00:00  prices  Pending",
        "00:00:00  prices  Running  epoch 1/10  loss 0.9",
        "00:00:00  prices  Complete  epoch 2/10  loss 0.5",
    ]
    assert "o loss" in written(job.place.environment)
    assert repr(job) == "TrainingJob prices: Complete  epoch 2/10  loss 0.5"
    assert job._repr_html_() == "<b>TrainingJob prices</b>: Complete  epoch 2/10  loss 0.5"


def test_watch_raises_the_reason_of_a_failure(stored: Stored, tmp_path: Path) -> None:
    put_job(stored.cluster, "prices", state="Failed", conditions=ready("OutOfMemory", "the pod had 1Gi"))
    with pytest.raises(EpochalError, match="prices has failed: OutOfMemory: the pod had 1Gi"):
        of_cluster(TrainingJob, stored, tmp_path, "prices").watch()


def test_get_suggests_similar_names(stored: Stored, tmp_path: Path) -> None:
    put_job(stored.cluster, "prices")
    with pytest.raises(EpochalError, match="did you mean prices") as error:
        of_cluster(TrainingJob, stored, tmp_path, "pirces")
    assert error.value.exit_code == ExitCode.NOT_FOUND


def test_a_file_and_its_problems(tmp_path: Path, new_job: Callable[..., TrainingJob]) -> None:
    (tmp_path / "job.yaml").write_text(new_job().yaml)
    environment = surroundings(tmp_path)
    job = TrainingJob.read("job.yaml", environment=environment)
    assert job.name == "prices"
    moved = TrainingJob({**job.document, "metadata": {"name": "prices", "namespace": "a"}}, namespace="b")
    assert (moved.namespace, moved.document["metadata"]["namespace"]) == ("b", "b")
    with pytest.raises(EpochalError, match="must have one Experiment, found 0"):
        Experiment.read("job.yaml", environment=environment)
    with pytest.raises(EpochalError, match=r"spec\.training\.epochs: must be at least 1"):
        TrainingJob({**job.document, "spec": {**job.spec, "training": {**job.spec["training"], "epochs": 0}}})
    with pytest.raises(EpochalError, match="must be a ModelServer, found TrainingJob"):
        ModelServer(job.document)


def test_history_has_a_row_for_each_epoch(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.notebook.frames.find_spec", lambda _: None)
    stored.put_job("prices", {"history.csv": HISTORY})
    stored.put_job("new", {})
    assert of_cluster(TrainingJob, stored, tmp_path, "prices").history == [
        {"epoch": 1, "loss": 0.9, "val_loss": None, "seconds": 0.1},
        {"epoch": 2, "loss": 0.5, "val_loss": 0.6, "seconds": 0.1},
    ]
    assert of_cluster(TrainingJob, stored, tmp_path, "new").history == []


def test_suspend_resume_and_finish(stored: Stored, tmp_path: Path) -> None:
    put_job(stored.cluster, "prices", **running(1))
    job = of_cluster(TrainingJob, stored, tmp_path, "prices")
    assert job.suspend().spec["suspend"] is True
    assert job.resume().spec["suspend"] is False
    assert job.finish().spec["finish"] is True


def test_a_network_in_a_file_has_no_table(stored: Stored, tmp_path: Path) -> None:
    put(stored.cluster, "trainingjobs", "code", {"code": {"object": "build.py"}})
    with pytest.raises(EpochalError, match="the spec has code in place of network"):
        _ = of_cluster(TrainingJob, stored, tmp_path, "code").network


def test_a_model_is_loaded_only_if_the_training_has_stored_it(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.put_job("new", {}, **running(1))
    with pytest.raises(EpochalError, match=r"new has no model.keras: its state is Running\nA training stores"):
        of_cluster(TrainingJob, stored, tmp_path, "new").model()
    results = {"models": [{"name": "model.keras", "sha256": "0" * 64}]}
    stored.put_job("replaced", {"model.keras": b"other"}, state="Complete", results=results)
    with pytest.raises(EpochalError, match=f"SHA-256 .*, but the training stored {'0' * 64}"):
        of_cluster(TrainingJob, stored, tmp_path, "replaced").model("best")
    monkeypatch.setattr("epochal.extras.find_spec", lambda _: None)
    with pytest.raises(EpochalError, match="install the wheels of epochal-trainer"):
        of_cluster(TrainingJob, stored, tmp_path, "replaced").model()


PARAMETER = {"name": "rate", "paths": ["training.optimizer.learning_rate"], "float": {"min": 1e-05, "max": 0.1}}


def test_an_experiment_has_the_job_as_its_template(stored: Stored, new_job: Callable[..., TrainingJob]) -> None:
    search = Experiment.of(
        new_job(), name="search", parameters=[PARAMETER], metric="val_loss", goal="Minimize", max_trials=3
    ).submit()
    created = stored.cluster.call(stored.cluster.objects.get, "experiments", "vision", "search")
    assert created["spec"]["template"]["spec"]["data"]["train"]["object"] in stored.service.objects
    assert created["spec"]["maxTrials"] == 3
    assert created["spec"]["parameters"][0]["float"] == {"min": "1e-05", "max": "0.1"}
    assert "hidden" in str(search.network)
    with pytest.raises(EpochalError, match="search has no trial with a value yet: its state is Pending"):
        _ = search.best


def test_an_experiment_has_trials_and_the_job_of_the_best_one(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.notebook.frames.find_spec", lambda _: None)
    trials = {"trials.csv": b"number,value,optimizer,rate\n0,0.5,Adam,\n1,0.4,SGD,1e-3\n"}
    stored.put_experiment("search", trials, best={"jobName": "search-1-r0", "value": "0.4"})
    put_job(stored.cluster, "search-1-r0")
    search = of_cluster(Experiment, stored, tmp_path, "search")
    expected = [
        {"number": 0, "value": 0.5, "optimizer": "Adam", "rate": None},
        {"number": 1, "value": 0.4, "optimizer": "SGD", "rate": 0.001},
    ]
    assert search.trials == search.history == expected
    assert search.best.name == "search-1-r0"


def test_serve_applies_a_server_that_a_second_call_changes(stored: Stored, tmp_path: Path) -> None:
    stored.put_job("prices", {}, {"network": {"input": {"shape": [4]}, "layers": []}})
    job = of_cluster(TrainingJob, stored, tmp_path, "prices")
    job.serve()
    server = job.serve(replicas=2)
    assert server.spec["replicas"] == 2
    assert server.spec["storage"] == STORAGE
    set_status(stored.cluster, "modelservers", "prices", state="Ready")
    assert server.watch() is server


@pytest.fixture
def answer(cluster: ClusterInMemory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., ModelServer]:
    """A ModelServer that answers with the own protocol of the server."""

    def answer(model: Any, compute: Callable[[Mapping[str, np.ndarray]], Any]) -> ModelServer:
        def request(
            _: Server, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
        ) -> Response:
            if path == "/page/model.json":
                return Response(200, {}, json.dumps(describe(model), default=list).encode())
            own = {HEADER_LENGTH: (headers or {})[HEADER_LENGTH]}
            decoded = v2.protocol(model).endpoints[0].decode(body, own, {})
            encoded = decoded.encode(compute(decoded.inputs))
            return Response(200, {key.lower(): each for key, each in encoded.headers.items()}, bytes(encoded.content))

        monkeypatch.setattr(Server, "request", request)
        put(cluster, "modelservers", "small", {}, state="Ready")
        return ModelServer.get("small", environment=surroundings(tmp_path, cluster.variables))

    return answer


def test_predict_returns_an_array_in_batches_of_a_request(answer: Any) -> None:
    sizes: list[int] = []

    def compute(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        sizes.append(len(inputs["x"]))
        return {"y": np.repeat(inputs["x"][:, :1], 3, axis=1).astype(np.float32)}

    server = answer(small(), compute)
    samples = np.arange(6000.0).reshape(3000, 2)
    found = server.predict(samples)
    assert found.shape == (3000, 3)
    np.testing.assert_array_equal(found[:, 0], samples[:, 0])
    assert len(sizes) > 1
    assert server.predict([1, 2]).shape == (1, 3)  # a sample without its axis


def test_predict_takes_and_returns_arrays_by_name_of_several_inputs(answer: Any) -> None:
    server = answer(
        served_pair(), lambda _: {"score": np.ones((2, 2), np.float32), "said": np.array(["a", "b"], object)}
    )
    found = server.predict({"count": [1, 2], "words": [["one", "two"], ["three", ""]]})
    assert found["said"].tolist() == ["a", "b"]
    for wrong in ([1, 2], {"count": [1, 2]}):
        with pytest.raises(EpochalError, match="expected an array for each input of the model: "):
            server.predict(wrong)
    with pytest.raises(EpochalError, match=r"the samples: found 1 of count, 2 of words"):
        server.predict({"count": [1], "words": [["one", "two"], ["three", ""]]})


def test_an_interrupt_ends_only_the_view(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_job(stored.cluster, "prices")
    job = of_cluster(TrainingJob, stored, tmp_path, "prices")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("epochal.tasks.watch.follow", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job.watch()
    assert "The training goes on" in warned(job.place.environment)
