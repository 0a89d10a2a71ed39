"""The progress endpoint: receives a trainer's report, checks it, and applies it to the TrainingJob's status.

Any replica accepts a report. It is checked against the object itself, so only caches are kept between two reports.
"""

import asyncio
import logging
import math
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web
from epochal_api.pod import TOKEN_AUDIENCE, progress_path
from epochal_api.read_status import read_status
from epochal_api.text import printable
from epochal_api.trainingjob.report import MAX_REPORT_BYTES, Report, ReportResponse
from epochal_api.trainingjob.status import Status
from pydantic import ValidationError

from epochal_operator.runtime import logs
from epochal_operator.runtime.api.errors import ApiError, Conflict, Invalid, NotFound
from epochal_operator.runtime.api.kube import Kube, Object
from epochal_operator.runtime.owners import Owner
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.progress.access import ReporterAccess
from epochal_operator.trainingjob.progress.budget import TRAINERS, Budget, Pace
from epochal_operator.trainingjob.progress.reported_status import reached_epoch, reported_status
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER, TRAINING_JOBS
from epochal_operator.trainingjob.status.predicates import finished
from epochal_operator.web.pod_auth import PodAuth, bearer
from epochal_operator.web.rate_limit import RateLimit

BURST = 10
PER_SECOND = 1
"""Sustained reports per second of one pod."""
CALM_SECONDS = 2.0
"""Seconds between reports of very short epochs once half of the burst is used. The rest is for important reports."""
FAILURES = 20
FAILURES_PER_SECOND = 1
"""Refused reports per second of one address. Beyond that, the API server is not asked to review its tokens."""
ADDRESSES = 10_000
"""Maximum number of addresses whose refused reports are counted."""
BODY_SECONDS = 10.0
ANSWER_SECONDS = 30.0
LATE_SECONDS = 15.0
"""Maximum delay of a trainer in seconds. An older trainer also delays its report of an epoch's end."""
BUSY_SECONDS = 2
"""Retry delay in seconds after the API server did not answer."""
TRIES = 5
"""Attempts to update an object that changes between read and write."""
MAX_FAULTS = 5
LONGEST_EPOCH_SECONDS = 365 * 86400.0

_log = logging.getLogger(__name__)


class Refusal(Exception):
    """A report that is refused.

    Args:
        code: HTTP status of the response.
        message: The value found and the value expected.
        retry_after: Seconds to wait before the next report, if a later report may be accepted.
        pace: The delays of the next reports, which depend on their content; None without such delays.
    """

    def __init__(self, code: int, message: str, retry_after: float | None = None, pace: Pace | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.pace = pace


def read_report(body: bytes) -> Report:
    """Parse and validate a report.

    Args:
        body: JSON.

    Returns:
        The report.

    Raises:
        Refusal: If a field is invalid: status 422, with each invalid field.
    """
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:MAX_FAULTS]]
        if len(faults) > MAX_FAULTS:
            lines.append(f"and {len(faults) - MAX_FAULTS} more")
        raise Refusal(422, "; ".join(lines)[:2048]) from None


class Outcome(NamedTuple):
    """The result of a report, and the request to its trainer.

    Args:
        message: The result.
        finish: Whether the trainer must finish early.
        reached: The epoch that runs or has ended last, by the status.
    """

    message: str
    finish: bool
    reached: int


def is_news(report: Report, status: Status) -> bool:
    """Return whether a report is newer than the status of an unfinished job.

    A job that was refused before its start is not finished: a trainer that reports proves that the spec is now
    accepted. A report without an attempt number counts as newer, because it only describes the cause for which its
    trainer waits.
    """
    progress = status.progress
    if finished(status):
        return False
    return progress is None or report.attempt == 0 or report.order > (progress.attempt, progress.sequence)


def finished_epoch(report: Report, status: Status) -> float | None:
    """Return the seconds of the epoch that has ended since the last status, or None if none has ended."""
    seconds = report.seconds_per_epoch if report.epoch > (status.progress.epoch if status.progress else 0) else None
    # The histogram sums over all TrainingJobs: a trainer with invalid values must not spoil it for the others.
    return seconds if seconds is not None and seconds <= LONGEST_EPOCH_SECONDS else None


