"""Files that are stored after an evaluation. No error fails the training."""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.evaluation import CONFUSION, EVALUATION, MISTAKES, EvaluatedModel, Evaluation
from epochal_api.trainingjob.training import Training
from epochal_lib.model_server.answers import Arrays
from epochal_trainer.data.samples import OUTPUT, Samples, SourceArray
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.evaluation.store import file_suffixes, store_evaluation, time_limit
from epochal_trainer.export.tensors import predict
from epochal_trainer.lib.failures import Failure, refused_failure, superseded_failure
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.reporting.results import EVALUATING, Results
from epochal_trainer.reporting.termination_message import TerminationMessage
from epochal_trainer.reporting.timings import Timings
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.watchdog import Watchdog

FILE = EvaluatedModel(name="best.keras", epoch=3, sha256="0" * 64)
EPOCHS = 5
"""Finished epochs of the training, whose best epoch is FILE.epoch."""
FEATURES = np.random.default_rng(0).integers(0, 255, (50, 8, 8, 1), np.uint8)
LABELS = np.arange(50) % 3
TEST = Samples.single(FEATURES, LABELS, "t.npz[x_test]", "t.npz[y_test]")
DATA = TrainingData(TEST, None, TEST, {}, output_classes={OUTPUT: ("a", "b", "c")})


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A model that answers class 1 with the probability 0.6."""
    network = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )
    network.layers[-1].set_weights([np.zeros((64, 3)), np.log([0.2, 0.6, 0.2])])
    return network


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    (tmp_path / "bucket").mkdir()
    return tmp_path / "bucket"


def stored(
    model: keras.Model,
    bucket: Path,
    data: TrainingData = DATA,
    *,
    loss: str = "SparseCategoricalCrossentropy",
    outputs: list[dict[str, str]] | None = None,
    check: Callable[[], None] = lambda: None,
    termination_request: TerminationRequest | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Store an evaluation, and return the folder of the results."""
    scratch = bucket.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    training = Training.model_validate(
        {**({"outputs": outputs} if outputs else {"loss": loss}), "epochs": 3, "batchSize": 16}
    )
    context: Any = SimpleNamespace(
        job=SimpleNamespace(
            spec=SimpleNamespace(training=training), metadata=SimpleNamespace(namespace="lab", name="job")
        ),
        scratch=scratch,
        termination_request=termination_request or TerminationRequest(),
        timings=Timings(),
        watchdog=Watchdog(TerminationMessage(bucket.parent / "none")),
    )
    results = Results(FolderBucket(bucket), "lab/job/uid", check)
    store_evaluation(context, model, FILE, data=data, results=results, epochs=EPOCHS, clock=clock)
    return bucket / "lab/job/uid"


def files(results: Path) -> set[str]:
    return {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}


