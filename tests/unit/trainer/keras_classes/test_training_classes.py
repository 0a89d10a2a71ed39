"""Every class of a training that Keras exports, except layers, works as in a Python script."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.unit.trainer.keras_classes.script import Script, Trained, class_of, evaluate, lines, side_by_side

SAMPLES, STEPS = 8, 2
GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.random((SAMPLES, 4)).astype("float32")
SEQUENCES = GENERATOR.random((SAMPLES, 8, 1)).astype("float32")
INDICES = GENERATOR.integers(0, 3, SAMPLES)
NUMBERS = Script(["layers.Dense(units=3)"], ROWS, GENERATOR.random((SAMPLES, 3)).astype("float32"))
BINARY = replace(
    NUMBERS, layers=['layers.Dense(activation="sigmoid", units=3)'], labels=GENERATOR.integers(0, 2, (SAMPLES, 3))
)
ONE_HOT = replace(
    NUMBERS, layers=['layers.Dense(activation="softmax", units=3)'], labels=np.eye(3, dtype="float32")[INDICES]
)
SPARSE = replace(ONE_HOT, labels=INDICES, loss="losses.SparseCategoricalCrossentropy()")
EMBEDDED = replace(SPARSE, layers=["layers.Dense(units=3)", "layers.UnitNormalization()"])
SPELLED = Script(["layers.Dense(units=4)"], SEQUENCES, GENERATOR.integers(1, 4, (SAMPLES, 3)))
"""Outputs are sequences of letters."""

OPTIMIZERS = """
    Adadelta(learning_rate=1.0)
    Adafactor(relative_step=False)
    Adagrad(initial_accumulator_value=0.0)
    Adam(amsgrad=True, clipnorm=1.0)
    AdamW(weight_decay=0.1)
    Adamax()
    Ftrl(l1_regularization_strength=0.5)
    Lamb()
    Lion(beta_1=0.5)
    LossScaleOptimizer(inner_optimizer=optimizers.SGD(momentum=0.5))
    Muon(learning_rate=0.1)
    Nadam()
    RMSprop(centered=True, momentum=0.5)
    SGD(ema_overwrite_frequency=1, momentum=0.9, nesterov=True, use_ema=True)
    ScheduleFreeAdamW(warmup_steps=2)
"""
SCHEDULES = """
    CosineDecay(decay_steps=10, initial_learning_rate=0.0, warmup_steps=2, warmup_target=1.0)
    CosineDecayRestarts(first_decay_steps=2, initial_learning_rate=1.0)
    ExponentialDecay(decay_rate=0.5, decay_steps=1, initial_learning_rate=0.1)
    InverseTimeDecay(decay_rate=1.0, decay_steps=1, initial_learning_rate=0.1)
    PiecewiseConstantDecay(boundaries=[1], values=[1.0, 0.5])
    PolynomialDecay(decay_steps=2, end_learning_rate=0.0, initial_learning_rate=1.0)
