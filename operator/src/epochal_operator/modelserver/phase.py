"""The phase of a ModelServer, from which its state and its conditions follow."""

from dataclasses import dataclass, field

from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ServedModel, ServerState

from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.pods import hindrance, unscheduled_until
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.metrics import part
from epochal_operator.runtime.reasons import clean


@dataclass(frozen=True)
class Counts:
    """The numbers of a Deployment's pods, as its controller counts them.

    Args:
        wanted: Number of desired pods.
        replicas: Number of existing pods.
        ready: Number of ready pods.
        updated: Number of pods of the current template.
        is_current: Whether the controller has observed the current generation of the Deployment.
    """

    wanted: int = 0
    replicas: int = 0
    ready: int = 0
    updated: int = 0
    is_current: bool = False

    @property
    def is_done(self) -> bool:
        """Whether all desired pods exist, are ready, and have the current template."""
        return self.is_current and self.replicas == self.updated == self.ready == self.wanted


@dataclass(frozen=True)
class Phase:
    """The phase of a ModelServer.

    Args:
        state: The `status.state`.
        progress: The reason and the message of its rollout.
        ready: The reason and the message of its readiness.
        counts: The numbers of its pods.
        model: The model of its pods.
        late: Whether its rollout has exceeded its deadline.
    """

    state: ServerState
    progress: StatusCause
    ready: StatusCause
    counts: Counts = field(default_factory=Counts)
    model: ServedModel | None = None
    late: bool = False

    @property
    def stalled(self) -> bool:
        """Whether its rollout waits for a change by a user."""
        known = effect(self.progress.reason)
        return known.stalls or (self.late and not known.ready)

    @property
    def reconciling(self) -> bool:
        """Whether its rollout is in progress: some pods do not serve the model of its spec yet."""
        return not self.stalled and self.progress.reason not in {Reason.ROLLED_OUT, Reason.PAUSED}

    @property
    def serves(self) -> bool:
        """Whether at least one pod is ready."""
        return self.counts.ready > 0


def counts(deployment: Object | None, wanted: int) -> Counts:
    """Return the numbers of a Deployment's pods.

    Args:
        deployment: The Deployment; None if it does not exist.
        wanted: Number of desired pods.
    """
    if deployment is None:
        return Counts(wanted)
    status, metadata = part(deployment, "status"), deployment["metadata"]
    replicas, ready, updated = (int(status.get(name) or 0) for name in ("replicas", "readyReplicas", "updatedReplicas"))
    seen = (status.get("observedGeneration") or 0) >= (metadata.get("generation") or 0)
    return Counts(wanted, replicas, ready, updated, seen)


def phase(server: ModelServer, model: ServedModel | None, waits: StatusCause | None, observed: Observed) -> Phase:
    """Return the phase of a ModelServer with a valid spec.

    Args:
        server: The ModelServer.
        model: The model of its current or next pods; None if there is no model yet.
        waits: The cause why its source has no new model yet, or None.
        observed: The observed state of the ModelServer.
    """
    found = counts(observed.deployment, server.spec.replicas)
    late = _is_late(observed, found)
    progress = _progress(server, model, waits, observed, found, late=late)
    ready = _ready(server, found, progress)
    return Phase(_state(found, model, progress), progress, ready, found, model, late)


def refused(cause: StatusCause, observed: Observed, model: ServedModel | None, wanted: int) -> Phase:
    """Return the phase of a ModelServer with an invalid spec or without a storage endpoint.

    Its owned objects stay unchanged.

    Args:
        cause: The cause, which names the field.
        observed: The observed state of the ModelServer.
        model: The model of its pods; None if there are no pods.
        wanted: Number of desired pods, as far as it is known.
    """
    found = counts(observed.deployment, wanted)
    ready = StatusCause(Reason.SERVING, _pods_ready(found)) if found.ready else cause
    return Phase("Degraded" if found.ready else "Failed", cause, ready, found, model)


def describe(model: ServedModel) -> str:
    """Return the name of a model for users: its training, or else its URI."""
    if model.experiment_name is not None:
        return f"{model.experiment_name}: {model.training_job_name}"
    if model.training_job_name is not None:
        return f"{model.training_job_name} ({model.model})" if model.model else model.training_job_name
    return model.uri


def _progress(
    server: ModelServer,
    model: ServedModel | None,
    waits: StatusCause | None,
    observed: Observed,
    found: Counts,
    *,
    late: bool,
) -> StatusCause:
    """Return the reason and the message of a rollout."""
    if model is None or observed.deployment is None:
        awaited = waits if model is None else observed.blocked
        return awaited or StatusCause(Reason.CREATING, "What it owns is about to be created.")
    return (
        observed.blocked
        or _hindrance(observed.deployment, observed, found, late=late)
        or _unfinished(server, model, found)
        or _apart(observed)
        or _finished(model, waits)
    )


