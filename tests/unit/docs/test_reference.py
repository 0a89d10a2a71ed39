"""The reference pages have every command, field and value."""

import json
import re

import pytest
import yaml
from epochal.app import app
from epochal_api.crd import KINDS, Kind, custom_resource_definition
from typer.main import get_command

from scripts.site import api, commands, values
from tests.kit.documents import ROOT

CHART = ROOT / "charts" / "epochal"
COMMANDS = commands.page()
VALUES = values.page(CHART)


@pytest.mark.parametrize("text", [COMMANDS, VALUES, *api.pages().values()])
def test_each_row_has_the_cells_of_its_heads(text: str) -> None:
    width = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells in {0, width} or not width, line
        width = cells


def test_each_command_has_its_options() -> None:
    group = get_command(app)
    names = list(getattr(group, "commands"))  # noqa: B009 - typer's group has it, its base does not
    assert re.findall(r"^## (.*)$", COMMANDS, re.MULTILINE) == names
    for name, command in getattr(group, "commands").items():  # noqa: B009
        section = COMMANDS.partition(f"## {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            assert all(option in section for option in parameter.opts if option.startswith("-")), parameter.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.model.__name__)
def test_each_field_has_a_row(kind: Kind) -> None:
    text = api.pages()[f"{kind.model.__name__.lower()}.md"]
    (version,) = custom_resource_definition(kind)["spec"]["versions"]
    for part in ("spec", "status"):
        for name in version["schema"]["openAPIV3Schema"]["properties"][part]["properties"]:
            assert f"### {part}.{name}\n" in text or f"| `{name}`" in text, name
    assert "None" not in re.findall(r"\| (\w+) \|", text)


def test_types_defaults_bounds_and_rules() -> None:
    text = api.pages()["trainingjob.md"]
    assert re.search(r"\| `framework` \| `tensorflow` \| `\"tensorflow\"` \| Keras backend", text)
    assert re.search(r"\| `timeoutSeconds` \| integer \| `3600` \| .*Bounds: 1 to 2592000\.", text)
    assert re.search(r"\| `secretRef.name`\* \| string \|", text)
    assert "Rules: must be http://HOST" in text
    assert "[spec of a TrainingJob](trainingjob.md#spec)" in api.pages()["experiment.md"]


def test_each_value_has_a_row_with_its_comment() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert all(f"| `{key}`" in VALUES or f"| `{key}." in VALUES for key in defaults)
    assert re.search(r"\| `workers` \| integer \| `4` \| TrainingJobs of one namespace .* Bounds: 1 to 100", VALUES)
    assert re.search(
        r"\| `image.pullPolicy` \| `IfNotPresent`, `Always`, `Never` \| `\"IfNotPresent\"` \| When", VALUES
    )
    assert json.loads((CHART / "values.schema.json").read_text())["properties"].keys() - {"global"} == defaults.keys()
