"""Faults of requests to the fake API server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from tests.kit.fake.resources import ApiRequest


@dataclass
class Fault:
    """A fault of the requests that match; an empty field matches any.

    Args:
        verb: get, list, watch, create, update, patch or delete.
        resource: Such as jobs or trainingjobs/status.
        namespace: Namespace that they are about.
        status: HTTP status that refuses them; 0 lets them through.
        causes: Messages of the refusal by the fields that are wrong.
        retry_after: Seconds that the refusal tells to wait.
        delay: Seconds before anything is done; infinity hangs.
        meanwhile: Does what somebody else does just before.
        afterwards: Does what somebody else does once it is done, before the answer is on its way.
        late: Seconds by which the answer comes after that.
        cut: Whether the connection breaks off within the answer.
    """

    verb: str = ""
    resource: str = ""
    namespace: str = ""
    status: int = 0
    message: str = "injected"
    causes: Mapping[str, str] | None = None
    retry_after: int = 0
    delay: float = 0
    meanwhile: Callable[[], Any] | None = None
    afterwards: Callable[[], Any] | None = None
    late: float = 0
    cut: bool = False
    times: float = inf

    def hits(self, request: ApiRequest) -> bool:
        wanted = (self.verb, self.resource, self.namespace)
        found = (request.verb, request.resource, request.namespace)
        return self.times > 0 and all(one in {"", other} for one, other in zip(wanted, found, strict=True))
