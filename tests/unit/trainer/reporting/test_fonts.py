"""The copy of the font list. An e2e test proves that matplotlib uses the copy in the image."""

from pathlib import Path

import pytest
from epochal_trainer.commands import copy_font_cache


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/fontlist.json").write_text("{}")
    return tmp_path / "image"


def test_the_font_list_of_the_image_is_copied(tmp_path: Path, image: Path) -> None:
    (tmp_path / "pod").mkdir()
    copy_font_cache({"MPLCONFIGDIR": str(tmp_path / "pod")}, image)
    assert (tmp_path / "pod/fontlist.json").read_text() == "{}"


def test_nothing_is_copied_outside_of_the_image(tmp_path: Path) -> None:
    copy_font_cache({"MPLCONFIGDIR": str(tmp_path / "pod")}, tmp_path / "none")
    copy_font_cache({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_cache_folder_is_ignored(tmp_path: Path, image: Path) -> None:
    (tmp_path / "file").write_text("")
    copy_font_cache({"MPLCONFIGDIR": str(tmp_path / "file")}, image)
