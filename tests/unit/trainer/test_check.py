"""The command `check`: a line for each problem, with the place in the file, and an exit code."""

import io
from pathlib import Path

import pytest
from epochal_trainer.check import run

EXAMPLES = sorted((Path(__file__).parents[3] / "manifests" / "examples").glob("*.yaml"))
JOB = """\
apiVersion: v1
kind: Secret
metadata: {name: credentials}
---
apiVersion: epochal.dev/v1alpha1
kind: TrainingJob
metadata: {name: job}
spec:
  storage: {secretRef: {name: credentials}}
  data: {bucket: data, train: {object: train.npz}}
  network:
    input: {shape: [28, 28, 1]}
    layers:
    - {layer: Flatten}
    - {layer: Dense, unit: 10}
  training:
    loss: hingee
    optimizer: {name: Adam, learning_rate: 1e-3}
  results: {bucket: results}
"""


def check(*files: Path) -> tuple[int, list[str]]:
    output = io.StringIO()
    return run(files, output), output.getvalue().splitlines()


def test_examples_have_no_problems() -> None:
    assert check(*EXAMPLES) == (0, ["Checked 5 objects: no problems."])


def test_problems_have_places(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    assert check(file) == (
        64,
        [
            f"{file}:15:7: spec.network.layers[1]: Dense needs units; add units (an integer)",
            f"{file}:15:22: spec.network.layers[1].unit: Dense has no argument unit; did you mean units?",
            f"{file}:17:5: spec.training.loss: keras.losses has no hingee; did you mean hinge or Hinge?",
        ],
    )


def test_another_image_only_warns(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB.replace("spec:\n", "spec:\n  image: registry.example.com/trainer:9\n"))
    code, lines = check(file)
    assert code == 0
    assert lines[0].startswith(f"{file}:16:7: warning: spec.network.layers[1]: Dense needs units")
    file.write_text(file.read_text().replace("data: {bucket: data,", "data: {"))
    code, lines = check(file)
    assert (code, lines[0]) == (64, f"{file}:11:3: spec.data.bucket: is required")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file or directory"), (b"a: [", "YAML"), (b"\xff", "")]
)
def test_unreadable_files(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "job.yaml"
    if content is not None:
        file.write_bytes(content)
    code, (line,) = check(file)
    assert code == 64
    assert line.startswith(f"{file}: cannot read the file: ")
    assert message in line


def test_wrong_shapes_are_found_with_keras(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB.replace("{layer: Flatten}", "{layer: Conv2D, filters: 1, kernel_size: 30}"))
    output = io.StringIO()
    assert run([file], output, shapes=True) == 64
    (line,) = (line for line in output.getvalue().splitlines() if "layers[0]" in line)
    assert "30" in line
    assert "28" in line


def test_shapes_precede_the_problems_of_a_network(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    output = io.StringIO()
    assert run([file], output, shapes=True) == 64
    heading, row, problem, *_ = output.getvalue().splitlines()
    assert heading == "Output shapes of the layers before the first problem:"
    assert row == "spec.network.layers[0]   Flatten   (None, 784)"
    assert problem.startswith(f"{file}:15:7: spec.network.layers[1]: Dense needs units")
