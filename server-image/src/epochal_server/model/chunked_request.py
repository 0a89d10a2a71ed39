"""The samples of one call of the model, and large requests that take several calls, one after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from epochal_server.model.model import Arrays
from epochal_server.refusals import Failed, Refused


class ResultSink(Protocol):
    """Receives the model's outputs for a request, or an error: an asyncio.Future, or an object with these methods."""

    def done(self) -> bool:
        """Return whether the request no longer needs an answer, because its client has disconnected."""

    def set_result(self, answer: Arrays, /) -> None:
        """Receive the model's outputs for all samples of the request."""

    def set_exception(self, error: Refused, /) -> None:
        """Receive the error of the request in place of the model's outputs."""


@dataclass(slots=True)  # not frozen: that would triple the time to create it, for each request
class Chunk:
    """Samples of one request, at most as many as fit into one call of the model."""

    inputs: Arrays
    samples: int
    shapes: tuple[tuple[int, ...], ...] | None
    """Shape of a sample in each input, or None if the model's shapes are fixed. Only equal shapes share a batch."""
    answer: ResultSink
    is_part: bool
    """Whether the chunk is a part of a large request, which takes several calls of the model."""


class ChunkedRequest:
    """Splits a large request into chunks, and passes the answer to all samples to the request's ResultSink.

    Each chunk is queued only after the answer to the previous chunk. Smaller requests are thus computed between the
    chunks. See ChunkQueue.
    """

    def __init__(
        self,
        inputs: Arrays,
        samples: int,
        shapes: tuple[tuple[int, ...], ...] | None,
        sink: ResultSink,
        *,
        max_batch_size: int,
        append: Callable[[Chunk], None],
    ) -> None:
        self._inputs = inputs
        self._samples = samples
        self._shapes = shapes
        self._sink = sink
        self._max_batch_size = max_batch_size
        self._append = append
        self._begun = 0
        self._answered = 0
        self._outputs: dict[str, np.ndarray] = {}

    @property
    def remaining(self) -> int:
        """Number of samples that are not queued yet. 0 once the request needs no answer."""
        return 0 if self.done() else self._samples - self._begun

    def next(self) -> None:
        """Append the next chunk to the queue."""
        begin, end = self._begun, min(self._begun + self._max_batch_size, self._samples)
        self._begun = end
        chunk = {name: array[begin:end] for name, array in self._inputs.items()}
        self._append(Chunk(chunk, end - begin, self._shapes, self, is_part=True))

    def done(self) -> bool:
        """Return whether the request no longer needs an answer, because its client has disconnected."""
        return self._sink.done()

    def set_result(self, answer: Arrays) -> None:
        """Store the answer to a chunk. Then queue the next chunk, or pass the answer to all samples to the sink."""
        try:
            self._store(answer)
        except (ValueError, MemoryError) as error:
            self.set_exception(model_error(error))
            return
        if self._begun < self._samples:
            self.next()
        else:
            self._sink.set_result(self._outputs)

    def set_exception(self, error: Refused) -> None:
        """Pass the error of a chunk to the request's sink. The remaining chunks are not computed."""
        self._begun = self._samples
        self._sink.set_exception(error)

    def _store(self, answer: Arrays) -> None:
        """Copy the answer to a chunk into the outputs of the request.

        The arrays of thousands of small chunks would take more memory than their values.

        Raises:
            ValueError: If an output of variable length differs between the chunks.
            MemoryError: If there is no memory for the outputs of all samples.
        """
        for name, values in answer.items():
            if name not in self._outputs:
                self._outputs[name] = np.empty((self._samples, *values.shape[1:]), values.dtype)
            output = self._outputs[name]
            if output.shape[1:] != values.shape[1:]:
                raise ValueError(
                    f'output "{name}" has the shapes {list(output.shape[1:])} and {list(values.shape[1:])} of a sample'
                )
            output[self._answered : self._begun] = values
        self._answered = self._begun


def concatenate(parts: Sequence[Arrays]) -> Arrays:
    """Concatenate the arrays of the same name along the first axis, that of the samples."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def split(outputs: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """Return the outputs of each part of a batch: views of `outputs` with as many samples as `sizes` has."""
    if len(sizes) == 1:
        return [outputs]
    answers: list[Arrays] = []
    begin = 0
    for size in sizes:
        answers.append({name: array[begin : begin + size] for name, array in outputs.items()})
        begin += size
    return answers


def model_error(error: Exception) -> Failed:
    """Return the error for a request's client after the model has raised an exception."""
    return Failed(
        f"the model failed for these samples ({type(error).__name__}: {error}): their types and shapes are valid, so "
        "compare their values with the training data"
    )
