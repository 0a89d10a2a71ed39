"""Text that others wrote, made safe to show."""

PRINTABLE_PATTERN = r"^[^\p{C}\p{Zl}\p{Zp}]*$"
"""Text of one line without what does as it likes to the terminal of whoever reads it: control characters, and those
that turn round the order of others (U+202E), hide, or mean something to one program only. To Kubernetes as to pydantic
\\p{C} is Unicode's category of such: https://github.com/google/re2/wiki/Syntax."""


def printable(text: str, *, instead: str | None = None) -> str:
    r"""Returns a text without what PRINTABLE_PATTERN refuses, but for line feeds and tabs, which stay.

    Args:
        text: The text, which may come from anywhere.
        instead: What stands in the place of each such character; None to spell it out, such as \u202e.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] if instead is None else instead for c in text
    )
