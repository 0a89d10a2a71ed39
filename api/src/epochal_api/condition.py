"""A condition as in every Kubernetes API, and how times and texts stand in a status."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from epochal_api.model import StatusModel
from epochal_api.text import printable

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Text = Annotated[str, AfterValidator(lambda text: printable(text, instead=" "))]
"""Words of others, which a terminal may show whatever was in them."""


class Condition(StatusModel):
    """A condition as in every Kubernetes API."""

    type: Annotated[str, Field(max_length=64)]
    """What it tells of: for a TrainingJob Ready, Stalled, Suspended, Complete, Failed, Finished, StorageAvailable,
    SpecApplied or Exported; for a ModelServer Ready, Progressing, Reconciling or Stalled."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, in one word for machines."""
    message: Annotated[Text, Field(max_length=32768)] = ""
    """Why, for people."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: int = 0
    """Generation of the spec that it was computed from."""


def timestamp(moment: datetime) -> str:
    """Returns a moment as a status has it: RFC 3339, UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
