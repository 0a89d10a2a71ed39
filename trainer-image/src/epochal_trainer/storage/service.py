"""The S3 service that a spec names, and its buckets."""

import os
from collections.abc import Callable
from pathlib import Path

from epochal_api.pod import STORAGE_CA_FILE
from epochal_api.storage import ConfigMapKeyRef, Storage

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.storage.bucket import Bucket
from epochal_trainer.storage.credentials import Credentials
from epochal_trainer.storage.patience import Patience
from epochal_trainer.storage.s3 import S3Bucket


def buckets_of(storage: Storage, patience: Patience) -> Callable[[str], Bucket]:
    """Returns what opens buckets of an S3 service by their names, once its certificate authority is there.

    Args:
        storage: The service.
        patience: How long to wait for it.

    Raises:
        Failure: If no endpoint is named, or the certificate authority does not come.
    """
    if storage.endpoint is None:
        raise bad_spec("InvalidSpec", "spec.storage.endpoint: must be given outside of a cluster")
    ca_file = _authority(storage.ca_config_map_ref, patience) if storage.ca_config_map_ref else None
    endpoint = storage.endpoint

    def bucket(name: str) -> Bucket:
        return S3Bucket(
            endpoint,
            name,
            Credentials.of(os.environ),
            region=storage.region,
            ca_file=ca_file,
            patience=patience,
        )

    return bucket


def _authority(reference: ConfigMapKeyRef, patience: Patience) -> Path:
    """Returns the file with the storage's certificate authority once it is there: it may come after its job."""
    path = Path(STORAGE_CA_FILE)
    missing = bad_spec(
        "InvalidCertificateAuthority",
        f"spec.storage.caConfigMapRef: the ConfigMap {reference.name} must exist and have the key {reference.key}, "
        "with PEM certificates",
    )
    patience.persevere(path.stat, lambda error: missing if isinstance(error, FileNotFoundError) else None)
    return path
