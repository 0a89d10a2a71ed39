"""A run that writes an Experiment's report: it reads the operator's file, and writes a termination message."""

import logging
import tempfile
from importlib.metadata import version
from pathlib import Path

from epochal_api.experiment_report import ExperimentReport, InvalidReport, decode
from epochal_api.pod import ExitCode
from epochal_api.report import COMPLETED
from epochal_lib.redaction import Redactor

from epochal_trainer.experiment.write import write
from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.lib.scratch import scratch_folder
from epochal_trainer.lib.signals import Stopping, Terminated
from epochal_trainer.reporting import log as logs
from epochal_trainer.reporting.last_words import LastWords
from epochal_trainer.reporting.results import LOG
from epochal_trainer.storage import Bucket, FolderBucket, Patience
from epochal_trainer.storage.service import buckets_of

log = logging.getLogger(__name__)

CRASHED = 1


def run(path: Path, folder: Path | None) -> int:
    """Write the report of an Experiment, and return the exit code.

    Args:
        path: The operator's file, see epochal_api.experiment_report.
        folder: Folder in place of the results bucket; None to use the bucket.

    Returns:
        The exit code, see epochal_api.pod.ExitCode.
    """
    stopping, words, hide = Stopping(), LastWords(), Redactor.of_environment()
    stopping.listen()
    code: int = ExitCode.DONE
    try:
        with tempfile.TemporaryDirectory(
            prefix="epochal-", dir=scratch_folder(), ignore_cleanup_errors=True
        ) as scratch:
            logs.start(Path(scratch) / LOG, hide)
            log.info("Epochal trainer %s", version("epochal-trainer"))
            report = _read(path)
            log.info("Experiment %s/%s, uid %s", report.namespace, report.name, report.uid)
            bucket = _bucket(report, folder, stopping)
            reason, message = COMPLETED, write(report, bucket, Path(scratch), stopping.check)
        log.info("Done: %s", message)
    except Failure as failure:
        log.error("%s: %s", failure.reason, failure.message)  # noqa: TRY400 - people need no traceback for it
        code, reason, message = failure.exit_code, failure.reason, failure.message
    except (Terminated, KeyboardInterrupt):
        code, reason, message = ExitCode.TERMINATED, "Terminated", "it was told to stop"
    except Exception as error:
        log.exception("The report failed")
        code, reason, message = CRASHED, "Crashed", f"{type(error).__name__}: {error}"
    words.leave(reason, hide(message))
    return code


def _read(path: Path) -> ExperimentReport:
    try:
        return decode(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise bad_spec("InvalidSpec", f"{path} cannot be read: {error.strerror}") from error
    except (InvalidReport, UnicodeDecodeError) as error:
        raise bad_spec("InvalidSpec", f"{path} is no report of an Experiment: {error}") from error


def _bucket(report: ExperimentReport, folder: Path | None, stopping: Stopping) -> Bucket:
    if folder is not None:
        return FolderBucket(folder)
    patience = Patience(report.storage.timeout_seconds, check=stopping.check)
    return buckets_of(report.storage, patience)(report.results.bucket)
