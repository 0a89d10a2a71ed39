"""The ExperimentLedger: all trial events of an Experiment that the operator has observed."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from epochal_api.kind import Metadata
from epochal_api.model import Model

KIND = "ExperimentLedger"
PLURAL = "experimentledgers"
MAX_DATA = 200 * 1024
"""Maximum bytes of the packed events: a report about them must fit in an annotation of 128 KiB."""


class ExperimentLedger(Model):
    """The observed trials of the Experiment with the same name. Only the operator writes it."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["epochal.dev/v1alpha1"] = Field(default="epochal.dev/v1alpha1", alias="apiVersion")
    """Version of this schema."""
    kind: Literal["ExperimentLedger"] = "ExperimentLedger"
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace and identity; the Experiment is its controller."""
    data: Annotated[str, Field(max_length=MAX_DATA, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
    """The events in order: one JSON array per line, compressed with gzip, as base64."""
