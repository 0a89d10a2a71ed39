"""The docstrings of Keras' classes and functions: read from the checker, and cached for an hour."""

import asyncio
import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from epochal_api.catalogue.classes import catalogue
from epochal_api.text import printable

from epochal_studio.networks.checker import Checker, NoAnswer
from epochal_studio.runs.values import mapping
from epochal_studio.wire.common import Problem
from epochal_studio.wire.networks import ClassText

REMEMBERED_SECONDS = 3600.0
"""Seconds for which the docstrings are cached. The checker may be upgraded to another version of Keras."""
RETRY_SECONDS = 10.0
"""Seconds after an error until the docstrings are requested from the checker again."""
MAX_TEXT = 32 * 1024
"""Maximum characters of a docstring. A longer docstring is cut."""

Texts = Mapping[tuple[str, str], str]


class Docstrings:
    """A cache of the docstrings of Keras' classes and functions.

    Args:
        checker: The client of the checker, which sends the docstrings.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, checker: Checker, clock: Callable[[], float] = monotonic) -> None:
        self._checker = checker
        self._clock = clock
        self._lock = asyncio.Lock()
        self._texts: Texts = {}
        self._problem: Problem | None = None
        self._valid_until = float("-inf")

    async def text(self, module: str, name: str) -> ClassText:
        """Return the docstring of a class or function of Keras; or "" and the cause, if the checker fails."""
        async with self._lock:
            if self._clock() >= self._valid_until:
                await self._read()
        found = self._texts.get((module, name), "")
        if found or self._problem is None:
            return ClassText(text=found)
        return ClassText(text="", problem=self._problem)

    async def _read(self) -> None:
        try:
            content = await self._checker.catalogue()
            self._texts = await asyncio.to_thread(texts_of, content)
            self._problem, seconds = None, REMEMBERED_SECONDS
        except NoAnswer as error:
            self._problem, seconds = error.problem, RETRY_SECONDS
        except ValueError:
            self._problem, seconds = _UNREADABLE, RETRY_SECONDS
        self._valid_until = self._clock() + seconds


_UNREADABLE = Problem(
    reason="Unreachable",
    message="The docstrings from the checker cannot be read. The checker may have another version than Studio.",
    remedy="Ask an administrator to upgrade Studio and the checker with the chart.",
)


def texts_of(content: bytes) -> Texts:
    """Return the docstrings in the checker's catalogue by module and name, only for names in Studio's own catalogue.

    Raises:
        ValueError: If the content is no JSON, or is nested too deep.
    """
    try:
        modules = mapping(mapping(json.loads(content)).get("modules"))
    except RecursionError:
        raise ValueError("the catalogue has too many levels") from None
    found = {}
    for module, known in catalogue().modules.items():
        docs = mapping(mapping(modules.get(module)).get("docs"))
        for name in {*known.classes, *known.names}:
            if isinstance(text := docs.get(name), str):
                found[module, name] = printable(text[:MAX_TEXT], instead=" ")
    return found


def is_known(module: str, name: str) -> bool:
    """Return whether Studio's catalogue of Keras has a class or function of this name in a module."""
    found: Any = catalogue().modules.get(module)
    return found is not None and (name in found.classes or name in found.names)
