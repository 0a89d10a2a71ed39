"""Calls the model before anybody waits for it: the first calls take longest, and show how long others will."""

import logging
from collections.abc import Iterator
from time import perf_counter

import numpy as np

from epochal_server.ending import Ended
from epochal_server.model import Arrays, Model
from epochal_server.runtimes.interface import Runtime
from epochal_server.tensors import Tensor

MOST_SECONDS = 3.0
"""What warming up takes, if one sample takes no longer."""
TIMES = 3
"""How often each number of samples is computed: the quickest time counts."""
LENGTHS = (1, 16, 64, 256)
"""Tried for axes of any length, one after another, until the model takes it."""

log = logging.getLogger(__name__)


def warm_up(model: Model, runtime: Runtime, most: int, samples: Arrays | None = None) -> float:
    """Computes some samples, first one, then twice as many each time, up to those of a whole batch.

    Args:
        model: What it takes.
        runtime: What computes.
        most: Samples of a whole batch.
        samples: Real ones; without any, all is zero.

    Returns:
        The seconds that a sample takes in the largest batch that there was time for.

    Raises:
        Ended: ModelRefused, if it cannot compute samples as it says that it takes them.
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
    """Returns a sample of zeros that the model can compute."""
    for inputs in _tries(model):
        try:
            runtime.run(inputs)
        except Exception as error:
            if any(-1 in tensor.shape for tensor in model.inputs.values()):
                continue
            told = ", ".join(f'"{tensor.name}" {tensor}' for tensor in model.inputs.values())
            raise Ended(
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
