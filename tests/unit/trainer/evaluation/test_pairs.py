"""The counts of pairs: exact within the limit, and off by at most `error` beyond it."""

import numpy as np
from epochal_trainer.evaluation.pairs import PairCounts

CLASSES = 1000


def test_counts_are_exact_within_the_limit() -> None:
    counts = PairCounts(CLASSES, limit=3)
    counts.add(np.array([1, 2, 1]), np.array([2, 1, 2]))
    counts.add(np.array([1, 999, 999, 999]), np.array([2, 998, 998, 998]))
    assert counts.most_common(2) == [(1, 2, 3), (999, 998, 3)]
    assert counts.most_common(9) == [(1, 2, 3), (999, 998, 3), (2, 1, 1)]
    assert counts.error == 0


def test_frequent_pairs_survive_very_many_rare_pairs() -> None:
    random = np.random.default_rng(0)
    counts = PairCounts(CLASSES, limit=100)
    for _ in range(50):
        labels, answers = random.integers(0, CLASSES, (2, 300))
        labels[:60], answers[:60] = 7, 8
        counts.add(labels, answers)
    label, answer, samples = counts.most_common(1)[0]
    assert (label, answer) == (7, 8)
    assert 3000 - counts.error <= samples <= 3001
    assert 0 < counts.error <= 50 * 300 / 100
    assert len(counts.most_common(1000)) <= 100


def test_no_pairs() -> None:
    counts = PairCounts(CLASSES)
    counts.add(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert counts.most_common(5) == []
