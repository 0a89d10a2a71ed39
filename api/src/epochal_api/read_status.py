"""Reads statuses that another version of Epochal has written."""

import copy
import functools
import operator
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from epochal_api.model import StatusModel

AnyStatus = TypeVar("AnyStatus", bound=StatusModel)

_FALLBACKS: Mapping[Any, str] = {"reason": "Unknown", "lastTransitionTime": "1970-01-01T00:00:00Z"}
"""Values for missing fields of a condition, so that its status is not omitted with them."""
_MAX_ROUNDS = 16
"""Maximum number of rounds, greater than the depth of a status: removed fields may make the object around invalid."""


def read_status(model: type[AnyStatus], document: Any) -> AnyStatus:
    """Return a status written by any version of Epochal, without the parts that this version cannot read.

    Texts and lists that are too long are cut. Objects without a required field are omitted, except conditions without a
    reason or time.

    Args:
        model: Status, or a part of it.
        document: The status as JSON; None if there is none.
    """
    content = {} if document is None else document
    for _ in range(_MAX_ROUNDS):
        try:
            return model.model_validate(content)
        except ValidationError as error:
            errors = {_path_to_correct(detail): detail for detail in error.errors(include_url=False)}
            content = copy.deepcopy(content)
            # In reverse order, so that list items keep their index.
            for path in sorted(errors, key=lambda path: [str(part).zfill(9) for part in path], reverse=True):
                content = _correct(content, path, errors[path])
    return model()


def status_validator(model: type[StatusModel]) -> BeforeValidator:
    """Return the validator that parses the status field of a kind with `read_status`."""
    return BeforeValidator(
        lambda value: value if value is None or isinstance(value, model) else read_status(model, value)
    )


def _path_to_correct(error: ErrorDetails) -> tuple[int | str, ...]:
    """Return the path of the value that `_correct` must change because of a validation error.

    It is the path of the invalid value. For an invalid key, or a missing field without a fallback, it is the path of
    the object around it.
    """
    *parents, last = error["loc"] or ("",)
    is_incomplete = error["type"] == "missing" and last not in _FALLBACKS
    return tuple(parents) if is_incomplete or last == "[key]" else error["loc"]


def _correct(document: Any, path: tuple[int | str, ...], error: ErrorDetails) -> Any:
    """Shorten, fill in or remove the invalid value at a path, and return the document; {} if the path is empty."""
    if not path:
        return {}
    *parents, last = path
    try:
        parent = functools.reduce(operator.getitem, parents, document)
        match error["type"]:
            case "missing" if last in _FALLBACKS:
                parent[last] = _FALLBACKS[last]
            case "string_too_long" | "too_long":
                value, length = parent[last], error["ctx"]["max_length"]
                parent[last] = dict([*value.items()][:length]) if isinstance(value, dict) else value[:length]
            case _:
                del parent[last]
    except (KeyError, IndexError, TypeError):
        pass  # An outer part was already removed.
    return document
