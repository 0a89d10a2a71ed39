"""A TrainingJob as sections of Python code, and the script that joins them."""

import re
from collections.abc import Iterator, Sequence

from epochal_api.catalogue.classes import catalogue
from epochal_api.trainingjob.spec import TrainingJob

from epochal.errors import EpochalError
from epochal.exporters.keras.data import data_section
from epochal.exporters.keras.helpers import HELPERS, with_needs
from epochal.exporters.keras.helpers.helper import ARGPARSE, KERAS, LAYERS, NUMPY, OS, PATH, TENSORFLOW
from epochal.exporters.keras.section import Section
from epochal.exporters.keras.source import adapt_section, models_bucket, network_section
from epochal.exporters.keras.training import compile_section, training_section
from epochal.exporters.python_code import assign, call, literal, statement
from epochal.exporters.support import unsupported

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_ENDPOINT = "https://s3.amazonaws.com"
"""The S3 endpoint if spec.storage.endpoint is not set: the default of the Epochal installation is unknown here."""
_BACKEND = 'os.environ["KERAS_BACKEND"] = "tensorflow"'
_THIRD_PARTY = (KERAS, NUMPY, TENSORFLOW, LAYERS)
EXACT = """\
With the same versions of Python, Keras, TensorFlow and NumPy, the same data and the same
machine, the final weights equal those of Epochal's trainer, bit for bit."""
SIMPLE = """\
Keras shuffles the samples in its own order: the weights differ from those of Epochal's
trainer, as with another seed."""


def title(job: TrainingJob) -> str:
    """Return the name of a job for file name and comments; "network" for a name that Kubernetes does not accept."""
    return job.metadata.name if _NAME.fullmatch(job.metadata.name) else "network"


def sections(job: TrainingJob, *, simple: bool) -> list[Section]:
    """Return the sections of the script in their order.

    If `simple`, Keras shuffles the samples, in another order than Epochal.

    Raises:
        EpochalError: If a part of the TrainingJob has no counterpart in plain Keras code.
    """
    spec, training = job.spec, job.spec.training
    if training.continue_from is not None:
        raise unsupported(
            "spec.training.continueFrom",
            "a checkpoint has the state of Epochal's trainer, which the script cannot load",
            "keras",
            "Remove this field, and set spec.model.uri or spec.network.weights to the earlier model.keras.",
        )
    if simple and training.steps_per_epoch is not None:
        raise EpochalError(
            "cannot export to keras with --simple: spec.training.stepsPerEpoch needs the exact order of samples",
            "Leave --simple out.",
        )
    settings = Section("Settings", constants=[f"SEED = {training.seed}", f"BATCH_SIZE = {training.batch_size}"])
    found = [
        settings,
        network_section(spec),
        compile_section(spec),
        data_section(spec),
        adapt_section(spec),
        training_section(spec, simple=simple),
    ]
    used = [section for section in found if section is not None]
    # Needed by `fetch`, which each script has.
    settings.constants += [
        assign("ENDPOINT", literal(spec.storage.endpoint or _ENDPOINT)),
        assign("REGION", literal(spec.storage.region)),
    ]
    return used


def file_locations(job: TrainingJob) -> list[tuple[str, str, str]]:
    """Return the locations of files that a user may change: constant (DATA, MODELS), default and description."""
    found = [("DATA", f"s3://{job.spec.data.bucket}", "folder or s3://BUCKET with the data")]
    if (bucket := models_bucket(job.spec)) is not None:
        found.append(("MODELS", f"s3://{bucket}", "folder or s3://BUCKET with the model to start from"))
    return found


def imports(used: Sequence[Section], *others: str) -> str:
    """Return the import statements that some sections need, and `others`, in their usual order."""
    lines = {OS, PATH, KERAS, *others}
    for section in used:
        lines |= {*section.imports, *(line for name in with_needs(section.helpers) for line in HELPERS[name].imports)}
    standard = sorted(lines - set(_THIRD_PARTY), key=lambda line: (line.startswith("from"), line))
    return "\n".join([*standard, "", _BACKEND, "", *(line for line in _THIRD_PARTY if line in lines)])


def functions_of(section: Section, known: Sequence[str]) -> list[str]:
    """Return the names of the helper functions that a section needs, without the names in `known`."""
    return [name for name in with_needs(section.helpers) if name not in known]


def script(job: TrainingJob, *, simple: bool) -> str:
    """Return the text of the script of a TrainingJob."""
    used = sections(job, simple=simple)
    blocks = [_docstring(job, simple=simple), imports(used, ARGPARSE)]
    constants = [line for section in used for line in section.constants]
    blocks += ["\n".join(constants), _arguments(job)]
    known: list[str] = []
    for section in used:
        added = functions_of(section, known)
        known += added
        blocks += [HELPERS[name].code.strip("\n") for name in added]
        if section.lines:
            blocks.append("\n".join([f"# {section.title}", *section.lines]))
    return "".join(_spaced(blocks))


def _spaced(blocks: Sequence[str]) -> Iterator[str]:
    """Yield blocks of code with empty lines between them: two around functions and classes, else one, as black does."""
    for index, block in enumerate(blocks):
        is_definition = [each.startswith(("def ", "class ", "@")) for each in blocks[max(index - 1, 0) : index + 1]]
        yield ("\n\n" if any(is_definition) else "\n") if index else ""
        yield f"{block}\n"


def _docstring(job: TrainingJob, *, simple: bool) -> str:
    bucket = job.spec.data.bucket
    return f'''"""Trains the network of the TrainingJob {title(job)}, without Epochal.

    pip install keras=={catalogue().keras} tensorflow-cpu minio
    python {title(job)}.py --data FOLDER --results FOLDER

The folder of the data has the objects of the bucket {bucket} under their keys. Without
--data, the script reads the bucket: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold the
keys, and AWS_ENDPOINT_URL_S3 an address that this machine can reach.

{SIMPLE if simple else EXACT}
"""'''


def _arguments(job: TrainingJob) -> str:
    lines = ["parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])"]
    found = file_locations(job)
    for constant, default, meaning in found:
        options = {"default": literal(default), "help": literal(meaning)}
        lines.append(statement(call("parser.add_argument", options, literal(f"--{constant.lower()}"))))
    lines.append('parser.add_argument("--results", default=".", help="folder for model.keras")')
    lines.append("arguments = parser.parse_args()")
    lines += [f"{constant} = arguments.{constant.lower()}" for constant, _, _ in found]
    return "\n".join([*lines, "RESULTS = Path(arguments.results)", "RESULTS.mkdir(parents=True, exist_ok=True)"])
