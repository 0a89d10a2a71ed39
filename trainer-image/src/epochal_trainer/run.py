"""Runs the trainer: reads the TrainingJob, trains it, and writes the termination message."""

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from epochal_api.pod import POD_UID_FILE, PROGRESS_CA_FILE, PROGRESS_URL_ENV, TOKEN_FILE, ExitCode
from epochal_api.trainingjob.report import Report
from epochal_api.trainingjob.spec import TrainingJob, TrainingJobSpec
from epochal_lib import cgroups
from epochal_lib.redaction import Redactor

from epochal_trainer import backend
from epochal_trainer import job as jobs
from epochal_trainer.export import prefork
from epochal_trainer.export.prefork import PreforkedExporter
from epochal_trainer.lib import garbage, keys
from epochal_trainer.lib.failures import SUPERSEDED, Failure, is_disk_full, scratch_full
from epochal_trainer.lib.scratch import scratch_folder
from epochal_trainer.lib.signals import Terminated, TerminationRequest, WaitAborted
from epochal_trainer.lib.text import format_bytes
from epochal_trainer.reporting import log as logs
from epochal_trainer.reporting.attempts import open_results
from epochal_trainer.reporting.finish_request import FinishRequest
from epochal_trainer.reporting.reporter import Endpoint, Reporter
from epochal_trainer.reporting.results import LOG
from epochal_trainer.reporting.termination_message import TerminationMessage
from epochal_trainer.reporting.timings import Timings
from epochal_trainer.storage import FolderBucket, RetryPolicy, StorageWaits
from epochal_trainer.storage.service import buckets_of
from epochal_trainer.training.context import Buckets, Context
from epochal_trainer.training.watchdog import Watchdog

if TYPE_CHECKING:
    from epochal_trainer.attempt import Attempt

log = logging.getLogger(__name__)

CRASHED = 1
_TERMINATED = "Terminated", "SIGTERM or Ctrl-C stopped the trainer"


@dataclass(frozen=True)
class Folders:
    """Local folders in place of the data bucket and the results bucket, to train without a cluster."""

    data: Path
    results: Path


def run(path: Path, folders: Folders | None) -> int:
    """Train a TrainingJob, and return the exit code (epochal_api.pod.ExitCode).

    Args:
        path: File with the TrainingJob, JSON or YAML.
        folders: Local folders in place of the buckets; None to use the buckets and to report to the operator.
    """
    termination_request = TerminationRequest()
    termination_request.listen()
    termination = TerminationMessage()
    termination.write_preliminary()
    try:
        with tempfile.TemporaryDirectory(
            prefix="epochal-", dir=scratch_folder(), ignore_cleanup_errors=True
        ) as scratch:
            run = _Run(path, folders, Path(scratch), termination_request, termination)
            logs.start(Path(scratch) / LOG, run.without_secrets)
            return run.run()
    except (Terminated, KeyboardInterrupt):
        termination.write_final(*_TERMINATED)
        return ExitCode.TERMINATED
    except OSError as error:
        if not is_disk_full(error):
            raise
        failure = scratch_full(f"cannot write any file ({error})")
        termination.write_final(failure.reason, failure.message)
        return failure.exit_code


