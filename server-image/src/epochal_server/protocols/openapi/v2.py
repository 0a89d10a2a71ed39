"""The OpenAPI operations of Open Inference v2."""

from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.datatypes import open_inference
from epochal_server.protocols.openapi.parts import Schema, each, fits, flat, json, operation, shape, value, whole
from epochal_server.protocols.v2 import HEADER_LENGTH
from epochal_server.protocols.v2_metadata import EXTENSIONS
from epochal_server.tensors import Tensor

TAG = {
    "name": "Open Inference v2",
    "description": "As Triton, KServe and others speak it, with tensors as JSON or as bytes: for programs, and the "
    "fastest of all.",
}
NAME = TAG["name"]
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
BYTES = "application/octet-stream"


def paths(model: Model) -> dict[str, Any]:
    """Return the operations below /v2."""
    at = f"/v2/models/{model.name}"
    ready = whole({"name": TEXT, "ready": FLAG})
    health = json(whole({}))
    return {
        f"{at}/infer": {
            "post": operation(
                NAME,
                "Ask the model",
                "`data` may lie flat, row by row, or be nested. `outputs` chooses some; without it all are told. `id` "
                f"and `parameters` come back.\n\nTensors may be bytes after the JSON, little-endian: `{HEADER_LENGTH}` "
                "says how long the JSON is, and `binary_data_size` of an input's `parameters` how many bytes are its. "
                "`binary_data_output` of the request's `parameters` asks for the answer so.",
                body=json(_request(model), One_sample=_example(model)) | {BYTES: {"schema": {}}},
                answer=json(_response(model)) | {BYTES: {"schema": {}}},
            )
        },
        at: {"get": operation(NAME, "What the model takes and gives", answer=json(_metadata()))},
        f"{at}/ready": {"get": operation(NAME, "Whether the model answers", answer=json(ready))},
        "/v2": {
            "get": operation(
                NAME,
                "What the server is",
                answer=json(
                    whole({"name": TEXT, "version": TEXT, "extensions": each(TEXT | {"enum": list(EXTENSIONS)})})
                ),
            )
        },
        "/v2/health/live": {"get": operation(NAME, "Whether the server lives", answer=health)},
        "/v2/health/ready": {"get": operation(NAME, "Whether requests are to be sent here", answer=health)},
        "/v2/repository/index": {
            "post": operation(
                NAME,
                "Which models there are: one",
                answer=json(each(whole(dict.fromkeys(("name", "version", "state", "reason"), TEXT)))),
            )
        },
    }


def _request(model: Model) -> Schema:
    wanted = whole(
        {
            "name": {"enum": list(model.outputs)},
            "parameters": whole({"binary_data": FLAG, "classification": WHOLE}),
        },
        "name",
    )
    inputs = [_tensor(tensor, binary="binary_data_size") for tensor in model.inputs.values()]
    return whole(
        {
            "id": TEXT,
            "parameters": whole({"binary_data_output": FLAG}),
            "inputs": each(inputs[0] if len(inputs) == 1 else {"oneOf": inputs}, least=len(inputs)),
            "outputs": each(wanted),
        },
        "inputs",
    )


def _response(model: Model) -> Schema:
    outputs = [_tensor(tensor, binary="binary_data_size") for tensor in model.outputs.values()]
    return whole(
        {
            "model_name": {"const": model.name},
            "model_version": {"const": model.version},
            "id": TEXT,
            "parameters": whole({}),
            "outputs": each(outputs[0] if len(outputs) == 1 else {"oneOf": outputs}),
        },
        "model_name",
        "outputs",
    )


def _tensor(tensor: Tensor, *, binary: str) -> Schema:
    return whole(
        {
            "name": {"const": tensor.name},
            "datatype": {"const": open_inference(tensor)},
            "shape": each(WHOLE) | {"description": tensor.shape_name},
            "parameters": whole({binary: WHOLE}),
            "data": each(value(tensor)),
        },
        "name",
        "datatype",
        "shape",
    )


def _example(model: Model) -> Any:
    if not fits(*model.inputs.values()):
        return None
    return {
        "inputs": [
            {
                "name": tensor.name,
                "datatype": open_inference(tensor),
                "shape": [1, *shape(tensor)],
                "data": flat(tensor),
            }
            for tensor in model.inputs.values()
        ]
    }


def _metadata() -> Schema:
    tensors = each(whole({"name": TEXT, "datatype": TEXT, "shape": each(WHOLE)}))
    return whole(
        {"name": TEXT, "versions": each(TEXT), "platform": TEXT, "inputs": tensors, "outputs": tensors},
        "name",
        "platform",
        "inputs",
        "outputs",
    )
