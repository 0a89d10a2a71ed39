"""The S3 service in a spec, and its buckets."""

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
    """Return a function that opens a bucket of an S3 service by name, once the certificate authority is available.

    Args:
        storage: The service.
        patience: Limits the wait for the certificate authority and the service.

    Raises:
        Failure: If the spec has no endpoint, or the certificate authority does not appear.
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
    """Return the file with the storage's certificate authority. Wait for it, since it may be created after its job."""
    path = Path(STORAGE_CA_FILE)
    missing = bad_spec(
        "InvalidCertificateAuthority",
        f"spec.storage.caConfigMapRef: the ConfigMap {reference.name} must exist and have the key {reference.key}, "
        "with PEM certificates",
    )
    patience.persevere(path.stat, lambda error: missing if isinstance(error, FileNotFoundError) else None)
    return path
