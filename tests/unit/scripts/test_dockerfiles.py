"""The Dockerfiles find the files that they copy, and take the folders that a checkout builds from nowhere."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted(path for path in ROOT.glob("*/Dockerfile"))
BUILT = ("studio/node_modules", "studio/dist", "api/src/epochal_api/__pycache__")


def is_ignored(path: str) -> bool:
    """Returns whether .dockerignore keeps a path out: its last pattern for the path or a folder above it decides."""
    folders = ["/".join(path.split("/")[: number + 1]) for number in range(path.count("/") + 1)]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        # `**/` also stands for no folder.
        if any(fnmatch(folder, each) for folder in folders for each in (pattern, pattern.removeprefix("**/"))):
            ignored = not line.startswith("!")
    return ignored


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_what_is_copied_is_there(file: Path) -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", file.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert "pyproject.toml" in sources
    assert [source for source in sources if not (ROOT / source).exists() or is_ignored(source)] == []


@pytest.mark.parametrize("path", BUILT)
def test_what_a_checkout_builds_is_ignored(path: str) -> None:
    assert is_ignored(path)


def test_the_image_of_studio_runs_no_script_of_a_package() -> None:
    text = (ROOT / "studio-image" / "Dockerfile").read_text()
    assert re.findall(r"npm (?:ci|install)\b[^&\n]*", text) == ["npm ci --ignore-scripts --loglevel=error"]
