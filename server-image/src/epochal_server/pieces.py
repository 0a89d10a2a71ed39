"""What goes into one call of the model; and requests that are more, of which one piece is computed after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from epochal_server.model import Arrays
from epochal_server.refusals import Failed, Refused


class Taker(Protocol):
    """Takes the answer to samples: a future, or whatever is as one."""

    def done(self) -> bool:
        """Returns whether nobody waits for the answer any more."""

    def set_result(self, answer: Arrays, /) -> None:
        """Takes the answer."""

    def set_exception(self, error: Refused, /) -> None:
        """Takes why there is none."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one request, as many as go into one call of the model."""

    inputs: Arrays
    samples: int
    shapes: tuple[tuple[int, ...], ...] | None
    """Shapes of a sample of each input, where they may be of many: only what has the same goes together."""
    answer: Taker


class InPieces:
    """Has samples computed piece by piece, and gives the answers to who takes them, put together. See Taker.

    A piece waits only once the one before it is answered: those who ask for less have their turn between them.

    Args:
        inputs: Arrays by the names of the inputs.
        samples: How many there are.
        shapes: See Piece.
        taker: Takes the answer.
        most: Samples of a piece.
        append: Has a piece wait.
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
        """Has the next piece wait."""
        begin, end = self._begun, min(self._begun + self._most, self._samples)
        self._begun = end
        piece = {name: array[begin:end] for name, array in self._inputs.items()}
        self._append(Piece(piece, end - begin, self._shapes, self))

    def done(self) -> bool:
        """Returns whether nobody waits for the answer any more."""
        return self._taker.done()

    def set_result(self, answer: Arrays) -> None:
        """Takes the answer to a piece."""
        self._answers.append(answer)
        if self._begun < self._samples:
            self.next()
            return
        try:
            answers = together(self._answers)
        except ValueError as error:  # an output of any length has not the same one in all
            self.set_exception(failed(error))
        else:
            self._taker.set_result(answers)

    def set_exception(self, error: Refused) -> None:
        """Takes why there is none: nothing else is computed."""
        self._taker.set_exception(error)


def together(parts: Sequence[Arrays]) -> Arrays:
    """Returns arrays of the same names, one behind the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def failed(error: Exception) -> Failed:
    """Returns what whoever asked is told of an error of the model."""
    return Failed(
        f"the model cannot compute these samples ({type(error).__name__}: {error}): they are of the types and shapes "
        "that it takes, so see whether their values are what it was trained on"
    )
