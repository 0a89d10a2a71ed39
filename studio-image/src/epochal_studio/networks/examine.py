"""Finds the problems of a YAML document without Keras, and builds the request to the checker for its network."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal_api.catalogue.findings import Problem as Finding
from epochal_api.catalogue.problems import problems, training_spec
from epochal_api.catalogue.searched import paths_in
from epochal_api.checker import MAX_QUESTION_BYTES, Question
from epochal_api.experiment.searched_layers import first_searched_layer
from epochal_api.experiment.spec import KIND as EXPERIMENT
from epochal_api.kind import API_VERSION
from epochal_api.trainingjob.spec import KIND as TRAINING_JOB
from pydantic import ValidationError

from epochal_studio.networks.reading import UnreadableDocument, read_object
from epochal_studio.runs.values import mapping
from epochal_studio.wire.common import Problem
from epochal_studio.wire.networks import DocumentProblem

SAVED_KINDS = (TRAINING_JOB, EXPERIMENT)
"""The kinds of objects that the modeler can save."""
_LAYER = re.compile(r"spec\.(?:template\.spec\.)?network\.layers\[(\d{1,4})\]")


@dataclass(frozen=True)
class Examined:
    """The result of the checks of a YAML document that need no Keras.

    Args:
        problems: The problems of the document.
        question: JSON request to the checker with the network; None if the checker cannot check this document.
        reason: Why `question` is None.
        network: Path of the network in the document.
        first_searched: Index of the first layer that a parameter of an Experiment changes; None if no layer changes.
    """

    problems: Sequence[DocumentProblem]
    question: bytes | None = None
    reason: Problem | None = None
    network: str = "spec.network"
    first_searched: int | None = None


def examine(text: str) -> Examined:
    """Return the problems of a YAML text, and the request to the checker for its network."""
    try:
        document = read_object(text)
    except UnreadableDocument as error:
        reason = _reason("Invalid", "The text cannot be read, so its network is unknown.", "Correct the marked line.")
        return Examined([error.problem], reason=reason)
    if (wrong := wrong_kind(document)) is not None:
        reason = _reason("Invalid", "Studio finds shapes of layers only for a TrainingJob or an Experiment.")
        return Examined([wrong], reason=reason)
    found = [_problem(each) for each in problems(document)]
    spec = training_spec(document) or {}
    is_template = document["kind"] == EXPERIMENT
    question = _question(spec)
    return Examined(
        found,
        question=question if isinstance(question, bytes) else None,
        reason=question if isinstance(question, Problem) else None,
        network="spec.template.spec.network" if is_template else "spec.network",
        first_searched=first_searched_layer(spec, [each.path for each in paths_in(document)]) if is_template else None,
    )


def wrong_kind(document: Mapping[str, Any]) -> DocumentProblem | None:
    """Return a problem if a document is neither a TrainingJob nor an Experiment of this API version, or None."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind in SAVED_KINDS and version == API_VERSION:
        return None
    found = f"{str(version)[:100]}, kind {str(kind)[:100]}"
    message = f"must be {API_VERSION}, kind {' or '.join(SAVED_KINDS)}, found {found}"
    return DocumentProblem(path="kind" if version == API_VERSION else "apiVersion", message=message)


def layer_of(path: str) -> int | None:
    """Return the index of the layer in a path such as `spec.network.layers[2].units`; None for other paths."""
    match = _LAYER.match(path)
    return int(match[1]) if match else None


def _problem(found: Finding) -> DocumentProblem:
    message = f"{found.message}; {found.hint}" if found.hint else found.message
    return DocumentProblem(path=found.path, message=message, layer=layer_of(found.path), is_warning=found.is_warning)


def _question(spec: Mapping[str, Any]) -> bytes | Problem:
    """Return the JSON request to the checker for the network of a spec; a Problem if the checker cannot check it."""
    if spec.get("image"):
        return _reason(
            "OtherImage",
            "spec.image is set, and that image may have another version of Keras, so shapes are unknown here.",
            "The training itself reports wrong shapes. Remove spec.image to see shapes here.",
        )
    if spec.get("model") or spec.get("code"):
        field = "model" if spec.get("model") else "code"
        return _reason(
            "NoNetwork", f"The network comes from spec.{field}, so the shapes of its layers are unknown here."
        )
    network, precision = spec.get("network"), mapping(spec.get("training")).get("precision")
    document = {"network": network, **({"precision": precision} if precision else {})}
    try:
        Question.model_validate(document)
    except ValidationError:
        return _reason(
            "Invalid",
            "Shapes are unknown until the fields of the network are correct.",
            "Correct the problems of the network, the input and its layers.",
        )
    question = json.dumps(document, separators=(",", ":")).encode()
    if len(question) > MAX_QUESTION_BYTES:
        return _reason(
            "TooLarge",
            f"The network must fit in {MAX_QUESTION_BYTES:,} bytes as JSON, found {len(question):,}.",
            "Use fewer layers.",
        )
    return question


def _reason(reason: str, message: str, remedy: str = "") -> Problem:
    return Problem(reason=reason, message=message, remedy=remedy)
