"""Hyperband as brackets of ASHA, https://arxiv.org/abs/1603.06560."""

from functools import lru_cache

from epochal_api.experiment.spec import MAX_TRIALS


def brackets(rungs: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the rungs of each bracket: each bracket lacks the first rung of the previous bracket."""
    return tuple(rungs[first:] for first in range(len(rungs)))


@lru_cache
def bracket_order(count: int, factor: int) -> tuple[int, ...]:
    """Return the bracket of each trial by its number: evenly interleaved, with the shares of trials in Hyperband."""
    weights = [-(-count * factor ** (count - 1 - bracket) // (count - bracket)) for bracket in range(count)]
    order, balances, total = [], [0] * count, sum(weights)
    for _ in range(MAX_TRIALS):
        balances = [balance + weight for balance, weight in zip(balances, weights, strict=True)]
        chosen = max(range(count), key=balances.__getitem__)
        balances[chosen] -= total
        order.append(chosen)
    return tuple(order)
