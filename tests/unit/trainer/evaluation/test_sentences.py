"""An evaluation as text."""

import pytest
from epochal_api.evaluation import Evaluation
from epochal_trainer.evaluation.sentences import captions, summary

from tests.unit.trainer.evaluation.evaluations import of_classes, of_numbers


@pytest.mark.parametrize(
    ("evaluation", "expected"),
    [
        (of_classes(2, 20, perfect=True), "best.keras on 20 samples of the test set; 0 misread"),
        (
            of_classes(2, 20, ("cat", "dog")),
            "best.keras on 20 samples of the test set; 3 misread, most often dog as cat (3)",
        ),
        (
            of_classes(2, 20, perfect=True).model_copy(
                update={"samples": 5000, "skipped": 4970, "unlabeled": 7, "not_finite": 3}
            ),
            "best.keras on 20 of 5,000 samples of the test set; 0 misread; 7 without a usable label; "  # noqa: ISC004
            "3 with an output that is NaN or infinite",
        ),
        (of_numbers(), "best.keras on 50 samples of the validation set; mean absolute error 0.07408"),
    ],
)
def test_summary(evaluation: Evaluation, expected: str) -> None:
    assert summary(evaluation) == expected


def test_captions() -> None:
    evaluation = of_classes(2, 20, ("cat", "a very long name of a dog $5"))
    assert evaluation.classes is not None
    first = evaluation.classes.mistakes[0]
    assert captions(evaluation)[0] == f"a ve… \\$5 → cat\n90%, row {first.place.row}"
    assert len(captions(evaluation)) == len(evaluation.classes.mistakes)


def test_captions_of_numbers() -> None:
    one, several = of_numbers(), of_numbers(3)
    assert one.numbers is not None
    worst = one.numbers.worst[0]
    assert captions(one)[0] == f"{worst.label[0]:.4g} → {worst.answer[0]:.4g}\nrow {worst.place.row}"
    assert captions(several)[0].startswith("error ")
