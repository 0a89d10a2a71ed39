"""A run of the trainer: it reads the TrainingJob, trains it, and writes the termination message."""

import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from epochal_api.pod import POD_UID_FILE, PROGRESS_CA_FILE, PROGRESS_URL_ENV, TOKEN_FILE, ExitCode
from epochal_api.trainingjob.report import Report
from epochal_api.trainingjob.spec import TrainingJob
from epochal_lib import cgroups
from epochal_lib.redaction import Redactor

from epochal_trainer import backend
from epochal_trainer import job as jobs
from epochal_trainer.lib.failures import Failure, lacks_room, scratch_full
from epochal_trainer.lib.scratch import scratch_folder
from epochal_trainer.lib.signals import Stopping, Terminated
from epochal_trainer.lib.text import readable
from epochal_trainer.reporting import log as logs
from epochal_trainer.reporting.finish import Finish
from epochal_trainer.reporting.last_words import LastWords
from epochal_trainer.reporting.reporter import Endpoint, Reporter
from epochal_trainer.reporting.results import LOG
from epochal_trainer.reporting.stages import Stages
from epochal_trainer.storage import FolderBucket, Patience, Waits
from epochal_trainer.storage.service import buckets_of
from epochal_trainer.training.context import Buckets, Context
from epochal_trainer.training.watchdog import Watchdog

if TYPE_CHECKING:
    from epochal_trainer.attempt import Attempt

log = logging.getLogger(__name__)

CRASHED = 1
_TERMINATED = "Terminated", "the trainer was told to stop"


@dataclass(frozen=True)
class Folders:
    """Folders in place of buckets, to train without a cluster.

    Args:
        data: Holds the data.
        results: Takes the results.
    """

    data: Path
    results: Path


def run(path: Path, folders: Folders | None) -> int:
    """Train a TrainingJob, and return the exit code.

    Args:
        path: The TrainingJob, JSON or YAML.
        folders: Folders in place of the buckets; None to use the buckets and to report to the operator.

    Returns:
        The exit code, see epochal_api.pod.ExitCode.
    """
    stopping = Stopping()
    stopping.listen()
    words = LastWords()
    words.prepare()
    hide = Redactor.of_environment()
    try:
        with tempfile.TemporaryDirectory(
            prefix="epochal-", dir=scratch_folder(), ignore_cleanup_errors=True
        ) as scratch:
            logs.start(Path(scratch) / LOG, hide)
            return _Run(path, folders, Path(scratch), stopping, words, hide).end()
    except (Terminated, KeyboardInterrupt):
        words.leave(*_TERMINATED)
        return ExitCode.TERMINATED
    except OSError as error:
        if not lacks_room(error):
            raise
        failure = scratch_full(f"no file can be written ({error})")
        words.leave(failure.reason, failure.message)
        return failure.exit_code


