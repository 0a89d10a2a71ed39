"""The model of a source, or the cause why it is missing."""

from typing import Any

import pytest
from epochal_api.modelserver.spec import ModelSource
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver.reasons import StatusCause
from epochal_operator.modelserver.source import (
    DeletedTrainingJob,
    ResolvedModel,
    SourceLookup,
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
def test_file_of_a_training_job(asked: Any, results: Any, file: str, digest: str, which: str) -> None:
    found = model_of(training_job_model("mnist", asked, training_job(**results)))
    assert (found.uri, found.sha256, found.model) == (f"{FOLDER}/{file}", digest * 64, which)
    assert found.surpassed is (True if asked == "Last" and "models" in results else None)
    assert (found.training_job_name, found.training_job_uid, found.runtime) == ("mnist", "uid-of-mnist", "ONNX")


@pytest.mark.parametrize(
    ("source_spec", "digest"),
    [
        ({"uri": f"{FOLDER}/signature.json", "sha256": "5" * 64}, "5" * 64),
        ({"uri": f"{FOLDER}/signature.json"}, None),
        ({"uri": f"{FOLDER}/signature.json", "sha256": "odd"}, None),
    ],
)
def test_signature_is_pinned_by_a_valid_digest(source_spec: Any, digest: str | None) -> None:
    found = model_of(training_job_model("mnist", "Best", training_job(signature=source_spec)))
    assert (found.signature, found.signature_sha256) == (source_spec["uri"], digest)


@pytest.mark.parametrize(("epoch", "lacks"), [(9, False), (10, True)])
def test_best_model_is_missing_if_another_epoch_was_best(epoch: int, *, lacks: bool) -> None:
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
def test_permanent_export_failure_selects_keras(why: str, runtime: str) -> None:
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
def test_cause_without_a_model_of_a_training_job(job: Any, reason: str) -> None:
    assert reason_of(training_job_model("mnist", "Best", job)) == reason


def experiment(state: str | None, strategy: str | None = None, job: str | None = "mnist") -> Any:
    best = {"trial": 1, "jobName": job} if job else None
    spec = {"objective": {"strategy": strategy} if strategy else {}}
    return {"metadata": {"name": "search"}, "spec": spec, "status": {"state": state, "best": best}}


def experiment_model(experiment: Any, job: Any) -> ResolvedModel | DeletedTrainingJob | StatusCause:
    source = ModelSource.model_validate({"experimentRef": {"name": "search"}})
    return resolve(source, SourceLookup(lambda name: job if name == "mnist" else None, lambda _: experiment))


@pytest.mark.parametrize(("strategy", "file"), [(None, "best.onnx"), ("Best", "best.onnx"), ("Last", "model.onnx")])
def test_model_of_an_experiment(strategy: str | None, file: str) -> None:
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
def test_cause_without_a_model_of_an_experiment(found: Any, job: Any, reason: str) -> None:
    assert reason_of(experiment_model(found, job)) == reason


def test_model_of_a_uri() -> None:
    source = ModelSource.model_validate({"uri": URI, "sha256": SHA})
    assert resolve(source, SourceLookup(lambda _: None, lambda _: None)) == ResolvedModel(MODEL)
    source_spec = ModelSource.model_validate({"uri": URI, "sha256": SHA, "signatureSha256": "5" * 64})
    assert model_of(resolve(source_spec, SourceLookup(lambda _: None, lambda _: None))).signature_sha256 == "5" * 64


OURS = ServedModel(uri="u", sha256=SHA, training_job_name="mnist", training_job_uid="1", model="Best")
WITH_SIGNATURE = OURS.model_copy(update={"signature": "s", "signature_sha256": "5" * 64})
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
        (MODEL, WITH_SIGNATURE.model_copy(update={"uri": MODEL.uri, "sha256": MODEL.sha256}), True),
        (PINNED, WITH_SIGNATURE.model_copy(update={"uri": MODEL.uri, "sha256": MODEL.sha256}), True),
        (WITH_SIGNATURE, OURS, True),
        (PINNED, PINNED, True),
        (PINNED, MODEL, False),
        (MODEL, PINNED, False),
    ],
)
def test_served_details_are_kept_for_the_same_model(found: ServedModel, pinned: ServedModel, *, same: bool) -> None:
    after = keep_served(found, pinned.model_copy(update={"runtime": "Keras"}))
    assert (after.training_job_name, after.training_job_uid) == (found.training_job_name, found.training_job_uid)
    assert (after.runtime == "Keras") is same
    assert after.uri == (pinned.uri if same else found.uri)
    assert after.signature_sha256 == (pinned if same else found).signature_sha256


@pytest.mark.parametrize(("before", "now"), [(None, True), (True, None)])
def test_surpassed_follows_the_training(*, before: bool | None, now: bool | None) -> None:
    """`model: Best` rolls out again once a Last model is surpassed."""
    pinned, found = (OURS.model_copy(update={"model": "Last", "surpassed": one}) for one in (before, now))
    assert keep_served(found, pinned).surpassed is now


def test_resolved_model_without_a_served_model() -> None:
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
def test_served_model_belongs_to_the_source(source: Any, pinned: Any, *, same: bool) -> None:
    assert is_model_of(ModelSource.model_validate(source), pinned) is same


@pytest.mark.parametrize(("best", "same"), [("mnist", True), ("other", False)])
def test_deleted_best_trial_is_still_served(best: str, *, same: bool) -> None:
    source = ModelSource.model_validate(OF_SEARCH)
    gone = resolve(source, SourceLookup(lambda _: None, lambda _: experiment("Complete", job=best)))
    assert isinstance(gone, DeletedTrainingJob)
    assert is_model_of(source, OURS.model_copy(update={"experiment_name": "search"}), gone) is same
