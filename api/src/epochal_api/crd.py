"""Generates the CustomResourceDefinition from the models.

Run `python -m epochal_api.crd` to print it as YAML. What a structural schema may hold:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import sys
from typing import Any

import yaml

from epochal_api.trainingjob import GROUP, KIND, PLURAL, VERSION, TrainingJob

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
        "name": "Reason",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
        "priority": 1,
        "description": "Why it is where it is.",
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


def _merged(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Returns the node with its reference looked up and "or null" left out: an absent field is Kubernetes' null."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        return _merged({**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    if "anyOf" in node and not node.get("x-kubernetes-int-or-string"):
        (some,) = (option for option in node["anyOf"] if option.get("type") != "null")
        return _merged({**some, **{key: value for key, value in node.items() if key != "anyOf"}}, definitions)
    return node


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema node as Kubernetes takes it: references inlined, no null, no titles."""
    result: dict[str, Any] = {}
    for key, value in _merged(node, definitions).items():
        match key:
            case "properties":
                result[key] = {name: _structural(sub, definitions) for name, sub in value.items()}
            case "items":
                result[key] = _structural(value, definitions)
            case "additionalProperties" if isinstance(value, dict):
                result[key] = _structural(value, definitions)
            case "const":
                result["enum"] = [value]
            case "title" | "additionalProperties" | "propertyNames" | "$defs":
                pass
            case "default" | "pattern" if value is None:
                pass
            case "default" if isinstance(value, dict):
                result[key] = {name: part for name, part in value.items() if part is not None}
            case _:
                result[key] = value
    if result.get("type") == "integer":
        result["format"] = "int64"
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
    return root


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


class _Plain(yaml.SafeDumper):
    """Writes a value that occurs twice as it is, twice: anchors are hard to read and to diff."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def main() -> None:
    """Prints the CustomResourceDefinition as YAML."""
    text = yaml.dump(custom_resource_definition(), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
    sys.stdout.write(f"# Generated by `make manifests` from the models in api/.\n{text}")


if __name__ == "__main__":
    main()
