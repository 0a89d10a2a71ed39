"""The finders of the mistakes in a TrainingJob, each as a function from a document to its messages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from epochal_api.catalogue.problems import problems
from epochal_api.crd import schema
from epochal_api.trainingjob.spec import TrainingJob, TrainingJobSpec, parse
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import callbacks, graph, network
from epochal_trainer.model.adapt import adapt
from epochal_trainer.model.compile import compile_model, dry_run_metrics
from epochal_trainer.model.monitor import choose_monitor
from epochal_trainer.model.sketch import sketch
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.checks import WarningChecks
from epochal_trainer.training.loading import load_data

from tests.kit.schema import broken_rules
from tests.kit.structural_schema import mismatches

Document = Mapping[str, Any]

SCHEMA = schema(TrainingJob)
MEMORY = 1 << 30


def find_by_schema(document: Document) -> list[str]:
    """Returns the messages of the API server's schema and rules."""
    found = list(mismatches(SCHEMA, document))
    # A rule fails on values of other types.
    return found or broken_rules(SCHEMA, document)


def find_by_operator(document: Document) -> list[str]:
    """Returns the problems that the operator finds before it creates a Job."""
    return [str(problem) for problem in problems(document)]


def find_by_checker(document: Document) -> list[str]:
    """Returns the errors in the checker's answer."""
    spec = parse(document).spec
    assert spec.network is not None
    return sketch(spec.network, precision=spec.training.precision).all_errors


def find_by_trainer(document: Document, data: Path, scratch: Path) -> list[str]:
    """Returns the failure or the warnings of a training, in its order; without any, it trains for a step."""
    try:
        return _train(parse(document).spec, data, scratch)
    except Failure as failure:
        return [failure.message]


def _train(spec: TrainingJobSpec, data: Path, scratch: Path) -> list[str]:
    training, checks = spec.training, WarningChecks(spec, lambda _: None)
    assert spec.network is not None
    nodes = graph.build_nodes(spec.network)
    model = network.build(spec.network, seed=training.seed, memory=MEMORY, training=training)
    compile_model(model, training)
    model.run_eagerly, model.jit_compile = True, False
    callbacks.build(training.callbacks, folder=scratch)
    callbacks.check_optimizer(training.callbacks, model.optimizer)
    checks.check_network(model, nodes)
    samples = load_data(spec, FolderBucket(data), model, scratch=scratch, memory=MemoryBudget())
    metrics = [*dry_run_metrics(model, training, samples.train.output_arrays)]
    if samples.validation is not None:
        metrics += [f"val_{name}" for name in metrics]
    callbacks.check_metric_names(training.callbacks, metrics)
    checks.check_data(samples, [tensor.shape[1:] for tensor in model.outputs])
    checks.check_monitor(model)
    choose_monitor(training, model, metrics)
    if warnings := checks.dump():
        return [str(each["message"]) for each in warnings]
    adapt(model, nodes, samples.train)
    batch = next(iter(samples.train.ordered_batches(len(samples.train))))
    before = [np.array(weight) for weight in model.get_weights()]
    values = model.train_on_batch(*batch, return_dict=True)
    assert np.isfinite(values["loss"])
    assert any(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    return []
