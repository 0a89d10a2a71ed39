"""Reads the description of a model (/page/model.json), which a model server also sends to its own web page."""

import json
from typing import Annotated, Any

from epochal_api.modelserver.config import ImageMode
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from epochal_studio.access import Access
from epochal_studio.problems import Refusal, refuse
from epochal_studio.servers.options import JSON
from epochal_studio.servers.refusals import DESCRIBE, KEY_REQUIRED, not_ready, refusal
from epochal_studio.servers.requests import ask
from epochal_studio.servers.server import Server
from epochal_studio.stream.api_server import ApiServer
from epochal_studio.wire.servers import ServedModel

PATH = "/page/model.json"
MAX_PAGE = 2**20
"""Maximum bytes of a description. A larger description is refused. A model with 1,000 named classes needs 150 KiB."""
SECONDS = 10.0
_MAX_TENSORS = 256


class _Part(BaseModel):
    """Base of the parts of a description. Their fields have snake-case names, so they are no models of epochal_api."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Tensor(_Part):
    name: str
    dtype: str
    shape: Annotated[list[int], Field(max_length=64)]
    classes: Annotated[list[str] | None, Field(fail_fast=True)] = None  # else a megabyte of faults takes 200 MB
    class_values: str | None = None


class _Limits(_Part):
    request_bytes: int


class _Description(_Part):
    """The fields of a description that Studio's pages need. The model server may have any version, or be hostile."""

    name: str
    version: str
    runtime: str
    inputs: Annotated[list[_Tensor], Field(max_length=_MAX_TENSORS)]
    outputs: Annotated[list[_Tensor], Field(max_length=_MAX_TENSORS)]
    images: ImageMode
    example: dict[str, Any] | None = None
    limits: _Limits


async def read_model(api: ApiServer, access: Access, server: Server, key: dict[str, str]) -> ServedModel:
    """Return the description of a served model; if the model server does not answer, only its state and the problem.

    Args:
        api: The client of the API server.
        access: The signed-in user.
        server: The ModelServer.
        key: The header X-API-Key with the user's key; empty without a key.
    """
    try:
        page = await _page(api, access, server, key)
    except Refusal as found:
        needs_key = found.problem.reason == KEY_REQUIRED
        return _served(server, None, found, needs_key=needs_key)
    return _served(server, page, None)


async def _page(api: ApiServer, access: Access, server: Server, key: dict[str, str]) -> dict[str, Any]:
    if not server.is_ready:
        raise not_ready(server)
    answered = await ask(api, access, server.service_path(PATH), key, limit=MAX_PAGE, seconds=SECONDS)
    if answered.status != 200:  # noqa: PLR2004 - HTTP's success
        raise refusal(server, DESCRIBE, answered, has_key=bool(key))
    if answered.content_type != JSON or len(answered.body) > MAX_PAGE:
        raise _other_form(server)

    def parse() -> dict[str, Any] | None:
        access.threads.memory.reserve_json(len(answered.body))
        return parsed(answered.body)

    if (page := await access.in_thread(parse)) is None:
        raise _other_form(server)
    return page


def parsed(content: bytes) -> dict[str, Any] | None:
    """Return a description from JSON; None if the JSON is invalid, or lacks fields that Studio's pages need."""
    try:
        page: dict[str, Any] = json.loads(content, parse_constant=_refuse_constant)
        _Description.model_validate(page)
        to_json(page)  # some texts and depths that Python can read have no form in an answer
    except (ValueError, RecursionError):  # a ValidationError is a ValueError
        return None
    return page


def _served(
    server: Server, page: dict[str, Any] | None, found: Refusal | None, *, needs_key: bool = False
) -> ServedModel:
    return ServedModel(
        server=server.key,
        is_ready=server.is_ready,
        state=server.state,
        needs_key=needs_key,
        page=page,
        problem=found.problem if found else None,
    )


def _other_form(server: Server) -> Refusal:
    return refuse(
        502,
        "ServerFailed",
        f"ModelServer {server.name} describes its model in another form than Studio expects.",
        "Its pods may have another version of Epochal: `kubectl rollout restart` starts pods of the new version.",
    )


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
