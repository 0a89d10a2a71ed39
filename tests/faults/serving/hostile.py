"""Requests made to take a server's time and memory."""

import io
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.faults.serving.clients import Request
from tests.kit.trained_model import TrainedModel

BODY_BYTES = 8 * 2**20
"""The default of `limits.requestBytes`."""
FEW_BYTES = 160 * 1024
"""A body that the server decodes without a look at its lists first."""
LABELLED, ROWS = 30_000, 30_000
"""Samples and rows whose answers fit beside each other: an eighth of 512 MiB is for bodies and answers."""
SIDE = 1000
_NAME_BYTES = 8
_CHUNK_BYTES = 12
"""Bytes of a PNG's chunk beside its content."""


def of_bodies(server: str, network: TrainedModel) -> Sequence[Sequence[Request]]:
    """Returns requests of JSON for two clients: names, labels, and rows of Watson.

    Args:
        network: Its network, which takes one number as a sample.
    """
    names, infer = network.names, f"/v2/models/{server}/infer"
    watson = f"/ml/v4/deployments/{server}/predictions?version=2020-09-01"
    small = [
        Request("names", infer, _names(FEW_BYTES)),
        Request("labels", infer, _labels(names, LABELLED)),
        Request("rows", watson, _rows(ROWS)),
    ]
    large = [
        Request("names of 8 MiB", infer, _names(BODY_BYTES)),
        Request("labels of 8 MiB", infer, _labels(names, BODY_BYTES // 2 - 200)),
        Request("rows of 8 MiB", watson, _rows(BODY_BYTES // 4 - 20)),
    ]
    return [small, large]


def _names(size: int) -> bytes:
    """Returns an object of so many bytes with one duplicate name."""
    names = ",".join(f'"{number:x}":0' for number in range(size // _NAME_BYTES))
    return f'{{"a":{{{names[: names.rindex(",", 0, size - 30)]}}},"0":1,"0":1}}'.encode()


def _labels(names: tuple[str, str], samples: int) -> bytes:
    output = f'{{"name":"{names[1]}","parameters":{{"classification":3}}}}'
    data = ",".join("0" * samples)
    given = f'{{"name":"{names[0]}","datatype":"FP32","shape":[{samples},1],"data":[{data}]}}'
    return f'{{"outputs":[{output}],"inputs":[{given}]}}'.encode()


def _rows(rows: int) -> bytes:
    return f'{{"input_data":[{{"values":[{",".join(["[0]"] * rows)}]}}]}}'.encode()


def of_sheets() -> Sequence[Sequence[Request]]:
    """Returns requests to find all digits, a client each: dots, strokes, teeth, squares, noise, and 7,900 texts."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    masks = {
        "dots": (rows % 6 < 1) & (columns % 6 < 2),
        "strokes": (rows % 40 < 20) & (columns % 40 < 13),
        "teeth": (columns % 4 < 2) | (rows >= SIDE - 3),
        "squares": (rows // 3 + columns // 3) % 2 == 0,
        "noise": np.random.default_rng(0).random((SIDE, SIDE)) < 0.4,
    }
    png = {"Content-Type": "image/png"}
    bodies = {name: _png(mask) for name, mask in masks.items()} | {"texts": _png(masks["dots"], _texts())}
    return [[Request(name, "/predict?several=true", body, png)] for name, body in bodies.items()]


def _png(mask: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", texts: PngInfo | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def _texts() -> PngInfo:
    """Returns 8 MiB of compressed texts. They are not UTF-8, so that Pillow does not count their 1 MiB each."""
    text = b"k\0\1\0\0\0" + zlib.compress(b"\xff" * (2**20 - 1), 9)
    texts = PngInfo()
    for _ in range((BODY_BYTES - 2**16) // (len(text) + _CHUNK_BYTES)):
        texts.add(b"iTXt", text)
    return texts
