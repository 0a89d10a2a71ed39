"""Errors of models hide their input, because a file with a secret may be read in place of the expected file."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

ROOT = Path(__file__).parents[3]
PACKAGES = ("api", "cli", "lib", "operator", "photographs", "server-image", "studio-image", "trainer-image")
# A module that names neither defines no model, or inherits the settings of another module's model.
DEFINES = re.compile(r"\bpydantic\b|class \w+\(\w*Model\)")


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        source = ROOT / package / "src"
        for path in sorted(source.rglob("*.py")):
            if DEFINES.search(path.read_text(encoding="utf-8")):
                yield importlib.import_module(".".join(path.relative_to(source).with_suffix("").parts))


def models(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("epochal_"):
            yield model
        yield from models(model)


def test_errors_hide_their_input() -> None:
    loaded = list(modules())
    assert {one.__name__.partition(".")[0] for one in loaded} >= {"epochal_api", "epochal_lib", "epochal_trainer"}
    found = set(models())
    assert len(found) > 100
    assert [model for model in found if not model.model_config.get("hide_input_in_errors")] == []
    adapters: list[TypeAdapter[Any]] = [
        one for module in loaded for one in vars(module).values() if isinstance(one, TypeAdapter)
    ]
    assert adapters
    for adapter in adapters:
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python({"a": "S3cr3t"})
        assert "S3cr3t" not in str(refused.value)
