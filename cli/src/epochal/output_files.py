"""The files that a command writes: a file that exists is replaced only with --force."""

from collections.abc import Iterable
from pathlib import Path

from epochal_api.text import printable

from epochal.errors import EpochalError


def require_absent(paths: Iterable[Path], *, force: bool) -> None:
    """Raise EpochalError if a file exists, and `force` does not allow to replace it."""
    if not force and (found := next((path for path in paths if path.exists()), None)):
        raise file_exists(found)


def file_exists(path: Path) -> EpochalError:
    """Return the error for a file that exists already."""
    return EpochalError(
        f"{printable(str(path))} exists", "Write to another place with --out, or replace it with --force."
    )
