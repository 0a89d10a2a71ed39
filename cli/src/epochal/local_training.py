"""Trains a TrainingJob on this machine, with folders in place of buckets."""

import subprocess
import sys
from pathlib import Path

from epochal_api.catalogue.findings import to_text
from epochal_api.catalogue.problems import problems
from epochal_api.pod import ExitCode as TrainerExitCode
from epochal_api.trainingjob.spec import TrainingJob

from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.extras import require_trainer
from epochal.manifests import read_one

MODEL = "model.keras"


def train(file: Path, data: Path | None, results: Path | None, environment: Environment) -> Path:
    """Train the TrainingJob of a file on this machine, and return the folder with the results of this run.

    The trainer runs in a separate process. Its log goes to standard error. Ctrl-C makes it store a checkpoint, from
    which the next run of the same file continues.

    Args:
        file: The file with the TrainingJob.
        data: Folder in place of the data bucket. Default: see `data_folder`, in the working folder.
        results: Folder in place of the results bucket. Default: `results` in the working folder.
        environment: Streams and folders.

    Raises:
        EpochalError: If the file has problems, the trainer is not installed, or the training fails.
        KeyboardInterrupt: If Ctrl-C has stopped the training.
    """
    job = read_one(file, TrainingJob)
    if found := [problem for problem in problems(job.dump()) if not problem.is_warning]:
        raise EpochalError(f"{file} has problems:\n{to_text(found)}", f"`epochal check {file}` shows their lines.")
    require_trainer("a training on this machine")
    data = data or data_folder(job, environment.path("."))
    results = results or environment.path("results")
    if not data.is_dir():
        raise EpochalError(
            f"{data} is not a folder",
            f"Give the folder with {' and '.join(job.spec.data.train.keys())}: --data FOLDER",
        )
    # With -P, Python imports no file of the working folder, such as keras.py, in place of a package.
    command = [sys.executable, "-P", "-m", "epochal_trainer", "run"]
    code = _run([*command, str(file), "--data", str(data), "--results", str(results)], environment)
    if code == TrainerExitCode.TERMINATED:
        raise KeyboardInterrupt
    if code != TrainerExitCode.DONE:
        raise EpochalError("the training failed: the last lines above name the cause", exit_code=ExitCode.FAILED)
    return _newest(results / job.spec.results.folder(namespace=job.metadata.namespace, name=job.metadata.name, uid=""))


def data_folder(job: TrainingJob, folder: Path) -> Path:
    """Return the subfolder of `folder` that has the name of the data bucket; `folder` itself if there is none."""
    named = folder / job.spec.data.bucket
    return named if named.is_dir() else folder


def _run(command: list[str], environment: Environment) -> int:
    """Run a program, write its output to standard error, and return its exit code."""
    with subprocess.Popen(
        command,
        cwd=environment.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        while True:
            try:
                for line in process.stdout:
                    environment.warn(line.rstrip("\n"))
                return process.wait()
            except KeyboardInterrupt:
                # A terminal sends Ctrl-C also to the trainer, `kill` does not. A second signal changes nothing.
                process.terminate()


def _newest(folder: Path) -> Path:
    """Return the subfolder of the run with the newest model file; `folder` itself if there is no model file."""
    models = sorted(folder.glob(f"*/{MODEL}"), key=lambda path: path.stat().st_mtime)
    return models[-1].parent if models else folder
