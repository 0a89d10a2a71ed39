"""The configuration that the operator passes to the pods of a ModelServer, in the file SERVER_FILE of `pod`."""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.model import TolerantModel
from epochal_api.signature import ModelChoice, Sha256

Runtime = Literal["ONNX", "Keras"]
"""Inference runtime: ONNX Runtime in the server's own image, or Keras in the trainer's image."""
ImageMode = Literal["None", "Resize", "Digit"]


class Source(TolerantModel):
    """The source of the model."""

    uri: str
    """URI of the model: s3://BUCKET/KEY of a .onnx or .keras file."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    model: ModelChoice | None = None
    """Best or Last model of a training; None if unknown. It selects the stored outputs for the check at the start."""
    signature: str | None = None
    """URI of the signature, which must exist. None: a signature next to the model is used if it lists this file."""
    signature_sha256: Sha256 | None = None
    """SHA-256 of the signature, if only this signature is accepted."""


class StorageConfig(TolerantModel):
    """The S3 service. Environment variables contain the access keys."""

    endpoint: str
    region: str = "us-east-1"


class Batching(TolerantModel):
    """How requests are combined into batches."""

    max_size: Annotated[int, Field(ge=1)] = 32
    """Maximum samples in one call of the model."""
    max_delay_microseconds: Annotated[int, Field(ge=0)] = 0
    """Time that a request waits for further requests. 0: only requests that are already queued are combined."""


class Limits(TolerantModel):
    """Limits for requests, checked before a request is read or decoded."""

    request_bytes: Annotated[int, Field(ge=1)] = 8 * 2**20
    image_pixels: Annotated[int, Field(ge=1)] = 16 * 2**20
    queued_requests: Annotated[int, Field(ge=1)] = 256


class ServerConfig(TolerantModel):
    """The configuration of a model server."""

    name: str
    """Name of the ModelServer, which is the model's name in all protocols."""
    namespace: str
    version: str = "1"
    """Version of the model, for protocols with versions."""
    runtime: Runtime = "ONNX"
    source: Source
    storage: StorageConfig
    images: ImageMode = "None"
    classes: list[str] | None = None
    """Names of the classes, which replace those of the signature."""
    batching: Batching = Batching()
    limits: Limits = Limits()
    auth: bool = False
    """Whether requests must contain a key of AUTH_FOLDER."""
    tls: bool = False
    """Whether to serve HTTPS with the certificate of TLS_FOLDER."""
    path: str = ""
    """Path of the model that the init container converts, in MODEL_FOLDER; "" to download the model from `source`."""
