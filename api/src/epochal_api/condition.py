"""The Condition of Kubernetes APIs, and the formats of times and texts in a status."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from epochal_api.model import StatusModel, list_map
from epochal_api.text import printable

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Text = Annotated[str, AfterValidator(lambda text: printable(text, instead=" "))]
"""Text from another source, such as a trainer. A space replaces each character that may control a terminal."""


Uri = Annotated[str, Field(max_length=2048)]
NumberText = Annotated[str, Field(max_length=64)]
"""A number as text: the API has no floats."""
MachineReason = Annotated[str, Field(max_length=128)]


class Condition(StatusModel):
    """A condition as in all Kubernetes APIs."""

    type: Annotated[str, Field(max_length=64)]
    """Type of the condition: for a TrainingJob Ready, Stalled, Suspended, Complete, Failed, Finished, StorageAvailable,
    SpecApplied or Exported; for a ModelServer Ready, Progressing, Reconciling, Stalled or
    ImagesSuitable."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    reason: MachineReason
    """Machine-readable reason for the status."""
    message: Annotated[Text, Field(max_length=32768)] = ""
    """Explanation of the status for users."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: int = 0
    """Generation of the spec for which the condition was computed."""


Conditions = Annotated[list[Condition], Field(max_length=16, json_schema_extra=list_map("type"))]


def timestamp(moment: datetime) -> str:
    """Return a time in the format of a status: RFC 3339, UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
