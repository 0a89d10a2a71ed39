from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.bench.results import put, put_figures, when_and_where

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


TABLE = """\
# One

some day

| measurement | baseline | result | goal | met |
|---|---|---|---|---|
| pods | raw | 1 s | 2 s | yes |
| memory |  | 9 MB |  |  |

how
"""


def test_single_figures_replace_their_lines_or_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(f"{TABLE}\n{TWO}")
    put_figures("One", [Figure("pods", "raw", "3 s", "2 s", met=False), Figure("requests", "", "4")], path)
    day = when_and_where().partition(",")[0]
    expected = TABLE.replace("| pods | raw | 1 s | 2 s | yes |", f"| pods | raw | 3 s; {day} | 2 s | no |")
    memory = "| memory |  | 9 MB |  |  |\n"
    assert path.read_text() == expected.replace(memory, f"{memory}| requests |  | 4; {day} |  |  |\n") + f"\n{TWO}"
