"""Models for the tests of what serves them."""

from epochal_api.server_config import Limits
from epochal_api.signature import ExportedFile, ImageSpec, ModelFiles, Signature, TensorSpec
from epochal_server.model import Model

DIGITS = Model(
    name="digits",
    version="1",
    signature=Signature(
        inputs=[TensorSpec(name="image", shape=[28, 28, 1], dtype="float32")],
        outputs=[TensorSpec(name="digit", shape=[10], dtype="float32")],
        probabilities=True,
        image=ImageSpec(height=28, width=28, channels=1, lowest=0, highest=1),
        models=[ModelFiles(model="Last", keras=ExportedFile(name="model.keras", sha256="0" * 64))],
    ),
    classes=None,
    images="Digit",
    limits=Limits(),
    platform="onnxruntime_onnx",
)
