"""Hyperband as brackets of ASHA, https://arxiv.org/abs/1603.06560."""

from functools import lru_cache

from epochal_api.experiment.spec import MAX_TRIALS


def brackets(rungs: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the rungs of each bracket, which begins one rung later than the previous bracket.

    Args:
        rungs: The rungs of the first bracket, as of ASHA.
    """
    return tuple(rungs[first:] for first in range(len(rungs)))


@lru_cache
def order(count: int, factor: int) -> tuple[int, ...]:
    """Return the brackets of consecutive trials, evenly interleaved, with the share that each has in Hyperband.

    Args:
        count: The number of brackets.
        factor: The reduction factor.
    """
    weights = [-(-count * factor ** (count - 1 - one) // (count - one)) for one in range(count)]
    order, owed, total = [], [0] * count, sum(weights)
    for _ in range(MAX_TRIALS):
        owed = [one + weight for one, weight in zip(owed, weights, strict=True)]
        chosen = max(range(count), key=owed.__getitem__)
        owed[chosen] -= total
        order.append(chosen)
    return tuple(order)
