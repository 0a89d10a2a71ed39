"""The library of Epochal: it reads, checks, imports and exports TrainingJobs, and sends requests to the cluster.

The command `epochal`, notebooks and the studio use these modules. `import epochal` alone is fast: it imports a module
of the package only when a program first uses a name of this module.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochal.manifests import check, read
    from epochal.notebook import Experiment, ModelServer, TrainingJob

_MODULES = ("client", "exporters", "importers", "manifests", "notebook")
_NAMES = {
    "Experiment": "epochal.notebook",
    "ModelServer": "epochal.notebook",
    "TrainingJob": "epochal.notebook",
    "check": "epochal.manifests",
    "read": "epochal.manifests",
}
"""The module that defines each public name of the package."""

__all__ = ["Experiment", "ModelServer", "TrainingJob", "check", "read"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"epochal.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'epochal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
