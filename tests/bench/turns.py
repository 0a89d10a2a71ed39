"""The order of measurements that alternate."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeVar

T = TypeVar("T")

Who = Literal["ours", "theirs"]
PAIR: tuple[Who, Who] = ("ours", "theirs")


def abba(rounds: int) -> Iterator[tuple[int, Who]]:
    """Returns the order of two sides, with the number of the round: ours, theirs, theirs, ours, and so on.

    What slowly drifts, such as a machine that gets warm, then weighs on both alike.
    """
    for number in range(rounds):
        for who in PAIR if number % 2 == 0 else reversed(PAIR):
            yield number, who


def in_turn(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Measures each contender once a round, in every other round from the last to the first.

    What slowly drifts, such as a machine that gets warm, then weighs on all alike.

    Args:
        contenders: What measures each, by name.
    """
    measured: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in contenders if number % 2 == 0 else reversed([*contenders]):
            measured[name].append(contenders[name]())
    return measured
