"""The fields in status.display: values of columns of `kubectl get`, formatted for users."""

from typing import Annotated

from pydantic import Field

from epochal_api.condition import NumberText
from epochal_api.model import StatusModel


class Display(StatusModel):
    """Values for `kubectl get`, formatted for users."""

    epoch: str | None = None
    """Finished and total epochs, such as 3/10."""
    metric: str | None = None
    """The main metric, such as val_loss 0.0436."""
    eta: str | None = None
    """Expected time until the training ends, as of the last report."""


class ExperimentDisplay(StatusModel):
    """Values for `kubectl get`, formatted for users."""

    trials: NumberText | None = None
    """Trials so far and in total, such as 23/60."""
    best: Annotated[str, Field(max_length=256)] | None = None
    """Best value so far, such as val_accuracy 0.9921."""


class ServerDisplay(StatusModel):
    """Values for `kubectl get`, formatted for users."""

    model: Annotated[str, Field(max_length=256)] | None = None
    """The model, named by its training or its file."""
    ready: Annotated[str, Field(max_length=64)] | None = None
    """Ready and desired pods, such as 2/2."""
