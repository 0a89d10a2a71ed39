"""The best weights of another training (continueFrom.from: Best), read from a model file in its results."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from epochal_api.model import field_errors
from pydantic import Field, ValidationError

from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.state import Count, Part, Sha256
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec
from epochal_trainer.reporting.results import BEST_MODEL, MODEL, SUMMARY
from epochal_trainer.storage import Bucket

FIELD = "spec.training.continueFrom.from"


class BestModel(NamedTuple):
    """A local copy of the model file with the best weights of a training, with the epoch and URI of the file."""

    epoch: int
    uri: str
    file: FileCopy


class _Model(Part):
    name: str
    epoch: Annotated[int, Field(ge=1)]
    sha256: Sha256
    metrics: dict[str, Any] = {}


class _BestEpoch(Part):
    epoch: Count
    metric: str = ""
    value: Any = None

    def is_reached_by(self, model: _Model) -> bool:
        """Return whether a model has the weights of this epoch, or of an epoch with an equal value of the metric."""
        return model.epoch == self.epoch or (self.metric in model.metrics and model.metrics[self.metric] == self.value)


class _Summary(Part):
    models: list[_Model]
    best: _BestEpoch | None = None


def best_model(bucket: Bucket, folder: str, scratch: Path, last: int) -> BestModel | None:
    """Download the model with the best weights of another training.

    Return None if the other training has no best epoch, or if its last epoch is the best or equally good.

    Args:
        bucket: The bucket of the other training's results.
        folder: The folder of these results, without a slash at its end.
        scratch: Folder for the local copy.
        last: The other training's last epoch, according to its checkpoint.

    Raises:
        Failure: InvalidTraining, if the best weights were not kept, or summary.json is missing. DamagedData, if the
            model's SHA-256 differs from summary.json. Or a failure of the bucket.
    """
    model = _best_of(_summary(bucket, folder), bucket.uri(f"{folder}/"), last)
    if model is None or model.epoch >= last:
        return None
    uri = bucket.uri(f"{folder}/{model.name}")
    scratch.mkdir(parents=True, exist_ok=True)
    copy = FileCopy.in_folder(scratch, suffix=".keras")  # Keras checks the suffix.
    try:
        found = bucket.download(f"{folder}/{model.name}", copy.path)
    except Failure as failure:
        if failure.reason != "ObjectNotFound":
            raise
        raise _missing(bucket.uri(f"{folder}/"), f"{uri} does not exist") from failure
    if found != model.sha256:
        expected = f"but {SUMMARY} lists {model.sha256}: restore the file"
        raise bad_data("DamagedData", f"{FIELD}: {uri} has the SHA-256 {found}, {expected}")
    return BestModel(model.epoch, uri, copy)


def _summary(bucket: Bucket, folder: str) -> _Summary:
    try:
        return _Summary.model_validate_json(bucket.get(f"{folder}/{SUMMARY}"))
    except ValidationError as error:
        uri = bucket.uri(f"{folder}/{SUMMARY}")
        raise bad_data("DamagedData", f"{FIELD}: cannot parse {uri}: {field_errors(error)[0]}") from error
    except Failure as failure:
        if failure.reason != "ObjectNotFound":
            raise
        raise _missing(bucket.uri(f"{folder}/"), f"{SUMMARY} is missing, so the training is incomplete") from failure


def _best_of(summary: _Summary, uri: str, last: int) -> _Model | None:
    by_name = {model.name: model for model in summary.models if model.name in {BEST_MODEL, MODEL}}
    if BEST_MODEL in by_name or summary.best is None or summary.best.epoch == last:
        return by_name.get(BEST_MODEL)
    for model in by_name.values():
        if summary.best.is_reached_by(model):
            return model
    raise _missing(
        uri, f"the weights of the best epoch {summary.best.epoch} were not kept (spec.results.best of that training)"
    )


def _missing(uri: str, cause: str) -> Failure:
    found = f"{FIELD}: found Best, but the best weights of the training in {uri} are missing: {cause}"
    return bad_spec("InvalidTraining", f"{found}. Write from: Last")
