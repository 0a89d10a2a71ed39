import os
from pathlib import Path

import pytest
from epochal_trainer.log import without_greetings


def test_greetings_of_libraries_are_kept_away_and_all_else_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with without_greetings(tmp_path / "stderr"):
        os.write(2, b"I0000 00:00:17 1 port.cc:153] oneDNN is on\nE0000 00:00:17 1 x.cc:1] it broke\n")
    assert caplog.messages == ["E0000 00:00:17 1 x.cc:1] it broke"]
