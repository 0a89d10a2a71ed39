"""The progress endpoint: a trainer's report comes in, is checked, and is applied to its TrainingJob's status.

Any replica takes a report: what it is checked against is the object itself, so nothing is kept between two reports
but what may be forgotten.
"""

import asyncio
import logging
import math
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web
from epochal_api.pod import TOKEN_AUDIENCE, progress_path
from epochal_api.report import MAX_REPORT_BYTES, Answer, Report
from epochal_api.status import ReportedStatus, Status, read_status
from epochal_api.text import printable
from pydantic import ValidationError

from epochal_operator.runtime import logs
from epochal_operator.runtime.errors import ApiError, Conflict, Invalid, NotFound
from epochal_operator.runtime.kube import Kube, Object
from epochal_operator.runtime.owners import Owner
from epochal_operator.runtime.rate import RateLimit
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.progress_status import reached_epoch, reported_status
from epochal_operator.trainingjob.report_budget import TRAINERS, Budget, Pace
from epochal_operator.trainingjob.reporter_access import ReporterAccess
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER, TRAINING_JOBS
from epochal_operator.trainingjob.status import finished
from epochal_operator.web.pod_auth import PodAuth, bearer

BURST = 10
PER_SECOND = 1
"""Reports that one pod may send."""
CALM_SECONDS = 2.0
"""Time between reports of epochs that end faster, once half of a burst is used up: the rest is for what matters."""
FAILURES = 20
FAILURES_PER_SECOND = 1
"""Reports of one address that may turn out to be refused: of any more, the API server is not asked whose they are."""
ADDRESSES = 10_000
"""Addresses whose failures are kept."""
BODY_SECONDS = 10.0
ANSWER_SECONDS = 30.0
LATE_SECONDS = 15.0
"""The longest that a trainer is put off, as an older one puts off the end of an epoch as well."""
BUSY_SECONDS = 2
"""When to come again after the API server gave no answer."""
TRIES = 5
"""How often to read again an object that was changed between reading and writing it."""
MAX_FAULTS = 5
LONGEST_EPOCH_SECONDS = 365 * 86400.0

_log = logging.getLogger(__name__)


class Refusal(Exception):
    """A report that is not taken.

    Args:
        code: HTTP status of the answer.
        message: What was found and what must hold.
        retry_after: Seconds to wait before the next report, if that may be taken.
        pace: The same, where it makes a difference what the next one tells.
    """

    def __init__(self, code: int, message: str, retry_after: float | None = None, pace: Pace | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.pace = pace


def read_report(body: bytes) -> Report:
    """Reads a report.

    Args:
        body: JSON.

    Returns:
        The report.

    Raises:
        Refusal: If it breaks a rule: 422, with each field that does.
    """
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:MAX_FAULTS]]
        if len(faults) > MAX_FAULTS:
            lines.append(f"and {len(faults) - MAX_FAULTS} more")
        raise Refusal(422, "; ".join(lines)[:2048]) from None


def is_news(report: Report, job: Object) -> bool:
    """Returns whether a report is later than all that the status holds, of a job that is not finished.

    A job whose spec was refused before it began is not: a trainer that reports proves that the spec is accepted now.
    One that does not know its attempt yet is taken for later: all it does is to say what its trainer waits for.
    """
    status = read_status(Status, job.get("status"))
    if finished(status):
        return False
    progress = status.progress
    return progress is None or report.attempt == 0 or report.order > (progress.attempt, progress.sequence)


def finished_epoch(report: Report, job: Object) -> float | None:
    """Returns the seconds of the epoch that has ended since the status was written, or None if none has."""
    progress = read_status(ReportedStatus, job.get("status")).progress
    seconds = report.seconds_per_epoch if report.epoch > (progress.epoch if progress else 0) else None
    # What is observed is summed up over all TrainingJobs: one that tells nonsense must not spoil that for the others.
    return seconds if seconds is not None and seconds <= LONGEST_EPOCH_SECONDS else None


class Outcome(NamedTuple):
    """What became of a report, and what is asked of its trainer.

    Args:
        message: What became of it.
        finish: Whether to finish early.
        reached: The epoch that was running, or has ended, as far as the status knows.
    """

    message: str
    finish: bool
    reached: int


def outcome(message: str, job: Object) -> Outcome:
    """Returns what to answer to a report.

    Args:
        message: What became of it.
        job: The TrainingJob, as it was read when the report came.
    """
    progress = read_status(ReportedStatus, job.get("status")).progress
    return Outcome(message, job.get("spec", {}).get("finish") is True, reached_epoch(progress))


class ProgressEndpoint:
    """Takes the reports of trainers.

    Args:
        kube: The API server.
        metrics: What counts the reports and measures the epochs.
        writes_per_second: Reports that this process may write into statuses per second.
        namespaces: Namespaces that are served; none stands for all.
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
        """Returns the one route: POST of a report."""
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

    async def _take(self, request: web.Request, namespace: str, name: str) -> Answer:
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
                if not is_news(report, job):
                    return outcome("ignored: not later than what is known", job)
                await self._apply(report, job)
            except Conflict:
                continue
            except NotFound:
                raise _forbidden() from None
            except Invalid as error:
                raise Refusal(422, f"the status cannot hold it: {error.message[:1024]}") from None
            if (seconds := finished_epoch(report, job)) is not None:
                self._metrics.epoch_duration.observe(seconds)
            return outcome("applied", job)
        raise Refusal(503, "the TrainingJob changes faster than it can be written: try again", BUSY_SECONDS)

    async def _authorize(self, request: web.Request, namespace: str, name: str) -> tuple[str, Owner]:
        """Returns the uid of the pod that reports, and its TrainingJob."""
        token, address = bearer(request.headers.get("Authorization")), request.remote or ""
        if token and self._auth.known(token):
            return await self._identify(token, namespace, name)
        # Before anything is asked: whoever is refused has cost no more than this.
        if wait := self._failures.wait(address):
            raise Refusal(429, "too many reports from this address were refused", wait)
        refused = False
        try:
            return await self._identify(token, namespace, name)
        except Refusal:
            refused = True
            raise
        finally:
            if not refused:  # It is taken, or nobody could tell: the API server gave no answer, or none in time.
                self._failures.give_back(address)

    async def _identify(self, token: str | None, namespace: str, name: str) -> tuple[str, Owner]:
        identity = await self._auth.identity(token) if token else None
        if identity is None:
            raise Refusal(401, "must hold a valid bearer token for the audience epochal.dev")
        # By pod and not by path: nobody can use up what another pod may send.
        if wait := self._rate.wait(identity.pod_uid or identity.username):
            raise Refusal(429, f"at most {PER_SECOND} report a second, and {BURST} at once", wait)
        if not self._access.serves(identity.namespace):
            raise Refusal(403, f"the namespace {identity.namespace} is not served (watchNamespaces of Epochal's chart)")
        owner = await self._access.job(identity)
        if owner is None or (identity.namespace, owner.name) != (namespace, name):
            raise _forbidden()
        return identity.pod_uid, owner

    async def _apply(self, report: Report, job: Object) -> None:
        metadata = job["metadata"]
        before = read_status(ReportedStatus, job.get("status"))
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
    # The same for a job of another's and for one that does not exist: nobody learns which there are.
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


def _say(message: str, pace: Pace | None) -> Answer:
    if pace is None:
        return Answer(message=message)
    return Answer(message=message, report_after_seconds=round(pace.steps, 1), epoch_after_seconds=round(pace.news, 1))


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
