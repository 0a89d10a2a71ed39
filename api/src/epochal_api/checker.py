"""The HTTP protocol of the checker: a service that builds a network with symbolic tensors, before a job has a pod."""

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
"""Maximum bytes of a question. A network that needs more is not checked."""
MAX_ANSWER_BYTES = 4 * 2**20
"""Maximum bytes of an answer: a checker truncates texts, and a client reads no more."""
MAX_ERROR = 1000
"""Maximum characters of an error. A checker cuts longer errors."""
MAX_MESSAGE = 4096
"""Maximum characters of the errors in one message of `describe`."""

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
    """Index of the layer in spec.network.layers."""
    layer: str
    """Class of the layer. For a `use` it is the class of the layer that `use` names."""
    name: str
    """Name of the layer."""
    outputs: list[list[int]] = []
    """Shape of each output, without the batch axis; -1 for an axis of any length. Empty if unknown."""
    parameters: int | None = None
    """Number of the layer's weights; 0 for a `use`, which has no weights of its own; None if unknown."""
    error: _Text | None = None
    """Why the layer cannot be built. None also for a layer without outputs that depends on a layer with an error."""


class Answer(TolerantModel):
    """The answer of the checker: the layers of a network in the order of the spec."""

    image: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Image of the checker. A trainer with another image may build the network in another way."""
    layers: Annotated[list[CheckedLayer], Field(max_length=_MAX_LAYERS)] = []
    """The layers."""
    errors: Annotated[list[_Text], Field(max_length=_MAX_LAYERS)] = []
    """Errors of the network that belong to no single layer, such as an output of several tensors."""
    parameters: int = 0
    """Total number of weights of the layers that were built."""
    built: int = 0
    """Number of layers that were built for this answer. The other layers are reused from an earlier answer."""

    @property
    def faults(self) -> list[str]:
        """All errors: first the errors of single layers, in the order of the spec, then those of the network."""
        return [*(layer.error for layer in self.layers if layer.error is not None), *self.errors]


class Problem(TolerantModel):
    """The body of an error response: why the checker has no Answer."""

    error: str
    """The cause, and the remedy."""


def describe(faults: Sequence[str], omitted: int = 0) -> str:
    """Return errors as one message, a line for each. After MAX_MESSAGE characters, a last line counts the others.

    Args:
        faults: The errors.
        omitted: Number of further errors that are not in `faults`. The last line counts them, too.
    """
    lines, size = list[str](), 0
    for fault in faults:
        size += len(fault) + 1
        if lines and size > MAX_MESSAGE:
            break
        lines.append(fault)
    more = len(faults) - len(lines) + omitted
    return "\n".join([*lines, f"and {more} more"] if more else lines)
