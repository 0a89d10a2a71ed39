"""The OpenAPI operations of TensorFlow Serving's REST API."""

from typing import Any

from epochal_server.model import Model
from epochal_server.protocols.openapi.parts import (
    Schema,
    each,
    fits,
    json,
    nested,
    operation,
    sample,
    samples,
    whole,
)
from epochal_server.protocols.tfserving_metadata import SIGNATURE_NAME
from epochal_server.tensors import Tensor

TAG = {"name": "TensorFlow Serving", "description": "For clients that were written for it."}
NAME = TAG["name"]


def paths(model: Model) -> dict[str, Any]:
    """Return the operations below /v1/models."""
    at = f"/v1/models/{model.name}"
    inputs = list(model.inputs.values())
    rows, columns = _rows(inputs), _columns(inputs)
    small = fits(*inputs)
    return {
        f"{at}:predict": {
            "post": operation(
                NAME,
                "Ask the model",
                "`instances` holds sample by sample and is answered by `predictions`; `inputs` holds input by input "
                'and is answered by `outputs`. Texts may be given as `{"b64": …}`.',
                body=json(
                    {
                        "oneOf": [
                            whole({"signature_name": {"const": SIGNATURE_NAME}, "instances": rows}, "instances"),
                            whole({"signature_name": {"const": SIGNATURE_NAME}, "inputs": columns}, "inputs"),
                        ]
                    },
                    Sample_by_sample={"instances": [_row(inputs)]} if small else None,
                    Input_by_input={"inputs": _column(inputs)} if small else None,
                ),
                answer=json(
                    {
                        "oneOf": [
                            whole({"predictions": _rows(list(model.outputs.values()))}, "predictions"),
                            whole({"outputs": _columns(list(model.outputs.values()))}, "outputs"),
                        ]
                    }
                ),
            )
        },
        at: {"get": operation(NAME, "Whether the model answers", answer=json(whole({})))},
        f"{at}/metadata": {"get": operation(NAME, "What the model takes and gives", answer=json(whole({})))},
    }


def _rows(tensors: list[Tensor]) -> Schema:
    if len(tensors) == 1:
        return samples(tensors[0])
    return each(whole({tensor.name: sample(tensor) for tensor in tensors}, *(tensor.name for tensor in tensors)))


def _columns(tensors: list[Tensor]) -> Schema:
    if len(tensors) == 1:
        return samples(tensors[0])
    return whole({tensor.name: samples(tensor) for tensor in tensors}, *(tensor.name for tensor in tensors))


def _row(tensors: list[Tensor]) -> Any:
    if len(tensors) == 1:
        return nested(tensors[0])
    return {tensor.name: nested(tensor) for tensor in tensors}


def _column(tensors: list[Tensor]) -> Any:
    if len(tensors) == 1:
        return [nested(tensors[0])]
    return {tensor.name: [nested(tensor)] for tensor in tensors}
