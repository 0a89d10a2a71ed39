"""The ModelServer: a trained model behind an address."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from epochal_api.kind import InvalidObject, Metadata, read
from epochal_api.model import Model, ObjectName, Rule, cel
from epochal_api.modelserver_status import ModelServerStatus
from epochal_api.scheduling import Placement, ResourceList
from epochal_api.server_config import ImageMode
from epochal_api.signature import MAX_CLASSES, ClassName, Which
from epochal_api.status import reading
from epochal_api.storage import StorageService
from epochal_api.trainingjob import ImagePullSecret

KIND = "ModelServer"
PLURAL = "modelservers"
MAX_NAME = 63
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
"""A DNS-1035 label: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/."""
MODEL_URI_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\p{C}\p{Zl}\p{Zp}]+\.(onnx|keras)$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"


class NamedSecret(Model):
    """A Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""


class TrainingJobRef(Model):
    """A TrainingJob whose model is served."""

    name: ObjectName
    """A TrainingJob of this namespace, by its name. It is waited for; and where it is trained anew under this name, its
    new model is rolled out."""
    model: Which = "Best"
    """Which of its models. Best: that of its best epoch. Last: that of its last one. Default: Best."""


class ExperimentRef(Model):
    """An Experiment whose best model is served."""

    name: ObjectName
    """An Experiment of this namespace, by its name. It is waited for; and where it goes on and finds a better one, that
    is rolled out."""


_ONE_SOURCE = Rule(
    "[has(self.trainingJobRef), has(self.experimentRef), has(self.uri)].filter(given, given).size() == 1",
    "name exactly one of trainingJobRef, experimentRef and uri",
)
_DIGEST_OF_URI = Rule(
    "has(self.uri) == has(self.sha256)",
    "sha256 goes with uri, and uri with sha256: sha256sum prints it of the file that is meant",
)
_SIGNATURE_OF_URI = Rule(
    "!has(self.signatureSha256) || has(self.uri)",
    "signatureSha256 goes with uri: what trainings have stored is pinned by their status",
)
_IS_A_MODEL = Rule(
    f"self.matches(r'{MODEL_URI_PATTERN}')", "must be s3://BUCKET/KEY of a model: a file .onnx or .keras"
)
_IS_A_DIGEST = Rule(f"self.matches(r'{SHA256_PATTERN}')", "must be the file's SHA-256: 64 digits 0-9 and a-f")

_Digest = Annotated[
    str,
    StringConstraints(max_length=64, pattern=SHA256_PATTERN),
    Field(json_schema_extra=cel([_IS_A_DIGEST], pattern=None)),
]


class ModelSource(Model):
    """Where the model comes from."""

    model_config = ConfigDict(json_schema_extra=cel([_ONE_SOURCE, _DIGEST_OF_URI, _SIGNATURE_OF_URI]))

    training_job_ref: TrainingJobRef | None = None
    """A TrainingJob that trains it."""
    experiment_ref: ExperimentRef | None = None
    """An Experiment that finds it: its best, once it is Complete."""
    uri: (
        Annotated[
            str,
            StringConstraints(max_length=1024, pattern=MODEL_URI_PATTERN),
            Field(json_schema_extra=cel([_IS_A_MODEL], pattern=None)),
        ]
        | None
    ) = None
    """A model in a bucket, such as s3://models/digits/model.onnx: .onnx, or .keras, which is converted as a pod
    starts."""
    sha256: _Digest | None = None
    """SHA-256 of the file at uri, in hex: no other file is served."""
    signature_sha256: _Digest | None = None
    """SHA-256 of the signature.json beside uri, in hex: that must be there, and no other counts. Default: whichever
    is there as a pod starts counts, if it tells of the file at uri."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [one for one in (self.training_job_ref, self.experiment_ref, self.uri) if one is not None]
        _ONE_SOURCE.require(holds=len(given) == 1)
        _DIGEST_OF_URI.require(holds=(self.uri is None) == (self.sha256 is None))
        _SIGNATURE_OF_URI.require(holds=self.signature_sha256 is None or self.uri is not None)
        return self


class ServerStorage(StorageService):
    """The S3 service that holds the model. A pod asks it once, as it starts."""


class Images(Model):
    """What becomes of photographs that are sent."""

    mode: ImageMode = "None"
    """None: photographs are refused. Resize: they are brought to the size and the colours that the network takes.
    Digit: a handwritten digit is found on them and brought into the form of MNIST's. Default: None."""


class ServerBatching(Model):
    """How requests are put together."""

    max_size: Annotated[int, Field(ge=1, le=4096)] = 32
    """Most samples in one call of the model. Default: 32."""
    max_delay_microseconds: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How long a request may wait for others. 0: what waits already is put together, and nothing waits for it.
    Default: 0."""


class ServerLimits(Model):
    """What is refused before it is read or decoded."""

    request_bytes: Annotated[int, Field(ge=1, le=2**30)] = 8 * 2**20
    """Most bytes of a request's body. Default: 8388608."""
    image_pixels: Annotated[int, Field(ge=1, le=2**28)] = 16 * 2**20
    """Most pixels of a photograph. Default: 16777216."""
    queued_requests: Annotated[int, Field(ge=1, le=65536)] = 256
    """Requests of a pod that may wait for the model; more are told to come again. Default: 256."""


