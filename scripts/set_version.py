# ruff: noqa: INP001, T201 - a program, not a package
"""Set the version of all packages, the chart and the images.

`python scripts/set_version.py 0.2.0-dev` writes the version into each pyproject.toml, uv.lock, the chart, Studio's
package.json, and the build commands of README.md, charts/epochal/README.md and docs/studio.md. Run `make manifests`
afterwards. A release is the commit with a version such as 0.2.0; the next commit names that commit in tests/released
and sets the version 0.3.0-dev.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = "charts/epochal/Chart.yaml"
SEMVER = re.compile(r"\d+\.\d+\.\d+(-dev)?")


def patterns() -> Iterator[tuple[str, str]]:
    """Yield the path of each file with the version, and a pattern of what precedes it; twice in Chart.yaml."""
    for project in sorted([ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml")]):
        yield str(project.relative_to(ROOT)), r'^version = "'
    yield "uv.lock", r'^name = "epochal[a-z-]*"\nversion = "'
    yield CHART, "^version: "
    yield CHART, "^appVersion: "
    for path in ("README.md", "charts/epochal/README.md", "docs/studio.md", CHART):
        yield path, r"epochal-[a-z$]+:"
    for path in ("studio/package.json", "studio/package-lock.json"):
        yield path, r'"name": "epochal-studio",\n(?: .*\n)?? +"version": "'


def versions() -> Iterator[tuple[str, str]]:
    """Yield each place of the version, and the version there."""
    for path, before in patterns():
        for match in re.finditer(rf"(?m)({before})([0-9][a-z0-9.-]*)", (ROOT / path).read_text()):
            yield path, match[2]


def version_in(path: str, version: str) -> str:
    """Return a version of the chart as a file writes it: Python's files have 0.2.0.dev0 for 0.2.0-dev."""
    return version.replace("-dev", ".dev0") if path.endswith((".toml", ".lock")) else version


def set_version(version: str) -> None:
    """Write a version into each place."""
    for path, before in patterns():
        file = ROOT / path
        file.write_text(
            re.sub(rf"(?m)({before})[0-9][a-z0-9.-]*", rf"\g<1>{version_in(path, version)}", file.read_text())
        )
    chart = ROOT / CHART
    prerelease = str("-" in version).lower()
    chart.write_text(re.sub(r'(artifacthub.io/prerelease: )"\w+"', rf'\g<1>"{prerelease}"', chart.read_text()))


if __name__ == "__main__":
    found = " ".join(sys.argv[1:])
    if not SEMVER.fullmatch(found):
        sys.exit(f"usage: python scripts/set_version.py VERSION, such as 0.2.0 or 0.2.0-dev; found {found!r}")
    set_version(found)
    print(f"The version is {found}. Now run make manifests.")
