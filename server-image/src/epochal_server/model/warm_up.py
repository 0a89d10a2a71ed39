"""Calls the model before the first request: the first calls are slow, and later calls measure the speed."""

import logging
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from epochal_lib.model_server.errors import ServeError

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.model.runtimes.runtime import Runtime

MAX_SECONDS = 3.0
"""Maximum seconds of the warm-up, unless a single sample takes longer."""
REPEATS = 3
LENGTHS = (1, 16, 64, 256)
"""Lengths to try for axes of any length, in this order, until the model accepts one."""

log = logging.getLogger(__name__)


def warm_up(model: Model, runtime: Runtime, max_batch_size: int, samples: Arrays | None = None) -> float:
    """Compute batches of 1, 2, 4 and more samples, up to the maximum batch, and return the time of a sample.

    Raises:
        ServeError: ModelRefused, if the model cannot compute samples of its own signature.
    """
    until = perf_counter() + MAX_SECONDS
    samples = samples or _zeros(model, runtime)
    if samples is None:
        log.warning("cannot warm up the model: it fails for all tried lengths %s of its dynamic axes", LENGTHS)
        return 1.0
    seconds_per_sample, count = 1.0, 1
    while True:
        inputs = {name: np.resize(array, (count, *array.shape[1:])) for name, array in samples.items()}
        seconds_per_sample = min(_seconds(runtime, inputs) for _ in range(REPEATS)) / count
        if count >= max_batch_size or perf_counter() + 2 * REPEATS * 2 * count * seconds_per_sample > until:
            log.info("a sample takes %.3f ms in a batch of %d", 1000 * seconds_per_sample, count)
            return seconds_per_sample
        count = min(2 * count, max_batch_size)


def _seconds(runtime: Runtime, inputs: Arrays) -> float:
    began = perf_counter()
    runtime.run(inputs)
    return perf_counter() - began


def _zeros(model: Model, runtime: Runtime) -> Arrays | None:
    """Return a sample of zeros that the model can compute, or None if no length of `LENGTHS` works."""
    for inputs in _zero_inputs(model):
        try:
            runtime.run(inputs)
        except Exception as error:
            if any(-1 in tensor.shape for tensor in model.inputs.values()):
                continue
            inputs_text = ", ".join(f'"{tensor.name}" {tensor}' for tensor in model.inputs.values())
            raise ServeError(
                "ModelRefused", f"the model fails for a sample of zeros with the inputs {inputs_text}: {error}"
            ) from error
        return inputs
    return None


def _zero_inputs(model: Model) -> Iterator[Arrays]:
    for length in LENGTHS:
        yield {name: _zero(tensor, length) for name, tensor in model.inputs.items()}


def _zero(tensor: Tensor, length: int) -> np.ndarray:
    shape = (1, *(length if axis < 0 else axis for axis in tensor.shape))
    return np.full(shape, "", object) if tensor.text else np.zeros(shape, tensor.dtype)
