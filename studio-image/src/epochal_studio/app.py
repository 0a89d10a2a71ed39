"""The aiohttp application of Studio: all routes, behind the middleware `guard`."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from aiohttp import web

from epochal_studio.access import Connections
from epochal_studio.bodies import MAX_BODY
from epochal_studio.capacity import routes as capacity
from epochal_studio.config import Config
from epochal_studio.conversion import routes as conversion
from epochal_studio.data import routes as data
from epochal_studio.long_answers import MAX_DOCUMENTS, MAX_READING, MAX_USER_DOCUMENTS, LongAnswers
from epochal_studio.networks import routes as networks
from epochal_studio.networks.checker import Checker
from epochal_studio.networks.checks import Checks
from epochal_studio.networks.docstrings import Docstrings
from epochal_studio.pages import routes as page_routes
from epochal_studio.results import routes as results
from epochal_studio.runs import routes as runs
from epochal_studio.saving import routes as saving
from epochal_studio.security.checks import PROBES
from epochal_studio.security.middleware import guard, on_prepare
from epochal_studio.servers import routes as servers
from epochal_studio.session import routes as session
from epochal_studio.session.owners import Owners
from epochal_studio.session.sealing import Sealer
from epochal_studio.state import STATE, State
from epochal_studio.storage import routes as storage
from epochal_studio.stream import routes as stream
from epochal_studio.stream.hub import Hub
from epochal_studio.threads import Threads


class RouteModule(Protocol):
    """A module that defines routes of the application."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the module. Their paths begin with /api/."""
        ...


MODULES: tuple[RouteModule, ...] = (
    session,
    stream,
    runs,
    results,
    storage,
    servers,
    networks,
    saving,
    data,
    capacity,
    conversion,
)
"""The modules with routes. Add a new module here. The middleware requires a signed-in user for its routes, and
tests/unit/studio/test_every_route.py tests them."""


def make_app(
    config: Config, modules: Iterable[RouteModule] = MODULES, *, sealer: Sealer | None = None
) -> web.Application:
    """Return the aiohttp application of Studio.

    Args:
        config: The configuration.
        modules: Modules with routes.
        sealer: Encrypts the session cookies. Default: a Sealer with a new random key.
    """
    threads = Threads()
    connections = Connections(config, threads.memory)
    owners = Owners(connections, threads)
    checker = Checker(config.checker)
    documents = LongAnswers(MAX_DOCUMENTS, MAX_USER_DOCUMENTS, "documents", turns=MAX_READING)
    state = State(
        config,
        sealer or Sealer(),
        connections,
        threads,
        owners,
        Hub(config),
        checker,
        documents,
        Checks(checker, documents),
        Docstrings(checker),
    )
    app = web.Application(client_max_size=MAX_BODY, middlewares=[guard])
    app[STATE] = state
    app.on_response_prepare.append(on_prepare)
    app.cleanup_ctx.append(_running)
    app.on_shutdown.append(_end_streams)
    for module in modules:
        app.add_routes(module.routes())
    app.add_routes([web.get(path, _healthy) for path in sorted(PROBES)])
    app.add_routes(page_routes(config.pages))
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    app[STATE].hub.start()
    yield
    await app[STATE].hub.close()
    await app[STATE].checks.close()
    await app[STATE].checker.close()
    app[STATE].threads.close()
    await app[STATE].uploads.close()


async def _end_streams(app: web.Application) -> None:
    app[STATE].hub.end_streams()


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
