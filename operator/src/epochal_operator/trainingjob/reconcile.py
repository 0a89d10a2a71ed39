"""The reconciler of TrainingJobs: reads a TrainingJob and its children, from the API server where the cache lags."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from epochal_api.catalogue.parse import parse_or_report
from epochal_api.experiment.spec import KIND as EXPERIMENT
from epochal_api.kind import GROUP, Metadata
from epochal_api.read_status import read_status
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob
from epochal_api.trainingjob.status import Status

from epochal_operator.checker.verdict import (
    UNANSWERED_SECONDS,
    Checker,
    NetworkQuestion,
    NoChecker,
    NoVerdict,
    Verdict,
    question_of,
)
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ReconcileState
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, Object, Resource, key_of
from epochal_operator.runtime.cache_transform import decompress_spec, spec_bytes
from epochal_operator.runtime.kind import ReconcileContext
from epochal_operator.runtime.owners import controller_owner
from epochal_operator.runtime.reconciler import ObjectReconciler
from epochal_operator.trainingjob.job.batch_job import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.job.continue_from import predecessor_name, predecessor_results
from epochal_operator.trainingjob.job.observed import (
    Observed,
    lacks_ended_pods,
    orphan_pods,
    own_pods,
    rejection_message,
)
from epochal_operator.trainingjob.job.spec_changes import has_run_container
from epochal_operator.trainingjob.plan import Plan, creates_job, make_plan, plan_for_invalid_spec, refuse_network
from epochal_operator.trainingjob.pod.api_messages import with_training_job_fields
from epochal_operator.trainingjob.pod.rejections import PodRejections, watch_rejections
from epochal_operator.trainingjob.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.trainingjob.resources import JOB, OWNED_PODS, TRAINING_JOBS
from epochal_operator.trainingjob.status.predicates import end_condition, failed_before_start

THREAD_BYTES = 8 * 1024
"""A spec with more bytes is checked in a thread, because the check of a large network takes long."""


def parse_and_plan(document: Object, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a TrainingJob with a valid or an invalid spec."""
    try:
        if spec_error := document.get(SPEC_OMITTED):
            raise InvalidTrainingJob(str(spec_error))  # noqa: TRY301 - like the error of parse
        training_job = parse_or_report(TrainingJob, document, InvalidTrainingJob)
    except InvalidTrainingJob as error:
        metadata = Metadata.model_validate(document["metadata"])
        status = read_status(Status, document.get("status"))
        return plan_for_invalid_spec(metadata, status, str(error), observed, MutableFields.read(document["spec"]))
    return make_plan(training_job, observed, installation)


def _network_question(document: Object, observed: Observed) -> NetworkQuestion | None:
    """Return the question to the checker about a TrainingJob's network; None for a trial, or if a container has run.

    The reconciler of Experiments asks about the template instead of each trial. A network that has trained is valid.
    """
    if controller_owner(document, group=GROUP, kind=EXPERIMENT) is not None:
        return None
    if has_run_container(read_status(Status, document.get("status")), observed):
        return None
    return question_of(document["spec"])


def _has_refused_network(document: Object) -> bool:
    """Return whether the current spec of a TrainingJob was refused because of its network."""
    before = read_status(Status, document.get("status"))
    end = end_condition(before)
    is_current = before.observed_generation == document["metadata"]["generation"]
    return is_current and failed_before_start(before) and end is not None and end.reason == Reason.INVALID_NETWORK


