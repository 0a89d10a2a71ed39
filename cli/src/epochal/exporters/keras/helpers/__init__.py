"""The functions of an exported script. A script has only the functions that its TrainingJob needs.

They use the constants SEED, BATCH_SIZE, DATA and others, and `model`, which the script defines before their first call.
Their code is no template: nothing of a TrainingJob is put into it.
"""

from collections.abc import Iterable, Mapping

from epochal.exporters.keras.helpers.helper import Helper
from epochal.exporters.keras.helpers.network import NETWORK
from epochal.exporters.keras.helpers.reading import READING
from epochal.exporters.keras.helpers.samples import PARTS, SHAPES
from epochal.exporters.keras.helpers.training import BATCHES, CALLBACKS

HELPERS: Mapping[str, Helper] = {**NETWORK, **READING, **SHAPES, **PARTS, **BATCHES, **CALLBACKS}


def with_needs(names: Iterable[str]) -> list[str]:
    """Return the names of functions with those that they call, each before its first use."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in HELPERS[name].needs:
            add(needed)
        found.setdefault(name)

    for name in names:
        add(name)
    return list(found)
