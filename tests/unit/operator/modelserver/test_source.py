"""The model that a source names, or why there is none yet."""

from typing import Any

import pytest
from epochal_api.modelserver.spec import ModelSource
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver.reasons import StatusCause
from epochal_operator.modelserver.source import (
    DeletedTrainingJob,
    Lookup,
    ResolvedModel,
    is_model_of,
    keep_served,
    resolve,
    training_job_model,
)

from tests.unit.operator.modelserver.servers import FOLDER, MODEL, SHA, URI, entry, export, training_job

BEST: dict[str, Any] = {"models": [entry("model.keras", "c", 10), entry("best.keras", "d", 9)]}
BOTH: dict[str, Any] = BEST | {"exports": [export("Last", "e", "model.onnx"), export("Best", "f", "best.onnx")]}


def model_of(found: ResolvedModel | DeletedTrainingJob | StatusCause) -> ServedModel:
    assert isinstance(found, ResolvedModel)
    return found.model


def reason_of(found: ResolvedModel | DeletedTrainingJob | StatusCause) -> str:
    cause = found.cause if isinstance(found, DeletedTrainingJob) else found
    assert isinstance(cause, StatusCause)
    return str(cause.reason)


@pytest.mark.parametrize(
    ("asked", "results", "file", "digest", "which"),
    [
        ("Best", BOTH, "best.onnx", "f", "Best"),
        ("Last", BOTH, "model.onnx", "e", "Last"),
        ("Best", BEST, "best.keras", "d", "Best"),
        ("Last", BEST, "model.keras", "c", "Last"),
        ("Best", {}, "model.keras", "c", "Last"),
        ("Best", {"exports": [export("Last", "e", "model.onnx")]}, "model.onnx", "e", "Last"),
        ("Best", BEST | {"exports": [export("Last", "e", "model.onnx")]}, "best.keras", "d", "Best"),
        ("Last", {"exports": [{**export("Last", "e", "model.savedmodel.zip"), "format": "savedmodel"}]},
         "model.keras", "c", "Last"),
        ("Last", {"exports": [{"model": "Last", "format": "onnx"}, None, "odd"]}, "model.keras", "c", "Last"),
    ],
)  # fmt: skip
def test_which_file_of_a_training_is_served(asked: Any, results: Any, file: str, digest: str, which: str) -> None:
    found = model_of(training_job_model("mnist", asked, training_job(**results)))
    assert (found.uri, found.sha256, found.model) == (f"{FOLDER}/{file}", digest * 64, which)
    assert found.surpassed is (True if asked == "Last" and "models" in results else None)
    assert (found.training_job_name, found.training_job_uid, found.runtime) == ("mnist", "uid-of-mnist", "ONNX")


@pytest.mark.parametrize(
    ("told", "digest"),
    [
        ({"uri": f"{FOLDER}/signature.json", "sha256": "5" * 64}, "5" * 64),
        ({"uri": f"{FOLDER}/signature.json"}, None),
        ({"uri": f"{FOLDER}/signature.json", "sha256": "odd"}, None),
    ],
)
def test_its_signature_is_pinned_where_its_digest_is_told(told: Any, digest: str | None) -> None:
    found = model_of(training_job_model("mnist", "Best", training_job(signature=told)))
    assert (found.signature, found.signature_sha256) == (told["uri"], digest)


@pytest.mark.parametrize(("epoch", "lacks"), [(9, False), (10, True)])
def test_a_best_epoch_that_was_not_stored_is_missed(epoch: int, *, lacks: bool) -> None:
    found = training_job_model("mnist", "Best", training_job(models=[entry("model.keras", "c", epoch)]))
    assert isinstance(found, ResolvedModel)
    assert found.is_best_missing is lacks
    last = training_job_model("mnist", "Last", training_job(models=[entry("model.keras", "c", epoch)]))
    assert isinstance(last, ResolvedModel)
    assert not last.is_best_missing


