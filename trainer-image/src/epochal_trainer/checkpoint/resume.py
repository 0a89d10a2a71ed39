"""Fit the checkpoint that a training starts from to the model and data that it has now."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from epochal_trainer.checkpoint import learned_state, optimizer_slots, variables
from epochal_trainer.checkpoint.best_model import FIELD as FROM
from epochal_trainer.checkpoint.best_model import BestModel
from epochal_trainer.checkpoint.best_weights import merged
from epochal_trainer.checkpoint.start import FIELD, Start
from epochal_trainer.checkpoint.state import CallbackState, Facts, Position, State, VariableState
from epochal_trainer.checkpoint.variables import Different
from epochal_trainer.data.samples import Array
from epochal_trainer.lib.failures import Failure, bad_spec, of_the_machine

log = logging.getLogger(__name__)


def check_fit(start: Start, model: keras.Model, optimizer: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Check that a start fits the network and optimizer of a training; no data are needed.

    Args:
        start: The start that was found.
        model: The model, compiled.
        optimizer: The optimizer, as the TrainingJob describes it.
        versions: Versions of the software that can change the result.

    Raises:
        Failure: As in `fitted`.
    """
    _fitted_variables(start, model, optimizer, versions, dict(start.snapshot.arrays))


def fitted(start: Start, model: keras.Model, facts: Facts, versions: Mapping[str, str]) -> Start:
    """Fit a start to the model and data of a training, and restore the learned state of layers.

    Args:
        start: The start that was found. It is unusable afterwards: its arrays belong to the returned start.
        model: The compiled model, adapted to its data, with its metrics built.
        facts: The facts that determine a position in an epoch, and others to compare.
        versions: Versions of the software that can change the result.

    Returns:
        A start to resume from, with variables in the order of the model's and callbacks in the order of this
        training's.

    Raises:
        Failure: CheckpointMismatch, if the training's own checkpoint does not fit. InvalidTraining, if the network is
            not the one of the training to continue. Both name the variable and both shapes.
    """
    state, arrays = start.snapshot.state, start.snapshot.arrays
    changed = _changed(state.versions, versions)
    if changed:
        log.warning("The checkpoint was written with other versions, so the result may not be the same: %s.", changed)
    if state.facts.data != facts.data:
        others = sorted({key for key, _ in state.facts.data.items() ^ facts.data.items()})
        log.warning(
            "The data have changed since the checkpoint was written (%s): the result will not be the same.",
            ", ".join(others),
        )
        if start.same:
            start = replace(start, snapshot=start.snapshot.incomparable(), same=False)
            state = start.snapshot.state
    found, carried = _fitted_variables(start, model, facts.optimizer, versions, arrays)
    _tell_of_optimizer(start, carried, starts_anew=variables.OPTIMIZER not in found)
    try:
        same_data = state.facts.data == facts.data
        learned_state.restore(model, state.variables.get(variables.LEARNED, []), arrays, same_data=same_data)
        best = start.snapshot.best and start.snapshot.best.fitted(model)
    except (Different, ValueError) as error:
        raise _mismatch(start, str(error), changed) from error
    position, seconds = state.position, state.seconds
    if position.begun:
        same_loss = start.own or state.facts.loss == facts.loss
        metrics = _of_epoch(state, facts, variables.groups(model)[variables.METRICS], arrays) if same_loss else None
        if metrics is None:
            log.warning(
                "Data, samples, those to validate on, batch size, seed, loss or metrics are not those of the "
                "checkpoint, from the middle of epoch %d: that epoch begins anew.",
                position.epoch + 1,
            )
            position, seconds = Position(epoch=position.epoch), 0.0
        else:
            found[variables.METRICS] = metrics
    if start.best is not None:
        found[variables.MODEL] = _best_weights(start.best, model, arrays)
    order = _order_of_weights(model, state.variables.get(variables.MODEL, []))
    callbacks = [_arranged(each, order) for each in (state.callbacks if start.own else _callbacks(state, facts))]
    snapshot = start.snapshot.changed(variables=found, callbacks=callbacks, position=position, seconds=seconds)
    return replace(start, snapshot=replace(snapshot, best=best))


def _fitted_variables(
    start: Start,
    model: keras.Model,
    optimizer: Mapping[str, Any],
    versions: Mapping[str, str],
    arrays: dict[str, Array],
) -> tuple[dict[str, list[VariableState]], optimizer_slots.Carried | None]:
    """Order weights, and variables of an unchanged optimizer, as in a model; see `fitted`.

    Returns:
        The variables by group, and the optimizer variables transferred from another training.
    """
    state = start.snapshot.state
    same = start.own or (start.best is None and state.facts.optimizer == optimizer)
    keeps_rate = not same and start.best is None and _but_rate(state.facts.optimizer) == _but_rate(optimizer)
    here, there, carried = variables.groups(model), state.variables, None
    found = {variables.RANDOM: there.get(variables.RANDOM, [])}
    group = variables.MODEL
    try:
        found[group] = variables.arrange(there.get(group, []), here[group], group, arrays)
        if same or keeps_rate:
            group = variables.OPTIMIZER
            if start.own:
                found[group] = variables.arrange(there.get(group, []), here[group], group, arrays)
            else:
                carried = optimizer_slots.arrange(there, here, arrays, keeps_rate=keeps_rate)
                found[group] = carried.described
    except Different as error:
        raise _mismatch(start, str(error), _changed(state.versions, versions), group) from error
    return found, carried


