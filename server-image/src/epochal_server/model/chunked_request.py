"""The samples of one call of the model, and large requests that take several calls, one after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from epochal_server.model.model import Arrays
from epochal_server.refusals import Failed, Refused


class ResultSink(Protocol):
    """Receives the answer to the samples of a request: an asyncio.Future, or an object with these methods."""

    def done(self) -> bool:
        """Return whether the answer is no longer needed."""

    def set_result(self, answer: Arrays, /) -> None:
        """Receive the answer to the samples."""

    def set_exception(self, error: Refused, /) -> None:
        """Receive the error in place of the answer."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples of one request, at most as many as one call of the model takes."""

    inputs: Arrays
    samples: int
    shapes: tuple[tuple[int, ...], ...] | None
    """Shapes of a sample of each input, if they may vary. Only chunks with equal shapes share a batch."""
    answer: ResultSink


class ChunkedRequest:
    """Splits a large request into chunks, and passes the joined answers to its sink. See ResultSink.

    Each chunk joins the queue only after the answer to the previous chunk. Smaller requests thus have their turn
    between the chunks.
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
        self._answers: list[Arrays] = []

    def next(self) -> None:
        """Append the next chunk to the queue."""
        begin, end = self._begun, min(self._begun + self._max_batch_size, self._samples)
        self._begun = end
        chunk = {name: array[begin:end] for name, array in self._inputs.items()}
        self._append(Chunk(chunk, end - begin, self._shapes, self))

    def done(self) -> bool:
        """Return whether the answer is no longer needed."""
        return self._sink.done()

    def set_result(self, answer: Arrays) -> None:
        """Receive the answer to a chunk."""
        self._answers.append(answer)
        if self._begun < self._samples:
            self.next()
            return
        try:
            answers = concatenate(self._answers)
        except ValueError as error:  # an output of variable length differs between the chunks
            self.set_exception(model_error(error))
        else:
            self._sink.set_result(answers)

    def set_exception(self, error: Refused) -> None:
        """Pass the error on. The remaining chunks are not computed."""
        self._sink.set_exception(error)


def concatenate(parts: Sequence[Arrays]) -> Arrays:
    """Return the concatenated arrays of several answers, by name."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def model_error(error: Exception) -> Failed:
    """Return the error for the client if the model raises an exception."""
    return Failed(
        f"the model failed for these samples ({type(error).__name__}: {error}): their types and shapes are valid, so "
        "compare their values with the training data"
    )