"""
LOSSES = [
    (
        NUMBERS,
        """
        CosineSimilarity()
        Hinge()
        Huber(delta=1.0)
        LogCosh()
        MeanAbsoluteError()
        MeanAbsolutePercentageError()
        MeanSquaredError()
        MeanSquaredLogarithmicError()
        SquaredHinge(reduction="sum")
        """,
    ),
    (
        BINARY,
        "BinaryCrossentropy(label_smoothing=0.1)\nPoisson()\nBinaryFocalCrossentropy(gamma=1.0)\nDice()\nTversky(alpha=0.25)",
    ),
    (
        ONE_HOT,
        """
        CategoricalCrossentropy(label_smoothing=0.1)
        CategoricalFocalCrossentropy(alpha=[0.25, 1.0, 0.5])
        CategoricalHinge()
        KLDivergence()
        """,
    ),
    (SPARSE, "CategoricalGeneralizedCrossEntropy(q=0.25)\nSparseCategoricalCrossentropy(ignore_class=2)"),
    (EMBEDDED, "Circle(gamma=1.0)"),
    (SPELLED, "CTC()"),
]
METRICS = [
    (
        NUMBERS,
        """
        ConcordanceCorrelation()
        CosineSimilarity(axis=-1)
        Hinge()
        LogCoshError()
        MeanAbsoluteError()
        MeanAbsolutePercentageError()
        MeanSquaredError()
        MeanSquaredLogarithmicError()
        PearsonCorrelation()
        R2Score(class_aggregation="variance_weighted_average")
        RootMeanSquaredError(dtype="float32")
        SquaredHinge()
        """,
    ),
    (
        BINARY,
        """
        AUC(multi_label=True, num_labels=3)
        Accuracy()
        BinaryAccuracy(threshold=1.0)
        BinaryCrossentropy(label_smoothing=1.0)
        BinaryIoU(target_class_ids=[1], threshold=0.25)
        F1Score(average="macro", threshold=0.5)
        FBetaScore(average="micro", beta=2.0)
        FalseNegatives(thresholds=0.25)
        FalsePositives(thresholds=[0.0, 0.5])
        Poisson()
        Precision(class_id=1)
        PrecisionAtRecall(recall=0.5)
        Recall(top_k=2)
        RecallAtPrecision(precision=1.0)
        SensitivityAtSpecificity(specificity=0.5)
        SpecificityAtSensitivity(sensitivity=0.5)
        TrueNegatives()
        TruePositives()
        """,
    ),
    (
        ONE_HOT,
        """
        CategoricalAccuracy()
        CategoricalCrossentropy(axis=-1, label_smoothing=1.0)
        CategoricalHinge()
        KLDivergence()
        OneHotIoU(num_classes=3, target_class_ids=[0, 2])
        OneHotMeanIoU(num_classes=3)
        TopKCategoricalAccuracy(k=2)
        """,
    ),
    (
        SPARSE,
        """
        IoU(num_classes=3, sparse_y_pred=False, target_class_ids=[1])
        MeanIoU(num_classes=3, sparse_y_pred=False)
        SparseCategoricalAccuracy()
        SparseCategoricalCrossentropy(ignore_class=1)
        SparseTopKCategoricalAccuracy(k=2)
        """,
    ),
]
CALLBACKS = """
    BackupAndRestore(backup_dir="backup")
    CSVLogger(filename="more/log.csv")
    EarlyStopping(min_delta=1.0, restore_best_weights=True)
    ModelCheckpoint(filepath="best/{epoch:02d}.keras")
    ReduceLROnPlateau(factor=0.5, min_delta=1.0, patience=1)
    SwapEMAWeights(swap_on_epoch=True)
    TensorBoard(write_graph=False)
    TerminateOnNaN()
"""
INITIALIZERS = """
    Constant(value=1.0)
    GlorotNormal(seed=3)
    GlorotUniform()
    HeNormal()
    HeUniform()
    Identity(gain=2.0)
    LecunNormal()
    LecunUniform()
    Ones()
    Orthogonal(gain=0.5)
    RandomNormal(mean=1.0, stddev=0.5)
    RandomUniform(maxval=1.0, minval=0.0)
    TruncatedNormal(stddev=1.0)
    VarianceScaling(distribution="uniform", mode="fan_avg", scale=2.0)
    Zeros()
"""
REGULARIZERS = """
    L1(l1=0.5)
    L1L2(l1=0.0, l2=1.0)
    L2(l2=0.5)
    OrthogonalRegularizer(factor=0.5, mode="columns")
"""
CONSTRAINTS = """
    MaxNorm(axis=1, max_value=0.5)
    MinMaxNorm(max_value=1.0, min_value=0.5, rate=0.5)
    NonNeg()
    UnitNorm(axis=0)
