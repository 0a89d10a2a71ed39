"""Diagrams of the documents. GitHub draws them itself; the site has a picture of each.

`python -m scripts.site.diagrams` draws the pictures into docs/ with mermaid (by npm) and Chromium.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MERMAID = "mermaid@11.9.0"
SCRIPT = "package/dist/mermaid.min.js"
_FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHROMIUM = "/usr/bin/chromium"
TIMEOUT_SECONDS = 200
_OPTIONS = ["--no-sandbox", "--disable-gpu"]
_PAGE = """<!doctype html><body><pre class="mermaid">{source}</pre>
<script src="{script}"></script><script>
mermaid.initialize({{startOnLoad: true, deterministicIds: true, theme: "neutral", fontFamily: "sans-serif",
                     htmlLabels: false, flowchart: {{htmlLabels: false}}}});
</script></body>"""
_AS_TEXT = """() => {
    const svg = document.querySelector("pre svg");
    svg.setAttribute("width", Math.ceil(svg.viewBox.baseVal.width));
    return new XMLSerializer().serializeToString(svg);
}"""
"""Returns the picture in its own size: mermaid writes the width 100%."""


class OutdatedPicture(Exception):
    """A diagram has no picture, or that of another version."""


def with_pictures(text: str, page: Path) -> str:
    """Return a document with a picture in place of its diagram, and a link to the picture.

    Args:
        text: The document, with one diagram at most.
        page: Path of the document from the root of the repository.

    Raises:
        OutdatedPicture: If the picture is missing, or another diagram has it.
    """
    found = _FENCE.search(text)
    if found is None:
        return text
    picture = ROOT / page.with_suffix(".svg")
    if not picture.is_file() or _mark(found[1]) not in picture.read_text():
        raise OutdatedPicture(f"{picture} must show the diagram of {page}: run python -m scripts.site.diagrams")
    title = text.partition("# ")[2].partition("\n")[0]
    return _FENCE.sub(f"[![Diagram: {title}]({picture.name})]({picture.name})", text, count=1)


def _mark(source: str) -> str:
    return f"<!-- diagram {hashlib.sha256(source.encode()).hexdigest()[:16]} -->"


def draw(source: str, folder: Path) -> str:
    """Return the picture of a diagram.

    Args:
        source: The diagram in the notation of mermaid.
        folder: An empty folder.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the build of the site needs no browser

    subprocess.run(["npm", "pack", "--silent", MERMAID], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tgz")
    subprocess.run(["tar", "--extract", "--gzip", "--file", archive, SCRIPT], cwd=folder, check=True)
    file = folder / "page.html"
    file.write_text(_PAGE.format(script=SCRIPT, source=source.replace("&", "&amp;").replace("<", "&lt;")))
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS) as browser,
    ):
        page = browser.new_page()
        page.goto(file.as_uri())
        page.wait_for_selector("pre[data-processed] svg g.node", timeout=TIMEOUT_SECONDS * 1000)
        picture = page.evaluate(_AS_TEXT)
    return f"{_mark(source)}\n{picture}\n"


if __name__ == "__main__":
    for document in sorted((ROOT / "docs").glob("*.md")):
        if diagram := _FENCE.search(document.read_text()):
            with tempfile.TemporaryDirectory() as place:
                document.with_suffix(".svg").write_text(draw(diagram[1], Path(place)))
