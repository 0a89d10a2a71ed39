"""Match the checkpoint that a training starts from to its present model, data and callbacks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from epochal_trainer.checkpoint import learned_state, optimizer_slots, variables
from epochal_trainer.checkpoint.best_model import FIELD as FROM
from epochal_trainer.checkpoint.best_model import BestModel
from epochal_trainer.checkpoint.best_weights import merged_lora_layers
from epochal_trainer.checkpoint.resume_point import FIELD, ResumePoint
from epochal_trainer.checkpoint.state import CallbackState, Position, ResumeFacts, State, VariableState
from epochal_trainer.checkpoint.variables import VariablesDiffer
from epochal_trainer.data.arrays import Array
from epochal_trainer.lib.failures import Failure, bad_spec, is_machine_error

log = logging.getLogger(__name__)

_BEST_VALUES = frozenset({"best", "best_epoch", "best_weights", "wait"})
"""Attributes of callbacks, such as EarlyStopping, that depend on the metric values of earlier epochs."""


def check_matches_model(
    resume_point: ResumePoint, model: keras.Model, optimizer: Mapping[str, Any], versions: Mapping[str, str]
) -> None:
    """Check that a checkpoint's variables match the network and optimizer of a training, before data are loaded.

    Raises:
        Failure: As in `match_to_model`.
    """
    _match_variables(resume_point, model, optimizer, versions, dict(resume_point.snapshot.arrays))


def match_to_model(
    resume_point: ResumePoint, model: keras.Model, facts: ResumeFacts, versions: Mapping[str, str]
) -> ResumePoint:
    """Put a checkpoint's state into the order of the model and callbacks of a training.

    It also restores the learned state of the model's layers, and logs each part of the state that is reset.

    Args:
        resume_point: The resume point from `find`. Do not use it afterwards: the result takes over its arrays.
        model: The compiled model, adapted to its data, with its metrics built.
        facts: The facts of this training, to compare with the checkpoint's.
        versions: Present versions of the software, to compare with the checkpoint's.

    Returns:
        A resume point with the variables in the order of the model, and the callbacks in the order of this training.

    Raises:
        Failure: If a variable does not match: CheckpointMismatch for the training's own checkpoint, InvalidTraining for
            that of another training. The message has the variable with both shapes.
    """
    state, arrays = resume_point.snapshot.state, resume_point.snapshot.arrays
    version_changes = _version_changes(state.versions, versions)
    if version_changes:
        log.warning("Other software versions wrote the checkpoint, so the result may differ: %s.", version_changes)
    if state.facts.data != facts.data:
        differing = sorted({key for key, _ in state.facts.data.items() ^ facts.data.items()})
        log.warning(
            "The data have changed since the checkpoint was written (%s): the result will differ.",
            ", ".join(differing),
        )
        if resume_point.is_same:
            snapshot = resume_point.snapshot.without_eligible_epochs()
            resume_point = replace(resume_point, snapshot=snapshot, is_same=False)
            state = resume_point.snapshot.state
    found, transfer = _match_variables(resume_point, model, facts.optimizer, versions, arrays)
    _log_optimizer(resume_point, transfer, is_reset=variables.OPTIMIZER not in found)
    try:
        found[variables.STATES] = _match_states(resume_point, model, arrays)
        same_data = state.facts.data == facts.data
        learned_state.restore(model, state.variables.get(variables.LEARNED, []), arrays, same_data=same_data)
        best_weights = resume_point.snapshot.best_weights and resume_point.snapshot.best_weights.match_to_model(model)
    except (VariablesDiffer, ValueError) as error:
        raise _mismatch(resume_point, str(error), version_changes) from error
    position, seconds = state.position, state.seconds
    if position.begun:
        metrics = None
        if resume_point.is_own or state.facts.loss == facts.loss:
            metrics = _epoch_metrics(state, facts, variables.groups(model)[variables.METRICS], arrays)
        if metrics is None:
            log.warning(
                "The checkpoint is from the middle of epoch %d, and the data, validation samples, batch size, seed, "
                "loss or metrics have changed: that epoch is repeated.",
                position.epoch + 1,
            )
            position, seconds = Position(epoch=position.epoch), 0.0
        else:
            found[variables.METRICS] = metrics
    if resume_point.best_file is not None:
        found[variables.MODEL] = _best_weights(resume_point.best_file, model, arrays)
    order = _order_of_weights(model, state.variables.get(variables.MODEL, []))
    stored_callbacks = _stored_callbacks(resume_point, facts, has_averages=variables.OPTIMIZER in found)
    callbacks = [_reorder_best_weights(callback, order) for callback in stored_callbacks]
    snapshot = resume_point.snapshot.changed(variables=found, callbacks=callbacks, position=position, seconds=seconds)
    return replace(resume_point, snapshot=replace(snapshot, best_weights=best_weights))


def _match_variables(
    resume_point: ResumePoint,
    model: keras.Model,
    optimizer: Mapping[str, Any],
    versions: Mapping[str, str],
    arrays: dict[str, Array],
) -> tuple[dict[str, list[VariableState]], optimizer_slots.Transfer | None]:
    """Put a checkpoint's arrays of weights and optimizer variables into the order of a model.

    Return the descriptions of the variables by group: without the group `optimizer` if another optimizer is to start
    without state. Also return the transfer of the optimizer's variables from another training, or None.
    """
    state = resume_point.snapshot.state
    same = resume_point.is_own or (resume_point.best_file is None and state.facts.optimizer == optimizer)
    same_but_rate = _without_learning_rate(state.facts.optimizer) == _without_learning_rate(optimizer)
    keeps_rate = not same and resume_point.best_file is None and same_but_rate
    current, stored, transfer = variables.groups(model), state.variables, None
    found = {variables.RANDOM: stored.get(variables.RANDOM, [])}
    group = variables.MODEL
    try:
        found[group] = variables.reorder(stored.get(group, []), current[group], group, arrays)
        if same or keeps_rate:
            group = variables.OPTIMIZER
            if resume_point.is_own:
                found[group] = variables.reorder(stored.get(group, []), current[group], group, arrays)
            else:
                transfer = optimizer_slots.reorder(stored, current, arrays, keeps_rate=keeps_rate)
                found[group] = transfer.described
    except VariablesDiffer as error:
        raise _mismatch(resume_point, str(error), _version_changes(state.versions, versions), group) from error
    return found, transfer


def _match_states(resume_point: ResumePoint, model: keras.Model, arrays: dict[str, Array]) -> list[VariableState]:
    """Put a checkpoint's states of recurrent layers into the order of a model, and return their descriptions.

    Return an empty list if all states begin at zero, as in a new model: with the best weights of another training, or
    if the states of another training have other shapes, for example because of another batch size.

    Raises:
        VariablesDiffer: If the checkpoint is the training's own, and has other states than the model.
    """
    group = variables.STATES
    current, stored = variables.groups(model)[group], resume_point.snapshot.state.variables.get(group)
    if not current and not stored:
        return []
    if stored is None:
        log.warning(
            "An earlier version of Epochal wrote the checkpoint, without the states of layers with stateful: true. The "
            "states begin at zero, so the result may differ from that of a training without interruption."
        )
        return []
    if resume_point.best_file is not None:
        log.info("A stored model has no states of layers with stateful: true: the states begin at zero.")
        return []
    try:
        return variables.reorder(stored, current, group, arrays)
    except VariablesDiffer as error:
        if resume_point.is_own:
            raise
        log.info("The states of layers with stateful: true begin at zero, since they have changed: %s.", error)
        return []


def _log_optimizer(resume_point: ResumePoint, transfer: optimizer_slots.Transfer | None, *, is_reset: bool) -> None:
    """Log which variables of the optimizer are reset, or dropped from the checkpoint."""
    if resume_point.best_file is not None:
        log.info("The best weights of the other training are loaded, not its last: optimizer and callbacks are reset.")
    elif is_reset:
        log.info("The spec has another optimizer than the checkpoint: the optimizer is reset.")
    if transfer is not None and transfer.unfrozen:
        log.info("Layers trainable only in this training: the optimizer is reset for %s.", ", ".join(transfer.unfrozen))
    if transfer is not None and transfer.frozen:
        names = ", ".join(transfer.frozen)
        log.info("Layers trainable only in the checkpoint: optimizer variables are dropped for %s.", names)


def _best_weights(best_file: BestModel, model: keras.Model, arrays: dict[str, Array]) -> list[VariableState]:
    """Load a stored model file into `model`, and replace the checkpoint's weights in `arrays` by its weights.

    Return the descriptions of the model's variables.
    """
    if layers := merged_lora_layers(model):
        raise bad_spec(
            "InvalidTraining",
            f"{FROM}: found Best, but Keras stores LoRA weights merged into the weights of their layers ({layers}), "
            "so they could not be trained further. Write from: Last",
        )
    # Keras loads weights only into a model. This one shares the layers, but has no optimizer or metrics to overwrite.
    network = keras.Model(model.inputs, model.outputs)
    try:
        network.load_weights(best_file.file.path)
    except Exception as error:  # Keras and h5py raise many kinds of errors for damage
        if is_machine_error(error):
            raise
        raise bad_spec("InvalidTraining", f"{FROM}: {best_file.uri} has weights of another network: {error}") from error
    # Copied out again, because `Snapshot.restore` later assigns the arrays: the checkpoint's weights would come back.
    current = variables.groups(model)[variables.MODEL]
    arrays.update(variables.values(current, variables.MODEL))
    return variables.describe(current)


def _epoch_metrics(
    state: State, facts: ResumeFacts, metrics: Sequence[Any], arrays: dict[str, Array]
) -> list[VariableState] | None:
    """Return the metric variables of a checkpoint from the middle of an epoch, in the order of the model.

    Return None if the epoch must be repeated: the data, batch order, training part or metrics have changed.
    """
    if state.facts.data != facts.data or state.facts.order != facts.order or state.facts.train_part != facts.train_part:
        return None
    try:
        return variables.reorder(state.variables.get(variables.METRICS, []), metrics, variables.METRICS, arrays)
    except VariablesDiffer:
        return None


def _mismatch(resume_point: ResumePoint, found: str, version_changes: str, group: str = variables.MODEL) -> Failure:
    uri = resume_point.results_uri
    versions = f" Other software versions wrote the checkpoint: {version_changes}." if version_changes else ""
    if not resume_point.is_own and group == variables.OPTIMIZER:
        message = f"{FIELD}: cannot transfer the optimizer's variables from {uri}: {found}."
        advice = "To reset the optimizer, change an argument other than learning_rate in spec.training.optimizer"
        return bad_spec("InvalidTraining", f"{message}{versions} {advice}")
    if not resume_point.is_own:
        message = f"{FIELD}: the network must be the same as in {uri}: {found}."
        return bad_spec("InvalidTraining", f"{message}{versions}")
    cause = versions or " Check whether the image or the spec has changed."
    return bad_spec(
        "CheckpointMismatch",
        f"the checkpoint of attempt {resume_point.snapshot.state.attempt} in {uri} does not match this "
        f"training: {found}.{cause} The checkpoint is kept, and the training does not continue. To continue, create a "
        f"new TrainingJob with the earlier image in spec.image and {uri} in {FIELD}.uri; to start from the beginning, "
        "leave continueFrom out",
    )


def _version_changes(stored: Mapping[str, str], current: Mapping[str, str]) -> str:
    """Return a text such as `keras was 3.15.0 and is 3.16.0`; names in one mapping only are left out."""
    differing = {name: stored[name] for name in current if stored.get(name, current[name]) != current[name]}
    return ", ".join(f"{name} was {version} and is {current[name]}" for name, version in differing.items())


def _without_learning_rate(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of an optimizer without its learning rate and that of its inner optimizer."""
    rest = {name: value for name, value in optimizer.items() if name != "learning_rate"}
    if isinstance(inner := rest.get("inner_optimizer"), Mapping):
        rest["inner_optimizer"] = _without_learning_rate(inner)
    return rest


