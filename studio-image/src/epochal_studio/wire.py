"""The JSON that Studio's pages and its back end exchange. `make manifests` generates the types of TypeScript from it.

| request | body | answer |
|---|---|---|
| POST /api/session | SignIn | Session, and the cookie |
| GET /api/session | | Session |
| DELETE /api/session | | 204, and the cookie is deleted |
| GET /api/stream?namespace=NS (or `*`) | | server-sent events: `runs` (RunsUpdate), `connection` (ConnectionState) |
| GET /api/runs/KIND/NS/NAME | | RunDetail |
| POST /api/runs/KIND/NS/NAME/actions | ActionRequest | RunDetail |
| DELETE /api/runs/KIND/NS/NAME?uid=UID | | 204 |
| POST /api/runs/KIND/NS/NAME/clone | CloneRequest | RunKey |
| POST /api/runs/KIND/NS/NAME/deployment | DeployRequest | RunKey of the ModelServer |
| GET /api/runs/KIND/NS/NAME/history?points=N | | History |
| GET /api/runs/KIND/NS/NAME/log?follow=1&tail=N | | text/plain, a stream |
| GET /api/runs/KIND/NS/NAME/files | | Files |
| GET /api/runs/KIND/NS/NAME/files/PATH | | the file as an attachment |
| GET /api/runs/KIND/NS/NAME/report/data | | data.json, docs/schemas/data.schema.json |
| GET /api/runs/KIND/NS/NAME/report/evaluation | | evaluation.json, docs/schemas/evaluation.schema.json |
| GET /api/runs/KIND/NS/NAME/pictures/NAME.png | | a PNG file at the top of the results, such as importance |
| GET /api/runs/Experiment/NS/NAME/trials | | Trials |
| GET /api/compare?run=KIND/NS/NAME&run=… (at most 200) | | Comparison |
| GET /api/storage?namespace=NS | | Storage |
| POST /api/storage | ConnectStorage | Storage |
| GET /api/catalogue | | the classes of Keras with their arguments: catalogue.json of epochal_api |
| GET /api/catalogue/MODULE/CLASS | | ClassText, the docstring of a class, such as keras.layers/Dense |
| POST /api/check | CheckRequest | Checked |
| GET /api/templates | | Templates |
| POST /api/jobs | SaveRequest | Saved |
| POST /api/import?name=FILE | the bytes of a file of another tool | Imported |
| POST /api/export | ExportRequest | Exported |
| GET /api/capacity | | Capacity |
| GET /api/buckets?STORAGE | | Buckets |
| GET /api/buckets/BUCKET?STORAGE&prefix=P&after=TEXT | | StoredObjects |
| GET /api/buckets/BUCKET/preview?STORAGE&key=K | | Preview |
| PUT /api/buckets/BUCKET/object?STORAGE&key=K&replace=1 | the bytes, a stream | StoredObject |
| GET /api/servers/NS/NAME | | ServedModel |
| GET /api/servers/NS/NAME/usage | | Usage |
| POST /api/servers/NS/NAME/predict?QUERY | a picture | the answer of the server's /predict |
| POST /api/servers/NS/NAME/predict | OpenInference | that of its /v2/models/NAME/infer |

KIND is TrainingJob, Experiment or ModelServer. STORAGE is `namespace=NS&secret=NAME`, and if they differ from the
defaults `endpoint=URL`, `region=TEXT` and `ca=CONFIGMAP`. QUERY is `show=true` and `several=true`, as the server has
them. Each error has the body Problem and a status above 399. A page sends every request that changes
something with the content type application/json. Uploads, imports and predictions have other types; they carry the
header `Epochal-Studio: 1`, which no form of another page can send.

The key of a ModelServer is in the header `X-API-Key` of the requests below /api/servers. Studio passes it on to the
server, and keeps it nowhere. A prediction without a valid key has the status 403 and the reason KeyRequired: the status
401 is for the session alone. A picture is image/png, image/jpeg or image/webp. OpenInference is a request in JSON, such
as `example` of ServedModel.page.

The stream begins with `connection` and a complete list of `runs`, in parts. It repeats `connection` at least every
15 s, so that a page notices a network that is silent: the browser shows no event for a comment. Without an event for
45 s the page connects again. It closes the stream while its tab is hidden, because a browser opens at most six
connections to a host.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from epochal.exporters import TargetName
from epochal_api.model import Model
from epochal_api.modelserver.config import ImageMode
from pydantic import Field

MAX_RUNS_COMPARED = 200
MAX_SPARKLINE = 32
MAX_POINTS = 2000
"""Maximum points of a curve in one answer."""
MAX_METRICS = 100
"""Maximum metrics of a history in one answer."""
MAX_YAML = 128 * 1024
"""Maximum characters of a document."""
MAX_IMPORT = 64 * 2**20
"""Maximum bytes of a file to import. It lies on the disk meanwhile: the chart has space for all imports."""
MAX_FIELDS = 500
"""Maximum differing fields, and figures, of a comparison."""

RunKind = Literal["TrainingJob", "Experiment", "ModelServer"]
RUN_KINDS: tuple[RunKind, ...] = get_args(RunKind)
Action = Literal["suspend", "resume", "finish"]
Permission = Literal["suspend", "resume", "finish", "clone", "delete", "deploy", "log", "storage"]
Name = Annotated[str, Field(min_length=1, max_length=253)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Problem(Model):
    """An error for users."""

    reason: Name
    """Machine-readable cause, such as Expired, Forbidden, NotFound, Conflict, EndpointNotAllowed or Unreachable."""
    message: str
    """Cause in a sentence."""
    remedy: str = ""
    """What the user can do."""
    current: dict[str, Any] | None = None
    """For Conflict: the object as it is stored now."""


class SignIn(Model):
    """A token of Kubernetes."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)]