def test_the_test_set_is_evaluated(
    model: keras.Model, bucket: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal_trainer.evaluation.store.time_limit", lambda _: 60.0)
    with caplog.at_level(logging.INFO):
        results = stored(model, bucket)
    assert files(results) == {CONFUSION, EVALUATION, MISTAKES}, "the marker is deleted"
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert (evaluation.version, evaluation.model, evaluation.data) == (1, FILE, "test")
    assert (evaluation.samples, evaluation.evaluated, evaluation.skipped) == (50, 50, 0)
    assert (evaluation.numbers, evaluation.classes and evaluation.classes.correct) == (None, 17)
    assert evaluation.classes is not None
    assert evaluation.classes.confusion == [[0, 17, 0], [0, 17, 0], [0, 16, 0]]
    assert [each.name for each in evaluation.classes.by_class] == ["a", "b", "c"]
    mistake = evaluation.classes.mistakes[0]
    assert (mistake.place.source, mistake.label, mistake.answer) == ("t.npz[x_test]", mistake.place.row % 3, 1)
    assert mistake.probability == pytest.approx(0.6)
    assert "best.keras on 50 samples of the test set; 33 misread, most often a as b (17)" in caplog.text


def test_each_batch_is_a_step_of_at_most_the_batch_of_the_training(
    model: keras.Model, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int | tuple[int, int]] = []

    def recorded(_: Watchdog, epoch: int, step: int) -> None:
        calls.append((epoch, step))

    def predicted(model: keras.Model, inputs: Arrays) -> dict[str, Any]:
        (features,) = inputs.values()
        calls.append(len(features))
        return predict(model, inputs)

    monkeypatch.setattr("epochal_trainer.evaluation.store.time_limit", lambda _: 60.0)
    monkeypatch.setattr("epochal_trainer.evaluation.evaluate.predict", predicted)
    monkeypatch.setattr(Watchdog, "record_step", recorded)
    stored(model, bucket)
    batches = [(EPOCHS, 0), 13] * 4
    assert calls == [*batches, (EPOCHS, 0), (EPOCHS, 0)], "50 samples, in batches of at most 16; then two pictures"


def test_a_hang_is_reported_as_a_hang_of_the_evaluation(
    model: keras.Model, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[tuple[int | str, ...]] = []

    def watch(_: Watchdog, *arguments: int | str) -> nullcontext[None]:
        watched.append(arguments)
        return nullcontext()

    monkeypatch.setattr(Watchdog, "watch", watch)
    stored(model, bucket)
    assert watched == [(600, "evaluation")]


def test_a_validation_part_names_rows_of_the_training_set(model: keras.Model, bucket: Path) -> None:
    part = replace(TEST.subset(slice(0, 4)), source_rows=np.array([400, 300, 200, 100]))
    results = stored(model, bucket, TrainingData(TEST, part, None, {}))
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert evaluation.data == "validation"
    assert evaluation.classes is not None
    assert sorted(mistake.place.row for mistake in evaluation.classes.mistakes) == [100, 200, 400]


def test_a_regression_has_residuals(bucket: Path) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    labels = np.linspace(-1, 3, 20)[:, np.newaxis]
    data = TrainingData(TEST, None, Samples.single(np.ones((20, 2)), labels, "x", "y"), {})
    results = stored(network, bucket, data, loss="MeanSquaredError")
    assert files(results) == {EVALUATION}
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert evaluation.classes is None
    assert evaluation.numbers is not None
    assert evaluation.numbers.mean_residual == pytest.approx(-1)
    assert evaluation.numbers.worst[0].label == [3]


def test_outputs_that_are_nan_are_counted(bucket: Path) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, bias_initializer="zeros")])
    network.layers[-1].set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    data = TrainingData(TEST, None, Samples.single(np.ones((20, 2)), np.zeros((20, 1)), "x", "y"), {})
    results = stored(network, bucket, data, loss="mse")
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert (evaluation.evaluated, evaluation.not_finite) == (0, 20)


