"""The evaluation of a trained model on a data set: the file evaluation.json, in the same folder as the model.

Programs read the file, so `version` changes if a field gets another meaning. New fields do not change the version.
"""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.model import Count, TolerantModel
from epochal_api.signature import FileName, Sha256

EVALUATION = "evaluation.json"
CONFUSION = "confusion.png"
"""The confusion matrix as a plot, or the most confused pairs of a network with more than MAX_MATRIX classes."""
MISTAKES = "mistakes.png"
"""The images of the worst mistakes."""

MAX_MATRIX = 100
"""Maximum number of classes with a full confusion matrix. With more, only the most confused pairs are stored."""
MAX_LISTED_CLASSES = 1000
"""Maximum number of classes whose figures are listed: those with the most mistakes."""
MAX_CONFUSED = 100
"""Maximum number of confused pairs: those with the most samples."""
MAX_WORST = 36
"""Maximum number of samples that are listed as the worst."""
MAX_VALUES = 16
"""Maximum number of values of the label, and of the model's answer, for a listed sample: the first values."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""


class EvaluatedModel(TolerantModel):
    """The model that was evaluated."""

    name: FileName
    """File name, next to this file: best.keras if it exists, else model.keras."""
    epoch: Count
    """The epoch of the model's weights, counted from 1."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""


class Place(TolerantModel):
    """The place of a sample in the data bucket."""

    source: str
    """Object of the features below spec.data.prefix, and the array's name in brackets if the object has several:
    digits.npz[x_test]."""
    row: Count
    """Index of the sample on the first axis of this array, from 0."""


class Mistake(TolerantModel):
    """A sample for which the model predicts another class than its label."""

    place: Place
    """Place of the sample."""
    label: Count
    """Class of the sample's label."""
    answer: Count
    """Class that the model predicts: the class with the highest output."""
    probability: Share | None = None
    """Probability of the predicted class; absent if the outputs are no probabilities."""
    label_probability: Share | None = None
    """Probability of the label's class; absent if the outputs are no probabilities."""


class ClassFigures(TolerantModel):
    """How well the model predicts a class."""

    index: Count
    """Class index."""
    name: str | None = None
    """Name of the class, if the data have names."""
    samples: Count
    """Number of evaluated samples with this label."""
    answers: Count
    """Number of samples for which the model predicts this class, rightly or wrongly."""
    correct: Count
    """Number of samples with this label for which the model predicts this class."""
    precision: Share | None = None
    """correct / answers; absent if the model never predicts this class."""
    recall: Share | None = None
    """correct / samples; absent if no sample has this label."""


class ConfusedPair(TolerantModel):
    """A class that the model predicts for samples of another class."""

    label: Count
    """Class of the labels."""
    answer: Count
    """Class that the model predicts."""
    samples: Count
    """Number of samples with this label for which the model predicts the class `answer`."""


class CalibrationBin(TolerantModel):
    """The samples for which the probability of the predicted class is within a range."""

    lower: Share
    """Lower end of the range."""
    upper: Share
    """Upper end of the range. Only the last range includes its upper end."""
    samples: Count
    """Number of samples in the range."""
    probability: Share | None = None
    """Mean probability of the predicted classes; absent without samples."""
    accuracy: Share | None = None
    """Fraction of samples with a correct prediction; absent without samples."""


class Calibration(TolerantModel):
    """The probabilities of the predicted classes, compared with the fraction of correct predictions."""

    error: Share | None = None
    """Expected calibration error: the mean difference between probability and accuracy over the ranges, weighted by
    their samples. 0 is best. Absent without samples."""
    bins: list[CalibrationBin]
    """Ranges of equal width, in order."""


class ClassEvaluation(TolerantModel):
    """The evaluation of a model that predicts one of several classes."""

    count: Annotated[int, Field(ge=2)]
    """Number of classes."""
    correct: Count
    """Number of evaluated samples for which the predicted class is the label."""
    accuracy: Share | None = None
    """correct / evaluated; absent if no sample could be evaluated."""
    by_class: Annotated[list[ClassFigures], Field(max_length=MAX_LISTED_CLASSES)]
    """Figures of each class, in the order of the indices. Of more than 1,000 classes, those with the most mistakes."""
    confusion: Annotated[list[list[Count]] | None, Field(max_length=MAX_MATRIX)] = None
    """Number of samples by label (row) and predicted class (column); absent for more than 100 classes."""
    confused: Annotated[list[ConfusedPair], Field(max_length=MAX_CONFUSED)]
    """The most frequent pairs of a label and another predicted class, in descending order."""
    confused_error: Count = 0
    """Number of samples that a count in `confused` may be too low by: above 0 only if a network with very many
    classes makes very many different mistakes."""
    calibration: Calibration | None = None
    """Calibration of the probabilities; absent if the outputs are no probabilities."""
    mistakes: Annotated[list[Mistake], Field(max_length=MAX_WORST)]
    """The mistakes where the output of the predicted class exceeds that of the label's class by most, worst first."""


