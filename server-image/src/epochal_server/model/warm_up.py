"""Calls the model before the first request, because its first calls are slow. Later calls measure its speed."""

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
"""Lengths to try for dynamic axes, in this order, until the model accepts a length."""

log = logging.getLogger(__name__)


def warm_up(model: Model, runtime: Runtime, max_batch_size: int, samples: Arrays | None = None) -> float:
    """Call the model with batches of 1, 2, 4… samples, and return the seconds per sample in the largest batch.

    The warm-up stops at `max_batch_size`, or if a larger batch would exceed MAX_SECONDS. Without `samples`, the samples
    are zeros. If the model fails for zeros of all LENGTHS, the result is 1.0.

    Raises:
        ServeError: ModelRefused, if the model has no dynamic axes and fails for zeros.
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
    """Return a sample of zeros that the model can compute, or None if it fails for all LENGTHS of its dynamic axes.

    Raises:
        ServeError: ModelRefused, if the model has no dynamic axes and fails for the sample.
    """
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
