"""Scripts and notebooks of Keras: readable, complete, and without a word of the spec as code."""

import ast
import builtins
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from epochal.errors import EpochalError
from epochal.exporters import export
from epochal.exporters.keras.helpers import HELPERS, with_needs
from epochal_api.trainingjob.spec import TrainingJob
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cli.exporters.specs import example, job

CONSTANTS = {
    *("SEED", "BATCH_SIZE", "EPOCHS", "DATA", "MODELS", "RESULTS", "ENDPOINT", "REGION", "SPEC", "VALIDATION_SPLIT"),
    *("SHUFFLE", "CLASS_WEIGHTS", "IGNORED_CLASS", "STEPS_PER_EPOCH", "STOP_AFTER_EPOCH"),
}
JOBS: dict[str, TrainingJob] = {
    "mnist": example("mnist"),
    "digits": example("digits"),
    "long names": job(
        {"layer": "Dense", "units": 3, "name": "a" * 60},
        {"layer": "Dense", "units": 3, "name": "b" * 54, "kernel_initializer": {"name": "HeNormal", "seed": 1}},
        {"layer": "Bidirectional", "wrapped": {"layer": "GRU", "units": 4, "return_sequences": True}},
        network={"input": {"shape": [6, 2]}},
        training={
            "optimizer": {
                "name": "Adam",
                "learning_rate": {"name": "CosineDecay", "initial_learning_rate": 1, "decay_steps": 10},
            }
        },
    ),
    "half precision": job(
        {"layer": "Flatten"},
        {"layer": "Dense", "units": 4},
        {"layer": "Flatten"},
        {"layer": "Normalization"},
        {"layer": "Flatten"},
        {"layer": "Dense", "units": 1},
        training={"precision": "mixed_float16"},
    ),
    "code": job(code={"object": "net.py"}, training={"loss": {"name": "own_loss", "alpha": 1}, "metrics": ["own"]}),
    "model": job(model={"uri": "s3://models/a/model.keras", "freeze": ["conv*"]}),
    "weights": job(
        {"layer": "Normalization"},
        network={"weights": {"uri": "s3://models/base.weights.h5", "layers": ["dense*"]}},
        training={"metrics": ["mse", "MeanSquaredError", "AUC", "AUC", "accuracy"]},
    ),
    "balanced": job(
        training={"classWeight": "Balanced", "loss": {"name": "SparseCategoricalCrossentropy", "ignore_class": 2}},
        data={"validation": {"split": "0.2", "stratify": True}, "train": {"object": "a.pkl"}},
    ),
}


def script(of: TrainingJob, *, simple: bool = False) -> str:
    (content,) = export(of, "keras", simple=simple).values()
    return content.decode()


def test_scripts_are_laid_out_by_ruff(tmp_path: Path) -> None:
    for name, each in JOBS.items():
        (tmp_path / f"{name.replace(' ', '_')}.py").write_text(script(each))
        if each.spec.training.steps_per_epoch is None:
            (tmp_path / f"{name.replace(' ', '_')}_simple.py").write_text(script(each, simple=True))
    for arguments in (
        ["format", "--isolated", "--diff", "--line-length", "88"],
        ["check", "--isolated", "--select", "F,E7,E9,I,B,W", "--target-version", "py311", "--ignore", "B905"],
    ):
        ended = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *arguments, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", JOBS)
