"""Common parts of all kinds: the API group, the metadata, parsing, and rules for immutable fields."""

from collections.abc import Callable, Container, Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from epochal_api.model import Model, Rule, field_errors
from epochal_api.text import printable

GROUP = "epochal.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_SECONDS = 10 * 365 * 24 * 3600
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]


class Metadata(Model):
    """The metadata fields that Epochal uses."""

    model_config = ConfigDict(extra="ignore")

    name: str
    """Name of the object."""
    namespace: str = "default"
    """Namespace of the object."""
    labels: Annotated[dict[str, str], BeforeValidator(lambda labels: labels or {})] = {}
    """Labels of the object."""
    uid: str = ""
    """UID of the object; empty if the object comes from a file and not from an API server."""
    generation: int = 0
    """Generation of the spec."""
    resource_version: str = ""
    """resourceVersion of the object as read."""
    creation_timestamp: str = ""
    """When the object was created, RFC 3339."""
    deletion_timestamp: str | None = None
    """When the deletion of the object was requested, RFC 3339."""


class InvalidObject(ValueError):
    """An object that violates the API's rules. The message has one line per field, without control characters."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def dns_label_rule(max_length: int, owned_objects: str) -> Rule:
    """Return the rule that an object's name is a DNS label and short enough for the names of the objects that it owns.

    Args:
        max_length: Maximum characters.
        owned_objects: The owned objects whose names begin with the object's name, for the message: such as `pods`.
    """
    return Rule(
        f"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= {max_length}",
        f"metadata.name must be a DNS label of at most {max_length} characters (a-z, 0-9, -), because the names of its "
        f"{owned_objects} begin with it",
        ("self.metadata.name",),
    )


def immutability_rules(
    spec: type[Model], mutable: Container[str], *, not_started: str, message: Callable[[str], str]
) -> Iterator[Rule]:
    """Yield a rule for each field of a kind's spec that cannot change once the object has started.

    Args:
        spec: Model of the spec.
        mutable: Names in the model of the fields that stay mutable; they get no rule.
        not_started: CEL expression that is true while the object has not started.
        message: Returns the error message for a change of a field, by the field's name in JSON.
    """
    for name, info in spec.model_fields.items():
        if name in mutable:
            continue
        field = to_camel(name)
        unchanged = f"self.spec.{field} == oldSelf.spec.{field}"
        if info.default is None:
            unchanged = (
                f"has(self.spec.{field}) == has(oldSelf.spec.{field}) && (!has(self.spec.{field}) || {unchanged})"
            )
        yield Rule(f"{not_started} || ({unchanged})", message(field))


class KubernetesObject(Model):
    """The fields that all kinds have."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["epochal.dev/v1alpha1"] = "epochal.dev/v1alpha1"
    """Version of this schema."""
    kind: str
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace and identity."""


AnyKind = TypeVar("AnyKind", bound=KubernetesObject)


def parse_object(model: type[AnyKind], document: Any, error_type: type[InvalidObject]) -> AnyKind:
    """Return an object with all defaults, from plain JSON or YAML values.

    Raises:
        InvalidObject: As `error_type`, if the object violates a rule. The message has a line for each field with the
            expected value and the value found.
    """
    name = model.__name__
    if not isinstance(document, dict):
        raise error_type(f"must be {'an' if name[0] in 'AEIOU' else 'a'} {name}, found {type(document).__name__}")
    if (kind := document.get("kind")) != name or document.get("apiVersion") != API_VERSION:
        raise error_type(f"must be {API_VERSION}, kind {name}; found {document.get('apiVersion')}, kind {kind}")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise error_type("\n".join(field_errors(error, show_found=True))) from None
