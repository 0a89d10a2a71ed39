"""Records the learning curves that searches are simulated with: `python -m tests.bench.experiments.record`.

The trials are the template and what Random suggests after it, which is never the same twice. Each is trained in full,
as the trainer builds its network and by Keras' fit, with the seed of digits.yaml. What is recorded already stays: it
can be stopped at any time, and goes on where it was.
"""

import argparse
import tempfile
import time
from itertools import pairwise, takewhile
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_operator.experiment.search.build_request import build_request
from epochal_operator.experiment.search.suggest import suggest
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial_job import trial_spec
from epochal_trainer.model import network
from epochal_trainer.model.compile import compile_model

from tests.bench.experiments.curves import FILE, Curve, append, read
from tests.bench.experiments.search import EPOCHS, FULL, METRIC, PARAMETERS, experiment, spec_of
from tests.kit.jobs import digits_file
from tests.kit.kubectl import Object

TRIALS = 200
SEED = 2026
"""Another one than those of the searches, which would find exactly these trials with it."""
HELD_OUT = 0.2
MEMORY = 2**31
NAMES = [parameter["name"] for parameter in PARAMETERS]

Array = np.ndarray[Any, Any]


def trials(document: Object) -> list[dict[str, str]]:
    """Returns the parameters of the trials to record."""
    asked = build_request(spec_of(document), document["spec"]["template"]["spec"], (), range(TRIALS))
    return [item.parameters for item in suggest(asked).suggestions]


def batches(x: Array, y: Array, *, size: int, seed: int | None = None) -> Any:
    """Returns batches, in another order each time if there is a seed.

    One thread makes them, and none tunes that, which would take more time than training does.
    """
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    if seed is not None:
        dataset = dataset.shuffle(len(x), seed=seed)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return dataset.batch(size).with_options(options)


def train(template: Object, space: Space, parameters: dict[str, str], x: Array, y: Array) -> Curve:
    """Trains a trial in full."""
    kept = len(x) - round(len(x) * HELD_OUT)
    spec = TrainingJobSpec.model_validate(trial_spec(template, space, parameters))
    assert spec.network is not None
    model = network.build(spec.network, seed=spec.training.seed, memory=MEMORY)
    compile_model(model, spec.training)
    times = [time.process_time()]
    history = model.fit(
        batches(x[:kept], y[:kept], size=spec.training.batch_size, seed=spec.training.seed),
        validation_data=batches(x[kept:], y[kept:], size=len(x)),
        epochs=spec.training.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: times.append(time.process_time())),
        ],
    ).history
    taken = [end - begin for begin, end in pairwise(times)]
    figures = takewhile(np.isfinite, np.add(history["loss"], history[METRIC]))
    values = tuple(float(value) for value, _ in zip(history[METRIC], figures, strict=False))
    return Curve(parameters, median(taken[1:] or taken), values)  # the first epoch traces the graph


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.experiments.record", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="begin no trial after so many minutes")
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    end = time.monotonic() + parser.parse_args().minutes * 60
    document = experiment("Random", FULL, trials=TRIALS, seed=SEED)
    space, template = Space.of(spec_of(document).parameters), document["spec"]["template"]["spec"]
    wanted = trials(document)
    done = [curve.parameters for curve in read(NAMES)] if FILE.exists() else []
    assert done == wanted[: len(done)], f"{FILE} holds other trials: delete it to record all anew"
    with tempfile.TemporaryDirectory() as folder, np.load(digits_file(Path(folder))) as data:
        x, y = data["x_train"][..., np.newaxis].astype("float32"), data["y_train"]
    for number, parameters in enumerate(wanted[len(done) :], len(done)):
        if time.monotonic() > end:
            break
        curve = train(template, space, parameters, x, y)
        append(curve, NAMES, EPOCHS)
        best = min(curve.values, default=float("nan"))
        print(f"{number:3} {curve.seconds:.2f} s {best:.4f} {parameters}", flush=True)


if __name__ == "__main__":
    main()
