from pathlib import Path

import pytest

from tests.bench.results import put, when_and_where

ONE = "# One\n\nfirst\n\n## below\n\n| a |\n"
TWO = "# Two\n\nsecond\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "# Two\n\nnew\n"),
        (TWO, "# Two\n\nnew\n"),
        (ONE, f"{ONE}\n# Two\n\nnew\n"),
        (f"{ONE}\n{TWO}", f"{ONE}\n# Two\n\nnew\n"),
        (f"{TWO}\n{ONE}", f"# Two\n\nnew\n\n{ONE}"),
    ],
)
def test_each_part_has_its_own_writer(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(before)
    put("Two", "new\n", path)
    assert path.read_text() == after


def test_the_first_part_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    put("One", "first", path)
    assert path.read_text() == "# One\n\nfirst\n"


def test_results_have_the_machine() -> None:
    assert " cores, Linux " in when_and_where()
