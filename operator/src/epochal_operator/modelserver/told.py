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
from epochal_api.modelserver_status import MAX_TENSORS, ServedModel, Tensor
from epochal_api.server_pod import METRICS_PORT, MODEL_PATH
from pydantic import Field, model_validator

from epochal_operator.modelserver.observed import Tensors
from epochal_operator.modelserver.pods import is_ready
from epochal_operator.runtime.api.resource import Key, Object
from epochal_operator.runtime.metrics import part

SECONDS = 2.0
"""The timeout of a request in seconds."""
AGAIN = timedelta(minutes=5)
"""The time between a failed request and the next request. A NetworkPolicy may block the operator, and the serving does
not depend on the metadata.
"""
MAX_BYTES = 64 * 1024
MAX_SIZE = 2**63
"""The sizes of axes are smaller: the API server refuses a whole status with a larger number."""

_log = logging.getLogger(__name__)


class _Answer(StatusModel):
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    signature: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _fits_in_a_status(self) -> Self:
        if any(not -1 <= size < MAX_SIZE for one in (*self.inputs, *self.outputs) for size in one.shape):
            raise ValueError(f"expected sizes of axes from -1 to {MAX_SIZE - 1}, found another")
        return self


@dataclass(frozen=True)
class _Asked:
    sha256: str
    told: Tensors | None = None
    silent: Mapping[str, datetime] = field(default_factory=dict)
    """The time of the last failed request to each pod."""


class Asker:
    """Requests the metadata of models from servers, and caches the responses.

    Args:
        clock: Returns the current time, with a time zone.
        port: The metrics port of the servers.
    """

    def __init__(self, clock: Callable[[], datetime], port: int = METRICS_PORT) -> None:
        self._clock = clock
        self._port = port
        self._asked: dict[Key, _Asked] = {}

    def told(self, key: Key) -> Tensors | None:
        """Return the cached metadata of a ModelServer's model, or None."""
        known = self._asked.get(key)
        return known.told if known is not None else None

    async def ask(self, key: Key, model: ServedModel | None, pods: tuple[Object, ...]) -> bool:
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
        known = self._asked.get(key)
        if known is None or known.sha256 != model.sha256:
            known = _Asked(model.sha256)
        now, addresses = self._clock(), _addresses(pods)
        silent = {name: at for name, at in known.silent.items() if name in addresses and now < at + AGAIN}
        open_to_it = [name for name in addresses if name not in silent]
        signatures = _signatures(known, pods)
        if model.signature_sha256 is None:
            name = next((one for one in open_to_it if one not in signatures), None)
        else:
            name = next(iter(open_to_it), None) if model.inputs is None and known.told is None else None
        if name is None:
            return False
        told = await ask(addresses[name], model.sha256, self._port, name)
        if told is None:
            self._asked[key] = replace(known, silent=silent | {name: now})
            return False
        told = replace(told, signatures={**signatures, **told.signatures})
        self._asked[key] = _Asked(model.sha256, told, silent)
        return True

    def forget(self, key: Key) -> None:
        """Forget the metadata of a deleted ModelServer."""
        self._asked.pop(key, None)


def _addresses(pods: tuple[Object, ...]) -> dict[str, str]:
    """Return the addresses of the ready pods, by pod name."""
    found = {str(pod["metadata"]["name"]): part(pod, "status").get("podIP") for pod in pods if is_ready(pod)}
    return {name: str(address) for name, address in found.items() if address}


def _signatures(known: _Asked, pods: tuple[Object, ...]) -> Mapping[str, str]:
    """Return the cached signature digests of the pods that still exist, by pod name."""
    told = known.told.signatures if known.told is not None else {}
    return {name: told[name] for name in (str(pod["metadata"]["name"]) for pod in pods) if name in told}


async def ask(address: str, sha256: str, port: int = METRICS_PORT, name: str = "") -> Tensors | None:
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
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(f"http://{host}:{port}{MODEL_PATH}", allow_redirects=False, raise_for_status=True) as answer,
        ):
            text = await _whole(answer)
        told = _Answer.model_validate_json(text)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        _log.info("what its model takes and gives stays unknown: %s", str(error) or type(error).__name__)
        return None
    return Tensors(sha256, tuple(told.inputs), tuple(told.outputs), {name: told.signature})


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole body of a response, read in chunks.

    Raises:
        ValueError: If the body is larger than MAX_BYTES.
    """
    text = b""
    async for piece in answer.content.iter_any():
        text += piece
        if len(text) > MAX_BYTES:
            raise ValueError(f"expected an answer of at most {MAX_BYTES:,} bytes, found more")
    return text
