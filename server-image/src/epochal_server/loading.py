"""Gets a model ready: fetched, loaded, checked, warmed up."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from epochal_api.server_config import Runtime as RuntimeName
from epochal_api.server_config import ServerConfig
from epochal_api.server_pod import MODEL_FOLDER
from epochal_api.signature import Signature

from epochal_server import check as checks
from epochal_server import files
from epochal_server.ending import Ended
from epochal_server.model import Arrays, Model
from epochal_server.protocols import pixels
from epochal_server.refusals import Unknown
from epochal_server.runtimes.interface import Load, Runtime
from epochal_server.source import Storage
from epochal_server.warm_up import warm_up

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model that is ready."""

    model: Model
    runtime: Runtime
    most: int
    """Most samples in one call."""
    pace: float
    """Seconds that a sample takes."""
    seconds: float
    """How long it took to get it ready."""


def load(
    config: ServerConfig, storage: Callable[[], Storage], threads: int, folder: Path = Path(MODEL_FOLDER)
) -> Loaded:
    """Gets a model ready.

    Args:
        config: Which.
        storage: Opens the storage; called only if something has to be fetched.
        threads: How many threads may compute at a time.
        folder: Where what is fetched is kept: a container that starts again in its pod finds it there.

    Raises:
        Ended: If that is not possible.
    """
    began = perf_counter()
    if config.path:
        found = files.converted(_inside(folder, config.path), config.source)
    else:
        keep = folder if folder.is_dir() else Path(tempfile.mkdtemp(prefix="epochal-model-"))
        found = files.fetched(config.source, storage, keep)
    try:
        return _ready(config, found, threads, began)
    except Ended as ended:
        raise Ended(ended.reason, f"{config.source.uri}: {ended.message}") from ended


def _inside(folder: Path, name: str) -> Path:
    """Returns the path of the converted model.

    Raises:
        Ended: InvalidConfig, if it leads out of the folder: no message and no answer is to hold other files' content.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Ended("InvalidConfig", f"path: must be a file below {folder}, found {name!r}: use the operator's image")
    return path


def _ready(config: ServerConfig, found: files.Files, threads: int, began: float) -> Loaded:
    """Loads, checks and warms up the files of a model."""
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
    _check_images(model)
    most = min(config.batching.max_size, runtime.most or config.batching.max_size)
    loaded = perf_counter()
    samples: Arrays | None = None
    if found.check is not None:
        samples, expected = checks.samples(found.check, signature, found.which)
        difference = checks.check(checks.run(runtime, samples, most), expected, signature.tolerance)
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


def _check_images(model: Model) -> None:
    """Makes sure that the model takes photographs, if it is to.

    Raises:
        Ended: InvalidConfig, if it does not.
    """
    if model.images == "None":
        return
    try:
        pixels.check(model)
    except Unknown as refused:
        raise Ended("InvalidConfig", f"spec.images: {refused}, for which mode None is enough") from refused


def _classes(config: ServerConfig, signature: Signature) -> tuple[str, ...] | None:
    """Returns the names of the classes: those that are asked for, else those of the training data.

    Raises:
        Ended: InvalidConfig, if there are to be more or fewer than the model tells apart.
    """
    if not config.classes:
        return tuple(signature.classes) if signature.classes else None
    shape = signature.outputs[0].shape
    count = shape[-1] if shape else -1
    wanted = 2 if count == 1 else count  # one unit tells two classes apart
    if wanted > 0 and len(config.classes) != wanted:
        raise Ended(
            "InvalidConfig",
            f"spec.classes: must name the {wanted} classes that the model tells apart, found {len(config.classes)} "
            "names: name each, in their order",
        )
    return tuple(config.classes)


def _loader(runtime: RuntimeName) -> Load:
    """Returns what loads a model. Each library takes its time to be imported, and only one is there for sure."""
    if runtime == "Keras":
        from epochal_server.runtimes.keras import load as load_keras  # noqa: PLC0415

        return load_keras
    from epochal_server.runtimes.onnx import load as load_onnx  # noqa: PLC0415

    return load_onnx
