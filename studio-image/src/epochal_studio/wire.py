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
| POST /api/servers/NS/NAME/predict?QUERY | a picture | the answer of the model server's /predict |
| POST /api/servers/NS/NAME/predict | OpenInference | the answer of the model server's /v2/models/NAME/infer |

KIND is TrainingJob, Experiment or ModelServer. STORAGE is `namespace=NS&secret=NAME`, and `endpoint=URL`, `region=TEXT`
and `ca=CONFIGMAP` if they differ from the defaults. QUERY has the options `show=true` and `several=true` of the model
server's /predict. Each error has a status above 399 and a Problem as its body.

A page sends each POST and DELETE with the content type application/json. Uploads, imports and predictions may have
other types. They have the header `Epochal-Studio: 1`, which an HTML form of another page cannot send.

The API key of a model server is in the header `X-API-Key` of requests below /api/servers. Studio passes the key on to
the model server, and does not store it. A prediction without a valid key has the status 403 and the reason KeyRequired,
because the status 401 is only for the session. A picture is image/png, image/jpeg or image/webp. OpenInference is a
JSON request, such as `example` in ServedModel.page.

The stream begins with `connection` and a complete list of `runs`, in parts. The event `connection` is repeated at least
every 15 s, so that a page detects a broken network: a comment causes no event in the browser. After 45 s without an
event, the page connects again. A page closes the stream while its tab is hidden, because a browser opens at most six
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
"""Maximum bytes of a file to import. The file is stored on the disk, for which the chart reserves enough space."""
MAX_FIELDS = 500
"""Maximum number of differing fields, and of figures, in a comparison."""

