"""Answers about model servers."""

from typing import Any

from epochal_api.model import Model

from epochal_studio.wire.common import Problem, RunKey


class ServedModel(Model):
    """A model that a ModelServer serves, as the model server describes it."""

    server: RunKey
    is_ready: bool
    state: str
    needs_key: bool
    """Whether the model server requires an API key, and the request had no key or a wrong key."""
    page: dict[str, Any] | None
    """The model server's description of its model: inputs, outputs, classes, kinds of pictures, limits, example.
    None if the model server does not answer."""
    problem: Problem | None = None


class ClassCount(Model):
    """The number of predictions of a class."""

    output: str
    name: str
    count: int


class Usage(Model):
    """Numbers of requests to a ModelServer since its pods started, from the metrics of the pods that answered."""

    requests: int
    refused: int
    classes: list[ClassCount]
    """The predicted classes, most frequent first, at most 1,000."""
    pods: int
    """Number of pods whose metrics were read."""
    problem: Problem | None = None
