"""Pictures of an evaluation: the confusion of classes, and the images of the worst samples."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from epochal_api.evaluation import ClassEvaluation
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from epochal_trainer.evaluation.images import SIZE
from epochal_trainer.lib.text import escape

_BLUE = "#1f6fb4"
_DPI = 120
_MAX_NUMBERED = 20
"""Maximum number of classes for which the cells of the confusion matrix show the number of samples."""
_MAX_NAMED = 40
"""Maximum number of classes for which each row of the confusion matrix has a label; beyond, each tenth row."""
_MAX_BARS = 25
"""Maximum number of bars in the chart of confused pairs, which replaces the matrix if there are too many classes."""
_NAME_LENGTH = 16
_COLUMNS = 9
_CELL = (SIZE + 36, SIZE + 24)
"""Height and width in pixels of the cell for an image and its caption."""
_TITLE = 40
"""Height in pixels of the title above the images."""
_DARK = 0.6
"""Fraction of the color scale above which the number in a cell is white, because the cell is dark."""


def draw_confusion(classes: ClassEvaluation, path: Path, title: str) -> None:
    """Draw the confusion matrix as PNG, or a bar chart of the most confused pairs if there are too many classes."""
    names = {each.index: each.name for each in classes.by_class if each.name is not None}

    def label(index: int) -> str:
        return escape(names.get(index, str(index)), _NAME_LENGTH)

    if classes.confusion is not None:
        _draw_matrix(np.array(classes.confusion), label, path, title)
    else:
        _draw_pairs(classes, label, path, title)


def draw_images(images: Sequence[NDArray[Any]], captions: Sequence[str], path: Path, title: str) -> None:
    """Draw images in a grid as PNG. Each image has a caption of at most two lines."""
    columns = min(_COLUMNS, len(images))
    rows = -(-len(images) // columns)
    height, width = _CELL
    sheet = np.full((rows * height, max(columns, 4) * width, 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * width + (width - image.shape[1]) // 2
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    with _canvas(path, title, (sheet.shape[1] / _DPI, (sheet.shape[0] + _TITLE) / _DPI), layout=None) as axes:
        axes.set_position((0, 0, 1, sheet.shape[0] / (sheet.shape[0] + _TITLE)))
        axes.imshow(sheet, interpolation="nearest")
        axes.set_axis_off()
        for index, caption in enumerate(captions):
            x, y = index % columns * width + width / 2, index // columns * height + SIZE + 4
            axes.text(x, y, caption, ha="center", va="top", fontsize=6.5, linespacing=1.1)


def _draw_matrix(matrix: NDArray[Any], label: Callable[[int], str], path: Path, title: str) -> None:
    count = len(matrix)
    side = min(max(4.6, 2.2 + 0.42 * count), 11.0)
    shares, is_correct = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), np.eye(count, dtype=bool)
    # Mistakes have a scale of their own, because a share of 2 % would be invisible beside 98 %.
    scales = np.where(is_correct, 1.0, np.where(is_correct, 0, shares).max() or 1.0)
    with _canvas(path, title, (side + 1.0, side)) as axes:
        axes.imshow(np.where(is_correct, shares, np.nan), cmap="Blues", vmin=0, vmax=1)
        mistakes = np.where(~is_correct & (matrix > 0), shares, np.nan)
        image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=scales.min())
        axes.figure.colorbar(image, ax=axes, shrink=0.8, label="mistakes: share of the samples of a class")
        shown = range(count) if count <= _MAX_NAMED else range(0, count, 10)
        rotation = 0 if max(len(label(index)) for index in shown) <= 3 else 90  # noqa: PLR2004 - characters
        axes.set_xticks(shown, [label(index) for index in shown], rotation=rotation, fontsize=8)
        axes.set_yticks(shown, [label(index) for index in shown], fontsize=8)
        axes.set_xlabel("answer")
        axes.set_ylabel("label")
        if count <= _MAX_NUMBERED:
            for row, column in np.argwhere(matrix):
                color = "white" if shares[row, column] > _DARK * scales[row, column] else "black"
                axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=color, fontsize=8)


def _draw_pairs(classes: ClassEvaluation, label: Callable[[int], str], path: Path, title: str) -> None:
    pairs = classes.confused[:_MAX_BARS][::-1]
    with _canvas(path, title, (8.0, 1.6 + 0.28 * max(len(pairs), 4))) as axes:
        axes.spines[["top", "right"]].set_visible(False)
        if not pairs:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no mistakes", transform=axes.transAxes, ha="center", va="center", color="0.4")
            return
        rows = range(len(pairs))
        bars = axes.barh(rows, [pair.samples for pair in pairs], color=_BLUE, height=0.6)
        axes.bar_label(bars, padding=3, fontsize=8)
        axes.set_yticks(rows, [f"{label(pair.label)} → {label(pair.answer)}" for pair in pairs], fontsize=8)
        axes.set_xlabel("samples with this label → answer")
        axes.margins(x=0.1)


@contextmanager
def _canvas(
    path: Path, title: str, size: tuple[float, float], layout: Literal["constrained"] | None = "constrained"
) -> Iterator[Axes]:
    """Provide axes to draw on, and write the figure to `path` at the end of the context. `size` is in inches."""
    figure = Figure(figsize=size, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    yield figure.subplots()
    figure.savefig(path, dpi=_DPI)
