"""The JSON schema of Studio's requests and answers is committed, and the types of TypeScript come from it."""

import inspect
import json
from pathlib import Path

from epochal_api.model import Model
from epochal_studio import wire
from epochal_studio.schemas import FILE, schema_text

COMMITTED = Path(__file__).parents[3] / "studio" / "schemas" / FILE


def test_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(), "run `make manifests`, then `npm run types` in studio/"


def test_schema_has_every_model_of_the_wire() -> None:
    models = {
        name
        for name, model in inspect.getmembers(wire, inspect.isclass)
        if issubclass(model, Model) and model.__module__ == wire.__name__
    }
    assert set(json.loads(schema_text())["$defs"]) == models


def test_schema_has_every_limit_of_the_wire() -> None:
    limits = {name: value for name, value in vars(wire).items() if name.startswith("MAX_")}
    assert json.loads(schema_text())["constants"] == limits
