"""The parts of Studio that handlers use: `request.app[STATE]`."""

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
    MAX_IMPORTS,
    MAX_MODEL_READS,
    MAX_PREDICTIONS,
    MAX_PREVIEWS,
    MAX_PROCESSES,
    MAX_REQUESTS,
    MAX_USER_CAPACITIES,
    MAX_USER_COMPARISONS,
    MAX_USER_EXPORTS,
    MAX_USER_IMPORTS,
    MAX_USER_MODEL_READS,
    MAX_USER_PREDICTIONS,
    MAX_USER_PREVIEWS,
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
    """The parts of Studio that handlers use.

    Args:
        config: The configuration.
        sealer: Encrypts sessions.
        connections: Connections to the API server for the synchronous library.
        threads: Threads for calls that block.
        owners: Owners of the tokens that proxies send.
        refused_tokens: Tokens that the API server refuses now.
        hub: The watches of all browsers.
        checker: The connection to the checker.
        documents: Documents of users that are read.
        checks: Checks of documents under way.
        docstrings: Docstrings of Keras.
        requests: Requests of signed-in users under way.
        long_answers: Downloads and followed logs.
        comparisons: Comparisons under way.
        predictions: Predictions under way.
        model_reads: Reads of model servers' descriptions and metrics under way.
        previews: Previews of data under way.
        capacities: Lists of all nodes and pods under way.
        imports: Imports under way.
        exports: Exports under way.
        processes: Places of the processes of imports and exports.
        uploads: Uploads under way, with their threads.
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
        """Return the user of a token.

        Args:
            token: The token.
            expires: End of the session; None if a proxy sends the token.
            owner: Whose requests are bounded together, see session/owners.py.
            is_proxied: Whether a proxy sends the token.
        """
        return Access(token, expires, owner, is_proxied, self.connections, self.threads)


STATE = web.AppKey("state", State)


def endpoints_of(request: web.Request) -> Endpoints:
    """Return the S3 services that Studio connects to."""
    config = request.app[STATE].config
    return Endpoints(config.storage_endpoints, config.default_endpoint)
