"""The ExperimentLedger: all trial events of an Experiment that the operator has observed."""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.kind import KubernetesObject

KIND = "ExperimentLedger"
PLURAL = "experimentledgers"
MAX_DATA = 200 * 1024
"""Maximum characters of `data`: a report about these events must fit in an annotation of 128 KiB."""


class ExperimentLedger(KubernetesObject):
    """The observed trials of the Experiment with the same name. Only the operator writes it."""

    kind: Literal["ExperimentLedger"] = "ExperimentLedger"
    data: Annotated[str, Field(max_length=MAX_DATA, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
    """The events in order: one JSON array per line, compressed with gzip, as base64."""
