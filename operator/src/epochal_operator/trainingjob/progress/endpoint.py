"""The progress endpoint: receives a trainer's report, checks it, and applies it to the TrainingJob's status.

Any replica accepts a report. It compares the report with the status on the API server, so it keeps only caches.
"""

import asyncio
import logging
import math
from datetime import UTC, datetime

from aiohttp import web
from epochal_api.pod import TOKEN_AUDIENCE, progress_path
from epochal_api.read_status import read_status
from epochal_api.text import printable
from epochal_api.trainingjob.report import MAX_REPORT_BYTES, Report, ReportResponse
from epochal_api.trainingjob.status import Status
from pydantic import ValidationError

from epochal_operator.runtime import logs
from epochal_operator.runtime.api.errors import ApiError, Conflict, Invalid, NotFound
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.progress.access import ReporterAccess, Trainer
from epochal_operator.trainingjob.progress.budget import MAX_TRAINERS, ReportBudget, ReportDelays
from epochal_operator.trainingjob.progress.reported_status import reached_epoch, reported_status
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER, TRAINING_JOBS
from epochal_operator.trainingjob.status.predicates import is_finished
from epochal_operator.web.pod_auth import PodAuth, bearer
from epochal_operator.web.rate_limit import RateLimit

BURST = 10
PER_SECOND = 1
"""Sustained reports per second of one pod."""
EPOCH_DELAY_SECONDS = 2.0
"""Seconds between reports of very short epochs, once a pod has used half of BURST. The rest is for milestones."""
REFUSAL_BURST = 20
REFUSALS_PER_SECOND = 1
"""Refused reports per second of one address. Above this rate, its tokens are not sent to the API server."""
MAX_ADDRESSES = 10_000
"""Maximum number of addresses whose refused reports are counted."""
BODY_TIMEOUT_SECONDS = 10.0
RESPONSE_TIMEOUT_SECONDS = 30.0
MAX_RETRY_SECONDS = 15.0
"""Maximum Retry-After in seconds. Earlier trainer versions also delay the report of an epoch's end by this time."""
UNAVAILABLE_RETRY_SECONDS = 2
"""Retry delay in seconds after a failed request to the API server."""
MAX_ATTEMPTS = 5
"""Attempts to update an object that changes between read and write."""
MAX_INVALID_FIELDS = 5
MAX_EPOCH_SECONDS = 365 * 86400.0

_log = logging.getLogger(__name__)


