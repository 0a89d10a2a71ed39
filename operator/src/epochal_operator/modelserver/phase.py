"""The phase of a ModelServer, from which its state and its conditions follow."""

from dataclasses import dataclass, field

from epochal_api.modelserver.spec import ModelServer, ModelServerSpec
from epochal_api.modelserver.status import ServedModel, ServerState

from epochal_operator.modelserver.images import ImagesSuitable, images_suitable
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.pods import blocker, scheduling_deadline
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.modelserver.resources import DEADLINE_SECONDS
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import sanitize_message


@dataclass(frozen=True)
class PodCounts:
    """Numbers of pods: `desired` by the spec, and the others from the status of the Deployment.

    `is_current` is whether that status is for the current generation of the Deployment.
    """

    desired: int = 0
    existing: int = 0
    ready: int = 0
    updated: int = 0
    is_current: bool = False

    @property
    def is_rolled_out(self) -> bool:
        """Whether all desired pods exist, are ready, and have the current template."""
        return self.is_current and self.existing == self.updated == self.ready == self.desired


@dataclass(frozen=True)
class Phase:
    """The phase of a ModelServer: a summary of its rollout and its pods.

    Args:
        state: The `status.state`.
        progress: The reason and the message of the condition Progressing.
        ready: The reason and the message of the condition Ready.
        counts: The numbers of its pods.
        model: The model of its current or next pods; None if there is no model yet.
        is_late: Whether pods have not become ready within DEADLINE_SECONDS.
        images: The condition ImagesSuitable, or None if the status must not have this condition.
    """

    state: ServerState
    progress: StatusCause
    ready: StatusCause
    counts: PodCounts = field(default_factory=PodCounts)
    model: ServedModel | None = None
    is_late: bool = False
    images: ImagesSuitable | None = None

    @property
    def is_stalled(self) -> bool:
        """Whether the rollout needs a user's action, or has exceeded its deadline for a cause other than waiting."""
        progress = effect(self.progress.reason)
        return progress.needs_user_action or (self.is_late and not progress.ready)

    @property
    def is_reconciling(self) -> bool:
        """Whether the rollout is in progress: neither finished, nor paused, nor stalled."""
        return not self.is_stalled and self.progress.reason not in {Reason.ROLLED_OUT, Reason.PAUSED}

    @property
    def is_serving(self) -> bool:
        """Whether at least one pod is ready."""
        return self.counts.ready > 0


def pod_counts(deployment: Object | None, desired: int) -> PodCounts:
    """Return the numbers of a Deployment's pods."""
    if deployment is None:
        return PodCounts(desired)
    status, metadata = part(deployment, "status"), deployment["metadata"]
    existing, ready, updated = (int(status.get(name) or 0) for name in ("replicas", "readyReplicas", "updatedReplicas"))
    is_current = (status.get("observedGeneration") or 0) >= (metadata.get("generation") or 0)
    return PodCounts(desired, existing, ready, updated, is_current)


def derive_phase(
    server: ModelServer, model: ServedModel | None, source_cause: StatusCause | None, observed: Observed
) -> Phase:
    """Return the phase of a ModelServer with a valid spec.

    Args:
        server: The ModelServer.
        model: The model of its current or next pods; None if there is no model yet.
        source_cause: The cause why the model in spec.source is not available, or None.
        observed: The observed state of the ModelServer.
    """
    counts = pod_counts(observed.deployment, server.spec.replicas)
    is_late = _is_late(observed, counts)
    progress = _progress(server, model, source_cause, observed, counts, is_late=is_late)
    ready = _ready(server, counts, progress)
    images = images_suitable(server.spec.images.mode, model)
    return Phase(_state(counts, model, progress), progress, ready, counts, model, is_late, images)


def blocked_phase(cause: StatusCause, observed: Observed, model: ServedModel | None, desired: int) -> Phase:
    """Return the phase of a ModelServer with an invalid spec or without a storage endpoint.

    Its owned objects stay unchanged, except for mutable fields of the Deployment.

    Args:
        cause: The cause, which names the field.
        observed: The observed state of the ModelServer.
        model: The model of its pods; None if there are no pods.
        desired: Number of desired pods: by a valid spec, otherwise by the Deployment, or 0.
    """
    counts = pod_counts(observed.deployment, desired)
    ready = StatusCause(Reason.SERVING, _pods_ready(counts)) if counts.ready else cause
    return Phase("Degraded" if counts.ready else "Failed", cause, ready, counts, model)


def model_label(model: ServedModel) -> str:
    """Return a text that names a model to users: EXPERIMENT: TRAININGJOB, or the TrainingJob, or the URI."""
    if model.experiment_name is not None:
        return f"{model.experiment_name}: {model.training_job_name}"
    if model.training_job_name is not None:
        return f"{model.training_job_name} ({model.model})" if model.model else model.training_job_name
    return model.uri


def _progress(
    server: ModelServer,
    model: ServedModel | None,
    source_cause: StatusCause | None,
    observed: Observed,
    counts: PodCounts,
    *,
    is_late: bool,
) -> StatusCause:
    if model is None or observed.deployment is None:
        cause = source_cause if model is None else observed.blocked
        return cause or StatusCause(
            Reason.CREATING, "Creating the Deployment, the Service and the other owned objects."
        )
    return (
        observed.blocked
        or _pod_blocker(observed.deployment, server.spec, observed, counts, is_late=is_late)
        or _unfinished_rollout(server, model, counts)
        or _signature_difference(server.metadata.name, observed)
        or _finished_rollout(model, source_cause)
    )


