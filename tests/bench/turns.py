"""Whose turn it is, where two or more are measured in turn."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeVar

T = TypeVar("T")

Who = Literal["ours", "theirs"]
PAIR: tuple[Who, Who] = ("ours", "theirs")


def abba(rounds: int) -> Iterator[tuple[int, Who]]:
    """Returns who comes next, with the number of the round: ours, theirs, theirs, ours, and so on.

    What slowly drifts, such as a machine that gets warm, then weighs on both alike.
    """
    for number in range(rounds):
        for who in PAIR if number % 2 == 0 else reversed(PAIR):
            yield number, who


def in_turn(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Measures each of them once a round, in every other round from the last to the first.

    What slowly drifts, such as a machine that gets warm, then weighs on all alike.

    Args:
        contenders: What measures each, by name.
        rounds: How often.
    """
    measured: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in contenders if number % 2 == 0 else reversed([*contenders]):
            measured[name].append(contenders[name]())
    return measured
