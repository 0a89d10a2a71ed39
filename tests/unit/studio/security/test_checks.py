"""The checks of a request: hosts, origins, paths and sizes."""

from dataclasses import replace

import pytest
from epochal_studio.bodies import MAX_BODY
from epochal_studio.security.checks import MAX_PATH, MAX_QUERY, STREAM, Head, check
from epochal_studio.security.hosts import is_local, is_own_origin
from epochal_studio.security.raw_bodies import MAX_UPLOAD

HOSTS = ("studio.example.com", "localhost", "127.0.0.1", "[::1]", "ported.example:8443")
READ = Head("GET", "/api/session", "/api/session", 0, ["studio.example.com"], [], "same-origin", "", "", None, False)  # noqa: FBT003
CHANGE = replace(
    READ, method="POST", origins=["https://studio.example.com"], content_type="application/json", content_length=2
)


def status(head: Head) -> int:
    refused = check(head, HOSTS)
    return refused.status if refused else 200


def test_requests_of_the_own_pages() -> None:
    assert status(READ) == 200
    assert status(CHANGE) == 200
    assert status(replace(READ, path=STREAM)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "studio.example.com",
        "STUDIO.example.com",
        "studio.example.com:443",
        "localhost:8123",
        "[::1]:80",
        "ported.example:8443",
    ],
)
def test_hosts_of_the_list(host: str) -> None:
    assert status(replace(READ, hosts=[host])) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example"],
        ["studio.example.com.evil.example"],
        ["evil.studio.example.com"],
        ["studio.example.com@evil.example"],
        ["studio.example.com:80:80"],
        ["studio.example.com:x"],
        ["ported.example"],
        ["ported.example:443"],
        ["studio.example.com", "studio.example.com"],
        ["studio.example.com", "evil.example"],
        ["[::1"],
        ["studio.example.com "],
    ],
)
def test_hosts_that_are_not_of_the_list(hosts: list[str]) -> None:
    assert status(replace(READ, hosts=hosts)) == 421


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://studio.example.com", "studio.example.com"),
        ("https://studio.example.com", "studio.example.com:443"),
        ("https://Studio.Example.com", "studio.example.com"),
        ("https://studio.example.com:8443", "studio.example.com:8443"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_own_origins(origin: str, host: str) -> None:
    assert is_own_origin(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://studio.example.com", "studio.example.com"),  # an attacker on the network
        ("https://studio.example.com:444", "studio.example.com"),
        ("https://studio.example.com", "studio.example.com:80"),
        ("http://localhost:8081", "localhost:8080"),
        ("http://localhost.evil.example", "localhost"),
        ("https://evil.example", "studio.example.com"),
        ("null", "studio.example.com"),
        ("", "studio.example.com"),
        ("studio.example.com", "studio.example.com"),
        ("ftp://studio.example.com", "studio.example.com"),
        ("https://studio.example.com/", "studio.example.com"),
        ("https://user@studio.example.com", "studio.example.com"),
    ],
)
def test_other_origins(origin: str, host: str) -> None:
    assert not is_own_origin(origin, host)


