"""Finds all problems of a document at once, without Keras: the fields, the Keras objects, and the graph of layers.

The operator, the commands and an editor call the same functions, so that they find the same problems.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from epochal_api.catalogue.classes import LOSSES, METRICS, OPTIMIZERS
from epochal_api.catalogue.findings import Findings, Problem, field, item
from epochal_api.catalogue.graph import check_graph
from epochal_api.catalogue.objects import check_callback, check_layer, check_named
from epochal_api.catalogue.searched import SearchedPath, paths_in, with_unknown
from epochal_api.experiment import spec as experiment
from epochal_api.experiment.spec import Experiment
from epochal_api.kind import API_VERSION, KubernetesObject
from epochal_api.model import is_one_set, located_errors
from epochal_api.modelserver import spec as modelserver
from epochal_api.modelserver.spec import ModelServer
from epochal_api.trainingjob import spec as trainingjob
from epochal_api.trainingjob.spec import TrainingJob

KINDS: Mapping[str, type[KubernetesObject]] = {
    trainingjob.KIND: TrainingJob,
    experiment.KIND: Experiment,
    modelserver.KIND: ModelServer,
}
_SPECS: Mapping[str, str] = {trainingjob.KIND: "spec", experiment.KIND: "spec.template.spec"}
"""The path of the spec of a TrainingJob in a document, by the kind of the document."""


def problems(document: Any) -> list[Problem]:
    """Return all problems of a TrainingJob, an Experiment or a ModelServer, given as plain JSON or YAML values.

    The time is linear in the size of the document, and number and length of the problems are limited.
    """
    findings = Findings()
    if not isinstance(document, Mapping):
        findings.add("", f"must be an object of Kubernetes, found {type(document).__name__}")
        return findings.to_list()
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None or document.get("apiVersion") != API_VERSION:
        found = f"{document.get('apiVersion')}, kind {kind}"
        findings.add("kind", f"must be {API_VERSION}, kind {', '.join(KINDS)}, found {found}")
        return findings.to_list()
    try:
        model.model_validate(document)
        invalid = []
    except ValidationError as error:
        invalid = located_errors(error, show_found=True)
    path, graph = _SPECS.get(model.__name__, ""), Findings()
    spec = training_spec(document) or {}
    if isinstance(network := spec.get("network"), Mapping):
        check_graph(network, field(path, "network"), graph)
    for invalid_path, message in invalid:
        # The model stops at the first problem of the graph, after the rule of input and inputs.
        if invalid_path != field(path, "network") or graph.is_empty or not _has_inputs(network):
            findings.add(invalid_path or "spec", message)
    findings.extend(spec_problems(spec, path, paths_in(document) if model is Experiment else ()))
    return findings.to_list()


def training_spec(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the spec of a TrainingJob, or the spec in the template of an Experiment; None if it is missing."""
    found: Any = document
    for key in _SPECS.get(str(document.get("kind")), "").split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def spec_problems(spec: Mapping[str, Any], path: str = "spec", searched: Sequence[SearchedPath] = ()) -> list[Problem]:
    """Return the problems of the Keras objects and of the graph of layers in the spec of a TrainingJob.

    The schema does not find these problems. Those of the Keras objects are warnings if the spec has its own image or
    code. The problems of the graph are errors in each case, and come first.

    Args:
        spec: The spec as plain JSON values.
        path: The path of the spec in the document.
        searched: Paths in the spec that the parameters of an Experiment set: an argument that only a parameter gives is
            not missing, and a value that a parameter replaces has no problem.
    """
    findings, objects = Findings(), Findings()
    known = with_unknown(spec, searched) if searched else spec
    if isinstance(network := spec.get("network"), Mapping):
        check_graph(network, f"{path}.network", findings)
    _check_layers(known, path, objects)
    if isinstance(training := known.get("training"), Mapping):
        _check_training(training, f"{path}.training", objects)
    findings.extend(objects.to_list(are_warnings=has_other_classes(spec)))
    return findings.to_list()


def has_other_classes(spec: Mapping[str, Any]) -> bool:
    """Return whether a spec has its own image or code, which may have Keras classes that the catalogue lacks."""
    return spec.get("image") is not None or spec.get("code") is not None


def _check_layers(spec: Mapping[str, Any], path: str, findings: Findings) -> None:
    if isinstance(network := spec.get("network"), Mapping):
        for index, layer in enumerate(_list(network, "layers")):
            if isinstance(layer, Mapping):
                check_layer(layer, item(f"{path}.network.layers", index), findings)


def _check_training(training: Mapping[str, Any], path: str, findings: Findings) -> None:
    check_named(OPTIMIZERS, training.get("optimizer"), f"{path}.optimizer", findings)
    _check_output(training, path, findings)
    for index, output in enumerate(_list(training, "outputs")):
        if isinstance(output, Mapping):
            _check_output(output, item(f"{path}.outputs", index), findings)
    for index, callback in enumerate(_list(training, "callbacks")):
        if isinstance(callback, Mapping):
            check_callback(callback, item(f"{path}.callbacks", index), findings)


def _check_output(output: Mapping[str, Any], path: str, findings: Findings) -> None:
    """Add the problems of the fields `loss` and `metrics`, of the training or of one output, to `findings`."""
    check_named(LOSSES, output.get("loss"), f"{path}.loss", findings)
    for index, metric in enumerate(_list(output, "metrics")):
        check_named(METRICS, metric, item(f"{path}.metrics", index), findings)


def _has_inputs(network: Any) -> bool:
    """Return whether a network has exactly one of input and inputs."""
    return isinstance(network, Mapping) and is_one_set(network.get("input"), network.get("inputs"))


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []
