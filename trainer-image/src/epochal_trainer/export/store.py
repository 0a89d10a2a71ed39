"""Exports the stored models of a training, and stores the exported files. An error does not fail the training."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
from epochal_api.network import INPUT
from epochal_api.report import Export
from epochal_api.signature import CHECK, SIGNATURE, ExportedFile, ModelFiles, Signature, Which
from epochal_api.storage import ExportFormat
from numpy.typing import NDArray

from epochal_trainer.data.images import image_of
from epochal_trainer.data.samples import DataSets
from epochal_trainer.export import child
from epochal_trainer.export.request import NOT_LOADED, Request, Source
from epochal_trainer.export.samples import spread, write
from epochal_trainer.export.tensors import Unserved, network_of
from epochal_trainer.lib.failures import SUPERSEDED, Failure
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.reporting.results import BEST_MODEL, EXPORTING, Results
from epochal_trainer.storage.bucket import sha256

log = logging.getLogger(__name__)

_DIED = (
    "an earlier attempt to train ended while its models were exported, for want of memory, or with its node: it is not "
    "tried again, so that the training does not fail by it; if it was memory, raise spec.resources.limits.memory"
)
_MOST_TRIES = 2
"""Maximum number of attempts that begin an export. A node is rarely lost twice in a minute."""


def export_models(
    names: Sequence[str],
    formats: Sequence[ExportFormat],
    *,
    data: DataSets,
    results: Results,
    folder: Path,
    stopping: Stopping,
    may_end: bool,
) -> Export:
    """Export models, and store the exported files, the signature last.

    Args:
        names: Files of the models, which are stored.
        formats: The formats to export each model in.
        data: The data sets that they were trained on.
        results: Takes the files.
        folder: Holds the models and temporary files.
        stopping: Holds the request to stop the trainer.
        may_end: Whether another attempt would follow if the export killed this one. If not, the export is skipped after
            an earlier attempt that ended during it.

    Returns:
        The outcome of the export.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    try:
        outcome = _exported(
            names, formats, data=data, results=results, folder=folder, stopping=stopping, may_end=may_end
        )
    except Failure as failure:
        if failure.reason == SUPERSEDED:
            raise
        outcome = child.failed(failure.message)
    except Exception as error:
        log.warning("The export failed, and the training is complete without it:", exc_info=True)
        outcome = child.failed(f"{type(error).__name__}: {error}")
    log.info("%s: %s", outcome.reason, outcome.message)
    return outcome


def store_signature(
    model: keras.Model, names: Sequence[str], *, data: DataSets, results: Results, folder: Path
) -> str | None:
    """Store the signature of models that are not exported. It has no check, which needs the outputs from an export.

    Args:
        model: One of the models.
        names: Their files, which are stored.
        data: The data sets that they were trained on.
        results: Takes the signature.
        folder: Holds the models and a temporary file.

    Returns:
        The SHA-256 of the signature, or None without a signature.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    path = folder / SIGNATURE
    try:
        files = [
            ModelFiles(model=_which(name), keras=ExportedFile(name=name, sha256=sha256(folder / name)))
            for name in names
        ]
        network = network_of(model, list(data.class_names) or None, image_of(data.train.features))
        path.write_text(
            Signature(**network, models=files).model_dump_json(exclude_none=True, indent=2) + "\n", encoding="utf-8"
        )
        results.store(path, SIGNATURE)
        return sha256(path)
    except Failure as failure:
        if failure.reason == SUPERSEDED:
            raise
        log.warning("There is no %s: %s", SIGNATURE, failure.message)
    except Unserved as error:
        log.info("There is no %s: %s", SIGNATURE, error)
    except Exception:
        log.warning("There is no %s, and the training is complete without it:", SIGNATURE, exc_info=True)
    return None


def _exported(
    names: Sequence[str],
    formats: Sequence[ExportFormat],
    *,
    data: DataSets,
    results: Results,
    folder: Path,
    stopping: Stopping,
    may_end: bool,
) -> Export:
    tries = _tries(results)
    if tries and (not may_end or tries >= _MOST_TRIES):
        return child.failed(_DIED)
    with TemporaryDirectory(prefix="export-", dir=folder) as work:
        samples = Path(work) / "samples.npz"
        write(samples, {INPUT: _real(data)})
        request = Request(
            models=[Source(which=_which(name), path=folder / name) for name in names],
            formats=list(formats),
            samples=samples,
            image=image_of(data.train.features),
            classes=list(data.class_names) or None,
            folder=Path(work),
        )
        with _marked(results, tries + 1):
            outcome = child.run(request, stopping)
        if outcome.reason == NOT_LOADED:
            return child.failed(outcome.message)
        stored = [*(one.name for one in outcome.exports), *([CHECK, SIGNATURE] if outcome.signature else [])]
        for name in stored:
            if (path := Path(work) / name).exists():
                results.store(path, name)
    return outcome


def _tries(results: Results) -> int:
    """Return the number of attempts that ended during an export."""
    if not results.holds(EXPORTING):
        return 0
    # An earlier version of Epochal writes an empty file.
    return int(results.get(EXPORTING) or 1)


@contextmanager
def _marked(results: Results, tries: int) -> Iterator[None]:
    """Store the EXPORTING key during the context, which may end the container, and delete it afterwards."""
    results.put(EXPORTING, str(tries).encode())
    try:
        yield
    except Exception:
        results.delete(EXPORTING)
        raise
    results.delete(EXPORTING)


def _which(name: str) -> Which:
    """Return the kind of the model in a file: Best or Last."""
    return "Best" if name == BEST_MODEL else "Last"


def _real(data: DataSets) -> NDArray[Any]:
    """Return samples from the validation set, or from the training set if there is none."""
    return spread((data.validation or data.train).features)
