"""The OpenAPI operations of Watson Machine Learning's online scoring."""

from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.openapi.parts import Schema, each, fits, json, nested, operation, query, samples, whole
from epochal_server.protocols.watson import fields

TAG = {"name": "Watson Machine Learning", "description": "For clients that were written for its deployments."}
NAME = TAG["name"]
TEXT: Schema = {"type": "string"}
REFUSALS = "watson"


def paths(model: Model) -> dict[str, Any]:
    """Return the operations of deployments."""
    table = whole({"fields": {"const": fields(model)}, "values": each(each({}))}, "fields", "values")
    instance = {"name": "instance", "in": "path", "required": True, "schema": TEXT, "example": "any"}
    alone = len(model.inputs) == 1
    about = (
        "`fields` is passed over: a tensor has none. A sample may lie flat."
        if alone
        else "`fields` names the inputs; or there is an entry for each input, with its name as `id`."
    )
    return {
        f"/ml/v4/deployments/{model.name}/predictions": {
            "post": operation(
                NAME,
                "Ask the model, as of version 4",
                about,
                parameters=[
                    query(
                        "version",
                        TEXT | {"format": "date", "example": "2020-09-01"},
                        "Version of Watson's API. All mean the same.",
                    )
                ],
                body=json(
                    whole({"input_data": each(_entry(model, id=TEXT), least=1)}, "input_data"),
                    One_sample={"input_data": [_example(model)]} if fits(*model.inputs.values()) else None,
                ),
                answer=json(whole({"predictions": each(table)}, "predictions")),
                refusals=REFUSALS,
            )
        },
        f"/v3/wml_instances/{{instance}}/deployments/{model.name}/online": {
            "post": operation(
                NAME,
                "Ask the model, as of version 3",
                about,
                parameters=[instance],
                body=json(_entry(model), One_sample=_example(model) if fits(*model.inputs.values()) else None),
                answer=json(table),
                refusals=REFUSALS,
            )
        },
    }


def _entry(model: Model, **more: Schema) -> Schema:
    alone = len(model.inputs) == 1
    values = samples(next(iter(model.inputs.values()))) if alone else each(each({}))
    return whole({**more, "fields": each(TEXT), "values": values}, "values")


def _example(model: Model) -> Any:
    if len(model.inputs) == 1:
        return {"values": [nested(next(iter(model.inputs.values())))]}
    return {"fields": list(model.inputs), "values": [[nested(tensor) for tensor in model.inputs.values()]]}
