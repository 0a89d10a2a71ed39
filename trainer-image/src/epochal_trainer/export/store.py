"""Exports the models of a training that are stored, and stores what comes of it. Nothing of that fails the training."""

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

from epochal_trainer.data import DataSets
from epochal_trainer.data.images import image_of
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
"""How often an export is begun. A node is rarely lost twice in a minute."""


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
    """Exports models, and stores what comes of it, the signature last.

    Args:
        names: Files of the models, which are stored.
        formats: The forms to make of each.
        data: What they were trained on.
        results: Takes the files.
        folder: Holds the models, and takes files on the way.
        stopping: Says whether the trainer was told to stop.
        may_end: Whether another attempt would follow if this one ended by it: else it is not tried where an earlier
            attempt did.

    Returns:
        What became of it.

    Raises:
        Failure: Superseded, if these results are another attempt's by now.
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
    """Stores what is known of models that nothing is exported of: without a check, which takes an export to answer.

    Args:
        model: One of them.
        names: Their files, which are stored.
        data: What they were trained on.
        results: Takes it.
        folder: Holds the models, and takes a file on the way.

    Returns:
        The SHA-256 of the signature, or None where there is none.

    Raises:
        Failure: Superseded, if these results are another attempt's by now.
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
    """Returns how many attempts have ended while they exported."""
    if not results.holds(EXPORTING):
        return 0
    # An earlier version of Epochal leaves it empty.
    return int(results.get(EXPORTING) or 1)


@contextmanager
def _marked(results: Results, tries: int) -> Iterator[None]:
    """Leaves a mark while something is done that may be the end of the container, and takes it away if it is not."""
    results.put(EXPORTING, str(tries).encode())
    try:
        yield
    except Exception:
        results.delete(EXPORTING)
        raise
    results.delete(EXPORTING)


def _which(name: str) -> Which:
    """Returns which model a file holds."""
    return "Best" if name == BEST_MODEL else "Last"


def _real(data: DataSets) -> NDArray[Any]:
    """Returns samples that a model was validated on, or else trained on."""
    return spread((data.validation or data.train).features)
