"""An attempt to train a TrainingJob: its stages, in the order that finds mistakes soonest."""

import logging
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras
from epochal_api.report import COMPLETED, FINISHED_EARLY, STOPPED_AFTER_EPOCH, Artifacts, Export, Size
from epochal_api.trainingjob import TrainingJob

from epochal_trainer import checkpoint
from epochal_trainer import job as jobs
from epochal_trainer.data import DataSets, Samples
from epochal_trainer.data.memory import Memory, available, capacity
from epochal_trainer.export.store import export_models, store_signature
from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.lib.text import figure
from epochal_trainer.model import callbacks, compile, network, summary  # noqa: A004
from epochal_trainer.model.adapt import adapt
from epochal_trainer.model.monitor import monitor_of
from epochal_trainer.reporting import history
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.finish import Finish
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.history_writer import HistoryWriter
from epochal_trainer.reporting.reporter import Reporter
from epochal_trainer.reporting.results import (
    CALLBACKS,
    LOG,
    MODEL,
    SUMMARY,
    TENSORBOARD,
    Results,
    to_json,
)
from epochal_trainer.reporting.stages import Stages
from epochal_trainer.storage import Bucket
from epochal_trainer.training import loop, models
from epochal_trainer.training.checks import Checks
from epochal_trainer.training.fitting import STAGING, Fitting, Trained, reached_before
from epochal_trainer.training.loading import loaded
from epochal_trainer.training.watchdog import Watchdog

log = logging.getLogger(__name__)

_NO_GPU = """
================================================================================
  GPUs asked for: %d    GPUs that Keras sees: %d

  The training goes on, on the CPU, and will take far longer. Does the image hold
  CUDA (built with EXTRAS=cuda)? Does the node have the driver, and does the pod
  need spec.scheduling.runtimeClassName (such as nvidia)?
================================================================================"""


class Outcome(NamedTuple):
    """The result of a training for its termination message.

    Args:
        reason: In one word, as the reason of the TrainingJob's condition Complete.
        message: The result, in a sentence.
    """

    reason: str
    message: str


@dataclass(frozen=True)
class Buckets:
    """The buckets of a training.

    Args:
        data: Holds the data.
        results: Takes the results.
        named: Opens another bucket of the same storage, by its name.
    """

    data: Bucket
    results: Bucket
    named: Callable[[str], Bucket]


