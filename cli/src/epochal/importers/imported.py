"""The result of an import: a manifest with comments, warnings about lost details, and the weights of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from epochal_api.catalogue.findings import MAX_LINES, Problem
from epochal_api.catalogue.problems import problems
from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.manifests import write


class Weights(Protocol):
    """The weights of an imported model, which can be written to a file."""

    def write(self, path: Path) -> None:
        """Write the weights as a .weights.h5 file.

        Raises:
            EpochalError: If the weights are damaged, or a package is missing.
        """


@dataclass(frozen=True)
class Imported:
    """The result of importing a file of another tool.

    Args:
        document: The TrainingJob or Experiment as mappings and lists.
        comments: Comments by the path of the field below them.
        warnings: The lost details of the file, one line for each.
        placeholders: Paths of fields whose values are not in the file, so the user must fill them in.
        weights: The weights of the model; None if the file has none.
    """

    document: Mapping[str, Any]
    comments: Mapping[str, str]
    warnings: Sequence[str] = ()
    placeholders: Sequence[str] = ()
    weights: Weights | None = None

    @cached_property
    def text(self) -> str:
        """The manifest as YAML with comments."""
        return write(self.document, self.comments)

    def with_weights(self, uri: str) -> "Imported":
        """Return the import with `uri` in `network.weights`, and without the comment to do so."""
        spec = self.document["spec"]
        network = {**spec["network"], "weights": {"uri": uri}}
        document = {**self.document, "spec": {**spec, "network": network}}
        return replace(self, document=document, comments=self._comments_without_weights())

    def without_weights(self) -> "Imported":
        """Return the import without the weights of the model, and without the comment about them."""
        return replace(self, weights=None, comments=self._comments_without_weights())

    def _comments_without_weights(self) -> Mapping[str, str]:
        return {path: text for path, text in self.comments.items() if path != "spec.network.weights"}


def finish_import(
    draft: Draft,
    document: Mapping[str, Any] | None = None,
    comments: Mapping[str, str] = MappingProxyType({}),
    *,
    strict: bool,
    weights: Weights | None = None,
) -> Imported:
    """Check a finished draft, and return the import: a TrainingJob, or an Experiment with the draft as its template.

    Args:
        draft: The TrainingJob or the template, with warnings and placeholders.
        document: The Experiment, including the template; None for a TrainingJob.
        comments: Additional comments by their path in the Experiment.
        strict: Whether to raise an error if a detail of the file is lost.
        weights: The weights of the model; None if the file has none.

    Raises:
        EpochalError: If the object has problems; or, with `strict`, if a detail of the file is lost.
    """
    if weights is not None:
        text = "The file of weights is beside this manifest. Upload it, and write: weights: {uri: s3://BUCKET/NAME.weights.h5}"
        draft.comment("network.weights", text)
    prefix = "spec" if document is None else "spec.template.spec"
    document = document or draft.document()
    found = [problem for problem in problems(document) if not problem.is_warning]
    if found:
        lines = [describe_problem(problem, draft.origins, prefix) for problem in found[:MAX_LINES]]
        if len(found) > MAX_LINES:
            lines.append(f"and {len(found) - MAX_LINES} more problems")
        kind = document["kind"]
        raise EpochalError("\n".join([f"the file gives no valid {kind}:", *lines]), "Correct these parts of the file.")
    if strict and draft.warnings:
        lines = [shown_line(line) for line in draft.warnings]
        raise EpochalError("\n".join(["--strict: details of the file are lost:", *lines]), "Import without --strict.")
    inner = {f"{prefix}.{path}": text for path, text in draft.comments.items()}
    return Imported(
        document=document,
        comments={**({"": draft.heading} if draft.heading else {}), **inner, **comments},
        warnings=[shown_line(line) for line in draft.warnings],
        placeholders=[f"{prefix}.{path}" for path in draft.placeholders],
        weights=weights,
    )


def shown_line(text: str) -> str:
    """Return a text in one line, without control characters."""
    return printable(" ".join(text.split()))


def describe_problem(problem: Problem, origins: Mapping[str, str], prefix: str) -> str:
    """Return the text of a problem, with the label of the part of the imported file from which its field was made."""
    path = problem.path.removeprefix(f"{prefix}.")
    origin = next((label for known, label in origins.items() if path == known or path.startswith(f"{known}.")), None)
    return f"{origin}: {problem}" if origin else shown_line(str(problem))
