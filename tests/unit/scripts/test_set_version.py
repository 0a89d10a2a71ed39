"""All packages, the chart and the images have the same version, and the script changes each place of it."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts import set_version
from scripts.set_version import patterns, version_in, versions

ROOT = Path(__file__).parents[3]
RELEASED = ROOT / "tests" / "released"


def chart_version() -> str:
    return next(version for path, version in versions() if path == set_version.CHART)


def test_all_places_have_the_version_of_the_chart() -> None:
    chart = chart_version()
    found = list(versions())
    assert {path for path, _ in found} == {path for path, _ in patterns()}
    for path, version in found:
        assert version == version_in(path, chart), f"{path}: run python scripts/set_version.py {chart}"


def test_a_new_version_is_written_to_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in {path for path, _ in patterns()}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    monkeypatch.setattr(set_version, "ROOT", tmp_path)
    set_version.set_version("7.8.9-dev")
    written = {version for _, version in versions()}
    assert written == {"7.8.9-dev", "7.8.9.dev0"}
    set_version.set_version("7.8.9")
    assert 'artifacthub.io/prerelease: "false"' in (tmp_path / set_version.CHART).read_text()


def test_the_changelog_has_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"(?m)^## (\S+)", changelog)
    released = RELEASED.read_text().split()[0]
    assert released in headings
    assert headings[0] in {"Unreleased", chart_version()}


def test_the_last_release_is_a_commit_of_this_repository_with_its_version() -> None:
    version, commit = RELEASED.read_text().split()
    show = ["git", "-C", str(ROOT), "show", f"{commit}:{set_version.CHART}"]
    found = subprocess.run(show, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"the repository has no history of {commit}: {found.stderr}")
    assert f"\nversion: {version}\n" in found.stdout
