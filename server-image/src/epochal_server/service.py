"""The parts of the server that the routes of all protocols use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from aiohttp import web

from epochal_server.auth import Authorize
from epochal_server.intake import Intake, Room
from epochal_server.model import Answer, Model

PROTOCOL = web.RequestKey("protocol", str)
"""A request's key for its protocol, such as v2 or watson-v4. Each route sets it first, also for refused requests. The
middleware counts and logs by it, so that no route does."""

ROOM = web.RequestKey("room", Room)
"""A request's key for the memory of its body and its answer, out of the memory for all requests."""

P = ParamSpec("P")
R = TypeVar("R")


def room(request: web.BaseRequest, intake: Intake) -> Room:
    """Return a request's reservation in the memory for all requests. It is released once the request is answered."""
    found = request.get(ROOM)
    if found is None:
        found = request[ROOM] = Room(intake)
    return found


class Work(Protocol):
    """Runs functions that would block the event loop too long, such as decoding a photograph."""

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that runs in a thread. As many run at a time as there are CPUs.

        Raises:
            Busy: If the maximum number of calls is waiting.
            Exception: The exception of the function, such as Refused.
        """

    async def alone(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that takes much memory. Only one such function runs at a time.

        Parsed JSON may take forty times its bytes. A picture of a thousand bytes may take a quarter of a GiB. There is
        no memory for two of them.
        """

    async def admitted(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function for a request that the model has answered, such as encoding a large answer.

        It runs in turn with functions of `alone`, and counts as waiting, but is never refused.
        """


@dataclass(frozen=True)
class Service:
    """The parts of the server that the routes of all protocols use.

    A route reads the request's body with `reading.body`, which refuses some requests unread. The route decodes the
    body, awaits `answer` and encodes the result. It encodes each Refused error in the form of its protocol.
    """

    model: Model
    """The model that is served."""
    answer: Answer
    """Checks and answers the samples of a request, and counts predictions."""
    work: Work
    """Runs in a thread the functions that would block the event loop."""
    ready: Callable[[], str | None]
    """Returns the reason why the server should get no requests, or None if it is ready."""
    authorize: Authorize
    """Checks that a request is allowed. `body` calls it first. A route that describes the model without reading a body
    calls it itself."""
    intake: Intake
    """The admission control: limits of waiting requests and of their memory."""
