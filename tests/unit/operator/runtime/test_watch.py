"""What kopf is given to log in with."""

import logging
from pathlib import Path

import aiohttp
import kopf
import pytest
import yaml
from epochal_operator.runtime.watch import _Login


def kubeconfig(token: str) -> str:
    return yaml.safe_dump(
        {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "vision"}}],
            "clusters": [{"name": "test", "cluster": {"server": "https://127.0.0.1:6443"}}],
            "users": [{"name": "test", "user": {"token": token}}],
        }
    )


async def test_the_same_credentials_are_the_same_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf knows by that what was refused; else it would log in with it again and again, without a pause."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    login, arguments = _Login(aiohttp.ClientResponse), {"settings": kopf.OperatorSettings(), "logger": logging.root}
    path.write_text(kubeconfig("first"))
    first = await login.session(**arguments)
    assert first is not None
    assert (first.server, first.default_namespace) == ("https://127.0.0.1:6443", "vision")
    assert first.aiohttp_session.headers["Authorization"] == "Bearer first"
    assert await login.session(**arguments) == first
    path.write_text(kubeconfig("second"))
    second = await login.session(**arguments)
    assert second is not None
    assert second != first
    assert second.aiohttp_session.headers["Authorization"] == "Bearer second"
    assert first.aiohttp_session.closed
    await login.close()
    assert second.aiohttp_session.closed
