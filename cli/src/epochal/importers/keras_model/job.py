"""A TrainingJob from the configuration of a Keras model."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.importers.keras_model.network import ImportedNetwork, convert_network
from epochal.importers.keras_model.training import convert_training
from epochal.importers.reading import shown


class ConvertedModel(NamedTuple):
    """A TrainingJob from a model, and the network in it, by which its weights are found."""

    draft: Draft
    imported: ImportedNetwork


def convert_model(
    document: Mapping[str, Any], *, name: str, source: str, compiled: Mapping[str, Any] | None = None
) -> ConvertedModel:
    """Return the TrainingJob of a model.

    Args:
        document: The configuration of the model, as `model.to_json()` writes it.
        name: Name of the TrainingJob.
        source: The file or program with the model, for the comment at the head.
        compiled: The arguments of `compile`, if they are not in the document.

    Raises:
        EpochalError: If the model has a custom layer, or a part that a TrainingJob cannot express.
    """
    draft = Draft(name)
    version = document.get("keras_version")
    draft.heading = f"From the Keras model {shown(source)}" + (f" of Keras {shown(version)}." if version else ".")
    compiled = compiled or document.get("compile_config")
    if compiled is not None and not isinstance(compiled, Mapping):
        raise EpochalError(f"compile_config must be a mapping, found {type(compiled).__name__}")
    draft.set_storage()
    draft.set_unknown_data()
    draft.set_results()
    imported = convert_network(document, draft)
    draft.spec["network"] = imported.network
    draft.spec["training"] = convert_training(compiled, imported, draft)
    return ConvertedModel(draft, imported)
