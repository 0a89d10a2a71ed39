"""The objects that all handlers share: `request.app[STATE]`."""

from asyncio import Semaphore
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from epochal_studio.access import Access, Connections
from epochal_studio.config import Config
from epochal_studio.data.uploads import Uploads
from epochal_studio.long_answers import (
    MAX_CAPACITIES,
    MAX_COMPARISONS,
    MAX_EXPORTS,
    MAX_HISTORIES,
    MAX_IMPORTS,
    MAX_MODEL_READS,
    MAX_PREDICTIONS,
    MAX_PREVIEWS,
    MAX_PROCESSES,
    MAX_READING_HISTORIES,
    MAX_REQUESTS,
    MAX_USER_CAPACITIES,
    MAX_USER_COMPARISONS,
    MAX_USER_EXPORTS,
    MAX_USER_HISTORIES,
    MAX_USER_IMPORTS,
    MAX_USER_MODEL_READS,
    MAX_USER_PREDICTIONS,
    MAX_USER_PREVIEWS,
    MAX_USER_READING_HISTORIES,
    MAX_USER_REQUESTS,
    LongAnswers,
)
from epochal_studio.networks.checker import Checker
from epochal_studio.networks.checks import Checks
from epochal_studio.networks.docstrings import Docstrings
from epochal_studio.session.owners import Owners
from epochal_studio.session.refused_tokens import RefusedTokens
from epochal_studio.session.sealing import Sealer
from epochal_studio.storage.endpoints import Endpoints
from epochal_studio.stream.hub import Hub
from epochal_studio.threads import Threads


@dataclass(frozen=True)
class State:
    """The objects that all handlers share.

    Args:
        config: The configuration.
        sealer: Encrypts and decrypts sessions.
        connections: Connections to the API server for blocking calls in threads.
        threads: Threads for blocking calls.
        owners: Owners of tokens, and their reviews by the API server.
        refused_tokens: Tokens of sessions that the API server has refused.
        hub: The watches of all browsers, and the asynchronous client of the API server.
        checker: The client of the checker.
        documents: Limits the YAML documents that are parsed.
        checks: Runs the checks of documents.
        docstrings: Cache of Keras' docstrings.
        requests: Limits the requests of signed-in users.
        long_answers: Limits downloads and logs.
        histories: Limits the files history.csv that are read.
        comparisons: Limits comparisons.
        predictions: Limits predictions.
        model_reads: Limits reads of model servers' descriptions and metrics.
        previews: Limits previews of data.
        capacities: Limits requests for the nodes' resources, which list all nodes and pods.
        imports: Limits imports.
        exports: Limits exports.
        processes: Limits the child processes of imports and exports that run at the same time.
        uploads: Limits uploads, and runs their blocking calls.
    """

    config: Config
    sealer: Sealer
    connections: Connections
    threads: Threads
    owners: Owners
    hub: Hub
    checker: Checker
    documents: LongAnswers
    checks: Checks
    docstrings: Docstrings
    refused_tokens: RefusedTokens = field(default_factory=RefusedTokens)
    requests: LongAnswers = field(default_factory=lambda: LongAnswers(MAX_REQUESTS, MAX_USER_REQUESTS, "requests"))
    long_answers: LongAnswers = field(default_factory=LongAnswers)
    histories: LongAnswers = field(
        default_factory=lambda: LongAnswers(
            MAX_HISTORIES, MAX_USER_HISTORIES, "curves", MAX_READING_HISTORIES, MAX_USER_READING_HISTORIES
        )
    )
    comparisons: LongAnswers = field(
        default_factory=lambda: LongAnswers(MAX_COMPARISONS, MAX_USER_COMPARISONS, "comparisons")
    )
    predictions: LongAnswers = field(
        default_factory=lambda: LongAnswers(MAX_PREDICTIONS, MAX_USER_PREDICTIONS, "predictions")
    )
    model_reads: LongAnswers = field(
        default_factory=lambda: LongAnswers(MAX_MODEL_READS, MAX_USER_MODEL_READS, "pages of models")
    )
    previews: LongAnswers = field(default_factory=lambda: LongAnswers(MAX_PREVIEWS, MAX_USER_PREVIEWS, "previews"))
    capacities: LongAnswers = field(
        default_factory=lambda: LongAnswers(MAX_CAPACITIES, MAX_USER_CAPACITIES, "lists of nodes")
    )
    imports: LongAnswers = field(default_factory=lambda: LongAnswers(MAX_IMPORTS, MAX_USER_IMPORTS, "imports"))
    exports: LongAnswers = field(default_factory=lambda: LongAnswers(MAX_EXPORTS, MAX_USER_EXPORTS, "exports"))
    processes: Semaphore = field(default_factory=lambda: Semaphore(MAX_PROCESSES))
    uploads: Uploads = field(default_factory=Uploads)

    def access(self, token: str, expires: datetime | None, owner: str, *, is_proxied: bool = False) -> Access:
        """Return an Access for the user of a token.

        Args:
            token: The token.
            expires: End of the session; None if a proxy sends the token.
            owner: Key of the limits for each user, see session/owners.py.
            is_proxied: Whether a proxy in front of Studio sends the token with each request.
        """
        return Access(token, expires, owner, is_proxied, self.connections, self.threads)


STATE = web.AppKey("state", State)


def endpoints_of(request: web.Request) -> Endpoints:
    """Return the S3 services that Studio may connect to, from the configuration."""
    config = request.app[STATE].config
    return Endpoints(config.storage_endpoints, config.default_endpoint)
