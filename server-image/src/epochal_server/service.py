"""What the routes of all protocols work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from aiohttp import web

from epochal_server.auth import Authorize
from epochal_server.intake import Intake, Room
from epochal_server.model import Answer, Model

PROTOCOL = web.RequestKey("protocol", str)
"""A route sets it in its request, first of all: which of the protocols it speaks, such as v2 or watson-v4. What is
counted and logged of each request, refused ones included, goes by it, so that no route counts anything itself."""

ROOM = web.RequestKey("room", Room)
"""What the request's body, and the answer to it, take of the memory for all."""

P = ParamSpec("P")
R = TypeVar("R")


def room(request: web.BaseRequest, intake: Intake) -> Room:
    """Returns what a request takes of the memory for all. It is given back once the request is answered."""
    found = request.get(ROOM)
    if found is None:
        found = request[ROOM] = Room(intake)
    return found


class Work(Protocol):
    """Does what takes longer than the event loop has time for, such as decoding a photograph."""

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns what the function returns, which runs in a thread: as many run at a time as there are CPUs.

        Raises:
            Busy: If as much waits already as may.
            Exception: What the function raises, such as Refused.
        """

    async def alone(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Does the same with what takes much memory: one at a time.

        What JSON becomes on the way may take forty times its bytes, and a thousand bytes may be a picture that takes a
        quarter of a GiB: there is no memory for two of them.
        """

    async def admitted(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Does the same for a request that the model has answered, such as encoding a large answer.

        It takes its turn with `alone`, and counts among those that wait, but is never refused.
        """


@dataclass(frozen=True)
class Service:
    """What the routes of all protocols work with.

    A route reads its request's body with `reading.body`, which refuses what is not to be read at all, decodes it,
    awaits `answer` and encodes that. What it raises on the way is Refused, and it tells that in its protocol's form.
    """

    model: Model
    """The model that is served."""
    answer: Answer
    """Answers a request, after checking what it asks; it counts predictions, too."""
    work: Work
    """Does in a thread what would hold up others."""
    ready: Callable[[], str | None]
    """Returns why requests are not to be sent here any more; None while they are."""
    authorize: Authorize
    """Makes sure that a request may be answered. `body` calls it first; a route that reads no body, but tells of the
    model, calls it itself."""
    intake: Intake
    """How much may wait, and be in memory meanwhile."""