def test_hosts_of_the_own_machine() -> None:
    assert all(map(is_local, ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]"]))
    assert not any(
        map(is_local, ["", "localhost.evil.example", "127.0.0.1.evil", "127.0.0.2", "[::1]x", "localhost:x"])
    )


def test_a_request_of_another_page() -> None:
    for site in ("cross-site", "same-site", "unknown"):
        assert status(replace(READ, fetch_site=site)) == 403
        assert status(replace(CHANGE, fetch_site=site)) == 403
    assert status(replace(READ, origins=["https://evil.example"])) == 403
    assert status(replace(CHANGE, origins=["https://evil.example"])) == 403
    assert status(replace(CHANGE, origins=[*CHANGE.origins, "https://evil.example"])) == 403


def test_a_link_that_a_user_opens() -> None:
    typed = replace(READ, fetch_site="none")
    assert status(typed) == 200
    assert status(replace(typed, path=STREAM)) == 403
    assert status(replace(CHANGE, fetch_site="none")) == 403
    # A page of another site may link to a page of Studio, which shows nothing of it before its own requests.
    assert status(replace(READ, path="/runs", raw_path="/runs", fetch_site="cross-site")) == 200


def test_a_program_without_a_browser() -> None:
    assert status(replace(READ, fetch_site="")) == 200
    assert status(replace(CHANGE, fetch_site="")) == 200
    assert status(replace(CHANGE, fetch_site="", origins=[])) == 403
    assert status(replace(READ, fetch_site="", path=STREAM)) == 403
    assert status(replace(READ, fetch_site="", path=STREAM, origins=CHANGE.origins)) == 200


@pytest.mark.parametrize(
    "raw_path",
    [
        "/api/runs/TrainingJob/../x",
        "/api/runs/TrainingJob/%2e%2E/x",
        "/api/runs/TrainingJob/./x",
        "/api/runs/a%2fb",
        "/api/runs/a%2Fb",
        "/api/runs/a%5cb",
        "/api/runs/a\\b",
        "/api//runs",
        "/..",
        "/api/runs/%00",
        "/api/runs/a%0d%0ab",
        "/api/runs/a\tb",
        "http://evil.example/api/session",
        "*",
        "",
    ],
)
def test_paths_that_programs_read_differently(raw_path: str) -> None:
    assert status(replace(READ, raw_path=raw_path)) == 400


@pytest.mark.parametrize("raw_path", ["/api/a..b", "/api/a.b/c", "/api/%C3%A4/a%20b", "/", "/api/...", "/.well-known"])
def test_other_paths(raw_path: str) -> None:
    assert status(replace(READ, raw_path=raw_path)) == 200


def test_bounds() -> None:
    assert status(replace(READ, raw_path="/" + "a" * MAX_PATH)) == 414
    assert status(replace(READ, query_length=MAX_QUERY + 1)) == 414
    assert status(replace(READ, content_length=1)) == 400
    assert status(replace(READ, is_chunked=True)) == 400
    assert status(replace(CHANGE, content_length=MAX_BODY)) == 200
    assert status(replace(CHANGE, content_length=MAX_BODY + 1)) == 413
    assert status(replace(CHANGE, content_length=None)) == 411
    assert status(replace(CHANGE, is_chunked=True)) == 411
    assert status(replace(CHANGE, method="DELETE", content_length=None)) == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "get", ""])
def test_methods(method: str) -> None:
    assert status(replace(CHANGE, method=method)) == 405


UPLOAD = replace(
    CHANGE,
    method="PUT",
    path="/api/buckets/data/object",
    raw_path="/api/buckets/data/object",
    content_type="application/octet-stream",
    content_length=MAX_UPLOAD,
    mark="1",
)


def test_an_upload_has_bounds_of_its_own() -> None:
    assert status(UPLOAD) == 200
    assert status(replace(UPLOAD, content_length=MAX_UPLOAD + 1)) == 413
    assert status(replace(UPLOAD, content_length=None)) == 411
    assert status(replace(UPLOAD, is_chunked=True)) == 411
    assert status(replace(UPLOAD, content_type="text/plain")) == 415
    assert status(replace(UPLOAD, content_type="application/json")) == 415
    assert status(replace(UPLOAD, content_encoding="gzip")) == 415
    assert status(replace(UPLOAD, mark="")) == 403
    assert status(replace(UPLOAD, origins=[])) == 403
    assert status(replace(UPLOAD, origins=["https://evil.example"])) == 403
    assert status(replace(UPLOAD, fetch_site="cross-site")) == 403


@pytest.mark.parametrize("path", ["/api/buckets/data", "/api/buckets/data/object/x", "/api/buckets//object", "/object"])
def test_no_other_path_takes_an_upload(path: str) -> None:
    assert status(replace(UPLOAD, path=path)) == 405


def test_no_other_method_is_an_upload() -> None:
    assert status(replace(UPLOAD, method="POST")) == 415
    assert status(replace(UPLOAD, method="PATCH")) == 405


def test_probes_of_any_host() -> None:
    probe = replace(READ, path="/healthz", raw_path="/healthz", hosts=["10.0.0.7:8080"])
    assert status(probe) == 200
    assert status(replace(probe, method="POST")) == 405
