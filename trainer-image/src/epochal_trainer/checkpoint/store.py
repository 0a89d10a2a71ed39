"""The checkpoints of a TrainingJob in its bucket."""

import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Annotated

from epochal_lib.digests import sha256
from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from epochal_trainer.checkpoint import archive
from epochal_trainer.checkpoint.archive import UnreadableCheckpoint
from epochal_trainer.checkpoint.best_weights import EpochWeights
from epochal_trainer.checkpoint.files import FileCopy
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import BEST_FILE, FORMAT, BestState, Count, FileState, Part, Sha256, State
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.results import CHECKPOINTS, to_json
from epochal_trainer.storage import Bucket
from epochal_trainer.storage.failures import OBJECT_REASONS, check_disk_space

log = logging.getLogger(__name__)

_INDEX = "latest.json"
_FILES = "files/"
_SUFFIX = ".zip"
_KEY = r"^\d{6}-\d{7}-\d{12}-[0-9a-f]{16}\.zip$"
_MAX_POINTER_BYTES = 1024**2
_TRIES = 3
"""Maximum number of downloads of an object whose digest is wrong: a transfer may damage it without an error."""


class Entry(Part):
    """The entry of a checkpoint in the index file latest.json."""

    key: Annotated[str, StringConstraints(pattern=_KEY)]
    """Name of the checkpoint's object in the folder of the index: ATTEMPT-EPOCH-STEP-DIGEST.zip."""
    sha256: Sha256
    size: Count
    epoch: Count
    step: Count
    attempt: Count
    time: AwareDatetime
    files: list[Sha256]
    """SHA-256 of each file that belongs to the checkpoint, such as the log."""

    @classmethod
    def of(cls, path: Path, digest: str, state: State, key: str | None = None) -> "Entry":
        """Return the entry of a checkpoint file with a SHA-256 (`digest`); `key` is None for a new checkpoint."""
        at = state.position
        return cls(
            key=key or f"{state.attempt:06}-{at.epoch:07}-{at.step:012}-{digest[:16]}{_SUFFIX}",
            sha256=digest,
            size=path.stat().st_size,
            epoch=at.epoch,
            step=at.step,
            attempt=state.attempt,
            time=state.time,
            files=sorted({file.sha256 for file in state.files.values()}),
        )


class _Index(Part):
    format: int = FORMAT
    checkpoints: Annotated[list[Entry], Field(max_length=1000)]
    """The checkpoints, newest first."""


