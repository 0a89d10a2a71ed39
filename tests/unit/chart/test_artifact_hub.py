"""The annotations for Artifact Hub: https://artifacthub.io/docs/topics/annotations/helm."""

from typing import Any

import pytest
import yaml
from epochal_api.catalogue.problems import problems
from epochal_api.crd import ALL_KINDS, definition_name
from epochal_api.experiment.spec import parse as parse_experiment
from epochal_api.kind import API_VERSION, VERSION
from epochal_api.modelserver.spec import parse as parse_server
from epochal_api.trainingjob.spec import parse as parse_job

from tests.unit.chart.conftest import ROOT

CHART: dict[str, Any] = yaml.safe_load((ROOT / "charts" / "epochal" / "Chart.yaml").read_text())
VALUES: dict[str, Any] = yaml.load((ROOT / "charts" / "epochal" / "values.yaml").read_text(), yaml.CSafeLoader)
PREFIX = "artifacthub.io/"
TEXTS: dict[str, str] = {key.removeprefix(PREFIX): text for key, text in CHART["annotations"].items()}
LISTS = {"changes", "crds", "crdsExamples", "images", "links"}
CATEGORIES = {
    *("ai-machine-learning", "database", "integration-delivery", "monitoring-logging", "networking", "security"),
    *("storage", "streaming-messaging", "skip-prediction"),
}
CAPABILITIES = {"Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot"}
CHANGES = {"added", "changed", "deprecated", "removed", "fixed", "security"}
PARSE = {"TrainingJob": parse_job, "Experiment": parse_experiment, "ModelServer": parse_server}


def items(name: str) -> list[dict[str, Any]]:
    found = yaml.safe_load(TEXTS[name])
    assert isinstance(found, list)
    return found


def test_each_annotation_is_a_known_text() -> None:
    single = {"category", "containsSecurityUpdates", "license", "operator", "operatorCapabilities", "prerelease"}
    assert TEXTS.keys() == LISTS | single
    assert all(isinstance(text, str) for text in TEXTS.values())
    assert TEXTS["category"] in CATEGORIES
    assert TEXTS["operatorCapabilities"] in CAPABILITIES
    assert {TEXTS["operator"], TEXTS["prerelease"], TEXTS["containsSecurityUpdates"]} <= {"true", "false"}
    assert TEXTS["license"] in (ROOT / "README.md").read_text()


def test_a_version_of_development_is_a_prerelease() -> None:
    assert TEXTS["prerelease"] == str("-" in CHART["version"]).lower()


def test_images_are_those_of_the_values() -> None:
    of_values = {VALUES[key]["repository"] for key in ("image", "trainerImage", "serverImage")}
    found = [each["image"].rpartition("/")[2].split(":") for each in items("images")]
    assert {name for name, _ in found} == of_values
    assert {tag for _, tag in found} == {CHART["appVersion"]}


def test_crds_are_those_of_the_api() -> None:
    found = {(each["kind"], each["name"], each["version"]) for each in items("crds")}
    assert found == {(kind.model.__name__, definition_name(kind), VERSION) for kind in ALL_KINDS}
    assert all(each["displayName"] and each["description"] for each in items("crds"))


@pytest.mark.parametrize("example", items("crdsExamples"), ids=lambda each: each["kind"])
def test_each_example_is_valid(example: dict[str, Any]) -> None:
    assert example["apiVersion"] == API_VERSION
    PARSE[example["kind"]](example)
    if example["kind"] == "TrainingJob":
        assert problems(example) == []


def test_each_kind_of_users_has_an_example() -> None:
    assert {each["kind"] for each in items("crdsExamples")} == {
        kind.model.__name__ for kind in ALL_KINDS if kind.for_users
    }


def test_changes_and_links_are_complete() -> None:
    assert {each["kind"] for each in items("changes")} <= CHANGES
    assert all(each["description"] for each in items("changes"))
    assert all(each["name"] and each["url"].startswith("https://") for each in items("links"))
