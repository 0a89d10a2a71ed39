"""Models as their clients know them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from epochal_api.modelserver.config import Limits
from epochal_api.signature import ExportedFile, ImageSpec, ModelFiles, Signature, TensorSpec
from epochal_server.model.model import Model

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FILE = ExportedFile(name="model.keras", sha256="0" * 64)


def spec(name: str, shape: Sequence[int], dtype: str = "float32", **more: Any) -> TensorSpec:
    return TensorSpec(name=name, shape=list(shape), dtype=dtype, **more)


def model(
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    probabilities: bool = False,
    image: ImageSpec | None = None,
    **changed: Any,
) -> Model:
    signature = Signature(
        inputs=list(inputs),
        outputs=list(outputs),
        probabilities=probabilities,
        image=image,
        models=[ModelFiles(model="Last", keras=FILE)],
    )
    fields: dict[str, Any] = {
        "name": "digits",
        "version": "3",
        "classes": None,
        "images": "None",
        "limits": Limits(),
        "platform": "onnxruntime_onnx",
    }
    return Model(signature=signature, **(fields | changed))


def digits(**changed: Any) -> Model:
    """Returns a model of digits: images of 28 × 28, and the probability of each of ten classes."""
    image = ImageSpec(height=28, width=28, channels=1, lowest=0, highest=1)
    fields: dict[str, Any] = {"probabilities": True, "image": image, "classes": DIGITS, "images": "Digit"} | changed
    return model([spec("image", (28, 28, 1))], [spec("digit", (10,))], **fields)


def small(dtype: str = "float32", shape: Sequence[int] = (2,), **changed: Any) -> Model:
    """Returns a model that takes a few numbers and gives three."""
    return model([spec("x", shape, dtype)], [spec("y", (3,))], **changed)


def pair(**changed: Any) -> Model:
    """Returns a model that takes a number and texts and gives numbers and texts."""
    inputs = [spec("count", (), "int64"), spec("words", (-1,), "str")]
    return model(inputs, [spec("score", (2,)), spec("said", (), "str")], **changed)


def texts(*rows: Sequence[str] | str) -> np.ndarray:
    return np.array(rows, object)
