"""A trained model answers alike in all protocols, as Keras does, to the clients that people have."""

import asyncio
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tritonclient.http.aio as triton_aio
import yaml
from epochal_trainer.run import Folders, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.kit.model_server import ask, serving
from tests.kit.served import DIGITS

from .conftest import restored_process

EXAMPLE = Path("manifests/examples/digits.yaml")
IMAGES = load_digits().images.astype(np.float32).reshape(-1, 8, 8, 1)
SOME = IMAGES[:5]
V2 = "/v2/models/digits/infer"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the results folder of a training."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "data").mkdir()
    np.savez(folder / "data/digits.npz", x=IMAGES, y=load_digits().target, class_names=DIGITS)
    document = yaml.safe_load(EXAMPLE.read_text())
    document["spec"]["training"] |= {"epochs": 2}
    del document["spec"]["data"]["test"]  # The file has one set only.
    (folder / "job.yaml").write_text(yaml.safe_dump(document))
    with restored_process():
        assert run(folder / "job.yaml", Folders(folder / "data", folder / "results")) == 0
    (model,) = (folder / "results").rglob("model.onnx")
    return model.parent


@pytest.fixture(scope="module")
def url(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model, signature = ((trained / name).read_bytes() for name in ("model.onnx", "signature.json"))
    with serving(tmp_path_factory.mktemp("server"), model, signature) as where:
        yield where


@pytest.fixture(scope="module")
def expected(trained: Path) -> np.ndarray:
    """Returns the answers of Keras to SOME."""
    return np.asarray(keras.saving.load_model(trained / "model.keras").predict(SOME, verbose=0))


@pytest.fixture(scope="module")
def names(url: str) -> tuple[str, str]:
    answer = ask(f"{url}/v2/models/digits")[1]
    return answer["inputs"][0]["name"], answer["outputs"][0]["name"]


@pytest.fixture
def client(url: str) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(url.removeprefix("http://")) as found:
        yield found


def same(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=1e-5, atol=1e-6)


def post(url: str, document: Any) -> Any:
    status, answer = ask(url, json.dumps(document).encode())
    assert status == 200, answer
    return answer


def test_triton_finds_the_server_and_the_model(client: InferenceServerClient, names: tuple[str, str]) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")
    assert not client.is_model_ready("other")
    assert not client.is_model_ready("digits", "2")
    assert client.get_server_metadata()["name"] == "epochal-server"
    assert client.get_model_metadata("digits") == {
        "name": "digits",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": names[0], "datatype": "FP32", "shape": [-1, 8, 8, 1]}],
        "outputs": [{"name": names[1], "datatype": "FP32", "shape": [-1, 10]}],
    }
    assert client.get_model_repository_index()[0]["state"] == "READY"


@pytest.mark.parametrize("sends", [False, True], ids=["json", "bytes"])
@pytest.mark.parametrize("takes", [None, False, True], ids=["unasked", "json", "bytes"])
@pytest.mark.parametrize("packing", [None, "gzip", "deflate"])
def test_triton_is_answered(
    client: InferenceServerClient,
    names: tuple[str, str],
    expected: np.ndarray,
    *,
    sends: bool,
    takes: bool | None,
    packing: str | None,
) -> None:
    image = InferInput(names[0], list(SOME.shape), "FP32").set_data_from_numpy(SOME, binary_data=sends)
    wanted = None if takes is None else [InferRequestedOutput(names[1], binary_data=takes)]
    result = client.infer(
        "digits",
        [image],
        model_version="1",
        outputs=wanted,
        request_id="some",
        parameters={"colour": "red"},
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )
    same(result.as_numpy(names[1]), expected)
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("some", "digits", "1")
    assert answer["parameters"] == {"colour": "red"}


def test_triton_gets_the_best_classes(
    client: InferenceServerClient, names: tuple[str, str], expected: np.ndarray
) -> None:
    image = InferInput(names[0], list(SOME.shape), "FP32").set_data_from_numpy(SOME)
    result = client.infer("digits", [image], outputs=[InferRequestedOutput(names[1], class_count=1)])
    answer = [item.decode().split(":")[1:] for item in result.as_numpy(names[1]).ravel()]
    assert answer == [[str(best), DIGITS[best]] for best in expected.argmax(axis=1)]


async def test_concurrent_requests_get_their_own_answers(url: str, names: tuple[str, str]) -> None:
    async with triton_aio.InferenceServerClient(url.removeprefix("http://"), conn_limit=32) as client:

        async def ask(index: int) -> np.ndarray:
            one = IMAGES[index : index + 1 + index % 3]
            image = InferInput(names[0], list(one.shape), "FP32").set_data_from_numpy(one)
            answer: np.ndarray = (await client.infer("digits", [image])).as_numpy(names[1])
            return answer

        alone = [await ask(index) for index in range(40)]
        for _ in range(5):
            for found, wanted in zip(await asyncio.gather(*map(ask, range(40))), alone, strict=True):
                same(found, wanted)


def test_triton_gets_the_error(client: InferenceServerClient, names: tuple[str, str]) -> None:
    odd = np.zeros((1, 3, 3, 1), np.float32)
    image = InferInput(names[0], list(odd.shape), "FP32").set_data_from_numpy(odd)
    with pytest.raises(InferenceServerException, match=r"expected float32 of shape \(n, 8, 8, 1\), found .*3, 3"):
        client.infer("digits", [image])
    with pytest.raises(InferenceServerException, match='unknown model "other"'):
        client.infer("other", [image])


def test_all_protocols_give_the_answers_of_keras(url: str, names: tuple[str, str], expected: np.ndarray) -> None:
    rows, flat = SOME.tolist(), SOME.reshape(5, 64).tolist()
    at = f"{url}/v1/models/digits:predict"
    same(post(at, {"instances": rows})["predictions"], expected)
    same(post(at, {"instances": [{names[0]: row} for row in rows]})["predictions"], expected)
    same(post(at, {"inputs": {names[0]: rows}})["outputs"], expected)
    classes = expected.argmax(axis=1).tolist()
    for values in (rows, flat):
        entry = {"fields": ["odd"], "values": values}
        (answer,) = post(f"{url}/ml/v4/deployments/digits/predictions?version=2020-09-01", {"input_data": [entry]})[
            "predictions"
        ]
        assert answer["fields"] == ["prediction", "prediction_classes", "probability"]
        answer_v3 = post(f"{url}/v3/wml_instances/any/deployments/digits/online", entry)
        assert answer_v3 == answer
        assert [row[1] for row in answer["values"]] == classes
        same([row[0] for row in answer["values"]], expected)
        same([row[2] for row in answer["values"]], expected)


def test_classes_have_the_names_of_the_training_data(trained: Path, expected: np.ndarray, tmp_path: Path) -> None:
    model, signature = ((trained / name).read_bytes() for name in ("model.onnx", "signature.json"))
    file = io.BytesIO()
    Image.fromarray((SOME[0, :, :, 0] * 255 / 16).astype(np.uint8)).save(file, "PNG")
    with serving(tmp_path, model, signature, images="Resize") as url:
        status, answer = ask(f"{url}/predict", file.getvalue(), {"Content-Type": "image/png"})
    assert status == 200, answer
    assert (answer["class"], answer["name"]) == (best := int(expected[0].argmax()), DIGITS[best])


def test_the_examples_of_the_openapi_document_are_answered(url: str) -> None:
    document = ask(f"{url}/openapi.json")[1]
    answered = 0
    for path, operations in document["paths"].items():
        where = url + path.replace("{instance}", "any")
        if "get" in operations:
            assert ask(where)[0] == 200, path
        media = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        bodies = (
            [media["example"]]
            if "example" in media
            else [example["value"] for example in media.get("examples", {}).values()]
        )
        for body in bodies:
            post(where, body)
            answered += 1
    assert answered == 5


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (
            V2,
            b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}',
            400,
            "which is not valid in JSON",
        ),
        (V2, b"", 400, "found an empty body"),
        (V2, b"[" * 100_000, 400, "depth limit exceeded"),
        (V2, b'{"inputs":[]}', 400, "found none"),
        (V2, b'{"a":1,"a":2}', 400, 'found "a" twice'),
        (V2, b'{"a":"' + b"x" * 9_000_000 + b'"}', 413, "spec.limits.requestBytes"),
        ("/v1/models/digits:predict", b'{"instances":[[[[1]]]]}', 400, "expected float32 of shape (n, 8, 8, 1)"),
        ("/v1/models/digits:predict", b'{"instances":[[1],[1,2]]}', 400, "expected lists of equal length"),
        ("/v1/models/other:predict", b"{}", 404, 'unknown model "other"'),
        ("/v2/models/digits/versions/9/infer", b"{}", 404, "unknown version 9"),
        ("/ml/v4/deployments/digits/predictions", b'{"input_data":[{"values":[]}]}', 400, "expected float32"),
        ("/predict", b"\xff\xd8\xff", 404, "set spec.images of the ModelServer"),
    ],
)
def test_wrong_requests_are_refused_with_the_reason(
    url: str, path: str, body: bytes, status: int, message: str
) -> None:
    found, refusal = ask(url + path, body)
    assert (found, message in str(refusal)) == (status, True), refusal


def test_a_compressed_bomb_is_refused(url: str) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert ask(url + V2, bomb, {"Content-Encoding": "gzip"})[0] == 413


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([V2, "/v1/models/digits:predict", "/ml/v4/deployments/digits/predictions", "/predict"]),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["inputs", "instances", "input_data", "values", "name", "shape", "data", "datatype", "id"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Content-Type": st.sampled_from(["application/json", "multipart/form-data; boundary=a", "image/jpeg", "é"]),
            "Content-Encoding": st.sampled_from(["gzip", "deflate", "br", ""]),
            "Inference-Header-Content-Length": st.sampled_from(["0", "2", "-1", "9999999999999999999999", "x"]),
        },
    ),
)
def test_no_request_is_a_server_error(url: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    status, answer = ask(url + path, body, headers)
    assert status in {400, 404, 413, 415}, answer
