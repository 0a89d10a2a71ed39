"""The JSON schemas of results are committed, and every field in them is described."""

import json
from pathlib import Path

import pytest
from epochal_api.result_schemas import RESULTS, schema_file, schema_text

FOLDER = Path(__file__).parents[3] / "docs" / "schemas"
EACH_RESULT = pytest.mark.parametrize("name", RESULTS)


def test_every_schema_is_committed() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {schema_file(name) for name in RESULTS}


@EACH_RESULT
def test_committed_schema_is_current(name: str) -> None:
    assert (FOLDER / schema_file(name)).read_text() == schema_text(name), "run `make manifests`"


@EACH_RESULT
def test_version_is_fixed_and_fields_are_described(name: str) -> None:
    schema = json.loads(schema_text(name))
    assert isinstance(schema["properties"]["version"]["const"], int)
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        for field, node in model["properties"].items():
            assert node.get("description", "").endswith("."), f"{model['title']}.{field}"