def _unfinished_rollout(server: ModelServer, model: ServedModel, counts: PodCounts) -> StatusCause | None:
    if counts.is_rolled_out:
        return None
    if server.spec.paused and counts.updated < counts.desired:
        return StatusCause(Reason.PAUSED, f"The rollout of {model_label(model)} is paused by spec.paused: true.")
    if counts.existing > counts.updated:
        message = f"{counts.updated} of {counts.desired} pods have been updated to {model_label(model)}."
        message += " The previous pods still serve requests." if counts.ready else ""
    else:
        message = f"{min(counts.updated, counts.ready)} of {counts.desired} pods serve {model_label(model)}."
    return StatusCause(Reason.ROLLING_OUT, message)


def _signature_difference(name: str, observed: Observed) -> StatusCause | None:
    """Return the cause if current pods have loaded different signature.json files, so that responses may differ.

    None if all signatures are equal. Pods can differ only if the model has no digest of its signature.
    """
    digests = observed.metadata.signatures if observed.metadata is not None else {}
    names = sorted(pod["metadata"]["name"] for pod in observed.current_pods)
    pods = {digests[pod]: pod for pod in reversed(names) if digests.get(pod)}
    if len(pods) <= 1:
        return None
    first, second = sorted(pods.values())[:2]
    message = (
        f"The pods {first} and {second} loaded different signature.json files with the same model, so their class "
        "names or their image preprocessing may differ. Store the correct signature.json next to the model, then run "
        f"kubectl rollout restart deployment {name}. spec.source.signatureSha256 accepts only one signature.json."
    )
    return StatusCause(Reason.SIGNATURES_DIFFER, message)


def _finished_rollout(model: ServedModel, source_cause: StatusCause | None) -> StatusCause:
    if source_cause is not None:
        message = f"{source_cause.message} Until then, the pods serve {model_label(model)}."
        return StatusCause(source_cause.reason, message)
    runtime = "Keras" if model.runtime == "Keras" else "ONNX Runtime"
    return StatusCause(Reason.ROLLED_OUT, f"All pods serve {model_label(model)} with {runtime}.")


def _pod_blocker(
    deployment: Object, spec: ModelServerSpec, observed: Observed, counts: PodCounts, *, is_late: bool
) -> StatusCause | None:
    """Return the cause that keeps current pods from becoming ready; None if they are ready or only need more time."""
    if counts.is_rolled_out or not counts.is_current:
        return None
    cause = next((cause for pod in observed.current_pods if (cause := blocker(pod, spec, observed.now))), None)
    if cause is None and (failure := condition_of(deployment, "ReplicaFailure")):
        cause = StatusCause(Reason.POD_REFUSED, f"Cannot create pods: {sanitize_message(failure.get('message') or '')}")
    if is_late and (cause is None or effect(cause.reason).ready):
        condition = condition_of(deployment, "Progressing", "False") or {}
        detail = cause.message if cause else sanitize_message(condition.get("message") or "")
        message = f"Pods did not become ready within {DEADLINE_SECONDS} s: {detail}"
        return StatusCause(Reason.PROGRESS_DEADLINE_EXCEEDED, message)
    return cause


def _is_late(observed: Observed, counts: PodCounts) -> bool:
    """Return whether a pod has no node, or the Deployment's rollout makes no progress, after DEADLINE_SECONDS."""
    if observed.deployment is None or counts.is_rolled_out or not counts.is_current:
        return False
    condition = condition_of(observed.deployment, "Progressing", "False") or {}
    deadlines = map(scheduling_deadline, observed.current_pods)
    is_unscheduled = any(deadline <= observed.now for deadline in deadlines if deadline is not None)
    return is_unscheduled or condition.get("reason") == Reason.PROGRESS_DEADLINE_EXCEEDED


def _ready(server: ModelServer, counts: PodCounts, progress: StatusCause) -> StatusCause:
    if counts.ready:
        is_exposed = server.spec.auth is not None and server.spec.tls is None
        warning = " Clients send their bearer keys (spec.auth) over unencrypted HTTP: set spec.tls."
        return StatusCause(Reason.SERVING, _pods_ready(counts) + (warning if is_exposed else ""))
    if counts.desired == 0:
        return StatusCause(Reason.STOPPED, "No pods run, because spec.replicas is 0.")
    if progress.reason in {Reason.ROLLING_OUT, Reason.ROLLED_OUT, Reason.CREATING, Reason.PAUSED}:
        return StatusCause(Reason.STARTING, f"No pod is ready yet. {progress.message}")
    return progress


def _pods_ready(counts: PodCounts) -> str:
    return f"{counts.ready} of {counts.desired} pods are ready."


def _state(counts: PodCounts, model: ServedModel | None, progress: StatusCause) -> ServerState:
    progress_effect = effect(progress.reason)
    if model is None:
        return "Failed" if progress_effect.needs_user_action else "Waiting"
    if counts.ready:
        if progress.reason in {Reason.ROLLING_OUT, Reason.CREATING, Reason.CLEANUP, Reason.UNSCHEDULABLE}:
            return "Updating"
        return "Ready" if progress_effect.ready else "Degraded"
    if counts.desired == 0 and progress.reason in {Reason.ROLLED_OUT, Reason.PAUSED}:
        return "Stopped"
    return "Starting" if progress_effect.ready or progress.reason == Reason.CLEANUP else "Failed"
