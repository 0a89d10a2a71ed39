"""The reports of a training in its bucket: data.json, evaluation.json and pictures, which anybody may have written."""

import threading
from collections.abc import Callable

from epochal.runs.folder import Folder
from epochal_api.data_summary import DATA, DataSummary
from epochal_api.evaluation import EVALUATION, Evaluation
from epochal_api.model import TolerantModel, field_errors
from pydantic import ValidationError

from epochal_studio.problems import refuse
from epochal_studio.results.files import checked_path
from epochal_studio.results.folders import bucket_errors
from epochal_studio.results.pieces import read_whole

MAX_REPORT = 4 * 2**20
MAX_VALUES = 64_000
"""Maximum values of a report. Each may take a kilobyte as objects, and several as the errors of a damaged report. The
largest single output has about 20,000."""
_MEMORY = 5
"""Bytes of memory for a byte of a report, beside the objects of the one that is parsed."""
MAX_PICTURE = 8 * 2**20
MAX_SIDE = 8192
"""Maximum pixels of a side of a picture: a browser unpacks all of them."""
MAX_PIXELS = 32_000_000
_PARSING = threading.Lock()
"""Held while a report is parsed, so that the objects of only one are in memory."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 13
_REPORTS: dict[str, tuple[str, type[TolerantModel]]] = {
    "data": (DATA, DataSummary),
    "evaluation": (EVALUATION, Evaluation),
}


def read_report(folder: Folder, name: str, reserve: Callable[[int], None]) -> bytes:
    """Return a report as JSON, without fields that are unknown to its model.

    Args:
        folder: The results folder.
        name: data or evaluation.
        reserve: Counts the memory, and raises an error if it does not fit.

    Raises:
        Refusal: If there is no such report, or it is damaged.
    """
    if name not in _REPORTS:
        raise refuse(404, "NotFound", f"there is no such report: expected {' or '.join(_REPORTS)}")
    file, model = _REPORTS[name]
    with bucket_errors():
        content = read_whole(folder.bucket, f"{folder.path}/{file}", MAX_REPORT, reserve, times=_MEMORY)
    if content.count(b",") >= MAX_VALUES:
        raise refuse(
            422,
            "TooLarge",
            f"{file} has more than {MAX_VALUES:,} values, so Studio does not show it.",
            "Download the file.",
        )
    with _PARSING:
        return _parsed(file, model, content)


def _parsed(file: str, model: type[TolerantModel], content: bytes) -> bytes:
    try:
        report = model.model_validate_json(content)
    except ValidationError as error:
        problems = "; ".join(field_errors(error)[:5])[:1000]
        raise refuse(
            422, "Damaged", f"{file} in the bucket is no report of this version: {problems}", "Download the file."
        ) from None
    return report.model_dump_json(exclude_none=True).encode()


def read_picture(folder: Folder, path: str, reserve: Callable[[int], None]) -> bytes:
    """Return a picture of the results.

    Args:
        folder: The results folder.
        path: Its path there.
        reserve: Counts the memory, and raises an error if it does not fit.

    Raises:
        Refusal: If there is no such picture, or the file is no PNG of a bounded size.
    """
    key = f"{folder.path}/{checked_path(path)}"
    if not path.endswith(".png"):
        raise refuse(404, "NotFound", "there is no such picture: expected a file .png")
    with bucket_errors():
        content = read_whole(folder.bucket, key, MAX_PICTURE, reserve)
    if not is_picture(content):
        raise refuse(
            422,
            "Damaged",
            f"the file is no PNG of at most {MAX_SIDE} pixels a side and {MAX_PIXELS:,} pixels.",
            "Download the file.",
        )
    return content


def is_picture(content: bytes) -> bool:
    """Return whether a file begins as a PNG of a bounded width and height."""
    start = len(_SIGNATURE)
    length, kind = content[start : start + 4], content[start + 4 : start + 8]
    if not content.startswith(_SIGNATURE) or kind != b"IHDR" or int.from_bytes(length) != _HEADER:
        return False
    width = int.from_bytes(content[start + 8 : start + 12])
    height = int.from_bytes(content[start + 12 : start + 16])
    return 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS
