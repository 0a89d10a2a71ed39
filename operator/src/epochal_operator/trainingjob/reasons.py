"""The reasons of conditions and Events of a TrainingJob, with their effects: the only table.

docs/reasons.md explains each reason to users.
"""

from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.runtime.reasons import Effect, EpochalReason, ExternalReason, StatusCause, effect_of, reason_of

__all__ = ["Effect", "ExternalReason", "Reason", "StatusCause", "as_reason", "effect"]


_NO_EVENT = Effect(event=None, fault=None)
_READY_NO_EVENT = Effect(event=None, ready=True, fault=None)
_READY_POD_RUNS = _READY_NO_EVENT._replace(pod_runs=True)
_NEEDS_USER = Effect(needs_user_action=True)
_CRASH = Effect(fault="Crash")
_CLUSTER = Effect(fault="Cluster")


class Reason(EpochalReason):
    """A reason of a TrainingJob, with its effects. A reason without an Effect is a Warning that the user must fix."""

    # For Ready: the normal course of a TrainingJob.
    CREATING = "Creating", _NO_EVENT
    QUEUED = "Queued", _READY_NO_EVENT
    WAITING_FOR_ADMISSION = "WaitingForAdmission", _READY_NO_EVENT
    STARTING = "Starting", _READY_NO_EVENT
    PULLING_IMAGE = "PullingImage", _READY_NO_EVENT
    IMPORTING_KERAS = "ImportingKeras", _READY_POD_RUNS
    BUILDING_NETWORK = "BuildingNetwork", _READY_POD_RUNS
    RESTORING_CHECKPOINT = "RestoringCheckpoint", _READY_POD_RUNS
    LOADING_DATA = "LoadingData", _READY_POD_RUNS
    COMPUTING_FIRST_STEP = "ComputingFirstStep", _READY_POD_RUNS
    RUNNING = "Running", _READY_POD_RUNS
    STORING = "Storing", _READY_POD_RUNS
    FINISHING = "Finishing", Effect(event="Normal", ready=True, fault=None, pod_runs=True)
    COMPLETED = "Completed", Effect(event="Normal", ready=True, fault=None)
    FINISHED_EARLY = "FinishedEarly", Effect(event="Normal", ready=True, fault=None)
    STOPPED_AFTER_EPOCH = "StoppedAfterEpoch", Effect(event="Normal", ready=True, fault=None)
    SUSPENDING = "Suspending", _READY_NO_EVENT
    SUSPENDED = "Suspended", Effect(event="Normal", ready=True, fault=None, event_on_ready_change=False)
    STOPPING = "Stopping", _READY_POD_RUNS
    RESTARTING = "Restarting", Effect(ready=True, fault=None, event_on_ready_change=False)
    FAILING = "Failing", _NO_EVENT

    # For Ready: causes that block its Job.
    CLEANUP = "Cleanup", _NO_EVENT._replace(requeue_after=1)
    NAME_CONFLICT = "NameConflict", Effect(needs_user_action=True, requeue_after=30)
    JOB_REJECTED = "JobRejected", Effect(needs_user_action=True, requeue_after=60)
    WEBHOOK_FAILED = "WebhookFailed", _CLUSTER
    NO_STORAGE_ENDPOINT = "NoStorageEndpoint", _NEEDS_USER
    SPEC_LOST = "SpecLost", _NEEDS_USER
    FIELD_CONFLICT = "FieldConflict", _NEEDS_USER._replace(fault="Cluster")
    CONTINUE_FROM_NOT_FOUND = "ContinueFromNotFound", Effect(event="Normal")
    CONTINUE_FROM_UNFINISHED = "ContinueFromUnfinished", _READY_NO_EVENT
    CONTINUE_FROM_FAILED = "ContinueFromFailed", _NEEDS_USER
    CONTINUE_FROM_CIRCULAR = "ContinueFromCircular", Effect(needs_user_action=True, requeue_after=30)

    # For Ready: causes that block its pod.
    # The API server rejects the pod: the code says rejection, but this public reason keeps its word.
    POD_REFUSED = "PodRefused"
    UNSCHEDULABLE = "Unschedulable", Effect(ready=True, fault=None)
    NO_MATCHING_NODE = "NoMatchingNode"
    SCHEDULING_GATED = "SchedulingGated", _READY_NO_EVENT
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff", _CLUSTER
    INVALID_IMAGE_NAME = "InvalidImageName", _CLUSTER._replace(needs_user_action=True)
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError", _CLUSTER
    RUN_CONTAINER_ERROR = "RunContainerError", _CLUSTER
    POD_NOT_READY = "PodNotReadyToStart", _CLUSTER
    NODE_LOST = "NodeLost", _CLUSTER._replace(pod_runs=True)
    STORAGE_UNAVAILABLE = "StorageUnavailable", _CLUSTER._replace(event_on_ready_change=False, pod_runs=True)

    # For conditions that are False.
    PROGRESSING = "Progressing", _NO_EVENT
    ACTIVE = "Active", _NO_EVENT
    UNFINISHED = "Unfinished", _NO_EVENT

    # For SpecApplied.
    APPLIED = "Applied", _NO_EVENT
    SPEC_IGNORED = "SpecIgnored", Effect(event_on_ready_change=False)

    # For Exported.
    EXPORTED = "Exported", _NO_EVENT
    NOT_EXPORTABLE = "NotExportable", Effect(event_on_ready_change=False)
    EXPORT_DIFFERS = "ExportDiffers", Effect(event_on_ready_change=False)
    EXPORT_FAILED = "ExportFailed", Effect(event_on_ready_change=False)

    # For StorageAvailable. While it is False, the reason is the failure that the trainer waits out.
    AVAILABLE = "Available", _NO_EVENT
    NOT_ASKED = "NotAsked", _NO_EVENT

    # Only for Events.
    STARTED = "Started", Effect(event="Normal", fault=None)
    RESUMED = "Resumed", Effect(event="Normal", fault=None)
    STORAGE_AVAILABLE = "StorageAvailable", Effect(event="Normal", fault=None)
    UNKNOWN_OBJECTS = "UnknownObjects"
    SPEC_CHANGED = "SpecChanged", Effect(event="Normal", fault=None)

    # Only for Events: warnings of a trainer that continues its training.
    MISSING_CLASSES = "MissingClasses"
    SINGLE_CLASS = "SingleClass"
    ACTIVATION_MISMATCH = "ActivationMismatch"
    METRIC_MISMATCH = "MetricMismatch"
    METRIC_ON_LOGITS = "MetricOnLogits"
    NOT_ONE_HOT = "NotOneHot"
    CHANCE_LEVEL = "ChanceLevel"
    VALIDATION_SEEN = "ValidationSeen"
    DATA_CHANGED = "DataChanged"
    BEST_LOST = "BestLost"
    MONITOR_MISMATCH = "MonitorMismatch"
    CLASS_NAMES_UNUSED = "ClassNamesUnused"
    CLASS_NAMES_DIFFER = "ClassNamesDiffer"
    OUTLIERS_IN_IMAGES = "OutliersInImages"
    LEAKAGE = "Leakage"
    CONSTANT_FEATURE = "ConstantFeature"
    MOSTLY_ONE_CLASS = "MostlyOneClass"
    UNSCALED_FEATURES = "UnscaledFeatures"

    # Failures that the operator detects.
    CRASHED = "Crashed", _CRASH
    REPEATED_CRASH = "RepeatedCrash", _CRASH
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    INTERRUPTED = "Interrupted", _CLUSTER
    TERMINATED = "Terminated", _CLUSTER
    POD_FAILED = "PodFailed", _CLUSTER
    JOB_FAILED = "JobFailed", _CLUSTER

    # Failures that the operator or the trainer detects. The first two can end with a change of the spec, if they were
    # detected before a container ran.
    INVALID_SPEC = "InvalidSpec", _NEEDS_USER
    INVALID_NETWORK = "InvalidNetwork"
    OUT_OF_MEMORY = "OutOfMemory", _CRASH
    MEMORY_LIMIT_TOO_LOW = "MemoryLimitTooLow"
    SCRATCH_FULL = "ScratchFull", _CRASH

    # Failures that the trainer detects.
    INVALID_TRAINING = "InvalidTraining"
    CREDENTIALS_REFUSED = "CredentialsRefused"
    RESULTS_NOT_WRITABLE = "ResultsNotWritable"
    BUCKET_NOT_FOUND = "BucketNotFound"
    OBJECT_NOT_FOUND = "ObjectNotFound"
    OBJECT_CHANGED = "ObjectChanged"
    WRONG_REGION = "WrongRegion"
    STORAGE_ERROR = "StorageError"
    ENDPOINT_UNREACHABLE = "EndpointUnreachable", _CLUSTER
    INVALID_CERTIFICATE_AUTHORITY = "InvalidCertificateAuthority"
    UNKNOWN_FORMAT = "UnknownFormat"
    MISSING_ARRAYS = "MissingArrays"
    UNREAD_ARRAYS = "UnreadArrays"
    TRUNCATED_DATA = "TruncatedData"
    DAMAGED_DATA = "DamagedData"
    UNSAFE_PICKLE = "UnsafePickle"
    UNSUPPORTED_TYPE = "UnsupportedType"
    DATA_TOO_LARGE = "DataTooLarge"
    DUPLICATE_DATA = "DuplicateData"
    EMPTY_DATA = "EmptyData"
    LENGTH_MISMATCH = "LengthMismatch"
    NON_FINITE_DATA = "NonFiniteData"
    SHAPE_MISMATCH = "ShapeMismatch"
    INVALID_LABELS = "InvalidLabels"
    INVALID_DATA = "InvalidData"
    NON_FINITE_LOSS = "NonFiniteLoss"
    CHECKPOINT_MISSING = "CheckpointMissing"
    CHECKPOINT_MISMATCH = "CheckpointMismatch"
    CHECKPOINT_TOO_NEW = "CheckpointTooNew"
    CHECKPOINT_DAMAGED = "CheckpointDamaged", _CLUSTER
    HANGING = "Hanging", _CRASH
    SUPERSEDED = "Superseded", _CLUSTER


TRAINER_STARTS = frozenset(
    {
        Reason.IMPORTING_KERAS,
        Reason.BUILDING_NETWORK,
        Reason.RESTORING_CHECKPOINT,
        Reason.LOADING_DATA,
        Reason.COMPUTING_FIRST_STEP,
    }
)
"""Reasons of the condition Ready while the trainer runs, but has not finished its first step."""

CHILD_REASONS = ChildReasons.of(Reason, rejected=Reason.JOB_REJECTED)


def as_reason(word: str) -> Reason | ExternalReason:
    """Return the Reason with this word, or an ExternalReason if the word is not in the table."""
    return reason_of(Reason, word)


def effect(word: str) -> Effect:
    """Return the effects of a reason; of an unknown reason, a Warning Event and the fault of the cluster."""
    return _CRASH if word in _OF_JOBS else effect_of(as_reason(word))


_OF_JOBS = frozenset({"BackoffLimitExceeded", "PodFailurePolicy"})
"""Failure reasons of a Job that its program causes: https://github.com/kubernetes/api/blob/master/batch/v1/types.go."""