@dataclass
class _Run:
    """A run of the trainer, from reading the TrainingJob to the termination message."""

    path: Path
    folders: Folders | None
    scratch: Path
    termination_request: TerminationRequest
    termination: TerminationMessage
    redact: Callable[[str], str] = field(default_factory=Redactor.of_environment)
    is_ending: bool = False
    job: TrainingJob | None = None
    attempt: "Attempt | None" = None
    reporter: Reporter | None = None
    exporter: PreforkedExporter | None = None

    def without_secrets(self, text: str) -> str:
        """Return a text without the secrets that the process has at the time of the call, not only at the start."""
        return self.redact(text)

    def run(self) -> int:
        """Train, store the log after a failure, write the termination message, and return the exit code."""
        code: int = ExitCode.DONE
        try:
            reason, message = self._train_job()
            log.info("Done: %s", message)
        except Failure as failure:
            log.error("%s: %s", failure.reason, failure.message)  # noqa: TRY400 - people need no traceback for it
            code, reason, message = failure.exit_code, failure.reason, failure.message
        except (Terminated, KeyboardInterrupt):
            log.warning("SIGTERM or Ctrl-C stops the training.")
            code, (reason, message) = ExitCode.TERMINATED, _TERMINATED
        except Exception as error:
            log.exception("The trainer failed")
            code, reason, message = _crash(error, self.scratch)
        self.is_ending = True
        with self.termination_request.deferred():
            if self.exporter is not None:
                self.exporter.close()
            message = self.redact(message)
            if code not in (ExitCode.DONE, ExitCode.TERMINATED):
                # The kubelet may kill this process while a storage hangs: then this message has the cause.
                self.termination.write_cause(reason, message)
            if code != ExitCode.DONE:
                self._store_log(opens=code != ExitCode.TERMINATED)
            report = self.reporter.close() if self.reporter is not None else None
            self.termination.write_final(reason, message, report)
            # The process now ends with its own exit code, so a late SIGTERM must not change it.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return code

    def _train_job(self) -> tuple[str, str]:
        """Train the TrainingJob, and return the reason and message for the termination message of a success."""
        timings = Timings()
        log.info("Epochal trainer %s", version("epochal-trainer"))
        try:
            self.job = job = jobs.read(self.path, self.folders.results if self.folders else None)
            log.info("TrainingJob %s/%s, uid %s", job.metadata.namespace, job.metadata.name, job.metadata.uid)
            finish = FinishRequest(requested=job.spec.finish)
            self.reporter = reporter = Reporter(
                Report(attempt=0, sequence=0, stage="Loading", epochs=job.spec.training.epochs),
                _endpoint() if self.folders is None else None,
                on_report=self.termination.write_preliminary,
                memory=cgroups.peak,
                finish=finish,
            )
            self._import_keras(job.spec, timings)
        finally:
            keys.restore_keys()
            self.redact = Redactor.of_environment()
        reporter.start()  # a thread, which must not exist during the fork
        from epochal_trainer.attempt import Attempt  # noqa: PLC0415 - it imports Keras

        context = Context(
            job,
            self.scratch,
            self.termination_request,
            timings,
            reporter,
            Watchdog(self.termination),
            finish,
            pod=_pod(),
        )
        self.attempt = Attempt(context, self.exporter)
        retry = RetryPolicy(
            job.spec.storage.timeout_seconds,
            check=self._check,
            waits=StorageWaits(lambda waiting: reporter.send(waiting=waiting)),
        )
        return self.attempt.train(lambda: _buckets(job, self.folders, retry))

    def _import_keras(self, spec: TrainingJobSpec, timings: Timings) -> None:
        """Import Keras. Then fork the export process, which inherits the import, if the training exports models."""
        backend.check_memory(spec.framework, cgroups.limit())
        backend.select_framework(spec.framework)
        is_first = "keras" not in sys.modules  # in the process of a test, TensorFlow has threads, which a fork lacks
        log.info("Importing Keras")
        with logs.hide_startup_messages(self.scratch / "stderr"), garbage.paused() if is_first else nullcontext():
            with timings.measure("import"):
                import keras  # noqa: F401, PLC0415 - it takes seconds, with TensorFlow and matplotlib
            with timings.measure("start"):
                import epochal_trainer.attempt  # noqa: F401, PLC0415 - it imports Keras
        if is_first and _exports(spec):
            with timings.measure("start"):
                self.exporter = prefork.fork()

    def _check(self) -> None:
        """End a wait for a storage: raise WaitAborted if the run is ending, Terminated after SIGTERM or Ctrl-C."""
        if self.is_ending:
            raise WaitAborted
        self.termination_request.check()

    def _store_log(self, *, opens: bool) -> None:
        """Store the log of a run that failed or was stopped. An error of the storage is only logged.

        Args:
            opens: Whether to open the results bucket now if the run ended before it opened the bucket. A run that was
                stopped by a signal has no time to do so.
        """
        results = self.attempt.results if self.attempt is not None else None
        try:
            if results is None and opens and self.job is not None:
                buckets = _buckets(self.job, self.folders, RetryPolicy(check=self._check))
                _, results = open_results(buckets.results, self.job, _pod())
            if results is not None:
                results.store(self.scratch / LOG, LOG)
        except Failure as failure:
            is_superseded = failure.reason == SUPERSEDED
            cause = "the results belong to an attempt of another pod" if is_superseded else failure.message
            log.warning("The log is not stored: %s", cause)
        except Terminated:
            log.warning("The log is not stored: the storage does not answer, and the trainer is ending")
        except Exception:
            log.exception("Cannot store the log")


def _exports(spec: TrainingJobSpec) -> bool:
    """Return whether a training should export its models: spec.results.exports is set, and all epochs are planned."""
    stop = spec.training.stop_after_epoch
    return bool(spec.results.exports) and (stop is None or stop >= spec.training.epochs)


def _crash(error: Exception, scratch: Path) -> tuple[int, str, str]:
    """Return the exit code, reason and message of the termination message for an unexpected error."""
    found = f"{type(error).__name__}: {error}"
    if is_disk_full(error):
        full = scratch_full(f"the disk of {scratch.parent} is full ({found})")
        return full.exit_code, full.reason, full.message
    if not isinstance(error, MemoryError) and type(error).__name__ not in backend.OUT_OF_MEMORY:
        return CRASHED, "Crashed", f"{found}; the traceback is in the trainer's log"
    if "device:GPU" in found:
        return CRASHED, "OutOfMemory", f"{found}; the GPU is out of memory: use a smaller spec.training.batchSize"
    peak, limit = cgroups.peak(), cgroups.limit()
    used = (
        f"the container's peak memory use was {format_bytes(peak)}"
        if peak is not None
        else "the peak memory use is unavailable"
    )
    allowed = f"spec.resources limits it to {format_bytes(limit)}" if limit is not None else "it has no memory limit"
    return CRASHED, "OutOfMemory", f"{found}; {used}, and {allowed}"


def _pod() -> str:
    """Return the uid of this pod, or a random uid if there is no file with the uid, as outside of a cluster."""
    try:
        return Path(POD_UID_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return str(uuid.uuid4())


def _endpoint() -> Endpoint | None:
    """Return the operator's endpoint for reports, or None if no environment variable has its URL."""
    url = os.environ.get(PROGRESS_URL_ENV)
    return Endpoint(url, ca_file=Path(PROGRESS_CA_FILE), token_file=Path(TOKEN_FILE)) if url else None


def _buckets(job: TrainingJob, folders: Folders | None, retry: RetryPolicy) -> Buckets:
    """Return the buckets of the TrainingJob, or the local folders in place of them."""
    if folders is not None:
        folders.results.mkdir(parents=True, exist_ok=True)
        results = FolderBucket(folders.results)
        return Buckets(FolderBucket(folders.data), results, named=lambda _: results)
    bucket = buckets_of(job.spec.storage, retry)
    return Buckets(bucket(job.spec.data.bucket), bucket(job.spec.results.bucket), named=bucket)
