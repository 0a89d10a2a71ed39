"""Converts folders of photographs to arrays. Each folder is a class, and all images get the same size."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal.errors import EpochalError
from epochal.init.tables import MAX_ARRAY_BYTES, MAX_CLASSES, Table
from epochal.sentences import counted

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"})
MAX_PIXELS = 50_000_000
"""Maximum pixels of a photograph, because a small file may decode to far more. The arrays omit larger photographs."""
_SAMPLES = 64
"""Maximum number of images that are opened to choose the size and the channels."""
_MAX_SIDE = 64
"""Maximum side in pixels for images of different sizes, unless the user gives a size."""
_MAX_EQUAL_SIDE = 128
"""Maximum side in pixels up to which images keep their size, if all have the same size."""
_MIN_CLASSES = 2
_SETS = frozenset({"test", "train", "training", "val", "valid", "validation"})
"""Names of folders with a part of the data. Each has the folders of the classes."""


class Size(NamedTuple):
    """Height and width in pixels, and number of channels, of an image."""

    height: int
    width: int
    channels: int


def class_folders(folder: Path) -> Mapping[str, Sequence[Path]]:
    """Return the image files at any depth of each subfolder, by its name. Subfolders without images are omitted."""
    found = {}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith(".") and (images := sorted(_images(child))):
            found[child.name] = images
    return found


def read_photographs(folder: Path, side: int | None = None) -> Table:
    """Return the photographs in the subfolders of a folder as arrays of bytes, with the names of the subfolders.

    Each image is cropped to the aspect ratio of the arrays, and scaled to their size.

    Args:
        folder: The folder, with a subfolder for each class.
        side: Height and width of the arrays in pixels; None to choose a size from the images.

    Raises:
        EpochalError: If Pillow is missing, there are too few or too many classes, the folders are parts of the data, a
            class has no readable image, or the images need too much memory.
    """
    classes = class_folders(folder)
    if classes and _SETS.issuperset(name.lower() for name in classes):
        training = next((name for name in classes if name.lower().startswith("train")), next(iter(classes)))
        raise EpochalError(
            f"the folders {', '.join(classes)} of {folder} are a split of the data, and not classes",
            f"Give the folder with the training set: {folder / training}",
        )
    if not _MIN_CLASSES <= len(classes) <= MAX_CLASSES:
        raise EpochalError(
            f"{folder} must have {_MIN_CLASSES} to {MAX_CLASSES:,} folders with photographs, one for each class, found "
            f"{len(classes):,}",
            f"Put the photographs of each class into a folder of its own, as {', '.join(sorted(SUFFIXES))}.",
        )
    files = [(file, index) for index, images in enumerate(classes.values()) for file in images]
    size = _size(files, side)
    if len(files) * size.height * size.width * size.channels > MAX_ARRAY_BYTES:
        raise EpochalError(
            f"{len(files):,} photographs of {size.height}×{size.width} pixels need more than "
            f"{MAX_ARRAY_BYTES / 2**30:.0f} GiB",
            "Choose a smaller size: --size PIXELS.",
        )
    x = np.zeros((len(files), *size), "uint8")
    y, bad = list[int](), list[str]()
    for file, index in files:
        image = _read(file, size)
        if image is None:
            bad.append(file.name)
        else:
            x[len(y)] = image
            y.append(index)
    if len(set(y)) < len(classes):
        raise EpochalError(f"{folder} has a class without a readable photograph", "Replace the damaged files.")
    notes = [f"The photographs have {size.height}×{size.width} pixels: --size PIXELS chooses another size."]
    if bad:
        notes.append(f"Left out: {counted(len(bad), 'unreadable photograph')}, such as {bad[0]}.")
    return Table({"x": x[: len(y)], "y": np.array(y, "int64"), "class_names": np.array(list(classes))}, notes)


def _images(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names if Path(name).suffix.lower() in SUFFIXES)


def _size(files: Sequence[tuple[Path, int]], side: int | None) -> Size:
    """Return the height, width and channels of the arrays: `side`, or a size chosen from a sample of the images."""
    # A random sample: of files in pairs, such as an image and its mask, a fixed step could take only the masks.
    indices = Random(0).sample(range(len(files)), min(len(files), _SAMPLES))  # noqa: S311 - equal in each run
    found = [size for index in sorted(indices) if (size := _size_of(files[index][0])) is not None]
    if not found:
        raise EpochalError("no photograph is readable", "Use JPEG or PNG.")
    channels = max(size.channels for size in found)
    if side is not None:
        return Size(side, side, channels)
    height, width, _ = found[0]
    if all(size[:2] == (height, width) for size in found) and max(height, width) <= _MAX_EQUAL_SIDE:
        return Size(height, width, channels)
    side = min(_MAX_SIDE, int(median(min(size[:2]) for size in found)))
    return Size(side, side, channels)


def _size_of(file: Path) -> Size | None:
    opened = _open(file)
    if opened is None:
        return None
    with opened as image:
        return Size(image.height, image.width, 1 if image.mode in ("1", "L", "I;16") else 3)


def _read(file: Path, size: Size) -> NDArray[np.uint8] | None:
    """Return an image as an array of this size, cropped and scaled; None if the file is unreadable."""
    from PIL import ImageOps  # noqa: PLC0415 - only photographs need Pillow

    opened = _open(file)
    if opened is None:
        return None
    try:
        with opened as image:
            image.draft("RGB" if size.channels > 1 else "L", (size.width, size.height))
            upright = ImageOps.exif_transpose(image).convert("L" if size.channels == 1 else "RGB")
            fitted = ImageOps.fit(upright, (size.width, size.height))
            return np.asarray(fitted, "uint8").reshape(size)
    except (OSError, ValueError, SyntaxError):
        return None


def _open(file: Path) -> Any:
    """Open an image without decoding its pixels. Return None if it is unreadable or has more than MAX_PIXELS."""
    try:
        from PIL import Image  # noqa: PLC0415 - only photographs need Pillow
    except ImportError:
        raise EpochalError(
            "photographs need Pillow, which is not installed", "Install it: pip install pillow"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked below
            image = Image.open(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if image.width * image.height > MAX_PIXELS:
        image.close()
        return None
    return image
