"""What every kind of the API has: its group, its metadata, how it is read, and what of it may not change."""

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from epochal_api.model import BEGUN, Model, Rule, field_errors
from epochal_api.text import printable

GROUP = "epochal.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_SECONDS = 10 * 365 * 24 * 3600
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]


class Metadata(Model):
    """The part of an object's metadata that matters to Epochal."""

    model_config = ConfigDict(extra="ignore")

    name: str
    """Name of the object."""
    namespace: str = "default"
    """Namespace of the object."""
    labels: Annotated[dict[str, str], BeforeValidator(lambda labels: labels or {})] = {}
    """Labels of the object."""
    uid: str = ""
    """Identity of the object; empty for a file that no API server has taken."""
    generation: int = 0
    """Counts changes of the spec."""
    resource_version: str = ""
    """Version of the object as read."""
    creation_timestamp: str = ""
    """When the API server took it, RFC 3339."""
    deletion_timestamp: str | None = None
    """When its deletion began, RFC 3339."""


class InvalidObject(ValueError):
    """An object that breaks the API's rules; the message has a line per field, and can be shown as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def named(most: int, named_after: str) -> Rule:
    """Returns the rule that an object's name is one that others can be named after.

    Args:
        most: Characters that it may have.
        named_after: What is named after it.
    """
    return Rule(
        f"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= {most}",
        f"metadata.name must be a DNS label of at most {most} characters (a-z, 0-9, -): {named_after}",
    )


def frozen(spec: type[Model], name: str, free: str, message: str) -> Rule:
    """Returns the rule that a field of the spec stays as it is.

    Args:
        spec: Model of the spec.
        name: Name of the field in it.
        free: Expression that is true as long as the field may still change.
        message: What is said to whoever changes it later.
    """
    field = to_camel(name)
    same = f"self.spec.{field} == oldSelf.spec.{field}"
    if spec.model_fields[name].default is None:
        same = f"has(self.spec.{field}) == has(oldSelf.spec.{field}) && (!has(self.spec.{field}) || {same})"
    return Rule(f"{free} || ({same})", message)


AnyKind = TypeVar("AnyKind", bound=Model)


def read(model: type[AnyKind], document: Any, refused: type[InvalidObject], *, begun: bool = False) -> AnyKind:
    """Reads an object.

    Args:
        model: Its kind.
        document: The object as plain JSON or YAML values.
        refused: The error to raise.
        begun: Whether it has begun, so that rules that came later are none for it.

    Returns:
        The object with all defaults filled in.

    Raises:
        InvalidObject: If it breaks a rule; the message names each field, what was found and what must hold.
    """
    name = model.__name__
    if not isinstance(document, dict):
        raise refused(f"must be {'an' if name[0] in 'AEIOU' else 'a'} {name}, found {type(document).__name__}")
    if (kind := document.get("kind")) != name or document.get("apiVersion") != API_VERSION:
        found = f"{document.get('apiVersion')}, kind {kind}"
        raise refused(f"must be {API_VERSION}, kind {name}; found {found}")
    try:
        return model.model_validate(document, context={BEGUN: begun})
    except ValidationError as error:
        raise refused("\n".join(field_errors(error, show_found=True))) from None
