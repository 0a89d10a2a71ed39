"""The summary of the data sets of a training: the file data.json, in the same folder as the model.

Programs read the file, so `version` changes if a field gets another meaning. New fields do not change the version.
"""

from typing import Annotated, Literal

from pydantic import Field

from epochal_api.model import Count, TolerantModel

DATA = "data.json"

MAX_LISTED_COLUMNS = 256
"""Maximum number of columns of an array whose ranges are listed. An array with more columns has no such list."""
MAX_LISTED_CLASSES = 1000
"""Maximum number of classes whose numbers of samples are listed: those with the most samples."""

SetName = Literal["train", "validation", "test"]
"""A data set of spec.data. The samples of a validation set that was split from train are not in train."""


class ValueRange(TolerantModel):
    """The range of some values of a data set."""

    lowest: float | None = None
    """Lowest value; absent if all values are missing."""
    highest: float | None = None
    """Highest value; absent if all values are missing."""
    mean: float | None = None
    """Mean of the values that are not missing; absent if there are none, or if their sum is no finite number."""
    missing: Count = 0
    """Number of missing values (NaN). A training with missing values fails with NonFiniteData, so a reader of the file
    finds 0."""


class ColumnRange(ValueRange):
    """The range of a column of a table, or of a channel of an image."""

    name: str | None = None
    """Name of the column, if the data have names."""


class ArraySummary(ValueRange):
    """An array of a data set. Its shape is that of one sample, without the first axis."""

    source: str
    """Object in the data bucket, and the array's name in brackets if the object has several: digits.npz[x_train]."""
    shape: list[Count]
    """Shape of one sample, in the form for the network; empty for a single number."""
    dtype: Annotated[str, Field(max_length=16)]
    """Type of the values, as named by numpy, such as float32."""
    columns: Annotated[list[ColumnRange], Field(max_length=MAX_LISTED_COLUMNS)] = []
    """Ranges along the last axis of a sample: the columns of a table, or the channels of an image. Empty for a sample
    that is a single number, and for more than 256 columns."""
    constant_columns: Count | None = None
    """Number of columns, listed or not, with the same value in all samples. Absent if the columns are not compared: a
    sample is a single number, or has more than 65,536 columns."""


class ClassSamples(TolerantModel):
    """The samples of a class."""

    index: Count
    """Class index."""
    name: str | None = None
    """Name of the class, if the data have names."""
    samples: Annotated[float, Field(ge=0)]
    """Number of samples: the sum of their fractions, and so perhaps no integer, if label rows divide a sample."""


class ClassBalance(TolerantModel):
    """The classes of the labels, and the samples of each class."""

    count: Annotated[int, Field(ge=1)]
    """Number of classes that the network can predict."""
    unlabeled: Count = 0
    """Number of samples without a class: their label is `ignore_class` of the loss."""
    by_class: Annotated[list[ClassSamples], Field(max_length=MAX_LISTED_CLASSES)]
    """Samples of each class, in the order of the indices. Of more than 1,000 classes, those with the most samples."""


class LabelSummary(ArraySummary):
    """The labels of a data set."""

    classes: ClassBalance | None = None
    """The classes; absent if the network does not predict one of several classes, as in a regression."""


class FoundSamples(TolerantModel):
    """The number of samples for which an equal sample was found.

    Equal samples have the same inputs and outputs, by a digest. Of data sets with more than 131,072 samples, those
    samples are checked whose digests are below a limit, which is the same for all sets.
    """

    checked: Count
    """Number of samples for which an equal sample was searched."""
    found: Count
    """Number of these samples that have an equal sample."""


class SharedSamples(FoundSamples):
    """The samples of a data set that another data set also has."""

    set: SetName
    """The data set whose samples were searched for in `other`."""
    other: SetName
    """The data set that was searched for equal samples."""


class SetSummary(TolerantModel):
    """A data set, in the form in which the network receives it."""

    samples: Annotated[int, Field(ge=1)]
    """Number of samples."""
    features: ArraySummary
    """The input of the network; of several inputs, the first one."""
    labels: LabelSummary
    """The expected output of the network; of several outputs, the first one."""
    inputs: dict[str, ArraySummary] | None = None
    """All inputs of the network by name; absent if the network has one input and one output."""
    outputs: dict[str, LabelSummary] | None = None
    """All expected outputs of the network by name; absent if the network has one input and one output."""
    repeated: FoundSamples
    """The samples that occur several times in this set."""


class DataSummary(TolerantModel):
    """The data sets of a training, as the network receives them."""

    version: Literal[1] = 1
    """Version of this format."""
    train: SetSummary
    """The samples that the network is trained on."""
    validation: SetSummary | None = None
    """The samples that the network is validated with after each epoch, if there are any."""
    test: SetSummary | None = None
    """The samples that the network is tested with at the end, if there are any."""
    shared: list[SharedSamples] = []
    """The samples that two sets share, for each pair of sets."""
