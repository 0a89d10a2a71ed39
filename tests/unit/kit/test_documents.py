"""The documents' blocks of code are found, and run as one script."""

from pathlib import Path

import pytest

from tests.kit import documents
from tests.kit.documents import Block, blocks, run

PAGE = """# One
```sh
# A comment is no heading.
echo a
```
## Two
```python
print("b")
```
```sh
echo c
```
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "page.md").write_text(PAGE)
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    return "page.md"


def test_blocks_are_found_by_heading_and_language(page: str) -> None:
    first, second, third = blocks(page)
    assert first == Block("One", "sh", "# A comment is no heading.\necho a\n")
    assert second == Block("Two", "python", 'print("b")\n')
    assert blocks(page, "sh") == [first, third]
    assert blocks(page, "sh", under="Two") == [third]


def test_no_block_is_an_error(page: str) -> None:
    with pytest.raises(LookupError, match=r"page\.md has no block of \('sh',\) under Three"):
        blocks(page, "sh", under="Three")


def test_blocks_share_a_shell_and_have_their_own_output(page: str, tmp_path: Path) -> None:
    setting = [Block("", "sh", "export X=1\n"), Block("", "python", "import os\nprint(os.environ['X'], os.getcwd())\n")]
    folder = tmp_path / "folder"
    folder.mkdir()
    assert run(setting, folder, timeout=60) == ["", f"1 {folder}\n"]


def test_a_block_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        run([Block("", "sh", "false || { echo no such thing >&2; false; }\n")], tmp_path, timeout=60)