MAX_REPLICAS = 1000
"""Most pods that serve."""

_IN_ORDER = Rule(
    "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas", "minReplicas must be at most maxReplicas"
)


class Autoscaling(Model):
    """A HorizontalPodAutoscaler, which sets spec.replicas."""

    model_config = ConfigDict(json_schema_extra=cel([_IN_ORDER]))

    min_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] = 1
    """Fewest pods. Default: 1."""
    max_replicas: Annotated[int, Field(ge=1, le=MAX_REPLICAS)]
    """Most pods."""
    target_cpu_utilization_percentage: Annotated[int, Field(ge=1, le=1000, alias="targetCPUUtilizationPercentage")] = 80
    """How much of the CPU that they ask for pods should use on average. Default: 80."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _IN_ORDER.require(holds=self.min_replicas <= self.max_replicas)
        return self


class ServerAuth(Model):
    """Who may ask."""

    secret_ref: NamedSecret
    """Secret whose values, whatever their names, are the bearer keys: whoever sends one of them is answered. A value of
    fewer than 16 characters is no key."""


class ServerTLS(Model):
    """HTTPS."""

    secret_ref: NamedSecret
    """Secret of the type kubernetes.io/tls. A certificate that is renewed there is served without a restart."""


class ServerResources(Model):
    """What each pod takes, as in a container's resources."""

    requests: ResourceList = {}
    """What the scheduler sets aside for a pod. Default of cpu, and of memory, where limits does not name it either:
    {cpu: "1", memory: 256Mi}; with Keras {cpu: "1", memory: 1Gi}."""
    limits: ResourceList = {}
    """What a pod may not exceed; it computes with as many threads as it has CPUs. Default of cpu, and of memory,
    where requests does not name it either: {cpu: "1", memory: 512Mi}; with Keras {cpu: "1", memory: 2Gi}."""


class ModelServerSpec(Model):
    """Which model is served, and how."""

    source: ModelSource
    """Where the model comes from: exactly one of trainingJobRef, experimentRef, and uri with sha256."""
    storage: ServerStorage
    """The S3 service that holds the model."""
    images: Images = Images()
    """What becomes of photographs that are sent."""
    classes: Annotated[list[ClassName], Field(max_length=MAX_CLASSES)] = []
    """Names of the classes, in the order of the model's output. Default: those of the training data."""
    batching: ServerBatching = ServerBatching()
    """How requests are put together."""
    limits: ServerLimits = ServerLimits()
    """What is refused before it is read or decoded."""
    replicas: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] = 1
    """Pods that serve. `kubectl scale` sets it, and autoscaling does. Default: 1."""
    autoscaling: Autoscaling | None = None
    """How replicas follows the load. Default: it stays as it is."""
    paused: bool = False
    """Whether changes wait: true rolls nothing out until it is false. Default: false."""
    auth: ServerAuth | None = None
    """Who may ask. Default: whoever reaches the server."""
    tls: ServerTLS | None = None
    """HTTPS in place of HTTP. Default: HTTP."""
    resources: ServerResources = ServerResources()
    """What each pod takes."""
    scheduling: Placement = Placement()
    """Where the pods may run."""
    service_account_name: ObjectName = "default"
    """ServiceAccount of the pods. They get no token for the Kubernetes API. Default: default."""
    image_pull_secrets: Annotated[list[ImagePullSecret], Field(max_length=16)] = []
    """Secrets with the credentials to pull the images."""


_NAMED_AS_A_SERVICE = Rule(
    f"self.metadata.name.matches('{NAME_PATTERN}') && size(self.metadata.name) <= {MAX_NAME}",
    f"metadata.name must be a DNS-1035 label of at most {MAX_NAME} characters (a-z, 0-9, -, a letter first): its "
    "Service bears it",
)


class ModelServer(Model):
    """Serves a trained model at an address, and rolls out new ones without a dropped request."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=cel([_NAMED_AS_A_SERVICE]))

    api_version: Literal["epochal.dev/v1alpha1"] = Field(default="epochal.dev/v1alpha1", alias="apiVersion")
    """Version of this schema."""
    kind: Literal["ModelServer"] = "ModelServer"
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace and identity."""
    spec: ModelServerSpec
    """Which model is served, and how."""
    status: Annotated[ModelServerStatus | None, reading(ModelServerStatus)] = None
    """How far it has come, as Epochal saw it last."""


class InvalidModelServer(InvalidObject):
    """A ModelServer that breaks the API's rules; the message has a line per field, and can be shown as it is."""


def parse(document: Any) -> ModelServer:
    """Reads a ModelServer.

    Args:
        document: The object as plain JSON or YAML values.

    Returns:
        The ModelServer with all defaults filled in.

    Raises:
        InvalidModelServer: If it breaks a rule; the message names each field, what was found and what must hold.
    """
    return read(ModelServer, document, InvalidModelServer)
