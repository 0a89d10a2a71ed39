"""Requests and answers about networks: classes, checks and templates."""

from typing import Annotated

from epochal_api.model import Model
from pydantic import Field

from epochal_studio.wire.common import Name, Problem

MAX_YAML = 128 * 1024
"""Maximum characters of a YAML document. A longer document is refused."""


class ClassText(Model):
    """The docstring of a class or function of Keras."""

    text: str
    """The docstring; empty if it is unknown."""
    problem: Problem | None = None
    """Why the docstring is unknown."""


class CheckRequest(Model):
    """A request to check a YAML document: a TrainingJob or an Experiment."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    page: Annotated[str, Field(max_length=64)] = ""
    """Random text of the open page, such as a tab of the browser. A newer check replaces only the waiting check of the
    same page."""


class DocumentProblem(Model):
    """A problem of a YAML document."""

    path: str
    """Path of the field, such as spec.network.layers[2].units; empty for the whole document."""
    message: str
    """Cause and remedy."""
    layer: int | None = None
    """Index of the layer in the `layers` of the network, if the problem belongs to a layer."""
    line: int | None = None
    """Line in the text, from 1, if the text cannot be read."""
    is_warning: bool = False


class LayerShapes(Model):
    """The output shapes of a layer, from the checker."""

    index: int
    """Index of the layer in the `layers` of the network."""
    outputs: list[list[int]]
    """Shape of each output without the batch axis; -1 is an axis of any length. Empty if unknown."""
    parameters: int | None
    """Number of parameters; None if unknown."""


class Checked(Model):
    """The result of a check: the problems of a document, and the shapes of its layers."""

    problems: list[DocumentProblem]
    """The problems of the document, at most 200."""
    layers: list[LayerShapes]
    """In the order of the network's `layers`; empty if the checker has not answered."""
    parameters: int | None
    is_built: bool
    """Whether the checker has answered. If not, shapes and errors of shapes are unknown."""
    problem: Problem | None = None
    """Why the checker was not asked, or has not answered."""


class Template(Model):
    """A template for a new run: an example of a TrainingJob or Experiment."""

    name: Name
    title: str
    description: str
    yaml: str


class Templates(Model):
    """The templates for a new run."""

    templates: list[Template]
