"""The Events of a TrainingJob, derived from changes of its status."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from epochal_api.condition import Condition
from epochal_api.kind import Metadata
from epochal_api.trainingjob.status import EXPORTED, SPEC_APPLIED, STORAGE, ReportedStatus, Status, StoredModel

from epochal_operator.pods.diagnosis import is_live
from epochal_operator.runtime.conditions import began_suspension, ended_suspension, get_condition
from epochal_operator.runtime.events import Event, make_event
from epochal_operator.trainingjob.job.batch_job import starting_controller
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.pod.failures import last_failure, pod_failure
from epochal_operator.trainingjob.progress.reported_metrics import format_metric
from epochal_operator.trainingjob.progress.reported_status import format_duration
from epochal_operator.trainingjob.reasons import TRAINER_STARTS, Reason, as_reason, effect
from epochal_operator.trainingjob.status.phase import names_pod
from epochal_operator.trainingjob.status.predicates import is_spec_ignored


def events(
    metadata: Metadata,
    before: Status,
    after: Status,
    observed: Observed,
    reported: ReportedStatus,
    *,
    suspend: bool = False,
) -> Iterator[Event]:
    """Yield the Events for the change between two statuses of a TrainingJob. `suspend` is spec.suspend."""
    yield from _storage_events(before, after, observed, reported)
    yield from _warning_events(before, after, reported)
    yield from _export_events(before, after)
    generation = str(metadata.generation)
    applied = get_condition(after.conditions, SPEC_APPLIED)
    if applied and is_spec_ignored(after) and not is_spec_ignored(before):
        yield make_event(Reason.SPEC_IGNORED, applied.message, generation)
    if (active_generation := began_suspension(before.conditions, after.conditions)) is not None:
        yield make_event(Reason.SUSPENDED, "The pods are stopped until spec.suspend is false.", active_generation)
    if (suspended_generation := ended_suspension(before.conditions, after.conditions, suspend=suspend)) is not None:
        # Ready may stay the same, for example while a late pod is on a lost node.
        yield make_event(Reason.RESUMED, "The TrainingJob is no longer suspended.", suspended_generation)
    ready, previous = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or (
        previous and (previous.status, previous.reason, previous.message) == (ready.status, ready.reason, ready.message)
    ):
        return
    if after.state not in {"Suspended", "Complete", "Failed"}:
        yield from _restart_events(before, after, observed)

    if after.state == "Complete":
        yield make_event(as_reason(ready.reason), _completion_message(after, reported), "")
    elif after.state == "Failed":
        # The trainer's reason is kept as it is: it may be a word with another meaning here.
        yield Event("Warning", as_reason(ready.reason), ready.message, generation if observed.job is None else "")
    elif ready.reason in _RUNS:
        yield from _started_events(previous, observed)
    elif previous is None or previous.reason != ready.reason:
        # Otherwise only the message changed, for example a longer backoff.
        yield from _ready_events(ready, generation, observed)


def unknown_objects_events(metadata: Metadata, problems: str) -> list[Event]:
    """Return the Event with the unknown Keras objects of a new Job, or no Event if there are none."""
    if not problems:
        return []
    note = (
        "The trainer of this installation would refuse the spec. The Job is created, because spec.image or spec.code "
        f"may know other classes: {problems}"
    )
    return [make_event(Reason.UNKNOWN_OBJECTS, note, str(metadata.generation))]


def spec_changed_event(metadata: Metadata) -> Event:
    """Return the Event that the Job of a TrainingJob is replaced after a change of the spec."""
    note = "Recreating the Job with the changed spec, because no container of the Job had run."
    return make_event(Reason.SPEC_CHANGED, note, str(metadata.generation))


def _storage_events(before: Status, after: Status, observed: Observed, reported: ReportedStatus) -> Iterator[Event]:
    """Yield an Event when the trainer starts to wait for its storage, and another when the storage answers again."""
    current, previous = get_condition(after.conditions, STORAGE), get_condition(before.conditions, STORAGE)
    if current is None or (previous and previous.status == current.status and previous.message == current.message):
        return
    waiting = reported.progress.waiting if reported.progress else None
    if current.status == "False" and waiting and any(map(is_live, observed.pods)):  # Otherwise it needs a new pod.
        cause = f"{current.reason}: {current.message}"
        note = f"The trainer waits for its storage, and continues once the storage answers. {cause}"
        yield make_event(Reason.STORAGE_UNAVAILABLE, note, waiting.since)
    elif (
        current.status == "True"
        and previous
        and previous.status != "True"
        and after.state not in {"Complete", "Failed"}
    ):
        yield make_event(
            Reason.STORAGE_AVAILABLE,
            "The trainer continues, because its storage answers again.",
            previous.last_transition_time,
        )


def _warning_events(before: Status, after: Status, reported: ReportedStatus) -> Iterator[Event]:
    """Yield Events for the trainer's warnings, each once: `status.warned` lists the warnings that were emitted."""
    new = frozenset(after.warned or ()) - frozenset(before.warned or ())
    for warning in reported.warnings or ():
        if warning.reason in new:
            # The trainer's reason is kept as it is. The key separates the Event from others of that reason.
            yield Event("Warning", as_reason(warning.reason), warning.message, "warning")


def _export_events(before: Status, after: Status) -> Iterator[Event]:
    current, previous = get_condition(after.conditions, EXPORTED), get_condition(before.conditions, EXPORTED)
    if current is not None and current.status == "False" and (previous is None or previous.reason != current.reason):
        yield Event("Warning", as_reason(current.reason), current.message, "export")


