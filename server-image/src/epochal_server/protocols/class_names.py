"""The name of each sample's predicted class, for clients that ask for it: `?class_names=true`."""

from collections.abc import Mapping

import orjson

from epochal_server.model.model import Arrays, Model
from epochal_server.protocols.classes import class_name, has_classes, predicted_classes
from epochal_server.protocols.query import boolean
from epochal_server.refusals import Invalid

CLASS_NAMES = "class_names"
"""The parameter in the query of a request, and the field of the answer."""
NULL = b"null"


def has_names(model: Model) -> bool:
    """Return whether a model has a name for each class of its first output."""
    return model.classes is not None and has_classes(model.first_output)


def requested(query: Mapping[str, str], model: Model) -> bool:
    """Return whether a request asks for the names of the classes.

    Raises:
        Invalid: If it asks for them and the model has none, or its first output has no value for each class, or the
            parameter has another value than true or false.
    """
    if not boolean(query, CLASS_NAMES):
        return False
    if model.classes is None:
        raise Invalid(
            f"{CLASS_NAMES}: expected a model with named classes, found no names: set spec.classes of the ModelServer, "
            f"or remove {CLASS_NAMES}"
        )
    if not has_names(model):
        first = model.first_output
        raise Invalid(
            f"{CLASS_NAMES}: expected a first output with a probability, or with a value for each class, found "
            f"{first.name!r}, {first}: remove {CLASS_NAMES}"
        )
    return True


def names(answers: Arrays, model: Model, begin: int, end: int) -> list[str | None]:
    """Return the name of each sample's class, for the samples from `begin` up to `end`. It is None for NaN."""
    output = answers[model.first_output.name][begin:end]
    return [None if index is None else class_name(model.classes, index) for index in predicted_classes(output)]


def name_bytes(model: Model) -> int:
    """Return the maximum bytes of a sample's class name as JSON, with its comma."""
    return max([len(NULL), *(len(orjson.dumps(name)) for name in model.classes or ())]) + len(",")
