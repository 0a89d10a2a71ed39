"""Prints `--help` as plain text, with a section for each panel of Typer.

Typer prints panels by rich, whose import (with a parser of Markdown) takes longer than all else that `epochal --help`
does. These classes print the same sections as plain text.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

Row = tuple[str, str]
"""An option, an argument or a command, and its help text."""
_MAX_SENTENCE = 1000
"""Maximum characters of the first sentence of a command's help, which a list of commands shows."""


class SectionedCommand(TyperCommand):
    """A command with a help section for each `rich_help_panel` of its options."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of arguments and options."""
        _write(formatter, _parameters(self, ctx))


class SectionedGroup(TyperGroup):
    """A group with a help section for each `rich_help_panel` of its commands. The group's own options are last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of commands, then the options."""
        _write(formatter, self._commands(ctx))
        _write(formatter, _parameters(self, ctx))

    def get_params(self, ctx: Any) -> Any:
        """Return the options, with the default False for each None: for None, Typer imports pydantic, which is slow."""
        found = super().get_params(ctx)
        for option in found:
            option.default = False if option.default is None else option.default
        return found

    def _commands(self, ctx: Any) -> Iterator[tuple[str, Row]]:
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                yield _heading(panel, "Commands"), (name, command.get_short_help_str(_MAX_SENTENCE))


def sections(command: TyperCommand | TyperGroup, ctx: Any) -> dict[str, list[Row]]:
    """Return the rows for arguments and options of a command, grouped by the headings of its help."""
    return _grouped(_parameters(command, ctx))


def _parameters(command: TyperCommand | TyperGroup, ctx: Any) -> Iterator[tuple[str, Row]]:
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            yield _heading(getattr(parameter, "rich_help_panel", None), default), record


def _heading(panel: Any, default: str) -> str:
    """Return the name of a panel as heading; `default` without a panel, which Typer marks by None or a placeholder."""
    return panel if isinstance(panel, str) else default


def _write(formatter: Any, rows: Iterable[tuple[str, Row]]) -> None:
    """Write the rows, a section for each heading."""
    for heading, found in _grouped(rows).items():
        with formatter.section(heading):
            formatter.write_dl(found)


def _grouped(rows: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Group rows by their headings, in the order in which headings first occur."""
    sections: dict[str, list[Row]] = {}
    for heading, row in rows:
        sections.setdefault(heading, []).append(row)
    return sections