def _stored_callbacks(resume_point: ResumePoint, facts: ResumeFacts, *, has_averages: bool) -> list[CallbackState]:
    """Return the state for each callback of this training, without best values that are not comparable.

    Values are comparable with the same loss, data and training part, or if no epoch follows.
    """
    state, before = resume_point.snapshot.state, resume_point.snapshot.state.facts
    callbacks = state.callbacks if resume_point.is_own else _match_callbacks(state, facts, has_averages=has_averages)
    is_same = before.loss == facts.loss and before.data == facts.data and before.train_part == facts.train_part
    return callbacks if is_same or state.stop_training else _without_best_values(callbacks)


def _match_callbacks(state: State, facts: ResumeFacts, *, has_averages: bool) -> list[CallbackState]:
    """Return the state for each callback of this training.

    It is that of another training's callback with equal class and arguments, or empty. The state of SwapEMAWeights says
    where the averages are: without the optimizer's state, there are none.
    """
    pairs = zip(state.facts.callbacks, state.callbacks, strict=False)
    unused = [pair for pair in pairs if has_averages or pair[1].callback != "SwapEMAWeights"]
    found, reset = [], []
    for described in facts.callbacks:
        same = next((pair for pair in unused if pair[0] == described), None)
        if same is None:
            reset.append(described["callback"])
            found.append(CallbackState(callback=described["callback"], state={}))
        else:
            unused.remove(same)
            found.append(_reset_patience(same[1]))
    if reset and state.callbacks:
        log.info("Callbacks without state in the checkpoint are reset: %s", ", ".join(reset))
    return found


