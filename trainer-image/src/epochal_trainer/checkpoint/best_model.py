"""The best weights of another training: a model in its results, if its last epoch is not its best one."""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from epochal_trainer.checkpoint.files import Copy
from epochal_trainer.checkpoint.state import Count, Part, Sha256
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec
from epochal_trainer.reporting.results import BEST_MODEL, MODEL, SUMMARY
from epochal_trainer.storage import Bucket

FIELD = "spec.training.continueFrom.from"


class BestModel(NamedTuple):
    """A model file with the best weights of a training.

    Args:
        epoch: The epoch of the weights.
        uri: URI of the model in the results.
        file: A local copy of the model.
    """

    epoch: int
    uri: str
    file: Copy


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
        """Return whether a model holds this epoch or an equally good one."""
        return model.epoch == self.epoch or (self.metric in model.metrics and model.metrics[self.metric] == self.value)


class _Summary(Part):
    models: list[_Model] | None = None
    best: _BestEpoch | None = None


class Models:
    """The models in the results of a training.

    Args:
        bucket: The bucket.
        folder: The folder of the results, without a slash at its end.
        scratch: Folder for the local copy.
    """

    def __init__(self, bucket: Bucket, folder: str, scratch: Path) -> None:
        self._bucket = bucket
        self._folder = folder
        self._scratch = scratch

    def best(self, last: int) -> BestModel | None:
        """Return the model with the best weights.

        Args:
            last: The last epoch of the training, according to its checkpoint.

        Returns:
            The model, or None if the last epoch is the best one or equally good.

        Raises:
            Failure: InvalidTraining, if the best weights were not kept. DamagedData, if the model's digest is not the
                stored one. Or a failure of the bucket.
        """
        summary = self._summary()
        if summary.models is None:
            raise self._lacks("an earlier version of Epochal stored these results, without the best weights")
        by_name = {model.name: model for model in summary.models if model.name in {BEST_MODEL, MODEL}}
        wanted = by_name.get(BEST_MODEL)
        if wanted is None and summary.best is not None and summary.best.epoch != last:
            wanted = next((model for model in by_name.values() if summary.best.is_reached_by(model)), None)
            if wanted is None:
                raise self._lacks(
                    f"epoch {summary.best.epoch} was its best one, and the weights of that were not kept "
                    "(its spec.results.best)"
                )
        if wanted is None or wanted.epoch >= last:
            return None
        return BestModel(wanted.epoch, self._uri(wanted.name), self._fetch(wanted))

    def _summary(self) -> _Summary:
        try:
            return _Summary.model_validate_json(self._bucket.get(f"{self._folder}/{SUMMARY}"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            found = f"{self._uri(SUMMARY)} cannot be read: {where}: {first['msg']}"
            raise bad_data("DamagedData", f"{FIELD}: {found}") from error
        except Failure as failure:
            if failure.reason != "ObjectNotFound":
                raise
            raise self._lacks("there is no summary.json, so it did not come to its end") from failure

    def _fetch(self, model: _Model) -> Copy:
        self._scratch.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=self._scratch, suffix=".keras")  # Keras checks the suffix.
        os.close(handle)
        copy = Copy(Path(path))
        try:
            found = self._bucket.download(f"{self._folder}/{model.name}", copy.path)
        except Failure as failure:
            if failure.reason != "ObjectNotFound":
                raise
            raise self._lacks(f"{self._uri(model.name)} is gone") from failure
        if found != model.sha256:
            says = f"and {SUMMARY} beside it says {model.sha256}"
            raise bad_data("DamagedData", f"{FIELD}: {self._uri(model.name)} has the SHA-256 {found}, {says}")
        return copy

    def _lacks(self, why: str) -> Failure:
        return bad_spec(
            "InvalidTraining",
            f"{FIELD}: found Best, but the best weights of the training in {self._uri('')} are not there: {why}. "
            "Write from: Last",
        )

    def _uri(self, name: str) -> str:
        return self._bucket.uri(f"{self._folder}/{name}")
