"""Texts that very many objects have in common, such as the names of fields and the reasons of conditions: kept once."""

from typing import Any

LONGEST = 48
"""Characters of a text that is kept once: longer ones are seldom the same."""
MOST = 20_000
"""Texts that are remembered; with one more, all are forgotten, and remembered anew as they come."""


class Texts:
    """Remembers texts, so that each is kept once, however many objects have it.

    What Python interns itself stays for ever in some of its versions, and whoever writes objects decides what is in
    them.

    Args:
        most: Texts that are remembered.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def shared(self, value: Any) -> Any:
        """Returns a value as JSON has it, with the texts that are known already in place of its own.

        Args:
            value: The value, no deeper than what is read of an object.
        """
        match value:
            case str():
                return self._of(value) if len(value) <= LONGEST else value
            case dict():
                return {self._of(name): self.shared(one) for name, one in value.items()}
            case list():
                return [self.shared(one) for one in value]
        return value

    def _of(self, text: str) -> str:
        if len(self._known) >= self._most:
            self._known.clear()
        return self._known.setdefault(text, text)
