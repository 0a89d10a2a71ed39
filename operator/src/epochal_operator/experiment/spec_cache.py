"""The parsed specs of Experiments, or their errors. A parsed spec may need 46 times the memory of its text."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache
from epochal_api.catalogue.parse import parse_or_report
from epochal_api.experiment.spec import Experiment, InvalidExperiment

from epochal_operator.experiment.observed import ParsedSpec
from epochal_operator.experiment.reasons import Reason
from epochal_operator.experiment.search_space.check import check
from epochal_operator.experiment.search_space.space import InvalidSpace
from epochal_operator.runtime.api.bounded_reader import SPEC_OMITTED
from epochal_operator.runtime.api.resource import Key, Object
from epochal_operator.runtime.cache_transform import decompress_spec, spec_bytes

MAX_CACHE_BYTES = 1024**2
"""Maximum bytes of cached specs as JSON text: 200 usual searches. Nested lists take 46 times as much when parsed."""


@dataclass(frozen=True)
class CachedSpec:
    """The parsed spec of an Experiment, or the validation error, for a uid and a generation.

    Args:
        size: The bytes of the spec as JSON text.
    """

    version: tuple[str, int]
    parsed: ParsedSpec | None
    error: str = ""
    reason: Reason = Reason.INVALID_SPEC
    size: int = 0


class SpecCache:
    """Parses the specs of Experiments.

    Args:
        max_bytes: Maximum bytes of the cached specs as JSON text. Other specs are parsed again when they are needed.
    """

    def __init__(self, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._cache: LRUCache[Key, CachedSpec] = LRUCache(max_bytes, getsizeof=lambda spec: spec.size)

    async def read(self, key: Key, document: Object) -> CachedSpec:
        """Return the parsed spec of an Experiment, or its validation error."""
        version = (document["metadata"]["uid"], document["metadata"]["generation"])
        cached = self._cache.get(key)
        if cached is None or cached.version != version:
            # The check of all values in a large template may take seconds, so it runs in a thread.
            cached = await asyncio.to_thread(_parse_spec, version, document)
            with suppress(ValueError):  # The spec is larger than the cache.
                self._cache[key] = cached
        return cached

    def forget(self, key: Key) -> None:
        """Remove the spec of an Experiment from the cache."""
        self._cache.pop(key, None)


def _parse_spec(version: tuple[str, int], document: Object) -> CachedSpec:
    """Return the parsed spec of an Experiment, or its validation error."""
    if error := document.get(SPEC_OMITTED):
        return CachedSpec(version, None, str(error))
    size, document = spec_bytes(document), decompress_spec(document)
    try:
        spec, raw = parse_or_report(Experiment, document, InvalidExperiment).spec, document["spec"]
        return CachedSpec(version, ParsedSpec(spec, raw, check(spec, raw["template"]["spec"])), size=size)
    except (InvalidExperiment, InvalidSpace) as error:
        return CachedSpec(version, None, str(error), size=len(str(error)))
