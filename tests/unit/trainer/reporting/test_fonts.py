"""matplotlib finds the list of fonts that the image was built with."""

import subprocess
import sys
from pathlib import Path

from epochal_trainer.__main__ import copy_font_cache

LOAD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
import matplotlib.font_manager
"""


def load(folder: Path) -> str:
    """Loads matplotlib's fonts in a process of its own, and returns what it says of them."""
    environ = {"MPLCONFIGDIR": str(folder)}
    return subprocess.run([sys.executable, "-c", LOAD], check=True, env=environ, capture_output=True, text=True).stdout


def test_the_font_list_of_the_image_is_used(tmp_path: Path) -> None:
    image, pod = tmp_path / "image", tmp_path / "pod" / "matplotlib"
    assert "generated new fontManager" in load(image)
    copy_font_cache({"MPLCONFIGDIR": str(pod)}, image)
    printed = load(pod)
    assert "Using fontManager instance" in printed
    assert "generated new fontManager" not in printed


def test_nothing_is_copied_outside_of_the_image(tmp_path: Path) -> None:
    copy_font_cache({"MPLCONFIGDIR": str(tmp_path / "pod")}, tmp_path / "none")
    copy_font_cache({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_cache_folder_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "file").write_text("")
    copy_font_cache({"MPLCONFIGDIR": str(tmp_path / "file")}, tmp_path / "image")
