"""The samples of one call of the model, and large requests that take several calls, one after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from epochal_server.model import Arrays
from epochal_server.refusals import Failed, Refused


class Taker(Protocol):
    """Receives the answer to samples: a future, or an object with the same methods."""

    def done(self) -> bool:
        """Return whether the answer is no longer needed."""

    def set_result(self, answer: Arrays, /) -> None:
        """Receive the answer to the samples."""

    def set_exception(self, error: Refused, /) -> None:
        """Receive the error in place of the answer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one request, at most as many as one call of the model takes."""

    inputs: Arrays
    samples: int
    shapes: tuple[tuple[int, ...], ...] | None
    """Shapes of a sample of each input, if they may vary. Only pieces with equal shapes share a batch."""
    answer: Taker


class InPieces:
    """Splits a large request into pieces, and passes the joined answers to its taker. See Taker.

    Each piece joins the queue only after the answer to the previous piece. Smaller requests thus have their turn
    between the pieces.

    Args:
        inputs: Arrays by the names of the inputs.
        samples: Number of samples.
        shapes: See Piece.
        taker: Receives the answer.
        most: Maximum number of samples of a piece.
        append: Appends a piece to the queue.
    """

    def __init__(
        self,
        inputs: Arrays,
        samples: int,
        shapes: tuple[tuple[int, ...], ...] | None,
        taker: Taker,
        *,
        most: int,
        append: Callable[[Piece], None],
    ) -> None:
        self._inputs = inputs
        self._samples = samples
        self._shapes = shapes
        self._taker = taker
        self._most = most
        self._append = append
        self._begun = 0
        self._answers: list[Arrays] = []

    def next(self) -> None:
        """Append the next piece to the queue."""
        begin, end = self._begun, min(self._begun + self._most, self._samples)
        self._begun = end
        piece = {name: array[begin:end] for name, array in self._inputs.items()}
        self._append(Piece(piece, end - begin, self._shapes, self))

    def done(self) -> bool:
        """Return whether the answer is no longer needed."""
        return self._taker.done()

    def set_result(self, answer: Arrays) -> None:
        """Receive the answer to a piece."""
        self._answers.append(answer)
        if self._begun < self._samples:
            self.next()
            return
        try:
            answers = together(self._answers)
        except ValueError as error:  # an output of variable length differs between the pieces
            self.set_exception(failed(error))
        else:
            self._taker.set_result(answers)

    def set_exception(self, error: Refused) -> None:
        """Pass the error on. The remaining pieces are not computed."""
        self._taker.set_exception(error)


def together(parts: Sequence[Arrays]) -> Arrays:
    """Return the concatenated arrays of several answers, by name."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def failed(error: Exception) -> Failed:
    """Return the error for the client if the model raises an exception."""
    return Failed(
        f"the model cannot compute these samples ({type(error).__name__}: {error}): they are of the types and shapes "
        "that it takes, so see whether their values are what it was trained on"
    )
