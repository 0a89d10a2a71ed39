"""The ModelServer: serves a trained model at an address."""

from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from epochal_api.kind import InvalidObject, KubernetesObject, parse_object
from epochal_api.model import Model, ObjectName, Rule, cel, matching
from epochal_api.modelserver.config import ImageMode
from epochal_api.modelserver.status import ModelServerStatus
from epochal_api.read_status import status_validator
from epochal_api.scheduling import Placement, ResourceList
from epochal_api.signature import MAX_CLASSES, SHA256_EXPECTED, SHA256_PATTERN, ClassName, ModelChoice
from epochal_api.storage import SecretRef, StorageService

KIND = "ModelServer"
PLURAL = "modelservers"
MAX_NAME = 63
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
"""A DNS-1035 label: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/."""
MODEL_URI_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\p{C}\p{Zl}\p{Zp}]+\.(onnx|keras)$"


class TrainingJobRef(Model):
    """A TrainingJob that provides the served model."""

    name: ObjectName
    """Name of a TrainingJob in this namespace. The server waits until the TrainingJob is Complete. If a TrainingJob of
    this name is trained again, the new model is rolled out."""
    model: ModelChoice = "Best"
    """The model that is served. Best: the model of the best epoch. Last: the model of the last epoch. Default:
    Best."""


class ExperimentRef(Model):
    """An Experiment whose best model is served."""

    name: ObjectName
    """Name of an Experiment in this namespace. The server waits until the Experiment is Complete. If the Experiment
    continues and finds a better model, that model is rolled out."""


_SOURCES = {
    "trainingJobRef": "trainingJobRef",
    "experimentRef": "experimentRef",
    "uri": "uri, sha256 and signatureSha256",
}
"""The fields that a user must set to null to remove a source, by the field that identifies the source."""


def _not_both(one: str, other: str) -> Rule:
    """Return the rule that two sources are not both set, as after a merge patch, which keeps the old source."""
    return Rule(
        f"!has(self.{one}) || !has(self.{other})",
        f"give only one source, found {one} and {other}: set {_SOURCES[one]} to null to serve {other}, or set "
        f"{_SOURCES[other]} to null to serve {one}",
    )


_ANY_SOURCE = Rule(
    " || ".join(f"has(self.{field})" for field in _SOURCES), "give one of trainingJobRef, experimentRef and uri"
)
_ONE_SOURCE = {pair: _not_both(*pair) for pair in combinations(_SOURCES, 2)}
_DIGEST_OF_URI = Rule(
    "has(self.uri) == has(self.sha256)",
    "uri and sha256 must be given together: sha256sum prints the SHA-256 of the file. Without uri, set sha256 to null",
    ("has(self.uri) ? 'uri' : 'sha256'",),
)
_SIGNATURE_OF_URI = Rule(
    "!has(self.signatureSha256) || has(self.uri)",
    "signatureSha256 requires uri: the status of a TrainingJob pins the signatures of its models",
    ("self.signatureSha256",),
)
_Digest = Annotated[str, matching(SHA256_PATTERN, SHA256_EXPECTED, max_length=64)]


class ModelSource(Model):
    """The source of the model."""

    model_config = ConfigDict(
        json_schema_extra=cel(_ANY_SOURCE, *_ONE_SOURCE.values(), _DIGEST_OF_URI, _SIGNATURE_OF_URI)
    )

    training_job_ref: TrainingJobRef | None = None
    """A TrainingJob that trains the model."""
    experiment_ref: ExperimentRef | None = None
    """An Experiment whose best model is served, once the Experiment is Complete."""
    uri: (
        Annotated[
            str, matching(MODEL_URI_PATTERN, "must be s3://BUCKET/KEY of a .onnx or .keras file", max_length=1024)
        ]
        | None
    ) = None
    """URI of a model, such as s3://models/digits/model.onnx: .onnx, or .keras, which is converted when a pod starts."""
    sha256: _Digest | None = None
    """SHA-256 of the file at uri, in hex. No other file is served."""
    signature_sha256: _Digest | None = None
    """SHA-256 of the signature.json next to uri, in hex. This file must then exist, and no other is accepted. Default:
    a signature.json found when a pod starts is used if it describes the file at uri."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        sources = {"trainingJobRef": self.training_job_ref, "experimentRef": self.experiment_ref, "uri": self.uri}
        given = {field for field, value in sources.items() if value is not None}
        _ANY_SOURCE.require(holds=bool(given))
        for pair, rule in _ONE_SOURCE.items():
            rule.require(holds=not given.issuperset(pair))
        _DIGEST_OF_URI.require(holds=(self.uri is None) == (self.sha256 is None))
        _SIGNATURE_OF_URI.require(holds=self.signature_sha256 is None or self.uri is not None)
        return self


class Images(Model):
    """How images in requests are preprocessed."""

    mode: ImageMode = "None"
    """None: images are refused. Resize: they are converted to the size and channels of the network's input, and not
    inverted. Digit: a handwritten digit is located and converted to the format of MNIST, for a network of 28 × 28.
    Default: None."""


class ServerBatching(Model):
    """How requests are combined into batches."""

    max_size: Annotated[int, Field(ge=1, le=4096)] = 32
    """Maximum samples in one call of the model. Default: 32."""
    max_delay_microseconds: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Microseconds that a request may wait for other requests. 0: only requests that already wait are combined, without
    further delay. Default: 0."""


