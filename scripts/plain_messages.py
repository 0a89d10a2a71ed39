# ruff: noqa: INP001, T201 - a program, not a package
"""Counts log lines, errors, Events and condition messages that are not in plain English.

`python scripts/plain_messages.py [--all] [--most PERCENT] [PATH ...]` reads the string literals of the Python files
below each PATH (default: the sources of all packages). It prints, for each package and kind of message, how many are
flagged; `--all` prints each flagged message. With `--most`, the exit status is 1 if a larger share is flagged.

A flag is a hint: a flagged message may be good, and a message without a flag may be bad.
"""

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MIN_WORDS = 4
"""Shorter literals are names, formats and parts of other messages."""
MAX_WORDS = 30
"""Maximum words of a sentence."""
LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_PATTERNS = {
    "vague": r"what(ever)?|who(m|se|ever)?|things?|(some|any|no)body|someone|none of|(some|all|each|most) of (it|them)",
    "said": r"tells?|told|sa(y|ys|id)|go(es)?|gone|comes?|came|knows?|known|stands?|given up|left to|looked at|heard",
    "old": r"anew|thereof|whereof|likewise|to and fro|be it|meanwhile|lest|mend(s|ed)?",
}
RULES = {name: re.compile(rf"\b({pattern})\b", re.IGNORECASE) for name, pattern in _PATTERNS.items()}
_SENTENCE_END = re.compile(r"(?<=[.;:!?])\s+")
_WORD = re.compile(r"[A-Za-z]{2,}")
_CODE = re.compile(r"&&|\|\||==|=>|\bself\.|</|[{};]\s*$|^\s*[.#]")
"""Literals with CEL, HTML, CSS or other code."""


class Message(NamedTuple):
    """A message in the source.

    Args:
        line: Its line.
        kind: log, error, or message for Events, conditions and all other texts.
        text: The text, with `…` for each value.
    """

    line: int
    kind: str
    text: str


def flags(text: str) -> list[str]:
    """Return the names of the rules that a message violates."""
    found = [name for name, rule in RULES.items() if rule.search(text)]
    if any(len(_WORD.findall(sentence)) > MAX_WORDS for sentence in _SENTENCE_END.split(text)):
        found.append("long")
    return found


def messages(source: str) -> Iterator[Message]:
    """Yield the messages in a Python module."""
    tree = ast.parse(source)
    kinds: dict[ast.AST, str] = {}
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=method)) if method in LOG_METHODS:
                kinds |= dict.fromkeys(ast.walk(node), "log")
            case ast.Raise():
                kinds |= dict.fromkeys(ast.walk(node), "error")
            case ast.Expr(value=ast.Constant()):  # a docstring
                parts.add(node.value)
            case ast.JoinedStr():
                parts |= {part for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        text = None if node in parts else _text(node)
        if text is not None and len(_WORD.findall(text)) >= MIN_WORDS and not _CODE.search(text):
            yield Message(node.lineno, kinds.get(node, "message"), " ".join(text.split()))  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in values)
    return None


def main(arguments: list[str]) -> int:
    """Print the counts; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="print each flagged message")
    parser.add_argument(
        "--most", type=float, default=100.0, metavar="PERCENT", help="maximum share of flagged messages"
    )
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    for root in options.paths or sorted(Path().glob("*/src")):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            for message in messages(path.read_text(encoding="utf-8")):
                group = f"{path.parts[0]} {message.kind}"
                total[group] += 1
                if reasons := flags(message.text):
                    flagged[group] += 1
                    if options.all:
                        print(f"{path}:{message.line}: {message.kind} ({', '.join(reasons)}): {message.text[:110]}")
    for group, count in [*sorted(total.items()), ("all", total.total())]:
        bad = flagged.total() if group == "all" else flagged[group]
        print(f"{group:24} {bad:5} of {count:5} {100 * bad / max(count, 1):6.1f} %")
    return int(100 * flagged.total() > options.most * total.total())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
