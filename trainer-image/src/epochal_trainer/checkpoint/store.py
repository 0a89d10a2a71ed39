"""The checkpoints of a TrainingJob in its bucket."""

import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from epochal_trainer.checkpoint import archive
from epochal_trainer.checkpoint.archive import Unreadable
from epochal_trainer.checkpoint.best import Kept
from epochal_trainer.checkpoint.files import Copy
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import BEST_FILE, FORMAT, BestState, Count, FileState, Part, Sha256, State
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.results import CHECKPOINTS, to_json
from epochal_trainer.storage import Bucket
from epochal_trainer.storage.bucket import sha256
from epochal_trainer.storage.faults import room_for

log = logging.getLogger(__name__)

_POINTER = "latest.json"
_FILES = "files/"
_SUFFIX = ".zip"
_KEY = r"^\d{6}-\d{7}-\d{12}-[0-9a-f]{16}\.zip$"
_MOST_POINTER_BYTES = 1024**2
_TRIES = 3
"""How often an object is fetched until its digest is right: not every storage tells an MD5 to know a transfer by."""
_GONE = ("ObjectNotFound", "ObjectChanged", "DamagedData")
"""What may be the matter with one object of a bucket that is in order."""


class Entry(Part):
    """A checkpoint, as the pointer lists it."""

    key: Annotated[str, StringConstraints(pattern=_KEY)]
    """Its object, relative to the pointer: ATTEMPT-EPOCH-STEP-DIGEST.zip."""
    sha256: Sha256 | None = None
    """The object's SHA-256; None where only the object itself is known."""
    size: Count = 0
    epoch: Count
    step: Count
    attempt: Count
    time: AwareDatetime | None = None
    files: list[Sha256] = []
    """The files that belong to it."""

    @property
    def digest(self) -> str:
        """The object's SHA-256, or what its name says of it."""
        return self.sha256 or self.key.removesuffix(_SUFFIX).rsplit("-", 1)[1]


class _Pointer(Part):
    format: int = FORMAT
    checkpoints: Annotated[list[Entry], Field(max_length=1000)]
    """Newest first."""


