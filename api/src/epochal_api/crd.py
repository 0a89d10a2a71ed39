"""Generates the CustomResourceDefinition from the models.

Run `python -m epochal_api.crd` to print it. What a structural schema may hold:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import json
from typing import Any

from epochal_api.trainingjob import GROUP, KIND, PLURAL, VERSION, TrainingJob

_DROPPED = {"title", "additionalProperties", "propertyNames", "$defs"}
_COLUMNS: list[dict[str, Any]] = [
    {"name": "State", "type": "string", "jsonPath": ".status.state", "description": "The state in one word."},
    {
        "name": "Epoch",
        "type": "string",
        "jsonPath": ".status.display.epoch",
        "description": "Finished epochs of all.",
    },
    {
        "name": "Metric",
        "type": "string",
        "jsonPath": ".status.display.metric",
        "description": "The figure to watch.",
    },
    {
        "name": "ETA",
        "type": "string",
        "jsonPath": ".status.display.eta",
        "description": "Time left, as of the last report.",
    },
    {
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
        "description": "Time since creation.",
    },
    {
        "name": "Attempt",
        "type": "integer",
        "jsonPath": ".status.attempt",
        "priority": 1,
        "description": "1 + the restarts.",
    },
    {
        "name": "GPUs",
        "type": "integer",
        "jsonPath": ".status.gpus",
        "priority": 1,
        "description": "GPUs asked for.",
    },
    {
        "name": "Parameters",
        "type": "integer",
        "jsonPath": ".status.network.parameters",
        "priority": 1,
        "description": "Weights of the network.",
    },
    {
        "name": "Model",
        "type": "string",
        "jsonPath": ".status.results.model",
        "priority": 1,
        "description": "The model's URI.",
    },
]


def _structural(node: Any, definitions: dict[str, Any]) -> Any:
    """Returns a schema node as Kubernetes takes it: references inlined, no null, no titles."""
    if isinstance(node, list):
        return [_structural(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node and not node.get("x-kubernetes-int-or-string"):
        (some,) = (option for option in node["anyOf"] if option.get("type") != "null")
        outer = {key: value for key, value in node.items() if key != "anyOf"}
        return _structural({**some, **outer}, definitions)

    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            result[key] = {name: _structural(sub, definitions) for name, sub in value.items()}
        elif (key == "additionalProperties" and isinstance(value, dict)) or key == "items":
            result[key] = _structural(value, definitions)
        elif key == "const":
            result["enum"] = [value]
        elif key not in _DROPPED and not (key in {"default", "pattern"} and value is None):
            result[key] = value
    if result.get("type") == "integer":
        result["format"] = "int64"
    if result.get("x-kubernetes-preserve-unknown-fields") and "default" in result:
        result["default"] = {key: value for key, value in result["default"].items() if value is not None}
    return result


def schema() -> dict[str, Any]:
    """Returns the structural OpenAPI schema of a TrainingJob."""
    raw = TrainingJob.model_json_schema(mode="validation")
    root = _structural(raw, raw.get("$defs", {}))
    root["description"] = TrainingJob.__doc__
    root["properties"]["metadata"] = {"type": "object"}
    for name in ("apiVersion", "kind"):
        root["properties"][name] = {"type": "string", "description": root["properties"][name]["description"]}
    root["required"] = ["spec"]
    return dict(root)


def custom_resource_definition() -> dict[str, Any]:
    """Returns the CustomResourceDefinition as JSON values."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["tj"],
                "categories": ["epochal"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _COLUMNS,
                    "schema": {"openAPIV3Schema": schema()},
                }
            ],
        },
    }


if __name__ == "__main__":
    # JSON is YAML: no dependency on a YAML library only to write one file.
    print(json.dumps(custom_resource_definition(), indent=2, ensure_ascii=False))  # noqa: T201
