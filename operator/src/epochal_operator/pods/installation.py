"""The settings of the Epochal installation that reconciles use, such as images, the S3 endpoint and size limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Installation:
    """The settings of the Epochal installation.

    Args:
        trainer_image: Image of trainers without spec.image, of model conversions, and of model servers that run Keras.
        server_image: Image of model servers that run ONNX Runtime.
        storage_endpoint: URL of the S3 service for objects without spec.storage.endpoint; None for no default.
        scratch_limit: Size limit of a pod's /scratch, a quantity.
        tmp_limit: Size limit of a pod's /tmp, a quantity.
        progress_url: Address of the progress endpoint, such as https://epochal.epochal-system.svc:8443.
        progress_ca: Certificate authorities of the progress endpoint, PEM.
        labels: Keys of the labels that Jobs and pods copy from their TrainingJobs, and Deployments and pods from their
            ModelServers.
        server_network: Ingress and egress of model servers, as in the spec of a NetworkPolicy; None for no policy.
    """

    trainer_image: str
    server_image: str
    storage_endpoint: str | None
    scratch_limit: str
    tmp_limit: str
    progress_url: str
    progress_ca: str
    labels: tuple[str, ...] = ()
    server_network: Mapping[str, Any] | None = None

    def child_labels(self, owner_labels: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of an owned object: those of its owner with keys in `labels`, managed-by, and `own`."""
        copied = {name: owner_labels[name] for name in self.labels if name in owner_labels}
        return copied | {"app.kubernetes.io/managed-by": "epochal", **own}
