"""The command `report`: writes an Experiment's report from the operator's file, and then a termination message."""

import logging
import tempfile
from importlib.metadata import version
from pathlib import Path

from epochal_api.experiment.report import ExperimentReport, InvalidReport, decode
from epochal_api.pod import ExitCode
from epochal_api.trainingjob.report import COMPLETED
from epochal_lib.fatal_error import FatalError, exit_code_of, write_termination_message
from epochal_lib.redaction import Redactor

from epochal_trainer.experiment.write import write
from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.lib.scratch import scratch_folder
from epochal_trainer.lib.signals import Terminated, TerminationRequest
from epochal_trainer.reporting import log as logs
from epochal_trainer.reporting.results import LOG
from epochal_trainer.storage import Bucket, FolderBucket, RetryPolicy
from epochal_trainer.storage.service import buckets_of

log = logging.getLogger(__name__)


def run(path: Path, folder: Path | None) -> int:
    """Write the report of an Experiment, and return the exit code (epochal_api.pod.ExitCode).

    Args:
        path: The file with the Experiment and its trials that the operator wrote, see epochal_api.experiment.report.
        folder: Folder in place of the results bucket; None to use the bucket.
    """
    termination_request, redact = TerminationRequest(), Redactor.of_environment()
    termination_request.listen()
    return exit_code_of(lambda: _run(path, folder, termination_request, redact), redact)


def _run(path: Path, folder: Path | None, termination_request: TerminationRequest, redact: Redactor) -> int:
    try:
        try:
            message = _write_report(path, folder, termination_request, redact)
        finally:
            termination_request.defer()  # A signal from here on must not prevent the termination message.
    except (Terminated, KeyboardInterrupt):
        raise FatalError("Terminated", "SIGTERM or Ctrl-C stopped the report", ExitCode.TERMINATED) from None
    log.info("Done: %s", message)
    write_termination_message(COMPLETED, redact(message))
    return ExitCode.DONE


def _write_report(path: Path, folder: Path | None, termination_request: TerminationRequest, redact: Redactor) -> str:
    with tempfile.TemporaryDirectory(prefix="epochal-", dir=scratch_folder(), ignore_cleanup_errors=True) as scratch:
        logs.start(Path(scratch) / LOG, redact)
        log.info("Epochal trainer %s", version("epochal-trainer"))
        report = _read(path)
        log.info("Experiment %s/%s, uid %s", report.namespace, report.name, report.uid)
        return write(report, _bucket(report, folder, termination_request), Path(scratch), termination_request.check)


def _read(path: Path) -> ExperimentReport:
    try:
        return decode(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise bad_spec("InvalidSpec", f"cannot read {path}: {error.strerror}") from error
    except (InvalidReport, UnicodeDecodeError) as error:
        raise bad_spec("InvalidSpec", f"{path} is not a valid report of an Experiment: {error}") from error


def _bucket(report: ExperimentReport, folder: Path | None, termination_request: TerminationRequest) -> Bucket:
    if folder is not None:
        return FolderBucket(folder)
    retry = RetryPolicy(report.storage.timeout_seconds, check=termination_request.check)
    return buckets_of(report.storage, retry)(report.results.bucket)
