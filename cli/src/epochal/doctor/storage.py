"""Checks of the S3 service: the Secret, the buckets, and the address as pods see it."""

import base64
import binascii
import io
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from epochal_api.storage import Storage
from epochal_api.text import printable
from epochal_api.trainingjob.spec import TrainingJob

from epochal.client.buckets import Bucket
from epochal.client.credentials import ENDPOINTS
from epochal.client.failures import NOT_FOUND, ApiError
from epochal.client.kinds import SECRETS, SERVICES, Kind
from epochal.client.open_bucket import open_bucket
from epochal.doctor.finding import Finding, Subject, ok, problem, skipped, warning
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

_KEYS = ("accessKey", "secretKey")
_AWS_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
_CONTENT = b"epochal doctor\n"
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
_SERVICE_HOST = re.compile(r"(?P<name>[a-z0-9-]+)(\.(?P<namespace>[a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?)?")
_LOCAL = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?|0\.0\.0\.0")
_NO_FILE = "Name the file of a TrainingJob to check it: epochal doctor FILE"


def check_secret(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether the Secret of spec.storage exists and has usable keys."""
    if subject.job is None:
        return [skipped("no file names a Secret", _NO_FILE)]
    name = subject.job.spec.storage.secret_ref.name
    try:
        secret = subject.cluster.get(SECRETS, name)
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        return [
            problem(
                f"spec.storage.secretRef: there is no Secret {name} in the namespace {subject.cluster.namespace}",
                f"Create it: kubectl create secret generic {name} --namespace {subject.cluster.namespace} "
                "--from-literal accessKey=KEY --from-literal secretKey=SECRET",
            )
        ]
    return list(describe_secret(name, secret.get("data") or {}))


def describe_secret(name: str, data: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the finding on whether the data of a Secret has accessKey and secretKey, without spaces in the values."""
    values = {key: _decoded(data.get(key)) for key in (*_KEYS, "sessionToken")}
    if missing := [key for key in _KEYS if not values[key]]:
        found = printable(", ".join(sorted(map(str, data))[:8]) or "no key")
        yield problem(
            f"the Secret {name} must have {' and '.join(_KEYS)}: {' and '.join(missing)} is missing, found {found}",
            f'Add it: kubectl patch secret {name} --type merge --patch \'{{"stringData": {{"{missing[0]}": "…"}}}}\'',
        )
        return
    if broken := [key for key, value in values.items() if re.search(r"[\x00-\x20\x7f]", value)]:
        yield problem(
            f"{' and '.join(broken)} of the Secret {name} has a space or line feed, which is no part of a key",
            "Store the value without a line feed: --from-literal, or printf %s KEY | base64",
        )
        return
    yield ok(f"Secret {name} has {' and '.join(_KEYS)}")


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(str(value or ""), validate=True).decode(errors="replace")
    except binascii.Error:
        return ""


def check_data_bucket(subject: Subject) -> Sequence[Finding]:
    """Return the findings about objects of the training set that are missing, or unreadable with the Secret's keys."""
    if subject.job is None:
        return [skipped("no file names a bucket", _NO_FILE)]
    job = subject.job
    return _with_bucket(subject, job, job.spec.data.bucket, lambda bucket: _check_data(bucket, job))


def check_results_bucket(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether the Secret's keys can write, read and delete an object in the results bucket."""
    if subject.job is None:
        return [skipped("no file names a bucket", _NO_FILE)]
    job = subject.job
    return _with_bucket(
        subject, job, job.spec.results.bucket, lambda bucket: _round_trip(bucket, job.spec.results.prefix)
    )


def _with_bucket(
    subject: Subject, job: TrainingJob, name: str, check: Callable[[Bucket], Finding]
) -> Sequence[Finding]:
    """Return the finding of `check` on a bucket with the Secret's keys; a warning if this machine cannot reach it."""
    # The pods have the keys of the Secret, so those of the user prove nothing.
    environment = subject.cluster.environment
    variables = {key: value for key, value in environment.variables.items() if key not in _AWS_KEYS}
    environment = replace(environment, variables=variables)
    try:
        return [check(open_bucket(subject.cluster, _storage(subject, job), name, environment=environment))]
    except EpochalError as error:
        is_address_of_pods = not any(variables.get(endpoint) for endpoint in ENDPOINTS)
        if error.exit_code == ExitCode.NO_CONNECTION and is_address_of_pods:
            found = "this machine does not reach the S3 service, but pods may"
            return [warning(f"{found}: {error.message}", error.remedy)]
        raise


def _storage(subject: Subject, job: TrainingJob) -> Storage:
    """Return spec.storage of a job; without an endpoint, with the default endpoint of the installation."""
    default = subject.installation.storage_endpoint if subject.installation else ""
    storage = job.spec.storage
    return storage if storage.endpoint or not default else storage.model_copy(update={"endpoint": default})


def _check_data(bucket: Bucket, job: TrainingJob) -> Finding:
    keys = [f"{job.spec.data.prefix}{key}" for key in job.spec.data.train.keys()]  # noqa: SIM118 - a method of the API
    missing = [key for key in keys if next((found.key for found in bucket.list(key)), None) != key]
    if missing:
        return problem(
            f"s3://{bucket.name} has no object {' and no object '.join(missing)}",
            f"Upload it: aws s3 cp FILE s3://{bucket.name}/{missing[0]}",
        )
    return ok(f"s3://{bucket.name} has {' and '.join(keys)}")


def _round_trip(bucket: Bucket, prefix: str) -> Finding:
    """Write, read and delete a small object in a bucket, and return the finding."""
    folder = prefix.strip("/")
    key = f"{folder}{'/' if folder else ''}.epochal-doctor-{uuid.uuid4().hex}"
    bucket.upload(key, io.BytesIO(_CONTENT), len(_CONTENT))
    try:
        found = bucket.read(key)
    finally:
        bucket.delete(key)
    if found != _CONTENT:
        return problem(f"s3://{bucket.name} returned another content than was written", "Look for a proxy or cache.")
    return ok(f"s3://{bucket.name}: a small object was written, read and deleted")


def check_address(subject: Subject) -> Sequence[Finding]:
    """Return the findings on whether pods can reach the S3 address, according to the Services of the cluster."""
    if subject.job is None:
        return [skipped("no file names an address", _NO_FILE)]
    endpoint = _storage(subject, subject.job).endpoint
    if endpoint is None:
        if subject.installation is None:
            return [
                warning("the S3 address is set in the installation, which you may not read", "Ask its administrator.")
            ]
        return [
            problem(
                "neither spec.storage.endpoint nor the installation has the address of the S3 service",
                "Set spec.storage.endpoint, such as http://minio.minio.svc:9000, or the chart's storage.endpoint.",
            )
        ]
    url = urlsplit(endpoint)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if _LOCAL.fullmatch(host):
        return [
            problem(
                f"spec.storage.endpoint is {endpoint}, which means the pod itself in a pod",
                "Set the address as pods see it, such as http://minio.minio.svc:9000. EPOCHAL_STORAGE_ENDPOINT has the "
                "address as your machine sees it.",
            )
        ]
    match = _SERVICE_HOST.fullmatch(host)
    is_service = match is not None and (match["namespace"] is None or ".svc" in host)
    if match is None or not is_service:
        return [ok(f"{endpoint} is no Service of the cluster, so this command cannot test whether pods reach it")]
    place = match["namespace"] or subject.cluster.namespace
    return [_check_service(subject, endpoint, match["name"], place, port)]


def _check_service(subject: Subject, endpoint: str, name: str, namespace: str, port: int) -> Finding:
    """Return the finding on whether the Service of an endpoint exists, has the port, and has ready pods."""
    try:
        service = subject.cluster.get(SERVICES, name, namespace)
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        return problem(
            f"{endpoint}: there is no Service {name} in the namespace {namespace}",
            f"Correct the address, or start the S3 service: kubectl get services --namespace {namespace}",
        )
    spec = service.get("spec") or {}
    ports = [entry.get("port") for entry in spec.get("ports") or []]
    if port not in ports:
        listed = ", ".join(map(str, ports[:8])) or "none"
        return problem(
            f"{endpoint}: the Service {namespace}/{name} has no port {port}, found {listed}",
            f"Set the port: {urlsplit(endpoint).scheme}://{name}.{namespace}.svc:{ports[0] if ports else 9000}",
        )
    if spec.get("type") == "ExternalName":
        return ok(f"{endpoint} is another name of {printable(str(spec.get('externalName')))}")
    slices = subject.cluster.list(ENDPOINT_SLICES, namespace=namespace, selector=f"kubernetes.io/service-name={name}")
    if not any(_is_ready(endpoint_slice) for endpoint_slice in slices):
        return problem(
            f"{endpoint}: the Service {namespace}/{name} has no ready pod",
            f"Find the cause: kubectl get pods --namespace {namespace}",
        )
    return ok(f"{endpoint}: the Service has ready pods")


def _is_ready(endpoint_slice: Mapping[str, Any]) -> bool:
    # Without the condition, an address counts as ready.
    return any(
        (entry.get("conditions") or {}).get("ready") is not False for entry in endpoint_slice.get("endpoints") or []
    )
