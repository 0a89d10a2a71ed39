"""Builds the site into a folder: `python -m scripts.site [FOLDER]`, by default `build`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.site import api, commands, diagrams, values
from scripts.site.links import COPIED, for_site, resolve, targets

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
ASSETS = ("iframe-worker.js", "site.css")
DOCUMENTS = (
    *("README.md", "SECURITY.md", "charts/epochal/README.md", "trainer-image/src/epochal_trainer/checkpoint/README.md"),
    *("studio/README.md", "tests/cluster/README.md", "tests/bench/RESULTS.md", "tests/faults/RESULTS.md"),
)
"""The documents outside of docs/ that the site has."""


def documents() -> list[Path]:
    """Return the paths of the documents of the site, from the root of the repository."""
    return [*map(Path, DOCUMENTS), *sorted(file.relative_to(ROOT) for file in (ROOT / "docs").glob("*.md"))]


def write_pages(folder: Path) -> None:
    """Write the documents, the pages of the reference and the files that they show or link."""
    for document in documents():
        text = diagrams.with_pictures((ROOT / document).read_text(), document)
        _write(folder / document, for_site(text, document, ROOT))
        for target in targets(text):
            file = resolve(document, target)
            if file.suffix in COPIED:
                _copy(ROOT / file, folder / file)
    reference = folder / "docs" / "reference"
    _write(reference / "commands.md", commands.page())
    _write(reference / "values.md", values.page(ROOT / "charts" / "epochal"))
    for name, text in api.pages().items():
        _write(reference / name, text)
    for asset in ASSETS:
        _copy(HERE / asset, folder / "assets" / asset)


def build(folder: Path) -> str:
    """Build the site. A broken link or a missing page fails.

    Args:
        folder: Folder for the pages and the site.

    Returns:
        The complaints of Zensical; "" for a site without problems.
    """
    for part in ("pages", "site"):
        shutil.rmtree(folder / part, ignore_errors=True)
    write_pages(folder / "pages")
    return run_zensical(folder)


def run_zensical(folder: Path) -> str:
    """Build the site of the pages in a folder, and return the complaints, or "" for a site without problems."""
    _copy(HERE / "zensical.toml", folder / "zensical.toml")
    done = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean", "--config-file", "zensical.toml"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    return _COLORS.sub("", done.stdout + done.stderr) if done.returncode else ""


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    if complaints := build(place):
        sys.exit(complaints)
    sys.stdout.write(f"The site is {place / 'site' / 'index.html'}\n")
