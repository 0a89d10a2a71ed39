"""Makes a network that cannot become ONNX."""

import io
import json
import zipfile


def unconvertible(content: bytes) -> bytes:
    """Returns a .keras whose network has an input of any size, which cannot become ONNX."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    first, second, *others = config["config"]["layers"]
    (_, height, width, channels) = first["config"]["batch_shape"]
    shape = first["config"]["batch_shape"] = [None, None, None, channels]
    shrink = {
        "module": "keras.layers",
        "class_name": "Resizing",
        "config": {"name": "shrink", "height": height, "width": width, "antialias": True},
        "registered_name": None,
        "name": "shrink",
        "inbound_nodes": json.loads(json.dumps(second["inbound_nodes"])),
    }
    (takes,) = shrink["inbound_nodes"][0]["args"]
    takes["config"]["shape"] = shape
    (takes,) = second["inbound_nodes"][0]["args"]
    takes["config"]["keras_history"][0] = "shrink"
    config["config"]["layers"] = [first, shrink, second, *others]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (files | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, data)
    return file.getvalue()
