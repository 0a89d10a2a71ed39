"""The signed-in user of a request, and the cluster with the rights of this user.

    async def get(request: web.Request) -> web.Response:
        access = access_of(request)
        found = await access.in_thread(access.cluster("vision").get, TRAINING_JOBS, "mnist")

The middleware has signed the user in before any handler of /api runs, see security/middleware.py.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aiohttp import web
from epochal.client.cluster import Cluster
from epochal.client.transport import Transport
from epochal.environment import Environment

from epochal_studio.config import Config
from epochal_studio.memory import Memory
from epochal_studio.problems import expired
from epochal_studio.threads import DEADLINE_SECONDS, Threads

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

FIELD_MANAGER = "epochal-studio"
MAX_ANSWER = 4 * 2**20
"""Maximum bytes of an answer of the API server to one request."""
MAX_OBJECT = 512 * 1024
"""Maximum bytes of an object that Studio reads: parsing stops all other threads."""
PAGE = 50
"""Objects in one answer to a list."""
MAX_TOKEN = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
"""A bearer token: RFC 6750, 2.1. No other character reaches a header."""
_KEY = os.urandom(32)

P = ParamSpec("P")
T = TypeVar("T")


class Connections:
    """The connections to the API server that all users share: each request has the token of its user.

    Args:
        config: Address and authority of the API server.
        memory: Bounds the memory of all answers.
    """

    def __init__(self, config: Config, memory: Memory) -> None:
        self.api = _client(config)
        self._memory = memory

    def cluster(self, token: str, namespace: str, warn: Callable[[str], None] = lambda _: None) -> Cluster:
        """Return the cluster with the rights of a token.

        Args:
            token: The token.
            namespace: Namespace of requests that name none.
            warn: Gets each warning of the API server.
        """
        environment = Environment(
            stdin=StringIO(), stdout=StringIO(), stderr=StringIO(), folder=Path("/nonexistent"), variables={}
        )
        transport = Transport(
            self.api,
            environment,
            token=token,
            max_answer=MAX_ANSWER,
            max_object=MAX_OBJECT,
            reserve=self._memory.reserve_json,
            warn=warn,
        )
        return Cluster(transport, namespace, environment, field_manager=FIELD_MANAGER, page=PAGE)


@dataclass(frozen=True)
class Access:
    """A signed-in user.

    Args:
        token: The user's token. It leaves Studio only in requests to the API server.
        expires: End of the session; None if a proxy sends the token.
        owner: Whose requests are bounded together: the name of the user, or the namespace of a ServiceAccount.
        is_proxied: Whether a proxy sends the token.
        connections: Connections to the API server.
        threads: Threads for calls that block.
    """

    token: str
    expires: datetime | None
    owner: str
    is_proxied: bool
    connections: Connections
    threads: Threads

    def __repr__(self) -> str:
        """Return a text without the token, for logs."""
        return f"Access({self.user_key})"

    @property
    def is_expired(self) -> bool:
        """Whether the session has ended."""
        return self.expires is not None and self.expires <= datetime.now(UTC)

    @property
    def user_key(self) -> str:
        """Key of the token for shared watches. Nobody can compute the token from it."""
        return user_key(self.token)

    def cluster(self, namespace: str = "default", warn: Callable[[str], None] = lambda _: None) -> Cluster:
        """Return the cluster with the rights of the user.

        Args:
            namespace: Namespace of requests that name none.
            warn: Gets each warning of the API server.

        Raises:
            EpochalError: If no namespace can have this name.
        """
        return self.connections.cluster(self.token, namespace, warn)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Return the result of a call that blocks.

        Raises:
            Refusal: If too many calls wait, or the call takes too long.
        """
        return await self.threads.run(self.owner, DEADLINE_SECONDS, function, *args, **options)


ACCESS = web.RequestKey("access", Access)


def access_of(request: web.Request) -> Access:
    """Return the signed-in user of a request.

    Raises:
        Refusal: 401, if nobody is signed in.
    """
    found: Access | None = request.get(ACCESS)
    if found is None or found.is_expired:
        raise expired()
    return found


def is_token(text: str) -> bool:
    """Return whether a text can be a bearer token."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None


def user_key(token: str) -> str:
    """Return the key of a token in this process."""
    return hmac.new(_KEY, token.encode(), hashlib.sha256).hexdigest()


def _client(config: Config) -> "ApiClient":
    """Return a client of the package kubernetes without credentials."""
    from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415 - a second

    configuration = Configuration()
    configuration.host = config.api_server
    configuration.ssl_ca_cert = str(config.api_ca) if config.api_ca else None
    configuration.proxy = None
    configuration.keep_alive = True
    client = ApiClient(configuration)
    client.user_agent = FIELD_MANAGER
    return client
