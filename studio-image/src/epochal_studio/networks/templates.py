"""The examples to begin with: the TrainingJobs and Experiments of manifests/examples."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from epochal_studio.networks.examine import wrong_kind
from epochal_studio.networks.reading import UnreadableDocument, read_object
from epochal_studio.wire import MAX_YAML, Template

MAX_TEMPLATES = 100
_SENTENCE = re.compile(r"(?<=[.!?])\s+")

log = logging.getLogger(__name__)


def read_templates(folder: Path) -> list[Template]:
    """Return the examples of a folder by their names; none if there is no such folder."""
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
    """Return the first sentence of the comment at the head of a text, and the others."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    title, *others = _SENTENCE.split(" ".join(lines).strip(), maxsplit=1)
    return title.removesuffix("."), others[0] if others else ""
