"""Requests of the client for any resource."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import yaml
from epochal_operator.runtime.api import kube as module
from epochal_operator.runtime.api.errors import Forbidden, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import EVENTS, JOBS
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from hypothesis import example, given
from hypothesis import strategies as st
from kubernetes.aio.client import Configuration

from tests.unit.operator.runtime.api.conftest import OK, Script, failure


def event(version: str) -> dict[str, Any]:
    return {"metadata": {"name": f"digits.{version}", "resourceVersion": version}}


async def test_events_are_listed_then_watched(script: Script, kube: Kube) -> None:
    ended = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
    script.answers = [
        (200, {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [event("3")]}),
        (200, {"metadata": {"resourceVersion": "7"}, "items": [event("5")]}),
        (200, {"type": "ADDED", "object": event("8")}),
        (200, {"type": "DELETED", "object": event("9")}),
        (200, ended),
    ]
    watch = kube.watch(EVENTS, "vision", fields="reason=FailedCreate")
    assert [found["metadata"]["resourceVersion"] async for found in watch] == ["3", "5", "8"]
    watches = [dict(parse_qsl(urlsplit(path).query)) for _, path in script.asked if "watch" in path]
    assert [one["resourceVersion"] for one in watches] == ["7", "8", "9"]
    assert {one["fieldSelector"] for one in watches} == {"reason=FailedCreate"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(failure(403), Forbidden), (failure(410), NotFound), (failure(500), Unavailable), (None, Unavailable)],
)
async def test_a_refused_watch_raises_an_error(script: Script, kube: Kube, answer: Any, kind: type[Exception]) -> None:
    script.answers = [(200, {"metadata": {"resourceVersion": "7"}, "items": []}), answer]
    with pytest.raises(kind):
        await anext(kube.watch(EVENTS, fields="reason=FailedCreate"))


async def test_a_deletion_has_preconditions(script: Script, kube: Kube) -> None:
    script.answers = [OK]
    await kube.delete(JOBS, "vision", "digits", uid="u", resource_version="41")
    assert json.loads(script.bodies[0])["preconditions"] == {"uid": "u", "resourceVersion": "41"}


# PyYAML takes and refuses the same escapes and characters as the API server.
@given(
    st.dictionaries(
        # A key of YAML has at most 1,024 characters, each escape six: the API's have at most 128 in all.
        st.text(st.characters(exclude_categories=["Cs"]), max_size=128),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
@example({"loss of \U0001f600": "\x07 \x85 \u2028 \ufeff \uffff \U0010ffff \\ud83d\\ude00"})
def test_an_applied_document_is_valid_yaml(document: dict[str, str]) -> None:
    assert yaml.safe_load(module._yaml(document)) == document


async def test_a_status_is_applied_as_yaml(script: Script, kube: Kube) -> None:
    script.answers = [OK]
    await kube.apply_status(
        TRAINING_JOBS, "vision", "digits", uid="u", manager="epochal", status={"metrics": {"\U0001f600": 1.0}}
    )
    assert yaml.safe_load(script.bodies[0])["status"] == {"metrics": {"\U0001f600": 1.0}}


@pytest.mark.parametrize(
    ("host", "own", "proxy", "exceptions", "expected"),
    [
        ("api.example", None, "http://proxy:3128", "", "http://proxy:3128"),
        ("api.example", None, "http://proxy:3128", "localhost,api.example", None),
        ("api.example:6443", None, "http://proxy:3128", "api.example:6443", None),
        ("api.example:6443", None, "http://proxy:3128", "api.example:443", "http://proxy:3128"),
        ("[fd00::1]:443", None, "http://proxy:3128", "fd00::1", None),
        ("api.example", None, "https://proxy:3128", "", None),
        ("api.example", "http://of-kubeconfig:3128", "http://proxy:3128", "", "http://of-kubeconfig:3128"),
    ],
)
async def test_the_client_reads_the_proxy_of_the_environment_once(
    monkeypatch: pytest.MonkeyPatch, host: str, *, own: str | None, proxy: str, exceptions: str, expected: str | None
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", exceptions)
    client = module.api_client(Configuration(host=f"https://{host}", proxy=own))
    assert client.rest_client.proxy == expected
    await client.close()


async def test_a_request_reads_neither_netrc_nor_the_proxy(
    kube: Kube, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("netrc_from_env", "get_env_proxy_for_url"):
        monkeypatch.delattr(aiohttp.client, name)
    script.answers = [OK]
    await kube.get(JOBS, "vision", "digits")
