"""Model metadata that servers report: names, shapes and types of tensors, and the signature.

The operator has no access to the bucket of the model.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Self

import aiohttp
from epochal_api.model import StatusModel
from epochal_api.modelserver.pod import METRICS_PORT, MODEL_PATH
from epochal_api.modelserver.status import MAX_TENSORS, ServedModel, Tensor
from pydantic import Field, model_validator

from epochal_operator.modelserver.observed import Tensors
from epochal_operator.modelserver.pods import is_ready
from epochal_operator.runtime.api.resource import Key, Object
from epochal_operator.runtime.metrics import part

TIMEOUT_SECONDS = 2.0
"""The timeout of a request in seconds."""
RETRY = timedelta(minutes=5)
"""The time between a failed request and the next request. A NetworkPolicy may block the operator, and the serving does
not depend on the metadata.
"""
MAX_BYTES = 64 * 1024
MAX_SIZE = 2**63
"""The sizes of axes are smaller: the API server refuses a whole status with a larger number."""

_log = logging.getLogger(__name__)


class _Response(StatusModel):
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    signature: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _fits_in_a_status(self) -> Self:
        if any(not -1 <= size < MAX_SIZE for one in (*self.inputs, *self.outputs) for size in one.shape):
            raise ValueError(f"expected sizes of axes from -1 to {MAX_SIZE - 1}, found another")
        return self


@dataclass(frozen=True)
class _Known:
    sha256: str
    reported: Tensors | None = None
    failed: Mapping[str, datetime] = field(default_factory=dict)
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
        self._known: dict[Key, _Known] = {}

    def cached(self, key: Key) -> Tensors | None:
        """Return the cached metadata of a ModelServer's model, or None."""
        known = self._known.get(key)
        return known.reported if known is not None else None

    async def fetch(self, key: Key, model: ServedModel | None, pods: tuple[Object, ...]) -> bool:
        """Request the metadata from a pod, unless it is cached; a failed pod is skipped for a while.

        If the status has a digest of the signature, the response of any pod is valid for all pods. Otherwise each pod
        computes its own digest and is asked once.

        Args:
            key: Namespace and name of the ModelServer.
            model: The model in the status of the ModelServer, or None.
            pods: The pods that serve this model.

        Returns:
            Whether a pod returned metadata.
        """
        if model is None:
            return False
        known = self._known.get(key)
        if known is None or known.sha256 != model.sha256:
            known = _Known(model.sha256)
        now, addresses = self._clock(), _addresses(pods)
        failed = {name: at for name, at in known.failed.items() if name in addresses and now < at + RETRY}
        candidates = [name for name in addresses if name not in failed]
        signatures = _signatures(known, pods)
        if model.signature_sha256 is None:
            name = next((one for one in candidates if one not in signatures), None)
        else:
            name = next(iter(candidates), None) if model.inputs is None and known.reported is None else None
        if name is None:
            return False
        reported = await fetch(addresses[name], model.sha256, self._port, name)
        if reported is None:
            self._known[key] = replace(known, failed=failed | {name: now})
            return False
        reported = replace(reported, signatures={**signatures, **reported.signatures})
        self._known[key] = _Known(model.sha256, reported, failed)
        return True

    def forget(self, key: Key) -> None:
        """Forget the metadata of a deleted ModelServer."""
        self._known.pop(key, None)


def _addresses(pods: tuple[Object, ...]) -> dict[str, str]:
    """Return the addresses of the ready pods, by pod name."""
    found = {str(pod["metadata"]["name"]): part(pod, "status").get("podIP") for pod in pods if is_ready(pod)}
    return {name: str(address) for name, address in found.items() if address}


def _signatures(known: _Known, pods: tuple[Object, ...]) -> Mapping[str, str]:
    """Return the cached signature digests of the pods that still exist, by pod name."""
    reported = known.reported.signatures if known.reported is not None else {}
    return {name: reported[name] for name in (str(pod["metadata"]["name"]) for pod in pods) if name in reported}


async def fetch(address: str, sha256: str, port: int = METRICS_PORT, name: str = "") -> Tensors | None:
    """Return the metadata that a server reports for its model, or None after an error.

    Args:
        address: The IP address of the pod.
        sha256: The SHA-256 digest of the model.
        port: The metrics port of the pod.
        name: The name of the pod.
    """
    try:
        ip = ip_address(address)
        host = f"[{ip}]" if ip.version == 6 else str(ip)  # noqa: PLR2004
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session,
            session.get(f"http://{host}:{port}{MODEL_PATH}", allow_redirects=False, raise_for_status=True) as response,
        ):
            text = await _read_body(response)
        reported = _Response.model_validate_json(text)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        _log.info("cannot read the metadata of the model from its server: %s", str(error) or type(error).__name__)
        return None
    return Tensors(sha256, tuple(reported.inputs), tuple(reported.outputs), {name: reported.signature})


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body of a response, read in chunks.

    Raises:
        ValueError: If the body is larger than MAX_BYTES.
    """
    text = b""
    async for piece in response.content.iter_any():
        text += piece
        if len(text) > MAX_BYTES:
            raise ValueError(f"expected a response of at most {MAX_BYTES:,} bytes, found more")
    return text
