"""Reads the trials.csv of an Experiment."""

import io

from epochal.runs.folder import Folder
from epochal.runs.history import TRIALS

from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import read_whole
from epochal_studio.runs.trials import from_table
from epochal_studio.wire import Trials

MAX_TABLE = 8 * 2**20


def read(folder: Folder) -> Trials:
    """Return the trials in the bucket."""
    with bucket_errors():
        content = read_whole(folder.bucket, f"{folder.path}/{TRIALS}", MAX_TABLE)
    # A list of all lines would take 20 times the bytes of a hostile table.
    return from_table(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace"))
