"""The file of results: each bench writes a part of its own, below a heading of its own."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


def when_and_where() -> str:
    """Returns the day and the machine, such as `2026-11-26, 2 cores, Linux 6.18.44, x86_64`."""
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"{day}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {platform.machine()}"


def put(title: str, text: str, path: Path = RESULTS) -> None:
    """Replaces the part with this title (a heading of the first level), or appends it to the other parts."""
    parts = re.split(r"^(?=# )", path.read_text() if path.exists() else "", flags=re.MULTILINE)
    by_title = {part.partition("\n")[0]: part.strip() for part in parts if part.strip()}
    by_title[f"# {title}"] = f"# {title}\n\n{text.strip()}"
    path.write_text("\n\n".join(by_title.values()) + "\n")
