"""Photographs over HTTP."""

import asyncio
import io
from dataclasses import replace
from time import thread_time
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from epochal_api.modelserver.config import Limits
from epochal_api.signature import ImageSpec
from epochal_server.admission import AdmissionControl
from epochal_server.model.model import Arrays
from epochal_server.routes import photographs as module
from epochal_server.routes.photographs import routes
from PIL import Image

from tests.kit.served import digits, model, small, spec
from tests.unit.server.protocols.test_preprocess import sheet, stored
from tests.unit.server.routes.asking import KEY, service, serving, workers

IMAGE = ImageSpec(height=28, width=28, channels=1, lowest=0, highest=1)
ONE = stored(sheet((180, 100)))
TWO = stored(sheet((100, 100), (280, 100)), "JPEG")
EMPTY = stored(sheet())


def answer(inputs: Arrays) -> Arrays:
    return {"digit": np.eye(10, dtype=np.float32)[[1] * len(inputs["image"])]}


SERVICE = service(digits(), answer)


def form(*files: tuple[str, bytes]) -> FormData:
    made = FormData()
    for name, data in files:
        made.add_field("file", data, filename=name, content_type="image/png")
    return made


@pytest.mark.parametrize(
    "kind", ["image/png", "image/jpeg", "application/x-www-form-urlencoded", "application/octet-stream"]
)
async def test_answers_a_photograph_of_any_content_type(kind: str) -> None:
    async with serving(routes(SERVICE)) as client:
        response = await client.post("/predict", data=ONE, headers={"Content-Type": kind})
        content = await response.json()
        assert (content["class"], content["name"], content["probability"], len(content["top"])) == (1, "one", 1.0, 3)
        assert "image" not in content


async def test_shows_the_model_image() -> None:
    async with serving(routes(SERVICE)) as client:
        content = await (await client.post("/predict?show=true", data=ONE)).json()
        response = await client.post("/predict?show=true", data=ONE, headers={"Accept": "image/png"})
        assert response.content_type == "image/png"
        with Image.open(io.BytesIO(await response.read())) as picture:
            assert picture.size == (28, 28)
        assert content["image"].startswith("data:image/png;base64,")


async def test_answers_the_outputs_of_a_model_without_classes() -> None:
    scores = model([spec("x", (28, 28, 1))], [spec("score", ()), spec("pair", (2,))], image=IMAGE, images="Digit")

    def compute(inputs: Arrays) -> Arrays:
        count = len(inputs["x"])
        return {"score": np.full(count, 0.5, np.float32), "pair": np.ones((count, 2), np.float32)}

    async with serving(routes(service(scores, compute))) as client:
        content = await (await client.post("/predict", data=ONE)).json()
        assert content == {"outputs": {"score": 0.5, "pair": [1.0, 1.0]}}


async def test_finds_several_digits() -> None:
    async with serving(routes(SERVICE)) as client:
        found = (await (await client.post("/predict?several=true", data=TWO)).json())["predictions"]
        assert [one["class"] for one in found] == [1, 1]
        assert found[0]["box"]["left"] < found[1]["box"]["left"]
        assert await (await client.post("/predict?several=true", data=EMPTY)).json() == {"predictions": []}


async def test_answers_each_photograph_of_a_form_by_its_name() -> None:
    sent: Any = form(("a.png", ONE), ("b.png", b"none"), ("c.jpg", TWO))
    async with serving(routes(SERVICE)) as client:
        one, none, two = (await (await client.post("/predict", data=sent)).json())["photographs"]
        assert (one["file"], one["class"], two["file"], two["class"]) == ("a.png", 1, "c.jpg", 1)
        assert none["file"] == "b.png"
        assert "not a JPEG, PNG or WebP" in none["error"]
        sent = form(("a.png", EMPTY), ("c.jpg", TWO))
        content = (await (await client.post("/predict?several=true", data=sent)).json())["photographs"]
        assert [len(one["predictions"]) for one in content] == [0, 2]


async def test_refuses_a_form_without_valid_photographs() -> None:
    async with serving(routes(SERVICE)) as client:
        response = await client.post("/predict", data=form(("a.png", b"none"), ("b.png", b"")))
        assert response.status == 400
        assert "a.png: the file is not a JPEG" in (await response.json())["error"]
        response = await client.post("/predict", data=form(*[("a.png", ONE)] * 65))
        assert (response.status, "at most 64 files" in (await response.json())["error"]) == (400, True)


async def test_refuses_a_form_of_too_many_pixels() -> None:
    limited = service(digits(limits=Limits(image_pixels=400 * 300)), answer)
    large = stored(sheet((180, 100), size=(401, 300)))
    async with serving(routes(limited)) as client:
        sent: Any = form(*[("a.png", ONE)] * 4, ("large.png", large))
        content = (await (await client.post("/predict", data=sent)).json())["photographs"]
        assert [one.get("class") for one in content] == [1, 1, 1, 1, None]
        response = await client.post("/predict", data=form(*[("a.png", ONE)] * 5))
        assert response.status == 413
        assert (
            "at most 480,000 pixels in total, 4 times the limit for a photograph, found 600,000"
            in await response.text()
        )


