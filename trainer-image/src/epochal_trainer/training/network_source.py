"""Builds the network of a training from its source: layers in the spec, a saved model, or the user's Python file."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
from epochal_api.trainingjob.network import InitialWeights
from epochal_api.trainingjob.network_source import NetworkCode, SavedModel
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_trainer.data.memory import available_memory, memory_capacity
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import initial_weights, keras_file, network, saved_model, user_code
from epochal_trainer.model.compile import compile_model
from epochal_trainer.model.footprint import FreeMemory
from epochal_trainer.model.graph import Node, build_nodes
from epochal_trainer.model.layer_names import list_names
from epochal_trainer.model.plain_model import layers_of
from epochal_trainer.training.context import Buckets

log = logging.getLogger(__name__)

_NO_GPU = """
================================================================================
  GPUs requested: %d    GPUs available to Keras: %d

  The training continues on the CPU, and will take far longer. Check that the
  image has CUDA (built with EXTRAS=cuda), that the node has the driver, and
  whether the pod needs spec.scheduling.runtimeClassName (such as nvidia).
================================================================================"""
_INITIAL_FILE = "initial"
_WEIGHTS_SUFFIX = ".weights.h5"
_CODE_FILE = "code.py"


@dataclass(frozen=True)
class BuiltNetwork:
    """The network of a training.

    Args:
        model: The compiled Keras model.
        nodes: The layers in spec.network.layers; empty for a saved model or code.
        files: SHA-256 in hex, by URI, of the file that the network or its initial weights come from; else empty.
        code: Local copy of the user's Python file, if the network comes from spec.code; else None.
        loaded: Names of the layers whose learned state comes from a file, so that they are not adapted to the data.
    """

    model: keras.Model
    nodes: Sequence[Node] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None
    loaded: Sequence[str] = ()

    @property
    def layer_count(self) -> int:
        """Number of layers, without layers nested in other layers."""
        return len(self.nodes) or len(layers_of(self.model))


def build_network(
    spec: TrainingJobSpec, buckets: Callable[[], Buckets], scratch: Path, *, keeps_best: bool
) -> BuiltNetwork:
    """Build and compile the network, and log a warning if Keras will not use all requested GPUs.

    Args:
        spec: The spec of the TrainingJob.
        buckets: Opens the buckets. It is called only if the network or its initial weights come from a file.
        scratch: Local folder for a copy of the file.
        keeps_best: Whether the weights of the best epoch are kept in memory for best.keras.

    Raises:
        Failure: InvalidNetwork or InvalidTraining, with the field, the value found and the requirement. OutOfMemory, if
            memory is short only because of other processes. Or a failure of a bucket.
    """
    memory = _free_memory(spec)
    if spec.network is not None:
        nodes = build_nodes(spec.network)
        model = network.build(
            spec.network,
            seed=spec.training.seed,
            memory=memory.host,
            used_by_others=memory.used_by_others,
            gpus=memory.gpus,
            training=spec.training,
            keeps_best=keeps_best,
        )
        built = BuiltNetwork(model, nodes)
        if (weights := spec.network.weights) is not None:
            built = _with_weights(built, weights, spec, buckets(), scratch, memory=memory)
    elif spec.model is not None:
        built = _from_file(spec, spec.model, buckets(), scratch, memory, keeps_best=keeps_best)
    else:
        assert spec.code is not None  # noqa: S101 - the API has refused other values
        built = _from_code(spec, spec.code, buckets(), scratch, memory, keeps_best=keeps_best)
    compile_model(built.model, spec.training)
    return built


def _from_file(
    spec: TrainingJobSpec, source: SavedModel, buckets: Buckets, scratch: Path, memory: FreeMemory, *, keeps_best: bool
) -> BuiltNetwork:
    path = scratch / f"{_INITIAL_FILE}{keras_file.SUFFIX}"
    sha256 = _download(source.uri, "spec.model.uri", spec, buckets, path)
    log.info("Model: %s, SHA-256 %s", source.uri, sha256)
    training = spec.training
    try:
        model = saved_model.load(
            source, path, seed=training.seed, memory=memory, training=training, keeps_best=keeps_best
        )
    finally:
        path.unlink()
    return BuiltNetwork(model, files={source.uri: sha256})


def _with_weights(
    built: BuiltNetwork,
    weights: InitialWeights,
    spec: TrainingJobSpec,
    buckets: Buckets,
    scratch: Path,
    *,
    memory: FreeMemory,
) -> BuiltNetwork:
    """Download the file of initial weights (spec.network.weights), and load it into the network.

    `memory` is the memory that was free before the network was built.
    """
    suffix = keras_file.SUFFIX if weights.uri.endswith(keras_file.SUFFIX) else _WEIGHTS_SUFFIX
    path = scratch / f"{_INITIAL_FILE}{suffix}"
    sha256 = _download(weights.uri, f"{initial_weights.FIELD}.uri", spec, buckets, path)
    try:
        loaded = initial_weights.load(built.model, weights, path, memory=memory, seed=spec.training.seed)
    finally:
        path.unlink()
    log.info("Initial weights: %s, SHA-256 %s, for the layers %s", weights.uri, sha256, list_names(loaded))
    return replace(built, files={weights.uri: sha256}, loaded=loaded)


def _download(uri: str, field: str, spec: TrainingJobSpec, buckets: Buckets, path: Path) -> str:
    """Download the object with this URI, from any bucket, to `path`, and return its SHA-256 in hex."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    own = {spec.results.bucket: buckets.results, spec.data.bucket: buckets.data}
    try:
        return (own.get(name) or buckets.named(name)).download(key, path)
    except Failure as failure:
        raise Failure(failure.reason, f"{field}: {failure.message}", failure.exit_code) from failure


def _from_code(
    spec: TrainingJobSpec, source: NetworkCode, buckets: Buckets, scratch: Path, memory: FreeMemory, *, keeps_best: bool
) -> BuiltNetwork:
    key, path = spec.data.prefix + source.object, scratch / _CODE_FILE
    try:
        user_code.check_size(buckets.data.stat(key).size, source.object)
        content = buckets.data.get(key)
    except Failure as failure:
        if failure.message.startswith("spec."):
            raise
        raise Failure(failure.reason, f"spec.code.object: {failure.message}", failure.exit_code) from failure
    user_code.check_size(len(content), source.object)
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    log.info("Code: %s, SHA-256 %s", buckets.data.uri(key), sha256)
    training, values = spec.training, spec.dump()
    model = user_code.build(
        source, path, values, seed=training.seed, memory=memory, training=training, keeps_best=keeps_best
    )
    return BuiltNetwork(model, files={source.object: sha256}, code=path)


def _free_memory(spec: TrainingJobSpec) -> FreeMemory:
    gpus = len(keras.distribution.list_devices("gpu"))
    if spec.resources.gpus > gpus:
        log.warning(_NO_GPU, spec.resources.gpus, gpus)
    if gpus > 1:
        log.warning("The training uses only 1 of %d GPUs: request 1 GPU in spec.resources.limits.", gpus)
    memory = available_memory()
    return FreeMemory(memory, max(0, memory_capacity() - memory), gpus)
