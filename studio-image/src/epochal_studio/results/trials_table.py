"""Reads the trials.csv of an Experiment."""

import io
from collections.abc import Callable

from epochal.runs.folder import Folder
from epochal.runs.history import TRIALS

from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import read_whole
from epochal_studio.runs.trials import from_table
from epochal_studio.wire import Trials

MAX_TABLE = 8 * 2**20
_MEMORY = 14
"""Bytes of memory for a byte of a table: its cells as texts need most."""


def read(folder: Folder, reserve: Callable[[int], None]) -> Trials:
    """Return the trials in the bucket.

    Args:
        folder: The results folder.
        reserve: Counts the memory, and raises an error if it does not fit.
    """
    with bucket_errors():
        content = read_whole(folder.bucket, f"{folder.path}/{TRIALS}", MAX_TABLE, reserve, _MEMORY)
    # A list of all lines would take 20 times the bytes of a hostile table.
    return from_table(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace"))
