"""The library of Epochal: it reads, checks, imports and exports TrainingJobs, and talks to the cluster.

The command `epochal`, notebooks and the studio use these modules. Importing the package imports no other library: a
name of it imports its module at the first use.
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
"""The module of each name of the package."""

__all__ = ["Experiment", "ModelServer", "TrainingJob", "check", "read"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"epochal.{name}")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'epochal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
