"""Searches of the training service of 2018 and of Katib, by the tables of docs/experiments.md."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.errors import EpochalError
from epochal.importers import Imported, import_file
from epochal_api.catalogue.problems import problems

from tests.unit.cli.importers.searches import KATIB, watson

DOCS = Path(__file__).parents[4] / "docs" / "experiments.md"


def read(folder: Path, document: Any, **options: Any) -> Imported:
    path = folder / "search.json"
    path.write_text(json.dumps(document))
    imported = import_file(path, **options)
    assert problems(imported.document) == []
    assert yaml.safe_load(imported.text) == imported.document
    return imported


def spec(imported: Imported) -> dict[str, Any]:
    found: dict[str, Any] = imported.document["spec"]
    return found


def katib(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(KATIB)
    return {**document, "spec": {**document["spec"], **changes}}


def katib_spec(folder: Path, **changes: Any) -> dict[str, Any]:
    return spec(read(folder, katib(**changes)))


def algorithm(folder: Path, name: str, **settings: str) -> dict[str, Any]:
    parameters = [
        parameter for parameter in katib()["spec"]["parameters"] if name != "grid" or parameter["name"] != "lr"
    ]
    found = [{"name": key, "value": value} for key, value in settings.items()]
    return katib_spec(folder, algorithm={"algorithmName": name, "algorithmSettings": found}, parameters=parameters)


def katib_domain(folder: Path, kind: str, **space: Any) -> dict[str, Any]:
    parameter = {"name": "lr" if kind == "double" else "batch-size", "parameterType": kind, "feasibleSpace": space}
    found: dict[str, Any] = katib_spec(folder, parameters=[parameter])["parameters"][0]
    return found


def watson_domain(folder: Path, name: str, **values: Any) -> dict[str, Any]:
    found = spec(read(folder, watson("random", parameters=[{"name": name, **values}])))
    parameter: dict[str, Any] = found["parameters"][0]
    return parameter


Check = Callable[[Path], bool]
KATIB_ROWS: Mapping[str, Check] = {
    "`objective.type: maximize`, `minimize`": lambda folder: (
        katib_spec(folder)["objective"]["goal"] == "Maximize"
        and katib_spec(folder, objective={"type": "minimize", "objectiveMetricName": "loss"})["objective"]["goal"]
        == "Minimize"
    ),
    "`objective.objectiveMetricName`": lambda folder: katib_spec(folder)["objective"]["metric"] == "val_accuracy",
    "`objective.goal: 0.99`": lambda folder: katib_spec(folder)["objective"]["target"] == "0.99",
    "`objective.additionalMetricNames`": lambda folder: "Train" not in json.dumps(katib_spec(folder)),
    "`objective.metricStrategies`: `max`, `min`, `latest`": lambda folder: (
        katib_spec(folder)["objective"]["strategy"] == "Last"
        and "strategy"
        not in katib_spec(
            folder, objective={"objectiveMetricName": "loss", "metricStrategies": [{"name": "loss", "value": "min"}]}
        )["objective"]
    ),
    "`parallelTrialCount`, `maxTrialCount`, `maxFailedTrialCount`": lambda folder: (
        [katib_spec(folder)[key] for key in ("parallelism", "maxTrials", "maxFailedTrials")] == [3, 12, 2]
    ),
    "`parameters[].parameterType: double`, `int`, with `feasibleSpace.min`, `max`, `step`": lambda folder: (
        katib_domain(folder, "double", min="0.1", max="0.5", step="0.1")["float"]
        == {"min": "0.1", "max": "0.5", "step": "0.1"}
        and katib_domain(folder, "int", min="16", max="64", step="16")["int"] == {"min": 16, "max": 64, "step": 16}
    ),
    "`feasibleSpace.distribution: logUniform`": lambda folder: (
        katib_domain(folder, "double", min="0.1", max="0.5", distribution="logUniform")["float"]["scale"] == "Log"
        and "the distribution normal is lost"
        in read(
            folder,
            katib(
                parameters=[
                    {
                        "name": "lr",
                        "parameterType": "double",
                        "feasibleSpace": {"min": 0, "max": 1, "distribution": "normal"},
                    }
                ]
            ),
        ).warnings[-1]
    ),
    "`parameterType: categorical`, `discrete`, with `feasibleSpace.list`": lambda folder: (
        katib_domain(folder, "discrete", list=["16", "32"])["values"] == ["16", "32"]
    ),
    "`trialTemplate` with `trialParameters` and `${trialParameters.learningRate}`": lambda folder: (
        [each["paths"] for each in katib_spec(folder)["parameters"]][:2]
        == [["training.optimizer.learning_rate"], ["network.layers[hidden].units"]]
        and "trialParameters" not in json.dumps(katib_spec(folder))
    ),
    "`trialTemplate.successCondition`, `failureCondition`, `primaryContainerName`": lambda folder: (
        "Condition" not in json.dumps(katib_spec(folder))
    ),
    "`metricsCollectorSpec`": lambda folder: not any("metrics" in line for line in read(folder, katib()).warnings),
    "`resumePolicy`": lambda folder: not any("resume" in line for line in read(folder, katib()).warnings),
    "`earlyStopping.algorithmName: medianstop`": lambda folder: (
        katib_spec(folder, earlyStopping={"algorithmName": "medianstop"})["schedule"]["method"] == "ASHA"
    ),
    "`random`": lambda folder: algorithm(folder, "random")["search"] == {"method": "Random"},
    "`grid`": lambda folder: algorithm(folder, "grid")["search"] == {"method": "Grid"},
    "`tpe`, `multivariate-tpe`, `bayesianoptimization`": lambda folder: (
        [algorithm(folder, name)["search"]["method"] for name in ("tpe", "multivariate-tpe", "bayesianoptimization")]
        == ["TPE"] * 3
    ),
    "`hyperband`": lambda folder: (
        (found := algorithm(folder, "hyperband", eta="4", r_l="16", resource_name="num-layers"))["schedule"]
        == {"method": "Hyperband", "minEpochs": 1, "factor": 4}
        and found["search"]["method"] == "Random"
        and found["template"]["spec"]["training"]["epochs"] == 16
    ),
    "`cmaes`, `sobol`": lambda folder: (
        [algorithm(folder, name)["search"]["method"] for name in ("cmaes", "sobol")] == ["TPE", "Random"]
        and "another algorithm" in read(folder, katib(algorithm={"algorithmName": "cmaes"})).warnings[0]
    ),
    "`pbt`, `enas`, `darts`": lambda folder: all(_is_refused(folder, name) for name in ("pbt", "enas", "darts")),
}
WATSON_ROWS: Mapping[str, Check] = {
    "absent: one training": lambda folder: (
        spec(read(folder, {"hyper_parameters_optimization": {}}))["search"] == {"method": "None"}
    ),
    "`method.name: random`": lambda folder: spec(read(folder, watson("random")))["search"]["method"] == "Random",
    "`method.name: rbfopt`": lambda folder: (
        (found := read(folder, watson("rbfopt"))).document["spec"]["search"]["method"] == "TPE"
        and "another algorithm" in found.warnings[0]
    ),
    "`method.name: hyperband`": lambda folder: (
        (found := spec(read(folder, watson("hyperband"))))["search"]["method"] == "Random"
        and found["schedule"]["method"] == "Hyperband"
    ),
    "parameter `objective`, such as `accuracy`": lambda folder: (
        spec(found := read(folder, watson("random")))["objective"]["metric"] == "accuracy"
        and "# This is the accuracy of the training data. For the validation data, write val_accuracy." in found.text
    ),
    "`maximize_or_minimize`": lambda folder: spec(read(folder, watson("random")))["objective"]["goal"] == "Maximize",
    "`num_optimizer_steps`": lambda folder: spec(read(folder, watson("random", steps=7)))["maxTrials"] == 8,
    "`double_range: {min_value, max_value, step}`": lambda folder: (
        watson_domain(folder, "lr", double_range={"min_value": 0.1, "max_value": 0.5, "step": 0.1})["float"]
        == {"min": "0.1", "max": "0.5", "step": "0.1"}
    ),
    "`int_range: {min_value, max_value, step}`": lambda folder: (
        watson_domain(folder, "units", int_range={"min_value": 8, "max_value": 32, "step": 8})["int"]
        == {"min": 8, "max": 32, "step": 8}
    ),
    "`power`, in place of `step`: a factor between values": lambda folder: (
        watson_domain(folder, "units", int_range={"min_value": 16, "max_value": 128, "power": 2})["values"]
        == ["16", "32", "64", "128"]
    ),
    "`int_values`, `double_values`, `string_values`": lambda folder: (
        watson_domain(folder, "batch_size", int_values=[32, 64])["values"] == ["32", "64"]
        and watson_domain(folder, "dropout", double_values=[0.1, 0.5])["values"] == ["0.1", "0.5"]
        and watson_domain(folder, "optimizer", string_values=["sgd", "adam"])["values"] == ["SGD", "Adam"]
    ),
    "an environment variable that the training code reads": lambda folder: (
        watson_domain(folder, "learning_rate", double_values=[0.1])["paths"] == ["training.optimizer.learning_rate"]
    ),
}


def _is_refused(folder: Path, name: str) -> bool:
    with pytest.raises(EpochalError, match="changes the network"):
        algorithm(folder, name)
    return True


def rows(heading: str) -> list[str]:
    """Return the first cells of the tables below a heading of the page."""
    section = DOCS.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \| .+ \|$", section, re.MULTILINE)
    return [cell for cell in cells if cell not in {"Katib", "Katib's algorithm", "there"}]


def test_each_row_of_the_tables_has_a_test() -> None:
    assert rows("Migrate from Katib") == [*KATIB_ROWS]
    assert rows("Migrate from the training service of 2018") == [*WATSON_ROWS]


@pytest.mark.parametrize("row", KATIB_ROWS)
def test_katib(tmp_path: Path, row: str) -> None:
    assert KATIB_ROWS[row](tmp_path)


@pytest.mark.parametrize("row", WATSON_ROWS)
def test_the_training_service_of_2018(tmp_path: Path, row: str) -> None:
    assert WATSON_ROWS[row](tmp_path)


def test_a_parameter_without_a_known_field_is_a_comment(tmp_path: Path) -> None:
    imported = read(tmp_path, katib())
    assert '# - {name: num-layers, paths: ["…"], int: {min: 2, max: 5}}' in imported.text
    assert 'hyper-parameter "num-layers"' in imported.warnings[-1]
    with pytest.raises(EpochalError, match="num-layers"):
        read(tmp_path, katib(), strict=True)


@pytest.mark.parametrize("name", ["epochs", "num-epochs", "epochs_1", "max_epochs2"])
def test_trials_cannot_vary_the_epochs(tmp_path: Path, name: str) -> None:
    space = {"min": "1", "max": "9"}
    names = {name: "int", "lr": "double"}
    parameters = [{"name": each, "parameterType": kind, "feasibleSpace": space} for each, kind in names.items()]
    imported = read(tmp_path, katib(parameters=parameters))
    assert [each["name"] for each in spec(imported)["parameters"]] == ["lr"]
    assert "the epochs are the same for all trials" in imported.warnings[-1]


def test_a_momentum_applies_to_optimizers_that_have_it(tmp_path: Path) -> None:
    momentum = katib_spec(tmp_path)["parameters"][-1]
    assert momentum["when"] == {"parameter": "optimizer", "values": ["SGD"]}


def test_a_grid_without_a_step_becomes_random(tmp_path: Path) -> None:
    imported = read(tmp_path, katib(algorithm={"algorithmName": "grid"}))
    assert spec(imported)["search"]["method"] == "Random"
    assert any("a grid needs a step" in line for line in imported.warnings)


def test_the_resources_of_a_trial(tmp_path: Path) -> None:
    assert katib_spec(tmp_path)["template"]["spec"]["resources"] == {"limits": {"memory": "1Gi", "cpu": "0.5"}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"double_range": {"min_value": 1, "max_value": 0}}, "the lower bound must be at most the upper bound"),
        ({"int_range": {"min_value": "a", "max_value": 9}}, "the bounds must be numbers, found a and 9"),
        ({"int_range": {"min_value": 1, "max_value": 10**9, "power": 1.0001}}, "more than 256 values"),
        ({"int_range": {"min_value": 1, "max_value": 8, "power": 1}}, "power must be a factor above 1"),
        ({"int_values": list(range(300))}, "at most 256 values"),
        ({}, "the hyper-parameter must have one of int_range, double_range"),
    ],
)
def test_broken_values(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError, match=r'hyper-parameter "learning_rate"') as caught:
        read(tmp_path, watson("random", parameters=[{"name": "learning_rate", **values}]))
    assert message in str(caught.value)
