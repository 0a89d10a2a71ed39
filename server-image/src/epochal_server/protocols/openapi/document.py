"""Builds the OpenAPI document from the parts of the protocols."""

from importlib.metadata import version
from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.openapi import parts, photographs, tfserving, v2, watson
from epochal_server.protocols.v2_metadata import SERVER

TAGS = (photographs.TAG, v2.TAG, tfserving.TAG, watson.TAG)


def document(model: Model) -> dict[str, Any]:
    """Return the OpenAPI document of a model.

    Args:
        model: The model. Paths contain its name, and schemas describe its inputs and outputs.
    """
    paths = {**v2.paths(model), **tfserving.paths(model), **watson.paths(model)}
    if model.images != "None":
        paths = photographs.paths(model) | paths
    return {
        "openapi": "3.1.0",
        "info": {
            "title": model.name,
            "version": model.version,
            "description": _described(model),
            "x-server": f"{SERVER} {version(SERVER)}",
        },
        "tags": [tag for tag in TAGS if any(tag["name"] in _tags(path) for path in paths.values())],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of the Secret of spec.auth, where the ModelServer has one.",
                }
            },
            "responses": parts.responses(),
            "schemas": parts.schemas(),
        },
    }


def _described(model: Model) -> str:
    takes = "; ".join(f"`{tensor.name}`, {tensor}" for tensor in model.inputs.values())
    gives = "; ".join(f"`{tensor.name}`, {tensor}" for tensor in model.outputs.values())
    return (
        f"The model takes {takes}, and gives {gives}, n being the number of samples: any, and all of a request are "
        "answered together.\n\n"
        "All protocols lead to the same model and give the same numbers. Whatever is not as it must be is refused with "
        "a message that says what was expected and what was found.\n\n"
        f"A request holds at most {model.limits.request_bytes:,} bytes. Its body may be packed: `Content-Encoding: "
        "gzip` or `deflate`."
    )


def _tags(path: dict[str, Any]) -> list[str]:
    return [tag for operation in path.values() for tag in operation["tags"]]
