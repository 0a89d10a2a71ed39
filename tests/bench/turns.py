"""Whose turn it is, where two are measured in turn."""

from collections.abc import Iterator
from typing import Literal

Who = Literal["ours", "theirs"]
PAIR: tuple[Who, Who] = ("ours", "theirs")


def abba(rounds: int) -> Iterator[tuple[int, Who]]:
    """Returns who comes next, with the number of the round: ours, theirs, theirs, ours, and so on.

    What slowly drifts, such as a machine that gets warm, then weighs on both alike.
    """
    for number in range(rounds):
        for who in PAIR if number % 2 == 0 else reversed(PAIR):
            yield number, who
