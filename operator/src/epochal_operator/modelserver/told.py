"""What servers tell of their model, which lies where the operator may not go: names, shapes, types, its signature."""

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
from epochal_operator.runtime.metrics import part
from epochal_operator.runtime.resource import Key, Object

SECONDS = 2.0
"""How long an answer may take."""
AGAIN = timedelta(minutes=5)
"""When to ask again after there was none: a NetworkPolicy may keep the operator from it, and nothing depends on it."""
MAX_BYTES = 64 * 1024
MAX_SIZE = 2**63
"""Sizes of axes are less: the API server refuses a status with a greater number, and so all of it."""

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
    """When pods were asked in vain."""


class Asker:
    """Asks servers of their models.

    Args:
        clock: Returns the time, with a time zone.
        port: Port of their metrics.
    """

    def __init__(self, clock: Callable[[], datetime], port: int = METRICS_PORT) -> None:
        self._clock = clock
        self._port = port
        self._asked: dict[Key, _Asked] = {}

    def told(self, key: Key) -> Tensors | None:
        """Returns what pods of a ModelServer have told last, if any has."""
        known = self._asked.get(key)
        return known.told if known is not None else None

    async def ask(self, key: Key, model: ServedModel | None, pods: tuple[Object, ...]) -> bool:
        """Asks a pod of the model that it serves, unless that is known. One that tells nothing is passed over a while.

        Where the digest of the model's signature is known, any pod tells what all do. Else each has found its own, and
        is asked once.

        Args:
            key: The ModelServer.
            model: The model, as its status tells of it.
            pods: Pods that are made for it.

        Returns:
            Whether it has told something.
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
        """Forgets a ModelServer that is gone."""
        self._asked.pop(key, None)


def _addresses(pods: tuple[Object, ...]) -> dict[str, str]:
    """Returns the addresses of the pods that answer, by their names."""
    found = {str(pod["metadata"]["name"]): part(pod, "status").get("podIP") for pod in pods if is_ready(pod)}
    return {name: str(address) for name, address in found.items() if address}


def _signatures(known: _Asked, pods: tuple[Object, ...]) -> Mapping[str, str]:
    """Returns what pods that are there still have told of their signatures."""
    told = known.told.signatures if known.told is not None else {}
    return {name: told[name] for name in (str(pod["metadata"]["name"]) for pod in pods) if name in told}


async def ask(address: str, sha256: str, port: int = METRICS_PORT, name: str = "") -> Tensors | None:
    """Returns what a server tells of its model, or None if it does not.

    Args:
        address: Address of its pod.
        sha256: The model.
        port: Port of its metrics.
        name: Name of the pod.
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
    """Returns a body, which may come in pieces.

    Raises:
        ValueError: If there is more of it than a model's names and shapes can be.
    """
    text = b""
    async for piece in answer.content.iter_any():
        text += piece
        if len(text) > MAX_BYTES:
            raise ValueError(f"expected an answer of at most {MAX_BYTES:,} bytes, found more")
    return text
