"""Converts the model of a ModelServer to ONNX in an init container, if its bucket has only a .keras file."""

import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import STORAGE_WAIT_SECONDS
from epochal_api.pod import TERMINATION_FILE, ExitCode
from epochal_api.signature import CHECK, SIGNATURE, Signature
from epochal_lib.fatal_error import exit_code_of
from epochal_lib.json_log import JsonFormatter, configure
from epochal_lib.model_server import answers, files
from epochal_lib.model_server.config import read_config
from epochal_lib.model_server.errors import ServeError
from epochal_lib.model_server.keras_config import own_code
from epochal_lib.model_server.storage import Storage
from epochal_lib.redaction import Redactor

from epochal_trainer.export import process
from epochal_trainer.export.request import EXPORTED, NOT_LOADED, SUFFIXES, Request, Source
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.reporting.results import MODEL

log = logging.getLogger(__name__)

ONNX = f"{Path(MODEL).stem}{SUFFIXES['onnx']}"


def run(
    config_file: Path,
    folder: Path,
    termination_file: Path = Path(TERMINATION_FILE),
    *,
    seconds: float = STORAGE_WAIT_SECONDS,
) -> int:
    """Convert the model of a ModelServer, and return the exit code; after a failure, also write a termination message.

    `seconds` is the maximum time to wait for the storage.
    """
    redact = Redactor.of_environment()
    configure(JsonFormatter(redact))

    def work() -> int:
        config = read_config(config_file)
        name = f"{config.namespace}/{config.name}"
        log.info("Epochal trainer %s converts the model of %s", version("epochal-trainer"), name)
        convert(config, folder, seconds)
        return ExitCode.DONE

    return exit_code_of(work, redact, termination_file)


def convert(config: ServerConfig, folder: Path, seconds: float) -> None:
    """Download a model, and write it as ONNX into `folder`, with its signature and the samples to check it.

    A separate process converts the model, as in the export of a training.

    Raises:
        ServeError: ModelRefused, if Keras cannot load the model. NotConvertible, if it cannot be converted or the
            process dies: the server may then use Keras. Or if the model cannot be downloaded, is not the expected
            model, or computes other outputs than its training stored.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        source = files.fetched(config.source, lambda: Storage(config.storage, seconds=seconds), scratch)
        path, out = scratch / MODEL, scratch / "out"
        source.model.rename(path)
        out.mkdir()
        samples = None
        if source.check is not None:
            samples = scratch / CHECK
            samples.write_bytes(source.check)
        request = Request(
            models=[Source(which=source.which, path=path)],
            formats=["onnx"],
            samples=samples,
            image=source.signature and source.signature.image,
            classes=source.signature.output_classes if source.signature else {},
            features=source.signature and source.signature.features,
            folder=out,
        )
        outcome = process.run(request, TerminationRequest())
        if outcome.reason == NOT_LOADED:
            cause = own_code(path) or f"{outcome.message}: use the image of the trainer that stored the model"
            raise ServeError("ModelRefused", f"{config.source.uri}: {cause}")
        if outcome.reason != EXPORTED:  # Keras may serve the model even so, also if the process died
            raise ServeError("NotConvertible", f"{config.source.uri}: {outcome.message}")
        try:
            _compare(source, out)
        except ServeError as error:
            raise ServeError(error.reason, f"{config.source.uri}: {error.message}") from error
        for file in (ONNX, CHECK, SIGNATURE):
            if (out / file).exists():
                shutil.move(out / file, folder / file)
    log.info("%s", outcome.message)


def _compare(source: files.Files, folder: Path) -> None:
    """Check that the model's outputs in Keras equal the outputs that the training stored for its check samples.

    Then replace the check samples of the conversion by those of the training. Without stored samples, do nothing.

    Raises:
        ServeError: CheckDiffers, or ModelDamaged if the check cannot be read.
    """
    stored = source.signature
    if stored is None or stored.check is None or source.check is None:
        return
    _, expected = answers.samples(source.check, stored, source.which)
    _, current = answers.samples((folder / CHECK).read_bytes(), stored, source.which)
    answers.check(current, expected, stored.tolerance)
    (folder / CHECK).write_bytes(source.check)
    signature = Signature.model_validate_json((folder / SIGNATURE).read_bytes())
    signature = signature.model_copy(update={"check": stored.check, "tolerance": stored.tolerance})
    (folder / SIGNATURE).write_text(signature.model_dump_json(exclude_none=True), encoding="utf-8")
