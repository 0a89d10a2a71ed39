"""The OpenAPI document says what the protocols do: its examples are requests that they take."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from epochal_server.model import Model
from epochal_server.protocols import tfserving, v2, watson
from epochal_server.protocols.openapi.document import document
from epochal_server.routes import photographs as photograph_routes
from epochal_server.routes import tfserving as tensorflow_routes
from epochal_server.routes import v2 as v2_routes
from epochal_server.routes import watson as watson_routes
from epochal_server.tensors import check

from tests.kit.served import digits, model, pair, small, spec
from tests.unit.server.routes.asking import service

MODELS = {
    "digits": digits(),
    "pictures": digits(images="Resize", probabilities=False),
    "numbers": small("int8", (2, 3)),
    "pair": pair(),
    "large": model([spec("image", (224, 224, 3))], [spec("mask", (224, 224), "bool")], images="Resize"),
    "scalar": model([spec("x", (), "bool")], [spec("y", ())]),
}
DECODE: dict[str, Callable[[bytes, Model], Any]] = {
    "/infer": lambda body, of: v2.decode(body, None, of),
    ":predict": tfserving.decode,
    "/predictions": watson.decode_v4,
    "/online": watson.decode_v3,
}


def examples(path: dict[str, Any]) -> Iterator[Any]:
    media = path.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in media:
        yield media["example"]
    yield from (one["value"] for one in media.get("examples", {}).values())


@pytest.fixture(params=list(MODELS.values()), ids=list(MODELS))
def of(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


def test_its_examples_are_taken(of: Model) -> None:
    taken = 0
    for at, path in document(of)["paths"].items():
        for end, decode in DECODE.items():
            for example in examples(path) if at.endswith(end) else ():
                assert check(decode(orjson.dumps(example), of).inputs, of.inputs) == 1
                taken += 1
    assert taken == (0 if of is MODELS["large"] else 5)


def test_its_paths_are_served(of: Model) -> None:
    made = service(of, dict)
    modules = (v2_routes, tensorflow_routes, watson_routes, photograph_routes)
    served = [(one.method, one.path) for module in modules for one in module.routes(made)]
    patterns = [
        (method, re.compile(re.sub(r"\{.*?\}+", "[^/:]+", path.replace("[^/:]+", "")))) for method, path in served
    ]
    for at, path in document(of)["paths"].items():
        if at.startswith("/v2/health"):
            continue
        for method in path:
            plain = at.replace("{instance}", "any")
            assert any(of_method == method.upper() and pattern.fullmatch(plain) for of_method, pattern in patterns), at


def test_its_references_lead_somewhere(of: Model) -> None:
    found = document(of)
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', orjson.dumps(found).decode()):
        where: Any = found
        for name in reference.split("/"):
            where = where[name]


def test_photographs_stand_first_where_they_are_taken() -> None:
    found = document(digits())
    assert (found["tags"][0]["name"], next(iter(found["paths"]))) == ("Photographs", "/predict")
    assert "/predict" not in document(small())["paths"]
