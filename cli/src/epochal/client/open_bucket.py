"""Opens the S3 bucket of a TrainingJob, with the user's AWS credentials, or else the keys in the Secret of the spec."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from epochal_api.storage import Storage, StorageService
from pydantic import ValidationError

from epochal.client.buckets import Bucket, split_uri
from epochal.client.cluster import Cluster
from epochal.client.credentials import find_credentials, find_endpoint
from epochal.client.failures import shortened
from epochal.client.kinds import CONFIG_MAPS
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

if TYPE_CHECKING:
    from epochal_lib.s3.bounded import AnswerLimits


def open_bucket(
    cluster: Cluster | None,
    storage: StorageService | Mapping[str, Any] | None,
    uri_or_bucket: str,
    *,
    environment: Environment | None = None,
    namespace: str | None = None,
    limits: "AnswerLimits | None" = None,
) -> Bucket:
    """Return a client of a bucket. It may read the Secret and a ConfigMap, but sends no request to the S3 service yet.

    The variables with AWS keys take precedence over the Secret, and the variables in `ENDPOINTS` over `storage`.

    Args:
        cluster: Reads the Secret; None if the environment variables have the credentials.
        storage: `spec.storage`; None if the environment variables have the address.
        uri_or_bucket: s3://BUCKET/…, or BUCKET.
        environment: Has the environment variables. Default: the Environment of the cluster.
        namespace: Namespace of the Secret. Default: `namespace` of the cluster.
        limits: Limits of size, time and number of the service's answers. Default: no limits, for a trusted service.

    Raises:
        EpochalError: If there are no credentials, no address or no usable certificates.
    """
    from epochal_lib.s3.client import connect  # noqa: PLC0415 - minio, which most commands do not need

    environment = environment or (cluster.environment if cluster else Environment())
    service = _service(storage)
    endpoint, is_from_spec = find_endpoint(environment.variables, service)
    found = find_credentials(environment.variables, cluster, service, namespace)
    authority = _authority(environment, cluster, service, namespace) if endpoint.startswith("https:") else ""
    try:
        client = connect(
            endpoint,
            access_key=found.access_key,
            secret_key=found.secret_key,
            session_token=found.session_token,
            region=service.region if service else "us-east-1",
            authority=authority,
            limits=limits,
        )
    except (OSError, ValueError) as error:
        raise EpochalError(
            f"cannot use the S3 service {shortened(endpoint)}: {shortened(found.redact(str(error)))}",
            "Check the address, and the certificates in spec.storage.caConfigMapRef or $AWS_CA_BUNDLE.",
        ) from error
    bucket, _ = split_uri(uri_or_bucket)
    return Bucket(client, bucket, endpoint, is_from_spec=is_from_spec, credentials=found)


def _service(storage: StorageService | Mapping[str, Any] | None) -> StorageService | None:
    if storage is None or isinstance(storage, StorageService):
        return storage
    try:
        return Storage.model_validate(storage)
    except ValidationError as error:
        raise EpochalError(
            f"spec.storage is not readable: {shortened(str(error))}", "Use `epochal` in the version of the cluster."
        ) from error


def _authority(
    environment: Environment, cluster: Cluster | None, service: StorageService | None, namespace: str | None
) -> str:
    """Return PEM certificates of $AWS_CA_BUNDLE, or else spec.storage.caConfigMapRef; "" to trust only the system's."""
    if bundle := environment.variables.get("AWS_CA_BUNDLE"):
        try:
            return (environment.folder / bundle).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise EpochalError(f"cannot read $AWS_CA_BUNDLE: {error}", exit_code=ExitCode.USAGE) from error
    if cluster is None or service is None or service.ca_config_map_ref is None:
        return ""
    reference = service.ca_config_map_ref
    data = cluster.get(CONFIG_MAPS, reference.name, namespace).get("data") or {}
    if not data.get(reference.key):
        raise EpochalError(
            f"ConfigMap {reference.name} has no key {reference.key}, which spec.storage.caConfigMapRef names.",
            "Add the CA certificate of the S3 service in PEM format, or set AWS_CA_BUNDLE to the path of such a file.",
        )
    return str(data[reference.key])
