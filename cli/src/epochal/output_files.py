"""Refuses to overwrite files that exist, unless the user gives --force."""

from collections.abc import Iterable
from pathlib import Path

from epochal_api.text import printable

from epochal.errors import EpochalError


def require_absent(paths: Iterable[Path], *, force: bool) -> None:
    """Raise EpochalError if one of the files exists and `force` is false."""
    if not force and (found := next((path for path in paths if path.exists()), None)):
        raise file_exists(found)


def file_exists(path: Path) -> EpochalError:
    """Return the error for an output file that exists already. It names the option --force."""
    return EpochalError(
        f"{printable(str(path))} exists", "Write to another place with --out, or replace it with --force."
    )