class ProgressEndpoint:
    """Receives the reports of trainers.

    Args:
        kube: The API server.
        metrics: Metrics of the reports and epochs.
        writes_per_second: Maximum rate of status writes by this process, in reports per second.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
    """

    def __init__(
        self, kube: Kube, metrics: ReportMetrics, writes_per_second: float, namespaces: tuple[str, ...] = ()
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._auth = PodAuth(kube, TOKEN_AUDIENCE)
        self._access = ReporterAccess(kube, namespaces)
        self._rate = RateLimit(burst=BURST, per_second=PER_SECOND, clients=TRAINERS)
        self._failures = RateLimit(burst=FAILURES, per_second=FAILURES_PER_SECOND, clients=ADDRESSES)
        self._budget = Budget(writes_per_second)

    def routes(self) -> list[web.RouteDef]:
        """Return the route for POST requests with a report."""
        return [web.post(progress_path("{namespace}", "{name}"), self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        with logs.about(namespace, name):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await self._take(request, namespace, name)
                response = web.json_response(answer.dump())
            except Refusal as refusal:
                response = _refuse(refusal)
            except (ApiError, TimeoutError) as error:
                _log.warning("a report waits for the API server: %s", error or type(error).__name__)
                response = _refuse(Refusal(503, "the API server gives no answer: try again", BUSY_SECONDS))
        self._metrics.progress_reports.labels(str(response.status)).inc()
        return response

    async def _take(self, request: web.Request, namespace: str, name: str) -> ReportResponse:
        pod, owner = await self._authorize(request, namespace, name)
        report = read_report(await _read(request))
        steps, news = self._budget.next(), self._budget.is_news(pod, report)
        if not self._budget.take(news=news):
            late = min(steps, LATE_SECONDS)
            raise Refusal(429, "more reports come than may be written", late, Pace(steps, late if news else 0.0))
        found = await self._write(report, owner, namespace)
        self._budget.wrote(pod, report)
        calm = self._rate.left(pod) >= BURST / 2
        answer = _say(found.message, Pace(steps, 0.0 if calm else CALM_SECONDS))
        reached = found.reached if found.finish else None
        return answer.model_copy(update={"finish": found.finish, "finish_after_epoch": reached})

    async def _write(self, report: Report, owner: Owner, namespace: str) -> Outcome:
        for _ in range(TRIES):
            try:
                job = await self._kube.get(TRAINING_JOBS, namespace, owner.name)
                if job["metadata"]["uid"] != owner.uid:
                    raise _forbidden()
                status = read_status(Status, job.get("status"))
                finish, reached = job.get("spec", {}).get("finish") is True, reached_epoch(status.progress)
                if not is_news(report, status):
                    return Outcome("ignored: not later than what is known", finish, reached)
                await self._apply(report, job["metadata"], status)
            except Conflict:
                continue
            except NotFound:
                raise _forbidden() from None
            except Invalid as error:
                raise Refusal(422, f"the status cannot hold it: {error.message[:1024]}") from None
            if (seconds := finished_epoch(report, status)) is not None:
                self._metrics.epoch_duration.observe(seconds)
            return Outcome("applied", finish, reached)
        raise Refusal(503, "the TrainingJob changes faster than it can be written: try again", BUSY_SECONDS)

    async def _authorize(self, request: web.Request, namespace: str, name: str) -> tuple[str, Owner]:
        """Return the UID of the reporting pod and its TrainingJob; raise Refusal if it may not report."""
        token, address = bearer(request.headers.get("Authorization")), request.remote or ""
        if token and self._auth.known(token):
            return await self._identify(token, namespace, name)
        # Check the rate before any request to the API server, so that a refused client costs no more than this.
        if wait := self._failures.wait(address):
            raise Refusal(429, "too many reports from this address were refused", wait)
        refused = False
        try:
            return await self._identify(token, namespace, name)
        except Refusal:
            refused = True
            raise
        finally:
            if not refused:  # It was accepted, or the API server did not answer (in time).
                self._failures.give_back(address)

    async def _identify(self, token: str | None, namespace: str, name: str) -> tuple[str, Owner]:
        identity = await self._auth.identity(token) if token else None
        if identity is None:
            raise Refusal(401, "must hold a valid bearer token for the audience epochal.dev")
        # Limit each pod and not each path, so that no client can use up the reports of another pod.
        if wait := self._rate.wait(identity.pod_uid or identity.username):
            raise Refusal(429, f"at most {PER_SECOND} report a second, and {BURST} at once", wait)
        if not self._access.serves(identity.namespace):
            raise Refusal(403, f"the namespace {identity.namespace} is not served (watchNamespaces of Epochal's chart)")
        owner = await self._access.job(identity)
        if owner is None or (identity.namespace, owner.name) != (namespace, name):
            raise _forbidden()
        return identity.pod_uid, owner

    async def _apply(self, report: Report, metadata: Object, before: Status) -> None:
        await self._kube.apply_status(
            TRAINING_JOBS,
            metadata["namespace"],
            metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=PROGRESS_MANAGER,
            status=reported_status(report, datetime.now(UTC), before).dump(),
        )


def _forbidden() -> Refusal:
    # The same response for another user's job and for a missing job, so that clients cannot detect existing jobs.
    return Refusal(403, "only a pod of this TrainingJob may report on it")


def _refuse(refusal: Refusal) -> web.Response:
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    if refusal.code == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response(
        _say(printable(refusal.message), refusal.pace).dump(), status=refusal.code, headers=headers
    )


def _say(message: str, pace: Pace | None) -> ReportResponse:
    if pace is None:
        return ReportResponse(message=message)
    return ReportResponse(
        message=message, report_after_seconds=round(pace.steps, 1), epoch_after_seconds=round(pace.news, 1)
    )


async def _read(request: web.Request) -> bytes:
    too_large = Refusal(413, f"a report must fit in {MAX_REPORT_BYTES} bytes")
    if (request.content_length or 0) > MAX_REPORT_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                body += part
                if len(body) > MAX_REPORT_BYTES:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, f"a report must arrive within {BODY_SECONDS:.0f} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Refusal(400, "the request ended before its body did") from None
    return bytes(body)