"""


def dense(argument: str, texts: str) -> tuple[str, Script]:
    """Returns the training of Dense layers side by side, each with another value of an argument."""
    module = argument.removeprefix("kernel_") + "s"
    branches = [[f"layers.Dense({argument}={module}.{text}, units=3)"] for text in lines(texts)]
    return texts, replace(NUMBERS, layers=side_by_side(branches, units=3))


SCRIPTS: Mapping[str, list[tuple[str, Script]]] = {
    "optimizers": [(text, replace(NUMBERS, optimizer=f"optimizers.{text}")) for text in lines(OPTIMIZERS)],
    "schedules": [
        (text, replace(NUMBERS, optimizer=f"optimizers.SGD(learning_rate=schedules.{text})"))
        for text in lines(SCHEDULES)
    ],
    "losses": [(text, replace(base, loss=f"losses.{text}")) for base, texts in LOSSES for text in lines(texts)],
    # All metrics of some labels together: their values have names.
    "metrics": [
        (texts, replace(base, metrics=[f"metrics.{text}" for text in lines(texts)])) for base, texts in METRICS
    ],
    "callbacks": [
        (text, replace(NUMBERS, callbacks=[f"callbacks.{text}"], optimizer="optimizers.SGD(use_ema=True)"))
        for text in lines(CALLBACKS)
    ],
    "initializers": [
        dense("kernel_initializer", INITIALIZERS),
        (
            "STFT()",
            replace(
                NUMBERS,
                features=SEQUENCES,
                layers=[
                    "layers.Conv1D(filters=5, kernel_initializer=initializers.STFT(), kernel_size=8)",
                    "layers.Flatten()",
                    "layers.Dense(units=3)",
                ],
            ),
        ),
    ],
    "regularizers": [dense("kernel_regularizer", REGULARIZERS)],
    "constraints": [dense("kernel_constraint", CONSTRAINTS)],
}
CLASSES = {
    module: {class_of(text) for texts, _ in scripts for text in lines(texts)} for module, scripts in SCRIPTS.items()
}
CASES = [
    pytest.param(script, id=f"{module}.{lines(text)[0]}")
    for module, scripts in SCRIPTS.items()
    if module != "callbacks"
    for text, script in scripts
]


@pytest.mark.parametrize("script", CASES)
def test_class_trains_as_in_a_script(script: Script, tmp_path: Path) -> None:
    job = Trained(script, tmp_path)
    found = [job.model.train_on_batch(*job.batch, return_dict=True) for _ in range(STEPS)]
    expected = script.compiled_model()
    wanted = [expected.train_on_batch(script.features, script.labels, return_dict=True) for _ in range(STEPS)]
    assert set(found[0]) == set(job.metric_names)
    for values, others in zip(found, wanted, strict=True):
        np.testing.assert_equal(values, others)
        assert all(np.isfinite(value).all() for value in values.values())
    for weight, other in zip(job.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("script", [pytest.param(script, id=text) for text, script in SCRIPTS["callbacks"]])
def test_callback_works_as_in_a_script(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Trained(script, tmp_path)
    found = fit(job.model, job.callbacks, script)
    other = tmp_path / "script"
    (other / "more").mkdir(parents=True)
    monkeypatch.chdir(other)  # the trainer has folders of its own for the files of callbacks
    expected = script.compiled_model()
    assert found == fit(expected, [evaluate(text) for text in script.callbacks], script)
    for weight, value in zip(job.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, value)
    assert files(job.callbacks_folder) == files(other)


def fit(model: keras.Model, callbacks: Sequence[Any], script: Script) -> dict[str, list[float]]:
    """Returns the metric values of a training by epochs."""
    samples = script.features, script.labels
    history = model.fit(*samples, epochs=3, validation_data=samples, shuffle=False, callbacks=callbacks, verbose=0)
    return dict(history.history)


def files(folder: Path) -> set[str]:
    """Returns the paths below a folder without the numbers in the names of TensorBoard's files."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path.parent / path.name.split(".")[0]) for path in paths}
