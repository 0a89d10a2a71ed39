"""Pictures of commands that ran: `python -m scripts.site.recordings` writes them into docs/.

A command runs in a pseudo-terminal, and rich draws its output as SVG. tests/demo/command_pictures.py takes the pictures
of the commands that need a cluster.
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WIDTH = 124
DIGITS = "digits.yaml"
WRONG = ("layer: Dense", "layer: Dens")
"""A typing error for the picture of `epochal check`."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rules of rich that fetch a font."""
_MACHINE = "tfevents"
"""Mark of lines with the name of this machine: TensorBoard writes it into the names of its files."""


def draw(folder: Path) -> dict[str, str]:
    """Return the pictures by their names: a training, a check and an export.

    Args:
        folder: An empty folder to run the commands in.
    """
    shutil.copyfile(ROOT / "manifests" / "examples" / DIGITS, folder / DIGITS)
    subprocess.run([sys.executable, ROOT / "manifests" / "examples" / "digits.py", "data"], cwd=folder, check=True)
    wrong = (folder / DIGITS).read_text().replace(*WRONG)
    (folder / "wrong.yaml").write_text(wrong)
    return {
        "run.svg": picture(folder, ["run", DIGITS, "--data", "data"]),
        "check.svg": picture(folder, ["check", "wrong.yaml"]),
        "export.svg": picture(
            folder, ["export", DIGITS, "--to", "keras", "--out", "digits.py"], ["head", "-n", "40", "digits.py"]
        ),
    }


def picture(folder: Path, arguments: Sequence[str], *others: Sequence[str], frame: Callable[[str], str] = str) -> str:
    """Return the picture of an `epochal` command and of others after it, as SVG.

    Args:
        folder: The folder to run the commands in.
        arguments: The arguments of `epochal`.
        others: Commands that follow.
        frame: Returns the part of an output that the picture shows.
    """
    epochal = str(Path(sys.executable).with_name("epochal"))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, shown in ((([epochal, *arguments]), ["epochal", *arguments]), *((each, each) for each in others)):
        console.print(Text(f"$ {' '.join(shown)}", style="bold"))
        console.print(Text.from_ansi(frame(in_terminal(command, folder))))
    return as_svg(console, f"epochal {arguments[0]}")


def as_svg(console: Console, title: str) -> str:
    """Return the recorded output of a console as SVG, without rules that fetch a font."""
    found = console.export_svg(title=title, unique_id=title.replace(" ", "-"))
    return "".join(f"{line.rstrip()}\n" for line in _FONTS.sub("", found).splitlines())


def in_terminal(command: Sequence[str], folder: Path) -> str:
    """Return the output of a command that runs in a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, WIDTH))
    variables = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "TF_CPP_MIN_LOG_LEVEL": "3"}
    parts = []
    with subprocess.Popen(command, cwd=folder, env=variables, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        # Linux reports the end of a terminal as an error.
        while part := _read(ours):
            parts.append(part)
    os.close(ours)
    lines = b"".join(parts).decode().splitlines()
    return "\n".join(line for line in lines if _MACHINE not in line)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for name, text in draw(Path(place)).items():
            (DOCS / name).write_text(text)
