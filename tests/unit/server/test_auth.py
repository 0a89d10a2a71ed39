"""Authorization of requests."""

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


def accepts(keys: Keys, header: str | None, **others: str) -> bool:
    headers = {} if header is None else {"Authorization": header}
    try:
        keys.authorize(headers | {name.replace("_", "-"): value for name, value in others.items()})
    except Unauthorized:
        return False
    return True


def test_accepts_valid_keys(folder: Path) -> None:
    keys = Keys(folder)
    assert not accepts(keys, f"Bearer {FIRST}")  # it has none before it has read them
    keys.load()
    assert accepts(keys, f"Bearer {FIRST}")
    assert accepts(keys, f"bearer  {SECOND} ")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", FIRST, f"Basic {FIRST}", f"Bearer {THIRD}", f"Bearer {FIRST} {SECOND}",
     "Bearer ..2026", "Bearer \udcff"],
)  # fmt: skip
def test_refuses_other_headers(folder: Path, header: str | None) -> None:
    assert not accepts(loaded(folder), header)


def test_accepts_a_key_that_passes_the_proxy_of_the_api_server(folder: Path) -> None:
    keys = loaded(folder)
    assert accepts(keys, None, X_API_Key=f" {FIRST} ")
    assert accepts(keys, "Basic of-another-proxy", X_API_Key=SECOND)
    assert accepts(keys, f"Bearer {FIRST}", X_API_Key=THIRD)
    for other in ("", THIRD, FIRST[:-1], f"Bearer {FIRST}"):
        assert not accepts(keys, None, X_API_Key=other)
    with pytest.raises(Unauthorized, match="X-API-Key: unknown API key"):
        keys.authorize({"X-API-Key": THIRD})


@pytest.mark.parametrize("length", [16, 1000, 8000])
def test_compares_the_whole_key(folder: Path, length: int) -> None:
    key = "k" * length
    put(folder, first=key)
    keys = loaded(folder)
    assert accepts(keys, f"Bearer {key}")
    assert not any(accepts(keys, f"Bearer {other}") for other in (key[:-1], f"{key}k", f"{key[:-1]}K"))


def test_message_has_the_fault(folder: Path) -> None:
    keys = loaded(folder)
    for header, message in (
        ("", "API key is missing"),
        ("Basic a", "expected the scheme Bearer"),
        ("Bearer a", "unknown API key"),
    ):
        with pytest.raises(Unauthorized, match=message):
            keys.authorize({"Authorization": header})


def test_reloads_the_keys(folder: Path) -> None:
    keys = loaded(folder)
    put(folder, first=THIRD)
    assert accepts(keys, f"Bearer {FIRST}")
    keys.load()
    assert (accepts(keys, f"Bearer {FIRST}"), accepts(keys, f"Bearer {THIRD}")) == (False, True)


def test_requires_a_key_at_the_start(folder: Path) -> None:
    Keys(folder).require()
    put(folder, first=" \n", second="short")
    message = r"spec.auth.secretRef: the Secret has no key of at least 16 characters, .*add an entry"
    with pytest.raises(ServeError, match=message) as error:
        Keys(folder).require()
    assert error.value.reason == "InvalidConfig"
    assert "short" not in error.value.message


@pytest.mark.parametrize("value", ["", " \n", "fifteen-chars-1", "  fifteen-chars-1 \n", b"\xff\xfe" * 20])
def test_refuses_a_short_key(folder: Path, caplog: pytest.LogCaptureFixture, value: str | bytes) -> None:
    put(folder, first=value)
    keys = loaded(folder)
    keys.load()
    assert not accepts(keys, "Bearer fifteen-chars-1")
    assert not accepts(keys, "Bearer " + "\ufffd" * 40)
    assert accepts(keys, f"Bearer {SECOND}")
    assert caplog.text.count('entry "first" is not a valid key: expected') == 1  # it is logged once
    assert "fifteen" not in caplog.text
    put(folder, first=FIRST, second="short")
    keys.load()
    assert accepts(keys, f"Bearer {FIRST}")
    assert 'entry "second" is not a valid key: expected at least 16 characters, found fewer' in caplog.text


def test_an_empty_secret_refuses_all_requests(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = loaded(folder)
    put(folder, first=" \n", second="")
    keys.load()
    keys.load()
    assert not any(accepts(keys, f"Bearer {key}") for key in (FIRST, SECOND, ""))
    assert caplog.text.count("has no key of at least") == 1


def test_an_unreadable_secret_keeps_the_keys(folder: Path) -> None:
    keys = loaded(folder)
    (folder / "..data").unlink()
    keys.load()
    assert accepts(keys, f"Bearer {FIRST}")


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
def test_without_keys_accepts_own_pages_and_other_clients(headers: dict[str, str]) -> None:
    refuse_other_origins({"Host": "digits"} | headers)


@pytest.mark.parametrize(
    ("headers", "message"),
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
def test_without_keys_refuses_pages_of_other_origins(headers: dict[str, str], message: str) -> None:
    with pytest.raises(CrossOrigin, match=message) as refused:
        refuse_other_origins({"Host": "digits"} | headers)
    assert "set spec.auth" in refused.value.message
    assert refused.value.status == 403
