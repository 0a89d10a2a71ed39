"""The HTTP client of the checker, which checks whether Keras can build a network.

A request times out after a second. It runs in the background, so no reconcile waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

import aiohttp
from cachetools import LRUCache, TTLCache
from epochal_api.checker import CHECK_PATH, MAX_ANSWER_BYTES, MAX_QUESTION_BYTES, Answer
from epochal_lib.bounded_body import read_body
from prometheus_client import CollectorRegistry, Counter

from epochal_operator.checker.verdict import (
    SILENT_SECONDS,
    UNANSWERED_SECONDS,
    NetworkQuestion,
    NoVerdict,
    Verdict,
    verdict_of,
)

TIMEOUT_SECONDS = 1.0
VERDICT_SECONDS = 3600.0
"""Seconds for which a verdict is cached. It expires, because another image may be pushed under the same name."""
MAX_VERDICTS = 1024
MAX_PENDING = 16
"""Maximum number of questions that wait for an answer. With more, networks are not checked for a while. A checker on
two cores answers this number in a second."""
MAX_CONNECTIONS = 8

_log = logging.getLogger(__name__)


class CheckerMetrics:
    """Metrics of the questions to the checker.

    Attributes:
        questions: Number of questions by `result`: valid, invalid, unanswered, or skipped (not sent, because the client
            pauses after an earlier failure or overload).
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.questions = Counter(
            "epochal_checker_questions",
            "Questions to the checker about networks, by their result.",
            ["result"],
            registry=registry,
        )


class _Unavailable(Exception):
    """The checker responded with status 503, because its queue is full or it is starting."""


class CheckerClient:
    """Sends questions about networks to the checker in the background, and caches the verdicts.

    Args:
        url: Address of the checker, such as http://epochal-checker.epochal-system.svc:8080.
        image: Image of trainers. Answers of a checker that runs another image are ignored.
        metrics: Counts the questions.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, url: str, image: str, metrics: CheckerMetrics, clock: Callable[[], float] = monotonic) -> None:
        self._url = url.rstrip("/") + CHECK_PATH
        self._image = image
        self._metrics = metrics
        self._clock = clock
        self._verdicts: TTLCache[bytes, Verdict, float] = TTLCache(MAX_VERDICTS, VERDICT_SECONDS, clock)
        self._unanswered: TTLCache[bytes, None, float] = TTLCache(MAX_VERDICTS, UNANSWERED_SECONDS, clock)
        self._failing_since: LRUCache[bytes, float] = LRUCache(MAX_VERDICTS)
        """By question, the time of its first failure after its last verdict."""
        self._silent_since: float | None = None
        """The time of the first failure of any question after the last verdict about any network."""
        self._paused_until = float("-inf")
        self._pending: dict[bytes, list[Callable[[], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> Verdict | NoVerdict:
        """Return the cached verdict about a network, or the reason why there is none; see `Checker.verdict`.

        A new question is sent in the background, unless it is too large, was unanswered recently, or the client pauses.
        """
        if len(question.body) > MAX_QUESTION_BYTES:
            return NoVerdict.ABSENT
        digest = question.digest
        if (verdict := self._verdicts.get(digest)) is not None:
            return verdict
        if digest in self._pending:
            self._pending[digest].append(notify)
            return NoVerdict.PENDING
        if digest in self._unanswered:
            return self._no_answer(self._failing_since.get(digest), self._silent_since)
        if len(self._pending) >= MAX_PENDING and self._clock() >= self._paused_until:
            self._pause(f"{MAX_PENDING} questions already wait for an answer")
        if self._clock() < self._paused_until:
            self._metrics.questions.labels("skipped").inc()
            # The question only waits for its turn: its own failures before do not count.
            return self._no_answer(self._silent_since)
        self._pending[digest] = [notify]
        task = asyncio.create_task(self._answer(digest, question.body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return NoVerdict.PENDING

    def _no_answer(self, *failing_since: float | None) -> NoVerdict:
        """Return why there is no verdict: ABSENT if one of the failures has lasted for SILENT_SECONDS, else UNKNOWN."""
        is_silent = any(since is not None and self._clock() - since >= SILENT_SECONDS for since in failing_since)
        return NoVerdict.ABSENT if is_silent else NoVerdict.UNKNOWN

    def _pause(self, cause: str) -> None:
        """Log the cause, and send no question about any network to the checker for UNANSWERED_SECONDS."""
        _log.warning("no question is sent to the checker for %.0f s: %s", UNANSWERED_SECONDS, cause)
        self._paused_until = self._clock() + UNANSWERED_SECONDS

    async def close(self) -> None:
        """Cancel the questions that wait for an answer, and close the connections to the checker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _answer(self, digest: bytes, body: bytes) -> None:
        """Send a question, cache the verdict or the lack of an answer, and call the callers' `notify` functions."""
        verdict = None
        try:
            verdict = await self._ask(body)
        except (_Unavailable, TimeoutError, aiohttp.ClientError, OSError) as error:
            self._pause(str(error) or type(error).__name__)
        except ValueError as error:
            _log.warning("cannot read the answer of the checker: %s", error)
        except Exception:  # noqa: BLE001 - no answer creates the Job, as without a checker
            _log.exception("cannot ask the checker")
        finally:
            if verdict is None:
                now = self._clock()
                self._unanswered[digest] = None
                self._failing_since.setdefault(digest, now)
                self._silent_since = now if self._silent_since is None else self._silent_since
            else:
                self._verdicts[digest] = verdict
                self._failing_since.pop(digest, None)
                self._silent_since = None
            for notify in self._pending.pop(digest):
                notify()
        result = "unanswered" if verdict is None else "invalid" if verdict.errors else "valid"
        self._metrics.questions.labels(result).inc()

    async def _ask(self, body: bytes) -> Verdict | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                headers={"Content-Type": "application/json"},
            )
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            content = await read_body(response.content.iter_any(), MAX_ANSWER_BYTES)
        if response.status == 503:  # noqa: PLR2004 - its queue is full, or it starts
            raise _Unavailable(f"status {response.status}: {content[:200].decode(errors='replace')}")
        if response.status != 200:  # noqa: PLR2004
            _log.info("no verdict of the checker: %d %s", response.status, content[:200].decode(errors="replace"))
            return None
        answer = Answer.model_validate_json(content)
        if answer.image != self._image:
            _log.info("ignored an answer: the checker runs image %s, but trainers run %s", answer.image, self._image)
            return None
        return verdict_of(answer)
