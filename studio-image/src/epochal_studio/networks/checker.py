"""The HTTP client of the checker, the service that builds networks with Keras to find shapes and errors.

It sends no credentials, and limits the size of answers.
"""

import logging
from collections.abc import Callable
from time import monotonic

import aiohttp
from epochal_api.checker import CATALOGUE_PATH, CHECK_PATH, MAX_ANSWER_BYTES
from epochal_api.checker import Problem as CheckerProblem
from epochal_api.text import printable
from epochal_lib.bounded_body import read_body

from epochal_studio.wire.common import Problem

TIMEOUT_SECONDS = 6.0
"""Maximum seconds of a request. The checker itself stops after 5 s."""
CONNECT_SECONDS = 2.0
UNREACHABLE_SECONDS = 10.0
"""Seconds without new requests after a failed connection, so that not every edit waits for the timeout."""
MAX_CONNECTIONS = 6
MAX_CATALOGUE_BYTES = 8 * 2**20
_OK, _BUSY = 200, 503
_LIMITS = (504, 507)
_CLIENT_ERRORS = range(400, 500)
_MAX_ERROR = 1000

log = logging.getLogger(__name__)

NO_CHECKER = Problem(
    reason="NoChecker",
    message="This installation has no checker, so the shapes of layers and the docstrings of Keras are unknown.",
    remedy="An administrator can install it with the value checker.enabled of the chart.",
)


class NoAnswer(Exception):
    """The checker is not installed, does not answer, or answers with an error.

    Args:
        problem: The cause, for the user.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Checker:
    """A client of the checker of this installation.

    Args:
        address: Address of the checker, such as http://epochal-checker.epochal-system.svc:8080; "" if the installation
            has no checker.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, address: str, clock: Callable[[], float] = monotonic) -> None:
        self._address = address.rstrip("/")
        self._clock = clock
        self._paused_until = float("-inf")
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, question: bytes) -> bytes:
        """Send a network to the checker, and return its answer.

        Args:
            question: The network as JSON (epochal_api.checker.Question).

        Returns:
            The shapes and errors of the layers as JSON (epochal_api.checker.Answer).

        Raises:
            NoAnswer: If the checker is not installed, does not answer, or answers with an error.
        """
        return await self._request("POST", CHECK_PATH, question, MAX_ANSWER_BYTES)

    async def catalogue(self) -> bytes:
        """Return the checker's catalogue of Keras classes with their docstrings, as JSON.

        Raises:
            NoAnswer: If the checker is not installed, does not answer, or answers with an error.
        """
        return await self._request("GET", CATALOGUE_PATH, None, MAX_CATALOGUE_BYTES)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, method: str, path: str, body: bytes | None, limit: int) -> bytes:
        if not self._address:
            raise NoAnswer(NO_CHECKER)
        if self._clock() < self._paused_until:
            raise _unreachable("there was no connection a few seconds ago")
        try:
            # A redirect is no answer: it could lead to any address.
            async with self._connected().request(
                method, self._address + path, data=body, allow_redirects=False
            ) as found:
                content = await read_body(found.content.iter_any(), limit)
                status = found.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._paused_until = self._clock() + UNREACHABLE_SECONDS
            log.warning("no connection to the checker: %s", type(error).__name__)
            raise _unreachable("there is no connection") from None
        except TimeoutError:
            raise _unreachable(f"it has not answered within {TIMEOUT_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            log.warning("cannot read the answer of the checker: %s", type(error).__name__)
            raise _unreachable("its answer cannot be read") from None
        if status != _OK:
            raise NoAnswer(_problem(status, content))
        return content

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A session of its own takes no proxy and no credential from the environment.
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=CONNECT_SECONDS),
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                auto_decompress=False,  # a small body could have any size
                trust_env=False,
            )
        return self._session


def _problem(status: int, content: bytes) -> Problem:
    """Return the error of the checker's answer, which has a status other than 200, as a Problem for the user."""
    try:
        cause = CheckerProblem.model_validate_json(content).error
    except ValueError:
        cause = f"HTTP {status}"
    cause = printable(" ".join(cause.split()))[:_MAX_ERROR]
    if status == _BUSY:
        return Problem(
            reason="Overloaded", message=f"The checker is busy: {cause}.", remedy="Try again in a few seconds."
        )
    if status in _LIMITS:
        return Problem(
            reason="TooLarge",
            message=f"The checker cannot build this network within its limits: {cause}.",
            remedy="The training has more time and memory than the checker. Smaller layers can be checked.",
        )
    if status in _CLIENT_ERRORS:
        return Problem(reason="Invalid", message=f"The checker refuses the network: {cause}.")
    return _unreachable(cause).problem


def _unreachable(cause: str) -> NoAnswer:
    return NoAnswer(
        Problem(
            reason="Unreachable",
            message=f"The checker does not answer: {cause}. Shapes of layers and docstrings of Keras are unknown.",
            remedy="Try again in a minute. If it still fails, ask an administrator to look at the checker's pods.",
        )
    )
