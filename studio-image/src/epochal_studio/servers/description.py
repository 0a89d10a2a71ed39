"""The description of a model that a server sends to its own page."""

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
from epochal_studio.wire import ServedModel

PATH = "/page/model.json"
MAX_PAGE = 2**20
"""Maximum bytes of a description. That of a model with 1,000 named classes has 150 KiB."""
SECONDS = 10.0
_MAX_TENSORS = 256


class _Part(BaseModel):
    """A part of a description. Its names are those of the server, in snake case, so it is no model of epochal_api."""

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
    """The fields that pages read. A server may be of another version, or of another author."""

    name: str
    version: str
    runtime: str
    inputs: Annotated[list[_Tensor], Field(max_length=_MAX_TENSORS)]
    outputs: Annotated[list[_Tensor], Field(max_length=_MAX_TENSORS)]
    images: ImageMode
    example: dict[str, Any] | None = None
    limits: _Limits


async def read_model(api: ApiServer, access: Access, server: Server, key: dict[str, str]) -> ServedModel:
    """Return a served model. For a server that does not answer, it has the state and the problem.

    Args:
        api: The API server.
        access: The user.
        server: The server.
        key: The header with the user's key.
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
    """Return a description; None for content without the fields that pages read."""
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
        f"ModelServer {server.name} describes its model in another form.",
        "Its pods may be of another version of Epochal: `kubectl rollout restart` starts newer ones.",
    )


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