@pytest.mark.parametrize(
    ("query", "body", "kind", "status", "message"),
    [
        ("", EMPTY, "image/png", 400, "digit"),
        ("", b"", "image/png", 400, "found an empty body"),
        ("?fit=pad", ONE, "image/png", 400, "remove fit"),
        ("", b"{}", "application/json", 415, "/v2/models/digits/infer"),
        ("", ONE, "multipart/form-data", 400, "with a boundary"),
        ("", b"1,2\n3,4", "text/csv; charset=utf-8", 415, "found 'text/csv': send a photograph, or JSON to /v2"),
        ("", b"1,2\n3,4", "text/plain", 400, "not a JPEG, PNG or WebP"),
    ],
)
async def test_message_has_the_fault(query: str, body: bytes, kind: str, status: int, message: str) -> None:
    async with serving(routes(SERVICE)) as client:
        response = await client.post(f"/predict{query}", data=body, headers={"Content-Type": kind})
        assert (response.status, message in (await response.json())["error"]) == (status, True)


PICTURES = model(
    [spec("image", (256, 256, 3))],
    [spec("class", (10,))],
    image=ImageSpec(height=256, width=256, channels=3, lowest=0, highest=1),
    images="Resize",
)
TINY = stored(Image.new("RGB", (8, 8), "red"))


@pytest.mark.parametrize("large", [False, True])
async def test_an_admitted_form_is_not_refused_when_the_queue_fills(
    monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    monkeypatch.setattr(module, "is_large", lambda *_: large)
    admission, admitted = AdmissionControl(2, 2**20), list[tuple[bool, bool]]()

    async def compute(inputs: Arrays, /, *, is_admitted: bool = False, is_part: bool = False) -> Arrays:
        admitted.append((is_admitted, is_part))
        admission.waiting = 2  # other requests fill the queue
        return answer(inputs)

    busy = replace(service(digits(), answer), answer=compute, admission=admission, workers=workers(admission=admission))
    async with serving(routes(busy)) as client:
        response = await client.post("/predict", data=form(("a.png", ONE), ("b.png", ONE)))
        assert (response.status, len((await response.json())["photographs"])) == (200, 2)
        refused = await client.post("/predict", data=form(("a.png", ONE)))
        assert (refused.status, admitted, admission.planned) == (429, [(True, True)] * 2, 0)


async def test_the_inputs_made_of_photographs_are_bounded() -> None:
    proceed = asyncio.Event()

    async def compute(inputs: Arrays, /, *, is_admitted: bool = False, is_part: bool = False) -> Arrays:
        await proceed.wait()
        return {"class": np.ones((len(inputs["image"]), 10), np.float32)}

    admission = AdmissionControl(1000, 8 * 2**20)
    blocked = replace(service(PICTURES, answer), answer=compute, admission=admission)
    async with serving(routes(blocked)) as client:
        posts = [asyncio.create_task(client.post("/predict", data=TINY)) for _ in range(60)]
        async with asyncio.timeout(20):
            while sum(post.done() for post in posts) < 52:  # noqa: ASYNC110 - a refusal has no event
                await asyncio.sleep(0.01)
        proceed.set()
        codes = [(await post).status for post in posts]
        assert (codes.count(200), codes.count(429)) == (8, 52)
        assert (await client.post("/predict", data=TINY)).status == 200, "the memory is free again"


async def test_inputs_that_never_fit_are_too_large() -> None:
    limited = replace(service(PICTURES, answer), admission=AdmissionControl(8, 2**19))
    async with serving(routes(limited)) as client:
        for data in (TINY, form(("a.png", TINY))):
            response = await client.post("/predict", data=data)
            assert (response.status, "the model's inputs take" in await response.text()) == (413, True)


async def test_a_model_without_images_answers_404() -> None:
    async with serving(routes(service(small(), answer))) as client:
        response = await client.post("/predict", data=ONE)
        assert (response.status, "set spec.images" in (await response.json())["error"]) == (404, True)


async def test_requires_the_key() -> None:
    async with serving(routes(service(digits(), answer, key=True))) as client:
        assert (await client.post("/predict", data=ONE)).status == 401
        assert (await client.post("/predict", data=ONE, headers={"Authorization": KEY})).status == 200


async def test_a_content_type_with_many_parameters_takes_little_time() -> None:
    async with serving(routes(SERVICE)) as client:
        kind = 'image/png; a="' + '; a="' * 1200
        began = thread_time()
        response = await client.post("/predict", data=ONE, headers={"Content-Type": kind})
        assert (await response.json())["class"] == 1
        whole = thread_time() - began
        began = thread_time()
        await client.post("/predict", data=ONE, headers={"Content-Type": "image/png"})
        assert whole < thread_time() - began + 0.05
