"""Reads the templates for new runs: the TrainingJobs and Experiments of manifests/examples."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from epochal_studio.networks.examine import wrong_kind
from epochal_studio.networks.reading import UnreadableDocument, read_object
from epochal_studio.wire.networks import MAX_YAML, Template

MAX_TEMPLATES = 100
_END = re.compile(r"(?<=[.!?:])\s+")
"""The end of a template's title: the space after a sentence or a colon."""

log = logging.getLogger(__name__)


def read_templates(folder: Path) -> list[Template]:
    """Return the templates in the YAML files of a folder, sorted by file name; none if the folder does not exist.

    A template is a TrainingJob or an Experiment. Unreadable files, other kinds, and templates after the first
    MAX_TEMPLATES are left out.
    """
    return list(_templates(folder))[:MAX_TEMPLATES]


def _templates(folder: Path) -> Iterator[Template]:
    for file in sorted(folder.glob("*.yaml")):
        try:
            text = file.read_text(encoding="utf-8")
            document = read_object(text) if len(text) <= MAX_YAML else {}
        except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
            log.warning("cannot read the template %s: %s", file.name, error)
            continue
        if wrong_kind(document) is None:
            title, description = described(text)
            yield Template(name=file.stem, title=title or file.stem, description=description, yaml=text)


def described(text: str) -> tuple[str, str]:
    """Return title and description of a template from the comment at its head.

    The title ends at the end of the first sentence or at a colon, whichever is first. The description is the rest.
    """
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    title, *others = _END.split(" ".join(lines).strip(), maxsplit=1)
    rest = others[0] if others else ""
    return title.rstrip(".:"), rest[:1].upper() + rest[1:]