class Store:
    """The checkpoints of a TrainingJob in the folder `checkpoints` of its results.

    The index file latest.json is written after a checkpoint, so every checkpoint that it lists is complete.

    Args:
        bucket: The bucket.
        folder: The folder of the job's results, without a slash at its end.
        scratch: Folder for temporary files.
        keep: Number of newest checkpoints to keep; older checkpoints are deleted.
        attempts: The attempts of the job, of which only the latest may write; None to write without this check.
    """

    def __init__(
        self, bucket: Bucket, folder: str, scratch: Path, *, keep: int = 1, attempts: Attempts | None = None
    ) -> None:
        self.scratch = scratch
        self._bucket = bucket
        self._prefix = f"{folder}/{CHECKPOINTS}/"
        self._keep = keep
        self._attempts = attempts
        self._entries: list[Entry] = []
        self._uploaded: set[str] = set()

    @property
    def uri(self) -> str:
        """URI of the results folder that contains the checkpoints, as in spec.training.continueFrom.uri."""
        return self._bucket.uri(self._prefix.removesuffix(f"{CHECKPOINTS}/"))

    def newest(self, wants_best: Callable[[State], bool] = lambda _: True) -> Snapshot | None:
        """Download and return the newest intact checkpoint; None if there are no checkpoints.

        Damaged checkpoints are logged, and the next `write` no longer lists them. A checkpoint that the index does not
        list is used only if no listed checkpoint is intact. If only the file with the best weights is damaged, the
        checkpoint is used without them: see Snapshot.without_best_weights.

        Args:
            wants_best: Returns whether to download the best weights too. Their file may be as large as the checkpoint.

        Raises:
            Failure: CheckpointDamaged, if all checkpoints are damaged. CheckpointTooNew, if a later version of Epochal
                wrote a checkpoint. ScratchFull, or a failure of the bucket.
        """
        listed = self._listed_entries()
        self.scratch.mkdir(parents=True, exist_ok=True)
        faults: list[str] = []
        keys = chain(((entry.key, entry.sha256) for entry in listed), self._unlisted_keys(listed))
        for index, (key, digest) in enumerate(keys):
            uri = self._bucket.uri(self._prefix + key)
            try:
                entry, snapshot = self._read(key, digest, wants_best)
            except UnreadableCheckpoint as error:
                log.warning("Cannot use the checkpoint %s: %s", uri, error)
                faults.append(f"{uri}: {error}")
            else:
                self._entries = [entry, *listed[index + 1 :]]
                return snapshot
        if not faults:
            return None
        raise bad_data(
            "CheckpointDamaged",
            f"none of the {len(faults)} checkpoints in {self.uri} can be used; the newest is {faults[0]}. They are "
            "kept, and the training does not continue. To continue, restore them, or use the image that wrote them, "
            "and create a "
            f"new TrainingJob with {self.uri} in its spec.training.continueFrom.uri; to start from the beginning, "
            "leave continueFrom out",
        )

    def write(self, snapshot: Snapshot) -> None:
        """Upload the files, then the checkpoint, then the index. Then delete all but the `keep` newest checkpoints.

        Raises:
            Failure: If the bucket cannot be written; ScratchFull; Superseded, if a later attempt has begun.
        """
        self.scratch.mkdir(parents=True, exist_ok=True)
        best = {BEST_FILE: snapshot.best_weights.file(self.scratch)} if snapshot.best_weights else {}
        copies = {**snapshot.files, **best}
        for copy in copies.values():
            # Upload even files of an earlier attempt: its pod may still run on a lost node and delete them.
            if copy.sha256 not in self._uploaded:
                self._bucket.upload(copy.path, f"{self._prefix}{_FILES}{copy.sha256}")
                self._uploaded.add(copy.sha256)
        files = {path: FileState(sha256=copy.sha256, size=copy.size) for path, copy in copies.items()}
        state = snapshot.state.model_copy(update={"files": files})
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            path = Path(folder) / "checkpoint"
            with check_disk_space(path, archive.size(snapshot.arrays), "a checkpoint"):
                archive.write(path, snapshot.arrays, state)
            entry = Entry.of(path, sha256(path), state)
            self._bucket.upload(path, self._prefix + entry.key)
        if (failure := self._superseded()) is not None:
            self._bucket.delete(self._prefix + entry.key)
            raise failure
        entries = [entry, *(before for before in self._entries if before.key != entry.key)][: self._keep]
        self._bucket.put(self._prefix + _INDEX, to_json(_Index(checkpoints=entries).dump()))
        self._entries = entries
        self._delete_unlisted()

    def _superseded(self) -> Failure | None:
        return None if self._attempts is None else self._attempts.superseded()

    def _listed_entries(self) -> list[Entry]:
        """Return the entries of the index file, newest first; an empty list if the index is missing or damaged."""
        key = self._prefix + _INDEX
        try:
            if (size := self._bucket.stat(key).size) <= _MAX_POINTER_BYTES:
                return _parse_pointer(self._bucket.get(key))
            log.warning(
                "Ignored the index %s: it has %d bytes. The bucket is listed instead.", self._bucket.uri(key), size
            )
        except Failure as failure:
            if failure.reason not in OBJECT_REASONS:
                raise
        except UnreadableCheckpoint as error:
            log.warning("Ignored the index %s: %s. The bucket is listed instead.", self._bucket.uri(key), error)
        return []

    def _unlisted_keys(self, listed: Sequence[Entry]) -> Iterator[tuple[str, str]]:
        """Yield key and start of the SHA-256 of the checkpoints that the index does not list, newest first.

        They remain if an attempt ends before it writes the index. Their keys have the first 16 digits of the SHA-256.
        """
        known = {entry.key for entry in listed}
        for name in sorted(self._names(), reverse=True):
            if re.match(_KEY, name) and name not in known:
                yield name, name.removesuffix(_SUFFIX).rsplit("-", 1)[1]

    def _names(self) -> list[str]:
        """Return the keys of all objects in the folder of checkpoints, relative to the folder."""
        return [key.removeprefix(self._prefix) for key in self._bucket.keys(self._prefix)]

    def _read(self, key: str, digest: str, wants_best: Callable[[State], bool]) -> tuple[Entry, Snapshot]:
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            path = Path(folder) / "checkpoint"
            found = self._download(key, path, digest)
            state, arrays = archive.read(path)
            Snapshot(state, arrays).check()
            entry = Entry.of(path, found, state, key)
        copies = {name: self._copy(file) for name, file in state.files.items() if name != BEST_FILE}
        snapshot = Snapshot(state, arrays, copies)
        if not wants_best(state):
            return entry, snapshot.changed(best=None)
        if state.best is None or state.best.in_checkpoint:
            return entry, snapshot
        try:
            return entry, replace(snapshot, best_weights=self._best(state.best, state.files.get(BEST_FILE)))
        except UnreadableCheckpoint as error:
            log.warning(
                "The weights of epoch %d, the best so far, are lost: %s. The training continues from the checkpoint, "
                "and best.keras will have the best of the epochs that follow.",
                state.best.epoch,
                error,
            )
            return entry, snapshot.without_best_weights()

    def _best(self, state: BestState, file: FileState | None) -> EpochWeights:
        """Download and return the weights of the best epoch. `file` is the entry of best.zip in the checkpoint's state.

        Raises:
            UnreadableCheckpoint: If the entry, the file or its weights are missing or damaged.
        """
        if file is None:
            raise UnreadableCheckpoint("the checkpoint lists no file with them")
        return EpochWeights.read(state, self._copy(file))

    def _copy(self, file: FileState) -> FileCopy:
        copy = FileCopy.in_folder(self.scratch)
        self._download(_FILES + file.sha256, copy.path, file.sha256)
        return copy

    def _download(self, name: str, path: Path, digest: str) -> str:
        """Download an object whose SHA-256 must begin with `digest`, and return the complete SHA-256.

        Raises:
            UnreadableCheckpoint: If the object is missing, or its SHA-256 is wrong in _TRIES downloads.
        """
        for _ in range(_TRIES):
            try:
                found = self._bucket.download(self._prefix + name, path)
            except Failure as failure:
                if failure.reason in OBJECT_REASONS:
                    raise UnreadableCheckpoint(failure.message) from failure
                raise
            if found.startswith(digest):
                return found
        raise UnreadableCheckpoint(f"{name} has the SHA-256 {found} instead of {digest} in {_TRIES} downloads")

    def _delete_unlisted(self) -> None:
        """Delete the checkpoints, and the files of checkpoints, that the index does not list.

        If a later attempt has begun, delete nothing, because unlisted objects may belong to that attempt. A failure of
        the bucket is only logged.
        """
        entries = {entry.key for entry in self._entries}
        files = {digest for entry in self._entries for digest in entry.files}
        try:
            names = self._names()
            if self._superseded() is not None:
                return  # Some objects may belong to the later attempt.
            # A delayed earlier attempt may have deleted files of this one: forget them here, to upload them again.
            self._uploaded &= files.intersection(name.removeprefix(_FILES) for name in names)
            for name in names:
                is_old = name.endswith(_SUFFIX) and name not in entries
                if is_old or (name.startswith(_FILES) and name.removeprefix(_FILES) not in files):
                    self._bucket.delete(self._prefix + name)
        except Failure as failure:
            log.warning("Cannot delete old checkpoints: %s", failure.message)


def _parse_pointer(text: bytes) -> list[Entry]:
    try:
        content = json.loads(text)
        found = content["format"]
        if isinstance(found, int) and found > FORMAT:
            raise archive.too_new(found)
        return _Index.model_validate(content).checkpoints
    except ValidationError as error:
        raise UnreadableCheckpoint(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableCheckpoint(str(error) or type(error).__name__) from error
