"""Writers of code that runs without Epochal, a module for each target.

Call them only through `export`, which first refuses a TrainingJob that Epochal itself would refuse.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

if TYPE_CHECKING:
    from epochal_api.trainingjob.spec import TrainingJob


TargetName = Literal["keras", "notebook", "torch", "caffe"]
"""The names in TARGETS."""


class Target(NamedTuple):
    """A target of `export`.

    Args:
        module: Name of a module with a function `export`, which returns files by name. It is imported on first use.
        content: Description of the files, for help texts.
        has_simple: Whether this function has the argument `simple`.
    """

    module: str
    content: str
    has_simple: bool = False


TARGETS: Mapping[str, Target] = {
    "keras": Target("epochal.exporters.keras", "a script of Keras", has_simple=True),
    "notebook": Target("epochal.exporters.notebook", "a Jupyter notebook with Keras and curves", has_simple=True),
    "torch": Target("epochal.exporters.torch", "a module of PyTorch, a training loop and a converter of the weights"),
    "caffe": Target("epochal.exporters.caffe", "the network of Caffe, and a converter of the weights"),
}
"""The targets by name."""


def export(job: "TrainingJob", target: str, *, simple: bool = False) -> dict[str, bytes]:
    """Return the files of an exported TrainingJob: their contents by their names.

    Args:
        job: The TrainingJob.
        target: A name of TARGETS.
        simple: Whether Keras shuffles the samples, in place of code that gives the exact order of Epochal's trainer.

    Raises:
        EpochalError: If there is no such target, the TrainingJob has a problem, or a part has no counterpart there.
    """
    found = TARGETS.get(target)
    if found is None:
        expected = ", ".join(TARGETS)
        raise EpochalError(f"cannot export to {target}: expected {expected}", exit_code=ExitCode.USAGE)
    if simple and not found.has_simple:
        has = ", ".join(name for name, each in TARGETS.items() if each.has_simple)
        message = f"{target} has no simple form; the targets with a simple form: {has}"
        raise EpochalError(message, "Leave --simple out.", exit_code=ExitCode.USAGE)
    _check(job)
    function = import_module(found.module).export
    files: dict[str, bytes] = function(job, simple=simple) if found.has_simple else function(job)
    return files


def _check(job: "TrainingJob") -> None:
    """Raise an error for a TrainingJob with problems. Without problems, Keras has all classes and arguments of it."""
    from epochal_api.catalogue.findings import to_text  # noqa: PLC0415 - the registry alone needs no catalogue
    from epochal_api.catalogue.problems import spec_problems  # noqa: PLC0415

    found = [problem for problem in spec_problems(job.spec.dump()) if not problem.is_warning]
    if found:
        raise EpochalError(to_text(found), "Correct these fields. `epochal check FILE` prints their lines.")
