"""What a server tells of its model: names, shapes and types, which lie in a bucket where the operator may not go."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated

import aiohttp
from epochal_api.model import StatusModel
from epochal_api.modelserver_status import MAX_TENSORS, ServedModel, Tensor
from epochal_api.server_config import METRICS_PORT, MODEL_PATH
from pydantic import Field

from epochal_operator.modelserver.observed import Tensors
from epochal_operator.modelserver.pods import is_ready
from epochal_operator.runtime.metrics import part
from epochal_operator.runtime.resource import Key, Object

SECONDS = 2.0
"""How long an answer may take."""
AGAIN = timedelta(minutes=5)
"""When to ask again after there was none: a NetworkPolicy may keep the operator from it, and nothing depends on it."""
MAX_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


class _Answer(StatusModel):
    inputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]
    outputs: Annotated[list[Tensor], Field(max_length=MAX_TENSORS)]


@dataclass(frozen=True)
class _Asked:
    sha256: str
    at: datetime
    told: Tensors | None


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
        """Returns what a pod of a ModelServer has told last, if one has."""
        known = self._asked.get(key)
        return known.told if known is not None else None

    async def ask(self, key: Key, model: ServedModel | None, pods: tuple[Object, ...]) -> bool:
        """Asks a pod of the model that it serves, unless that is known, or one was asked a while ago.

        Args:
            key: The ModelServer.
            model: The model, as its status tells of it.
            pods: Pods that are made for it.

        Returns:
            Whether it has told something.
        """
        address = next((ip for pod in pods if is_ready(pod) and (ip := part(pod, "status").get("podIP"))), None)
        if model is None or model.inputs is not None or address is None:
            return False
        known, now = self._asked.get(key), self._clock()
        if known is not None and known.sha256 == model.sha256 and now < known.at + AGAIN:
            return False
        told = await ask(str(address), model.sha256, self._port)
        self._asked[key] = _Asked(model.sha256, now, told)
        return told is not None

    def forget(self, key: Key) -> None:
        """Forgets a ModelServer that is gone."""
        self._asked.pop(key, None)


async def ask(address: str, sha256: str, port: int = METRICS_PORT) -> Tensors | None:
    """Returns what a server tells of its model, or None if it does not.

    Args:
        address: Address of its pod.
        sha256: The model.
        port: Port of its metrics.
    """
    try:
        ip = ip_address(address)
        host = f"[{ip}]" if ip.version == 6 else str(ip)  # noqa: PLR2004
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(f"http://{host}:{port}{MODEL_PATH}", allow_redirects=False, raise_for_status=True) as answer,
        ):
            text = await answer.content.read(MAX_BYTES)
        told = _Answer.model_validate_json(text)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        _log.info("what its model takes and gives stays unknown: %s", str(error) or type(error).__name__)
        return None
    return Tensors(sha256, tuple(told.inputs), tuple(told.outputs))