class Session(Model):
    """The signed-in user."""

    user: str
    """User name of the token."""
    expires: datetime | None
    """End of the token, if it is known."""
    namespaces: list[str] | None
    """Namespaces that the user can list; None if the user may not list them, and types a namespace."""
    is_proxied: bool
    """Whether a proxy in front of Studio sends the token, so that signing out is the proxy's task."""
    storage_endpoints: list[str]
    """Endpoints of storages that Studio connects to."""


class RunKey(Model):
    """The identity of a run or server."""

    kind: RunKind
    namespace: Name
    name: Name


class MetricValue(Model):
    """A value of a metric."""

    name: str
    value: Finite | None
    """None if it is not finite."""


class Trials(Model):
    """Numbers of an Experiment's trials, and the best ones."""

    columns: list[str]
    """Names of the columns: those of trials.csv, or parameters and value."""
    rows: list[list[str]]
    is_complete: bool
    """Whether all trials are listed. While an Experiment runs, its status lists only the best ones."""


class ServerSummary(Model):
    """The model and the pods of a ModelServer."""

    url: str
    """Its address in the cluster; empty until the operator has written it."""
    model: str
    """URI of the model; empty until it has one."""
    source: RunKey | None
    """The run that trained or found the model. It may no longer exist."""
    replicas: int
    ready_replicas: int


class RunSummary(RunKey):
    """A row of the list of runs."""

    uid: str
    resource_version: str
    generation: int = 0
    """Number of the changes of its spec, for ActionRequest."""
    created: datetime
    state: str
    """Its state, such as Running; Pending until the operator has written one."""
    reason: str
    """Why it waits or has failed, such as `Unschedulable: 0/3 nodes have a free GPU`; empty otherwise."""
    warnings: int
    """Number of warnings."""
    start_time: datetime | None
    completion_time: datetime | None
    estimated_completion_time: datetime | None
    percent: Annotated[int, Field(ge=0, le=100)]
    epoch: int | None
    epochs: int | None
    metrics: list[MetricValue]
    """Values after the last epoch, or the best value of an Experiment: at most 6."""
    best: MetricValue | None
    sparkline: Annotated[list[Finite], Field(max_length=MAX_SPARKLINE)]
    """Values of the monitored metric that Studio has seen, oldest first. Empty after a restart of Studio."""
    trials: dict[str, int] | None
    """Numbers of an Experiment's trials by state: created, running, complete, failed, total."""
    experiment: str | None
    """The Experiment of a trial."""
    has_model: bool
    """Whether it has a model that can be served."""
    server: ServerSummary | None = None
    """For a ModelServer: its model and its pods."""


