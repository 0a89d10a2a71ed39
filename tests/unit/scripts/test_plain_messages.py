"""Which messages are counted, and which are flagged."""

from pathlib import Path

import pytest

from scripts.plain_messages import Message, flags, main, messages

SOURCE = '''"""A module whose docstring is not a message."""
FIELD = "short text only"
"""Nor is the docstring of an attribute."""
log.info("The attempt %d goes on from %s", 1, uri)
raise Failure(
    "InvalidSpec",
    f"{path} cannot be read: expected "
    f"a TrainingJob, found {kind}",
)
CAUSE = StatusCause(Reason.LOST, "The Job was deleted. Create a new TrainingJob.")
RULE = Rule("self.a == self.b && size(self.a) <= 4 and so on", "")
'''


def test_messages_are_found_by_kind() -> None:
    assert list(messages(SOURCE)) == [
        Message(4, "log", "The attempt %d goes on from %s"),
        Message(7, "error", "… cannot be read: expected a TrainingJob, found …"),
        Message(10, "message", "The Job was deleted. Create a new TrainingJob."),
    ]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("the operator deletes the Job", []),
        ("what it waits for is not there", ["vague"]),
        ("the Job is gone, and is made anew", ["said", "old"]),
        ("word " * 31, ["long"]),
        ("word " * 20 + "word. " + "word " * 20, []),
    ],
)
def test_flags(text: str, reasons: list[str]) -> None:
    assert flags(text) == reasons


def test_the_share_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "module.py").write_text(SOURCE)
    assert main(["--most", "30", str(tmp_path)]) == 1
    assert main(["--most", "40", "--all", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "module.py:4: log (said): The attempt %d goes on from %s" in out
    assert out.splitlines()[-1].split() == ["all", "1", "of", "3", "33.3", "%"]