def test_a_script_uses_only_names_that_it_defines(name: str) -> None:
    tree = ast.parse(script(JOBS[name]))
    defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    defined |= {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used <= {*defined, *dir(builtins), "__doc__"}


@pytest.mark.parametrize("name", HELPERS)
def test_a_function_names_all_that_it_needs(name: str) -> None:
    helper = HELPERS[name]
    tree = ast.parse(helper.code)
    every = list(ast.walk(tree))
    known = {node.name for node in every if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    known |= {node.id for node in every if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    known |= {node.arg for node in every if isinstance(node, ast.arg)}
    known |= {alias.name for node in every if isinstance(node, ast.ImportFrom) for alias in node.names}
    for line in helper.imports:
        known |= {line.split()[-1].split(".")[0]}
    for needed in helper.needs:
        known |= {node.name for node in ast.walk(ast.parse(HELPERS[needed].code)) if isinstance(node, ast.FunctionDef)}
    used = {node.id for node in every if isinstance(node, ast.Name)}
    assert used <= {*known, *dir(builtins), *CONSTANTS, "model"}


def test_functions_come_before_their_use() -> None:
    names = with_needs(["shuffled_batches", "read"])
    assert names.index("open_file") < names.index("read_npz") < names.index("read")
    assert len(names) == len(set(names))


def test_a_script_has_only_the_functions_that_it_needs() -> None:
    found = set(re.findall(r"^(?:def|class) (\w+)", script(example("digits")), re.MULTILINE))
    assert found == {
        *("fetch", "open_file", "native", "read_npz", "fit", "fit_weights", "prepare", "count", "take", "split"),
        *("order", "pipeline", "in_memory", "shuffled_batches", "ordered_batches", "check_loss"),
    }


def test_a_simple_script_says_that_its_weights_differ() -> None:
    text = script(example("digits"), simple=True)
    assert "stateless_shuffle" not in text
    assert "# Keras shuffles in its own order, so the weights differ from those of Epochal's trainer." in text


def test_metrics_have_the_names_of_the_trainer() -> None:
    expected = """\
    metrics=[
        keras.metrics.MeanSquaredError(name="mse"),
        keras.metrics.MeanSquaredError(),
        keras.metrics.AUC(),
        keras.metrics.AUC(),
        "accuracy",
    ],"""
    assert expected in script(JOBS["weights"])


def test_layers_that_keep_values_compute_in_float32() -> None:
    text = script(JOBS["half precision"])
    assert 'with full_precision():\n    x = layers.Flatten(name="flatten_0")(inputs)\n' in text
    assert 'with exact_precision(x):\n    x = layers.Flatten(name="flatten_2")(x)\n' in text
    assert 'with full_precision():\n    x = layers.Normalization(name="normalization_3")(x)\n' in text
    assert 'with exact_precision(x):\n    x = layers.Flatten(name="flatten_4")(x)\n' in text
    assert "optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop())" in text
    assert "auto_scale_loss=False" in text


def test_normalization_without_weights_in_the_file_learns_from_the_data() -> None:
    assert 'adapt(model.get_layer("normalization_0"), train[0])' in script(JOBS["weights"])


def test_integers_in_float_arguments_are_floats() -> None:
    assert 'layers.Dropout(rate=0.0, name="dropout_0")' in script(job({"layer": "Dropout", "rate": 0}))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (
            job(training={"continueFrom": {"name": "other"}}),
            "cannot export to keras: spec.training.continueFrom: a checkpoint has the state",
        ),
        (job({"layer": "Own"}, image="own:1"), r"spec.network.layers\[0\] \(Own\): keras.layers has no class Own"),
        (
            job({"layer": "Dense", "units": 1, "a=1, b": 2}, image="own:1"),
            r"spec.network.layers\[0\] \(Dense\): the class has no argument 'a=1, b'",
        ),
        (job({"layer": "Lambda"}, image="own:1"), r"spec.network.layers\[0\] \(Lambda\): "),
        (job({"layer": "Dens", "units": 1}), r"spec.network.layers\[0\].layer: keras.layers has no Dens; did you mean"),
        (
            job({"layer": "StringLookup"}, network={"weights": {"uri": "s3://models/a.keras"}}),
            r"spec.network.layers\[0\] \(StringLookup\): only the content of the file in spec.network.weights shows",
        ),
        (
            job(training={"callbacks": [{"callback": "CSVLogger", "filename": "../a.csv"}]}),
            r"spec.training.callbacks\[0\]: filename must be a relative path",
        ),
        (job(training={"loss": "own"}, image="own:1"), r"spec.training.loss \(own\): keras.losses has no own"),
    ],
)
def test_a_part_without_a_counterpart_is_an_error(of: TrainingJob, message: str) -> None:
    with pytest.raises(EpochalError, match=message):
        export(of, "keras")


def test_steps_need_the_exact_order() -> None:
    with pytest.raises(EpochalError, match="stepsPerEpoch needs the exact order"):
        export(job(training={"stepsPerEpoch": 3}), "keras", simple=True)


def test_an_unknown_target_lists_the_targets() -> None:
    with pytest.raises(EpochalError, match="expected keras, notebook"):
        export(JOBS["mnist"], "pascal")


TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "'",
        '"',
        '"""',
        "'''",
        "\\",
        "\n",
        "{x}",
        "%s",
        "#",
        "\u2028",
        "\ud800",
        "'); import os; os.abort() #",
        '\\"',
        "\0",
    ]
)
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    lambda text: not text.startswith(("/", "s3://")) and ".." not in text
)
LAYER_NAMES = st.from_regex(r"[A-Za-z0-9_.\\>-]{1,20}", fullmatch=True)


