"""Builds a TrainingJob from a Keras model and arrays of a notebook."""

import json
from collections.abc import Mapping
from typing import Any

from epochal_api.catalogue.problems import problems
from epochal_api.text import printable
from epochal_api.trainingjob.network import Network

from epochal.errors import EpochalError
from epochal.importers.draft import Draft, object_name
from epochal.importers.imported import describe_problem, shown_line
from epochal.importers.keras_model.job import ConvertedModel, convert_model
from epochal.importers.keras_model.weights import ModelWeights
from epochal.importers.reading import MAX_BYTES
from epochal.notebook.arrays import data_sets
from epochal.notebook.fields import merged
from epochal.notebook.staged import Staged, StagedFile

_MAX_LINES = 20
_LOSSES = ("training.loss", "training.outputs")
_WEIGHTS = "initial.weights.h5"


def convert(
    model: Any,
    *,
    name: str,
    bucket: str,
    results: str,
    weights: bool,
    spec: Mapping[str, Any],
    strict: bool,
    staged: Staged,
    **sets: Any,
) -> tuple[dict[str, Any], list[str]]:
    """Return the TrainingJob for a Keras model, and a message for each detail of the model that is lost.

    Args:
        model: The model of Keras 3.
        name: Name of the TrainingJob.
        bucket: Name of the bucket for the arrays and the weights.
        results: Name of the bucket for the results.
        weights: Whether the training starts with the weights of the model.
        spec: Fields of the spec that override those from the model.
        strict: Whether a detail of the model that a TrainingJob cannot express is an error.
        staged: Receives the files to upload.
        sets: The arguments `data`, `validation` and `test` of `arrays.data_sets`.

    Raises:
        EpochalError: If a TrainingJob cannot express the model, or the arrays do not fit it.
    """
    if object_name(name) != name:
        raise EpochalError(
            f"name: found {printable(name[:100])!r}, expected at most 63 characters of a-z, 0-9 and -",
            f"Use {object_name(name)!r}.",
        )
    converted = convert_model(_configuration(model), name=name, source=printable(str(model.name)[:100]))
    draft = converted.draft
    _require_whole(draft, spec, strict=strict)
    network = converted.imported_network.network
    draft.spec["data"] = data_sets(Network.model_validate(network), bucket=bucket, name=name, staged=staged, **sets)
    draft.spec["results"] = {"bucket": results}
    if weights:
        file = _store_weights(model, converted, bucket, name, staged)
        staged.files.append(file)
        network["weights"] = {"uri": f"s3://{file.bucket}/{file.key}"}
    document = draft.document()
    document["spec"] = merged(document["spec"], spec)
    _require_valid(document, draft.origins)
    return document, [shown_line(line) for line in draft.warnings]


def _configuration(model: Any) -> dict[str, Any]:
    """Return the configuration of a Keras model as JSON values, with the arguments of `compile`."""
    if not hasattr(model, "to_json") or not hasattr(model, "layers"):
        raise EpochalError(
            f"found {type(model).__name__}, expected a model of Keras", "Pass keras.Model(inputs, outputs)."
        )
    try:
        text = model.to_json()
    except Exception as error:  # noqa: BLE001 - Keras raises errors of many types for a model with code
        raise EpochalError(
            f"Keras cannot describe the model {printable(str(model.name)[:100])}: {shown_line(str(error)[:500])}",
            "Build it with keras.Sequential or keras.Model(inputs, outputs), of layers of Keras.",
        ) from None
    if len(text) > MAX_BYTES:
        raise EpochalError(f"the description of the model has {len(text):,} characters, expected at most {MAX_BYTES:,}")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise EpochalError(f"the description of the model is a {type(document).__name__}, expected a mapping")
    return document


def _require_whole(draft: Draft, spec: Mapping[str, Any], *, strict: bool) -> None:
    """Raise EpochalError if a model is not built or not compiled or, with `strict`, if one of its details is lost."""
    if "network.input" in draft.placeholders:
        raise EpochalError(
            "the model is not built: its input has no shape", "Call model.build(…), or begin with keras.Input."
        )
    own = spec.get("training")
    if any(path in draft.placeholders for path in _LOSSES) and not (
        isinstance(own, Mapping) and {"loss", "outputs"} & own.keys()
    ):
        raise EpochalError(
            "the model is not compiled: a TrainingJob needs an optimizer and a loss",
            'Call model.compile(…), or pass spec={"training": {"optimizer": …, "loss": …}}.',
        )
    if strict and draft.warnings:
        lines = [shown_line(line) for line in draft.warnings[:_MAX_LINES]]
        more = len(draft.warnings) - len(lines)
        raise EpochalError(
            "\n".join(
                ["a TrainingJob cannot express the model:", *lines, *([f"and {more:,} more"] if more > 0 else [])]
            ),
            "Change these parts, or pass strict=False to leave them out.",
        )


def _require_valid(document: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    found = [problem for problem in problems(document) if not problem.is_warning]
    if found:
        lines = [describe_problem(problem, origins, "spec") for problem in found[:_MAX_LINES]]
        raise EpochalError("\n".join(["the model gives no valid TrainingJob:", *lines]), "Change these parts.")


def _store_weights(model: Any, converted: ConvertedModel, bucket: str, name: str, staged: Staged) -> StagedFile:
    """Write the weights of a model to a file for the TrainingJob's network, and return the file to upload."""
    from epochal_lib.digests import sha256  # noqa: PLC0415 - most jobs start with weights of their own

    path = staged.folder / _WEIGHTS
    if converted.imported_network.has_inner_models:
        saved = staged.folder / "model.keras"
        model.save(saved)
        ModelWeights(saved, converted.imported_network).write(path)
        saved.unlink()
    else:
        model.save_weights(path)
    return StagedFile(path, bucket, f"{name}/{sha256(path)[:12]}.weights.h5")
