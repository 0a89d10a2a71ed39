"""A ModelServer in a notebook: it predicts outputs for arrays."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from epochal.client.kinds import MODEL_SERVERS
from epochal.notebook.handle import Handle

if TYPE_CHECKING:
    from epochal.notebook.trained import Trained


class ModelServer(Handle):
    """A ModelServer in a notebook. See `Handle` for the methods that all kinds have."""

    kind = MODEL_SERVERS

    @classmethod
    def of(
        cls,
        source: "Trained",
        name: str | None = None,
        *,
        images: Literal["None", "Resize", "Digit"] | None = None,
        replicas: int | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return a ModelServer for the model of a TrainingJob, or of the best trial of an Experiment.

        It is not submitted yet.

        Args:
            source: The TrainingJob or Experiment in the cluster.
            name: Name of the ModelServer. Default: that of the source.
            images: How the server converts photographs. Default: Resize for a network of color images, otherwise None
                (photographs are refused).
            replicas: Number of pods.
            spec: Other fields of the spec, such as {"resources": …}.

        Raises:
            EpochalError: If a Service cannot have this name, or the source is not in the cluster.
        """
        from epochal.notebook.fields import merged  # noqa: PLC0415
        from epochal.serving.manifest import model_server  # noqa: PLC0415 - most methods write no manifest

        served = model_server(source.stored(), name or source.name, images=images, replicas=replicas)
        document = {**served.document, "spec": merged(served.document["spec"], spec or {})}
        return cls(document, context=source.place.context, environment=source.place.environment)

    def submit(self) -> Self:
        """Create the ModelServer, or update the existing ModelServer of this name, and return this handle.

        Raises:
            EpochalError: If the API server refuses it.
        """
        self.document = self.cluster.apply(self.kind, self.document)
        return self

    def predict(self, samples: Any) -> Any:
        """Return the outputs of the model for samples. The requests to the server pass through the API server's proxy.

        Args:
            samples: An array with an axis of samples, as for the training; or a dict with an array for each input of a
                model with several.

        Returns:
            An array with a row for each sample; a dict of arrays by name if the model has several outputs.

        Raises:
            EpochalError: If the samples do not fit the model, or the server does not answer.
        """
        from epochal.serving.access import Server  # noqa: PLC0415 - numpy
        from epochal.serving.predict import predict_arrays  # noqa: PLC0415

        outputs = predict_arrays(Server(self.cluster, self.stored()), samples)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs
