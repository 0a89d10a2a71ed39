"""Converts the model of a ModelServer to ONNX before it is served, if its bucket has only a .keras file."""

import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import WAIT_SECONDS
from epochal_api.pod import TERMINATION_FILE, ExitCode
from epochal_api.signature import CHECK, SIGNATURE, Signature
from epochal_lib.fatal_error import exit_code_of
from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.model_server import answers, files
from epochal_lib.model_server.config import read_config
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.storage import Storage
from epochal_lib.redaction import Redactor

from epochal_trainer.export import child
from epochal_trainer.export.request import EXPORTED, NOT_LOADED, SUFFIXES, Request, Source
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.reporting.results import MODEL

log = logging.getLogger(__name__)

ONNX = f"{Path(MODEL).stem}{SUFFIXES['onnx']}"


def run(config: Path, folder: Path, words: Path = Path(TERMINATION_FILE), *, seconds: float = WAIT_SECONDS) -> int:
    """Convert a model, or write a termination message with the reason of the failure.

    Args:
        config: The server's configuration, JSON.
        folder: Folder for the model, its signature and its check.
        words: The file for the termination message.
        seconds: Timeout for a storage that does not answer.

    Returns:
        The exit code.
    """
    redact = Redactor.of_environment()
    configure(JsonFormatter(redact))

    def work() -> int:
        told = read_config(config)
        log.info(
            "Epochal trainer %s converts the model of %s/%s", version("epochal-trainer"), told.namespace, told.name
        )
        convert(told, folder, seconds)
        return ExitCode.DONE

    return exit_code_of(work, redact, words)


def convert(told: ServerConfig, folder: Path, seconds: float) -> None:
    """Download a model, and write it as ONNX, with its signature and its check.

    A separate process converts the model, as in the export of a training. If that process dies, Keras may serve the
    model.

    Args:
        told: The server's configuration.
        folder: Folder for the files.
        seconds: Timeout for a storage that does not answer.

    Raises:
        ServeError: If the model cannot be downloaded, is another one, cannot be loaded by Keras, or has no ONNX.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        found = files.fetched(told.source, lambda: Storage(told.storage, seconds=seconds), work)
        path, out = work / MODEL, work / "out"
        found.model.rename(path)
        out.mkdir()
        samples = work / CHECK if found.check is not None else None
        if samples is not None and found.check is not None:
            samples.write_bytes(found.check)
        request = Request(
            models=[Source(which=found.which, path=path)],
            formats=["onnx"],
            samples=samples,
            image=found.signature and found.signature.image,
            classes=found.signature and found.signature.classes,
            folder=out,
        )
        outcome = child.run(request, Stopping())
        if outcome.reason == NOT_LOADED:
            raise ServeError(
                "ModelRefused", f"{told.source.uri}: {outcome.message}: use the image of the trainer that stored it"
            )
        if outcome.reason != EXPORTED:  # Keras may serve the model even so, also if the process died
            raise ServeError("NotConvertible", f"{told.source.uri}: {outcome.message}")
        try:
            _compare(found, out)
        except ServeError as ended:
            raise ServeError(ended.reason, f"{told.source.uri}: {ended.message}") from ended
        for file in (ONNX, CHECK, SIGNATURE):
            if (out / file).exists():
                shutil.move(out / file, folder / file)
    log.info("%s", outcome.message)


def _compare(found: files.Files, folder: Path) -> None:
    """Check that Keras' outputs are those stored by the training, and keep the training's check.

    Args:
        found: The model as it was stored.
        folder: The converted files. The check there has Keras' current outputs.

    Raises:
        ServeError: CheckDiffers, or ModelDamaged if the check cannot be read.
    """
    before = found.signature
    if before is None or before.check is None or found.check is None:
        return
    _, expected = answers.samples(found.check, before, found.which)
    _, current = answers.samples((folder / CHECK).read_bytes(), before, found.which)
    answers.check(current, expected, before.tolerance)
    (folder / CHECK).write_bytes(found.check)
    now = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    now = now.model_copy(update={"check": before.check, "tolerance": before.tolerance})
    (folder / SIGNATURE).write_text(now.model_dump_json(exclude_none=True), encoding="utf-8")
