import json
from pathlib import Path

from epochal_api.progress import MAX_TERMINATION_BYTES, Report, Termination, decode_termination
from epochal_trainer.termination import leave

LONG = "Fehler über " * 1000


def test_the_last_words_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.touch()
    words = Termination(
        reason="Completed", message="done", report=Report(attempt=1, sequence=4, stage="Done", epochs=3)
    )
    leave(words, path)
    assert decode_termination(path.read_text()) == words


def test_they_fit_into_what_the_kubelet_keeps(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.touch()
    leave(Termination(reason="InvalidNetwork", message=LONG[:MAX_TERMINATION_BYTES]), path)
    assert path.stat().st_size <= MAX_TERMINATION_BYTES
    assert json.loads(path.read_text())["reason"] == "InvalidNetwork"


def test_nothing_is_left_outside_of_a_pod(tmp_path: Path) -> None:
    leave(Termination(reason="Completed", message=""), tmp_path / "termination-log")
    assert list(tmp_path.iterdir()) == []