class RunsUpdate(Model):
    """Changes of the list of runs. A complete list comes in parts, each with at most some hundred runs."""

    is_first: bool
    """Whether this is the first part of a complete list. It may be the last one, too."""
    is_complete: bool
    """Whether this is the last part: the page forgets the runs that no part since `is_first` has named."""
    changed: list[RunSummary]
    removed: list[RunKey]


class ConnectionState(Model):
    """The connection of the back end to the API server."""

    is_connected: bool
    kinds: list[RunKind]
    """Kinds that the user may watch."""
    problem: Problem | None = None


class Entry(Model):
    """A line of an object's history: an Event or a condition."""

    time: datetime
    type: str
    """Normal or Warning; or a condition with its status, such as Ready=False."""
    reason: str
    message: str
    count: int


class Phase(Model):
    """A part of the timeline of a run."""

    name: Literal["Queue", "Start", "Data", "Training", "Storing", "Suspended"]
    begin: datetime
    end: datetime | None
    """None while it lasts."""
    is_estimated: bool = False
    """Whether its start is computed from the duration of an epoch, because the status has no time for it."""


class RunDetail(Model):
    """A run with everything that the API server has."""

    summary: RunSummary
    object: dict[str, Any]
    """The object without managedFields."""
    yaml: str
    """The object as YAML to apply again: without status and fields that the server sets."""
    permissions: list[Permission]
    entries: list[Entry]
    """Events and conditions, newest first: at most 200."""
    entries_problem: Problem | None = None
    """Why Events are missing."""
    timeline: list[Phase]
    layers: list[list[str]]
    """The network: name, class and arguments of each layer, at most 1,000."""


class ActionRequest(Model):
    """A change of a run."""

    action: Action
    resource_version: str
    """The version that the user sees. If the object has a newer version, the answer is Conflict."""
    generation: int | None = None
    """The generation that the user sees. With it, a newer version with the same generation is no conflict: the status
    of a running training changes every few seconds."""


class CloneRequest(Model):
    """A copy of a run."""

    name: Name
    suspend: bool = True


class DeployRequest(Model):
    """A ModelServer for the model of a run."""

    name: Name
    images: ImageMode | None = None
    """How it takes photographs. null chooses by the network's input: Resize for colour images, Digit for gray ones of
    28 × 28, else None."""


class Curve(Model):
    """The values of a metric."""

    name: str
    epochs: list[int]
    values: list[Finite]


class History(Model):
    """The finished epochs of a training."""

    curves: list[Curve]
    epochs: int
    """Number of finished epochs."""
    is_thinned: bool
    """Whether points are left out: each part of a curve keeps its minimum and maximum."""
    omitted_metrics: int
    """Metrics above MAX_METRICS."""
    source: Literal["bucket", "status", "none"]
    """Where the values come from: `status` has the last epoch alone."""
    problem: Problem | None = None
    """Why the bucket was not read."""


class StoredFile(Model):
    """A file of the results."""

    path: str
    size: int
    description: str
    """Its content in a few words, such as `model of the best epoch`; empty for an unknown file."""


class Files(Model):
    """The results of a run in its bucket."""

    uri: str
    files: list[StoredFile]
    """At most 1,000."""
    is_complete: bool


class ComparedRun(Model):
    """A run in a comparison."""

    key: RunKey
    state: str
    is_best: bool
    fields: dict[str, str | None]
    figures: dict[str, str | None]
    is_cut: bool = False
    """Whether its spec has more fields than are compared."""


class Comparison(Model):
    """Differing fields of the specs, and the figures of the results."""

    runs: list[ComparedRun]
    fields: list[str]
    """Paths of the fields that differ: at most MAX_FIELDS."""
    figures: list[str]
    omitted_fields: int = 0
    """Differing fields above MAX_FIELDS, or above the size of an answer."""


