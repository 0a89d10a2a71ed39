"""The protocol of the checker, a service that builds networks without values before a pod exists."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from epochal_api.model import Model, TolerantModel
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES

PORT = 8080
"""Port of the checker."""
CHECK_PATH = "/v1alpha1/check"
"""Path to which a Question is posted; the response is an Answer, or a Problem with a status from 400."""
CATALOGUE_PATH = "/v1alpha1/catalogue"
"""Path of the catalogue of Keras' classes with their docstrings."""
MAX_QUESTION_BYTES = MAX_SPEC_BYTES
"""Maximum bytes of a question."""
MAX_ANSWER_BYTES = 4 * 2**20
"""Maximum bytes of an answer: a checker truncates texts, and a client reads no more."""
MAX_ERROR = 1000
"""Maximum characters of an error."""
MAX_MESSAGE = 4096
"""Maximum characters of all errors in one message."""

_MAX_LAYERS = 1000
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
_Text = Annotated[str, StringConstraints(max_length=MAX_ERROR)]


class Question(Model):
    """A question to the checker: which shapes do the layers of this network have?"""

    network: Network
    """The network, as spec.network."""
    precision: Precision = "float32"
    """Data types, as spec.training.precision."""


class CheckedLayer(TolerantModel):
    """A layer of a checked network."""

    index: int
    """Its index in spec.network.layers."""
    layer: str
    """Its class; for another call of a layer above, the class of that layer."""
    name: str
    """Its name."""
    outputs: list[list[int]] = []
    """Shape of each output, without the batch axis; -1 for an axis of any length. Empty if unknown."""
    parameters: int | None = None
    """Number of its parameters, 0 for another call of a layer above; None if unknown."""
    error: _Text | None = None
    """Why the layer cannot be built. A layer without error and outputs follows a layer with an error."""


class Answer(TolerantModel):
    """The answer of the checker: the layers of a network in the order of the spec."""

    image: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Image of the checker. Only trainers of this image build the network in the same way."""
    layers: Annotated[list[CheckedLayer], Field(max_length=_MAX_LAYERS)] = []
    """The layers."""
    errors: Annotated[list[_Text], Field(max_length=_MAX_LAYERS)] = []
    """Errors of the network that belong to no single layer, such as an output of several tensors."""
    parameters: int = 0
    """Number of parameters of the layers that were built."""
    built: int = 0
    """Number of layers that were built for this answer. The others were known from an earlier answer."""

    @property
    def faults(self) -> list[str]:
        """All errors: first the errors of layers, in the order of the spec."""
        return [*(layer.error for layer in self.layers if layer.error is not None), *self.errors]


class Problem(TolerantModel):
    """Why there is no answer."""

    error: str
    """The cause, and its remedy."""


def describe(faults: Sequence[str], omitted: int = 0) -> str:
    """Return errors as one message, a line for each; beyond MAX_MESSAGE characters, only their number.

    Args:
        faults: The errors.
        omitted: Number of further errors.
    """
    lines, size = list[str](), 0
    for fault in faults:
        size += len(fault) + 1
        if lines and size > MAX_MESSAGE:
            break
        lines.append(fault)
    more = len(faults) - len(lines) + omitted
    return "\n".join([*lines, f"and {more} more"] if more else lines)
