"""Models that all parts of Studio's wire protocol use."""

from typing import Annotated, Any, Literal, get_args

from epochal_api.model import Model
from pydantic import Field

RunKind = Literal["TrainingJob", "Experiment", "ModelServer"]
RUN_KINDS: tuple[RunKind, ...] = get_args(RunKind)
Name = Annotated[str, Field(min_length=1, max_length=253)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Problem(Model):
    """An error for the user. It is the body of each answer with a status above 399."""

    reason: Name
    """Machine-readable cause, such as Expired, Forbidden, NotFound, Conflict, EndpointNotAllowed or Unreachable."""
    message: str
    """The cause in a sentence."""
    remedy: str = ""
    """An action of the user that may solve the problem; empty if there is none."""
    current: dict[str, Any] | None = None
    """For Conflict: the object as it is stored now."""


class RunKey(Model):
    """Kind, namespace and name of a TrainingJob, Experiment or ModelServer."""

    kind: RunKind
    namespace: Name
    name: Name
