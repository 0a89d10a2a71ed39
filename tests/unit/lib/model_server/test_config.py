"""The configuration of a server."""

import json
from pathlib import Path

import pytest
from epochal_api.pod import ExitCode
from epochal_lib.model_server.config import read_config
from epochal_lib.model_server.errors import ServeError

CONFIG = {
    "name": "digits",
    "namespace": "vision",
    "source": {"uri": "s3://models/model.onnx", "sha256": "0" * 64},
    "storage": {"endpoint": "http://minio"},
}


def test_reads_the_configuration_of_a_newer_operator(tmp_path: Path) -> None:
    file = tmp_path / "server.json"
    file.write_text(json.dumps(CONFIG | {"batching": {"maxSize": 8}, "ofANewerOperator": True}))
    config = read_config(file)
    assert (config.name, config.batching.max_size, config.limits.queued_requests) == ("digits", 8, 256)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("{", "JSON"),
        (
            json.dumps({**CONFIG, "name": 3, "source": {"uri": "s3://b/k", "sha256": "0"}}),
            "source.sha256: must be the SHA-256 of the file",
        ),
    ],
)
def test_message_has_the_fault(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "server.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServeError, match=message) as error:
        read_config(file)
    assert (error.value.reason, error.value.exit_code) == ("InvalidConfig", ExitCode.BAD_SPEC)


@pytest.mark.parametrize("text", ["S3cr3t", '{"name": {"S3cr3t": 1}, "namespace": ["S3cr3t"], "S3cr3t": "S3cr3t"}'])
def test_no_message_has_content_of_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "server.json"
    file.write_text(text)
    with pytest.raises(ServeError) as error:
        read_config(file)
    assert "S3cr3t" not in error.value.message
