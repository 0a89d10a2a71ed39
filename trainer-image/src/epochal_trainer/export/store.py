"""Exports the stored models of a training, and stores the exported files in the results bucket.

An error of the export does not fail the training.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
from epochal_api.signature import CHECK, SIGNATURE, ExportedFile, ImageSpec, ModelChoice, ModelFiles, Signature
from epochal_api.storage import ExportFormat
from epochal_api.trainingjob.report import Export
from epochal_lib.digests import sha256

from epochal_trainer.data.images import image_spec
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.export import process
from epochal_trainer.export.prefork import PreforkedExporter
from epochal_trainer.export.request import NOT_LOADED, Request, Source
from epochal_trainer.export.samples import evenly_spaced, write
from epochal_trainer.export.tensors import UnsupportedModel, network_of
from epochal_trainer.lib.failures import SUPERSEDED, Failure
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.reporting.results import BEST_MODEL, EXPORTING, Results, optional_result

log = logging.getLogger(__name__)

_INTERRUPTED = (
    "an earlier attempt ended during the export, because memory was short or its node was lost: the export is skipped, "
    "so that it cannot fail the training; if memory was short, raise spec.resources.limits.memory"
)
_MAX_TRIES = 2
"""Number of attempts that may end during the export. Later attempts skip the export, which probably ended them.

A node is rarely lost twice in a minute.
"""


def export_models(
    names: Sequence[str],
    formats: Sequence[ExportFormat],
    *,
    data: TrainingData,
    results: Results,
    folder: Path,
    termination_request: TerminationRequest,
    has_retry: bool,
    exporter: PreforkedExporter | None = None,
    code: Path | None = None,
) -> Export:
    """Export models, store the exported files, the signature last, and return the outcome.

    Args:
        names: File names of the models, which are already stored. `folder` has copies of them.
        formats: The formats to export each model in.
        data: The data sets of the training, for samples and for the names of classes and columns.
        results: Stores the exported files.
        folder: Local folder of the models and of temporary files.
        termination_request: Whether and when a signal asked the trainer to stop.
        has_retry: Whether the Job starts another attempt if the export kills this attempt. If not, and an earlier
            attempt ended during its export, the export is skipped.
        exporter: The forked export process; None to start a new process.
        code: The user's Python file (spec.code), which registers custom layers of the models.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    try:
        # The number of attempts that ended during an export.
        tries = int(results.get(EXPORTING)) if results.exists(EXPORTING) else 0
        if tries and (not has_retry or tries >= _MAX_TRIES):
            outcome = process.failed(_INTERRUPTED)
        else:
            with TemporaryDirectory(prefix="export-", dir=folder) as work:
                request = _request(names, formats, data, folder, Path(work), code=code)
                with results.marker(EXPORTING, str(tries + 1).encode()):
                    outcome = process.run(request, termination_request, exporter)
                outcome = _store(outcome, results, Path(work))
    except Failure as failure:
        if failure.reason == SUPERSEDED:
            raise
        outcome = process.failed(failure.message)
    except Exception as error:
        log.warning("The export failed; the training is complete without it:", exc_info=True)
        outcome = process.failed(f"{type(error).__name__}: {error}")
    log.info("%s: %s", outcome.reason, outcome.message)
    return outcome


def store_signature(
    model: keras.Model, names: Sequence[str], *, data: TrainingData, results: Results, folder: Path
) -> str | None:
    """Store signature.json of models that are not exported, and return its SHA-256 in hex.

    Return None after an error, or if a signature cannot describe the model. The signature refers to no check.npz, which
    only an export creates.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    path = folder / SIGNATURE
    with optional_result(SIGNATURE):
        try:
            files = [
                ModelFiles(model=_model_kind(name), keras=ExportedFile(name=name, sha256=sha256(folder / name)))
                for name in names
            ]
            network = network_of(model, data.output_classes, _image(data), _columns(data))
            path.write_text(
                Signature(**network, models=files).model_dump_json(exclude_none=True, indent=2) + "\n", encoding="utf-8"
            )
            results.store(path, SIGNATURE)
            return sha256(path)
        except UnsupportedModel as error:
            log.info("Cannot write %s: %s", SIGNATURE, error)
    return None


def _request(
    names: Sequence[str],
    formats: Sequence[ExportFormat],
    data: TrainingData,
    folder: Path,
    work: Path,
    *,
    code: Path | None,
) -> Request:
    """Return the request for an export, with samples of the validation set, or of the training set if there is none."""
    samples = work / "samples.npz"
    inputs = (data.validation or data.train).inputs
    write(samples, {name: evenly_spaced(array.values) for name, array in inputs.items()})
    return Request(
        models=[Source(which=_model_kind(name), path=folder / name) for name in names],
        formats=list(formats),
        samples=samples,
        image=_image(data),
        classes={name: list(names) for name, names in data.output_classes.items()},
        features=_columns(data),
        code=code,
        folder=work,
    )


def _image(data: TrainingData) -> ImageSpec | None:
    """Return size, channels and range of the images; None for features that are not images, or several inputs."""
    return image_spec(data.train.features) if len(data.train.inputs) == 1 else None


def _columns(data: TrainingData) -> list[str] | None:
    """Return the column names of the first input, or None if its columns have no names."""
    return list(data.input_columns.get(next(iter(data.train.inputs)), ())) or None


def _store(outcome: Export, results: Results, work: Path) -> Export:
    """Store the files of an export, the signature last, and return its outcome.

    If Keras could not load a model, there are no files, and the returned outcome is FAILED.
    """
    if outcome.reason == NOT_LOADED:
        return process.failed(outcome.message)
    for name in [*(file.name for file in outcome.exports), *([CHECK, SIGNATURE] if outcome.signature else [])]:
        if (work / name).exists():
            results.store(work / name, name)
    return outcome


def _model_kind(name: str) -> ModelChoice:
    """Return Best for the file best.keras, else Last."""
    return "Best" if name == BEST_MODEL else "Last"
