"""Sanitizing of text from other sources."""

PRINTABLE_PATTERN = r"^[^\p{C}\p{Zl}\p{Zp}]*$"
"""One line of text without characters that could affect the terminal of a reader: control characters, and characters
that reverse the order of others (U+202E), are invisible, or have a private meaning. In Kubernetes and pydantic, \\p{C}
is Unicode's category for them: https://github.com/google/re2/wiki/Syntax."""


def printable(text: str, *, instead: str | None = None) -> str:
    r"""Return a text without the characters that PRINTABLE_PATTERN refuses, except line feeds and tabs.

    Args:
        text: The text, from any source.
        instead: The replacement of each such character; None for its escape sequence, such as \u202e.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] if instead is None else instead for c in text
    )
