"""Generates the CustomResourceDefinitions from the models.

Run `python -m epochal_api.crd FOLDER` to write them to a folder as YAML. For the rules of structural schemas see
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic.alias_generators import to_camel

from epochal_api import printer_columns
from epochal_api.descriptions import DescribedJsonSchema, field_descriptions
from epochal_api.experiment import ledger as experiment_ledger
from epochal_api.experiment import spec as experiment
from epochal_api.experiment.ledger import ExperimentLedger
from epochal_api.experiment.spec import Experiment
from epochal_api.kind import GROUP, VERSION, KubernetesObject
from epochal_api.model import ADMISSION, INT_OR_STRING, PRESERVE, QUOTED, Model
from epochal_api.modelserver import spec as modelserver
from epochal_api.modelserver.spec import ModelServer
from epochal_api.trainingjob import spec as trainingjob
from epochal_api.trainingjob.spec import TrainingJob


class Kind(NamedTuple):
    """A kind of the API.

    Args:
        model: Model of the kind, with the same name.
        plural: Plural name in URLs.
        short: Short name in `kubectl`.
        columns: Columns of `kubectl get`.
        scales: Whether `kubectl scale` sets spec.replicas.
        content: The required field of each object: `spec`, or another field for a kind that users do not write.
    """

    model: type[Model]
    plural: str
    short: str
    columns: tuple[dict[str, Any], ...]
    scales: bool = False
    content: str = "spec"

    @property
    def for_users(self) -> bool:
        """Whether users create objects of the kind. Such a kind has a spec, a status, a short name and a category."""
        return self.content == "spec"


TRAINING_JOBS = Kind(TrainingJob, trainingjob.PLURAL, "tj", printer_columns.TRAINING_JOBS)
EXPERIMENTS = Kind(Experiment, experiment.PLURAL, "exp", printer_columns.EXPERIMENTS)
MODEL_SERVERS = Kind(ModelServer, modelserver.PLURAL, "msv", printer_columns.MODEL_SERVERS, scales=True)
EXPERIMENT_LEDGERS = Kind(ExperimentLedger, experiment_ledger.PLURAL, "", printer_columns.LEDGERS, content="data")
KINDS = (EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS)
"""The kinds that users create."""
ALL_KINDS = (EXPERIMENT_LEDGERS, *KINDS)
"""The kinds with a CustomResourceDefinition."""

_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
"""Paths for the scale subresource. A HorizontalPodAutoscaler finds the pods by the label selector."""


def _resolve(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a schema node with its $ref resolved and without "or null": Kubernetes drops fields that are null."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        return _resolve({**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    if "anyOf" in node:
        (target,) = (option for option in node["anyOf"] if option.get("type") != "null")
        return _resolve({**target, **{key: value for key, value in node.items() if key != "anyOf"}}, definitions)
    return node


def _to_structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a schema node in the structural form of Kubernetes: references inlined, no null, no titles."""
    result: dict[str, Any] = {}
    for key, value in _resolve(node, definitions).items():
        match key:
            case "properties":
                result[key] = {name: _to_structural(sub, definitions) for name, sub in value.items()}
            case "items" | "additionalProperties" if isinstance(value, dict):
                result[key] = _to_structural(value, definitions)
            case "description":
                result[key] = " ".join(value.split())
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


def _without_marks(node: dict[str, Any]) -> dict[str, Any]:
    """Return a structural schema without the keywords for the admission policy, and without types of QUOTED fields."""
    result = {key: value for key, value in node.items() if key not in {ADMISSION, QUOTED}}
    if "properties" in node:
        result["properties"] = {name: _without_marks(sub) for name, sub in node["properties"].items()}
    for key in node.keys() & {"items", "additionalProperties"}:
        result[key] = _without_marks(node[key])
    if QUOTED in node:
        # A value of any type passes, but a list or a map must be empty, so that it takes no memory.
        untyped = {key: value for key, value in result.items() if key not in {"type", INT_OR_STRING}}
        return {PRESERVE: True, "maxItems": 0, "maxProperties": 0, **untyped}
    return result


def schema(model: type[Model], content: str = "spec") -> dict[str, Any]:
    """Return the structural OpenAPI schema of a kind.

    Args:
        model: Model of the kind.
        content: The required field of each object.
    """
    return _without_marks(marked_schema(model, content))


def marked_schema(model: type[Model], content: str = "spec") -> dict[str, Any]:
    """Return the result of `schema`, with the keywords QUOTED and ADMISSION, and with the types of QUOTED fields."""
    raw = _json_schema(model)
    root = _to_structural(raw, raw.get("$defs", {}))
    root["description"] = model.__doc__
    root["properties"]["metadata"] = {"type": "object"}
    for name in ("api_version", "kind"):
        described = {"type": "string", "description": field_descriptions(KubernetesObject)[name]}
        root["properties"][to_camel(name)] = described
    root["required"] = [content]
    return root


@cache  # The generation takes tens of milliseconds.
def _json_schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema(mode="validation", schema_generator=DescribedJsonSchema)


def definition_name(kind: Kind) -> str:
    """Return the name of a kind's CustomResourceDefinition, which is also its file name."""
    return f"{kind.plural}.{GROUP}"


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind as JSON values."""
    name = kind.model.__name__
    names: dict[str, Any] = {"kind": name, "listKind": f"{name}List", "plural": kind.plural, "singular": name.lower()}
    version: dict[str, Any] = {"name": VERSION, "served": True, "storage": True}
    if kind.for_users:
        names |= {"shortNames": [kind.short], "categories": ["epochal"]}
        version["subresources"] = {"status": {}} | ({"scale": _SCALE} if kind.scales else {})
    version["additionalPrinterColumns"] = list(kind.columns)
    version["schema"] = {"openAPIV3Schema": schema(kind.model, kind.content)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition_name(kind)},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class _ExpandingDumper(yaml.SafeDumper):
    """Writes repeated values in full: anchors are hard to read and to compare."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def main(folder: str) -> None:
    """Write the CustomResourceDefinitions of all kinds into a folder, one file each."""
    for kind in ALL_KINDS:
        text = yaml.dump(
            custom_resource_definition(kind), Dumper=_ExpandingDumper, sort_keys=False, width=120, allow_unicode=True
        )
        path = Path(folder, f"{definition_name(kind)}.yaml")
        path.write_text(f"# Generated by `make manifests` from the models in api/.\n{text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
