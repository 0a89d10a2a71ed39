"""Prepares a model: downloads, loads, checks and warms it up."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from epochal_api.modelserver.config import Runtime as RuntimeName
from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import MODEL_FOLDER
from epochal_api.signature import Signature
from epochal_lib.model_server import answers, files
from epochal_lib.model_server.errors import ServeError

from epochal_server.model.model import Arrays, Model, require_images
from epochal_server.model.runtimes.runtime import Load, Runtime
from epochal_server.model.warm_up import warm_up
from epochal_server.refusals import Unknown

if TYPE_CHECKING:
    from epochal_lib.model_server.storage import Storage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer requests."""

    model: Model
    runtime: Runtime
    max_batch_size: int
    """Maximum number of samples in one call."""
    seconds_per_sample: float
    """Seconds that the model takes for one sample in the largest batch of the warm-up."""
    seconds: float
    """Seconds that the preparation took."""
    sample: Arrays | None = None
    """The first sample of the model's check (check.npz), or None without a check."""


def load(
    config: ServerConfig, storage: Callable[[], "Storage"], threads: int, folder: Path = Path(MODEL_FOLDER)
) -> Loaded:
    """Return a model that is ready to answer requests.

    Args:
        config: The configuration of the server.
        storage: Opens the storage. It is called only for a download.
        threads: Maximum number of threads with which the model computes.
        folder: Folder for downloaded files. A container that restarts in the same pod finds them there.

    Raises:
        ServeError: If a step of the preparation fails.
    """
    began = perf_counter()
    if config.path:
        model_files = files.converted(_converted_path(folder, config.path), config.source)
    else:
        target = folder if folder.is_dir() else Path(tempfile.mkdtemp(prefix="epochal-model-"))
        model_files = files.fetched(config.source, storage, target)
    try:
        return _prepare(config, model_files, threads, began)
    except ServeError as error:
        raise ServeError(error.reason, f"{config.source.uri}: {error.message}") from error


def _converted_path(folder: Path, name: str) -> Path:
    """Return the path of a converted model file in the folder.

    Raises:
        ServeError: InvalidConfig, if the path leads out of the folder. Messages must not reveal other files.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ServeError(
            "InvalidConfig", f"path: must be a file below {folder}, found {name!r}: use the operator's server image"
        )
    return path


def _prepare(config: ServerConfig, model_files: files.Files, threads: int, began: float) -> Loaded:
    """Load a model from its files, compare its answers with the stored answers of its check, and warm it up."""
    fetched = perf_counter()
    runtime = _loader(config.runtime)(
        model_files.model, model_files.signature, threads, has_check=model_files.check is not None
    )
    signature = model_files.signature or Signature.model_construct(
        inputs=runtime.inputs, outputs=runtime.outputs, models=[]
    )
    classes = _classes(config, signature)
    model = Model(
        name=config.name,
        version=config.version,
        signature=signature,
        classes=classes,
        images=config.images,
        limits=config.limits,
        platform=runtime.platform,
    )
    if model.images != "None":
        try:
            require_images(model)
        except Unknown as refused:
            raise ServeError("InvalidConfig", f"spec.images: {refused}, or set mode None") from refused
    max_batch_size = min(config.batching.max_size, runtime.max_batch_size or config.batching.max_size)
    loaded = perf_counter()
    samples: Arrays | None = None
    if model_files.check is not None:
        samples, expected = answers.samples(model_files.check, signature, model_files.which)
        difference = answers.check(run_in_batches(runtime, samples, max_batch_size), expected, signature.tolerance)
        log.info("the model passes the check of its export: its answers differ by at most %.2g", difference)
    seconds_per_sample = warm_up(model, runtime, max_batch_size, samples)
    now = perf_counter()
    log.info(
        "the model is ready: fetched in %.2f s, loaded in %.2f s, checked and warmed up in %.2f s",
        fetched - began,
        loaded - fetched,
        now - loaded,
    )
    # A copy, so that the other samples leave memory.
    sample = None if samples is None else {name: array[:1].copy() for name, array in samples.items()}
    return Loaded(model, runtime, max_batch_size, seconds_per_sample, now - began, sample)


def run_in_batches(runtime: Runtime, inputs: Arrays, max_batch_size: int) -> Arrays:
    """Return a model's outputs for any number of samples, computed in batches of at most `max_batch_size` samples."""
    count = len(next(iter(inputs.values())))
    parts = [
        runtime.run({name: array[begin : begin + max_batch_size] for name, array in inputs.items()})
        for begin in range(0, count, max_batch_size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _classes(config: ServerConfig, signature: Signature) -> tuple[str, ...] | None:
    """Return the class names of the first output: spec.classes, else the names in the signature, else None.

    Raises:
        ServeError: InvalidConfig, if spec.classes has more or fewer names than the model's first output has classes.
    """
    if not config.classes:
        return tuple(signature.classes) if signature.classes else None
    shape = signature.outputs[0].shape
    count = shape[-1] if shape else -1
    expected = 2 if count == 1 else count  # one unit distinguishes two classes
    if expected > 0 and len(config.classes) != expected:
        raise ServeError(
            "InvalidConfig",
            f"spec.classes: expected the names of the model's {expected} classes, found {len(config.classes)} names: "
            "list all names in the order of the model's output",
        )
    return tuple(config.classes)


def _loader(runtime: RuntimeName) -> Load:
    """Return the load function of a runtime, and import only its library: the other library may be missing."""
    if runtime == "Keras":
        from epochal_server.model.runtimes.keras import load as load_keras  # noqa: PLC0415

        return load_keras
    from epochal_server.model.runtimes.onnx import load as load_onnx  # noqa: PLC0415

    return load_onnx
