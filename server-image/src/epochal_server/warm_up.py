"""Calls the model before the first request: the first calls are slow, and later calls measure the speed."""

import logging
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from epochal_lib.model_server.errors import ServeError

from epochal_server.model import Arrays, Model
from epochal_server.runtimes.interface import Runtime
from epochal_server.tensors import Tensor

MOST_SECONDS = 3.0
"""Maximum seconds of the warm-up, unless a single sample takes longer."""
TIMES = 3
"""Number of calls for each batch size. The shortest time counts."""
LENGTHS = (1, 16, 64, 256)
"""Lengths to try for axes of any length, in this order, until the model accepts one."""

log = logging.getLogger(__name__)


def warm_up(model: Model, runtime: Runtime, most: int, samples: Arrays | None = None) -> float:
    """Compute batches of 1, 2, 4 and more samples, up to the maximum batch, and return the time of a sample.

    Args:
        model: The model, with its inputs.
        runtime: The runtime that computes.
        most: Maximum number of samples in a batch.
        samples: Real samples, or None for zeros.

    Returns:
        Seconds of a sample in the largest batch that fitted into the time; 1 if no length is accepted.

    Raises:
        ServeError: ModelRefused, if the model cannot compute samples of its own signature.
    """
    until = perf_counter() + MOST_SECONDS
    samples = samples or _zeros(model, runtime)
    if samples is None:
        log.warning("the model is not warmed up: none of the lengths %s suits its axes of any length", LENGTHS)
        return 1.0
    pace, count = 1.0, 1
    while True:
        inputs = {name: np.resize(array, (count, *array.shape[1:])) for name, array in samples.items()}
        pace = min(_seconds(runtime, inputs) for _ in range(TIMES)) / count
        if count >= most or perf_counter() + 2 * TIMES * 2 * count * pace > until:
            log.info("a sample takes %.3f ms in a batch of %d", 1000 * pace, count)
            return pace
        count = min(2 * count, most)


def _seconds(runtime: Runtime, inputs: Arrays) -> float:
    began = perf_counter()
    runtime.run(inputs)
    return perf_counter() - began


def _zeros(model: Model, runtime: Runtime) -> Arrays | None:
    """Return a sample of zeros that the model can compute, or None if no length of `LENGTHS` works."""
    for inputs in _tries(model):
        try:
            runtime.run(inputs)
        except Exception as error:
            if any(-1 in tensor.shape for tensor in model.inputs.values()):
                continue
            told = ", ".join(f'"{tensor.name}" {tensor}' for tensor in model.inputs.values())
            raise ServeError(
                "ModelRefused", f"it takes {told}, and cannot compute a sample of zeros of that: {error}"
            ) from error
        return inputs
    return None


def _tries(model: Model) -> Iterator[Arrays]:
    for length in LENGTHS:
        yield {name: _zero(tensor, length) for name, tensor in model.inputs.items()}


def _zero(tensor: Tensor, length: int) -> np.ndarray:
    shape = (1, *(length if axis < 0 else axis for axis in tensor.shape))
    return np.full(shape, "", object) if tensor.text else np.zeros(shape, tensor.dtype)
