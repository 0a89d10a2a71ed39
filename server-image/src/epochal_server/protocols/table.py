"""The protocols for inference. To add one, write a module, name it here, and describe it in openapi/."""

from epochal_server.model.model import Model
from epochal_server.protocols import tfserving, v2, watson
from epochal_server.protocols.protocol import Protocol

MODULES = (v2, tfserving, watson)


def protocols(model: Model) -> list[Protocol]:
    """Return the protocols for a model."""
    return [module.protocol(model) for module in MODULES]
