"""The page about the command: its installation names all wheels that pip needs."""

import re
import tomllib
from typing import Any

import pytest

from tests.kit.documents import ROOT, blocks

PAGE = "docs/command.md"
INSTALLS = [
    line for block in blocks(PAGE, "sh") for line in block.text.splitlines() if line.startswith("pip install dist/")
]


def members() -> dict[str, dict[str, Any]]:
    """Return the project of each package in the workspace, by its name."""
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    projects = (tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"] for member in workspace)
    return {project["name"]: project for project in projects}


def wheels(line: str) -> set[str]:
    """Return the packages whose wheels a line installs."""
    return {name.replace("_", "-") for name in re.findall(r"dist/(\w+)-\*\.whl", line)}


@pytest.mark.parametrize("number", range(len(INSTALLS)))
def test_pip_gets_the_wheels_of_all_packages_that_no_index_has(number: int) -> None:
    installed = {name for line in INSTALLS[: number + 1] for name in wheels(line)}
    projects = members()
    needed = {
        re.split(r"[^a-z-]", requirement)[0] for name in installed for requirement in projects[name]["dependencies"]
    }
    assert needed & projects.keys() <= installed


def test_the_wheels_of_the_trainer_are_the_extra_train() -> None:
    assert {"epochal-trainer"} == set(members()["epochal"]["optional-dependencies"]["train"])
    assert "epochal-trainer" in wheels(INSTALLS[1])


@pytest.mark.parametrize("page", ["docs/command.md", "docs/notebook.ipynb", "docs/troubleshooting.md"])
def test_no_page_installs_a_package_of_epochal_from_an_index(page: str) -> None:
    for line in re.findall(r"pip install ([^`\n]*)", (ROOT / page).read_text()):
        assert not any(part.strip("'\"").startswith("epochal") for part in line.split())
