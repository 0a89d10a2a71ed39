"""What the operator tells the server of a ModelServer. Where in its pod: see server_pod."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from epochal_api.model import Model
from epochal_api.signature import Sha256, Which

Runtime = Literal["ONNX", "Keras"]
"""What computes: ONNX Runtime in the server's own image, or Keras in the trainer's."""
ImageMode = Literal["None", "Resize", "Digit"]


class ConfigModel(Model):
    """A part of a server's configuration. What a newer operator adds is passed over."""

    model_config = ConfigDict(extra="ignore")


class Source(ConfigModel):
    """The model."""

    uri: str
    """Where it lies: s3://BUCKET/KEY, a .onnx or a .keras."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    model: Which | None = None
    """Which model of a training it is, if it is one's: whose answers of the check count."""
    signature: str | None = None
    """Where its signature lies, if it must have one. Else one that lies beside it is used if it tells of this file."""
    signature_sha256: Sha256 | None = None
    """SHA-256 of its signature, if it must have that one and no other."""


class StorageConfig(ConfigModel):
    """The S3 service. The keys are in the environment."""

    endpoint: str
    region: str = "us-east-1"


class Batching(ConfigModel):
    """How requests are put together."""

    max_size: Annotated[int, Field(ge=1)] = 32
    """Most samples in one call of the model."""
    max_delay_microseconds: Annotated[int, Field(ge=0)] = 0
    """How long a request may wait for others. 0: what already waits is put together, and nothing waits for it."""


class Limits(ConfigModel):
    """What is refused before it is read or decoded."""

    request_bytes: Annotated[int, Field(ge=1)] = 8 * 2**20
    image_pixels: Annotated[int, Field(ge=1)] = 16 * 2**20
    queued_requests: Annotated[int, Field(ge=1)] = 256


class ServerConfig(ConfigModel):
    """What a server is told."""

    name: str
    """Name of the ModelServer: the model's name in all protocols."""
    namespace: str
    version: str = "1"
    """Version of the model in protocols that have one."""
    runtime: Runtime = "ONNX"
    source: Source
    storage: StorageConfig
    images: ImageMode = "None"
    classes: list[str] | None = None
    """Names of the classes, in place of the signature's."""
    batching: Batching = Batching()
    limits: Limits = Limits()
    auth: bool = False
    """Whether requests must bear a key of AUTH_FOLDER."""
    tls: bool = False
    """Whether to serve HTTPS with the certificate of TLS_FOLDER."""
    path: str = ""
    """Where a converted model lies already, in MODEL_FOLDER; empty: it is fetched from `source`."""