def fuzzed(name: str, layer: str, key: str, text: str) -> TrainingJob:
    return job(
        {"layer": "TextVectorization", "vocabulary": [text, "b"], "name": layer, "standardize": text},
        {"layer": "Activation", "activation": {"layer": "ReLU", "name": text}},
        name=name,
        network={"input": {"shape": [], "dtype": "string"}},
        data={"prefix": key, "train": {"object": f"{key}.npz"}, "test": {"object": f"{key}{key}.npz"}},
        training={"callbacks": [{"callback": "CSVLogger", "filename": "log", "separator": text}]},
    )


def shape_of(code: str) -> str:
    """Returns the code without its literals."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = None
    return ast.dump(tree)


@settings(deadline=None, max_examples=60)
@given(TEXTS, LAYER_NAMES, PRINTABLE, TEXTS)
def test_no_text_of_a_spec_becomes_code(name: str, layer: str, key: str, text: str) -> None:
    plain, job_of = fuzzed("name", "layer", "key", "text"), fuzzed(name, layer, key, text)
    (code,) = export(job_of, "keras").values()
    assert shape_of(code.decode()) == shape_of(script(plain))
    literals = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    assert {layer, text, f"{key}{key}.npz"} <= literals
    (file, notebook), (_, plain_notebook) = *export(job_of, "notebook").items(), *export(plain, "notebook").items()
    assert re.fullmatch(r"[a-z0-9.-]+\.ipynb", file)
    assert [shape_of(cell) for cell in code_cells(notebook)] == [shape_of(cell) for cell in code_cells(plain_notebook)]


def code_cells(notebook: bytes) -> list[str]:
    return [cell["source"] for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]


@given(st.lists(LAYER_NAMES, min_size=1, max_size=5, unique=True))
@settings(deadline=None, max_examples=40)
def test_layers_have_variables_of_their_own(names: list[str]) -> None:
    layers: list[dict[str, Any]] = [{"layer": "ReLU", "name": name, "inputs": ["in"]} for name in names]
    of = job(
        *layers,
        {"layer": "Concatenate", "inputs": [*names, "in", "other"]},
        network={"input": None, "inputs": [{"name": "in", "shape": [2]}, {"name": "other", "shape": [2]}]},
    )
    targets = [
        node.targets[0].id
        for node in ast.walk(ast.parse(script(of)))
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and "layers." in ast.unparse(node.value)
    ]
    assert len(targets) == len(set(targets)) == len(names) + 2
    assert not set(targets) & {*dir(builtins), *HELPERS, "keras", "layers", "train"}


TWO_ROLES: dict[str, Any] = {
    "inputs": [{"name": "y", "shape": [2]}, {"name": "sample_weight", "shape": [2]}],
    "layers": [
        {"layer": "Concatenate", "inputs": ["y", "sample_weight"]},
        {"layer": "Dense", "name": "out", "units": 1},
    ],
}


def test_an_array_of_an_input_is_neither_labels_nor_weights() -> None:
    code = script(job(network={"input": None, **TWO_ROLES}))
    assert '(("y_train", "sample_weight_train"), "out_train", None)' in code
    assert '(("y", "sample_weight"), "labels", None)' in code
    assert '"sample_weight_train"), "y_train"' not in code


def test_an_array_of_an_input_is_neither_labels_nor_weights_of_a_network_from_code() -> None:
    tensors = [SimpleNamespace(name=name) for name in ("y", "sample_weight")]
    names: dict[str, Any] = {"model": SimpleNamespace(inputs=tensors, output_names=["out"])}
    exec(HELPERS["array_names"].code, names)  # noqa: S102 - the code of the script
    assert names["array_names"]("_train") == [(("y_train", "sample_weight_train"), "out_train", None)]
    own = "y", "sample_weight"
    assert names["array_names"]("") == [(own, "out", None), (own, "labels", None)]


def test_a_notebook_has_the_code_of_the_script() -> None:
    (content,) = export(example("digits"), "notebook").values()
    document = json.loads(content)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    for cell in code_cells(content):
        ast.parse(cell)
    text = "\n".join(code_cells(content))
    assert 'DATA = "s3://digits-data"  # folder or s3://BUCKET with the data' in text
    assert "plt.show()" in text
    assert "argparse" not in text
