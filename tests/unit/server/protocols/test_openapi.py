"""The OpenAPI document matches the protocols."""

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
def served_model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


def test_the_examples_are_valid_requests(served_model: Model) -> None:
    accepted = 0
    described = document(served_model)["paths"]
    for endpoint in (one for protocol in protocols(served_model) for one in protocol.endpoints):
        for path in endpoint.paths:
            plain = re.sub(r"\{name.*?\}+", served_model.name, path).replace("[^/:]+}", "")
            for example in examples(described.get(plain, {})):
                assert check(endpoint.decode(orjson.dumps(example), {}, {}).inputs, served_model.inputs) == 1
                accepted += 1
    assert accepted == (0 if served_model is MODELS["large"] else 5)


def test_the_paths_are_served(served_model: Model) -> None:
    made = service(served_model, dict)
    served = [(one.method, one.path) for one in [*protocol_routes(made), *photographs.routes(made)]]
    patterns = [
        (method, re.compile(re.sub(r"\{.*?\}+", "[^/:]+", path.replace("[^/:]+", "")))) for method, path in served
    ]
    for at, path in document(served_model)["paths"].items():
        if at.startswith("/v2/health"):
            continue
        for method in path:
            plain = at.replace("{instance}", "any")
            assert any(of_method == method.upper() and pattern.fullmatch(plain) for of_method, pattern in patterns), at


def test_replaces_all_placeholders(served_model: Model) -> None:
    text = orjson.dumps(document(served_model)).decode()
    assert not re.search(r'"\$(?!ref"|KEY)|\{model\}|\{version\}', text)


def test_all_references_are_defined(served_model: Model) -> None:
    found = document(served_model)
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', orjson.dumps(found).decode()):
        where: Any = found
        for name in reference.split("/"):
            where = where[name]


def test_describes_the_names_of_classes_if_the_model_has_them() -> None:
    for served, has_names in ((digits(), True), (small(), False)):
        assert ('"class_names"' in orjson.dumps(document(served)).decode()) == has_names


def test_a_prediction_has_the_class_of_the_first_output_and_the_other_outputs() -> None:
    outputs = [spec("digit", (10,)), spec("odd", (1,), probabilities=True), spec("slant", ())]
    image = digits().signature.image
    served = model([spec("image", (28, 28, 1))], outputs, probabilities=True, image=image, images="Digit")
    for one, required in ((served, ["class", "name", "probability", "top", "outputs"]), (digits(), None)):
        content = document(one)["paths"]["/predict"]["post"]["responses"]["200"]["content"]
        prediction = content["application/json"]["schema"]["anyOf"][0]
        assert prediction["required"] == (required or ["class", "name", "probability", "top"])
        further = prediction["properties"].get("outputs", {}).get("properties", {})
        assert [*further] == (["odd", "slant"] if required else [])
        assert not further or (further["slant"], "top" in further["odd"]["properties"]) == ({"type": "number"}, True)


def test_photographs_come_first() -> None:
    found = document(digits())
    assert (found["tags"][0]["name"], next(iter(found["paths"]))) == ("Photographs", "/predict")
    assert "/predict" not in document(small())["paths"]
