"""Typed parts of requests: JSON bodies, and the objects in paths."""

import asyncio
from typing import TypeVar

from aiohttp import web
from epochal.client.kinds import EPOCHAL_KINDS, Kind, checked_name
from epochal_api.model import Model

from epochal_studio.problems import refuse
from epochal_studio.runs.values import run_kind
from epochal_studio.wire import RUN_KINDS, RunKey

MAX_BODY = 256 * 1024
"""Maximum bytes of a body. The middleware refuses a longer one before it is read."""
BODY_SECONDS = 20.0
KIND_PATH = "/api/runs/{kind}/{namespace}/{name}"
"""Path of a run or server, for `run_key`."""
KINDS = {kind.name: kind for kind in EPOCHAL_KINDS}
_MAX_LABEL = 63
"""Maximum length of the name of a namespace."""

M = TypeVar("M", bound=Model)


async def read_body(request: web.Request, model: type[M]) -> M:
    """Return the body of a request.

    Raises:
        ValidationError: If the body is no such model. The answer is then 422.
        Refusal: 408, if the body does not arrive in time.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await request.read()
    except TimeoutError:
        raise refuse(408, "Timeout", f"the body must arrive within {BODY_SECONDS:g} s") from None
    return model.model_validate_json(content)


def run_key(request: web.Request) -> RunKey:
    """Return the run or server in a path that begins with KIND_PATH.

    Raises:
        Refusal: 404, if there is no such kind.
        EpochalError: If no object can have this name.
    """
    values = request.match_info
    kind = run_kind(values["kind"])
    if kind is None:
        raise refuse(404, "NotFound", f"there is no kind of this name: expected {', '.join(RUN_KINDS)}")
    return RunKey(kind=kind, namespace=namespace_of(values["namespace"]), name=checked_name(kind, values["name"]))


def kind_of(key: RunKey) -> Kind:
    """Return the kind of a run or server for the client."""
    return KINDS[key.kind]


def namespace_of(text: str) -> str:
    """Return the name of a namespace.

    Raises:
        Refusal: 400, if no namespace can have this name.
    """
    if not text or len(text) > _MAX_LABEL or "." in text:
        raise refuse(400, "Invalid", "a namespace has a name of 1 to 63 characters: a-z, 0-9 and -")
    return checked_name("namespace", text)
