"""The page of the commands, from their help."""

import re
from typing import Any

from epochal.app import app
from epochal.help import sections
from typer.main import get_command

from scripts.site.cells import cell, code, table

HEADER = """# Commands

All commands of `epochal`, with their arguments and options. `epochal COMMAND --help` prints the same text.
[The command epochal](../command.md) explains the tasks with examples.
"""


def page() -> str:
    """Return the page of all commands."""
    group: Any = get_command(app)
    context = group.make_context("epochal", ["--help"], resilient_parsing=True)
    parts = [HEADER]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        parts.append(_command(name, command, command.make_context(name, [], parent=context, resilient_parsing=True)))
    return "\n".join(parts)


def _command(name: str, command: Any, context: Any) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"## {name}\n", f"```sh\nepochal {name} {usage}\n```\n", _prose(command.help)]
    for heading, rows in sections(command, context).items():
        parts.append(table((heading.lower(), "meaning"), ((code(option), cell(text)) for option, text in rows)))
    return "\n".join(parts)


def _prose(text: str) -> str:
    """Return the help of a command as paragraphs. Placeholders such as <name> are no HTML."""
    return re.sub(r"\n{2,}", "\n\n", text.replace("<", "&lt;")).strip() + "\n"
