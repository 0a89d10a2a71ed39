"""Who is let in."""

from pathlib import Path

import pytest
from epochal_server.auth import Keys, open_to_all
from epochal_server.ending import Ended
from epochal_server.refusals import Unauthorized


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Secret as the kubelet mounts it: behind links, which it exchanges all at once."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..data").symlink_to("..2026")
    put(tmp_path, first="key-1\n", second="key-2")
    return tmp_path


def put(folder: Path, **keys: str) -> None:
    for name, key in keys.items():
        (folder / "..2026" / name).write_text(key)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def lets_in(keys: Keys, header: str | None) -> bool:
    try:
        keys.authorize(header)
    except Unauthorized:
        return False
    return True


def test_lets_in_who_bears_a_key(folder: Path) -> None:
    keys = Keys(folder)
    assert not lets_in(keys, "Bearer key-1")  # it has none before it has read them
    keys.load()
    assert lets_in(keys, "Bearer key-1")
    assert lets_in(keys, "bearer  key-2 ")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "key-1", "Basic key-1", "Bearer key-3", "Bearer key-1 key-2", "Bearer ..2026",
     "Bearer \udcff"],
)  # fmt: skip
def test_lets_in_nobody_else(folder: Path, header: str | None) -> None:
    keys = Keys(folder)
    keys.load()
    assert not lets_in(keys, header)


def test_says_what_lacks(folder: Path) -> None:
    keys = Keys(folder)
    keys.load()
    for header, told in ((None, "no such header"), ("Basic a", "another scheme"), ("Bearer a", "a known key")):
        with pytest.raises(Unauthorized, match=told):
            keys.authorize(header)


def test_knows_the_keys_that_are_there_now(folder: Path) -> None:
    keys = Keys(folder)
    keys.load()
    put(folder, first="key-3")
    assert lets_in(keys, "Bearer key-1")
    keys.load()
    assert (lets_in(keys, "Bearer key-1"), lets_in(keys, "Bearer key-3")) == (False, True)


def test_nothing_is_served_that_nobody_may_ask(folder: Path) -> None:
    Keys(folder).require()
    put(folder, first=" \n", second="")
    with pytest.raises(Ended, match=r"spec.auth.secretRef: the Secret holds no key, .* put one into it") as ended:
        Keys(folder).require()
    assert ended.value.reason == "InvalidConfig"


def test_a_secret_without_a_key_lets_nobody_in(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder, first=" \n", second="")
    keys = Keys(folder)
    keys.load()
    keys.load()
    assert not lets_in(keys, "Bearer ")
    assert caplog.text.count("holds no key") == 1


def test_a_secret_that_cannot_be_read_changes_nothing(folder: Path) -> None:
    keys = Keys(folder)
    keys.load()
    (folder / "..data").unlink()
    keys.load()
    assert lets_in(keys, "Bearer key-1")


def test_without_keys_all_are_let_in() -> None:
    open_to_all(None)
