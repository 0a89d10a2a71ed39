"""Formats durations, numbers and sizes as text for users, and escapes texts for plots of matplotlib."""

_LONGEST = 28
"""Default maximum number of characters of a text in a plot."""


def format_duration(seconds: float) -> str:
    """Return a duration in seconds as text: `0.4s`, `15s`, `1m45s`, `2h03m`, `3d04h`."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole}s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def format_number(value: float) -> str:
    """Return a number as text with four significant digits."""
    return f"{value:.4g}"


def format_bytes(count: int) -> str:
    """Return a number of bytes as text: `317 B`, `23.1 kB`, `4.6 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def escape(text: str, longest: int = _LONGEST) -> str:
    """Escape dollar signs so that matplotlib draws them literally, and return the text.

    A text of more than `longest` characters is shortened in its middle, with an ellipsis.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[len(text) - (longest - longest // 2 - 1) :]}"
    return text.replace("$", r"\$")
