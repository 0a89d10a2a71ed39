"""A run of the trainer: it reads the TrainingJob, has it trained, and says how that ended."""

import logging
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from epochal_api.pod import PROGRESS_CA_FILE, PROGRESS_URL_ENV, SCRATCH, STORAGE_CA_FILE, TOKEN_FILE, ExitCode
from epochal_api.trainingjob import TrainingJob

from epochal_trainer import job as jobs
from epochal_trainer import log as logs
from epochal_trainer.buckets import Bucket, Credentials, FolderBucket, S3Bucket
from epochal_trainer.failures import Failure, bad_spec
from epochal_trainer.pulse import Pulse
from epochal_trainer.report import Endpoint
from epochal_trainer.results import LOG
from epochal_trainer.stages import Stages
from epochal_trainer.stopping import Stopping, Terminated
from epochal_trainer.termination import LastWords

if TYPE_CHECKING:
    from epochal_trainer import attempt as attempts

log = logging.getLogger(__name__)

CRASHED = 1
_OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError")


@dataclass(frozen=True)
class Folders:
    """Folders that stand for buckets, to train without a cluster.

    Args:
        data: Holds the data.
        results: Takes the results.
    """

    data: Path
    results: Path


def run(path: Path, folders: Folders | None) -> int:
    """Trains what a TrainingJob describes.

    Args:
        path: The TrainingJob, JSON or YAML.
        folders: Folders to use for the buckets; None to use the buckets and to report to the operator.

    Returns:
        The exit code, see epochal_api.pod.ExitCode.
    """
    stopping = Stopping()
    stopping.listen()
    with tempfile.TemporaryDirectory(prefix="epochal-", dir=_scratch(), ignore_cleanup_errors=True) as scratch:
        logs.start(Path(scratch) / LOG)
        return _end(path, folders, Path(scratch), stopping, LastWords())


def _end(path: Path, folders: Folders | None, scratch: Path, stopping: Stopping, words: LastWords) -> int:
    """Returns the exit code of a run, and leaves its last words."""
    stages = Stages()
    attempt: attempts.Attempt | None = None
    try:
        log.info("Epochal trainer %s", version("epochal-trainer"))
        job = jobs.read(path)
        log.info("TrainingJob %s/%s, uid %s", job.metadata.namespace, job.metadata.name, job.metadata.uid)
        with stages.stage("start"), logs.without_greetings(scratch / "stderr"):
            from epochal_trainer.attempt import Attempt  # noqa: PLC0415 - Keras takes seconds
        endpoint = _endpoint() if folders is None else None
        attempt = Attempt(job, scratch=scratch, stopping=stopping, stages=stages, endpoint=endpoint, pulse=Pulse(words))
        message = attempt.train(lambda: _buckets(job, folders))
        log.info("Done: %s", message)
        code, reason = int(ExitCode.DONE), "Completed"
    except Failure as failure:
        log.error("%s: %s", failure.reason, failure.message)  # noqa: TRY400 - people need no traceback for it
        code, reason, message = int(failure.exit_code), failure.reason, failure.message
    except (Terminated, KeyboardInterrupt):
        log.warning("Told to stop: the training ends here.")
        code, reason, message = int(ExitCode.TERMINATED), "Terminated", "the trainer was told to stop"
    except Exception as error:
        log.exception("The trainer failed")
        reason = "OutOfMemory" if type(error).__name__ in _OUT_OF_MEMORY else "Crashed"
        code, message = CRASHED, f"{type(error).__name__}: {error}"
    if code != ExitCode.DONE and attempt is not None:
        attempt.store_log()
    words.leave(reason, message, attempt.close() if attempt is not None else None)
    return code


def _scratch() -> str | None:
    """Returns the folder that a pod may write to, or None outside of one."""
    return SCRATCH if os.access(SCRATCH, os.W_OK) else None


def _endpoint() -> Endpoint | None:
    """Returns where the operator takes reports, if the environment says so."""
    url = os.environ.get(PROGRESS_URL_ENV)
    return Endpoint(url, ca_file=Path(PROGRESS_CA_FILE), token_file=Path(TOKEN_FILE)) if url else None


def _buckets(job: TrainingJob, folders: Folders | None) -> "attempts.Buckets":
    """Opens the buckets, or the folders that stand for them."""
    from epochal_trainer.attempt import Buckets  # noqa: PLC0415 - it is there by now

    if folders is not None:
        folders.results.mkdir(parents=True, exist_ok=True)
        results = FolderBucket(folders.results)
        return Buckets(FolderBucket(folders.data), results, named=lambda _: results)
    storage = job.spec.storage
    if storage.endpoint is None:
        raise bad_spec("InvalidSpec", "spec.storage.endpoint: must be given outside of a cluster")
    ca_file = Path(STORAGE_CA_FILE) if storage.ca_config_map_ref else None
    if storage.ca_config_map_ref and ca_file and not ca_file.exists():
        name, key = storage.ca_config_map_ref.name, storage.ca_config_map_ref.key
        message = f"spec.storage.caConfigMapRef: the ConfigMap {name} must exist and have the key {key}"
        raise bad_spec("InvalidCertificateAuthority", f"{message}, with PEM certificates")

    endpoint = storage.endpoint

    def bucket(name: str) -> Bucket:
        return S3Bucket(
            endpoint,
            name,
            Credentials.of(os.environ),
            region=storage.region,
            ca_file=ca_file,
        )

    return Buckets(bucket(job.spec.data.bucket), bucket(job.spec.results.bucket), named=bucket)
