"""An option has one name and one meaning in all commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from epochal.app import app
from epochal.exit_codes import ExitCode

from tests.unit.cli.commands import epochal

FORMATS = {"list", "results", "compare", "predict"}
"""Commands that print: --output is the format."""
FILES = {"init", "import", "export", "plot", "serve"}
"""Commands that write a file: --out is its place."""


def options() -> Iterator[tuple[str, Any]]:
    for name, command in typer.main.get_group(app).commands.items():
        yield from ((name, each) for each in command.params if each.param_type_name == "option")


def commands_with(word: str) -> set[str]:
    return {name for name, option in options() if word in option.opts}


def test_output_is_a_format_and_out_is_a_place() -> None:
    assert commands_with("--output") == FORMATS
    assert commands_with("--out") == {*FILES, "results"}
    assert commands_with("-o") == FORMATS | FILES


def test_a_file_is_replaced_by_force() -> None:
    assert commands_with("--force") == {*FILES, "results"}
    assert commands_with("--overwrite") == set()


def test_an_option_has_one_short_form() -> None:
    forms: dict[str, set[str]] = {}
    for _, option in options():
        long, *_ = (word for word in option.opts if word.startswith("--"))
        forms.setdefault(long, set()).update(word for word in option.opts if not word.startswith("--"))
    assert {long for long, short in forms.items() if len(short) > 1} == set()


@pytest.mark.parametrize("command", sorted(FORMATS))
def test_an_unknown_format_lists_the_formats(tmp_path: Path, command: str) -> None:
    arguments = [] if command == "list" else ["a", "b.npy"] if command == "predict" else ["a"]
    code, output, errors = epochal(command, *arguments, "-o", "xml", folder=tmp_path)
    assert (code, output) == (ExitCode.USAGE, "")
    assert "'xml' is not one of 'table'," in " ".join(errors.replace("│", "").split())
