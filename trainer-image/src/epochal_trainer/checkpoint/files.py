"""Copies of the files that a training writes, such as the log, with their content at the time of a checkpoint."""

import errno
import logging
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from epochal_lib.digests import sha256

from epochal_trainer.storage.failures import check_disk_space

log = logging.getLogger(__name__)

_NOT_CREATABLE = frozenset({errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR})
_SETTLED_SECONDS = 0.1
"""Minimum age of a file's last change for which an equal modification time means an unchanged file: the clocks of file
systems tick more slowly than Python's."""


class FileCopy:
    """A copy of a file, at `path`. The copy is deleted when this object is garbage-collected."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._finalizer = weakref.finalize(self, path.unlink, missing_ok=True)

    @classmethod
    def in_folder(cls, folder: Path, suffix: str = "") -> "FileCopy":
        """Create an empty file with a unique name in a folder, for the content of a copy."""
        handle, name = tempfile.mkstemp(suffix, dir=folder)
        os.close(handle)
        return cls(Path(name))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content in hex, computed once."""
        return sha256(self.path)

    @cached_property
    def size(self) -> int:
        """Size of the copy in bytes."""
        return self.path.stat().st_size


class _CopiedFile(NamedTuple):
    stamp: tuple[int, int, int]
    copy: FileCopy


class Files:
    """Copies files for checkpoints. A file is copied again only if it has changed since the last checkpoint.

    Args:
        base: Folder that the files' paths are relative to.
        names: The files and folders in `base` to copy.
        staging: Folder for the copies.
    """

    def __init__(self, base: Path, names: Sequence[str], staging: Path) -> None:
        self._base = base
        self._names = names
        self._staging = staging
        self._copied: dict[str, _CopiedFile] = {}

    def take(self) -> dict[str, FileCopy]:
        """Return a copy of each file with its present content, by its path relative to `base`.

        Raises:
            Failure: ScratchFull.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        copied: dict[str, _CopiedFile] = {}
        for path in self._paths():
            name = path.relative_to(self._base).as_posix()
            found = path.stat()
            stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
            earlier = self._copied.get(name)
            settled = time.time_ns() - found.st_mtime_ns > _SETTLED_SECONDS * 1e9
            if earlier is not None and earlier.stamp == stamp:
                copied[name] = earlier
            else:
                # A recent file may change again within the same tick of the clock.
                copied[name] = _CopiedFile(stamp if settled else (0, 0, 0), self._copy(path))
        self._copied = copied
        return {name: entry.copy for name, entry in copied.items()}

    def restore(self, copies: Mapping[str, FileCopy]) -> None:
        """Restore files to their paths. If a file exists already, as the log does, its present content is appended.

        Args:
            copies: Copies by path relative to `base`. A path that is not in `names` is skipped. A path where no file
                can be created is skipped with a warning: in this training it may be a folder.
        """
        for name, copy in copies.items():
            if not is_inside(name, self._names):
                continue
            try:
                self._restore(name, copy)
            except (OSError, ValueError) as error:  # ValueError if a path contains a zero byte
                if isinstance(error, OSError) and error.errno not in _NOT_CREATABLE:
                    raise
                log.warning("Skipped the checkpoint's file %.200r: it cannot be created", name)

    def _restore(self, name: str, copy: FileCopy) -> None:
        target = self._base / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with check_disk_space(target, copy.size, name):
            if target.exists():
                earlier, current = copy.path.read_bytes(), target.read_bytes()
                with target.open("r+b") as file:  # not a new file: the open log handler keeps writing to this one
                    file.write(earlier + current)
            else:
                shutil.copyfile(copy.path, target)

    def _paths(self) -> list[Path]:
        found: list[Path] = []
        for name in self._names:
            path = self._base / name
            found += sorted(path.rglob("*")) if path.is_dir() else [path]
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def _copy(self, path: Path) -> FileCopy:
        copy = FileCopy.in_folder(self._staging)
        with check_disk_space(copy.path, path.stat().st_size, str(path)):
            shutil.copyfile(path, copy.path)
        return copy


def is_inside(name: str, names: Sequence[str]) -> bool:
    """Return whether a path is relative, without `..`, and equal to an entry of `names` or inside such a folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and any(path.is_relative_to(root) for root in names)
