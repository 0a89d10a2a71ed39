"""Problems of a document that appear only if Keras builds the network, such as wrong shapes; for `check --shapes`."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from epochal_api.catalogue.findings import Problem
from epochal_api.catalogue.problems import has_other_classes, training_spec
from epochal_api.catalogue.searched import paths_in
from epochal_api.checker import Question
from epochal_api.experiment.searched_layers import first_searched_layer
from epochal_api.experiment.spec import KIND as EXPERIMENT
from epochal_api.file_problems import Findings
from pydantic import ValidationError

from epochal_trainer.checker.faulty_network import ReadableNetwork, make_readable
from epochal_trainer.model.sketch import LayerReport, sketch

_MAX_ROWS = 50
"""Maximum number of layers in a table."""


def check_shapes(document: Mapping[str, Any], known: Sequence[Problem] = ()) -> Findings:
    """Return the problems that Keras finds in the network of a TrainingJob or of an Experiment's template.

    If the network has a fault, the result also has a table with the output shapes of the layers before the first
    fault.

    In a template, only the layers before the first layer that a parameter changes are checked, since all trials share
    them. Layers with a wrong type, name or reference, and layers that depend on them, are left out.

    Args:
        document: The document as plain JSON or YAML values. The result is empty without spec.network, if its inputs are
            invalid, and with spec.image or spec.code, which may have classes that this image lacks.
        known: Problems of the document from other checks. Layers with such a problem are left out.
    """
    spec = training_spec(document)
    if spec is None or has_other_classes(spec):
        return Findings()
    precision = {"precision": value} if (value := _training(spec).get("precision")) else {}
    if (readable := make_readable(spec.get("network"))) is None:
        return Findings()
    try:
        question = Question.model_validate({"network": readable.network, **precision})
    except ValidationError:
        return Findings()
    found = sketch(question.network, precision=question.precision)
    is_template = document.get("kind") == EXPERIMENT
    path = "spec.template.spec.network" if is_template else "spec.network"
    end = first_searched_layer(spec, [each.path for each in paths_in(document)]) if is_template else None
    problems = [Problem(path, message) for message in found.errors] if end is None and not readable.is_changed else []
    layers = found.layers[:end]
    for layer in layers:
        place, error = f"{path}.layers[{layer.index}]", _error(layer, readable)
        if error is not None and not any(_is_within(problem.path, place) for problem in known):
            problems.append(Problem(place, error.partition(": ")[2] or error))
    sound = list(
        takewhile(lambda layer: layer.index not in readable.replaced and _error(layer, readable) is None, layers)
    )
    has_fault = bool(problems) or readable.is_changed or len(sound) < len(layers)
    return Findings(problems, _table(path, sound) if has_fault else ())


def _error(layer: LayerReport, readable: ReadableNetwork) -> str | None:
    """Return the error of a layer that Keras finds in the document, or None."""
    # In a changed network, a layer that was called can only have a wrong error: that no layer takes its output.
    is_ignored = layer.index in readable.replaced or (readable.is_changed and layer.shapes is not None)
    return None if is_ignored else layer.error


def _table(path: str, layers: Sequence[LayerReport]) -> Sequence[str]:
    """Return a heading and a line with the output shapes of each layer, at most _MAX_ROWS; no lines without layers."""
    rows = [
        (f"{path}.layers[{layer.index}]", layer.kind, ", ".join(map(str, layer.shapes)))
        for layer in layers[-_MAX_ROWS:]
        if layer.shapes is not None
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return ["Output shapes of the layers before the first problem:", *lines] if lines else ()


def _training(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    training = spec.get("training")
    return training if isinstance(training, Mapping) else {}


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))
