"""The name of each sample's predicted class, for clients that ask for it: `?class_names=true`."""

from collections.abc import Mapping

import orjson

from epochal_server.model.model import Arrays, Model
from epochal_server.protocols.classes import class_name, has_classes, predicted_classes
from epochal_server.protocols.query import boolean
from epochal_server.refusals import Invalid

CLASS_NAMES = "class_names"
"""The query parameter of a request for class names, and the field of the answer that contains them."""
NULL = b"null"


def has_names(model: Model) -> bool:
    """Return whether a model has class names, and a first output with a value for each class or a probability."""
    return model.classes is not None and has_classes(model.first_output)


def requested(query: Mapping[str, str], model: Model) -> bool:
    """Return whether a request asks for class names, by the query parameter `class_names`.

    Raises:
        Invalid: If the parameter is neither true nor false, or if it is true and `has_names` is false for the model.
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
    """Return the name of each sample's predicted class, for the samples from `begin` to before `end`.

    The name is None for a sample with NaN in the first output.
    """
    output = answers[model.first_output.name][begin:end]
    return [None if index is None else class_name(model.classes, index) for index in predicted_classes(output)]


def name_bytes(model: Model) -> int:
    """Return the maximum bytes of one class name in a JSON list, with its comma."""
    return max([len(NULL), *(len(orjson.dumps(name)) for name in model.classes or ())]) + len(",")
