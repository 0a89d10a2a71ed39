"""Reads files of other tools, such as Keras and Katib. Files above a size limit are refused before parsing."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

MAX_BYTES = 16 * 2**20
"""Maximum bytes of a file to parse. A larger file is refused: parsed values need many times this memory. The JSON of
ResNet152 has 0.3 MB."""
MAX_SHOWN = 100
"""Maximum characters of a name or a value in a message. A longer text is cut."""
_MAX_SEARCHED = 10_000


def shown(value: Any) -> str:
    """Return a value of a file as one line for a message: at most MAX_SHOWN characters, no control characters."""
    text = value[: 2 * MAX_SHOWN] if isinstance(value, str) else f"{value!r:.{2 * MAX_SHOWN}}"
    text = printable(" ".join(text.split()))
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value of a file if it is a mapping, otherwise an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def mappings_within(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all mappings in a nested value, outer mappings first. The search stops after _MAX_SEARCHED values."""
    waiting, count = deque([value]), 0
    while waiting and count < _MAX_SEARCHED:
        found = waiting.popleft()
        count += 1
        if isinstance(found, Mapping):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found[:_MAX_SEARCHED])


def read_start(path: Path, size: int = 64) -> bytes:
    """Return the first `size` bytes of a file.

    Raises:
        EpochalError: If the file is unreadable.
    """
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise EpochalError(f"{printable(str(path))}: there is no such file", exit_code=ExitCode.NOT_FOUND) from None
    except IsADirectoryError:
        raise EpochalError(
            f"{printable(str(path))} is a folder, not a file",
            "A SavedModel folder: load it with the Keras that wrote it, and save the model as .keras.",
        ) from None
    except OSError as error:
        raise EpochalError(f"{printable(str(path))}: cannot read the file: {error.strerror}") from None


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Return the text of a file.

    Raises:
        EpochalError: If the file is unreadable, no text in UTF-8, or has more than `limit` bytes.
    """
    content = read_start(path, limit + 1)
    if len(content) > limit:
        raise EpochalError(f"{printable(str(path))}: the file must have at most {limit / 2**20:g} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not valid in UTF-8"
        raise EpochalError(f"{printable(str(path))}: must be a text, but {found}") from None


def parse_json(text: str, source: str) -> Any:
    """Parse a JSON text.

    Args:
        text: The text.
        source: What has the text, for messages: the file, or a field of it.

    Raises:
        EpochalError: If the text is no valid JSON, such as the text of a truncated file.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        end = ": the file may be cut" if error.pos >= len(text.rstrip()) else ""
        message = f"{source} must be JSON, found an error in line {error.lineno}, column {error.colno}: {error.msg}"
        raise EpochalError(f"{message}{end}") from None
    except (RecursionError, ValueError) as error:
        found = "the JSON is nested too deep" if isinstance(error, RecursionError) else shown(str(error))
        raise EpochalError(f"{source} cannot be read as JSON: {found}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, which is no number in JSON")
