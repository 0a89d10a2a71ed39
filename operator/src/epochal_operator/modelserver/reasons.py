"""All reasons of conditions and Events of a ModelServer, with their effects. No other such table exists.

docs/reasons.md describes each reason for users. For a ModelServer, `Effect.ready` decides whether the condition
Progressing is True with this reason: whether only time has to pass, without a change by a user.
"""

from epochal_operator.runtime.owners import ChildReasons
from epochal_operator.runtime.reasons import Effect, EpochalReason, ExternalReason, StatusCause, effect_of, reason_of

__all__ = ["Effect", "ExternalReason", "Reason", "StatusCause", "as_reason", "effect"]

_NO_EVENT = Effect(event=None, fault=None)
_READY_NO_EVENT = Effect(event=None, ready=True, fault=None)
_READY_NORMAL = Effect(event="Normal", ready=True, fault=None)
_NEEDS_USER = Effect(needs_user_action=True)
_CRASH = Effect(fault="Crash")
_CLUSTER = Effect(fault="Cluster")


class Reason(EpochalReason):
    """A reason of a ModelServer. A member without an Effect has a Warning Event, and a user must fix the error."""

    # Of Progressing: its model, and its rollout.
    WAITS_FOR_TRAINING_JOB = "WaitsForTrainingJob", _READY_NORMAL
    WAITS_FOR_EXPERIMENT = "WaitsForExperiment", _READY_NORMAL
    CREATING = "Creating", _READY_NO_EVENT
    ROLLING_OUT = "RollingOut", _READY_NO_EVENT
    ROLLED_OUT = "RolledOut", _READY_NORMAL
    PAUSED = "Paused", _READY_NORMAL

    # Of Progressing: causes that block its model.
    TRAINING_JOB_FAILED = "TrainingJobFailed", _NEEDS_USER
    EXPERIMENT_FAILED = "ExperimentFailed", _NEEDS_USER
    MODEL_NOT_STORED = "ModelNotStored", _NEEDS_USER
    SIGNATURES_DIFFER = "SignaturesDiffer", _NEEDS_USER
    INVALID_SPEC = "InvalidSpec", _NEEDS_USER
    NO_STORAGE_ENDPOINT = "NoStorageEndpoint", _NEEDS_USER

    # Of Progressing: causes that block its owned objects.
    CLEANUP = "Cleanup", _NO_EVENT._replace(requeue_after=1)
    NAME_CONFLICT = "NameConflict", Effect(needs_user_action=True, requeue_after=30)
    REJECTED = "Rejected", Effect(needs_user_action=True, requeue_after=60)
    WEBHOOK_FAILED = "WebhookFailed", _CLUSTER
    FIELD_CONFLICT = "FieldConflict", _NEEDS_USER._replace(fault="Cluster")

    # Of Progressing: causes that block its pods.
    POD_REFUSED = "PodRefused"
    UNSCHEDULABLE = "Unschedulable", Effect(ready=True, fault=None)
    NO_MATCHING_NODE = "NoMatchingNode"
    SCHEDULING_GATED = "SchedulingGated", _READY_NO_EVENT
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff", _CLUSTER
    INVALID_IMAGE_NAME = "InvalidImageName", _CLUSTER._replace(needs_user_action=True)
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError", _CLUSTER
    RUN_CONTAINER_ERROR = "RunContainerError", _CLUSTER
    POD_NOT_READY = "PodNotReadyToStart"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded", _CLUSTER._replace(needs_user_action=True)

    # Of Progressing: the last termination message of a server or of the conversion.
    STORAGE_UNREACHABLE = "StorageUnreachable", _CLUSTER
    STORAGE_REFUSED = "StorageRefused"
    MODEL_NOT_FOUND = "ModelNotFound", _NEEDS_USER
    MODEL_DAMAGED = "ModelDamaged", _NEEDS_USER
    MODEL_REFUSED = "ModelRefused", _NEEDS_USER
    CHECK_DIFFERS = "CheckDiffers", _NEEDS_USER
    INVALID_CONFIG = "InvalidConfig"
    OUT_OF_MEMORY = "OutOfMemory"
    CRASHED = "Crashed", _CRASH

    # Of Ready: while no cause above applies.
    SERVING = "Serving", _READY_NO_EVENT
    STARTING = "Starting", _NO_EVENT
    STOPPED = "Stopped", Effect(event="Normal", fault=None)

    # Of ImagesSuitable.
    SUITABLE = "Suitable", _READY_NO_EVENT
    NOT_THE_SIZE_OF_MNIST = "NotTheSizeOfMNIST", _NO_EVENT
    BACKGROUND_UNKNOWN = "BackgroundUnknown", _NO_EVENT

    # Of Stalled with status False.
    PROGRESSING = "Progressing", _NO_EVENT

    # Of Events alone.
    NOT_CONVERTIBLE = "NotConvertible"
    BEST_MISSING = "BestMissing"
    PLAIN_KEYS = "PlainKeys"


CHILD_REASONS = ChildReasons.of(Reason, rejected=Reason.REJECTED)


def as_reason(name: str) -> Reason | ExternalReason:
    """Return the member of the table with this name, or the name as an ExternalReason if the table lacks it."""
    return reason_of(Reason, name)


def effect(reason: str) -> Effect:
    """Return the effect of a reason. A reason outside the table has EXTERNAL_EFFECT: a Warning Event, fault Cluster."""
    return effect_of(as_reason(reason))