def _tell_of_optimizer(start: Start, carried: optimizer_slots.Carried | None, *, starts_anew: bool) -> None:
    """Log which state of the optimizer is not transferred."""
    if start.best is not None:
        log.info("These are its best weights, not its last ones: the optimizer and the callbacks start anew.")
    elif starts_anew:
        log.info("The optimizer is not described as it was there: it starts anew.")
    if carried is not None and carried.anew:
        log.info("Trainable now, and not there: the optimizer starts anew for %s.", ", ".join(carried.anew))
    if carried is not None and carried.frozen:
        log.info("Trainable there, and not now: what the optimizer kept for %s is left out.", ", ".join(carried.frozen))


def _best_weights(best: BestModel, model: keras.Model, arrays: dict[str, Array]) -> list[VariableState]:
    """Replace the weights of a checkpoint by those of a stored model, in the order of a model's weights."""
    if layers := merged(model):
        raise bad_spec(
            "InvalidTraining",
            f"{FROM}: found Best, but Keras stores weights of LoRA as one with those that they change ({layers}), and "
            "they would never change again. Write from: Last",
        )
    network = keras.Model(model.inputs, model.outputs)  # It has the same layers, without optimizer and metrics.
    try:
        network.load_weights(best.file.path)
    except Exception as error:  # Keras and h5py raise many kinds of errors for damage
        if of_the_machine(error):
            raise
        raise bad_spec("InvalidTraining", f"{FROM}: {best.uri} holds no weights of this network: {error}") from error
    here = variables.groups(model)[variables.MODEL]
    arrays.update(variables.values(here, variables.MODEL))
    return variables.describe(here)


def _of_epoch(
    state: State, facts: Facts, metrics: Sequence[Any], arrays: dict[str, Array]
) -> list[VariableState] | None:
    """Return the metrics of the running epoch, or None if that epoch cannot be resumed."""
    if state.facts.data != facts.data or state.facts.order != facts.order or state.facts.trained != facts.trained:
        return None
    try:
        return variables.arrange(state.variables.get(variables.METRICS, []), metrics, variables.METRICS, arrays)
    except Different:
        return None


def _mismatch(start: Start, found: str, changed: str, group: str = variables.MODEL) -> Failure:
    versions = f" It was written with other versions: {changed}." if changed else ""
    if not start.own and group == variables.OPTIMIZER:
        what = f"{FIELD}: what the optimizer keeps cannot go over from {start.where}: {found}."
        anew = "With other arguments in spec.training.optimizer, the optimizer starts anew"
        return bad_spec("InvalidTraining", f"{what}{versions} {anew}")
    if not start.own:
        must = f"{FIELD}: the network must be the one of {start.where}: {found}."
        return bad_spec("InvalidTraining", f"{must}{versions}")
    return bad_spec(
        "CheckpointMismatch",
        f"the checkpoint of attempt {start.snapshot.state.attempt} in {start.where} does not fit what is trained here: "
        f"{found}.{versions or ' Has the image changed, or the spec?'} It is kept, and nothing is trained over it. Go "
        "on from there with a new TrainingJob that names the earlier image in spec.image and "
        f"{start.where} in {FIELD}.uri; one without begins anew",
    )


def _changed(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return a text that lists the versions that differ, as far as both are recorded."""
    others = {name: there[name] for name in here if there.get(name, here[name]) != here[name]}
    return ", ".join(f"{name} {version} there and {here[name]} here" for name, version in others.items())


def _but_rate(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of an optimizer without its learning rate."""
    rest = {name: value for name, value in optimizer.items() if name != "learning_rate"}
    if isinstance(inner := rest.get("inner_optimizer"), Mapping):
        rest["inner_optimizer"] = _but_rate(inner)
    return rest


def _callbacks(state: State, facts: Facts) -> list[CallbackState]:
    """Return the state for each callback of this training, from another training's callback with the same arguments.

    With another loss all callbacks start without state: a best value of another loss is not comparable.
    """
    comparable = state.facts.loss == facts.loss
    left = list(zip(state.facts.callbacks, state.callbacks, strict=False)) if comparable else []
    found, anew = [], []
    for described in facts.callbacks:
        same = next((pair for pair in left if pair[0] == described), None)
        if same is None:
            anew.append(described["callback"])
            found.append(CallbackState(callback=described["callback"], state={}))
        else:
            left.remove(same)
            found.append(_patient(same[1]))
    if anew and state.callbacks:
        log.info("These callbacks start anew, since there is none like them in the checkpoint: %s", ", ".join(anew))
    return found


def _order_of_weights(model: keras.Model, there: Sequence[VariableState]) -> list[int]:
    """Return, for each weight of a model, its index among the checkpoint's weights.

    The order among the weights is the order among all variables.
    """
    here = list(model.variables)
    places = dict(zip(map(id, here), variables.places(there, variables.describe(here)), strict=True))
    found = [places[id(weight)] for weight in model.weights]
    rank = {place: index for index, place in enumerate(sorted(found))}
    return [rank[place] for place in found]


def _arranged(callback: CallbackState, order: Sequence[int]) -> CallbackState:
    """Return a callback's state with its weights (EarlyStopping keeps some) in the order of this model."""
    best = callback.state.get("best_weights")
    if not isinstance(best, list) or len(best) != len(order):
        return callback
    return callback.model_copy(update={"state": {**callback.state, "best_weights": [best[place] for place in order]}})


def _patient(callback: CallbackState) -> CallbackState:
    """Return a callback's state; if EarlyStopping had ended the training, with its patience reset to train further."""
    if callback.callback != "EarlyStopping" or not callback.state.get("stopped_epoch"):
        return callback
    return callback.model_copy(update={"state": {**callback.state, "wait": 0, "stopped_epoch": 0}})
