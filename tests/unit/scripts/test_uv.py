"""The images are built with the locked version of uv, pinned by hash."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text())
PINNED = (ROOT / "scripts" / "uv.txt").read_text()
BUILDS = [
    "operator/Dockerfile",
    "server-image/Dockerfile",
    "studio-image/Dockerfile",
    "trainer-image/Dockerfile",
    "Makefile",
]
MEMBERS = ["api", "cli", "lib", "operator", "photographs", "server-image", "studio-image", "trainer-image"]


def uv() -> dict[str, Any]:
    (found,) = (package for package in LOCK["package"] if package["name"] == "uv")
    return dict(found)


def test_uv_has_the_locked_version() -> None:
    files = [uv()["sdist"], *uv()["wheels"]]
    assert re.findall(r"^(\S+?)==(\S+)", PINNED, re.MULTILINE) == [("uv", uv()["version"])], "run make scripts/uv.txt"
    assert set(re.findall(r"--hash=(\S+)", PINNED)) == {file["hash"] for file in files}, "run make scripts/uv.txt"


@pytest.mark.parametrize("file", BUILDS)
def test_nothing_is_installed_without_a_hash(file: str) -> None:
    text = (ROOT / file).read_text().replace("\\\n", " ")
    installs = re.findall(r"\S*\bpip install [^&\n]*|uv sync [^&\n]*", text)
    assert installs
    for command in installs:
        checked = "--frozen" if command.startswith("uv sync") else "--require-(?:build-)?hashes"
        assert re.search(checked, command), command


def test_all_images_begin_alike() -> None:
    """So what one has downloaded the others find."""
    texts = [(ROOT / file).read_text().partition("\nARG BASE=")[2] for file in BUILDS if file.endswith("Dockerfile")]
    first, *others = (text.partition("FROM uv AS dependencies")[0] for text in texts)
    assert "uv sync" in first
    assert others == [first] * (len(texts) - 1)


@pytest.mark.parametrize("member", MEMBERS)
def test_the_build_backend_is_uv_itself(member: str) -> None:
    """Which holds it as part of its own program, so that nothing is downloaded: other versions would be."""
    build = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["build-system"]
    least, below = re.fullmatch(r"uv_build>=([\d.]+),<([\d.]+)", *build["requires"]).groups()  # type: ignore[union-attr]
    assert build["build-backend"] == "uv_build"
    assert number(least) <= number(uv()["version"]) < number(below)


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
