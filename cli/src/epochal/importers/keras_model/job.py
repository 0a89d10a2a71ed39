"""Converts the configuration of a Keras model to a TrainingJob."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.importers.keras_model.network import ImportedNetwork, convert_network
from epochal.importers.keras_model.training import convert_training
from epochal.importers.reading import shown


class ConvertedModel(NamedTuple):
    """The result of `convert_model`.

    Args:
        draft: The TrainingJob, with its warnings and placeholders.
        imported_network: The network of the TrainingJob, and the place of each of its layers in the Keras model.
    """

    draft: Draft
    imported_network: ImportedNetwork


def convert_model(
    document: Mapping[str, Any], *, name: str, source: str, compiled: Mapping[str, Any] | None = None
) -> ConvertedModel:
    """Return the TrainingJob for a Keras model, as a draft.

    Args:
        document: The configuration of the model, as `model.to_json()` writes it.
        name: Name of the TrainingJob.
        source: The file or program with the model, for the comment at the head of the manifest.
        compiled: The arguments of `compile`. Default: `compile_config` of the document.

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
    imported_network = convert_network(document, draft)
    draft.spec["network"] = imported_network.network
    draft.spec["training"] = convert_training(compiled, imported_network, draft)
    return ConvertedModel(draft, imported_network)