def _without_best_values(callbacks: Sequence[CallbackState]) -> list[CallbackState]:
    """Return the states of callbacks without the best value so far, its weights and the wait since then."""
    found = [
        callback.model_copy(update={"state": {k: v for k, v in callback.state.items() if k not in _BEST_VALUES}})
        for callback in callbacks
    ]
    if reset := [new.callback for old, new in zip(callbacks, found, strict=True) if old != new]:
        log.info(
            "The loss, the data or the training part has changed: callbacks forget their best value: %s",
            ", ".join(reset),
        )
    return found


def _order_of_weights(model: keras.Model, stored: Sequence[VariableState]) -> list[int]:
    """Return, for each weight of a model, its index among the weights of the checkpoint's model.

    `stored` describes all its variables: the weights in their order, and others such as seed generators.
    """
    current = list(model.variables)
    indices = variables.stored_indices(stored, variables.describe(current))
    index_of = dict(zip(map(id, current), indices, strict=True))
    found = [index_of[id(weight)] for weight in model.weights]
    rank = {position: index for index, position in enumerate(sorted(found))}
    return [rank[position] for position in found]


def _reorder_best_weights(callback: CallbackState, order: Sequence[int]) -> CallbackState:
    """Return a callback's state with the `best_weights` of EarlyStopping, if there are any, in this model's order."""
    best = callback.state.get("best_weights")
    if not isinstance(best, list) or len(best) != len(order):
        return callback
    reordered = [best[index] for index in order]
    return callback.model_copy(update={"state": {**callback.state, "best_weights": reordered}})


def _reset_patience(callback: CallbackState) -> CallbackState:
    """Return a callback's state. If it is an EarlyStopping that ended its training, its patience starts again.

    Otherwise it would end this training at once.
    """
    if callback.callback != "EarlyStopping" or not callback.state.get("stopped_epoch"):
        return callback
    return callback.model_copy(update={"state": {**callback.state, "wait": 0, "stopped_epoch": 0}})
