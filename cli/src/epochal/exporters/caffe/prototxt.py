"""Caffe's description of a network, in protobuf's text format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True)
class CaffeLayer:
    """A layer of Caffe.

    Args:
        name: Its name, unique in the network.
        kind: Its type in Caffe, such as Convolution.
        bottoms: The names of its input blobs.
        tops: The names of its output blobs.
        parameters: Name of its parameter message, such as convolution_param, and the fields as text; "" for none.
    """

    name: str
    kind: str
    bottoms: Sequence[str]
    tops: Sequence[str]
    parameters: tuple[str, str] = ("", "")


def quote(text: str) -> str:
    """Return a text as a string of protobuf's text format, with octal escapes for bytes that are not printable."""
    return f'"{"".join(map(_escaped, text.encode()))}"'


def _escaped(byte: int) -> str:
    character = chr(byte)
    return _ESCAPES.get(character) or (character if " " <= character <= "~" else f"\\{byte:03o}")


def network_text(name: str, layers: Sequence[CaffeLayer]) -> str:
    """Return the text of the .prototxt file of a network."""
    return "\n".join([f"name: {quote(name)}", *(line for layer in layers for line in _layer(layer))]) + "\n"


def _layer(layer: CaffeLayer) -> Iterator[str]:
    yield "layer {"
    yield f"  name: {quote(layer.name)}"
    yield f"  type: {quote(layer.kind)}"
    yield from (f"  bottom: {quote(bottom)}" for bottom in layer.bottoms)
    yield from (f"  top: {quote(top)}" for top in layer.tops)
    key, fields = layer.parameters
    if key:
        yield f"  {key} {{ {fields} }}"
    yield "}"
