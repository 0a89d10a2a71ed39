"""The examples to begin with."""

from pathlib import Path

import pytest
from epochal_studio.config import Config
from epochal_studio.networks.examine import examine
from epochal_studio.networks.templates import described, read_templates

from tests.unit.studio.networks.texts import document, text


def test_the_examples_of_the_repository_are_valid() -> None:
    found = read_templates(Config.templates)
    assert {template.name for template in found} >= {"mnist", "digits", "mnist-search"}
    assert "mnist-server" not in {template.name for template in found}  # a ModelServer
    for template in found:
        assert template.title
        assert not template.title.endswith(".")
        examined = examine(template.yaml)
        assert examined.problems == [], template.name
        assert examined.question is not None


def test_files_that_are_no_templates(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "good.yaml").write_text(f"# One. Two.\n{text(document())}")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "other.yaml").write_text("kind: Secret\napiVersion: v1\n")
    (tmp_path / "large.yaml").write_text("#" * 200_000)
    (tmp_path / "note.txt").write_text("")
    (found,) = read_templates(tmp_path)
    assert (found.name, found.title, found.description) == ("good", "One", "Two.")
    assert "broken.yaml" in caplog.text
    assert read_templates(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("head", "title", "description"),
    [
        (
            "# Trains in\n# seconds: digits. More `code`.\n#   indented: x\na: 1\n",
            "Trains in seconds",
            "Digits. More `code`. indented: x",
        ),
        ("# On version 3.5 of Keras! Yes.\n", "On version 3.5 of Keras!", "Yes."),
        ("a: 1\n# not the head\n", "", ""),
        ("", "", ""),
    ],
)
def test_title_and_description(head: str, title: str, description: str) -> None:
    assert described(head) == (title, description)