RunKind = Literal["TrainingJob", "Experiment", "ModelServer"]
RUN_KINDS: tuple[RunKind, ...] = get_args(RunKind)
Action = Literal["suspend", "resume", "finish"]
Permission = Literal["suspend", "resume", "finish", "clone", "delete", "deploy", "log", "storage"]
Name = Annotated[str, Field(min_length=1, max_length=253)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Problem(Model):
    """An error for the user. It is the body of each answer with a status above 399."""

    reason: Name
    """Machine-readable cause, such as Expired, Forbidden, NotFound, Conflict, EndpointNotAllowed or Unreachable."""
    message: str
    """The cause in a sentence."""
    remedy: str = ""
    """An action of the user that may solve the problem; empty if there is none."""
    current: dict[str, Any] | None = None
    """For Conflict: the object as it is stored now."""


class SignIn(Model):
    """A request to sign in with a bearer token of Kubernetes."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)]


class Session(Model):
    """The signed-in user, and the session."""

    user: str
    """Name of the user in Kubernetes to whom the token belongs."""
    expires: datetime | None
    """End of the session; behind a proxy, expiry of the token, or None if it is unknown."""
    namespaces: list[str] | None
    """Names of all namespaces; None if the user may not list namespaces, and must type a name."""
    is_proxied: bool
    """Whether a proxy in front of Studio sends the token, so that signing out is the proxy's task."""
    storage_endpoints: list[str]
    """Addresses of the S3 services that Studio may connect to."""


class RunKey(Model):
    """Kind, namespace and name of a TrainingJob, Experiment or ModelServer."""

    kind: RunKind
    namespace: Name
    name: Name


class MetricValue(Model):
    """A value of a metric."""

    name: str
    value: Finite | None
    """None if the value is unknown or not finite."""


class Trials(Model):
    """The trials of an Experiment as a table."""

    columns: list[str]
    """Names of the columns: as in trials.csv; for trials of the status number, parameters, value, epoch, job, uri."""
    rows: list[list[str]]
    is_complete: bool
    """Whether `rows` has all trials. While an Experiment runs, `rows` has only the best trials from its status."""


class ServerSummary(Model):
    """The model and the pods of a ModelServer."""

    url: str
    """Address of the ModelServer in the cluster; empty until the operator has written it."""
    model: str
    """URI of the model; empty until the ModelServer has a model."""
    source: RunKey | None
    """The TrainingJob or Experiment that produced the model. It may no longer exist."""
    replicas: int
    ready_replicas: int


class RunSummary(RunKey):
    """A row of the list of runs."""

    uid: str
    resource_version: str
    generation: int = 0
    """metadata.generation, which each change of the spec increases, for ActionRequest."""
    created: datetime
    state: str
    """State of the run, such as Running; Pending until the operator has written a state."""
    reason: str
    """Why the run waits or has failed, such as `Unschedulable: 0/3 nodes have a free GPU`; empty otherwise."""
    warnings: int
    """Number of warnings."""
    start_time: datetime | None
    completion_time: datetime | None
    estimated_completion_time: datetime | None
    percent: Annotated[int, Field(ge=0, le=100)]
    epoch: int | None
    epochs: int | None
    metrics: list[MetricValue]
    """At most 6 metrics after the last epoch; for an Experiment, the objective with the value of the best trial."""
    best: MetricValue | None
    sparkline: Annotated[list[Finite], Field(max_length=MAX_SPARKLINE)]
    """The last values of the monitored metric that Studio has seen since its start, oldest first."""
    trials: dict[str, int] | None
    """Numbers of an Experiment's trials by state (created, running, complete, failed), and the `total` to create."""
    experiment: str | None
    """Name of the Experiment if this TrainingJob is a trial."""
    has_model: bool
    """Whether a ModelServer can serve a model of this run."""
    server: ServerSummary | None = None
    """For a ModelServer: its model and its pods."""


class RunsUpdate(Model):
    """Changes of the list of runs. A complete list is sent in several parts, each with a few hundred runs at most."""

    is_first: bool
    """Whether this is the first part of a complete list. It may also be the last part."""
    is_complete: bool
    """Whether this is the last part of a complete list: the page removes all runs that are in none of its parts."""
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
    """Type of the Event, Normal or Warning; or a condition with its status, such as Ready=False."""
    reason: str
    message: str
    count: int


class Phase(Model):
    """A phase in the timeline of a run."""

    name: Literal["Queue", "Start", "Data", "Training", "Storing", "Suspended"]
    begin: datetime
    end: datetime | None
    """None while the phase lasts."""
    is_estimated: bool = False
    """Whether `begin` is estimated from the progress in the status, because the cluster stores no exact time."""


class RunDetail(Model):
    """The detail page of a run, from its object, its Events and its pods in the API server."""

    summary: RunSummary
    object: dict[str, Any]
    """The object without managedFields."""
    yaml: str
    """The object as YAML for `kubectl apply`: without status and fields that the API server sets."""
    permissions: list[Permission]
    entries: list[Entry]
    """Events and conditions, newest first: at most 200."""
    entries_problem: Problem | None = None
    """Why Events are missing."""
    timeline: list[Phase]
    layers: list[list[str]]
    """The network: name, class and arguments of each layer, at most 1,000."""


class ActionRequest(Model):
    """A request to suspend, resume or finish a run."""

    action: Action
    resource_version: str
    """metadata.resourceVersion of the object that the page shows. If the object is newer, the answer is Conflict."""
    generation: int | None = None
    """metadata.generation of the object that the page shows. A newer version with the same generation is no conflict,
    because only its status or metadata has changed."""


class CloneRequest(Model):
    """A request to copy a run under another name."""

    name: Name
    suspend: bool = True


class DeployRequest(Model):
    """A request to create a ModelServer for the model of a run."""

    name: Name
    images: ImageMode | None = None
    """spec.images of the ModelServer: how it converts photographs. null chooses by the network's input: Resize for
    colour images, Digit for gray images of 28 × 28, else None."""


class Curve(Model):
    """The values of a metric by epoch."""

    name: str
    epochs: list[int]
    values: list[Finite]


class History(Model):
    """The metric curves of a TrainingJob."""

    curves: list[Curve]
    epochs: int
    """Number of finished epochs."""
    is_thinned: bool
    """Whether points are left out: each part of a curve keeps its minimum and maximum."""
    omitted_metrics: int
    """Number of metrics above MAX_METRICS, which are left out."""
    source: Literal["bucket", "status", "none"]
    """Source of the values: `bucket` has all epochs, `status` has only the last epoch, and `none` has no values."""
    problem: Problem | None = None
    """Why the bucket was not read, or only in part."""


class StoredFile(Model):
    """A file of the results."""

    path: str
    size: int
    description: str
    """Content of the file in a few words, such as `model of the best epoch`; empty for an unknown file."""


class Files(Model):
    """The files in the results folder of a run."""

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
    """Whether the spec of this run has more fields than the comparison reads."""


class Comparison(Model):
    """A comparison of runs: the fields of their specs that differ, and the figures of their results."""

    runs: list[ComparedRun]
    fields: list[str]
    """Paths of the fields that differ: at most MAX_FIELDS."""
    figures: list[str]
    omitted_fields: int = 0
    """Number of differing fields that are left out, above MAX_FIELDS or the maximum size of an answer."""


class Storage(Model):
    """The Secrets with S3 keys in a namespace, and the S3 services that Studio may connect to."""

    secrets: list[str] | None
    """Secrets with accessKey and secretKey; None if the user may not list Secrets."""
    endpoints: list[str]
    """Addresses of S3 services that Studio may connect to."""
    default_endpoint: str
    buckets: list[str] | None = None
    """After POST, buckets of the connected S3 service; None if the keys may not list buckets, and after GET."""
    created: list[str] = []
    """Buckets that this request has created."""
    is_cut: bool = False
    """Whether some Secrets were not read, because there are too many: more Secrets may have S3 keys."""


class ConnectStorage(Model):
    """A request to test the keys of an S3 service, and to store them in a new Secret."""

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
    """The docstring of a class or function of Keras."""

    text: str
    """The docstring; empty if it is unknown."""
    problem: Problem | None = None
    """Why the docstring is unknown."""


class CheckRequest(Model):
    """A request to check a YAML document: a TrainingJob or an Experiment."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]


class DocumentProblem(Model):
    """A problem of a YAML document."""

    path: str
    """Path of the field, such as spec.network.layers[2].units; empty for the whole document."""
    message: str
    """Cause and remedy."""
    layer: int | None = None
    """Index of the layer in the `layers` of the network, if the problem belongs to a layer."""
    line: int | None = None
    """Line in the text, from 1, if the text cannot be read."""
    is_warning: bool = False


class LayerShapes(Model):
    """The output shapes of a layer, from the checker."""

    index: int
    """Index of the layer in the `layers` of the network."""
    outputs: list[list[int]]
    """Shape of each output without the batch axis; -1 is an axis of any length. Empty if unknown."""
    parameters: int | None
    """Number of parameters; None if unknown."""


class Checked(Model):
    """The result of a check: the problems of a document, and the shapes of its layers."""

    problems: list[DocumentProblem]
    """At most 200."""
    layers: list[LayerShapes]
    """In the order of the network's `layers`; empty if the checker has not answered."""
    parameters: int | None
    is_built: bool
    """Whether the checker has answered. If not, shapes and errors of shapes are unknown."""
    problem: Problem | None = None
    """Why the checker was not asked, or has not answered."""


class Template(Model):
    """A template for a new run: an example of a TrainingJob or Experiment."""

    name: Name
    title: str
    description: str
    yaml: str


class Templates(Model):
    """The templates for a new run."""

    templates: list[Template]


class Imported(Model):
    """A TrainingJob or Experiment that is imported from a file."""

    yaml: str
    """The TrainingJob or Experiment with comments; the unchanged text if the file is a TrainingJob or an Experiment."""
    warnings: list[str]
    """Details of the file that the import does not keep, one in each item."""
    placeholders: list[str]
    """Paths of the fields with placeholder values, because the file does not define them."""
    has_weights: bool
    """Whether the file has weights, which are not imported."""


class ExportRequest(Model):
    """A request to convert a TrainingJob to code that runs without Epochal."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    target: TargetName
    simple: bool = False
    """For keras and notebook: whether Keras shuffles the samples in the code, instead of Epochal's exact order."""


class ExportedFile(Model):
    """A file of code."""

    name: str
    text: str


class Exported(Model):
    """A network as the code of another tool."""

    files: list[ExportedFile]


class SaveRequest(Model):
    """A request to create or change a TrainingJob or Experiment."""

    namespace: Name
    """Namespace to save in. metadata.namespace of the document must be the same, or absent."""
    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    resource_version: str | None = None
    """metadata.resourceVersion of the object that the user has edited; None creates a new object."""
    generation: int | None = None
    """metadata.generation of the object that the user has edited. A newer version with the same generation and uid is
    no conflict, because only its status or metadata has changed."""
    uid: Name | None = None
    """metadata.uid of the object that the user has edited. Another object with the same name is a conflict."""
    dry_run: bool = False
    """Whether the API server only validates the document by schema, policies and quota, and stores nothing."""


class AddedField(Model):
    """A field that the cluster has added to the spec of a saved document."""

    path: list[str | int]
    """Path of the field in the object: keys of mappings, and indexes of list items."""
    value: Any


class Saved(Model):
    """An object as the API server has stored it, or would store it."""

    key: RunKey
    resource_version: str | None
    """None after a dry run that would create an object."""
    generation: int = 0
    """The generation, for the next SaveRequest."""
    uid: str = ""
    """The UID, for the next SaveRequest; empty after a dry run that would create an object."""
    yaml: str
    """The object as YAML for `kubectl apply`, with the defaults of the API server."""
    added: list[AddedField] = []
    """Fields that the cluster has added to the spec, except those defaults. The page adds them to its document, because
    otherwise the next save would remove them."""
    warnings: list[str]
    """Warnings of the API server and its policies."""


class NodeCapacity(Model):
    """The resources of a node. The free amounts are those that no pod requests, or None if they are unknown."""

    name: str
    is_ready: bool
    """Whether the node accepts new pods: it is Ready and not cordoned."""
    gpus: dict[str, int]
    """Allocatable GPUs by resource name, such as nvidia.com/gpu."""
    free_gpus: dict[str, int] | None
    memory: int
    """Allocatable memory in bytes."""
    free_memory: int | None
    cpu: Finite
    """Allocatable CPU cores."""
    free_cpu: Finite | None


class Capacity(Model):
    """The nodes of the cluster with their resources."""

    nodes: list[NodeCapacity] | None
    """At most 500; None if the user may not list nodes."""
    problem: Problem | None = None


class Buckets(Model):
    """The buckets of a storage."""

    endpoint: str
    buckets: list[str] | None
    """Names of at most 1,000 buckets; None if the keys may not list buckets, so the user must type a name."""


class StoredObject(Model):
    """An object of a bucket."""

    key: str
    size: int
    modified: datetime | None


class StoredObjects(Model):
    """One page of the folders and objects in a folder of a bucket: at most 200 entries."""

    folders: list[str]
    """Prefixes of the folders, each with / at its end."""
    objects: list[StoredObject]
    next: str | None
    """Value of the parameter `after` for the next page; None on the last page."""


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
    """Type of the elements as in numpy, such as uint8 or float32."""
    values: list[str]
    """The first values, as text: at most 20."""
    classes: dict[str, int] | None = None
    """For an array of labels: number of samples of each class among the values read, for at most 100 classes."""
    problem: str | None = None
    """Why the values are unknown, such as Python objects, which are never unpickled."""


class Preview(Model):
    """The preview of a data file, which is read only in part."""

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
    """Why a part of the preview is missing, or why a training cannot read the file."""


class ServedModel(Model):
    """A model that a ModelServer serves, as the model server describes it."""

    server: RunKey
    is_ready: bool
    state: str
    needs_key: bool
    """Whether the model server requires an API key, and the request had no key or a wrong key."""
    page: dict[str, Any] | None
    """The model server's description of its model: inputs, outputs, classes, kinds of pictures, limits, example.
    None if the model server does not answer."""
    problem: Problem | None = None


class ClassCount(Model):
    """The number of predictions of a class."""

    output: str
    name: str
    count: int


class Usage(Model):
    """Numbers of requests to a ModelServer since its pods started, from the metrics of the pods that answered."""

    requests: int
    refused: int
    classes: list[ClassCount]
    """At most 1,000, most frequent first."""
    pods: int
    """Number of pods whose metrics were read."""
    problem: Problem | None = None
