"""Broken TrainingJobs as people write them, in tests/broken: each with its finder, its hint, and the hint applied.

`python -m tests.kit.broken` writes the table in tests/broken/README.md.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "broken"
TABLE = FOLDER / "README.md"
FINDERS = ("schema", "policy", "operator", "checker", "trainer")
"""The parts of Epochal that may refuse a TrainingJob, in the order in which they see it."""
_BASE: Mapping[str, Any] = {
    "storage": {"secretRef": {"name": "minio-credentials"}},
    "data": {"bucket": "data", "train": {"object": "images.npz"}},
    "results": {"bucket": "results"},
}
"""The fields of a spec that a file may leave out."""
_TITLE = """\
# Broken TrainingJobs

Each file is a mistake that people make: a part of `spec`, the finder of the mistake, the hint in its message, and the
fields that the hint changes. The finders in order: `schema` and `policy` in the API server, the `operator`, the
`checker`, and the `trainer`. `tests/unit/broken` asserts the finder and the hint, applies the hint, and trains.

`python -m tests.kit.broken` generates this table.

| file | finder | hint |
|---|---|---|
"""


@dataclass(frozen=True)
class BrokenJob:
    """A broken TrainingJob.

    Args:
        name: Name of its file without the suffix.
        spec: Its spec as people write it, without fields of `_BASE`.
        finder: The first of FINDERS that refuses it, or warns of the mistake.
        hint: The part of the message that names the remedy.
        fix: The values that the hint changes, by their paths below spec; None removes the field.
    """

    name: str
    spec: Mapping[str, Any]
    finder: str
    hint: str
    fix: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def broken(self) -> dict[str, Any]:
        """The TrainingJob with the mistake."""
        spec = copy.deepcopy({**_BASE, **self.spec})
        spec["data"] = {**_BASE["data"], **spec["data"]}
        return {
            "apiVersion": "epochal.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": self.name, "namespace": "default"},
            "spec": spec,
        }

    @property
    def fixed(self) -> dict[str, Any]:
        """The TrainingJob after the hint is applied."""
        document = self.broken
        for path, value in self.fix.items():
            *parents, last = [int(key) if key.isdigit() else key for key in re.split(r"\]?[.\[]", path.rstrip("]"))]
            target = document["spec"]
            for key in parents:
                target = target[key]
            _set(target, last, copy.deepcopy(value))
        return document


def broken_jobs() -> list[BrokenJob]:
    """Returns the broken TrainingJobs in the order of their names."""
    return [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]


def to_table(jobs: Sequence[BrokenJob]) -> str:
    """Returns the text of the table, in the order of the finders."""
    ordered = sorted(jobs, key=lambda job: (FINDERS.index(job.finder), job.name))
    rows = (f"| [{job.name}]({job.name}.yaml) | {job.finder} | {_cell(job.hint)} |\n" for job in ordered)
    return _TITLE + "".join(rows)


def _read(path: Path) -> BrokenJob:
    spec, answer = yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return BrokenJob(path.stem, spec, **answer)


def _set(target: Any, key: Any, value: Any) -> None:
    if isinstance(target, list) and key == len(target):
        target.append(value)
    elif value is None:
        del target[key]
    else:
        target[key] = value


def _cell(hint: str) -> str:
    return hint.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    TABLE.write_text(to_table(broken_jobs()), encoding="utf-8")