@pytest.mark.parametrize(
    ("why", "runtime"),
    [("NotExportable", "Keras"), ("ExportDiffers", "Keras"), ("ExportFailed", "ONNX"), ("Exported", "ONNX")],
)
def test_what_was_tried_in_vain_is_not_tried_again(why: str, runtime: str) -> None:
    job = training_job()
    status = "True" if why == "Exported" else "False"
    job["status"]["conditions"].append({"type": "Exported", "status": status, "reason": why})
    assert model_of(training_job_model("mnist", "Best", job)).runtime == runtime


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (None, "WaitsForTrainingJob"),
        (training_job("Running"), "WaitsForTrainingJob"),
        (training_job("Queued"), "WaitsForTrainingJob"),
        (training_job("Failed"), "TrainingJobFailed"),
        (training_job(models=None), "ModelNotStored"),
        (training_job(models=[{"name": "model.keras", "uri": "s3://x/y"}]), "ModelNotStored"),
        (training_job(models=[{"name": "model.keras", "uri": "s3://x/y", "sha256": "odd"}]), "ModelNotStored"),
        ({"metadata": {"name": "mnist", "uid": "u"}}, "WaitsForTrainingJob"),
    ],
)
def test_why_there_is_none_yet(job: Any, reason: str) -> None:
    assert reason_of(training_job_model("mnist", "Best", job)) == reason


def experiment(state: str | None, strategy: str | None = None, job: str | None = "mnist") -> Any:
    best = {"trial": 1, "jobName": job} if job else None
    spec = {"objective": {"strategy": strategy} if strategy else {}}
    return {"metadata": {"name": "search"}, "spec": spec, "status": {"state": state, "best": best}}


def experiment_model(experiment: Any, job: Any) -> ResolvedModel | DeletedTrainingJob | StatusCause:
    source = ModelSource.model_validate({"experimentRef": {"name": "search"}})
    return resolve(source, Lookup(lambda name: job if name == "mnist" else None, lambda _: experiment))


@pytest.mark.parametrize(("strategy", "file"), [(None, "best.onnx"), ("Best", "best.onnx"), ("Last", "model.onnx")])
def test_of_an_experiment_it_is_the_best_trials(strategy: str | None, file: str) -> None:
    found = model_of(experiment_model(experiment("Complete", strategy), training_job(**BOTH)))
    assert (found.uri, found.experiment_name) == (f"{FOLDER}/{file}", "search")


@pytest.mark.parametrize(
    ("found", "job", "reason"),
    [
        (None, None, "WaitsForExperiment"),
        (experiment(None), training_job(), "WaitsForExperiment"),
        (experiment("Running"), training_job(), "WaitsForExperiment"),
        (experiment("Failed"), training_job(), "ExperimentFailed"),
        (experiment("Complete", job=None), training_job(), "ModelNotStored"),
        (experiment("Complete", job="other"), training_job(), "ModelNotStored"),
        (experiment("Complete"), training_job(models=None), "ModelNotStored"),
    ],
)
def test_why_an_experiment_has_none_yet(found: Any, job: Any, reason: str) -> None:
    assert reason_of(experiment_model(found, job)) == reason


def test_what_stands_in_a_bucket_is_taken_as_it_is() -> None:
    source = ModelSource.model_validate({"uri": URI, "sha256": SHA})
    assert resolve(source, Lookup(lambda _: None, lambda _: None)) == ResolvedModel(MODEL)
    told = ModelSource.model_validate({"uri": URI, "sha256": SHA, "signatureSha256": "5" * 64})
    assert model_of(resolve(told, Lookup(lambda _: None, lambda _: None))).signature_sha256 == "5" * 64


OURS = ServedModel(uri="u", sha256=SHA, training_job_name="mnist", training_job_uid="1", model="Best")
TOLD_OF = OURS.model_copy(update={"signature": "s", "signature_sha256": "5" * 64})
PINNED = MODEL.model_copy(update={"signature_sha256": "5" * 64})


