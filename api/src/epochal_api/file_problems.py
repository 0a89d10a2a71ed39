"""The problems of the objects in files: a line of text for each, with the line and column in the file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from epochal_api.catalogue.findings import Problem
from epochal_api.catalogue.problems import problems
from epochal_api.documents import Document, UnreadableFile, read_documents, read_file
from epochal_api.kind import GROUP


class Findings(NamedTuple):
    """The result of a further check of an object.

    Args:
        problems: The further problems.
        lines: Lines to print before all problems of the object, such as a table.
    """

    problems: Sequence[Problem] = ()
    lines: Sequence[str] = ()


FurtherCheck = Callable[[Any, Sequence[Problem]], Findings]
"""A further check: gets an object as plain values and its problems found so far."""


class FileProblems(NamedTuple):
    """The result of a check of files.

    Args:
        lines: A line for each problem, and the lines of the further check. Without these, one line with the number of
            checked objects.
        has_errors: Whether at least one problem is not a warning.
    """

    lines: Sequence[str]
    has_errors: bool


def check_files(files: Sequence[Path], further: FurtherCheck | None = None) -> FileProblems:
    """Return the problems of the objects in files.

    Objects of other API groups are skipped, so that a file may also have Secrets and ConfigMaps.
    """
    count, lines, has_errors = 0, list[str](), False
    for file in files:
        try:
            for document in read_documents(read_file(file)):
                if is_of_epochal(document):
                    count += 1
                    found = problems(document.value)
                    others = further(document.value, found) if further else Findings()
                    lines.extend(others.lines)
                    for problem in [*found, *others.problems]:
                        place, kind = document.place(problem.path), "warning: " if problem.is_warning else ""
                        lines.append(f"{file}:{place.line}:{place.column}: {kind}{problem}")
                        has_errors = has_errors or not problem.is_warning
        except UnreadableFile as error:
            lines.append(f"{file}: cannot read the file: {error}")
            has_errors = True
    return FileProblems(lines or [f"Checked {count} object{'s' if count != 1 else ''}: no problems."], has_errors)


def is_of_epochal(document: Document) -> bool:
    """Return whether an object must be checked: its apiVersion is of Epochal's group, or missing, or no text."""
    version = document.value.get("apiVersion") if isinstance(document.value, dict) else None
    return not isinstance(version, str) or version.startswith(f"{GROUP}/")