@pytest.mark.parametrize(
    ("data", "loss", "reason"),
    [
        (TrainingData(TEST, None, None, {}), "SparseCategoricalCrossentropy", "needs spec.data.test or spec.data"),
        (DATA, "CTC", "found CTC"),
    ],
)
def test_trainings_without_an_evaluation(
    bucket: Path, data: TrainingData, loss: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with caplog.at_level(logging.INFO):
        assert files(stored(model, bucket, data, loss=loss)) == set()
    assert f"No {EVALUATION}: " in caplog.text
    assert reason in caplog.text


def test_an_error_is_logged(
    model: keras.Model, bucket: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("no memory for a batch")

    monkeypatch.setattr("epochal_trainer.evaluation.evaluate.predict", fail)
    assert files(stored(model, bucket)) == set()
    assert "the training is complete without it" in caplog.text
    assert "no memory for a batch" in caplog.text


@pytest.mark.parametrize("short_of", ["memory", "time"])
def test_a_short_evaluation_stores_nothing(
    model: keras.Model, bucket: Path, monkeypatch: pytest.MonkeyPatch, short_of: str
) -> None:
    termination_request = TerminationRequest()
    if short_of == "memory":
        monkeypatch.setattr("epochal_trainer.evaluation.store.available_memory", lambda: 47 * 2**20)
    else:
        termination_request.defer()
        termination_request._on_signal(15, None)
    assert files(stored(model, bucket, termination_request=termination_request)) == set()


def test_an_attempt_after_one_that_ended_during_the_evaluation(
    model: keras.Model, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = bucket / "lab/job/uid" / EVALUATING
    mark.parent.mkdir(parents=True)
    mark.touch()
    with caplog.at_level(logging.INFO):
        assert files(stored(model, bucket)) == {EVALUATING}
    assert "an earlier attempt ended during the evaluation" in caplog.text


def test_failures_of_the_storage(model: keras.Model, bucket: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(failure: Failure) -> Callable[[], None]:
        def check() -> None:
            raise failure

        return check

    stored(model, bucket, check=fail(refused_failure("StorageDenied", "no right to write")))
    assert f"Cannot store {EVALUATION}: no right to write" in caplog.text
    with pytest.raises(Failure, match="replaces attempt 1"):
        stored(model, bucket, check=fail(superseded_failure("attempt 1", "attempt 2")))


@pytest.mark.parametrize(("training", "limit"), [(0, 2), (39, 2), (60, 3), (3600, 180)])
def test_time_limit(training: float, limit: float) -> None:
    assert time_limit(training) == pytest.approx(limit)


@pytest.mark.parametrize(
    "notes", [np.array([*"abcde"] * 10), np.array([b"a", b"b", b"c", b"d", b"e"] * 10)], ids=["U", "S"]
)
def test_each_output_is_evaluated(
    bucket: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, notes: Any
) -> None:
    monkeypatch.setattr("epochal_trainer.evaluation.store.time_limit", lambda _: 60.0)
    note, image = keras.Input((), dtype="string", name="note"), keras.Input((8, 8, 1), name="image")
    words = keras.layers.StringLookup(vocabulary=[*"abcde"], output_mode="one_hot", num_oov_indices=0)(note)
    size = keras.layers.Dense(1, kernel_initializer="zeros", name="size")(keras.layers.Flatten()(image))
    answer = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros", name="answer")
    other = keras.layers.Dense(5, activation="softmax", kernel_initializer="identity", name="a>word")(words)
    network = keras.Model([note, image], [size, answer(words), other, keras.layers.Dense(2, name="free")(words)])
    samples = Samples(
        {"note": SourceArray(notes, "t.npz[note]"), "image": SourceArray(FEATURES, "t.npz[image]")},
        {
            "size": SourceArray(np.ones((50, 1)), "t.npz[size]"),
            "answer": SourceArray(np.zeros(50, int), "t.npz[answer]"),
            "a>word": SourceArray(np.arange(50) % 5, "t.npz[a>word]"),
            "free": SourceArray(np.ones((50, 2)), "t.npz[free]"),
        },
    )
    sparse, losses = "SparseCategoricalCrossentropy", {"size": "mse", "free": "CosineSimilarity"}
    outputs = [{"name": name, "loss": losses.get(name, sparse)} for name in samples.outputs]
    data = TrainingData(samples, None, samples, {}, output_classes={"answer": ("cat", "dog", "cow")})
    with caplog.at_level(logging.INFO):
        results = stored(network, bucket, data, outputs=outputs)
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    assert evaluation.output == "size"
    assert evaluation.outputs is not None
    assert list(evaluation.outputs) == ["size", "answer", "a>word"], "CosineSimilarity has no evaluation"
    size_figures, answers, word_figures = evaluation.outputs.values()
    assert evaluation.numbers == size_figures.numbers
    assert evaluation.classes is None
    assert size_figures.numbers is not None
    assert size_figures.numbers.mean_residual == pytest.approx(-1)
    assert answers.classes is not None
    assert (answers.classes.correct, answers.classes.by_class[0].name) == (50, "cat")
    assert word_figures.classes is not None
    assert word_figures.classes.correct == 50
    assert (answers.confusion, answers.mistakes) == ("confusion-answer.png", None)
    assert (size_figures.confusion, size_figures.mistakes) == (None, MISTAKES)
    assert files(results) == {EVALUATION, MISTAKES, "confusion-answer.png", "confusion-a-word.png"}
    assert "size: mean absolute error 1; answer: 0 misread; a>word: 0 misread" in caplog.text


def three_outputs() -> tuple[keras.Model, TrainingData, list[dict[str, str]]]:
    """A network of three outputs with three classes, its data, and spec.training.outputs."""
    names = ("one", "two", "three")
    image = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(image)
    network = keras.Model(
        image, [keras.layers.Dense(3, "softmax", kernel_initializer="zeros", name=name)(flat) for name in names]
    )
    samples = Samples(
        {"image": SourceArray(FEATURES, "t.npz[image]")},
        {name: SourceArray(LABELS, f"t.npz[{name}]") for name in names},
    )
    outputs = [{"name": name, "loss": "SparseCategoricalCrossentropy"} for name in names]
    return network, TrainingData(samples, None, samples, {}), outputs


@pytest.mark.parametrize(
    ("seconds", "drawn"),
    [
        (9.0, {CONFUSION, MISTAKES}),  # The first output has pictures in any case.
        (35.0, {CONFUSION, MISTAKES, "confusion-two.png"}),  # The next picture would end at 40 s.
        (60.0, {f"{name}{suffix}.png" for name in ("confusion", "mistakes") for suffix in ("", "-two", "-three")}),
    ],
)
def test_pictures_beyond_the_time_limit_are_left_out(
    bucket: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seconds: float, drawn: set[str]
) -> None:
    now = 0.0

    def draw(*arguments: Any) -> None:
        nonlocal now
        now += 10
        arguments[-2].touch()

    monkeypatch.setattr("epochal_trainer.evaluation.store.time_limit", lambda _: seconds)
    for name in ("draw_confusion", "draw_images"):
        monkeypatch.setattr(f"epochal_trainer.evaluation.store.pictures.{name}", draw)
    network, data, outputs = three_outputs()
    with caplog.at_level(logging.INFO):
        results = stored(network, bucket, data, outputs=outputs, clock=lambda: now)
    evaluation = Evaluation.model_validate_json((results / EVALUATION).read_bytes())
    named = {name for each in (evaluation.outputs or {}).values() for name in (each.confusion, each.mistakes) if name}
    assert files(results) == drawn | {EVALUATION}
    assert named == drawn
    assert caplog.text.count("the time limit of the evaluation is reached") == 6 - len(drawn)
    assert ("No mistakes-three.png: the time limit" in caplog.text) == (len(drawn) < 6)


def test_no_picture_is_drawn_while_memory_is_short(
    model: keras.Model, bucket: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batches = 4
    free = chain(repeat(2**30, batches), repeat(47 * 2**20))
    monkeypatch.setattr("epochal_trainer.evaluation.store.time_limit", lambda _: 60.0)
    monkeypatch.setattr("epochal_trainer.evaluation.store.available_memory", lambda: next(free))
    with caplog.at_level(logging.INFO):
        results = stored(model, bucket)
    assert files(results) == {EVALUATION}
    assert Evaluation.model_validate_json((results / EVALUATION).read_bytes()).evaluated == len(LABELS)
    assert f"No {CONFUSION}: the process must end, or memory is short" in caplog.text


def test_files_of_outputs_have_unique_names_of_safe_characters() -> None:
    assert file_suffixes(["digit", "a/b", "a>b", "A b", "ok_1.2"]) == ["", "-a-b", "-a-b-2", "-A-b-3", "-ok_1.2"]
    assert file_suffixes(["x", "a--3", "a>", "a?"]) == ["", "-a--3", "-a-", "-a--4"]
