"""Writes the manifest of an import and the file of its weights: both, or neither after an error."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.importers.imported import Imported
from epochal.output_files import require_absent

SUFFIX = ".weights.h5"
Upload = Callable[[Path], str]
"""Uploads a file to a bucket, and returns its URI."""


def write_import(imported: Imported, target: Path, *, replace: bool, upload: Upload | None = None) -> list[Path]:
    """Write the manifest of an import and, if it has weights, a file with the weights beside it. Return the files.

    Args:
        imported: The manifest and its weights.
        target: The file of the manifest.
        replace: Whether to replace files that exist.
        upload: Uploads the file of the weights, whose URI then is in the manifest. None to upload nothing.

    Raises:
        EpochalError: If a file exists, the weights are damaged, or a file cannot be written. Then nothing is written.
    """
    files = [target, *([target.with_name(f"{target.stem}{SUFFIX}")] if imported.weights is not None else [])]
    require_absent(files, force=replace)
    try:
        # In the same folder, so that the files can be moved into place.
        with TemporaryDirectory(dir=target.parent, prefix=".epochal-") as folder:
            parts = [Path(folder) / file.name for file in files]
            if imported.weights is not None:
                imported.weights.write(parts[1])
                if upload is not None:
                    imported = imported.with_weights(upload(parts[1]))
            parts[0].write_text(imported.text, encoding="utf-8")
            for part, file in zip(reversed(parts), reversed(files), strict=True):
                shutil.move(part, file)
    except OSError as error:
        raise EpochalError(f"cannot write {printable(str(target))}: {os.strerror(error.errno or 0)}") from None
    return files
