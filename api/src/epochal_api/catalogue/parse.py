"""Parses an object, and reports all problems of an invalid object as the commands and Studio do."""

from typing import Any, TypeVar

from epochal_api.catalogue.findings import to_text
from epochal_api.catalogue.problems import problems
from epochal_api.kind import InvalidObject, KubernetesObject, parse_object

AnyKind = TypeVar("AnyKind", bound=KubernetesObject)


def parse_or_report(model: type[AnyKind], document: Any, error_type: type[InvalidObject]) -> AnyKind:
    """Parse an object, and set all defaults. An invalid object raises an error with the lines of all its problems.

    The problems of the Keras objects and of the graph of layers alone do not make the object invalid.

    Raises:
        InvalidObject: As `error_type`, if a field is invalid. The message has the lines of all errors that `problems`
            returns, up to a maximum number.
    """
    try:
        return parse_object(model, document, error_type)
    except error_type as error:
        errors = [problem for problem in problems(document) if not problem.is_warning]
        raise error_type(to_text(errors) or str(error)) from None
