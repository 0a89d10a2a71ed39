"""The OpenAPI 3.1 document of a model: JSON templates, a file for each protocol, filled in for the model."""

import json
import math
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from operator import itemgetter
from typing import Any

from epochal_server.model.model import Model, Tensor
from epochal_server.protocols import watson
from epochal_server.protocols.class_names import CLASS_NAMES, has_names
from epochal_server.protocols.classes import has_classes, value_name
from epochal_server.protocols.photographs import TOP_CLASSES
from epochal_server.protocols.preprocess import MAX_TOGETHER
from epochal_server.protocols.protocol import SERVER

ANY_LENGTH = 4
"""Length of a dynamic axis in an example."""
MAX_VALUES = 1024
"""Maximum number of values of one sample in all inputs. A model with larger samples has no examples."""
TEXT = {"type": "string"}


def document(model: Model) -> dict[str, Any]:
    """Return the OpenAPI document of a model."""
    folder = resources.files(__package__)
    files = {file.name: json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")}
    common = files.pop("common.json")
    if model.images == "None":
        del files["photographs.json"]
    templates = sorted(files.values(), key=itemgetter("order"))
    values = {**_placeholder_values(model), **_photograph_values(model)}
    paths: dict[str, Any] = {}
    for template in templates:
        for path, operations in template["paths"].items():
            described = {name: _operation(operation, template, common) for name, operation in operations.items()}
            paths[path.replace("{model}", model.name)] = _fill_in(described, values, model)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": model.name,
            "version": model.version,
            "description": _description(model),
            "x-server": f"{SERVER} {version(SERVER)}",
        },
        "tags": [template["tag"] for template in templates],
        "security": [{}, {"key": []}, {"keyInHeader": []}],
        "paths": paths,
        "components": {
            "securitySchemes": common["securitySchemes"],
            # For all protocols, as `_placeholder_values` is. `error` in a template names one of two error bodies.
            "responses": {
                f"{error}{status}": {"description": text, "content": _json({"$ref": f"#/components/schemas/{error}"})}
                for error in ("Error", "WatsonError")
                for status, text in common["responses"].items()
            },
            "schemas": common["schemas"],
        },
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _operation(operation: dict[str, Any], template: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI operation from a template, completed with its tag and its responses.

    `answer` in a template is the schema of a JSON answer.
    """
    operation = {"tags": [template["tag"]["name"]], **operation}
    if "answer" in operation:
        content = _json(operation.pop("answer"))
        operation["responses"] = {"200": {"description": "The answer.", "content": content}}
    for status in common["responses"]:
        operation["responses"][status] = {"$ref": f"#/components/responses/{template['error']}{status}"}
    return operation


def _fill_in(part: Any, values: dict[str, Any], model: Model) -> Any:
    """Replace the placeholders in a part of a template by the model's name, version and values.

    Fields and items of which the value is None are removed.
    """
    if isinstance(part, dict):
        fields = {name: _fill_in(value, values, model) for name, value in part.items()}
        return {name: value for name, value in fields.items() if value is not None}
    if isinstance(part, list):
        return [value for item in part if (value := _fill_in(item, values, model)) is not None]
    if not isinstance(part, str):
        return part
    if part.startswith("$"):
        return values[part[1:]]
    return part.replace("{model}", model.name).replace("{version}", model.version)


def _description(model: Model) -> str:
    inputs = "; ".join(f"`{tensor.name}`, {tensor}" for tensor in model.inputs.values())
    outputs = "; ".join(f"`{tensor.name}`, {tensor}" for tensor in model.outputs.values())
    return (
        f"Inputs: {inputs}. Outputs: {outputs}. n is the number of samples in a request: any.\n\n"
        "All protocols give the same numbers. The message of a refused request names the expected and the found "
        "value.\n\n"
        f"A request has at most {model.limits.request_bytes:,} bytes. Its body may be compressed: `Content-Encoding: "
        "gzip` or `deflate`."
    )


def _placeholder_values(model: Model) -> dict[str, Any]:
    """Return the values for the placeholders `$NAME` in the templates, except in the template of photographs.

    All protocols use the same values, because the protocols share shapes and examples.
    """
    inputs, outputs = list(model.inputs.values()), list(model.outputs.values())
    single = len(inputs) == 1
    small = sum(math.prod(_shape(tensor)) for tensor in inputs) <= MAX_VALUES
    row = {"values": [_example(inputs[0])]} if single else None
    entry = row or {"fields": list(model.inputs), "values": [[_example(tensor) for tensor in inputs]]}
    by_sample = _example(inputs[0]) if single else {tensor.name: _example(tensor) for tensor in inputs}
    by_input = [by_sample] if single else {tensor.name: [_example(tensor)] for tensor in inputs}
    return {
        "output_names": list(model.outputs),
        "class_names": _list({"type": ["string", "null"]}) if has_names(model) else None,
        "class_names_option": {
            "name": CLASS_NAMES,
            "in": "query",
            "schema": {"type": "boolean", "default": False},
            "description": "Add the name of each sample's most probable class.",
        }
        if has_names(model)
        else None,
        "input_rows": _rows(inputs),
        "input_columns": _columns(inputs),
        "output_rows": _rows(outputs),
        "output_columns": _columns(outputs),
        "tfserving_examples": {
            "sample": {"summary": "Sample by sample", "value": {"instances": [by_sample]}},
            "input": {"summary": "Input by input", "value": {"inputs": by_input}},
        }
        if small
        else None,
        "v2_inputs": {**_v2_tensors(inputs), "minItems": len(inputs)},
        "v2_outputs": _v2_tensors(outputs),
        "v2_metadata": _list(
            _object(
                {"name": TEXT, "datatype": TEXT, "shape": _list({"type": "integer"})}
                | ({"features": _list(TEXT)} if model.features is not None else {})
            )
        ),
        "v2_example": {"inputs": [_v2_example(tensor) for tensor in inputs]} if small else None,
        "watson_fields_text": "`fields` is ignored, because the model has a single input. A sample may be a flat list."
        if single
        else "`fields` names the inputs. Alternatively, each input has its own entry, with its name as `id`.",
        "watson_values": _samples(inputs[0]) if single else _list(_list({})),
        "watson_table": _object(
            {"fields": {"enum": _watson_fields(model)}, "values": _list(_list({}))}, "fields", "values"
        ),
        "watson_example": entry if small else None,
        "watson_v4_example": {"input_data": [entry]} if small else None,
    }


def _watson_fields(model: Model) -> list[list[str]]:
    """Return the possible lists of `fields` in a Watson answer: without class names, and with them if there are any."""
    return [watson.fields(model, named=named) for named in (False, True) if has_names(model) or not named]


def _photograph_values(model: Model) -> dict[str, Any]:
    """Return the values for the placeholders in the template of photographs."""
    max_pixels, digits = model.limits.image_pixels, model.images == "Digit"
    option = {
        "name": "several" if digits else "fit",
        "in": "query",
        "schema": {"type": "boolean", "default": False}
        if digits
        else {**TEXT, "enum": ["crop", "pad"], "default": "crop"},
        "description": "Find several digits, line by line and from left to right."
        if digits
        else "Crop or pad a photograph of other proportions.",
    }
    return {
        "photograph_limits": f"A photograph has at most {max_pixels:,} pixels. All photographs in a form have at most "
        f"{MAX_TOGETHER * max_pixels:,} pixels in total.",
        "photograph_option": option,
        "photograph_prediction": _prediction(model),
    }


def _prediction(model: Model) -> dict[str, Any]:
    integer = {"type": "integer"}
    box = _object(dict.fromkeys(("left", "top", "right", "bottom"), integer))
    more = {"image": {**TEXT, "format": "uri"}} | ({"box": box} if model.images == "Digit" else {})
    outputs = {
        name: (_class_schema if has_classes(tensor) else _sample)(tensor) for name, tensor in model.outputs.items()
    }
    first = outputs.pop(model.first_output.name) if has_classes(model.first_output) else _object({})
    others = {"outputs": _object(outputs, *outputs)} if outputs else {}
    return _object({**first["properties"], **others, **more}, *first.get("required", ()), *others)


def _class_schema(tensor: Tensor) -> dict[str, Any]:
    """Return the schema of the most probable classes in an output."""
    prediction = {"class": {"type": "integer"}, "name": TEXT, (value := value_name(tensor)): {"type": "number"}}
    top = {**_list(_object(prediction)), "maxItems": TOP_CLASSES}
    return _object({**prediction, "top": top}, "class", "name", value, "top")


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def _list(schema: Any) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _value(tensor: Tensor) -> dict[str, Any]:
    if tensor.text:
        return TEXT
    return {"type": {"b": "boolean", "f": "number"}.get(tensor.dtype.kind, "integer")}


def _sample(tensor: Tensor) -> dict[str, Any]:
    schema = _value(tensor)
    for axis in reversed(tensor.shape):
        schema = _list(schema) | ({"minItems": axis, "maxItems": axis} if axis >= 0 else {})
    return schema


def _samples(tensor: Tensor) -> dict[str, Any]:
    return {**_list(_sample(tensor)), "minItems": 1}


def _rows(tensors: Sequence[Tensor]) -> dict[str, Any]:
    if len(tensors) == 1:
        return _samples(tensors[0])
    return _list(_object({tensor.name: _sample(tensor) for tensor in tensors}, *(tensor.name for tensor in tensors)))


def _columns(tensors: Sequence[Tensor]) -> dict[str, Any]:
    if len(tensors) == 1:
        return _samples(tensors[0])
    return _object({tensor.name: _samples(tensor) for tensor in tensors}, *(tensor.name for tensor in tensors))


def _v2_tensors(tensors: Sequence[Tensor]) -> dict[str, Any]:
    schemas = [
        _object(
            {
                "name": {"const": tensor.name},
                "datatype": {"const": tensor.datatype.open_inference},
                "shape": {**_list({"type": "integer"}), "description": tensor.shape_name},
                "parameters": _object({"binary_data_size": {"type": "integer"}}),
                "data": _list(_value(tensor)),
            },
            *("name", "datatype", "shape"),
        )
        for tensor in tensors
    ]
    return _list(schemas[0] if len(schemas) == 1 else {"oneOf": schemas})


def _v2_example(tensor: Tensor) -> dict[str, Any]:
    shape = [1, *_shape(tensor)]
    data = [_example_value(tensor)] * math.prod(shape)
    return {"name": tensor.name, "datatype": tensor.datatype.open_inference, "shape": shape, "data": data}


def _shape(tensor: Tensor) -> list[int]:
    return [ANY_LENGTH if axis < 0 else axis for axis in tensor.shape]


def _example_value(tensor: Tensor) -> Any:
    return "text" if tensor.text else {"b": True, "f": 0.5}.get(tensor.dtype.kind, 1)


def _example(tensor: Tensor) -> Any:
    """Return an example of a tensor's sample, as nested lists with the same value everywhere."""
    example = _example_value(tensor)
    for axis in reversed(_shape(tensor)):
        example = [example] * axis
    return example