@dataclass
class _Run:
    """A run, from the TrainingJob's file to the termination message."""

    path: Path
    folders: Folders | None
    scratch: Path
    stopping: Stopping
    words: LastWords
    hide: Callable[[str], str]
    ending: bool = False
    attempt: "Attempt | None" = None
    reporter: Reporter | None = None

    def end(self) -> int:
        """Train, write the termination message, and return the exit code."""
        code: int = ExitCode.DONE
        try:
            reason, message = self._train()
            log.info("Done: %s", message)
        except Failure as failure:
            log.error("%s: %s", failure.reason, failure.message)  # noqa: TRY400 - people need no traceback for it
            code, reason, message = failure.exit_code, failure.reason, failure.message
        except (Terminated, KeyboardInterrupt):
            log.warning("Told to stop: the training ends here.")
            code, (reason, message) = ExitCode.TERMINATED, _TERMINATED
        except Exception as error:
            log.exception("The trainer failed")
            code, reason, message = _crash(error, self.scratch)
        self.ending = True
        with self.stopping.deferred():
            if code != ExitCode.DONE and self.attempt is not None:
                with suppress(Terminated):
                    self.attempt.store_log()
            report = self.reporter.close() if self.reporter is not None else None
            self.words.leave(reason, self.hide(message), report)
            # The process now ends with its own exit code, so a late SIGTERM must not change it.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return code

    def _train(self) -> tuple[str, str]:
        """Train the TrainingJob, and return the reason and the message of its end."""
        stages = Stages()
        log.info("Epochal trainer %s", version("epochal-trainer"))
        job = jobs.read(self.path, self.folders.results if self.folders else None)
        log.info("TrainingJob %s/%s, uid %s", job.metadata.namespace, job.metadata.name, job.metadata.uid)
        finish = Finish(asked=job.spec.finish)
        self.reporter = reporter = Reporter(
            Report(attempt=0, sequence=0, stage="Loading", epochs=job.spec.training.epochs),
            _endpoint() if self.folders is None else None,
            keep=self.words.prepare,
            memory=cgroups.peak,
            finish=finish,
        )
        reporter.start()
        backend.check_memory(job.spec.framework, cgroups.limit())
        backend.choose(job.spec.framework)
        with logs.without_greetings(self.scratch / "stderr"):
            with stages.stage("import"):
                import keras  # noqa: F401, PLC0415 - it takes seconds, with TensorFlow and matplotlib
            with stages.stage("start"):
                from epochal_trainer.attempt import Attempt  # noqa: PLC0415 - it imports Keras
        self.attempt = Attempt(
            Context(job, self.scratch, self.stopping, stages, reporter, Watchdog(self.words), finish, pod=_pod())
        )
        patience = Patience(
            job.spec.storage.timeout_seconds,
            check=self._check,
            waits=Waits(lambda waiting: reporter.update(waiting=waiting)),
        )
        return self.attempt.train(lambda: _buckets(job, self.folders, patience))

    def _check(self) -> None:
        """End the wait for a storage if the run is ending or a stop was requested."""
        if self.ending:
            raise Terminated
        self.stopping.check()


def _crash(error: Exception, scratch: Path) -> tuple[int, str, str]:
    """Return the exit code, reason and message of an unexpected error."""
    found = f"{type(error).__name__}: {error}"
    if lacks_room(error):
        full = scratch_full(f"there is no room left at {scratch.parent} ({found})")
        return full.exit_code, full.reason, full.message
    if not isinstance(error, MemoryError) and type(error).__name__ not in backend.OUT_OF_MEMORY:
        return CRASHED, "Crashed", f"{found}; the trainer's log holds the traceback"
    if "device:GPU" in found:
        return CRASHED, "OutOfMemory", f"{found}; the GPU has no memory left: take a smaller spec.training.batchSize"
    most, limit = cgroups.peak(), cgroups.limit()
    took = f"the container took {readable(most)} at its peak" if most is not None else "its peak is not known"
    may = f"may take {readable(limit)}, as spec.resources says" if limit is not None else "has no limit of its own"
    return CRASHED, "OutOfMemory", f"{found}; {took}, and {may}"


def _pod() -> str:
    """Return the uid of this pod, or a random uid outside of a cluster or with an earlier operator."""
    try:
        return Path(POD_UID_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return str(uuid.uuid4())


def _endpoint() -> Endpoint | None:
    """Return the operator's endpoint for reports, or None if the environment has none."""
    url = os.environ.get(PROGRESS_URL_ENV)
    return Endpoint(url, ca_file=Path(PROGRESS_CA_FILE), token_file=Path(TOKEN_FILE)) if url else None


def _buckets(job: TrainingJob, folders: Folders | None, patience: Patience) -> Buckets:
    """Return the buckets, or the folders in place of buckets."""
    if folders is not None:
        folders.results.mkdir(parents=True, exist_ok=True)
        results = FolderBucket(folders.results)
        return Buckets(FolderBucket(folders.data), results, named=lambda _: results)
    bucket = buckets_of(job.spec.storage, patience)
    return Buckets(bucket(job.spec.data.bucket), bucket(job.spec.results.bucket), named=bucket)