@pytest.mark.parametrize(
    ("found", "pinned", "same"),
    [
        (OURS, OURS, True),
        (OURS, OURS.model_copy(update={"uri": "other"}), True),
        (OURS, OURS.model_copy(update={"training_job_uid": "2"}), False),
        (OURS, OURS.model_copy(update={"model": "Last"}), False),
        (OURS, MODEL, False),
        (MODEL, MODEL, True),
        (MODEL, MODEL.model_copy(update={"sha256": "f" * 64}), False),
        (MODEL, OURS.model_copy(update={"uri": MODEL.uri, "sha256": MODEL.sha256}), True),
        (MODEL, TOLD_OF.model_copy(update={"uri": MODEL.uri, "sha256": MODEL.sha256}), True),
        (PINNED, TOLD_OF.model_copy(update={"uri": MODEL.uri, "sha256": MODEL.sha256}), True),
        (TOLD_OF, OURS, True),
        (PINNED, PINNED, True),
        (PINNED, MODEL, False),
        (MODEL, PINNED, False),
    ],
)
def test_what_was_found_out_about_a_model_counts_on(found: ServedModel, pinned: ServedModel, *, same: bool) -> None:
    after = keep_served(found, pinned.model_copy(update={"runtime": "Keras"}))
    assert (after.training_job_name, after.training_job_uid) == (found.training_job_name, found.training_job_uid)
    assert (after.runtime == "Keras") is same
    assert after.uri == (pinned.uri if same else found.uri)
    assert after.signature_sha256 == (pinned if same else found).signature_sha256


@pytest.mark.parametrize(("before", "now"), [(None, True), (True, None)])
def test_whether_a_better_model_exists_follows_the_training(*, before: bool | None, now: bool | None) -> None:
    """`model: Best` rolls out again once a Last model is surpassed."""
    pinned, found = (OURS.model_copy(update={"model": "Last", "surpassed": one}) for one in (before, now))
    assert keep_served(found, pinned).surpassed is now


def test_a_model_that_is_served_by_nobody_yet_is_as_it_was_found() -> None:
    assert keep_served(OURS, None) == OURS


OF_JOB, OF_SEARCH = {"trainingJobRef": {"name": "mnist"}}, {"experimentRef": {"name": "search"}}


@pytest.mark.parametrize(
    ("source", "pinned", "same"),
    [
        (OF_JOB, OURS, True),
        (OF_JOB, OURS.model_copy(update={"model": "Last"}), True),
        (OF_JOB, OURS.model_copy(update={"model": "Last", "surpassed": True}), False),
        ({"trainingJobRef": {"name": "mnist", "model": "Last"}},
         OURS.model_copy(update={"model": "Last", "surpassed": True}), True),
        ({"trainingJobRef": {"name": "mnist", "model": "Last"}}, OURS, False),
        ({"trainingJobRef": {"name": "other"}}, OURS, False),
        (OF_JOB, OURS.model_copy(update={"experiment_name": "search"}), False),
        (OF_SEARCH, OURS.model_copy(update={"experiment_name": "search"}), True),
        (OF_SEARCH, OURS, False),
        ({"uri": URI, "sha256": SHA}, MODEL, True),
        ({"uri": URI, "sha256": "f" * 64}, MODEL, False),
        (OF_JOB, None, False),
    ],
)  # fmt: skip
def test_whether_what_is_served_is_what_is_asked_for(source: Any, pinned: Any, *, same: bool) -> None:
    assert is_model_of(ModelSource.model_validate(source), pinned) is same


@pytest.mark.parametrize(("best", "same"), [("mnist", True), ("other", False)])
def test_the_best_of_an_experiment_that_is_gone_is_served_if_it_was_before(best: str, *, same: bool) -> None:
    source = ModelSource.model_validate(OF_SEARCH)
    gone = resolve(source, Lookup(lambda _: None, lambda _: experiment("Complete", job=best)))
    assert isinstance(gone, DeletedTrainingJob)
    assert is_model_of(source, OURS.model_copy(update={"experiment_name": "search"}), gone) is same
