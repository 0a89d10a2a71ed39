"""Reads the trials.csv of an Experiment."""

import io
from collections.abc import Callable

from epochal.runs.folder import Folder
from epochal.runs.history import TRIALS

from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import read_whole
from epochal_studio.runs.trials import from_table
from epochal_studio.wire.results import Trials

MAX_TABLE = 8 * 2**20
_MEMORY = 14
"""Bytes of memory that each byte of trials.csv needs, mostly for its cells as texts."""


def read(folder: Folder, reserve: Callable[[int], None]) -> Trials:
    """Return the trials in trials.csv of an Experiment.

    Args:
        folder: The results folder of the Experiment.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.

    Raises:
        Refusal: If trials.csv is missing, too large or cannot be read.
    """
    with bucket_errors():
        content = read_whole(folder.bucket, f"{folder.path}/{TRIALS}", MAX_TABLE, reserve, _MEMORY)
    # A list of all lines would take 20 times the bytes of a hostile table.
    return from_table(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace"))
