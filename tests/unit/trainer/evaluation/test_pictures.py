"""Each picture is drawn for any number of classes and images, and is not blank."""

from pathlib import Path

import numpy as np
import pytest
from epochal_api.evaluation import MAX_MATRIX, MAX_WORST, Evaluation
from epochal_trainer.evaluation.images import SIZE
from epochal_trainer.evaluation.pictures import draw_confusion, draw_images
from matplotlib.image import imread

from tests.unit.trainer.evaluation.evaluations import of_classes

EVALUATIONS: dict[str, Evaluation] = {
    "two classes": of_classes(2, 100, ("benign", "malignant")),
    "digits": of_classes(10),
    "names that are formulas elsewhere": of_classes(3, 30, ("$x_1$", "\\frac", "_" * 128)),
    "as many as a matrix": of_classes(MAX_MATRIX, 3000, tuple(f"class {index}" for index in range(MAX_MATRIX))),
    "more than a matrix": of_classes(MAX_MATRIX + 50, 3000),
    "more, without mistakes": of_classes(MAX_MATRIX + 50, 3000, perfect=True),
    "none": of_classes(3, 0),
}


def check(path: Path) -> None:
    pixels = imread(path)
    height, width, _ = pixels.shape
    assert 150 < height < 1500
    assert 400 < width < 1700
    assert pixels.std() > 0.01


@pytest.mark.parametrize("evaluation", EVALUATIONS.values(), ids=EVALUATIONS)
def test_confusion_is_not_blank(evaluation: Evaluation, tmp_path: Path) -> None:
    assert evaluation.classes is not None
    draw_confusion(evaluation.classes, tmp_path / "figure.png", "lab/job, best.keras, test set")
    check(tmp_path / "figure.png")


@pytest.mark.parametrize("count", [1, 10, MAX_WORST])
def test_images_are_drawn(count: int, tmp_path: Path) -> None:
    shapes = [(SIZE, SIZE), (SIZE, SIZE // 3), (SIZE // 2, SIZE)]
    images = [np.full((*shapes[index % 3], 3), 90, np.uint8) for index in range(count)]
    draw_images(images, ["a very… → a name\n100%, row 1234567"] * count, tmp_path / "figure.png", "lab/job")
    check(tmp_path / "figure.png")
