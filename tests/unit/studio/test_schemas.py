"""The JSON schema of Studio's requests and answers is committed, and the types of TypeScript come from it."""

import json
from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import iter_modules

from epochal_api.model import Model
from epochal_api.trainingjob.network import MAX_OUTPUTS
from epochal_studio import wire
from epochal_studio.schemas import FILE, schema_text

MODULES = [import_module(f"{wire.__name__}.{module.name}") for module in iter_modules(wire.__path__)]
COMMITTED = Path(__file__).parents[3] / "studio" / "schemas" / FILE


def test_committed_schema_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(), "run `make manifests`, then `npm run types` in studio/"


def test_schema_has_every_model_of_the_wire() -> None:
    models = {
        name
        for module in MODULES
        for name, model in vars(module).items()
        if isclass(model) and issubclass(model, Model) and model.__module__ == module.__name__
    }
    assert set(json.loads(schema_text())["$defs"]) == models


def test_schema_has_every_limit_of_the_wire() -> None:
    limits = {name: value for module in MODULES for name, value in vars(module).items() if name.startswith("MAX_")}
    assert json.loads(schema_text())["constants"] == limits | {"MAX_OUTPUTS": MAX_OUTPUTS}
