"""Reads reports of a training from its bucket: data.json, evaluation.json and PNG pictures.

Each user with keys of the bucket may have written these files, so they are validated.
"""

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
"""Maximum values of a report. Studio does not show a report with more. Each may need a kilobyte of memory when parsed,
and several in the errors of a damaged report. The report of the largest model output has about 20,000 values."""
_MEMORY = 5
"""Bytes of memory that each byte of a report needs, without the Python objects of the report that is being parsed."""
MAX_PICTURE = 8 * 2**20
MAX_SIDE = 8192
"""Maximum width and height of a picture in pixels: a browser decompresses all pixels."""
MAX_PIXELS = 32_000_000
_PARSING = threading.Lock()
"""Locked while a report is parsed, so that only one parsed report is in memory."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 13
_REPORTS: dict[str, tuple[str, type[TolerantModel]]] = {
    "data": (DATA, DataSummary),
    "evaluation": (EVALUATION, Evaluation),
}


def read_report(folder: Folder, name: str, reserve: Callable[[int], None]) -> bytes:
    """Return a report from a results folder as JSON, without fields that this version does not define.

    Args:
        folder: The results folder.
        name: `data` for data.json, `evaluation` for evaluation.json.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.

    Raises:
        Refusal: 404, if the report does not exist; 422, if it is invalid or too large.
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
            422,
            "Damaged",
            f"{file} in the bucket is invalid in this version of Epochal: {problems}",
            "Download the file.",
        ) from None
    return report.model_dump_json(exclude_none=True).encode()


def read_picture(folder: Folder, path: str, reserve: Callable[[int], None]) -> bytes:
    """Return the content of a PNG file in a results folder.

    Args:
        folder: The results folder.
        path: Path of the file in the folder.
        reserve: Reserves bytes of memory for this call, and raises a Refusal above the limit.

    Raises:
        Refusal: 404, if the file is missing, or its name does not end with .png; 422, if it is too large or no PNG.
    """
    key = f"{folder.path}/{checked_path(path)}"
    if not path.endswith(".png"):
        raise refuse(404, "NotFound", "there is no such picture: expected a file name that ends with .png")
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
    """Return whether content begins with the header of a PNG whose width, height and pixels are within the limits."""
    start = len(_SIGNATURE)
    length, kind = content[start : start + 4], content[start + 4 : start + 8]
    if not content.startswith(_SIGNATURE) or kind != b"IHDR" or int.from_bytes(length) != _HEADER:
        return False
    width = int.from_bytes(content[start + 8 : start + 12])
    height = int.from_bytes(content[start + 12 : start + 16])
    return 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS
