"""The configuration: defaults, and variables with a wrong value."""

from pathlib import Path

import pytest
from epochal_studio.config import LOCAL_HOSTS, Config, InvalidConfig, read_config

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_defaults_in_a_pod() -> None:
    assert read_config(POD) == Config(api_server="https://10.0.0.1:6443", hosts=LOCAL_HOSTS)
    assert read_config({"KUBERNETES_SERVICE_HOST": "fd00::1"}).api_server == "https://[fd00::1]:443"


def test_all_variables(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("")
    found = read_config(
        {
            "EPOCHAL_STUDIO_LISTEN": "[::1]:9000",
            "EPOCHAL_STUDIO_HOSTS": "Studio.example.com, localhost:8080,",
            "EPOCHAL_STUDIO_TLS": str(tmp_path),
            "EPOCHAL_STUDIO_PROXY_AUTH": "true",
            "EPOCHAL_STUDIO_API_SERVER": "https://api.example.com/",
            "EPOCHAL_STUDIO_API_CA": str(tmp_path / "ca.crt"),
            "EPOCHAL_STUDIO_STORAGE_ENDPOINTS": "https://s3.example.com,http://minio:9000/",
            "EPOCHAL_STUDIO_DEFAULT_ENDPOINT": "http://minio:9000",
            "EPOCHAL_STUDIO_CHECKER": "http://checker:8080/",
            "EPOCHAL_STUDIO_TEMPLATES": str(tmp_path),
            "EPOCHAL_STUDIO_PAGES": str(tmp_path),
            "EPOCHAL_STUDIO_LOG_LEVEL": "debug",
        }
    )
    assert found == Config(
        host="::1",
        port=9000,
        hosts=("studio.example.com", "localhost:8080"),
        tls=tmp_path,
        proxy_auth=True,
        api_server="https://api.example.com",
        api_ca=tmp_path / "ca.crt",
        storage_endpoints=("http://minio:9000", "https://s3.example.com"),
        default_endpoint="http://minio:9000",
        checker="http://checker:8080",
        templates=tmp_path,
        pages=tmp_path,
        log_level="debug",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "8080"),
        ("LISTEN", ":99999"),
        ("LISTEN", "host:x"),
        ("HOSTS", "https://studio.example.com"),
        ("HOSTS", "*"),
        ("HOSTS", "studio.example.com/x"),
        ("PROXY_AUTH", "yes"),
        ("API_SERVER", "api.example.com"),
        ("API_SERVER", "https://user:key@api.example.com"),
        ("API_CA", "/nonexistent"),
        ("STORAGE_ENDPOINTS", "minio:9000"),
        ("STORAGE_ENDPOINTS", "http://*.example.com"),
        ("DEFAULT_ENDPOINT", "http://key:secret@minio"),
        ("CHECKER", "checker:8080"),
        ("CHECKER", "http://user:key@checker"),
        ("LOG_LEVEL", "trace"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidConfig, match=f"EPOCHAL_STUDIO_{name} is .* but must be"):
        read_config({**POD, f"EPOCHAL_STUDIO_{name}": value})


def test_no_api_server() -> None:
    with pytest.raises(InvalidConfig, match="set EPOCHAL_STUDIO_API_SERVER"):
        read_config({})
