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
    most: int
    """Maximum number of samples in one call."""
    pace: float
    """Seconds that the model takes for a sample."""
    seconds: float
    """Seconds that the preparation took."""


def load(
    config: ServerConfig, storage: Callable[[], "Storage"], threads: int, folder: Path = Path(MODEL_FOLDER)
) -> Loaded:
    """Return a model that is ready to answer requests.

    Args:
        config: The configuration of the server.
        storage: Opens the storage. It is called only for a download.
        threads: Maximum number of threads that compute at a time.
        folder: Folder for downloaded files. A container that restarts in the same pod finds them there.

    Raises:
        ServeError: If a step of the preparation fails.
    """
    began = perf_counter()
    if config.path:
        found = files.converted(_inside(folder, config.path), config.source)
    else:
        keep = folder if folder.is_dir() else Path(tempfile.mkdtemp(prefix="epochal-model-"))
        found = files.fetched(config.source, storage, keep)
    try:
        return _ready(config, found, threads, began)
    except ServeError as ended:
        raise ServeError(ended.reason, f"{config.source.uri}: {ended.message}") from ended


def _inside(folder: Path, name: str) -> Path:
    """Return the path of the converted model.

    Raises:
        ServeError: InvalidConfig, if the path leads out of the folder. No message may reveal other files.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ServeError(
            "InvalidConfig", f"path: must be a file below {folder}, found {name!r}: use the operator's image"
        )
    return path


def _ready(config: ServerConfig, found: files.Files, threads: int, began: float) -> Loaded:
    """Load, check and warm up the files of a model."""
    fetched = perf_counter()
    runtime = _loader(config.runtime)(found.model, found.signature, threads, checked=found.check is not None)
    signature = found.signature or Signature.model_construct(inputs=runtime.inputs, outputs=runtime.outputs, models=[])
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
    most = min(config.batching.max_size, runtime.most or config.batching.max_size)
    loaded = perf_counter()
    samples: Arrays | None = None
    if found.check is not None:
        samples, expected = answers.samples(found.check, signature, found.which)
        difference = answers.check(answers_to(runtime, samples, most), expected, signature.tolerance)
        log.info("the samples of its export are answered as then, but for %.2g", difference)
    pace = warm_up(model, runtime, most, samples)
    now = perf_counter()
    log.info(
        "the model is ready: fetched in %.2f s, loaded in %.2f s, checked and warmed up in %.2f s",
        fetched - began,
        loaded - fetched,
        now - loaded,
    )
    return Loaded(model, runtime, most, pace, now - began)


def answers_to(runtime: Runtime, inputs: Arrays, most: int) -> Arrays:
    """Return a model's answers to samples, computed in batches of at most `most` samples."""
    count = len(next(iter(inputs.values())))
    parts = [
        runtime.run({name: array[begin : begin + most] for name, array in inputs.items()})
        for begin in range(0, count, most)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _classes(config: ServerConfig, signature: Signature) -> tuple[str, ...] | None:
    """Return the names of the classes: those of the configuration, else those of the training data.

    Raises:
        ServeError: InvalidConfig, if the configuration names more or fewer classes than the model has.
    """
    if not config.classes:
        return tuple(signature.classes) if signature.classes else None
    shape = signature.outputs[0].shape
    count = shape[-1] if shape else -1
    wanted = 2 if count == 1 else count  # one unit distinguishes two classes
    if wanted > 0 and len(config.classes) != wanted:
        raise ServeError(
            "InvalidConfig",
            f"spec.classes: must name the {wanted} classes that the model tells apart, found {len(config.classes)} "
            "names: name each, in their order",
        )
    return tuple(config.classes)


def _loader(runtime: RuntimeName) -> Load:
    """Return the load function of a runtime. The library is imported here, because only one may be installed."""
    if runtime == "Keras":
        from epochal_server.model.runtimes.keras import load as load_keras  # noqa: PLC0415

        return load_keras
    from epochal_server.model.runtimes.onnx import load as load_onnx  # noqa: PLC0415

    return load_onnx
