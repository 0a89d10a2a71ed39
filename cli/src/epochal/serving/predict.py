"""Gets predictions of a ModelServer for the user's files and arrays."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.sentences import listed
from epochal.serving import answers, open_inference
from epochal.serving.access import Server
from epochal.serving.sample_files import Arrays, image_type, read_batches, read_photograph, slices
from epochal.serving.tensors import Description, describe


class Prediction(NamedTuple):
    """The prediction for one sample.

    Args:
        file: The file with the sample, as the user named it.
        sample: Index of the sample in the file, from 0.
        columns: Names of the model's outputs.
        cells: A function without arguments that returns a list of cells for a table, one for each output.
        plain: A function without arguments that returns the prediction as JSON values.
    """

    file: str
    sample: int
    columns: Sequence[str]
    cells: Callable[[], Sequence[str]]
    plain: Callable[[], dict[str, Any]]

    def row(self) -> list[str]:
        """Return the prediction as a row of a table: file, sample, and a cell for each output."""
        return [self.file, str(self.sample), *self.cells()]

    def as_json(self) -> str:
        """Return the prediction as JSON in one line."""
        return json.dumps({"file": self.file, "sample": self.sample, **self.plain()})


def predictions(server: Server, files: Sequence[Path], folder: Path) -> Iterator[Prediction]:
    """Yield the predictions for all samples in files, in the order of the samples.

    Args:
        server: The ModelServer.
        files: The files, as the user named them.
        folder: The folder to which relative paths refer.

    Raises:
        EpochalError: If a file does not fit the model, or the server does not answer.
    """
    types = [(file, image_type(folder / file)) for file in files]
    model = _describe(server)
    if model.images == "None" and (photographs := [file for file, media_type in types if media_type]):
        raise EpochalError(
            f"{photographs[0]} is a photograph, and ModelServer {server.name} takes none: spec.images.mode is None, or "
            "the model is no model of images.",
            "Set spec.images.mode to Resize, or to Digit for handwritten digits; or send the samples as npy.",
            exit_code=ExitCode.USAGE,
        )
    for file, media_type in types:
        if media_type is None:
            yield from _of_samples(server, model, file, folder)
        else:
            yield _of_photograph(server, model, file, folder / file, media_type)


def predict_arrays(server: Server, samples: Any) -> dict[str, np.ndarray]:
    """Return the arrays of the model's outputs for samples, by the name of the output.

    Args:
        server: The ModelServer.
        samples: An array, or a mapping from the name of each input to an array.

    Raises:
        EpochalError: If the samples do not fit the model, or the server does not answer.
    """
    model = _describe(server)
    names = [tensor.name for tensor in model.inputs]
    arrays = samples if isinstance(samples, Mapping) else dict.fromkeys(names[:1], samples)
    if sorted(map(str, arrays)) != sorted(names):
        found = listed([*map(str, arrays)]) if isinstance(samples, Mapping) else "a single array"
        raise EpochalError(
            f"found {found}, expected an array for each input of the model: {listed(names)}.",
            "Pass a dict of arrays by these names.",
            exit_code=ExitCode.USAGE,
        )
    batches = slices(
        "the samples", {name: np.asarray(arrays[name]) for name in names}, model.inputs, model.request_bytes
    )
    answered = [_infer(server, model, batch) for batch in batches]
    return {tensor.name: np.concatenate([each[tensor.name] for each in answered]) for tensor in model.outputs}


def _describe(server: Server) -> Description:
    return describe(_json(server.request("GET", "/page/model.json").body))


def _infer(server: Server, model: Description, batch: Arrays) -> dict[str, np.ndarray]:
    """Send one batch to the server, and return the arrays of the outputs by the name of the output.

    Raises:
        EpochalError: If the outputs do not fit the model's description or the number of samples.
    """
    body, headers = open_inference.encode(batch, model.inputs)
    answer = server.request("POST", f"/v2/models/{quote(server.name)}/infer", body, headers)
    outputs = open_inference.decode(answer.body, answer.headers)
    count = len(next(iter(batch.values())))
    if set(outputs) != {tensor.name for tensor in model.outputs} or any(
        len(array) != count for array in outputs.values()
    ):
        raise EpochalError(
            f"ModelServer {server.name} returned {len(outputs)} outputs that do not fit the number of samples or the "
            "model's description.",
            "A new model may roll out now: repeat the command.",
        )
    return outputs


def _of_samples(server: Server, model: Description, file: Path, folder: Path) -> Iterator[Prediction]:
    sample, columns = 0, [tensor.name for tensor in model.outputs]
    for batch in read_batches(folder / file, model.inputs, model.request_bytes):
        outputs, count = _infer(server, model, batch), len(next(iter(batch.values())))
        for row in range(count):
            cells = partial(answers.cells, outputs, model.outputs, row)
            yield Prediction(str(file), sample, columns, cells, partial(answers.plain, outputs, model.outputs, row))
            sample += 1


def _of_photograph(server: Server, model: Description, file: Path, path: Path, media_type: str) -> Prediction:
    photograph = read_photograph(path, model.request_bytes)
    answer = _json(server.request("POST", "/predict", photograph, {"Content-Type": media_type}).body)
    columns = [tensor.name for tensor in model.outputs]
    # The answer has the classes of the first output, and a field `outputs` with the other outputs.
    by_name = {columns[0]: answer, **(answer.get("outputs") or {})}
    return Prediction(
        str(file),
        0,
        columns,
        lambda: [answers.photograph_cell(by_name.get(name)) for name in columns],
        lambda: answer,
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise EpochalError(
            "the server answered no JSON object.", "Install `epochal` in the same version as the server."
        )
    return content