def _unfinished(server: ModelServer, model: ServedModel, found: Counts) -> StatusCause | None:
    """Return the progress of an unfinished rollout, or None if the rollout is finished."""
    if found.is_done:
        return None
    if server.spec.paused and found.updated < found.wanted:
        return StatusCause(Reason.PAUSED, f"{describe(model)} is not rolled out, since spec.paused is true.")
    if found.replicas > found.updated:
        meanwhile = " Those of before answer meanwhile." if found.ready else ""
        told = f"{found.updated} of {found.wanted} pods are of {describe(model)}.{meanwhile}"
    else:
        told = f"{min(found.updated, found.ready)} of {found.wanted} pods serve {describe(model)}."
    return StatusCause(Reason.ROLLING_OUT, told)


def _apart(observed: Observed) -> StatusCause | None:
    """Return the cause that pods have found different signatures, and so give different answers; else None.

    Pods can differ only if `spec.source` pins no signature.
    """
    told = observed.told.signatures if observed.told is not None else {}
    names = sorted(one["metadata"]["name"] for one in observed.current)
    pods = {told[name]: name for name in reversed(names) if told.get(name)}
    if len(pods) < 2:  # noqa: PLR2004 - as many as differ
        return None
    one, other = sorted(pods.values())[:2]
    message = (
        f"The pods {one} and {other} have found different files signature.json beside the model, so that names of "
        "classes, or what becomes of photographs, differ between them. Put the file there that is meant, then have all "
        "pods take it: kubectl rollout restart of the Deployment. spec.source.signatureSha256 keeps out others."
    )
    return StatusCause(Reason.SIGNATURES_DIFFER, message)


def _finished(model: ServedModel, waits: StatusCause | None) -> StatusCause:
    if waits is not None:
        return StatusCause(waits.reason, f"{waits.message} Meanwhile it serves {describe(model)}.")
    by = "Keras" if model.runtime == "Keras" else "ONNX Runtime"
    return StatusCause(Reason.ROLLED_OUT, f"All of its pods serve {describe(model)} by {by}.")


def _hindrance(deployment: Object, observed: Observed, found: Counts, *, late: bool) -> StatusCause | None:
    """Return the cause that keeps pods from becoming ready, or None if they only need more time."""
    if found.is_done or not found.is_current:
        return None
    cause = next((cause for pod in observed.current if (cause := hindrance(pod, observed.now))), None)
    if cause is None and (failure := condition_of(deployment, "ReplicaFailure")):
        cause = StatusCause(Reason.POD_REFUSED, f"Its pods cannot be created: {clean(failure.get('message') or '')}")
    if late and (cause is None or effect(cause.reason).ready):
        told = condition_of(deployment, "Progressing", "False") or {}
        why = cause.message if cause else clean(told.get("message") or "")
        return StatusCause(Reason.PROGRESS_DEADLINE_EXCEEDED, f"Its pods did not become ready in time: {why}")
    return cause


def _is_late(observed: Observed, found: Counts) -> bool:
    """Return whether pods have not become ready within the deadline of a rollout."""
    if observed.deployment is None or found.is_done or not found.is_current:
        return False
    told = condition_of(observed.deployment, "Progressing", "False") or {}
    waits = any(time <= observed.now for time in map(unscheduled_until, observed.current) if time is not None)
    return waits or told.get("reason") == Reason.PROGRESS_DEADLINE_EXCEEDED


def _ready(server: ModelServer, found: Counts, progress: StatusCause) -> StatusCause:
    if found.ready:
        return StatusCause(Reason.SERVING, _pods_ready(found) + _exposed(server))
    if found.wanted == 0:
        return StatusCause(Reason.STOPPED, "It has no pods, since spec.replicas is 0.")
    if progress.reason in {Reason.ROLLING_OUT, Reason.ROLLED_OUT, Reason.CREATING, Reason.PAUSED}:
        return StatusCause(Reason.STARTING, f"None of its pods is ready yet. {progress.message}")
    return progress


def _pods_ready(found: Counts) -> str:
    return f"{found.ready} of {found.wanted} pods are ready."


def _exposed(server: ModelServer) -> str:
    """Return the warning that API keys are sent without TLS, or an empty text."""
    if server.spec.auth is None or server.spec.tls is not None:
        return ""
    return " Whoever is on the way to them can read their keys (spec.auth), since there is no spec.tls."


def _state(found: Counts, model: ServedModel | None, progress: StatusCause) -> ServerState:
    known = effect(progress.reason)
    if model is None:
        return "Failed" if known.stalls else "Waiting"
    if found.ready:
        if progress.reason in {Reason.ROLLING_OUT, Reason.CREATING, Reason.CLEANUP, Reason.UNSCHEDULABLE}:
            return "Updating"
        return "Ready" if known.ready else "Degraded"
    if found.wanted == 0 and progress.reason in {Reason.ROLLED_OUT, Reason.PAUSED}:
        return "Stopped"
    return "Starting" if known.ready or progress.reason == Reason.CLEANUP else "Failed"
