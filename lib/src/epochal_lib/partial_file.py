"""Files that exist only once they are complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yield the path of a partial file beside `path`. At the end it replaces `path`; after an error it is removed."""
    partial = path.with_name(f"{path.name}.unfinished")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
