"""Each protocol encodes large answers in a thread."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from epochal_api.signature import ImageSpec
from epochal_server.model.model import Arrays
from epochal_server.protocols import classes, json_values, photographs, preprocess, tfserving, v2, watson
from epochal_server.routes import photographs as photographs_routes

from tests.kit.served import model, small, spec
from tests.unit.server.protocols.test_preprocess import sheet, stored
from tests.unit.server.routes.asking import protocol_routes, service, serving

MANY = 20_000
ROWS = [[1, 2]] * MANY
INPUT = {"name": "x", "shape": [MANY, 2], "datatype": "FP32", "data": ROWS}
CLASSES = [{"name": "y", "parameters": {"classification": 3, "binary_data": True}}]


def answer(inputs: Arrays) -> Arrays:
    return {"y": np.ones((len(inputs["x"]), 3), np.float32)}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that wrote a part of an answer."""
    wrote: list[threading.Thread] = []

    def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            wrote.append(threading.current_thread())
            return function(*args, **kwargs)

        return call

    def written(*args: Any) -> Iterator[bytes]:
        wrote.append(threading.current_thread())
        return json_values.json_blocks(*args)

    for module in (v2, tfserving, watson):
        monkeypatch.setattr(module, "json_blocks", written)
    monkeypatch.setattr(v2, "labels", recorded(classes.labels))
    monkeypatch.setattr(photographs, "png", recorded(preprocess.png))
    return wrote


@pytest.mark.parametrize(
    ("path", "body", "changes"),
    [
        ("/v2/models/digits/infer", {"inputs": [INPUT]}, {}),
        ("/v2/models/digits/infer", {"inputs": [INPUT], "outputs": CLASSES}, {}),
        ("/v1/models/digits:predict", {"instances": ROWS}, {}),
        ("/ml/v4/deployments/digits/predictions", {"input_data": [{"values": ROWS}]}, {}),
        (
            "/v3/wml_instances/a/deployments/digits/online",
            {"values": ROWS},
            {"classes": ("a", "b", "c")},
        ),
    ],
)
async def test_a_large_answer_is_encoded_in_a_thread(
    threads: list[threading.Thread],
    path: str,
    body: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    async with serving(protocol_routes(service(small(**changes), answer))) as client:
        response = await client.post(path, json=body)
        assert (response.status, len(await response.read()) > MANY) == (200, True)
    assert threads
    assert threading.main_thread() not in threads


async def test_a_small_answer_is_encoded_inline(threads: list[threading.Thread]) -> None:
    async with (
        serving(protocol_routes(service(small(), answer))) as client,
        client.post("/v1/models/digits:predict", json={"instances": ROWS[:10]}) as response,
    ):
        assert response.status == 200
    assert {*threads} == {threading.main_thread()}


async def test_pictures_are_encoded_in_a_thread(threads: list[threading.Thread]) -> None:
    image = ImageSpec(height=200, width=200, channels=1, lowest=0, highest=1)
    large = model([spec("x", (200, 200, 1))], [spec("y", (3,))], image=image, images="Resize")
    async with serving(photographs_routes.routes(service(large, answer))) as client:
        response = await client.post("/predict?show=true", data=stored(sheet((180, 100))))
        assert "image" in await response.json()
    assert threads
    assert threading.main_thread() not in threads


async def test_the_answers_of_a_form_count_together_in_memory() -> None:
    image = ImageSpec(height=28, width=28, channels=1, lowest=0, highest=1)
    served = model([spec("x", (28, 28, 1))], [spec("y", (50_000,))], image=image, images="Resize")
    form = FormData()
    for at in range(30):
        form.add_field("file", stored(sheet((180, 100))), filename=f"{at}.png", content_type="image/png")
    for data, code in ((stored(sheet((180, 100))), 200), (form, 413)):
        one = service(served, lambda inputs: {"y": np.ones((len(inputs["x"]), 50_000), np.float32)})
        async with (
            serving(photographs_routes.routes(one)) as client,
            client.post("/predict", data=data) as response,
        ):
            assert response.status == code