class WorstSample(TolerantModel):
    """A sample with a large difference between its label and the model's answer."""

    place: Place
    """Place of the sample."""
    label: Annotated[list[float], Field(max_length=MAX_VALUES)]
    """First values of the label."""
    answer: Annotated[list[float], Field(max_length=MAX_VALUES)]
    """First values of the answer, which is the model's output for the sample."""
    error: Annotated[float, Field(ge=0)]
    """Root of the mean squared difference over all values of the sample; for a single value its absolute difference."""


class Quantile(TolerantModel):
    """A quantile of the residuals."""

    fraction: Share
    """Fraction of the residuals that are at most `value`: 0 is the least, 0.5 the median, 1 the greatest."""
    value: float
    """The residual: answer minus label."""


class NumberEvaluation(TolerantModel):
    """The evaluation of a model that predicts numbers, such as a regression."""

    values: Annotated[int, Field(ge=1)]
    """Number of values of the model's answer for one sample."""
    mean_residual: float | None = None
    """Mean of answer minus label: above 0 if the answers are too high. Absent if no sample could be evaluated."""
    mean_absolute_error: float | None = None
    """Mean of the absolute residuals."""
    root_mean_squared_error: float | None = None
    """Root of the mean of the squared residuals."""
    quantiles: list[Quantile]
    """Quantiles of the residuals; empty if no sample could be evaluated."""
    exact: bool
    """Whether the quantiles are computed from all residuals. Of very many, a random sample is used."""
    worst: Annotated[list[WorstSample], Field(max_length=MAX_WORST)]
    """The samples with the largest errors, largest first."""


class OutputEvaluation(TolerantModel):
    """The evaluation of one output of a model with several outputs.

    `samples` is the sum of `evaluated`, `unlabeled`, `notFinite` and `skipped` of the evaluation.
    """

    evaluated: Count
    """Number of samples from which `classes` or `numbers` is computed."""
    unlabeled: Count
    """Number of samples without a class, with the label `ignore_class` of the loss, or with the weight 0."""
    not_finite: Count
    """Number of samples for which the output is NaN or infinite."""
    classes: ClassEvaluation | None = None
    """Figures of an output that predicts one of several classes."""
    numbers: NumberEvaluation | None = None
    """Figures of an output that predicts numbers."""
    confusion: str | None = None
    """File name of the plot of the confusion matrix, next to this file; absent if there is none."""
    mistakes: str | None = None
    """File name of the images of the worst samples; absent if there is none."""


class Evaluation(TolerantModel):
    """The evaluation of a trained model on a data set, with the samples of its worst predictions.

    `samples` is the sum of `evaluated`, `skipped`, `unlabeled` and `notFinite`.
    """

    version: Literal[1] = 1
    """Version of this format."""
    model: EvaluatedModel
    """The evaluated model."""
    data: Literal["test", "validation"]
    """The evaluated data set of spec.data: test if the job has one, else validation."""
    samples: Count
    """Number of samples in the data set."""
    evaluated: Count
    """Number of samples from which `classes` or `numbers` is computed. Each counts once, whatever its sample weight
    above 0 is."""
    skipped: Count
    """Number of samples that were not evaluated because the time for this step was over. The others are spread evenly
    over the data set."""
    unlabeled: Count
    """Number of samples without a class, with the label `ignore_class` of the loss, or with the weight 0."""
    not_finite: Count
    """Number of samples for which an output is NaN or infinite."""
    classes: ClassEvaluation | None = None
    """Figures of a model that predicts one of several classes."""
    numbers: NumberEvaluation | None = None
    """Figures of a model that predicts numbers."""
    output: str | None = None
    """Of a model with several outputs, the output of `classes` or `numbers`: the first one that can be evaluated.
    Absent for a model with one output."""
    outputs: dict[str, OutputEvaluation] | None = None
    """Figures of each output that can be evaluated, by its name; absent for a model with one output."""
