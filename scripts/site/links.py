"""Links of the documents, for a site that has the documents but not the code."""

import re
from pathlib import Path, PurePosixPath

COPIED = frozenset({".ipynb", ".json", ".png", ".svg", ".yaml"})
"""Files that a reader downloads or sees. Code has no page: the site names its path."""
_FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])+)\]\((?P<target>[^)\s]+)\)")
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_DEFINITION = re.compile(r"^\[(?P<name>[\w-]+)\]: (?P<target>\S+)\n", re.MULTILINE)


def targets(text: str) -> list[str]:
    """Return the targets of the links and images of a document, without those to other sites."""
    found = [*_TARGET.findall(_FENCE.sub("", text)), *(match["target"] for match in _DEFINITION.finditer(text))]
    return [target for target in found if "://" not in target]


def resolve(page: Path, target: str) -> Path:
    """Return the path that a link of a page leads to."""
    return Path(*_normal((page.parent / target.partition("#")[0]).parts)) if target[0] != "#" else page


def for_site(text: str, page: Path, root: Path) -> str:
    """Return a document with links to code replaced by its path, which a reader sees under the pointer.

    Args:
        text: The document.
        page: Path of the document from the root of the repository.
        root: The root of the repository.
    """
    code = {match["name"]: match["target"] for match in _DEFINITION.finditer(text)}
    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_rewrite(text[end : fence.start()], page, root, code), fence[0]]
        end = fence.end()
    parts.append(_rewrite(text[end:], page, root, code))
    return "".join(parts) + _folders(page, code)


def _rewrite(text: str, page: Path, root: Path, code: dict[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        target = match["target"]
        if "://" in target or target.startswith("#"):
            return match[0]
        path, _, fragment = target.partition("#")
        place = root / resolve(page, path)
        if place.is_dir() and (place / "README.md").is_file():
            return f"[{match['text']}]({path.rstrip('/')}/README.md{'#' * bool(fragment)}{fragment})"
        if place.suffix in COPIED or place.suffix == ".md":
            return match[0]
        return _named(match["text"], resolve(page, path))

    text = _DEFINITION.sub("", _LINK.sub(replaced, text))
    for name, target in code.items():
        text = re.sub(rf"(?<!\w)\[{re.escape(name)}\](?![(\[:])", _named(name, resolve(page, target)), text)
    return text


def _named(text: str, path: Path) -> str:
    return f'<span title="{PurePosixPath(path)}">{text}</span>'


def _folders(page: Path, code: dict[str, str]) -> str:
    if not code:
        return ""
    rows = "".join(f"| {name} | `{PurePosixPath(resolve(page, target))}` |\n" for name, target in code.items())
    return f"\n| name | folder |\n|---|---|\n{rows}"


def _normal(parts: tuple[str, ...]) -> list[str]:
    """Return the parts of a path without `..`."""
    found: list[str] = []
    for part in parts:
        if part == "..":
            found.pop()
        elif part != ".":
            found.append(part)
    return found
