"""Renders the chart with the real helm."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.cache import CACHE

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = "registry.example.com"
"""A value that the chart requires."""
# The default of --kube-version depends on the build of helm.
ARGUMENTS = ("charts/epochal", "--kube-version=1.34.0")

Object = dict[str, Any]

EXAMPLES: list[Object] = [
    document
    for file in sorted((ROOT / "manifests/examples").glob("*.yaml"))
    for document in yaml.load_all(file.read_text(), yaml.CSafeLoader)
    if document["kind"] in {"TrainingJob", "Experiment"}
]
"""The TrainingJobs and Experiments in manifests/examples."""
DIGITS = next(document for document in EXAMPLES if document["metadata"]["name"] == "digits")


class _UniqueKeys(yaml.CSafeLoader):
    """Refuses duplicate keys, as strict decoding in the API server does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"duplicate key in {sorted(keys)}, {node.start_mark}"
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Rendering:
    """The output of helm for the chart.

    Attributes:
        text: The manifest.
        error: The error of helm, or an empty string.
    """

    text: str
    error: str

    @cached_property
    def objects(self) -> list[Object]:
        """The objects of the manifest, parsed once for all tests with these values: a test changes copies only."""
        assert not self.error, self.error
        documents = yaml.load_all(self.text, _UniqueKeys)
        return [document for document in documents if document]

    def one(self, kind: str, name: str = "epochal") -> Object:
        """Return the object of a kind and name."""
        (found,) = (item for item in self.objects if item["kind"] == kind and item["metadata"]["name"] == name)
        return found

    def kinds(self) -> set[str]:
        """Return the kinds of all objects."""
        return {item["kind"] for item in self.objects}

    def pod_specs(self) -> Iterator[Object]:
        """Yield the pod specs of all templates."""
        for item in self.objects:
            template = item.get("spec", {}).get("template", {})
            if "containers" in template.get("spec", {}):
                yield template["spec"]

    def container(self) -> Object:
        """Return the operator's container."""
        (container,) = self.one("Deployment")["spec"]["template"]["spec"]["containers"]
        return dict(container)


Render = Callable[..., Rendering]


def renderer(helm: str) -> Render:
    """Return a function that renders the chart with a helm and values, as a release in a namespace."""

    @cache
    def _run(values: str, release: str, namespace: str) -> Rendering:
        done = subprocess.run(
            (helm, "template", release, *ARGUMENTS, f"--namespace={namespace}", "--values=-"),
            cwd=ROOT,
            input=values,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | {"GOGC": "off"},  # the garbage collector would take a third of helm's CPU time
        )
        return Rendering(text=done.stdout, error=done.stderr if done.returncode else "")

    def _render(release: str = "epochal", namespace: str = "epochal-system", **values: Any) -> Rendering:
        return _run(json.dumps({"imageRegistry": REGISTRY} | values), release, namespace)

    return _render


def _built(name: str) -> str | None:
    """Return the path of a program that `make helm helm4` has built."""
    return next((str(path) for path in sorted(CACHE.glob(f"bin/{name}-*/{name}"))), None)


@pytest.fixture(scope="session")
def helm() -> str:
    """Path of Helm 3: from HELM, from PATH, or as the local cluster builds it."""
    program = os.environ.get("HELM") or shutil.which("helm") or _built("helm")
    if program is None:
        pytest.fail(
            f"helm not found: add it to PATH, set HELM to its path, or run make helm, which builds it into {CACHE}/bin"
        )
    return program


@pytest.fixture(scope="session")
def helm4() -> str:
    """Path of Helm 4: from HELM4, or as `make helm4` builds it."""
    program = os.environ.get("HELM4") or _built("helm4")
    if program is None:
        pytest.fail(f"Helm 4 not found: set HELM4 to its path, or run make helm4, which builds it into {CACHE}/bin")
    return program


@pytest.fixture(scope="session")
def render(helm: str) -> Render:
    """Return a function that renders the chart with values, as a release in a namespace."""

    return renderer(helm)
