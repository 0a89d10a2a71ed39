"""Opens buckets of the S3 service in spec.storage."""

import os
from collections.abc import Callable
from pathlib import Path

from epochal_api.pod import STORAGE_CA_FILE
from epochal_api.storage import ConfigMapKeyRef, Storage

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.storage.bucket import Bucket
from epochal_trainer.storage.credentials import Credentials
from epochal_trainer.storage.retry import RetryPolicy
from epochal_trainer.storage.s3 import S3Bucket


def buckets_of(storage: Storage, retry: RetryPolicy) -> Callable[[str], Bucket]:
    """Return a function that opens a bucket of the S3 service by name.

    Before, wait until the file with the service's certificate authority exists, if the spec refers to one.

    Raises:
        Failure: If spec.storage has no endpoint, or the file does not appear within the limit of `retry`.
    """
    if storage.endpoint is None:
        raise bad_spec("InvalidSpec", "spec.storage.endpoint is missing: it is required outside of a cluster")
    ca_file = _ca_file(storage.ca_config_map_ref, retry) if storage.ca_config_map_ref else None
    endpoint = storage.endpoint

    def bucket(name: str) -> Bucket:
        credentials = Credentials.of(os.environ)
        return S3Bucket(endpoint, name, credentials, region=storage.region, ca_file=ca_file, retry=retry)

    return bucket


def _ca_file(reference: ConfigMapKeyRef, retry: RetryPolicy) -> Path:
    """Wait for the file with the certificate authority: its ConfigMap may be created after the job. Return its path."""
    path = Path(STORAGE_CA_FILE)
    missing = bad_spec(
        "InvalidCertificateAuthority",
        f"spec.storage.caConfigMapRef: the ConfigMap {reference.name} must exist and have the key {reference.key}, "
        "with PEM certificates",
    )
    retry.call_with_retries(path.stat, lambda error: missing if isinstance(error, FileNotFoundError) else None)
    return path