def _started_events(previous: Condition | None, observed: Observed) -> Iterator[Event]:
    """Yield the Event Started, which reports the node of a running pod, once for each pod."""
    pod = observed.pods[-1]
    name = pod["metadata"]["name"]
    if previous is None or previous.reason not in _RUNS or not names_pod(previous.message, name):
        note = f"The pod {name} runs on node {pod['spec'].get('nodeName')}."
        yield make_event(Reason.STARTED, note, pod["metadata"]["uid"])


_RUNS = TRAINER_STARTS | {Reason.RUNNING}
"""Reasons of a trainer that runs, before and after its first step."""


def _ready_events(ready: Condition, generation: str, observed: Observed) -> Iterator[Event]:
    key = observed.pods[-1]["metadata"]["uid"] if observed.pods else generation
    if observed.blocked:
        key = f"{generation}/{ready.message}"
    reason = as_reason(ready.reason)
    if effect(reason).event and effect(reason).event_on_ready_change:
        yield make_event(reason, ready.message, key)


def _restart_events(before: Status, after: Status, observed: Observed) -> Iterator[Event]:
    """Yield the Event Restarting for the last failed pod of a TrainingJob that continues with another pod.

    If the cluster deleted a pod before the operator saw its end, the Event contains the last Ready message about it.
    """
    ready, previous = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    if ready is None or previous is None or observed.job is None or ready.reason in {Reason.CREATING, Reason.FAILING}:
        return
    last_pod = next(
        (pod["metadata"] for pod in observed.pods if names_pod(previous.message, pod["metadata"]["name"])), None
    )
    failed = [pod["metadata"] for pod in observed.pods if pod_failure(pod)]
    if effect(previous.reason).pod_runs and last_pod is None:
        if before.progress and _resumed_after(before.progress.last_report_time, observed.job):
            return
        note = f"The pod was deleted, another pod follows. The last state of the pod: {previous.message}"
        yield make_event(Reason.RESTARTING, note, f"attempt {before.attempt}")
        return
    restarted = ready.reason == Reason.RESTARTING or last_pod in failed or (before.attempt or 0) < (after.attempt or 0)
    if failed and restarted and (cause := last_failure(observed.pods)):
        if cause.reason in _TERMINATION_REASONS and _resumed_after(failed[-1]["creationTimestamp"], observed.job):
            return
        note = f"The pod {failed[-1]['name']} ended, another pod follows. {cause.reason}: {cause.message}"
        yield make_event(Reason.RESTARTING, note, failed[-1]["uid"])


_TERMINATION_REASONS = frozenset({Reason.INTERRUPTED, Reason.TERMINATED, Reason.SUPERSEDED})
"""Reasons of a pod that was terminated on a request of unknown origin, or replaced by a newer pod."""


def _resumed_after(time: str | None, job: Mapping[str, Any]) -> bool:
    """Return whether a Job was suspended and resumed after a time (RFC 3339), so that its pod ended on request.

    A Job gets a new start time only when it is resumed. If a queue starts and stops the Job, no user has requested the
    end.
    """
    job_start: str | None = job.get("status", {}).get("startTime")
    return time is not None and job_start is not None and time < job_start and starting_controller(job) is None


_EARLY_ENDS: Mapping[str, str] = {
    Reason.FINISHED_EARLY: "finished early because of spec.finish",
    Reason.STOPPED_AFTER_EPOCH: "stopped early because of spec.training.stopAfterEpoch",
}
"""Reasons of Complete for trainings that ended before their last epoch, and their descriptions."""


def _completion_message(after: Status, reported: ReportedStatus) -> str:
    words = ["Trained"]
    complete = get_condition(after.conditions, "Complete")
    early = _EARLY_ENDS.get(complete.reason) if complete is not None else None
    if reported.progress:
        of = f" of {reported.progress.epochs}" if early else ""
        words.append(f"{reported.progress.epoch}{of} epochs")
    if after.start_time and after.completion_time:
        took = datetime.fromisoformat(after.completion_time) - datetime.fromisoformat(after.start_time)
        words.append(f"in {format_duration(took.total_seconds())}")
    text = " ".join(words) + (f", {early}" if early else "")
    if reported.results and reported.results.models:
        return f"{text}. {_models_text(reported.results.models, reported)}. Results: {reported.results.uri}"
    if reported.display and reported.display.metric:
        text += f", {reported.display.metric}"
    if reported.results and reported.results.model:  # from a trainer that does not report the epochs of its models
        text += f". The model: {reported.results.model}"
    return text


def _models_text(models: Sequence[StoredModel], reported: ReportedStatus) -> str:
    """Return text about the epoch and metric of each stored model, and about a better epoch that is not stored."""
    best, last_epoch = reported.best, reported.progress.epoch if reported.progress else 0
    values_by_epoch = {last_epoch: (reported.metrics or {}).get(best.metric)} | {best.epoch: best.value} if best else {}
    parts = []
    for model in models:
        value = (
            f" ({best.metric} {format_metric(value)})" if best and (value := values_by_epoch.get(model.epoch)) else ""
        )
        best_text = ", the best" if best and last_epoch > 1 and model.epoch == best.epoch else ""
        parts.append(f"{model.name} holds epoch {model.epoch}{best_text}{value}")
    if best and all(model.epoch != best.epoch for model in models):
        parts.append(f"epoch {best.epoch} was better ({best.metric} {format_metric(best.value)}), but is not stored")
    return "; ".join(parts)
