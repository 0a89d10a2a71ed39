"""A model is got ready; why one cannot be is told by the name that people know it by."""

from pathlib import Path

import numpy as np
import pytest
from epochal_api.server_config import ServerConfig
from epochal_server.ending import Ended
from epochal_server.loading import load
from epochal_server.source import Storage

from tests.kit.models import digest, softmax

URI = "s3://models/digits/model.onnx"


def away() -> Storage:
    raise AssertionError("what is in the folder is not fetched")


def config(data: bytes, folder: Path) -> ServerConfig:
    """Returns what a server is told of a model that lies in its folder already."""
    sha256 = digest(data)
    (folder / f"{sha256}.onnx").write_bytes(data)
    source, storage = {"uri": URI, "sha256": sha256}, {"endpoint": "http://storage"}
    return ServerConfig.model_validate({"name": "m", "namespace": "n", "source": source, "storage": storage})


def test_gets_a_model_ready(tmp_path: Path) -> None:
    loaded = load(config(softmax(np.eye(3)), tmp_path), away, 1, tmp_path)
    assert loaded.model.outputs.keys() == {"probabilities"}
    assert loaded.most == 32


@pytest.mark.parametrize("data", [b"GIF89a", softmax(np.eye(3))[:-20]])
def test_tells_where_a_model_lies_that_it_cannot_load(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Ended, match=f"^{URI}: ONNX Runtime .* cannot load it") as ended:
        load(config(data, tmp_path), away, 1, tmp_path)
    assert ended.value.reason == "ModelRefused"
