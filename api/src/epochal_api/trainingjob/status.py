"""The status of a TrainingJob.

Numbers that are not integers are strings, as the Kubernetes API conventions require:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from typing import Annotated, Literal, get_args

from pydantic import Field

from epochal_api.condition import Conditions, MachineReason, NumberText, Text, Time, Uri
from epochal_api.display import Display
from epochal_api.model import StatusModel, list_map
from epochal_api.signature import ModelChoice
from epochal_api.storage import ExportFormat

State = Literal["Queued", "Starting", "Waiting", "Running", "Storing", "Suspended", "Complete", "Failed"]
Stage = Literal["Loading", "Training", "Storing", "Done"]
StartStage = Literal["BuildingNetwork", "RestoringCheckpoint", "LoadingData", "ComputingFirstStep"]
"""Step of a trainer's start after the import of Keras. It is the reason of the condition Ready during this step."""
STATES: tuple[State, ...] = get_args(State)
Mode = Literal["Min", "Max"]
"""Whether the lowest or the highest value of a metric is the best."""
MAX_NAMES = 64
"""Maximum number of metric names in a training, as in a report."""
MAX_MODELS = 4
"""Maximum number of models in a status. Further models are left out."""
MAX_EXPORTS = 4
"""Maximum number of exports in a status. Further exports are left out."""
MAX_EXPORT_MESSAGE = 512
"""Maximum characters of the message about the exports. A longer message is cut."""
MAX_WARNINGS = 16
"""Maximum number of warnings of a training, one for each reason."""
MAX_UNSTARTED = 64
"""Maximum number of pods in `unstarted.pods`. Further pods are left out."""
MAX_WARNING_MESSAGE = 512
"""Maximum characters of a warning's message. A longer message is cut."""
STORAGE = "StorageAvailable"
"""Type of the condition that shows whether the trainer can use its storage."""
SPEC_APPLIED = "SpecApplied"
"""Type of the condition that shows whether the job is trained with its current spec."""
EXPORTED = "Exported"
"""Type of the condition that shows whether all exports of spec.results.exports are stored."""
CONDITIONS = ("Ready", "Stalled", "Suspended", "Complete", "Failed", "Finished", STORAGE, SPEC_APPLIED, EXPORTED)
"""The condition types of Epochal. Other controllers may add their own."""


class Waiting(StatusModel):
    """The cause for which the trainer waits."""

    reason: MachineReason
    """Machine-readable cause."""
    message: Annotated[Text, Field(max_length=4096)] = ""
    """Explanation of the cause for users."""
    since: Time
    """When the trainer started to wait."""


class Progress(StatusModel):
    """Progress of the training, from the trainer's last report."""

    attempt: int = 1
    """The attempt that sent the report."""
    sequence: int = 0
    """Number of the report within its attempt."""
    pod_created: Time | None = None
    """Creation time of the pod that sent the attempt and the sequence."""
    stage: Stage = "Loading"
    """Stage of the trainer: Loading until its first step, Training, Storing or Done."""
    start_stage: StartStage | None = None
    """While the stage is Loading: BuildingNetwork, RestoringCheckpoint, LoadingData or ComputingFirstStep."""
    epoch: int = 0
    """Finished epochs."""
    epochs: int = 0
    """Total number of epochs."""
    step: int = 0
    """Finished steps of the running epoch."""
    steps_per_epoch: int = 0
    """Steps of an epoch."""
    percent: int = 0
    """Finished percentage of all steps."""
    seconds_per_epoch: str | None = None
    """Seconds of the last finished epoch, including its validation."""
    estimated_completion_time: Time | None = None
    """When the training is expected to end."""
    last_report_time: Time | None = None
    """When the last report arrived."""
    metric_names: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=MAX_NAMES)] | None = None
    """Names of all metrics since the start. Up to 64 names are added; none is replaced."""
    waiting: Waiting | None = None
    """The cause for which the trainer waits: a storage that does not answer, or is full."""
    finish_after_epoch: int | None = None
    """The epoch after which the training ends early because of spec.finish; none without this request."""
    stopped_after_epoch: int | None = None
    """The epoch after which the training stopped, before its last one, because of spec.training.stopAfterEpoch."""


class Best(StatusModel):
    """The best epoch so far."""

    epoch: int
    """The epoch, counted from 1."""
    metric: Annotated[str, Field(max_length=128)]
    """Metric that decides the best epoch, by spec.training.monitor."""
    mode: Mode | None = None
    """Whether the lowest value is the best (Min), or the highest (Max)."""
    value: str
    """Value of the metric in this epoch."""


class TrainingWarning(StatusModel):
    """A warning of the trainer. The training continues, but perhaps not as the user intended."""

    reason: MachineReason
    """Machine-readable reason, such as MissingClasses."""
    message: Annotated[Text, Field(max_length=MAX_WARNING_MESSAGE)] = ""
    """Explanation and advice for users."""


class NetworkSize(StatusModel):
    """Size of the network."""

    parameters: int
    """Total number of weights, trainable or not."""
    layers: int
    """Number of layers without the input."""