class Storage(Model):
    """The storages of a namespace."""

    secrets: list[str] | None
    """Secrets with accessKey and secretKey; None if the user may not list Secrets."""
    endpoints: list[str]
    """Endpoints that Studio connects to."""
    default_endpoint: str
    buckets: list[str] | None = None
    """Buckets of the storage that was connected; None if the keys may not list them."""
    created: list[str] = []
    """Buckets that were created."""
    is_cut: bool = False
    """Whether there may be more Secrets than those that were read."""


class ConnectStorage(Model):
    """The keys of a storage, which become a Secret in the user's namespace."""

    namespace: Name
    secret: Name
    endpoint: str
    access_key: Annotated[str, Field(min_length=1, max_length=1024)]
    secret_key: Annotated[str, Field(min_length=1, max_length=1024)]
    session_token: Annotated[str, Field(max_length=8192)] | None = None
    region: str = "us-east-1"
    """Region for which requests are signed."""
    ca_config_map: Name | None = None
    """ConfigMap with the certificate authority of an https endpoint, under the key ca.crt."""
    create_buckets: Annotated[list[Name], Field(max_length=2)] = []
    """Buckets to create if they are missing: for data and for results."""


class ClassText(Model):
    """The documentation of a Keras class."""

    text: str
    """Its docstring; empty without the checker."""
    problem: Problem | None = None
    """Why there is none."""


class CheckRequest(Model):
    """A document to check: a TrainingJob or an Experiment."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]


class DocumentProblem(Model):
    """A problem of a document."""

    path: str
    """Its field, such as spec.network.layers[2].units; empty for the whole document."""
    message: str
    """Cause and remedy."""
    layer: int | None = None
    """Position of the layer in spec.network.layers, if it belongs to a layer."""
    line: int | None = None
    """Line of the text, from 1, if the text is no YAML."""
    is_warning: bool = False


class LayerShapes(Model):
    """The outputs of a layer, from the checker."""

    index: int
    """Position in spec.network.layers."""
    outputs: list[list[int]]
    """Shape of each output without the batch axis; -1 is an axis of any length. Empty if unknown."""
    parameters: int | None
    """Number of parameters; None if unknown."""


class Checked(Model):
    """What is known of a document."""

    problems: list[DocumentProblem]
    """At most 200."""
    layers: list[LayerShapes]
    """In the order of spec.network.layers; empty if the checker has not built the network."""
    parameters: int | None
    is_built: bool
    """Whether the checker has built the network: without it, errors of shapes are unknown."""
    problem: Problem | None = None
    """Why the checker was not asked, or has not answered."""


class Template(Model):
    """A document to begin with."""

    name: Name
    title: str
    description: str
    yaml: str


class Templates(Model):
    """Documents to begin with."""

    templates: list[Template]


class Imported(Model):
    """A network from a file of another tool."""

    yaml: str
    """The TrainingJob or Experiment with comments; the unchanged text if the file is a TrainingJob or an Experiment."""
    warnings: list[str]
    """Details of the file that are lost, a line each."""
    placeholders: list[str]
    """Paths of the fields that the file does not give."""
    has_weights: bool
    """Whether the file has weights, which the text does not have."""


class ExportRequest(Model):
    """A TrainingJob to write as code that runs without Epochal."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    target: TargetName
    simple: bool = False
    """Whether to write the usual calls of Keras in place of the exact order of samples: for keras and notebook."""


class ExportedFile(Model):
    """A file of code."""

    name: str
    text: str


class Exported(Model):
    """A network as the code of another tool."""

    files: list[ExportedFile]


class SaveRequest(Model):
    """A TrainingJob or an Experiment to create or to change."""

    namespace: Name
    """The namespace, if metadata.namespace of the document is absent. They must not differ."""
    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    resource_version: str | None = None
    """The version that the user has changed; None creates an object, and never changes one."""
    generation: int | None = None
    """The generation that the user has changed. With it and the uid, a newer version with the same generation is no
    conflict: the operator writes the status of a new object at once."""
    uid: Name | None = None
    """The UID of the object that the user has changed: another object of its name is a conflict."""
    dry_run: bool = False
    """Whether the API server only checks the document, with its schema, policies and quota."""


