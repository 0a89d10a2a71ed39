"""Reads the code blocks of the documents and runs them, so that document and test cannot differ."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_PART = re.compile(r"^#+ (?P<heading>[^\n]*)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PRELUDE = """set -euo pipefail
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
uv() { shift; "$@"; }
"""
"""The environment that `uv run` would create exists already. Background jobs end with the script."""
_END = "-- end of a block --\n"


class Block(NamedTuple):
    """A fenced block of code.

    Args:
        language: What it is written in.
    """

    heading: str
    language: str
    text: str


def blocks(document: str, *languages: str, under: str | None = None) -> list[Block]:
    """Returns blocks of a document, in order.

    Args:
        document: Path of the document from the root of the repository.
        languages: Those to return; all if none is named.
        under: Heading of those to return; None for all.

    Raises:
        LookupError: If there is none.
    """
    found, heading = [], ""
    for part in _PART.finditer((ROOT / document).read_text()):
        if part["heading"] is not None:
            heading = part["heading"]
        elif (not languages or part["language"] in languages) and under in (None, heading):
            found.append(Block(heading, part["language"], part["text"]))
    if not found:
        raise LookupError(f"{document} has no block of {languages or 'code'} under {under or 'any heading'}")
    return found


def commands(document: str, heading: str) -> dict[str, str]:
    """Returns the kubectl commands of a table below a heading, by their purpose."""
    section = (ROOT / document).read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| `(kubectl [^`]+)` \|$", section, re.MULTILINE))


def run(parts: Iterable[Block], folder: Path, *, timeout: float, **environment: str) -> list[str]:
    """Runs blocks of shell and Python as a reader at the root of the repository would, one after another in one shell.

    Args:
        folder: Folder to run them in, with the examples at the same place as in the repository.
        timeout: Seconds that they may take.
    """
    (folder / "manifests").symlink_to(ROOT / "manifests")
    texts = [part.text if part.language == "sh" else f"python - <<'END'\n{part.text}END\n" for part in parts]
    script = _PRELUDE + "".join(f"{text}echo '{_END.strip()}'\n" for text in texts)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script],
        check=False,
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        text=True,
        timeout=timeout,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.split(_END)[: len(texts)]


def run_by_heading(parts: Sequence[Block], folder: Path, *, timeout: float, **environment: str) -> dict[str, str]:
    """Runs blocks, and returns their output by the heading above them."""
    printed: dict[str, str] = {}
    for part, text in zip(parts, run(parts, folder, timeout=timeout, **environment), strict=True):
        printed[part.heading] = printed.get(part.heading, "") + text
    return printed
