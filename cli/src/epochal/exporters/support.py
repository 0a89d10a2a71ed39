"""Functions that the targets share: for the network, the name, and the error for a part without a counterpart."""

import re
from collections.abc import Mapping, Sequence

from epochal_api.array_names import Role
from epochal_api.storage import Data, DataSet
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.spec import TrainingJob

from epochal.errors import EpochalError

COMPLETE = ("keras", "notebook", "onnx")
"""Targets that have all layers and settings of a TrainingJob; onnx downloads the trained model."""


def unsupported(place: str, found: str, target: str, remedy: str = "", *, targets: Sequence[str] = ()) -> EpochalError:
    """Return the error for a part of a TrainingJob without a counterpart.

    Args:
        place: The field of the spec, such as spec.network.layers[3] (LSTM).
        found: The reason, as the end of a sentence.
        target: The target of the export.
        remedy: What the user can do.
        targets: Other targets that have a counterpart.
    """
    others = f"The targets {', '.join(targets)} have a counterpart." if targets else ""
    return EpochalError(f"cannot export to {target}: {place}: {found}", " ".join(filter(None, (remedy, others))))


def no_counterpart(target: str, where: str, kind: str, what: str = "") -> EpochalError:
    """Return the error for a layer or setting without a counterpart in a target. It names targets with a counterpart.

    Args:
        target: The target of the export.
        where: The place in the spec.
        kind: The class of the layer, or the setting.
        what: The argument without a counterpart; "" if the whole layer has no counterpart.
    """
    found = f"{what} of {kind}" if what else kind
    others = [name for name, kinds in _layers().items() if name != target and not what and kind in kinds]
    return unsupported(where, f"{found} has no counterpart", target, targets=[*COMPLETE, *others])


def listed_network(job: TrainingJob, target: str) -> Network:
    """Return spec.network of a TrainingJob, for a target that needs the list of layers.

    Raises:
        EpochalError: If the network comes from a saved model or from code.
    """
    if job.spec.network is None:
        field = "model" if job.spec.model is not None else "code"
        raise unsupported(f"spec.{field}", "the TrainingJob does not list its layers", target, targets=COMPLETE)
    return job.spec.network


def data_sets(data: Data) -> dict[Role, DataSet]:
    """Return the data sets (train, validation, test) with files of their own, by role: no validation split of train."""
    validation = data.validation.data_set if data.validation is not None else None
    sets: dict[Role, DataSet | None] = {"train": data.train, "validation": validation, "test": data.test}
    return {role: each for role, each in sets.items() if each is not None}


def safe_name(job: TrainingJob) -> str:
    """Return the name of a TrainingJob, with - for each character that could end a comment or string in code."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", job.metadata.name)


def _layers() -> Mapping[str, frozenset[str]]:
    from epochal.exporters.caffe.layers import LAYERS as CAFFE  # noqa: PLC0415 - only an error needs them
    from epochal.exporters.torch.layers import LAYERS as TORCH  # noqa: PLC0415

    return {"torch": frozenset(TORCH), "caffe": frozenset(CAFFE)}
