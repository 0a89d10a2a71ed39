"""An attempt (one pod) to train a TrainingJob: its stages, in the order that finds mistakes soonest."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache

import keras
from epochal_api.evaluation import EvaluatedModel
from epochal_api.trainingjob.report import COMPLETED, FINISHED_EARLY, STOPPED_AFTER_EPOCH, Artifacts, NetworkSize

from epochal_trainer import checkpoint
from epochal_trainer import job as jobs
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.evaluation.store import store_evaluation
from epochal_trainer.export.prefork import PreforkedExporter
from epochal_trainer.export.store import export_models, store_signature
from epochal_trainer.lib.text import format_number
from epochal_trainer.model import callbacks, compile, graph, stateful  # noqa: A004
from epochal_trainer.model.adapt import adapt
from epochal_trainer.model.monitor import choose_monitor
from epochal_trainer.reporting import history
from epochal_trainer.reporting.attempts import open_results
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history_writer import HistoryWriter
from epochal_trainer.reporting.results import CALLBACKS, LOG, MODEL, SUMMARY, TENSORBOARD, Results, to_json
from epochal_trainer.storage import Bucket
from epochal_trainer.training import fit, models
from epochal_trainer.training.checks import WarningChecks
from epochal_trainer.training.context import Buckets, Context
from epochal_trainer.training.data_summary import store_data_summary
from epochal_trainer.training.loading import load_data
from epochal_trainer.training.network_source import BuiltNetwork, build_network
from epochal_trainer.training.train import STAGING, reported_progress, run_training_stage, versions

log = logging.getLogger(__name__)


class Attempt:
    """An attempt to train a TrainingJob.

    Args:
        context: The TrainingJob, and the objects of its run.
        exporter: The process that was forked before the training, to export the models; None to start a process when
            the export begins.
    """

    def __init__(self, context: Context, exporter: PreforkedExporter | None = None) -> None:
        self._context = context
        self._exporter = exporter
        self._checks = WarningChecks(context.job.spec, lambda found: context.reporter.set_fields(warnings=found))
        self._started = datetime.now(UTC)
        self.results: Results | None = None
        """The results folder in the bucket; None until `train` has opened the buckets."""

    def train(self, buckets: Callable[[], Buckets]) -> tuple[str, str]:
        """Train the network and store the results. Return the reason and message of the condition Complete.

        Args:
            buckets: Opens the buckets. It is called after the network is built, so that errors in the network appear
                first. If the network is read from a file in a bucket, it is called before.

        Raises:
            Failure: If the training cannot continue. The message has the cause and the remedy.
            Terminated: If the process received a signal to stop.
        """
        context, checks = self._context, self._checks
        job, spec, scratch, timings = context.job, context.job.spec, context.scratch, context.timings
        context.reporter.set_start_stage("BuildingNetwork")
        open_buckets = cache(buckets)
        with timings.measure("network"):
            network = build_network(spec, open_buckets, scratch, keeps_best=context.keeps_best)
            model, nodes = network.model, network.nodes
            user_callbacks = callbacks.build(spec.training.callbacks, folder=scratch / CALLBACKS)
            callbacks.check_optimizer(spec.training.callbacks, model.optimizer)
            stateful.check_batch_size(model, spec.training.batch_size)
            log.info("Network:\n%s", graph.layer_table(model, nodes))
            checks.check_network(model, nodes)
        with timings.measure("storage"):
            opened = open_buckets()
            attempts, results = open_results(opened.results, job, context.pod)
            self.results = results
            opened.data.check()
            attempt = attempts.begin(jobs.spec_digest(job))
            log.info("Attempt %d, results are stored in %s", attempt, results.uri())

            def open_earlier(uri: str) -> tuple[Bucket, str]:
                name, _, folder = uri.removeprefix("s3://").partition("/")
                return opened.results if name == spec.results.bucket else opened.named(name), folder.strip("/")

            context.reporter.set_start_stage("RestoringCheckpoint")
            keep = spec.training.checkpoint.keep
            store = checkpoint.Store(opened.results, results.folder, scratch / STAGING, keep=keep, attempts=attempts)
            training_digest = jobs.training_digest(job, network.files)
            resume_point = checkpoint.find(
                store, spec.training, training_digest, open_earlier, keeps_best=context.keeps_best
            )
            if resume_point is not None:
                checkpoint.check_network_files(resume_point, network.files)
                checkpoint.check_matches_model(resume_point, model, compile.optimizer_spec(spec.training), versions())
            context.reporter.send(
                attempt=attempt,
                start_stage="LoadingData",
                network=NetworkSize(parameters=model.count_params(), layers=network.layer_count),
                artifacts=Artifacts(uri=results.uri()),
                **reported_progress(resume_point),
            )
        with timings.measure("data"):
            memory = MemoryBudget(reclaimable=resume_point.snapshot.memory_bytes if resume_point else 0)
            data = load_data(spec, opened.data, model, scratch=scratch, memory=memory)
            monitor = self._choose_monitor(model, data)
            store_data_summary(data, checks, results)
            if adapted := adapt(model, nodes, data.train, loaded=network.loaded):
                log.info("Adapted to the training set: %s", ", ".join(adapted))
        title = f"{job.metadata.namespace}/{job.metadata.name}"
        writer = HistoryWriter(results, scratch, title=title, monitor=monitor)
        with timings.measure("training"), writer:
            trained = run_training_stage(
                context,
                model,
                data,
                user_callbacks,
                network_files=network.files,
                monitor=monitor,
                checks=checks,
                resume_point=resume_point,
                store=store,
                attempt=attempt,
                on_epoch=writer.put,
            )

        def evaluate(name: str) -> dict[str, float] | None:
            return self._test(model, data, name, epoch=len(trained.epochs))

        evaluated = models.evaluate_and_save_models(model, trained, folder=scratch, timings=timings, evaluate=evaluate)
        reason = FINISHED_EARLY if trained.finished_early else COMPLETED
        outcome = (
            STOPPED_AFTER_EPOCH if trained.stopped else reason,
            models.summary_sentence(
                evaluated, trained, monitor, epochs=spec.training.epochs, keeps_best=context.keeps_best
            ),
        )
        with context.termination_request.deferred():
            attempts.check()
            self._store(
                network, evaluated, trained, outcome, results=results, writer=writer, data=data, attempt=attempt
            )
        log.info("Time: %s", timings)
        return outcome

    def _choose_monitor(self, model: keras.Model, data: TrainingData) -> Monitor:
        """Check metrics, callbacks and data, and return the metric that selects the best epoch.

        The checks compute loss and metrics for a few training labels.
        """
        training = self._context.job.spec.training
        metrics = compile.dry_run_metrics(model, training, data.train.output_arrays)

        def validated(names: Iterable[str]) -> list[str]:
            return [*names, *(f"val_{name}" for name in names if data.validation is not None)]

        callbacks.check_metric_names(
            training.callbacks, validated(metrics), validation_every=training.validation_every_epochs
        )
        self._checks.check_data(data, [tensor.shape[1:] for tensor in model.outputs])
        self._checks.check_monitor(model)
        return choose_monitor(training, model, validated(history.metric_values(metrics)))

    def _test(self, model: keras.Model, data: TrainingData, name: str, *, epoch: int) -> dict[str, float] | None:
        """Log and return the metric values of a model on the test set, or return None without a test set.

        `name` is the name of the model's file, for the log.
        """
        if data.test is None:
            return None
        training, watchdog = self._context.job.spec.training, self._context.watchdog
        with self._context.timings.measure("test"), watchdog.watch(training.stall_seconds):
            metrics = fit.evaluate(
                model, data.test, batch_size=training.batch_size, on_step=lambda: watchdog.record_step(epoch, 0)
            )
        listed = "  ".join(f"{key} {format_number(value)}" for key, value in metrics.items())
        log.info("Test  %s%s", listed, "" if name == MODEL else f"  ({name})")
        return metrics

    def _store(
        self,
        network: BuiltNetwork,
        evaluated: Sequence[models.ModelFile],
        trained: models.TrainingResult,
        outcome: tuple[str, str],
        *,
        results: Results,
        writer: HistoryWriter,
        data: TrainingData,
        attempt: int,
    ) -> None:
        """Store the models, the evaluation, the exports, the log, and as the last file summary.json.

        The evaluation and the exports are left out if spec.training.stopAfterEpoch ended the training.
        """
        context, scratch, timings, model = self._context, self._context.scratch, self._context.timings, network.model
        spec, metadata = context.job.spec, context.job.metadata
        test, names = evaluated[0].test, [each.name for each in evaluated]
        context.reporter.set_fields(stage="Storing", start_stage=None, test=test and history.report_metrics(test))
        with timings.measure("results"):
            stored = models.store_models(evaluated, model, results, scratch)
            writer.store_last(trained.epochs)
            results.store_folder(scratch / TENSORBOARD, TENSORBOARD)
            results.store_folder(scratch / CALLBACKS, CALLBACKS)
        if spec.results.evaluation and not trained.stopped:
            file, there = evaluated[-1], stored[-1]  # The model holds the weights of the last file.
            with timings.measure("evaluation"):
                store_evaluation(
                    context,
                    model,
                    EvaluatedModel(name=file.name, epoch=file.epoch, sha256=there.sha256),
                    data=data,
                    results=results,
                    epochs=len(trained.epochs),
                )
        export = None
        if spec.results.exports and not trained.stopped:
            with timings.measure("export"):
                export = export_models(
                    names,
                    spec.results.exports,
                    data=data,
                    results=results,
                    folder=scratch,
                    termination_request=context.termination_request,
                    has_retry=attempt <= spec.backoff_limit,
                    exporter=self._exporter,
                    code=network.code,
                )
        with timings.measure("results"):
            signature = export.signature if export is not None else None
            signature = signature or store_signature(model, names, data=data, results=results, folder=scratch)
            log.info("%s", outcome[1])  # the last line of the log that is stored
            results.store(scratch / LOG, LOG)
        content = {
            "job": {"namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid},
            "attempt": attempt,
            "started": self._started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": outcome[0],
            "epochs": len(trained.epochs),
            "metrics": dict(trained.epochs[-1].metrics),
            "best": trained.best_epoch.dump() if trained.best_epoch else None,
            "test": test,
            "models": [{**vars(each), "sha256": there.sha256} for each, there in zip(evaluated, stored, strict=True)],
            "export": export and export.dump(),
            "data": data.dump(),
            "network": {"parameters": model.count_params(), "layers": network.layer_count},
            "seconds": {name: round(seconds, 3) for name, seconds in timings.seconds.items()},
            "checkpoints": trained.checkpoints,
            "warnings": self._checks.dump(),
            "digests": {"data": data.digests, "model": stored[0].sha256, "network": dict(network.files)},
            "versions": versions(),
            "spec": spec.model_dump(mode="json"),
        }
        (scratch / SUMMARY).write_bytes(to_json(content))
        results.store(scratch / SUMMARY, SUMMARY)
        artifacts = Artifacts(uri=results.uri(), model=results.uri(MODEL), log=results.uri(LOG))
        context.reporter.send(stage="Done", artifacts=artifacts, models=stored, export=export, signature=signature)
