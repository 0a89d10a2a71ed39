"""Who is let in."""

from pathlib import Path

import pytest
from epochal_lib.model_server.errors import ServeError
from epochal_server.auth import Keys, refuse_other_origins
from epochal_server.refusals import CrossOrigin, Unauthorized

FIRST, SECOND, THIRD = (f"{name}-key-of-16-or-more" for name in ("first", "second", "third"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Secret as the kubelet mounts it: behind links, which it exchanges all at once."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..data").symlink_to("..2026")
    put(tmp_path, first=f"{FIRST}\n", second=SECOND)
    return tmp_path


def put(folder: Path, **keys: str | bytes) -> None:
    for name, key in keys.items():
        (folder / "..2026" / name).write_bytes(key.encode() if isinstance(key, str) else key)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def loaded(folder: Path) -> Keys:
    keys = Keys(folder)
    keys.load()
    return keys


def lets_in(keys: Keys, header: str | None) -> bool:
    try:
        keys.authorize({} if header is None else {"Authorization": header})
    except Unauthorized:
        return False
    return True


def test_lets_in_who_bears_a_key(folder: Path) -> None:
    keys = Keys(folder)
    assert not lets_in(keys, f"Bearer {FIRST}")  # it has none before it has read them
    keys.load()
    assert lets_in(keys, f"Bearer {FIRST}")
    assert lets_in(keys, f"bearer  {SECOND} ")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", FIRST, f"Basic {FIRST}", f"Bearer {THIRD}", f"Bearer {FIRST} {SECOND}",
     "Bearer ..2026", "Bearer \udcff"],
)  # fmt: skip
def test_lets_in_nobody_else(folder: Path, header: str | None) -> None:
    assert not lets_in(loaded(folder), header)


@pytest.mark.parametrize("length", [16, 1000, 8000])
def test_compares_all_of_a_key(folder: Path, length: int) -> None:
    key = "k" * length
    put(folder, first=key)
    keys = loaded(folder)
    assert lets_in(keys, f"Bearer {key}")
    assert not any(lets_in(keys, f"Bearer {other}") for other in (key[:-1], f"{key}k", f"{key[:-1]}K"))


def test_says_what_lacks(folder: Path) -> None:
    keys = loaded(folder)
    for header, told in (("", "no such header"), ("Basic a", "another scheme"), ("Bearer a", "a known key")):
        with pytest.raises(Unauthorized, match=told):
            keys.authorize({"Authorization": header})


def test_knows_the_keys_that_are_there_now(folder: Path) -> None:
    keys = loaded(folder)
    put(folder, first=THIRD)
    assert lets_in(keys, f"Bearer {FIRST}")
    keys.load()
    assert (lets_in(keys, f"Bearer {FIRST}"), lets_in(keys, f"Bearer {THIRD}")) == (False, True)


def test_nothing_is_served_that_nobody_may_ask(folder: Path) -> None:
    Keys(folder).require()
    put(folder, first=" \n", second="short")
    told = r"spec.auth.secretRef: the Secret holds no key of at least 16 characters, .* put one into it"
    with pytest.raises(ServeError, match=told) as ended:
        Keys(folder).require()
    assert ended.value.reason == "InvalidConfig"
    assert "short" not in ended.value.message


@pytest.mark.parametrize("value", ["", " \n", "fifteen-chars-1", "  fifteen-chars-1 \n", b"\xff\xfe" * 20])
def test_refuses_a_key_that_can_be_guessed(folder: Path, caplog: pytest.LogCaptureFixture, value: str | bytes) -> None:
    put(folder, first=value)
    keys = loaded(folder)
    keys.load()
    assert not lets_in(keys, "Bearer fifteen-chars-1")
    assert not lets_in(keys, "Bearer " + "\ufffd" * 40)
    assert lets_in(keys, f"Bearer {SECOND}")
    assert caplog.text.count('entry "first" is no key: expected') == 1  # and not each time that it is read
    assert "fifteen" not in caplog.text
    put(folder, first=FIRST, second="short")
    keys.load()
    assert lets_in(keys, f"Bearer {FIRST}")
    assert 'entry "second" is no key: expected at least 16 characters, found fewer' in caplog.text


def test_a_secret_that_was_emptied_lets_nobody_in(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = loaded(folder)
    put(folder, first=" \n", second="")
    keys.load()
    keys.load()
    assert not any(lets_in(keys, f"Bearer {key}") for key in (FIRST, SECOND, ""))
    assert caplog.text.count("holds no key of at least") == 1


def test_a_secret_that_cannot_be_read_changes_nothing(folder: Path) -> None:
    keys = loaded(folder)
    (folder / "..data").unlink()
    keys.load()
    assert lets_in(keys, f"Bearer {FIRST}")


OTHER = "https://elsewhere.example"
LINK = {"Sec-Fetch-Mode": "navigate"}
LINKED = {"Sec-Fetch-Site": "cross-site"} | LINK


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl
        {"Sec-Fetch-Mode": "cors"},  # Node
        {"Sec-Fetch-Site": "none"} | LINK,  # typed in
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://digits.example"},  # by HTTPS, behind a proxy
        LINKED,
        {"Origin": "http://digits"},
        {"Origin": "HTTP://Digits"},
        {"Origin": "https://digits.example", "Epochal-Page": "1"},  # the own page by HTTP, behind a proxy
    ],
)
def test_without_keys_all_but_pages_of_others_are_let_in(headers: dict[str, str]) -> None:
    refuse_other_origins({"Host": "digits"} | headers)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, "Sec-Fetch-Site: expected same-origin or none, found cross-site: "),
        ({"Sec-Fetch-Site": "same-site"}, "Sec-Fetch-Site: expected"),
        ({"Sec-Fetch-Site": ""}, "Sec-Fetch-Site: expected"),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "Sec-Fetch-Site"),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://digits"}, "Sec-Fetch-Site"),
        (LINKED | {"Origin": OTHER}, "Sec-Fetch-Site"),  # a form
        ({"Sec-Fetch-Site": "cross-site", "Epochal-Page": "1"}, "Sec-Fetch-Site"),
        ({"Origin": OTHER}, "Origin: expected that of the Host, digits, found https://elsewhere.example: "),
        ({"Origin": "http://digits:8000"}, "Origin"),
        ({"Origin": "http://digits.elsewhere.example"}, "Origin"),
        ({"Origin": "null"}, "Origin"),
        ({"Origin": ""}, "Origin"),
        ({"Origin": "digits"}, "Origin"),
    ],
)
def test_without_keys_pages_of_other_origins_are_refused(headers: dict[str, str], told: str) -> None:
    with pytest.raises(CrossOrigin, match=told) as refused:
        refuse_other_origins({"Host": "digits"} | headers)
    assert "set spec.auth" in refused.value.message
    assert refused.value.status == 403
