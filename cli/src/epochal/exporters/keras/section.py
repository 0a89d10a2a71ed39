"""A section of an exported script: a heading, the functions that it needs, and its code."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Section:
    """A part of a script, and a cell of a notebook.

    Args:
        title: Its heading.
        lines: Its code.
        helpers: Names of the functions in `HELPERS` that its code calls.
        imports: Import statements of modules that its code uses.
        constants: Lines that define the constants of its code.
    """

    title: str
    lines: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)

    def use(self, *names: str, imports: Sequence[str] = ()) -> None:
        """Add names of helper functions that the code calls, and import statements that it needs."""
        self.helpers += names
        self.imports += imports
