"""A TrainingJob in a notebook: from a Keras model to the trained model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from epochal.client.kinds import TRAINING_JOBS
from epochal.environment import Environment
from epochal.notebook.staged import Staged
from epochal.notebook.trained import Trained

if TYPE_CHECKING:
    import keras


class TrainingJob(Trained):
    """A TrainingJob in a notebook. See `Trained` and `Handle` for further methods."""

    kind = TRAINING_JOBS

    @classmethod
    def from_keras(
        cls,
        model: "keras.Model",
        *,
        name: str,
        data: Any,
        validation: Any = None,
        test: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        bucket: str = "training-data",
        results: str = "training-results",
        weights: bool = False,
        spec: Mapping[str, Any] | None = None,
        strict: bool = True,
        namespace: str | None = None,
        context: str | None = None,
        environment: Environment | None = None,
    ) -> Self:
        """Return the TrainingJob that trains a compiled Keras model. It sends no request yet.

        Args:
            model: The model: its network, and the optimizer, losses and metrics of `compile`.
            name: Name of the TrainingJob.
            data: The training set: `(x, y)`, arrays by name, `"s3://BUCKET/KEY"`, or a dict with the fields of
                `spec.data`. Arrays are uploaded by `submit`.
            validation: A fraction of the training set, or a data set like `data`. Default: a fifth. False for none.
            test: A data set like `data`, for one evaluation at the end.
            epochs: Number of epochs.
            batch_size: Number of samples in a batch.
            bucket: The bucket for arrays. It must exist.
            results: The bucket for the results. It must exist.
            weights: Whether the training starts with the weights of the model. Default: it starts with new weights.
            spec: Other fields of the spec, such as {"training": {"seed": 7}, "resources": …}.
            strict: Whether a detail of the model that a TrainingJob cannot express is an error. Otherwise it is left
                out with a warning.
            namespace: See `Handle`.
            context: See `Handle`.
            environment: See `Handle`.

        Raises:
            EpochalError: If a TrainingJob cannot express the model. The message names the layer.
        """
        from epochal.notebook.fields import merged  # noqa: PLC0415 - a stored job needs no catalogue
        from epochal.notebook.from_keras import convert  # noqa: PLC0415

        environment, staged = environment or Environment(), Staged()
        document, lost = convert(
            model,
            name=name,
            data=data,
            validation=validation,
            test=test,
            bucket=bucket,
            results=results,
            weights=weights,
            spec=merged({"training": {"epochs": epochs, "batchSize": batch_size}}, spec or {}),
            strict=strict,
            staged=staged,
        )
        for line in lost:
            environment.warn(f"epochal: {line}")
        job = cls(document, namespace=namespace, context=context, environment=environment)
        job.staged = staged if staged.files else None
        return job

    @property
    def history(self) -> Any:
        """The metrics of each finished epoch, from the results bucket.

        With pandas, it is a DataFrame with the epoch as index, otherwise a list with a dict for each epoch.
        """
        from epochal.notebook.frames import frame, history_rows  # noqa: PLC0415 - minio
        from epochal.runs.panels import read_history  # noqa: PLC0415

        return frame(history_rows(read_history(self.cluster, self.stored())), "epoch")

    def model(self, which: Literal["last", "best"] = "last") -> "keras.Model":
        """Return the trained Keras model, not compiled. This needs the package epochal-trainer.

        Args:
            which: last for model.keras, the model at the end. best for best.keras, the model of the best epoch; without
                this file, also model.keras.

        Raises:
            EpochalError: If the training has stored no model yet, or epochal-trainer is missing.
        """
        from epochal.notebook.trained_model import load_model  # noqa: PLC0415 - Keras

        found = self.stored()
        results = (found.object.get("status") or {}).get("results") or {}
        names = [each.get("name") for each in results.get("models") or []]
        is_best = which == "best" and "best.keras" in names
        return load_model(self.cluster, found, "best.keras" if is_best else "model.keras")
