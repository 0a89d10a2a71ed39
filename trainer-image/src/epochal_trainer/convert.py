"""Converts the model of a ModelServer to ONNX before it is served, if its bucket has only a .keras file."""

import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from epochal_api.pod import TERMINATION_FILE
from epochal_api.server_config import ServerConfig
from epochal_api.server_pod import WAIT_SECONDS
from epochal_api.signature import CHECK, SIGNATURE, Signature
from epochal_server import check as checks
from epochal_server import config as configs
from epochal_server import ending, files, logs
from epochal_server.ending import Ended
from epochal_server.source import Storage

from epochal_trainer.export import child
from epochal_trainer.export.request import EXPORTED, NOT_LOADED, SUFFIXES, Request, Source
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.reporting.results import MODEL

log = logging.getLogger(__name__)

DONE = 0
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
    hidden = logs.configure().hidden
    try:
        told = configs.read(config)
        log.info(
            "Epochal trainer %s converts the model of %s/%s", version("epochal-trainer"), told.namespace, told.name
        )
        convert(told, folder, seconds)
    except Ended as ended:
        log.error("%s: %s", ended.reason, ended.message)  # noqa: TRY400 - people need no traceback for it
        ending.leave(ended.reason, hidden(ended.message), words)
        return ended.exit_code
    except Exception as error:
        log.exception("the model could not be converted")
        said = f"{type(error).__name__}: {error}; the log of the init container holds the traceback"
        ending.leave("Crashed", hidden(said), words)
        return ending.CRASHED
    return DONE


def convert(told: ServerConfig, folder: Path, seconds: float) -> None:
    """Download a model, and write it as ONNX, with its signature and its check.

    A separate process converts the model, as in the export of a training. If that process dies, Keras may serve the
    model.

    Args:
        told: The server's configuration.
        folder: Folder for the files.
        seconds: Timeout for a storage that does not answer.

    Raises:
        Ended: If the model cannot be downloaded, is another model, cannot be loaded by Keras, or has no ONNX.
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
            raise Ended(
                "ModelRefused", f"{told.source.uri}: {outcome.message}: use the image of the trainer that stored it"
            )
        if outcome.reason != EXPORTED:  # Keras may serve the model even so, also if the process died
            raise Ended("NotConvertible", f"{told.source.uri}: {outcome.message}")
        try:
            _compare(found, out)
        except Ended as ended:
            raise Ended(ended.reason, f"{told.source.uri}: {ended.message}") from ended
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
        Ended: CheckDiffers, or ModelDamaged if the check cannot be read.
    """
    before = found.signature
    if before is None or before.check is None or found.check is None:
        return
    _, expected = checks.samples(found.check, before, found.which)
    _, answers = checks.samples((folder / CHECK).read_bytes(), before, found.which)
    checks.check(answers, expected, before.tolerance)
    (folder / CHECK).write_bytes(found.check)
    now = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    now = now.model_copy(update={"check": before.check, "tolerance": before.tolerance})
    (folder / SIGNATURE).write_text(now.model_dump_json(exclude_none=True), encoding="utf-8")