class Attempt:
    """An attempt to train a TrainingJob.

    Args:
        job: The TrainingJob.
        scratch: Folder for files of this attempt.
        stopping: Holds the request to stop, and its time.
        stages: Measures the duration of each stage.
        reporter: Sends the state to the operator. Its state has no attempt yet.
        watchdog: Called at each step.
        finish: Holds the request to finish early.
        pod: The uid of its pod.
    """

    def __init__(
        self,
        job: TrainingJob,
        *,
        scratch: Path,
        stopping: Stopping,
        stages: Stages,
        reporter: Reporter,
        watchdog: Watchdog,
        finish: Finish,
        pod: str,
    ) -> None:
        self._job = job
        self._scratch = scratch
        self._stopping = stopping
        self._stages = stages
        self._reporter = reporter
        self._watchdog = watchdog
        self._finish = finish
        self._pod = pod
        self._keeps_best = job.spec.results.best and job.spec.training.epochs > 1
        self._costs = checkpoint.Costs()
        self._checks = Checks(job.spec, lambda found: reporter.update(warnings=found))
        self._started = datetime.now(UTC)
        self._attempts: Attempts | None = None
        self._results: Results | None = None

    def train(self, buckets: Callable[[], Buckets]) -> Outcome:
        """Train the network, and store the results.

        Args:
            buckets: Opens the buckets. It is called after the network is built, so that errors in the network appear
                first.

        Returns:
            The outcome of the training.

        Raises:
            Failure: If the training cannot continue. The message has the cause and the remedy.
            Terminated: If the process received a signal to stop.
        """
        job, spec, stages = self._job, self._job.spec, self._stages
        recipe = jobs.recipe(job)
        with stages.stage("network"):
            nodes = network.graph(spec.network)
            model = self._build()
            user_callbacks = callbacks.build(spec.training.callbacks, folder=self._scratch / CALLBACKS)
            callbacks.check_optimizer(spec.training.callbacks, model.optimizer)
            log.info("Network:\n%s", summary.table(model, nodes))
            self._checks.network(model, nodes)
        with stages.stage("storage"):
            opened = buckets()
            folder = spec.results.folder(namespace=job.metadata.namespace, name=job.metadata.name, uid=job.metadata.uid)
            attempts = Attempts(opened.results, folder, self._pod)
            results = Results(opened.results, folder, attempts.check)
            opened.data.check()
            attempt = attempts.begin(jobs.digest(job))
            self._attempts, self._results = attempts, results
            log.info("Attempt %d, results go to %s", attempt, results.uri())
            keep = spec.training.checkpoint.keep
            store = checkpoint.Store(opened.results, folder, self._scratch / STAGING, keep=keep, attempts=attempts)
            start = checkpoint.find(
                store,
                spec.training,
                recipe,
                lambda uri: self._place(uri, opened),
                keeps_best=self._keeps_best,
            )
            if start is not None:
                checkpoint.check_fit(start, model, compile.described_optimizer(spec.training), versions())
            self._reporter.update(
                attempt=attempt,
                network=Size(parameters=model.count_params(), layers=len(nodes)),
                artifacts=Artifacts(uri=results.uri()),
                **reached_before(start),
            )
        with stages.stage("data"):
            memory = Memory(held=start.snapshot.held if start else 0)
            data = loaded(spec, opened.data, model, scratch=self._scratch, memory=memory)
            monitor = self._check_figures(model, data)
            if adapted := adapt(model, nodes, data.train):
                log.info("Adapted to the training set: %s", ", ".join(adapted))
        title = f"{job.metadata.namespace}/{job.metadata.name}"
        written = HistoryWriter(results, self._scratch, title=title, monitor=monitor)
        with stages.stage("training"), written:
            fitting = Fitting(
                spec.training,
                self._scratch,
                self._stopping,
                self._reporter,
                self._watchdog,
                versions=versions(),
                costs=self._costs,
                finish=self._finish,
                monitor=monitor,
                keeps_best=self._keeps_best,
                checks=self._checks,
                recipe=recipe,
            )

            def on_epoch(epochs: Sequence[Epoch]) -> None:
                written.put(epochs)
                self._checks.epochs(epochs)

            trained = fitting.run(
                model, data, user_callbacks, start=start, store=store, attempt=attempt, on_epoch=on_epoch
            )
            self._checks.epochs(trained.epochs)  # The resumed training may have had no epochs left.

        def evaluate(name: str) -> Mapping[str, float] | None:
            return self._test(model, data.test, name, epoch=len(trained.epochs))

        left = models.evaluated(model, trained, folder=self._scratch, stages=stages, evaluate=evaluate)
        sentence = models.sentence(left, trained, monitor, epochs=spec.training.epochs, keeps_best=self._keeps_best)
        outcome = Outcome(_reason(trained), sentence)
        with self._stopping.deferred():
            self._store(model, left, trained, written, outcome, data=data, attempt=attempt)
        log.info("Time: %s", stages)
        return outcome

    def store_log(self) -> None:
        """Store the log of a failed attempt, if the results bucket accepts it."""
        if self._results is not None:
            with suppress(Failure):
                self._results.store(self._scratch / LOG, LOG)

    def _build(self) -> keras.Model:
        spec = self._job.spec
        gpus = len(keras.distribution.list_devices("gpu"))
        if (wanted := spec.resources.gpus) > gpus:
            log.warning(_NO_GPU, wanted, gpus)
        if gpus > 1:
            log.warning("%d GPUs are there, and one is used: ask for one in spec.resources.limits.", gpus)
        training, memory = spec.training, available()
        model = network.build(
            spec.network,
            seed=training.seed,
            memory=memory,
            others=max(0, capacity() - memory),
            gpus=gpus,
            training=training,
            keeps_best=self._keeps_best,
        )
        compile.compile_model(model, training)
        return model

    def _check_figures(self, model: keras.Model, data: DataSets) -> Monitor:
        """Check loss, metrics and monitors against the data, and return the monitored metric."""
        training = self._job.spec.training
        figures = compile.check_labels(model, training, data.train.labels)

        def validated(names: Iterable[str]) -> list[str]:
            return [*names, *(f"val_{name}" for name in names if data.validation is not None)]

        callbacks.check_figures(training.callbacks, validated(figures))
        self._checks.data(data, model.output.shape[1:])
        self._checks.monitor(training, model)
        return monitor_of(training, model, validated(history.figures(figures)))

    def _place(self, uri: str, buckets: Buckets) -> tuple[Bucket, str]:
        """Return the bucket and the folder of another training's results at a URI."""
        name, _, folder = uri.removeprefix("s3://").partition("/")
        bucket = buckets.results if name == self._job.spec.results.bucket else buckets.named(name)
        return bucket, folder.strip("/")

    def _test(self, model: keras.Model, test: Samples | None, name: str, *, epoch: int) -> dict[str, float] | None:
        """Return the metric values of a model on the test set, or None without a test set."""
        if test is None:
            return None
        training = self._job.spec.training
        with self._stages.stage("test"), self._watchdog.watched(training.stall_seconds):
            figures = loop.evaluate(
                model, test, batch_size=training.batch_size, on_step=lambda: self._watchdog.at(epoch, 0)
            )
        told = "  ".join(f"{key} {figure(value)}" for key, value in figures.items())
        log.info("Test  %s%s", told, "" if name == MODEL else f"  ({name})")
        return figures

    def _store(
        self,
        model: keras.Model,
        left: Sequence[models.Model],
        trained: Trained,
        written: HistoryWriter,
        outcome: Outcome,
        *,
        data: DataSets,
        attempt: int,
    ) -> None:
        assert self._attempts is not None  # noqa: S101 - the storage was found in order
        assert self._results is not None  # noqa: S101
        results, scratch, metadata = self._results, self._scratch, self._job.metadata
        test = left[0].test
        self._attempts.check()
        self._reporter.update(stage="Storing", test=test and history.reported(test))
        with self._stages.stage("results"):
            stored = models.store(left, model, results, scratch)
            written.store_last(trained.epochs)
            results.store_folder(scratch / TENSORBOARD, TENSORBOARD)
            results.store_folder(scratch / CALLBACKS, CALLBACKS)
        export = self._export(left, data, results, attempt=attempt, more_to_come=trained.stopped)
        with self._stages.stage("results"):
            names = [one.name for one in left]
            signature = export.signature if export is not None else None
            signature = signature or store_signature(model, names, data=data, results=results, folder=scratch)
            log.info("%s", outcome.message)  # the last line of the log that is stored
            results.store(scratch / LOG, LOG)
        content = {
            "job": {"namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid},
            "attempt": attempt,
            "started": self._started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": outcome.reason,
            "epochs": len(trained.epochs),
            "metrics": dict(trained.epochs[-1].metrics),
            "best": trained.best.dump() if trained.best else None,
            "test": test,
            "models": [
                {
                    "name": one.name,
                    "epoch": one.epoch,
                    "sha256": there.sha256,
                    "weights": one.weights,
                    "metrics": one.metrics,
                    "test": one.test,
                }
                for one, there in zip(left, stored, strict=True)
            ],
            "export": export and export.dump(),
            "data": data.dump(),
            "network": {"parameters": model.count_params(), "layers": len(self._job.spec.network.layers)},
            "seconds": {name: round(seconds, 3) for name, seconds in self._stages.seconds.items()},
            "checkpoints": self._costs.dump(),
            "warnings": self._checks.dump(),
            "digests": {"data": data.digests, "model": stored[0].sha256},
            "versions": versions(),
            "spec": self._job.spec.model_dump(mode="json"),
        }
        (scratch / SUMMARY).write_bytes(to_json(content))
        results.store(scratch / SUMMARY, SUMMARY)
        artifacts = Artifacts(uri=results.uri(), model=results.uri(MODEL), log=results.uri(LOG))
        self._reporter.update(stage="Done", artifacts=artifacts, models=stored, export=export, signature=signature)

    def _export(
        self, left: Sequence[models.Model], data: DataSets, results: Results, *, attempt: int, more_to_come: bool
    ) -> Export | None:
        """Export the stored models, and return the outcome; None without formats, or if training continues later."""
        formats = self._job.spec.results.exports
        if not formats or more_to_come:
            return None
        names = [one.name for one in left]
        with self._stages.stage("export"):
            return export_models(
                names,
                formats,
                data=data,
                results=results,
                folder=self._scratch,
                stopping=self._stopping,
                may_end=attempt <= self._job.spec.backoff_limit,
            )


def _reason(trained: Trained) -> str:
    if trained.stopped:
        return STOPPED_AFTER_EPOCH
    return FINISHED_EARLY if trained.finished_early else COMPLETED


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    packages = {"epochal": "epochal-trainer"} | {name: name for name in ("keras", keras.config.backend(), "numpy")}
    return {"python": platform.python_version()} | {name: version(package) for name, package in packages.items()}
