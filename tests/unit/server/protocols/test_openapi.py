"""The OpenAPI document says what the protocols do: its examples are requests that they take."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from epochal_server.assemble import protocols
from epochal_server.model.model import Model, check
from epochal_server.protocols.openapi import document
from epochal_server.routes import photographs

from tests.kit.served import digits, model, pair, small, spec
from tests.unit.server.routes.asking import protocol_routes, service

MODELS = {
    "digits": digits(),
    "pictures": digits(images="Resize", probabilities=False),
    "numbers": small("int8", (2, 3)),
    "pair": pair(),
    "large": model([spec("image", (224, 224, 3))], [spec("mask", (224, 224), "bool")], images="Resize"),
    "scalar": model([spec("x", (), "bool")], [spec("y", ())]),
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
    described = document(of)["paths"]
    for endpoint in (one for protocol in protocols(of) for one in protocol.endpoints):
        for path in endpoint.paths:
            plain = re.sub(r"\{name.*?\}+", of.name, path).replace("[^/:]+}", "")
            for example in examples(described.get(plain, {})):
                assert check(endpoint.decode(orjson.dumps(example), {}, {}).inputs, of.inputs) == 1
                taken += 1
    assert taken == (0 if of is MODELS["large"] else 5)


def test_its_paths_are_served(of: Model) -> None:
    made = service(of, dict)
    served = [(one.method, one.path) for one in [*protocol_routes(made), *photographs.routes(made)]]
    patterns = [
        (method, re.compile(re.sub(r"\{.*?\}+", "[^/:]+", path.replace("[^/:]+", "")))) for method, path in served
    ]
    for at, path in document(of)["paths"].items():
        if at.startswith("/v2/health"):
            continue
        for method in path:
            plain = at.replace("{instance}", "any")
            assert any(of_method == method.upper() and pattern.fullmatch(plain) for of_method, pattern in patterns), at


def test_no_placeholder_is_left(of: Model) -> None:
    text = orjson.dumps(document(of)).decode()
    assert not re.search(r'"\$(?!ref"|KEY)|\{model\}|\{version\}', text)


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
