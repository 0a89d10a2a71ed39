"""Loads the trained model of a TrainingJob from its results bucket."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.extras import require_trainer
from epochal.views.progress import state

if TYPE_CHECKING:
    import keras

    from epochal.client.references import Found


def load_model(cluster: Cluster, job: "Found", name: str) -> "keras.Model":
    """Download a model file from the results of a TrainingJob, and return it as a Keras model.

    Args:
        cluster: The cluster.
        job: The TrainingJob.
        name: Name of the file: model.keras, or best.keras for the best epoch.

    Raises:
        EpochalError: If epochal-trainer is missing, there is no such file, or its digest is not that in the status.
    """
    require_trainer("model()")
    from epochal.client.buckets import require_digest  # noqa: PLC0415 - minio, which most methods do not need
    from epochal.runs.folder import results_folder  # noqa: PLC0415

    results = (job.object.get("status") or {}).get("results") or {}
    models = {str(each.get("name")): each for each in results.get("models") or []}
    if name not in models:
        found = f"its models are {', '.join(models)}" if models else f"its state is {state(job.object)}"
        raise EpochalError(
            printable(f"TrainingJob {job.name} has no {name[:100]}: {found}"[:1000]),
            "A training stores its models at its end: call watch() before.",
            exit_code=ExitCode.NOT_FOUND,
        )

    def invalid(message: str) -> Any:
        return EpochalError(f"{name}: {message}", "Download it with `epochal results`.")

    with tempfile.TemporaryDirectory(prefix="epochal-") as folder:
        path = results_folder(cluster, job).download(name, Path(folder))
        require_digest(path, models[name].get("sha256"), name)
        from epochal_trainer.model.keras_file import KerasFile  # noqa: PLC0415 - Keras, which takes seconds

        file = KerasFile(path, invalid, remedy="load it with keras.saving.load_model, if you trust it")
        file.sketch()
        return file.load()
