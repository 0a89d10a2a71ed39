"""An evaluation as text: a line for the log, and captions for the pictures of the worst samples."""

from collections.abc import Mapping

from epochal_api.evaluation import Evaluation, Mistake, OutputEvaluation, WorstSample

from epochal_trainer.lib.text import escape, format_number

_NAME_LENGTH = 8
"""Maximum number of characters of a class name in a caption. A longer name is cut, so that two names fit below an
image."""


def summary(evaluation: Evaluation) -> str:
    """Return the log line of an evaluation: model, data set, number of samples, and mistakes or mean absolute error."""
    count = f"{evaluation.evaluated:,}"
    if evaluation.skipped:
        count = f"{count} of {evaluation.samples:,}"
    parts = [f"{evaluation.model.name} on {count} samples of the {evaluation.data} set"]
    if evaluation.outputs is None:
        return "; ".join([*parts, *_figures(evaluation)])
    return "; ".join(
        [*parts, *(f"{name}: {', '.join(_figures(output))}" for name, output in evaluation.outputs.items())]
    )


def _figures(evaluation: Evaluation | OutputEvaluation) -> list[str]:
    parts = []
    if (classes := evaluation.classes) is not None:
        wrong = evaluation.evaluated - classes.correct
        part = f"{wrong:,} misread"
        if classes.confused:
            pair, names = classes.confused[0], _names(evaluation)
            part += f", most often {_name(names, pair.label)} as {_name(names, pair.answer)} ({pair.samples:,})"
        parts.append(part)
    if (numbers := evaluation.numbers) is not None and numbers.mean_absolute_error is not None:
        parts.append(f"mean absolute error {format_number(numbers.mean_absolute_error)}")
    if evaluation.unlabeled:
        parts.append(f"{evaluation.unlabeled:,} without a usable label")
    if evaluation.not_finite:
        parts.append(f"{evaluation.not_finite:,} with an output that is NaN or infinite")
    return parts


def captions(evaluation: Evaluation | OutputEvaluation) -> list[str]:
    """Return a caption of two lines for each of the worst samples: label → prediction, or the error, and the row."""
    names = _names(evaluation)
    if evaluation.classes is not None:
        return [_mistake_caption(mistake, names) for mistake in evaluation.classes.mistakes]
    return [_sample_caption(sample) for sample in evaluation.numbers.worst] if evaluation.numbers else []


def _mistake_caption(mistake: Mistake, names: Mapping[int, str]) -> str:
    label, answer = (escape(_name(names, index), _NAME_LENGTH) for index in (mistake.label, mistake.answer))
    share = "" if mistake.probability is None else f"{mistake.probability:.0%}, "
    return f"{label} → {answer}\n{share}row {mistake.place.row}"


def _sample_caption(sample: WorstSample) -> str:
    if len(sample.label) == 1:
        return f"{format_number(sample.label[0])} → {format_number(sample.answer[0])}\nrow {sample.place.row}"
    return f"error {format_number(sample.error)}\nrow {sample.place.row}"


def _names(evaluation: Evaluation | OutputEvaluation) -> dict[int, str]:
    classes = evaluation.classes.by_class if evaluation.classes is not None else []
    return {each.index: each.name for each in classes if each.name is not None}


def _name(names: Mapping[int, str], index: int) -> str:
    return names.get(index, str(index))
