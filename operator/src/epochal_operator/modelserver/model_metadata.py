"""Model metadata that servers report: names, shapes and types of tensors, and the digest of the signature.

The operator requests them from the pods, because it has no access to the bucket of the model.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Self

import aiohttp
from epochal_api.model import StatusModel
from epochal_api.modelserver.pod import METADATA_URL_PATH, METRICS_PORT
from epochal_api.modelserver.status import MAX_TENSORS, ServedModel, Tensor
from epochal_lib.bounded_body import read_body
from pydantic import Field, model_validator

from epochal_operator.modelserver.model_annotation import metadata_key
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.pods import is_ready
from epochal_operator.runtime.api.resource import Key, Object, part

TIMEOUT_SECONDS = 2.0
RETRY_AFTER = timedelta(minutes=5)
"""The time between a failed request and the next request. A NetworkPolicy may block the operator, and the serving does
not depend on the metadata.
"""
MAX_BYTES = 64 * 1024
MAX_AXIS_SIZE = 2**63 - 1
"""Maximum size of a tensor's axis (int64). The API server rejects a whole status that contains a larger number."""

_log = logging.getLogger(__name__)


class _Response(StatusModel):
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    signature: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _check_axis_sizes(self) -> Self:
        sizes = [size for tensor in (*self.inputs, *self.outputs) for size in tensor.shape]
        if invalid := [size for size in sizes if not -1 <= size <= MAX_AXIS_SIZE]:
            raise ValueError(f"shape: axis sizes must be from -1 to {MAX_AXIS_SIZE}, found {invalid[0]}")
        return self


@dataclass(frozen=True)
class _CacheEntry:
    model: tuple[str | None, ...]
    metadata: ModelMetadata | None = None
    failures: Mapping[str, datetime] = field(default_factory=dict)
    """The time of the last failed request to each pod."""


class MetadataClient:
    """Requests the metadata of models from servers, and caches the responses.

    Args:
        clock: Returns the current time, with a time zone.
        port: The metrics port of the servers.
    """

    def __init__(self, clock: Callable[[], datetime], port: int = METRICS_PORT) -> None:
        self._clock = clock
        self._port = port
        self._cache: dict[Key, _CacheEntry] = {}

    def cached(self, key: Key) -> ModelMetadata | None:
        """Return the cached metadata of a ModelServer's model, or None."""
        entry = self._cache.get(key)
        return entry.metadata if entry is not None else None

    async def fetch(self, key: Key, model: ServedModel | None, pods: tuple[Object, ...]) -> bool:
        """Request the metadata from a pod, unless it is cached. A failed pod is skipped for RETRY_AFTER.

        If the model has a digest of the signature, all pods serve the same signature, and one response is enough.
        Otherwise each pod reports the digest of the signature that it loaded, so each pod gets one request. A call
        makes at most one request.

        Args:
            key: Namespace and name of the ModelServer.
            model: The model in the status of the ModelServer, or None.
            pods: The pods that serve this model.

        Returns:
            Whether this call has received metadata from a pod.
        """
        if model is None:
            return False
        entry = self._cache.get(key)
        if entry is None or entry.model != metadata_key(model):
            entry = _CacheEntry(metadata_key(model))
        now, addresses = self._clock(), _addresses(pods)
        failures = {pod: time for pod, time in entry.failures.items() if pod in addresses and now < time + RETRY_AFTER}
        candidates = [pod for pod in addresses if pod not in failures]
        signatures = _signatures(entry, pods)
        if model.signature_sha256 is None:
            candidates = [pod for pod in candidates if pod not in signatures]
        elif model.inputs is not None or entry.metadata is not None:
            return False
        if not candidates:
            return False
        pod = candidates[0]
        metadata = await fetch(addresses[pod], entry.model, self._port, pod)
        if metadata is None:
            self._cache[key] = replace(entry, failures=failures | {pod: now})
            return False
        metadata = replace(metadata, signatures={**signatures, **metadata.signatures})
        self._cache[key] = _CacheEntry(entry.model, metadata, failures)
        return True

    def forget(self, key: Key) -> None:
        """Remove the metadata of a deleted ModelServer from the cache."""
        self._cache.pop(key, None)


def _addresses(pods: tuple[Object, ...]) -> dict[str, str]:
    """Return the IP addresses of the ready pods, by pod name."""
    addresses = {str(pod["metadata"]["name"]): part(pod, "status").get("podIP") for pod in pods if is_ready(pod)}
    return {name: str(address) for name, address in addresses.items() if address}


def _signatures(entry: _CacheEntry, pods: tuple[Object, ...]) -> Mapping[str, str]:
    """Return the cached signature digests of the pods that still exist, by pod name."""
    signatures = entry.metadata.signatures if entry.metadata is not None else {}
    names = {pod["metadata"]["name"] for pod in pods}
    return {name: digest for name, digest in signatures.items() if name in names}


async def fetch(
    address: str, model: tuple[str | None, ...], port: int = METRICS_PORT, pod: str = ""
) -> ModelMetadata | None:
    """Return the metadata that a server reports for its model, or None after an error.

    Args:
        address: The IP address of the pod.
        model: The file, runtime and signature of the model, which the result contains.
        port: The metrics port of the pod.
        pod: The name of the pod.
    """
    try:
        ip = ip_address(address)
        host = f"[{ip}]" if ip.version == 6 else str(ip)  # noqa: PLR2004
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session,
            session.get(
                f"http://{host}:{port}{METADATA_URL_PATH}", allow_redirects=False, raise_for_status=True
            ) as response,
        ):
            body = await read_body(response.content.iter_any(), MAX_BYTES)
        reported = _Response.model_validate_json(body)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        _log.info("cannot read the model metadata of pod %s: %s", pod, str(error) or type(error).__name__)
        return None
    return ModelMetadata(model, tuple(reported.inputs), tuple(reported.outputs), {pod: reported.signature})