class Reconciler(ObjectReconciler[ReconcileState]):
    """Brings TrainingJobs and their children to their desired state.

    Args:
        checker: Checks whether Keras accepts a network; None in an installation without a checker.
        **settings: The further arguments of the base class.
    """

    resource, reasons, created, state_type = TRAINING_JOBS, CHILD_REASONS, (JOB,), ReconcileState
    shares_status = True  # Reports change the status at any time.

    def __init__(
        self,
        context: ReconcileContext,
        installation: Callable[[], Installation],
        *,
        checker: Checker | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(context, installation, **settings)
        self._checker = checker or NoChecker()

    @cached_property
    def rejections(self) -> PodRejections:
        """The latest rejected pod creation of each Job, from Events."""
        return PodRejections()

    def explain(self, message: str) -> str:
        """Return the API server's message about a Job or pod with the field paths of the TrainingJob."""
        return with_training_job_fields(message)

    async def run(self) -> None:
        """Watch the Events about pods that Jobs cannot create, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for namespace in self.context.namespaces or (None,):
                group.create_task(watch_rejections(self.context.kube, namespace, self._take_rejection))

    def _take_rejection(self, event: Object) -> None:
        regarding = event.get("regarding") or {}
        key = Key(regarding.get("namespace", ""), regarding.get("name", ""))
        if self.rejections.add(event) is not None and self.store.get(TRAINING_JOBS, key) is not None:
            self.context.enqueue(key)

    async def plan(self, document: Object, state: ReconcileState) -> Plan | None:
        """Return the plan for a TrainingJob, or None if the cache has received a newer version of it meanwhile."""
        cached, key = document, key_of(document)
        observed = await self.catch_up(document, self.observe(document, state.blocked))
        if self.store.get(TRAINING_JOBS, key) is not cached:
            return None
        document, installation = decompress_spec(cached), self.installation()
        if spec_bytes(cached) > THREAD_BYTES:
            planned = await asyncio.to_thread(parse_and_plan, document, observed, installation)
            if self.store.get(TRAINING_JOBS, key) is not cached:
                return None
        else:
            planned = parse_and_plan(document, observed, installation)
        if not creates_job(planned) or (question := _network_question(document, observed)) is None:
            return planned
        verdict = self._checker.verdict(question, lambda: self.context.enqueue(key))
        if isinstance(verdict, Verdict):
            return refuse_network(document, verdict.message, observed) if verdict.errors else planned
        if verdict is NoVerdict.PENDING:
            return Plan()  # The answer enqueues the TrainingJob.
        # Without an answer, create the Job. Only a refusal of this spec stays while the checker may answer again.
        stays_refused = verdict is NoVerdict.UNKNOWN and _has_refused_network(document)
        return Plan(requeue_after=UNANSWERED_SECONDS) if stays_refused else planned

    def observe(self, document: Object, blocked: Mapping[Resource, StatusCause]) -> Observed:
        """Return the observed state of a TrainingJob from the cache."""
        key, uid, now = key_of(document), document["metadata"]["uid"], self.clock()
        seen = self.children.observe(document, JOB, blocked.get(JOBS), now)
        job, cause, pods, continued_from = seen.child, seen.blocked, self._pods(key), None
        if job is None and (name := predecessor_name(document)):
            results = predecessor_results(
                name, document, lambda other: self.store.get(TRAINING_JOBS, Key(key.namespace, other))
            )
            if isinstance(results, StatusCause):
                cause = cause or results
            else:
                continued_from = results
        observed = Observed(
            now,
            job,
            own_pods(job, pods),
            orphan_pods(job, pods, uid),
            cause,
            seen.backoff_end,
            continued_from=continued_from,
        )
        last = self.rejections.get(key.namespace, job["metadata"]["uid"]) if job is not None else None
        return replace(observed, pod_rejection=rejection_message(last, observed))

    async def catch_up(self, document: Object, observed: Observed) -> Observed:
        """Return the observed state. If the Job has ended and the cache lacks pods, read its pods from the API server.

        Only the last pods contain the cause of the end.
        """
        metadata, known = document["metadata"], document.get("status") or {}
        if not lacks_ended_pods(observed) or known.get("completionTime"):
            return observed
        key, listed = Key(metadata["namespace"], metadata["name"]), set[str]()
        selector = f"{NAME_LABEL}={key.name},{UID_LABEL}={metadata['uid']}"
        async for page in self.writer.kube.list(PODS, key.namespace, labels=selector):
            for pod in page.items:
                listed.add(pod["metadata"]["uid"])
                self.context.on_change(self.store.put(PODS, pod, listed_at=page.resource_version))
            # Any user can write the labels, and so make the list long. Free each page before the next page arrives: the
            # store has the needed parts of its pods.
            del page
        pods = [pod for pod in self._pods(key) if pod["metadata"]["uid"] in listed]
        return replace(observed, pods=own_pods(observed.job, pods))

    def _pods(self, key: Key) -> list[Object]:
        return list(self.store.find(OWNED_PODS, key).values())
