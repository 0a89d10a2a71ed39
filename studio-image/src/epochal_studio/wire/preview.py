"""Answers about a preview of data."""

from typing import Literal

from epochal_api.model import Model

from epochal_studio.wire.common import Problem


class SamplePicture(Model):
    """A sample as a picture."""

    width: int
    height: int
    channels: Literal[1, 3]
    pixels: str
    """Base64 of height times width times channels bytes, scaled: the smallest value is 0 and the greatest 255."""
    label: str | None


class ArrayPreview(Model):
    """An array of a file."""

    name: str
    """Name within an npz file; empty for a file with one array."""
    shape: list[int]
    dtype: str
    """Type of the elements as in numpy, such as uint8 or float32."""
    values: list[str]
    """The first values, as text: at most 20."""
    classes: dict[str, int] | None = None
    """For an array of labels: number of samples of each class among the values read, for at most 100 classes."""
    problem: str | None = None
    """Why the values are unknown, such as Python objects, which are never unpickled."""


class Preview(Model):
    """The preview of a data file, which is read only in part."""

    key: str
    size: int
    format: Literal["npz", "npy", "idx", "csv", "unknown"]
    arrays: list[ArrayPreview]
    """The arrays of the file, at most 50."""
    samples: list[SamplePicture]
    """The first samples, if they look like pictures: at most 12."""
    columns: list[str]
    """Names of the columns of a CSV file: at most 200."""
    rows: list[list[str]]
    """The first rows of a CSV file: at most 10."""
    problem: Problem | None = None
    """Why a part of the preview is missing, or why a training cannot read the file."""