class ReportError(Exception):
    """An error that the endpoint answers to a report.

    Args:
        code: HTTP status of the response.
        message: The value found and the value expected.
        retry_after: Seconds to wait before the next report, if a later report may be accepted.
        delays: The delays before the next reports of steps and milestones; None if the error sets no delays.
    """

    def __init__(
        self, code: int, message: str, retry_after: float | None = None, delays: ReportDelays | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.delays = delays


def read_report(body: bytes) -> Report:
    """Return the report in a JSON body.

    Raises:
        ReportError: Status 422, if the body is no JSON or a field is invalid. The message names the first
            MAX_INVALID_FIELDS invalid fields, and the number of the others.
    """
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        invalid = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [
            f"{'.'.join(map(str, field['loc'])) or 'body'}: {field['msg']}" for field in invalid[:MAX_INVALID_FIELDS]
        ]
        if len(invalid) > MAX_INVALID_FIELDS:
            lines.append(f"and {len(invalid) - MAX_INVALID_FIELDS} more")
        raise ReportError(422, "; ".join(lines)[:2048]) from None


def is_newer(report: Report, pod_created: str, status: Status) -> bool:
    """Return whether a report is newer than the status of an unfinished TrainingJob.

    A TrainingJob that was refused before its start is not finished: a trainer that reports proves that the spec is now
    accepted. A report without an attempt number describes the start of its trainer, or the cause for which it waits.
    Such a report may arrive after the report of a later attempt, so the creation times of the pods decide.

    Args:
        report: The report.
        pod_created: Creation time of the pod that sent it, RFC 3339.
        status: The status of its TrainingJob.
    """
    progress = status.progress
    if is_finished(status):
        return False
    if progress is None:
        return True
    order = progress.attempt, progress.sequence
    if report.attempt == 0:
        return (pod_created, *report.order) > (progress.pod_created or "", *order)
    return report.order > order


def epoch_seconds(report: Report, status: Status) -> float | None:
    """Return the duration in seconds of the epoch that ended between the status and the report, or None."""
    seconds = report.seconds_per_epoch if report.epoch > (status.progress.epoch if status.progress else 0) else None
    # The histogram sums over all TrainingJobs: a trainer with invalid values must not spoil it for the others.
    return seconds if seconds is not None and seconds <= MAX_EPOCH_SECONDS else None


class ProgressEndpoint:
    """Receives the reports of trainers.

    Args:
        kube: The API server.
        metrics: Metrics of the reports and epochs.
        writes_per_second: Maximum number of reports per second that this process writes to statuses.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
    """

    def __init__(
        self, kube: Kube, metrics: ReportMetrics, writes_per_second: float, namespaces: tuple[str, ...] = ()
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._auth = PodAuth(kube, TOKEN_AUDIENCE)
        self._access = ReporterAccess(kube, namespaces)
        self._rate = RateLimit(burst=BURST, per_second=PER_SECOND, clients=MAX_TRAINERS)
        self._failures = RateLimit(burst=REFUSAL_BURST, per_second=REFUSALS_PER_SECOND, clients=MAX_ADDRESSES)
        self._budget = ReportBudget(writes_per_second)

    def routes(self) -> list[web.RouteDef]:
        """Return the route for POST requests with a report."""
        return [web.post(progress_path("{namespace}", "{name}"), self._handle)]

    async def _handle(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        with logs.log_context(namespace, name):
            try:
                async with asyncio.timeout(RESPONSE_TIMEOUT_SECONDS):
                    answer = await self._accept(request, namespace, name)
                response = web.json_response(answer.dump())
            except ReportError as error:
                response = _error_response(error)
            except (ApiError, TimeoutError) as error:
                _log.warning("cannot apply a report: %s", error or type(error).__name__)
                response = _error_response(
                    ReportError(
                        503, "the operator's request to the API server failed: try again", UNAVAILABLE_RETRY_SECONDS
                    )
                )
        self._metrics.progress_reports.labels(str(response.status)).inc()
        return response

    async def _accept(self, request: web.Request, namespace: str, name: str) -> ReportResponse:
        trainer = await self._authorize(request, namespace, name)
        pod = trainer.pod_uid
        report = read_report(await _read_body(request))
        steps, is_milestone = self._budget.reserve_slot(), self._budget.is_milestone(pod, report)
        if not self._budget.take(is_milestone=is_milestone):
            retry = min(steps, MAX_RETRY_SECONDS)
            delays = ReportDelays(steps, retry if is_milestone else 0.0)
            raise ReportError(429, "the operator receives more reports than it may write", retry, delays)
        answer = await self._write(report, trainer, namespace)
        self._budget.record(pod, report)
        epoch_delay = 0.0 if self._rate.remaining(pod) >= BURST / 2 else EPOCH_DELAY_SECONDS
        return _with_delays(answer, ReportDelays(steps, epoch_delay))

    async def _write(self, report: Report, trainer: Trainer, namespace: str) -> ReportResponse:
        """Apply a report to the status, and return the response, with the request to finish if spec.finish is true."""
        owner, created = trainer.owner, trainer.pod_created
        for conflicts in range(MAX_ATTEMPTS):
            try:
                training_job = await self._kube.get(TRAINING_JOBS, namespace, owner.name)
                if training_job["metadata"]["uid"] != owner.uid:
                    raise _forbidden_error()
                status = read_status(Status, training_job.get("status"))
                finish = training_job.get("spec", {}).get("finish") is True
                finish_fields = {
                    "finish": finish,
                    "finish_after_epoch": reached_epoch(status.progress) if finish else None,
                }
                progress = status.progress
                if conflicts and report.attempt == 0 and progress is not None and progress.pod_created is None:
                    break  # Another operator, of an earlier version, may have applied a later report.
                if not is_newer(report, created, status):
                    answer = ReportResponse(
                        message="ignored: the TrainingJob has ended, or its status has a newer report"
                    )
                    return answer.model_copy(update=finish_fields)
                await self._kube.apply_status(
                    TRAINING_JOBS,
                    namespace,
                    owner.name,
                    uid=owner.uid,
                    resource_version=training_job["metadata"]["resourceVersion"],
                    manager=PROGRESS_MANAGER,
                    status=reported_status(report, datetime.now(UTC), status, pod_created=created).dump(),
                )
            except Conflict:
                continue
            except NotFound:
                raise _forbidden_error() from None
            except Invalid as error:
                raise ReportError(
                    422, f"the API server refuses the status of this report: {error.message[:1024]}"
                ) from None
            if (seconds := epoch_seconds(report, status)) is not None:
                self._metrics.epoch_duration.observe(seconds)
            return ReportResponse(message="applied").model_copy(update=finish_fields)
        raise ReportError(503, "the write of the status conflicted: try again", UNAVAILABLE_RETRY_SECONDS)

    async def _authorize(self, request: web.Request, namespace: str, name: str) -> Trainer:
        """Return the trainer that reports; raise ReportError if it may not report."""
        token, address = bearer(request.headers.get("Authorization")), request.remote or ""
        if token and self._auth.cached(token):
            return await self._identify(token, namespace, name)
        # Check the rate before any request to the API server, so that a refused client costs no more than this.
        if wait := self._failures.take(address):
            raise ReportError(429, "too many refused reports from this address", wait)
        refused = False
        try:
            return await self._identify(token, namespace, name)
        except ReportError:
            refused = True
            raise
        finally:
            if not refused:  # It was accepted, or the request to the API server failed.
                self._failures.refund(address)

    async def _identify(self, token: str | None, namespace: str, name: str) -> Trainer:
        identity = await self._auth.identity(token) if token else None
        if identity is None:
            raise ReportError(401, "Authorization: must hold a valid bearer token for the audience epochal.dev")
        # Limit each pod and not each path, so that no client can use up the reports of another pod.
        if wait := self._rate.take(identity.pod_uid or identity.username):
            raise ReportError(429, f"too many reports: at most {PER_SECOND} a second, and {BURST} at once", wait)
        if not self._access.serves(identity.namespace):
            raise ReportError(403, f"the namespace {identity.namespace} is not in watchNamespaces of Epochal's chart")
        trainer = await self._access.trainer(identity)
        if trainer is None or (identity.namespace, trainer.owner.name) != (namespace, name):
            raise _forbidden_error()
        return trainer


def _forbidden_error() -> ReportError:
    # The same response for another user's TrainingJob as for a missing TrainingJob, so that clients cannot detect it.
    return ReportError(403, "the pod must belong to this TrainingJob")


def _error_response(error: ReportError) -> web.Response:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.code == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    answer = ReportResponse(message=printable(error.message))
    if error.delays is not None:
        answer = _with_delays(answer, error.delays)
    return web.json_response(answer.dump(), status=error.code, headers=headers)


def _with_delays(answer: ReportResponse, delays: ReportDelays) -> ReportResponse:
    fields = {
        "report_after_seconds": round(delays.step_delay, 1),
        "epoch_after_seconds": round(delays.milestone_delay, 1),
    }
    return answer.model_copy(update=fields)


async def _read_body(request: web.Request) -> bytes:
    too_large = ReportError(413, f"a report must fit in {MAX_REPORT_BYTES} bytes")
    if (request.content_length or 0) > MAX_REPORT_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for part in request.content.iter_any():
                body += part
                if len(body) > MAX_REPORT_BYTES:
                    raise too_large
    except TimeoutError:
        raise ReportError(408, f"a report must arrive within {BODY_TIMEOUT_SECONDS:.0f} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise ReportError(400, "the connection ended before the end of the report") from None
    return bytes(body)
