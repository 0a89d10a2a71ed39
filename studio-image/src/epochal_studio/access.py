"""The signed-in user of a request, and the client of the cluster that sends the user's token.

    async def get(request: web.Request) -> web.Response:
        access = access_of(request)
        found = await access.in_thread(access.cluster("vision").get, TRAINING_JOBS, "mnist")

The middleware finds the user by the cookie or the header of a request before a handler below /api runs, see
security/middleware.py.
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
"""Maximum bytes of the API server's answer to one request. A larger answer is an error."""
MAX_OBJECT = 512 * 1024
"""Maximum bytes of an object that Studio reads. A larger object is an error: no other thread of Python runs while an
object is parsed."""
PAGE = 50
"""Maximum objects in one answer to a list request."""
MAX_TOKEN = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
"""The characters of a bearer token (RFC 6750, section 2.1). Studio puts no other character into a header."""
_KEY = os.urandom(32)

P = ParamSpec("P")
T = TypeVar("T")


class Connections:
    """The connections to the API server that all users share. Each request carries the token of its own user.

    Args:
        config: Address and certificate authority of the API server.
        memory: Limits the memory of all answers.
    """

    def __init__(self, config: Config, memory: Memory) -> None:
        self.api = _client(config)
        self._memory = memory

    def cluster(self, token: str, namespace: str, warn: Callable[[str], None] = lambda _: None) -> Cluster:
        """Return a client of the cluster that sends a token with each request.

        Args:
            token: The token.
            namespace: Namespace of requests without a namespace.
            warn: Called with the text of each warning that the API server sends.
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
    """The signed-in user of a request: the token, the end of the session, and access to the cluster.

    Args:
        token: The user's token. It leaves Studio only in requests to the API server.
        expires: End of the session; None if a proxy sends the token.
        owner: Key of the limits for each user: the name of the user, or `system:serviceaccount:NAMESPACE` for a
            ServiceAccount.
        is_proxied: Whether a proxy in front of Studio sends the token with each request.
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
        """Return a text for logs, which identifies the user without the token."""
        return f"Access({self.user_key})"

    @property
    def is_expired(self) -> bool:
        """Whether the session has ended. It is False if a proxy sends the token."""
        return self.expires is not None and self.expires <= datetime.now(UTC)

    @property
    def user_key(self) -> str:
        """Keyed hash of the token. Browsers with the same token share watches by this key."""
        return user_key(self.token)

    def cluster(self, namespace: str = "default", warn: Callable[[str], None] = lambda _: None) -> Cluster:
        """Return a client of the cluster that sends the user's token with each request.

        Args:
            namespace: Namespace of requests without a namespace.
            warn: Called with the text of each warning that the API server sends.

        Raises:
            EpochalError: If the name of the namespace is invalid.
        """
        return self.connections.cluster(self.token, namespace, warn)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call a blocking function in a thread, and return its result.

        Raises:
            Refusal: 503, if too many calls run or wait; 504, after DEADLINE_SECONDS.
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
    """Return whether a text has the length and the characters of a bearer token. It may still be invalid."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None


def user_key(token: str) -> str:
    """Return a hash of a token, keyed by a random value of this process. The token cannot be computed from it."""
    return hmac.new(_KEY, token.encode(), hashlib.sha256).hexdigest()


def _client(config: Config) -> "ApiClient":
    """Return an ApiClient of the package kubernetes for the API server, without a token."""
    from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415 - a second

    configuration = Configuration()
    configuration.host = config.api_server
    configuration.ssl_ca_cert = str(config.api_ca) if config.api_ca else None
    configuration.proxy = None
    configuration.keep_alive = True
    client = ApiClient(configuration)
    client.user_agent = FIELD_MANAGER
    return client
