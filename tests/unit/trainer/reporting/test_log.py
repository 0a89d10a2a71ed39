import os
import subprocess
import sys
from pathlib import Path

import pytest
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.reporting.log import hide_startup_messages


def test_startup_messages_are_hidden_and_other_lines_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with hide_startup_messages(tmp_path / "stderr"):
        os.write(2, b"I0000 00:00:17 1 port.cc:153] oneDNN is on\nE0000 00:00:17 1 x.cc:1] it broke\n")
    assert caplog.messages == ["E0000 00:00:17 1 x.cc:1] it broke"]


def test_control_characters_are_escaped_in_a_failure() -> None:
    assert bad_data("ObjectNotFound", "a\x1b[31m × b\nc").message == "a\\x1b[31m × b\nc"


LOGGED = """
import logging, pathlib, sys
from epochal_trainer.reporting import log
log.start(pathlib.Path(sys.argv[1]), redact=lambda text: text.replace("secret", "***"))
logging.getLogger(log.PACKAGE).info("%s holds 8×8 and\\n\\tmore", "a\\x1b]0;owned\\x07\\x9b31m")
logging.getLogger("matplotlib.font_manager").warning("this may take a moment, said the secret")
logging.getLogger("matplotlib.font_manager").info("of no interest")
"""


def test_control_characters_are_escaped_and_warnings_of_other_libraries_logged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOGGED, str(tmp_path / "training.log")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert r"a\x1b]0;owned\x07\x9b31m holds 8×8 and" + "\n\tmore\n" in done.stdout
    assert done.stdout.endswith("  this may take a moment, said the ***\n")
    assert (tmp_path / "training.log").read_text() == done.stdout


FULL = """
import logging, os, pathlib, sys
from epochal_trainer.reporting import log
log.start(pathlib.Path("/dev/full"), redact=lambda text: text.replace("secret", "***"))
for number in range(3):
    logging.getLogger(log.PACKAGE).info("line %d", number)
try:
    raise ValueError("a secret")
except ValueError:
    logging.getLogger(log.PACKAGE).exception("it failed")
logging.getLogger("urllib3.connectionpool").warning("one try of many")
os._exit(0)  # as if killed: the end of Python tells of the full disk once more
"""


def test_a_full_disk_is_logged_once_and_secrets_are_removed() -> None:
    done = subprocess.run([sys.executable, "-c", FULL], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.count("No space left on device") == 1
    assert "line 2" in done.stdout
    assert "ValueError: a ***" in done.stdout
