"""Chooses the importer for a file by its name and its content."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochal_api.documents import UnreadableFile, read_documents
from epochal_api.kind import GROUP
from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.importers.imported import Imported, finish_import
from epochal.importers.reading import parse_json, read_start, read_text, shown

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_PROGRAMS = frozenset({".py", ".ipynb"})
_MAX_YAML = 2**19
"""Maximum characters of a YAML manifest of another tool. A longer manifest is refused: the parser needs seconds for a
megabyte."""
KNOWN = (
    "a flow (.nnd), a Keras model (.keras, .h5, JSON of model.to_json()), a program (.py or .ipynb, with --run), "
    "an Experiment of Katib, a manifest with hyper_parameters_optimization, or a manifest.yml of FfDL"
)


def import_file(path: Path, *, name: str | None = None, strict: bool = False, run: str | None = None) -> Imported:
    """Convert a file of another tool to a manifest of Epochal.

    Args:
        path: The file.
        name: Name of the TrainingJob or Experiment. Default: the name in the file, or the file name.
        strict: Whether to raise an error if a detail of the file is lost.
        run: Name of the variable with the model in a Python program or notebook. If set, the program is run.

    Raises:
        EpochalError: If the file is broken or unknown; or, with `strict`, if a detail is lost.
    """
    try:
        return _import_file(path, name=name, strict=strict, run=run)
    except EpochalError as error:
        if str(path) in error.message:
            raise
        raise EpochalError(
            f"{printable(str(path))}: {error.message}", error.remedy, exit_code=error.exit_code
        ) from error


def _import_file(path: Path, *, name: str | None, strict: bool, run: str | None) -> Imported:
    start = read_start(path)
    if path.suffix in _PROGRAMS:
        from epochal.importers.keras_model import program  # noqa: PLC0415 - few imports for each format

        return program.import_program(path, name=name, strict=strict, variable=run)
    if run is not None:
        raise EpochalError(f"--run is for .py and .ipynb, found {shown(path.name)}", "Import it without --run.")
    if start.startswith(_ZIP):
        from epochal.importers.keras_model import archive  # noqa: PLC0415

        return archive.import_archive(path, name=name, strict=strict)
    if start.startswith(_HDF5):
        from epochal.importers.keras_model import hdf5  # noqa: PLC0415

        return hdf5.import_hdf5(path, name=name, strict=strict)
    if path.suffix == ".keras":
        raise EpochalError("a .keras file must be a zip archive: the file may be incomplete, or have another format")
    return _import_document(_read_document(path), path, name=name, strict=strict)


def _read_document(path: Path) -> Any:
    text = read_text(path)
    if path.suffix in {".json", ".nnd"} or text.lstrip().startswith("{"):
        value = parse_json(text, "the file")
        # json.dump of model.to_json() gives a JSON text within JSON.
        return parse_json(value, "the text in the file") if isinstance(value, str) else value
    if len(text) > _MAX_YAML:
        raise EpochalError(f"a manifest must have at most {_MAX_YAML // 1024} KiB, found {len(text) // 1024:,} KiB")
    try:
        documents = [document.value for document in read_documents(text)]
    except UnreadableFile as error:
        raise EpochalError(f"{error}", f"Known are {KNOWN}.") from None
    kinds = [each.get("kind") if isinstance(each, Mapping) else None for each in documents]
    if not documents:
        raise EpochalError("the file is empty", f"Known are {KNOWN}.")
    return documents[kinds.index("Experiment")] if "Experiment" in kinds else documents[0]


def _import_document(document: Any, path: Path, *, name: str | None, strict: bool) -> Imported:
    if not isinstance(document, Mapping):
        raise EpochalError(f"it must be a mapping, found {type(document).__name__}", f"Known are {KNOWN}.")
    if {"pipelines", "primary_pipeline"} & document.keys() or document.get("doc_type") == "pipeline":
        from epochal.importers.flow.job import convert_flow  # noqa: PLC0415

        return finish_import(convert_flow(document, name=name, file=path.name), strict=strict)
    if "class_name" in document and "config" in document:
        from epochal.importers.keras_model.job import convert_model  # noqa: PLC0415

        draft = convert_model(document, name=name or path.stem, source=path.name).draft
        return finish_import(draft, strict=strict)
    version = str(document.get("apiVersion", ""))
    if version.startswith(f"{GROUP}/"):
        raise EpochalError("it is a manifest of Epochal already", f"Check it: epochal check {shown(path.name)}")
    if version.startswith("kubeflow.org/") and document.get("kind") == "Experiment":
        from epochal.importers.search.katib import import_katib  # noqa: PLC0415

        return import_katib(document, name=name, strict=strict)
    from epochal.importers.search.watson import find_search, import_search  # noqa: PLC0415

    if (search := find_search(document)) is not None:
        return import_search(document, search, name=name, stem=path.stem, strict=strict)
    if {"data_stores", "framework", "learners"} & document.keys():
        from epochal.importers.ffdl.manifest import convert_manifest  # noqa: PLC0415

        return finish_import(convert_manifest(document, name=name, stem=path.stem), strict=strict)
    keys = ", ".join(shown(str(key)) for key in list(document)[:8])
    raise EpochalError(
        f"the format of the file is unknown; the first fields in the file are {keys}", f"Known are {KNOWN}."
    )
