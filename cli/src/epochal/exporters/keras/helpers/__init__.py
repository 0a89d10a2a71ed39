"""Helper functions for exported scripts. A script contains only the functions that its TrainingJob needs.

They use the constants SEED, BATCH_SIZE, DATA and others, and `model`, which the script defines before their first call.
Their code is the same in each script: no value of a TrainingJob is inserted.
"""

from collections.abc import Iterable, Mapping

from epochal.exporters.keras.helpers.helper import Helper
from epochal.exporters.keras.helpers.network import NETWORK
from epochal.exporters.keras.helpers.reading import READING
from epochal.exporters.keras.helpers.samples import PARTS, SHAPES
from epochal.exporters.keras.helpers.training import BATCHES, CALLBACKS

HELPERS: Mapping[str, Helper] = {**NETWORK, **READING, **SHAPES, **PARTS, **BATCHES, **CALLBACKS}


def with_needs(names: Iterable[str]) -> list[str]:
    """Return the names of functions and of all functions that they call, in an order in which callees are first."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in HELPERS[name].needs:
            add(needed)
        found.setdefault(name)

    for name in names:
        add(name)
    return list(found)
