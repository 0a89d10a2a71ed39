"""Asks the ValidatingAdmissionPolicies of manifests/install.yaml, with the code of the API server, but without one.

`make admission` builds the program, from tests/cluster/modules/admission.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.kit.cache import CACHE

INSTALL = Path(__file__).resolve().parents[2] / "manifests" / "install.yaml"
OLDEST_KUBERNETES = "1.31"
"""The oldest version that Epochal supports."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Review:
    """The answer of a policy to a request.

    Attributes:
        denied: The messages of the rules that refuse the object.
        failed: The errors of rules that CEL could not evaluate.
        cost: The cost of all rules as CEL counts it, or 0 if it was not asked.
        microseconds: The CPU time.
    """

    denied: Sequence[str]
    failed: Sequence[str]
    cost: int
    microseconds: int


class Policy:
    """A policy that answers requests, in a process of its own."""

    def __init__(self, policy: Object, version: str = OLDEST_KUBERNETES) -> None:
        """Compile a policy.

        Raises:
            ValueError: If an API server of this version of Kubernetes would refuse its expressions.
        """
        self._process = subprocess.Popen([_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if errors := self._ask({"version": version, "policy": policy})["errors"]:
            self._process.kill()
            raise ValueError("\n".join(errors))

    def __enter__(self) -> Self:
        """Return the policy, which ends with the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.communicate()

    def review(self, document: Object, before: Object | None = None, *, costs: bool = False) -> Review:
        """Return the answer to the creation of an object, or to its update from the object `before`."""
        return Review(**self._ask({"object": document, "oldObject": before, "costs": costs}))

    def _ask(self, line: Object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@cache
def policy(name: str) -> Object:
    """Return a ValidatingAdmissionPolicy of manifests/install.yaml."""
    with INSTALL.open(encoding="utf-8") as file:
        documents = list(yaml.load_all(file, yaml.CSafeLoader))
    (found,) = (
        each for each in documents if each["kind"] == "ValidatingAdmissionPolicy" and each["metadata"]["name"] == name
    )
    return dict(found)


@cache
def _program() -> Path:
    folder = CACHE / "bin"
    found = sorted(folder.glob("admission-*/admission"))
    assert found, f"{folder} contains no program admission: run make admission, which builds it"
    return found[0]