MetricValues = Annotated[dict[str, NumberText], Field(max_length=128)]


class StoredFile(StatusModel):
    """A stored file."""

    uri: Uri
    """URI of the file."""
    sha256: Annotated[str, Field(max_length=64)]
    """SHA-256 of the file, in hex."""


class StoredModel(StoredFile):
    """A stored model of the training."""

    name: Annotated[str, Field(max_length=63)]
    """File name: model.keras with the final weights of Keras' fit, or best.keras of the best epoch."""
    epoch: int
    """The epoch of its weights, counted from 1."""
    test: MetricValues | None = None
    """Metrics on the test set, for a model other than model.keras. Those of model.keras are in status.test."""


class ExportedModel(StoredFile):
    """A stored model in a format for programs without Keras."""

    name: Annotated[str, Field(max_length=63)]
    """File name, such as model.onnx."""
    model: ModelChoice
    """Which model was exported: of the last epoch, or of the best epoch if that is different."""
    format: ExportFormat
    """Format of the file."""
    difference: NumberText | None = None
    """Largest absolute difference between its outputs and those of Keras for samples of the data."""


class StoredSignature(StoredFile):
    """The stored signature with the inputs and outputs of the models."""


class Export(StatusModel):
    """Result of the model exports, as in the condition Exported."""

    reason: MachineReason
    """Machine-readable result: Exported, NotExportable, ExportDiffers or ExportFailed."""
    message: Annotated[Text, Field(max_length=MAX_EXPORT_MESSAGE)] = ""
    """Explanation for users."""


class StoredResults(StatusModel):
    """Locations of the results."""

    uri: Uri
    """URI of the folder of all results."""
    model: Uri | None = None
    """URI of the trained model."""
    log: Uri | None = None
    """URI of the training's log."""
    models: Annotated[list[StoredModel], Field(max_length=MAX_MODELS, json_schema_extra=list_map("name"))] | None = None
    """The trained models and the epochs of their weights, once they are stored and verified."""
    exports: (
        Annotated[list[ExportedModel], Field(max_length=MAX_EXPORTS, json_schema_extra=list_map("name"))] | None
    ) = None
    """The same models in the formats of spec.results.exports."""
    signature: StoredSignature | None = None
    """Signature of the models with their inputs and outputs: signature.json."""
    export: Export | None = None
    """Result of the model exports."""


class ReportedStatus(StatusModel):
    """The status fields from the trainer's reports, which have their own field manager."""

    progress: Progress | None = None
    """Progress of the training."""
    metrics: MetricValues | None = None
    """Metrics of the last finished epoch."""
    best: Best | None = None
    """The best epoch so far."""
    test: MetricValues | None = None
    """Metrics of model.keras on the test set."""
    network: NetworkSize | None = None
    """Size of the network."""
    results: StoredResults | None = None
    """Locations of the results."""
    warnings: Annotated[list[TrainingWarning], Field(max_length=MAX_WARNINGS)] | None = None
    """Warnings of the trainer, one for each reason. The training continues, but perhaps not as the user intended."""
    display: Display | None = None
    """Values for `kubectl get`."""


class ContinuedFrom(StatusModel):
    """The results from which a TrainingJob continues, if its spec names another TrainingJob."""

    name: Annotated[str, Field(max_length=253)]
    """The other TrainingJob. It may no longer exist."""
    uri: Uri
    """URI of the other TrainingJob's results folder."""


class UnstartedPods(StatusModel):
    """Pods that ended before any of their containers ran."""

    job_uid: Annotated[str, Field(max_length=64)]
    """UID of the batch/v1 Job of the pods."""
    pods: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_UNSTARTED)]
    """UIDs of the pods."""


class Status(ReportedStatus):
    """Observed state of a TrainingJob."""

    observed_generation: int | None = None
    """Generation of the spec for which the status was computed."""
    state: State | None = None
    """State of the job: Queued, Starting, Waiting (for its storage), Running, Storing, Suspended, Complete or
    Failed."""
    conditions: Conditions | None = None
    """Machine-readable state: Ready, False while a user or the cluster must change something; Stalled, Suspended,
    Complete, Failed; Finished, once it is Complete or Failed; StorageAvailable, once the trainer has waited for its
    storage; SpecApplied, once a change of the spec was too late; Exported, once the exports were tried."""
    start_time: Time | None = None
    """When a container of the job first ran. From then on its spec is immutable."""
    completion_time: Time | None = None
    """When the job completed or failed."""
    attempt: int | None = None
    """1 + the number of restarts so far."""
    gpus: int | None = None
    """GPUs that the job requests."""
    job_name: str | None = None
    """Name of the batch/v1 Job that runs the training."""
    continued_from: ContinuedFrom | None = None
    """The results from which the job continues, if spec.training.continueFrom names a TrainingJob: set once, after its
    end."""
    unstarted: UnstartedPods | None = None
    """Pods that ended before a container ran, until a container of the job runs. Their Job counts them as failed."""
    warned: Annotated[list[MachineReason], Field(max_length=MAX_WARNINGS)] | None = None
    """Reasons of the warnings for which Events were emitted."""