class Store:
    """The folder of a TrainingJob's checkpoints. What it points to is whole: that is written first, the pointer last.

    Args:
        bucket: The bucket.
        folder: The folder of the job's results, without a slash at its end.
        scratch: Folder for files on the way.
        keep: How many checkpoints to keep.
        attempts: The attempts, of which only the last writes; None where there is one only.
    """

    def __init__(
        self, bucket: Bucket, folder: str, scratch: Path, *, keep: int = 1, attempts: Attempts | None = None
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{folder}/{CHECKPOINTS}/"
        self._scratch = scratch
        self._keep = keep
        self._attempts = attempts
        self._kept: list[Entry] = []
        self._uploaded: set[str] = set()

    @property
    def uri(self) -> str:
        """Where the results lie that the checkpoints belong to, which spec.training.continueFrom names."""
        return self._bucket.uri(self._prefix.removesuffix(f"{CHECKPOINTS}/"))

    def newest(self, wants_best: Callable[[State], bool] = lambda _: True) -> Snapshot | None:
        """Reads the newest checkpoint that is in order. Those that are not are logged and never pointed to again.

        What nothing points to is used only if nothing else can be. One that is in order but for the file with the best
        weights is used without them: see Snapshot.without_best.

        Args:
            wants_best: Returns whether the best weights are wanted, which are in a file that may be as large as the
                checkpoint.

        Returns:
            The checkpoint, with copies of its files; None if there is none.

        Raises:
            Failure: CheckpointDamaged, if there are some, and none is in order; CheckpointTooNew, if a later version
                wrote it; ScratchFull; or whatever is the matter with the bucket.
        """
        pointed = self._pointed()
        self._scratch.mkdir(parents=True, exist_ok=True)
        faults: list[str] = []
        for index, entry in enumerate(chain(pointed, self._beside(pointed))):
            uri = self._bucket.uri(self._prefix + entry.key)
            try:
                snapshot = self._read(entry, wants_best)
            except Unreadable as error:
                log.warning("The checkpoint %s cannot be used: %s", uri, error)
                faults.append(f"{uri}: {error}")
            else:
                files = sorted({file.sha256 for file in snapshot.state.files.values()})
                self._kept = [entry.model_copy(update={"files": files}), *pointed[index + 1 :]]
                return snapshot
        if not faults:
            return None
        raise bad_data(
            "CheckpointDamaged",
            f"there are {len(faults)} checkpoints in {self.uri}, and none can be used; the newest is {faults[0]}. "
            "They are kept, and nothing is trained over them. Restore them, or use the image that wrote them if it has "
            f"changed, and go on from there with a new TrainingJob that names {self.uri} in its "
            "spec.training.continueFrom.uri; one without begins anew",
        )

    def write(self, snapshot: Snapshot) -> None:
        """Writes a checkpoint: files, then the checkpoint, then what points to it; then deletes those too many.

        Args:
            snapshot: The checkpoint.

        Raises:
            Failure: If the bucket cannot be written; ScratchFull; Superseded, if a later attempt has begun.
        """
        state = snapshot.state
        self._scratch.mkdir(parents=True, exist_ok=True)
        best = {BEST_FILE: snapshot.best.file(self._scratch)} if snapshot.best else {}
        copies = {**snapshot.files, **best}
        for copy in copies.values():
            # What an earlier attempt has stored, that one may delete yet, if its node was given up and it lives.
            if copy.sha256 not in self._uploaded:
                self._bucket.upload(copy.path, f"{self._prefix}{_FILES}{copy.sha256}")
                self._uploaded.add(copy.sha256)
        files = {path: FileState(sha256=copy.sha256, size=copy.size) for path, copy in copies.items()}
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "checkpoint"
            with room_for(path, archive.size(snapshot.arrays), "a checkpoint"):
                archive.write(path, state.model_copy(update={"files": files}), snapshot.arrays)
            digest = sha256(path)
            at = state.position
            entry = Entry(
                key=f"{state.attempt:06}-{at.epoch:07}-{at.step:012}-{digest[:16]}{_SUFFIX}",
                sha256=digest,
                size=path.stat().st_size,
                epoch=at.epoch,
                step=at.step,
                attempt=state.attempt,
                time=state.time,
                files=sorted({copy.sha256 for copy in copies.values()}),
            )
            self._bucket.upload(path, self._prefix + entry.key)
        if (failure := self._superseded()) is not None:
            self._bucket.delete(self._prefix + entry.key)
            raise failure
        kept = [entry, *(before for before in self._kept if before.key != entry.key)][: self._keep]
        pointer = _Pointer(checkpoints=kept)
        self._bucket.put(self._prefix + _POINTER, to_json(json.loads(pointer.model_dump_json(exclude_none=True))))
        self._kept = kept
        self._clean()

    def _superseded(self) -> Failure | None:
        return None if self._attempts is None else self._attempts.superseded()

    def _beside(self, pointed: Sequence[Entry]) -> Iterator[Entry]:
        """Yields the checkpoints that nothing points to, newest first: an attempt that was held up leaves such."""
        known = {entry.key for entry in pointed}
        for name in sorted(self._names(), reverse=True):
            if re.match(_KEY, name) and name not in known:
                yield Entry(key=name, attempt=int(name[:6]), epoch=int(name[7:14]), step=int(name[15:27]))

    def _pointed(self) -> list[Entry]:
        """Returns the checkpoints that count, newest first."""
        try:
            return self._pointer().checkpoints
        except Unreadable as error:
            pointer = self._bucket.uri(self._prefix + _POINTER)
            log.warning("%s cannot be used: %s; the checkpoints beside it are.", pointer, error)
        except Failure as failure:
            if failure.reason not in _GONE:
                raise
        return []

    def _pointer(self) -> _Pointer:
        key = self._prefix + _POINTER
        if (size := self._bucket.stat(key).size) > _MOST_POINTER_BYTES:
            raise Unreadable(f"it has {size:,} bytes")
        try:
            content = json.loads(self._bucket.get(key))
            found = content["format"]
            if isinstance(found, int) and found > FORMAT:
                raise archive.too_new(found)
            return _Pointer.model_validate(content)
        except ValidationError as error:
            raise Unreadable(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unreadable(str(error) or type(error).__name__) from error

    def _names(self) -> list[str]:
        """Returns the names of all objects in the folder, relative to it."""
        return [key.removeprefix(self._prefix) for key in self._bucket.keys(self._prefix)]

    def _read(self, entry: Entry, wants_best: Callable[[State], bool]) -> Snapshot:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "checkpoint"
            self._fetch(entry.key, path, entry.digest)
            state, arrays = archive.read(path)
        Snapshot(state, arrays).check()
        copies = {name: self._copy(file) for name, file in state.files.items() if name != BEST_FILE}
        snapshot = Snapshot(state, arrays, copies)
        if not wants_best(state):
            return snapshot.changed(best=None)
        if state.best is None or state.best.own:
            return snapshot
        try:
            return replace(snapshot, best=self._best(state.best, state.files.get(BEST_FILE)))
        except Unreadable as error:
            log.warning(
                "The weights of epoch %d, the best so far, are lost: %s. The training goes on from the checkpoint, and "
                "best.keras will hold the best of the epochs from there on.",
                state.best.epoch,
                error,
            )
            return snapshot.without_best()

    def _best(self, state: BestState, file: FileState | None) -> Kept:
        """Returns the weights of the best epoch, which a checkpoint names a file of.

        Raises:
            Unreadable: If they are not there.
        """
        if file is None:
            raise Unreadable("the checkpoint names no file with them")
        return Kept.read(state, self._copy(file))

    def _copy(self, file: FileState) -> Copy:
        handle, target = tempfile.mkstemp(dir=self._scratch)
        os.close(handle)
        copy = Copy(Path(target))
        self._fetch(_FILES + file.sha256, copy.path, file.sha256)
        return copy

    def _fetch(self, name: str, path: Path, digest: str) -> None:
        for _ in range(_TRIES):
            try:
                found = self._bucket.download(self._prefix + name, path)
            except Failure as failure:
                if failure.reason in _GONE:
                    raise Unreadable(failure.message) from failure
                raise
            if found.startswith(digest):
                return
        raise Unreadable(f"{name} has the SHA-256 {found} instead of {digest}, fetched {_TRIES} times")

    def _clean(self) -> None:
        """Deletes what nothing points to any more, of this attempt and earlier ones."""
        kept = {entry.key for entry in self._kept}
        files = {digest for entry in self._kept for digest in entry.files}
        try:
            names = self._names()
            if self._superseded() is not None:
                return  # Some of them may be the later one's.
            # One that was held up while it was given up may have deleted files of this attempt: they are stored anew.
            self._uploaded &= files.intersection(name.removeprefix(_FILES) for name in names)
            for name in names:
                is_old = name.endswith(_SUFFIX) and name not in kept
                if is_old or (name.startswith(_FILES) and name.removeprefix(_FILES) not in files):
                    self._bucket.delete(self._prefix + name)
        except Failure as failure:
            log.warning("Old checkpoints stay where they are: %s", failure.message)
