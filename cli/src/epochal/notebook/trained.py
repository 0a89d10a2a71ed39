"""The base class of TrainingJobs and Experiments in a notebook: upload, network, control and serving."""

from typing import TYPE_CHECKING, Any, Self

from epochal.errors import EpochalError
from epochal.notebook.handle import Handle
from epochal.notebook.staged import Staged

if TYPE_CHECKING:
    from epochal.notebook.model_server import ModelServer
    from epochal.notebook.network_view import NetworkView


class Trained(Handle):
    """The base class of a TrainingJob and an Experiment in a notebook."""

    staged: Staged | None = None
    """Files that `submit` uploads before it creates the object."""

    @property
    def job_spec(self) -> dict[str, Any]:
        """The spec of the TrainingJob or, for an Experiment, of its template."""
        return self.spec

    def submit(self) -> Self:
        """Upload the arrays and weights, create the object in the cluster, and return this handle.

        Raises:
            EpochalError: If the API server refuses the object, the storage a file, or an object of this name exists.
        """
        if self.staged is not None:
            self.create(dry_run=True)  # A refused object uploads nothing.
            self.staged.upload(self.cluster, self.job_spec["storage"], self.namespace)
        self.create()
        return self

    @property
    def network(self) -> "NetworkView":
        """The layers of the network, shown as a table and, in Jupyter, also as a graph. It does not need Keras.

        Raises:
            EpochalError: If the spec has `model` or `code` in place of `network`.
        """
        from epochal_api.trainingjob.network import Network  # noqa: PLC0415 - most methods need no models of the API
        from pydantic import ValidationError  # noqa: PLC0415

        from epochal.client.failures import shortened  # noqa: PLC0415
        from epochal.notebook.network_view import NetworkView  # noqa: PLC0415

        spec = self.job_spec
        if "network" not in spec:
            source = next((field for field in ("model", "code") if field in spec), "nothing")
            raise EpochalError(
                f"the spec has {source} in place of network, so its layers are unknown before the training",
                "job.model().summary() prints them after the training.",
            )
        try:
            return NetworkView(Network.model_validate(spec["network"]))
        except ValidationError as error:
            raise EpochalError(
                f"spec.network is not readable: {shortened(str(error))[:1000]}",
                "Use epochal in the version of the cluster.",
            ) from None

    def serve(self, name: str | None = None, **options: Any) -> "ModelServer":
        """Create a ModelServer for the trained model, and return the handle of the ModelServer.

        Args:
            name: Name of the ModelServer. Default: that of this object.
            options: Further arguments of `ModelServer.of`.

        Raises:
            EpochalError: If the API server refuses it.
        """
        from epochal.notebook.model_server import ModelServer  # noqa: PLC0415 - most notebooks serve no model

        return ModelServer.of(self, name, **options).submit()

    def suspend(self) -> Self:
        """Suspend the training or the trials, which frees their resources, and return this handle."""
        return self._steer("suspend", value=True)

    def resume(self) -> Self:
        """Resume a suspended training, or suspended trials, at the step where it stopped, and return this handle."""
        return self._steer("suspend", value=False)

    def finish(self) -> Self:
        """End a training early after the current epoch, or a search after the running trials. Results are stored."""
        return self._steer("finish", value=True)

    def _steer(self, field: str, *, value: bool) -> Self:
        from epochal.tasks.control import set_field  # noqa: PLC0415 - most notebooks steer nothing

        set_field(self.cluster, self.stored(), field, value=value)
        return self.refresh()
