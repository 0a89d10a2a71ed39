"""Converts a YAML document to the object to save: a new object, or a changed version of the stored object."""

from collections.abc import Mapping
from typing import Any

from epochal.client.kinds import checked_name

from epochal_studio.bodies import namespace_of
from epochal_studio.networks.examine import wrong_kind
from epochal_studio.networks.reading import UnreadableDocument, read_object
from epochal_studio.problems import refuse
from epochal_studio.runs.document import LAST_APPLIED, SERVER_FIELDS
from epochal_studio.runs.values import mapping, run_kind
from epochal_studio.wire.common import RunKey

Object = dict[str, Any]


def read_document(text: str, namespace: str) -> tuple[RunKey, Object]:
    """Return the key and the object in a YAML text, without the fields that the API server and controllers set.

    Args:
        text: The YAML text.
        namespace: The namespace to save in.

    Raises:
        Refusal: 422, if the text is neither a TrainingJob nor an Experiment, has invalid metadata, or another
            namespace; 400, if `namespace` is invalid.
        EpochalError: If the name of the object is invalid.
    """
    namespace_of(namespace)
    try:
        found = read_object(text)
    except UnreadableDocument as error:
        place = f"line {error.problem.line}" if error.problem.line else "the line"
        raise refuse(422, "Invalid", error.problem.message, f"Correct {place} of the text.") from None
    if (wrong := wrong_kind(found)) is not None:
        raise refuse(
            422, "Invalid", f"{wrong.path}: {wrong.message}", "Studio saves only these kinds: use kubectl for others."
        )
    metadata, kind = found.get("metadata"), run_kind(found["kind"])
    if not isinstance(metadata, dict) or kind is None:
        raise refuse(422, "Invalid", "metadata: must be a mapping with the name of the object", "Add metadata.name.")
    for field in ("labels", "annotations"):
        if not isinstance(metadata.get(field) or {}, dict):
            raise refuse(422, "Invalid", f"metadata.{field}: must be a mapping of texts", "Correct this field.")
    name, written = metadata.get("name"), metadata.get("namespace") or namespace
    if not isinstance(name, str) or not name:
        raise refuse(422, "Invalid", "metadata.name: is missing, or is not a text", "Add metadata.name.")
    if written != namespace:
        raise refuse(
            422,
            "Invalid",
            f"metadata.namespace: found {str(written)[:100]!r}, expected {namespace!r}, the namespace to save in",
            "Remove metadata.namespace, or choose that namespace.",
        )
    kept = {field: value for field, value in metadata.items() if field not in SERVER_FIELDS}
    document = {field: value for field, value in found.items() if field != "status"}
    document["metadata"] = {**kept, "namespace": namespace}
    return RunKey(kind=kind, namespace=namespace, name=checked_name(kind, name)), document


def changed(stored: Mapping[str, Any], document: Mapping[str, Any], seen: Mapping[str, Any]) -> Object:
    """Return a copy of the stored object with the spec, the labels and the annotations of a document.

    The status, finalizers, owner references and all other fields keep their stored values, and so does the annotation
    of `kubectl apply`, which the pages do not show. The API server compares both objects, so fields with the same value
    keep their field managers.

    Args:
        stored: The object as the API server has it.
        document: The document to save.
        seen: The metadata that the user has seen. Other stored labels and annotations stay, because the document lacks
            them for this reason alone.
    """
    metadata = {**mapping(stored.get("metadata"))}
    given = mapping(document.get("metadata"))
    for field in ("labels", "annotations"):
        before, after, known = mapping(metadata.get(field)), mapping(given.get(field)), mapping(seen.get(field))
        kept = {name: value for name, value in before.items() if name not in known or name == LAST_APPLIED}
        metadata[field] = {**kept, **after}
        if not metadata[field]:
            del metadata[field]
    # Other fields of the document are unknown: the API server refuses them by their names.
    rest = {field: value for field, value in document.items() if field != "metadata"}
    unknown = {field: value for field, value in given.items() if field not in metadata and field not in _KNOWN}
    return {**stored, **rest, "spec": document.get("spec"), "metadata": {**metadata, **unknown}}


def has_other_labels(stored: Mapping[str, Any], document: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Return whether another user has changed a label or an annotation that the user has seen or also writes.

    A change of labels or annotations does not change the generation. It is no conflict if the document has the same
    value.

    Args:
        stored: The object as the API server has it.
        document: The document to save.
        seen: The metadata that the user has seen; empty if it is unknown.
    """
    metadata, given = mapping(stored.get("metadata")), mapping(document.get("metadata"))
    for field in ("labels", "annotations"):
        before, after, known = (mapping(each.get(field)) for each in (metadata, given, seen))
        for name in {*known, *after} - {LAST_APPLIED}:
            if before.get(name) not in (known.get(name), after.get(name)):
                return True
    return False


_KNOWN = frozenset({"labels", "annotations", "name", "namespace"})
