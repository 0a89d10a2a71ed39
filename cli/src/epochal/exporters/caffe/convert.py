"""The text of convert.py, which writes the weights of a Keras model as a caffemodel."""

from collections.abc import Iterator

from epochal.exporters.caffe.network import BlobConversion, CaffeNetwork
from epochal.exporters.code_text import literal, statement

_ORDER = '''
def caffe_order(*shapes):
    """Return the positions of flat elements in Keras, in the order of Caffe.

    Keras flattens an image with its channels last, Caffe with its channels first.
    """
    parts, start = [], 0
    for shape in shapes:
        positions = start + np.arange(np.prod(shape)).reshape(shape)
        parts.append(np.moveaxis(positions, -1, 0).reshape(-1))
        start += positions.size
    return np.concatenate(parts)
'''

_ENCODE = '''
# The messages of Caffe's format that hold weights: name, number, kind of each field.
MESSAGES = {
    "BlobShape": [("dim", 1, "int64")],
    "BlobProto": [("shape", 7, "BlobShape"), ("data", 5, "float")],
    "LayerParameter": [("name", 1, "string"), ("blobs", 7, "BlobProto")],
    "NetParameter": [("name", 1, "string"), ("layer", 100, "LayerParameter")],
}
REPEATED = {"dim", "data", "blobs", "layer"}


def message_class(name):
    """Return the class of a message of MESSAGES."""
    kinds = {"int64": 3, "float": 2, "string": 9}
    file = descriptor_pb2.FileDescriptorProto(name="weights.proto", package="caffe")
    for message, fields in MESSAGES.items():
        added = file.message_type.add(name=message)
        for key, number, kind in fields:
            field = added.field.add(name=key, number=number)
            field.label = 3 if key in REPEATED else 1  # repeated or optional
            field.type = kinds.get(kind, 11)  # 11 is another message
            if kind not in kinds:
                field.type_name = f".caffe.{kind}"
            elif key in REPEATED:
                field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))


def encode(name, blobs):
    """Return the bytes of a caffemodel."""
    network = message_class("NetParameter")(name=name)
    for layer, arrays in blobs.items():
        added = network.layer.add(name=layer)
        for array in arrays:
            blob = added.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(np.asarray(array, "float32").reshape(-1).tolist())
    return network.SerializeToString()
'''

_MAIN = """
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the trained model.keras, or best.keras")
    parser.add_argument("caffemodel", help="the file to write")
    arguments = parser.parse_args()
    model = keras.saving.load_model(arguments.model, compile=False)
    Path(arguments.caffemodel).write_bytes(encode(NAME, convert(model)))
"""


def convert_file(name: str, caffe: CaffeNetwork) -> str:
    """Return the text of convert.py. The script itself needs Keras and protobuf."""
    head = [f'"""Converts the weights of the TrainingJob {name} from Keras to Caffe."""', ""]
    head += ["import argparse", "from pathlib import Path", "", "import keras", "import numpy as np"]
    head += ["from google.protobuf import descriptor_pb2, descriptor_pool, message_factory", ""]
    head.append(f"NAME = {literal(name)}")
    body = ["def convert(model):", '    """Return the blobs of each layer of Caffe by its name."""', "    blobs = {}"]
    for conversion in caffe.conversions:
        body += ["", *_blobs(conversion)]
    body += ["", "    return blobs"] if caffe.conversions else ["    return blobs"]
    orders = [_ORDER.strip("\n")] if any(conversion.order for conversion in caffe.conversions) else []
    parts = ["\n".join(head), *orders, "\n".join(body)]
    return "\n\n\n".join(parts) + "\n\n\n" + _ENCODE.strip("\n") + "\n\n\n" + _MAIN.strip("\n") + "\n"


def _blobs(conversion: BlobConversion) -> Iterator[str]:
    """Yield the lines of convert.py that convert the weights of one Keras layer to blobs of Caffe."""
    layer = f"model.get_layer({literal(conversion.keras_name)})"
    if conversion.attributes:
        yield from statement(f"layer = {layer}", 4)
        for name, code in conversion.attributes.items():
            yield from statement(f"{name} = {code}", 4)
    if conversion.names:
        names = ", ".join(conversion.names)
        yield from statement(f"{names if len(conversion.names) > 1 else f'({names},)'} = {layer}.get_weights()", 4)
    if conversion.order:
        yield from statement(f"order = caffe_order({', '.join(map(repr, conversion.order))})", 4)
    for line in conversion.before:
        yield from statement(line, 4)
    for name, blobs in conversion.blobs.items():
        yield from statement(f"blobs[{literal(name)}] = [{', '.join(blobs)}]", 4)