class AddedField(Model):
    """A field of a spec that a document did not have when it was saved."""

    path: list[str | int]
    """Its path in the object, with the indexes of items."""
    value: Any


class Saved(Model):
    """An object as the API server has stored it, or would store it."""

    key: RunKey
    resource_version: str | None
    """None after a dry run that creates."""
    generation: int = 0
    """The generation, for the next SaveRequest."""
    uid: str = ""
    """The UID, for the next SaveRequest; empty after a dry run that creates."""
    yaml: str
    """The object as YAML to apply again, with the defaults of the API server."""
    added: list[AddedField] = []
    """The fields of the spec that the cluster has added, beside those defaults. The document takes them, because the
    next save would remove them."""
    warnings: list[str]
    """Warnings of the API server and its policies."""


class NodeCapacity(Model):
    """The resources of a node. Free is what no pod requests; None if the user may not list the pods."""

    name: str
    is_ready: bool
    """Whether it takes new pods: Ready and not cordoned."""
    gpus: dict[str, int]
    """GPUs by resource name, such as nvidia.com/gpu."""
    free_gpus: dict[str, int] | None
    memory: int
    """Bytes."""
    free_memory: int | None
    cpu: Finite
    """Cores."""
    free_cpu: Finite | None


class Capacity(Model):
    """The nodes of the cluster."""

    nodes: list[NodeCapacity] | None
    """At most 500; None if the user may not list nodes."""
    problem: Problem | None = None


class Buckets(Model):
    """The buckets of a storage."""

    endpoint: str
    buckets: list[str] | None
    """At most 1,000; None if the keys may not list them, so that the user types a name."""


class StoredObject(Model):
    """An object of a bucket."""

    key: str
    size: int
    modified: datetime | None


class StoredObjects(Model):
    """A page of a bucket's folder: at most 200 entries."""

    folders: list[str]
    """Prefixes that end with /."""
    objects: list[StoredObject]
    next: str | None
    """For `after` of the next page; None at the end."""


class SamplePicture(Model):
    """A sample as a picture."""

    width: int
    height: int
    channels: Literal[1, 3]
    pixels: str
    """Base64 of height times width times channels bytes, scaled: the smallest value is 0 and the greatest 255."""
    label: str | None


class ArrayPreview(Model):
    """An array of a file."""

    name: str
    """Name within an npz file; empty for a file with one array."""
    shape: list[int]
    dtype: str
    """As of numpy, such as uint8 or float32."""
    values: list[str]
    """The first values, as text: at most 20."""
    classes: dict[str, int] | None = None
    """Of labels: the number of samples of each class among the values that were read, at most 100 classes."""
    problem: str | None = None
    """Why its values are unknown, such as objects, which are never unpickled."""


class Preview(Model):
    """The first values of a data file, which is read in part."""

    key: str
    size: int
    format: Literal["npz", "npy", "idx", "csv", "unknown"]
    arrays: list[ArrayPreview]
    """At most 50."""
    samples: list[SamplePicture]
    """The first samples, if they look like pictures: at most 12."""
    columns: list[str]
    """Names of the columns of a CSV file: at most 200."""
    rows: list[list[str]]
    """The first rows of a CSV file: at most 10."""
    problem: Problem | None = None
    """Why a part is missing."""


class ServedModel(Model):
    """A model that a ModelServer serves, in the words of its page."""

    server: RunKey
    is_ready: bool
    state: str
    needs_key: bool
    """Whether the server asks for a key, and the request had none or a wrong one."""
    page: dict[str, Any] | None
    """What the server tells its own page about the model: inputs, outputs, classes, kinds of pictures, limits, example.
    None if it does not answer."""
    problem: Problem | None = None


class ClassCount(Model):
    """The answers that named a class."""

    output: str
    name: str
    count: int


class Usage(Model):
    """The requests of a model server since its pods started, from the metrics of the pods that the user may reach."""

    requests: int
    refused: int
    classes: list[ClassCount]
    """At most 1,000, most frequent first."""
    pods: int
    """Number of the pods that were read."""
    problem: Problem | None = None