class ServerLimits(Model):
    """Limits for requests, checked before a request is read or decoded."""

    request_bytes: Annotated[int, Field(ge=1, le=2**30)] = 8 * 2**20
    """Maximum bytes of a request's body. A larger body is refused. Default: 8388608."""
    image_pixels: Annotated[int, Field(ge=1, le=2**28)] = 16 * 2**20
    """Maximum pixels of an image. A larger image is refused. Default: 16777216."""
    queued_requests: Annotated[int, Field(ge=1, le=65536)] = 256
    """Maximum requests of a pod that wait for the model. Further requests are refused with a retry delay. Default:
    256."""


MAX_REPLICAS = 1000
"""Maximum number of pods."""

_MIN_AT_MOST_MAX = Rule(
    "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
    "minReplicas must be at most maxReplicas",
    ("self.minReplicas", "self.maxReplicas"),
    "above",
)


class Autoscaling(Model):
    """A HorizontalPodAutoscaler, which sets spec.replicas."""

    model_config = ConfigDict(json_schema_extra=cel(_MIN_AT_MOST_MAX))

    min_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] = 1
    """Minimum number of pods. Default: 1."""
    max_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
    """Maximum number of pods."""
    target_cpu_utilization_percentage: Annotated[int, Field(ge=1, le=1000, alias="targetCPUUtilizationPercentage")] = 80
    """Target for the average CPU use of the pods, in percent of their CPU requests. Default: 80."""

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        _MIN_AT_MOST_MAX.require(holds=self.min_replicas <= self.max_replicas)
        return self


class ServerAuth(Model):
    """Authentication of the server's clients."""

    secret_ref: SecretRef
    """Secret with bearer keys: its values, under any names. A request with such a key is accepted. Values of fewer than
    16 characters are ignored."""


class ServerTLS(Model):
    """TLS settings of the server."""

    secret_ref: SecretRef
    """Secret of the type kubernetes.io/tls. A renewed certificate is used without a restart."""


class ServerResources(Model):
    """Resources of each pod, as in a container's resources."""

    requests: ResourceList = {}
    """Requests for the scheduler. Default for cpu and for memory, if limits does not name it either: {cpu: "1", memory:
    256Mi}; with Keras {cpu: "1", memory: 1Gi}."""
    limits: ResourceList = {}
    """Limits of a pod, which computes with as many threads as its CPUs. Default for cpu and for memory, if requests
    does not name it either: {cpu: "1", memory: 512Mi}; with Keras {cpu: "1", memory: 2Gi}."""


class ModelServerSpec(Model):
    """The source of the model, and the settings of the server."""

    source: ModelSource
    """The source of the model: exactly one of trainingJobRef, experimentRef, and uri with sha256."""
    storage: StorageService
    """The S3 service of the model. A pod reads from it once, when it starts."""
    images: Images = Images()
    """How images in requests are preprocessed."""
    classes: Annotated[list[ClassName], Field(max_length=MAX_CLASSES)] = []
    """Names of the classes in the order of the first output, such as [cat, dog]. Default: the class names of the
    training data."""
    batching: ServerBatching = ServerBatching()
    """How requests are combined into batches."""
    limits: ServerLimits = ServerLimits()
    """Limits for requests, checked before a request is read or decoded."""
    replicas: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] = 1
    """Number of pods. `kubectl scale` and autoscaling set it. Default: 1."""
    autoscaling: Autoscaling | None = None
    """How the number of replicas follows the load, such as {minReplicas: 2, maxReplicas: 8}. Default: no
    autoscaling."""
    paused: bool = False
    """Whether rollouts are paused: true rolls out no changes. Default: false."""
    auth: ServerAuth | None = None
    """Authentication of clients. Default: none, so any client that reaches the server is accepted."""
    tls: ServerTLS | None = None
    """HTTPS in place of HTTP. Default: HTTP."""
    resources: ServerResources = ServerResources()
    """Resources of each pod."""
    scheduling: Placement = Placement()
    """Where the pods may run."""
    service_account_name: ObjectName = "default"
    """ServiceAccount of the pods. They get no token for the Kubernetes API. Default: default."""
    image_pull_secrets: Annotated[list[SecretRef], Field(max_length=16)] = []
    """Secrets with the credentials to pull the images."""


_SERVICE_NAME = Rule(
    f"self.metadata.name.matches('{NAME_PATTERN}') && size(self.metadata.name) <= {MAX_NAME}",
    f"metadata.name must be a DNS-1035 label of at most {MAX_NAME} characters (a-z, 0-9, -, a letter first), "
    "because it is the name of the Service",
    ("self.metadata.name",),
)


class ModelServer(KubernetesObject):
    """Serves a trained model at an address, and rolls out new models without a dropped request."""

    model_config = ConfigDict(json_schema_extra=cel(_SERVICE_NAME))

    kind: Literal["ModelServer"] = "ModelServer"
    spec: ModelServerSpec
    """The source of the model, and the settings of the server."""
    status: Annotated[ModelServerStatus | None, status_validator(ModelServerStatus)] = None
    """Status of the server, as last observed by Epochal."""


class InvalidModelServer(InvalidObject):
    """A ModelServer that violates the API's rules. The message has one line per field, without control characters."""


def parse(document: Any) -> ModelServer:
    """Return a ModelServer from plain JSON or YAML values, or raise InvalidModelServer, as `kind.parse_object` does."""
    return parse_object(ModelServer, document, InvalidModelServer)
