"""Every reason that a condition or an Event of a ModelServer may have, and what follows from it: the only such table.

docs/reasons.md says for people what each means. Ready of an effect says of ModelServers whether the condition
Progressing holds with it: whether nothing but time has to change.
"""

from epochal_operator.runtime.reasons import Effect, Foreign, OwnReason, StatusCause, effect_of, reason_of

__all__ = ["Effect", "Foreign", "Reason", "StatusCause", "as_reason", "effect"]

_SILENT = Effect(event=None, fault=None)
_GOES_ON = Effect(event=None, ready=True, fault=None)
_TOLD = Effect(event="Normal", ready=True, fault=None)
_STALLS = Effect(stalls=True)
_CRASH = Effect(fault="Crash")
_CLUSTER = Effect(fault="Cluster")


class Reason(OwnReason):
    """A reason of a ModelServer, with its effect."""

    # Of Progressing: its model, and its rollout.
    WAITS_FOR_TRAINING_JOB = "WaitsForTrainingJob", _TOLD
    WAITS_FOR_EXPERIMENT = "WaitsForExperiment", _TOLD
    CREATING = "Creating", _GOES_ON
    ROLLING_OUT = "RollingOut", _GOES_ON
    ROLLED_OUT = "RolledOut", _TOLD
    PAUSED = "Paused", _TOLD

    # Of Progressing: what is in the way of its model.
    TRAINING_JOB_FAILED = "TrainingJobFailed", _STALLS
    EXPERIMENT_FAILED = "ExperimentFailed", _STALLS
    MODEL_NOT_STORED = "ModelNotStored", _STALLS
    SIGNATURES_DIFFER = "SignaturesDiffer", _STALLS
    INVALID_SPEC = "InvalidSpec", _STALLS
    NO_STORAGE_ENDPOINT = "NoStorageEndpoint", _STALLS

    # Of Progressing: what is in the way of what it owns.
    CLEANUP = "Cleanup", _SILENT._replace(look_again_seconds=1)
    NAME_CONFLICT = "NameConflict", Effect(stalls=True, look_again_seconds=30)
    REJECTED = "Rejected", Effect(stalls=True, look_again_seconds=60)
    WEBHOOK_FAILED = "WebhookFailed", _CLUSTER
    FIELD_CONFLICT = "FieldConflict", _STALLS._replace(fault="Cluster")

    # Of Progressing: what is in the way of its pods.
    POD_REFUSED = "PodRefused"
    UNSCHEDULABLE = "Unschedulable", Effect(ready=True, fault=None)
    NO_MATCHING_NODE = "NoMatchingNode"
    SCHEDULING_GATED = "SchedulingGated", _GOES_ON
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff", _CLUSTER
    INVALID_IMAGE_NAME = "InvalidImageName", _CLUSTER._replace(stalls=True)
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError", _CLUSTER
    RUN_CONTAINER_ERROR = "RunContainerError", _CLUSTER
    POD_NOT_READY = "PodNotReadyToStart"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded", _CLUSTER._replace(stalls=True)

    # Of Progressing: what a server, or what converts its model, has said last.
    STORAGE_UNREACHABLE = "StorageUnreachable", _CLUSTER
    STORAGE_REFUSED = "StorageRefused"
    MODEL_NOT_FOUND = "ModelNotFound", _STALLS
    MODEL_DAMAGED = "ModelDamaged", _STALLS
    MODEL_REFUSED = "ModelRefused", _STALLS
    CHECK_DIFFERS = "CheckDiffers", _STALLS
    INVALID_CONFIG = "InvalidConfig"
    OUT_OF_MEMORY = "OutOfMemory"
    CRASHED = "Crashed", _CRASH

    # Of Ready: while none of the above is in the way.
    SERVING = "Serving", _GOES_ON
    STARTING = "Starting", _SILENT
    STOPPED = "Stopped", Effect(event="Normal", fault=None)

    # Of Stalled, where it does not hold.
    PROGRESSING = "Progressing", _SILENT

    # Of Events alone.
    NOT_CONVERTIBLE = "NotConvertible"
    BEST_MISSING = "BestMissing"
    PLAIN_KEYS = "PlainKeys"


def as_reason(word: str) -> Reason | Foreign:
    """Returns the reason that a word stands for, wherever that comes from."""
    return reason_of(Reason, word)


def effect(word: str) -> Effect:
    """Returns what follows from a reason; of what is not Epochal's, no more than that it is told of."""
    return effect_of(as_reason(word))
