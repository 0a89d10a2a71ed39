"""The codecs of the fast path."""

from collections.abc import Mapping

from epochal_server.model import Arrays, Model
from epochal_server.protocols import errors, v2
from epochal_server.protocols.v2_repeated import Plans, Repeated
from epochal_server.quick.codec import Body, Codec
from epochal_server.quick.head import Head
from epochal_server.refusals import Refused
from epochal_server.routes.handling import JSON
from epochal_server.routes.v2 import BINARY, BYTES, V2


class OpenInference:
    """The codec of Open Inference v2. See Codec.

    Args:
        model: The loaded model.
    """

    def __init__(self, model: Model) -> None:
        self._plans = Plans(model)

    def protocol(self, head: Head) -> str:
        """Return the protocol's name in metrics. See Codec."""
        return V2 if head.header_length is None else BINARY

    def decode(self, head: Head, body: bytes) -> tuple[Arrays, v2.Request | Repeated]:
        """Return the inputs and the decoded request. See Codec."""
        asked = self._plans.decode(body, head.header_length)
        return asked.inputs, asked

    def times(self, asked: v2.Request | Repeated) -> int:
        """Return the maximum bytes for each byte of the outputs. See Codec."""
        return asked.times

    def encode(self, asked: v2.Request | Repeated, answers: Arrays) -> Body:
        """Return the body of the response. See Codec."""
        content, length = self._plans.encode(asked, answers)
        if length is None:
            return Body(content, JSON, {})
        return Body(content, BYTES, {v2.HEADER_LENGTH: str(length)})

    def refuse(self, head: Head, refused: Refused) -> Body:
        """Return the body of an error. See Codec."""
        return Body(errors.body(refused, self.protocol(head)), JSON, {})


def codecs(model: Model) -> Mapping[str, Codec]:
    """Return the codecs of the fast path, by URL path.

    Args:
        model: The loaded model.
    """
    infer = OpenInference(model)
    return {
        f"/v2/models/{model.name}/infer": infer,
        f"/v2/models/{model.name}/versions/{model.version}/infer": infer,
    }
