import numpy as np
from epochal_trainer.evaluation.worst import Worst


def test_the_highest_scores_are_kept_in_order() -> None:
    worst = Worst(3)
    assert worst.items() == []
    worst.add(np.array([1.0, 5.0]), np.array([0, 1]), np.array([10, 11]))
    worst.add(np.array([5.0, 0.0, 7.0]), np.array([4, 2, 3]), np.array([14, 12, 13]))
    assert worst.items() == [(7.0, 3, 13), (5.0, 1, 11), (5.0, 4, 14)]
    assert worst.rows() == [3, 1, 4]
