"""Validates parts of requests: JSON bodies, and the kinds, namespaces and names in paths."""

import asyncio
from typing import TypeVar

from aiohttp import web
from epochal.client.kinds import EPOCHAL_KINDS, Kind, checked_name
from epochal_api.model import Model

from epochal_studio.problems import refuse
from epochal_studio.runs.values import run_kind
from epochal_studio.wire.common import RUN_KINDS, RunKey

MAX_BODY = 256 * 1024
"""Maximum bytes of a JSON body. The middleware refuses a longer body before it is read."""
BODY_SECONDS = 20.0
KIND_PATH = "/api/runs/{kind}/{namespace}/{name}"
"""Path of a TrainingJob, Experiment or ModelServer, for `run_key`."""
KINDS = {kind.name: kind for kind in EPOCHAL_KINDS}
_MAX_LABEL = 63
"""Maximum length of the name of a namespace. A longer name is refused."""

M = TypeVar("M", bound=Model)


async def read_body(request: web.Request, model: type[M]) -> M:
    """Return the JSON body of a request as an instance of a pydantic model.

    Raises:
        ValidationError: If the body does not match the model. The middleware answers with 422.
        Refusal: 408, if the body does not arrive within BODY_SECONDS.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await request.read()
    except TimeoutError:
        raise refuse(408, "Timeout", f"the body must arrive within {BODY_SECONDS:g} s") from None
    return model.model_validate_json(content)


def run_key(request: web.Request) -> RunKey:
    """Return the kind, namespace and name in the path of a request, which begins with KIND_PATH.

    Raises:
        Refusal: 404, if the kind is unknown; 400, if the name of the namespace is invalid.
        EpochalError: If the name of the object is invalid.
    """
    values = request.match_info
    kind = run_kind(values["kind"])
    if kind is None:
        raise refuse(404, "NotFound", f"the path has an unknown kind: expected {', '.join(RUN_KINDS)}")
    return RunKey(kind=kind, namespace=namespace_of(values["namespace"]), name=checked_name(kind, values["name"]))


def kind_of(key: RunKey) -> Kind:
    """Return the Kind of the cluster client (API path and plural) for a RunKey."""
    return KINDS[key.kind]


def namespace_of(text: str) -> str:
    """Return a text unchanged if it can be the name of a namespace.

    Raises:
        Refusal: 400, if the text is empty, longer than 63 characters, or has a dot.
        EpochalError: If the text has other invalid characters.
    """
    if not text or len(text) > _MAX_LABEL or "." in text:
        raise refuse(400, "Invalid", "a namespace has a name of 1 to 63 characters: a-z, 0-9 and -")
    return checked_name("namespace", text)
