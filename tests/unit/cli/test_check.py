"""`epochal check`: a line for each problem, and an exit code for scripts."""

import re
from pathlib import Path

import pytest

from tests.unit.cli.commands import epochal

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"


def test_an_example_has_no_problems(tmp_path: Path) -> None:
    assert epochal("check", str(EXAMPLES / "mnist.yaml"), folder=tmp_path) == (
        0,
        "Checked 1 object: no problems.\n",
        "",
    )


def test_problems_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text((EXAMPLES / "mnist.yaml").read_text().replace("layer: Dense", "layer: Dens", 1))
    code, output, errors = epochal("check", "job.yaml", folder=tmp_path)
    assert (code, errors) == (1, "")
    assert "keras.layers has no Dens; did you mean Dense" in output
    assert output.startswith(f"{tmp_path}/job.yaml:")


def test_usage(tmp_path: Path) -> None:
    code, output, errors = epochal("check", folder=tmp_path)
    assert (code, output) == (2, "")
    assert "Missing argument" in errors


def test_help_names_each_command(tmp_path: Path) -> None:
    code, output, _ = epochal("--help", folder=tmp_path)
    assert code == 0
    sections = dict(re.findall(r"^(\S[^\n]*):\n((?: +[^\n]*\n)+)", output, re.MULTILINE))
    assert list(sections) == ["Before a training", "Train", "After a training", "Import and export", "Options"]
    assert "  check " in sections["Before a training"]
    assert "  list " in sections["Train"]
    assert "..." not in output.partition("\n")[2], "no help of a command is cut"


def test_help_of_a_command_has_the_cluster_in_a_section_of_its_own(tmp_path: Path) -> None:
    _, output, _ = epochal("list", "--help", folder=tmp_path)
    before, _, cluster = output.partition("\nCluster:\n")
    assert "\nArguments:\n  kind " in before
    assert "--state" in before
    assert "--namespace" not in before
    assert "-n, --namespace" in cluster


def test_paths_are_shown_as_the_user_wrote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.yaml").write_text("kind: Job\n")
    assert epochal("check", "job.yaml", folder=tmp_path).output.startswith("job.yaml:1:1: kind: must be ")
