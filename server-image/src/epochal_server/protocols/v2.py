"""Open Inference v2: its endpoints and JSON descriptions, and the responses to inference.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
from epochal_api.modelserver.pod import METRICS_PORT

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import json_values, v2_binary
from epochal_server.protocols.classes import label_shape, labels
from epochal_server.protocols.json_values import BLOCK_VALUES, json_blocks
from epochal_server.protocols.protocol import HEADER_LENGTH, SERVER, Body, Decoded, Document, Endpoint, Protocol
from epochal_server.protocols.v2_request import Decoder, Head, Output
from epochal_server.refusals import NotReady, Unknown

EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")
V2, BINARY = "v2", "v2-binary"
BYTES = "application/octet-stream"
ALL_STATISTICS = "/v2/models/stats"
URL_PREFIXES = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")


def protocol(model: Model) -> Protocol:
    """Return the endpoints and JSON descriptions of Open Inference. The health probes are in routes/health.py."""
    decoder = Decoder(model)

    def decode(body: bytes, headers: Mapping[str, str], _query: Mapping[str, str]) -> Decoded:
        inputs, head = decoder.decode(body, headers.get(HEADER_LENGTH))
        return Decoded(inputs, head.memory_factor, partial(encode, head, model))

    def server(_: str | None) -> Any:
        return {"name": SERVER, "version": version(SERVER), "extensions": EXTENSIONS}

    def metadata(_: str | None) -> Any:
        first, *others = _tensors(model.inputs.values())
        if model.features is not None:
            first["features"] = model.features
        return {
            "name": model.name,
            "versions": [model.version],
            "platform": model.platform,
            "inputs": [first, *others],
            "outputs": _tensors(model.outputs.values()),
        }

    def index(why_not: str | None) -> Any:
        state = "READY" if why_not is None else "UNAVAILABLE"
        return [{"name": model.name, "version": model.version, "state": state, "reason": why_not or ""}]

    def ready(why_not: str | None) -> Any:
        if why_not is not None:
            raise NotReady(why_not)
        return {"name": model.name, "ready": True}

    def config(_: str | None) -> Any:
        raise Unknown(
            "this server has no model configuration of Triton: read the names, types and shapes of its inputs and "
            f"outputs at GET /v2/models/{model.name}"
        )

    def statistics(_: str | None) -> Any:
        raise Unknown(
            "this server has no inference statistics of Triton: read the metrics of Prometheus at GET /metrics on port "
            f"{METRICS_PORT} of the pod"
        )

    return Protocol(
        [
            Endpoint(
                paths=[f"{prefix}/infer" for prefix in URL_PREFIXES],
                protocol=lambda headers: BINARY if HEADER_LENGTH in headers else V2,
                decode=decode,
                fast=True,
            )
        ],
        [
            *(Document(path, V2, server, needs_key=False) for path in ("/v2", "/v2/")),
            Document("/v2/repository/index", V2, index, method="POST"),
            *(Document(prefix, V2, metadata) for prefix in URL_PREFIXES),
            *(Document(f"{prefix}/ready", V2, ready) for prefix in URL_PREFIXES),
            *(Document(f"{prefix}/config", V2, config) for prefix in URL_PREFIXES),
            *(Document(f"{prefix}/stats", V2, statistics) for prefix in URL_PREFIXES),
            # Of all models. A model of this name has its metadata there.
            *([Document(ALL_STATISTICS, V2, statistics)] if model.name != "stats" else []),
        ],
    )


def encode(request: Head, model: Model, answers: Arrays) -> Body:
    """Return the response with the requested outputs, as JSON or as JSON followed by binary tensors."""
    shapes = tuple([answers[output.name].shape for output in request.outputs])
    if request.has_numbers_only and (head := request.response_heads.get(shapes)) is not None:
        return _with_tensors(head, [v2_binary.packed(answers[output.name]) for output in request.outputs])
    if all(
        not output.binary and not output.classification and answers[output.name].size <= BLOCK_VALUES
        for output in request.outputs
    ):
        return Body(_small_response(request, answers, model))
    first_fields = {"model_name": model.name, "model_version": model.version, **request.repeated_fields}
    parts = [orjson.dumps(first_fields)[:-1], b',"outputs":[']
    data: list[v2_binary.Buffer] = []
    for number, output in enumerate(request.outputs):
        array = answers[output.name]
        entry: dict[str, Any] = {
            "name": output.name,
            "datatype": model.outputs[output.name].datatype.open_inference,
        }
        if output.classification:
            entry["datatype"], entry["shape"] = (
                "BYTES",
                label_shape(array, output.classification, model.outputs[output.name]),
            )
        else:
            entry["shape"] = array.shape
        if number:
            parts.append(b",")
        if output.binary:
            packed = _binary_output(array, output, model)
            data += packed
            parts.append(orjson.dumps(entry | {"parameters": {"binary_data_size": sum(map(len, packed))}}))
        else:
            parts += (orjson.dumps(entry)[:-1], b',"data":', *_json_output(array, output, model), b"}")
    parts.append(b"]}")
    if not data:
        return Body(b"".join(parts))
    head = b"".join(parts)
    if request.has_numbers_only and not request.response_heads:  # an output of any length has any number of shapes
        request.response_heads[shapes] = head
    return _with_tensors(head, data)


def _with_tensors(head: bytes, data: Sequence[v2_binary.Buffer]) -> Body:
    return Body(b"".join((head, *data)), BYTES, {HEADER_LENGTH: str(len(head))})


def _small_response(request: Head, answers: Arrays, model: Model) -> bytes:
    """Return a response as JSON in one piece, if it has no binary tensors or labels, and few values in each output.

    Most responses are so small. A single call of orjson is faster than blocks.
    """
    outputs = [
        {
            "name": output.name,
            "datatype": model.outputs[output.name].datatype.open_inference,
            "shape": answers[output.name].shape,
            "data": json_values.jsonable(answers[output.name].reshape(-1)),
        }
        for output in request.outputs
    ]
    response = {"model_name": model.name, "model_version": model.version, **request.repeated_fields, "outputs": outputs}
    return orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY)


def _json_output(array: np.ndarray, output: Output, model: Model) -> Iterator[bytes]:
    """Yield the JSON list of an output's values, or of its labels if the request asks for a classification."""
    if output.classification:
        tensor = model.outputs[output.name]

        def block(begin: int, end: int) -> list[str]:
            entry: list[str] = labels(array[begin:end], output.classification, tensor).reshape(-1).tolist()
            return entry

        return json_blocks(0, len(array), math.prod(array.shape[1:]), block)
    flat = array.reshape(-1)
    return json_blocks(0, len(flat), 1, lambda begin, end: json_values.jsonable(flat[begin:end]))


def _binary_output(array: np.ndarray, output: Output, model: Model) -> list[v2_binary.Buffer]:
    """Return the bytes of an output in the binary format, as parts: its values, or its classification labels."""
    if not output.classification:
        return [v2_binary.packed(array)]
    step = max(1, BLOCK_VALUES // max(1, math.prod(array.shape[1:])))
    return [
        v2_binary.packed(labels(array[at : at + step], output.classification, model.outputs[output.name]))
        for at in range(0, len(array), step)
    ]


def _tensors(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": tensor.name, "datatype": tensor.datatype.open_inference, "shape": [-1, *tensor.shape]}
        for tensor in tensors
    ]
