"""Studio in this process, as its own command serves it, with a fake API server.

async def test_it(studio: Studio) -> None:
    studio.cluster.objects.create("trainingjobs", "vision", document)
    async with studio.request("GET", "/api/session", studio.cookie()) as answer:
        assert answer.status == 200
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientResponse, ClientSession, DummyCookieJar
from epochal_lib.sockets import listen
from epochal_studio.app import MODULES, RouteModule, make_app
from epochal_studio.config import Config
from epochal_studio.serve import make_runner, make_server
from epochal_studio.session import cookies
from epochal_studio.session.owners import owner_of
from epochal_studio.session.sealing import Sealed, Sealer
from epochal_studio.state import STATE
from yarl import URL

from tests.kit.fake.guarded_server import GuardedApiServer, User

TOKEN, OTHER_TOKEN = "token-of-ada-0123456789", "token-of-bob-9876543210"
PAGE = "<!doctype html><title>Studio</title>"


def ada(name: str = "ada", *denied: str) -> User:
    """Return a user with all rights in all namespaces, except to some kinds."""
    namespaces = {"", "vision", "audio", "default"}
    return User(namespaces, {(verb, kind) for kind in denied for verb in ("list", "watch", "get")}, name)


class Studio:
    """Studio and its API server, while it is entered.

    Args:
        folder: Folder of the pages.
        modules: Modules with routes.
        settings: More fields of the configuration.

    Attributes:
        cluster: The API server: Ada may use all namespaces, and Bob the namespace `audio` alone.
        sealer: Encrypts the sessions.
        app: The application.
    """

    def __init__(self, folder: Path, modules: tuple[RouteModule, ...] = MODULES, **settings: Any) -> None:
        self.cluster = GuardedApiServer("vision", "audio", "default")
        self.cluster.users = {TOKEN: ada(), OTHER_TOKEN: User({"audio"}, name="bob")}
        self.sealer = Sealer()
        self._modules = modules
        self._settings = settings
        self._folder = folder

    async def __aenter__(self) -> Self:
        await self.cluster.__aenter__()
        (self._folder / "assets").mkdir(exist_ok=True)
        (self._folder / "index.html").write_text(PAGE)
        (self._folder / "assets" / "index-d1gest.js").write_text("void 0;\n" * 100)
        config = Config(**{"api_server": self.cluster.address, "pages": self._folder, **self._settings})
        self.app = make_app(config, self._modules, sealer=self.sealer)
        self._runner = make_runner(self.app)
        await self._runner.setup()
        listener = listen(0, "127.0.0.1")
        self.port = int(listener.getsockname()[1])
        self._serving = asyncio.create_task(make_server(self._runner, listener).run())
        self._client = ClientSession(cookie_jar=DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        self._serving.cancel()
        await self._runner.cleanup()
        await self.cluster.__aexit__(None, None, None)

    @property
    def origin(self) -> str:
        """Origin of the pages, as a browser names it."""
        return f"http://localhost:{self.port}"

    @property
    def hub(self) -> Any:
        """The watches of the browsers."""
        return self.app[STATE].hub

    @property
    def connections(self) -> int:
        """Number of open connections."""
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    def cookie(
        self, token: str = TOKEN, *, seconds: float = 3600, sealer: Sealer | None = None, name: str = cookies.NAME
    ) -> dict[str, str]:
        """Return the header of a signed-in browser."""
        owner = owner_of(self.cluster.users.get(token, User(set())).name)
        session = Sealed(token, datetime.now(UTC) + timedelta(seconds=seconds), owner)
        text = (sealer or self.sealer).seal(session)
        return cookie_header(text, name)

    @asynccontextmanager
    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> AsyncIterator[ClientResponse]:
        """Send a request as a page of Studio does. A header with the value "" is not sent.

        Args:
            method: The HTTP method.
            path: The path, which is sent as written.
            headers: More headers, or other values.
            options: Options of aiohttp.
        """
        usual = {"Host": f"localhost:{self.port}", "Sec-Fetch-Site": "same-origin"}
        if method not in {"GET", "HEAD"}:
            usual |= {"Origin": self.origin, "Content-Type": "application/json"}
        sent = {name: value for name, value in {**usual, **(headers or {})}.items() if value}
        options.setdefault("skip_auto_headers", ("Content-Type",))
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self._client.request(method, url, headers=sent, allow_redirects=False, **options) as answer:
            yield answer


async def eventually(condition: Any, seconds: float = 60) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def cookie_header(text: str, name: str = cookies.NAME) -> dict[str, str]:
    """Return the header of a browser with a text in its cookies."""
    values = (f"{name}-{number}={value}" for number, value in enumerate(cookies.split(text)))
    return {"Cookie": "; ".join(values)}


def jwt(**claims: Any) -> str:
    """Return a token that says its end, as those of ServiceAccounts do."""
    parts = ({"alg": "RS256"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{'.'.join(encoded)}.c2lnbmF0dXJl"
