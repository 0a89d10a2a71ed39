"""Figures by class, compared with scikit-learn, and their bounds."""

import numpy as np
import pytest
from epochal_api.evaluation import MAX_CONFUSED, MAX_LISTED_CLASSES, MAX_MATRIX, MAX_WORST, ClassEvaluation, Place
from epochal_trainer.evaluation.classes import ClassTally
from epochal_trainer.evaluation.outputs import Scale
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_score, recall_score

COUNT = 5
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, COUNT - 1, 400)  # no sample of the last class
OUTPUTS = RANDOM.dirichlet(np.ones(COUNT), 400).astype(np.float32)
ANSWERS = OUTPUTS.argmax(axis=1)


def place(row: int) -> Place:
    return Place(source="x", row=row)


def evaluation(
    labels: NDArray[np.int64],
    outputs: NDArray[np.float32],
    *,
    count: int = COUNT,
    scale: Scale = "probabilities",
    names: tuple[str, ...] = (),
    batch: int = 64,
) -> ClassEvaluation:
    tally = ClassTally(count, scale)
    for begin in range(0, len(labels), batch):
        rows = np.arange(begin, min(begin + batch, len(labels)))
        tally.add(rows, labels[rows], outputs[rows])
    return tally.evaluation(names, place)


def test_figures_equal_those_of_scikit_learn() -> None:
    found = evaluation(LABELS, OUTPUTS, names=("a", "b", "c", "d", "e"))
    assert found.confusion == confusion_matrix(LABELS, ANSWERS, labels=range(COUNT)).tolist()
    assert found.correct == (LABELS == ANSWERS).sum()
    assert found.accuracy == pytest.approx((LABELS == ANSWERS).mean())
    settings = {"labels": range(COUNT), "average": None, "zero_division": np.nan}
    precision = [np.nan if each.precision is None else each.precision for each in found.by_class]
    recall = [np.nan if each.recall is None else each.recall for each in found.by_class]
    np.testing.assert_allclose(precision, precision_score(LABELS, ANSWERS, **settings))
    np.testing.assert_allclose(recall, recall_score(LABELS, ANSWERS, **settings))
    assert [(each.index, each.name) for each in found.by_class] == list(enumerate("abcde"))
    assert found.by_class[-1].recall is None, "no sample has this label"


def test_batches_do_not_change_the_figures() -> None:
    assert evaluation(LABELS, OUTPUTS, batch=7) == evaluation(LABELS, OUTPUTS, batch=400)


def test_confused_pairs_are_the_largest_wrong_cells() -> None:
    found = evaluation(LABELS, OUTPUTS)
    assert found.confusion is not None
    wrong = np.array(found.confusion)
    np.fill_diagonal(wrong, 0)
    assert found.confused[0].samples == wrong.max()
    assert sum(pair.samples for pair in found.confused) == wrong.sum()
    assert found.confused_error == 0


def test_calibration() -> None:
    """Of 10 answers with the probability 0.95, 6 are correct: they differ by 0.35."""
    outputs = np.tile(np.array([[0.95, 0.05]], np.float32), (10, 1))
    found = evaluation(np.array([0] * 6 + [1] * 4), outputs, count=2).calibration
    assert found is not None
    assert found.error == pytest.approx(0.35)
    assert [each.samples for each in found.bins] == [0] * 9 + [10]
    last = found.bins[-1]
    assert (last.lower, last.upper, last.accuracy) == (0.9, 1.0, 0.6)
    assert last.probability == pytest.approx(0.95)
    assert found.bins[0].accuracy is None


def test_a_probability_of_one_is_in_the_last_range() -> None:
    found = evaluation(np.zeros(3, np.int64), np.eye(2, dtype=np.float32)[[0, 0, 0]], count=2).calibration
    assert found is not None
    assert (found.bins[-1].samples, found.error) == (3, 0)


def test_the_worst_mistakes_exceed_the_label_by_most() -> None:
    found = evaluation(LABELS, OUTPUTS).mistakes
    assert len(found) == MAX_WORST
    margins = OUTPUTS.max(axis=1) - OUTPUTS[np.arange(400), LABELS]
    order = np.argsort(-margins, kind="stable")[:MAX_WORST]
    assert [mistake.place.row for mistake in found] == order.tolist()
    assert [(mistake.label, mistake.answer) for mistake in found] == [(LABELS[row], ANSWERS[row]) for row in order]
    assert found[0].probability == pytest.approx(OUTPUTS[order[0]].max())
    assert found[0].label_probability == pytest.approx(OUTPUTS[order[0], LABELS[order[0]]])


def test_a_single_unit_has_two_classes() -> None:
    found = evaluation(np.array([0, 1, 1]), np.array([[0.2], [0.9], [0.3]], np.float32), count=2)
    assert found.confusion == [[1, 0], [1, 1]]
    (mistake,) = found.mistakes
    assert (mistake.label, mistake.answer) == (1, 0)
    assert mistake.probability == pytest.approx(0.7)
    assert mistake.label_probability == pytest.approx(0.3)


def test_scores_have_no_probabilities() -> None:
    found = evaluation(np.array([0, 1]), np.array([[3.0, -8], [5, 4]], np.float32), count=2, scale="scores")
    assert found.calibration is None
    (mistake,) = found.mistakes
    assert (mistake.place.row, mistake.probability, mistake.label_probability) == (1, None, None)


def test_no_samples() -> None:
    found = ClassTally(3, "probabilities").evaluation((), place)
    assert (found.accuracy, found.correct, found.mistakes, found.confused) == (None, 0, [], [])
    assert found.calibration is not None
    assert found.calibration.error is None


def test_many_classes_are_bounded() -> None:
    count = 3 * MAX_LISTED_CLASSES
    labels = RANDOM.integers(0, count, 5000)
    outputs = np.zeros((5000, count), np.float32)
    answers = np.where(RANDOM.random(5000) < 0.5, labels, (labels * 7 + 1) % count)
    outputs[np.arange(5000), answers] = 0.5
    found = evaluation(labels, outputs, count=count)
    assert found.confusion is None
    assert len(found.by_class) == MAX_LISTED_CLASSES
    assert [each.index for each in found.by_class] == sorted(each.index for each in found.by_class)
    assert min(each.samples + each.answers - 2 * each.correct for each in found.by_class) > 0, "those with mistakes"
    assert len(found.confused) == MAX_CONFUSED
    assert found.correct == (labels == answers).sum()
    assert ClassTally(MAX_MATRIX, "scores").evaluation((), place).confusion is not None
