"""A fake API server with users: each token has rights in its namespaces, reviews answer by them, and pods have logs.

server = GuardedApiServer(objects=Objects("vision", "speech", resources=RESOURCES))
server.users["alice"] = User({"vision"})
server.users["alice"].denied.add(("get", "secrets"))
"""

import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.kit.fake.objects import Objects, Refusal
from tests.kit.fake.proxies import proxied
from tests.kit.fake.resources import RESOURCES, Resource, parse_request
from tests.kit.fake.server import FakeApiServer

OTHER_RESOURCES = (*RESOURCES, Resource("v1", "ConfigMap", "configmaps"))
_LOG = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log")
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SELF_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass
class User:
    """The rights of a token.

    Args:
        namespaces: Namespaces in which the user may do everything; "" for requests to all namespaces.
        denied: Verbs and resources that the user may not use there.
        name: Name of the user.
    """

    namespaces: set[str]
    denied: set[tuple[str, str]] = field(default_factory=set)
    name: str = "somebody"

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        return namespace in self.namespaces and (verb, resource) not in self.denied


class GuardedApiServer(FakeApiServer):
    """A FakeApiServer that checks the token of each request.

    Attributes:
        users: The users by their tokens.
        logs: Lines with their times, by namespace and pod.
        heard: Path and headers of each request, also of a refused one.
    """

    def __init__(self, *namespaces: str) -> None:
        super().__init__(objects=Objects(*namespaces, resources=OTHER_RESOURCES))
        self.users: dict[str, User] = {}
        self.logs: dict[tuple[str, str], list[str]] = {}
        self.heard: list[tuple[str, dict[str, str]]] = []

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((request.path, dict(request.headers)))
        user = self.users.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            return _refused(401, "Unauthorized", "Unauthorized")
        if request.path in {_REVIEW, _SELF_REVIEW}:
            return await _review(user, request)
        if match := _LOG.fullmatch(request.path):
            return self._log(user, match[1], match[2], request)
        right = self._right(request)
        if right is not None and not user.may(*right):
            return _refused(403, "Forbidden", f"may not {right[0]} {right[1]}")
        return await super()._answer(request)

    def _right(self, request: web.Request) -> tuple[str, str, str] | None:
        """Returns verb, resource and namespace of the right that a request needs; None for an unknown path."""
        if (asked := proxied(request)) is not None:
            return asked.verb, f"{asked.resource}/proxy", asked.namespace
        try:
            question, _ = parse_request(request.method, request.path, request.query, self.objects.resources.values())
        except LookupError:
            return None
        return question.verb, question.resource, question.namespace

    def _log(self, user: User, namespace: str, pod: str, request: web.Request) -> web.Response:
        if not user.may("get", "pods/log", namespace):
            return _refused(403, "Forbidden", "may not get pods/log")
        if (namespace, pod) not in self.logs:
            return _refused(404, "NotFound", f'pods "{pod}" not found')
        since = request.query.get("sinceTime", "")
        lines = [line for line in self.logs[namespace, pod] if line[:19] >= since[:19]]
        lines = lines[-int(request.query.get("tailLines", len(lines) or 1)) :]
        return web.Response(text="".join(f"{line}\n" for line in lines))


async def _review(user: User, request: web.Request) -> web.Response:
    review: dict[str, Any] = await request.json()
    if request.path == _SELF_REVIEW:
        return web.json_response(review | {"status": {"userInfo": {"username": user.name}}}, status=201)
    asked = review["spec"]["resourceAttributes"]
    resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
    allowed = user.may(asked["verb"], resource, asked["namespace"])
    return web.json_response(review | {"status": {"allowed": allowed}}, status=201)


def _refused(status: int, reason: str, message: str) -> web.Response:
    return web.json_response(Refusal(status, reason, message).as_status(), status=status)
