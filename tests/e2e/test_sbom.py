"""Each image holds its bill of materials, which names exactly the installed packages."""

import json
import re
from dataclasses import dataclass

import pytest

from tests.kit import pods
from tests.kit.jobs import Namespace
from tests.kit.kubectl import Object

FILE = "/usr/share/doc/epochal/sbom.cdx.json"
SCRIPT = f"""
import importlib.metadata, json, pathlib, subprocess
packages = subprocess.run(["dpkg-query", "-W", "-f", "${{Package}} ${{Version}}\\n"], capture_output=True, text=True)
print(json.dumps([
    [f"{{each.name}} {{each.version}}" for each in importlib.metadata.distributions()],
    packages.stdout.splitlines(),
    json.loads(pathlib.Path("{FILE}").read_text()),
]))
"""


@dataclass(frozen=True)
class Image:
    """The Python distributions and Debian packages of an image as name and version, and its bill of materials."""

    name: str
    distributions: set[str]
    packages: set[str]
    bill: Object

    def components(self, *, debian: bool) -> set[str]:
        """Returns the Debian packages or the Python distributions of the bill, each as name and version."""
        found = (
            component
            for component in self.bill["components"]
            if debian == component.get("purl", "").startswith("pkg:deb/")
        )
        return {f"{item['name']} {item['version']}" for item in found}


@pytest.fixture(scope="module", params=["operator", "studio", "trainer"])
def image(request: pytest.FixtureRequest, namespace: Namespace) -> Image:
    name: str = request.param
    pod = pods.restricted(name, pods.images()[name], ["python3", "-c", SCRIPT])
    distributions, packages, bill = json.loads(pods.run_to_end(pod, namespace.name))
    return Image(name, set(map(normalized, distributions)), set(packages), bill)


def normalized(text: str) -> str:
    """Returns a distribution's name and version with the name as https://peps.python.org/pep-0503/ writes it."""
    name, _, version = text.partition(" ")
    return f"{re.sub(r'[-_.]+', '-', name).lower()} {version}"


def test_the_bill_names_its_image(image: Image) -> None:
    assert image.bill["bomFormat"] == "CycloneDX"
    component = image.bill["metadata"]["component"]
    assert (component["type"], component["name"]) == ("container", f"epochal-{image.name}")


def test_the_bill_names_every_python_distribution(image: Image) -> None:
    named = set(map(normalized, image.components(debian=False)))
    assert image.distributions - named == set()
    assert {"epochal-api", f"epochal-{image.name}"} <= {text.split()[0] for text in named}


def test_the_bill_of_studio_names_the_packages_of_its_pages(image: Image) -> None:
    of_npm = {part["name"] for part in image.bill["components"] if part.get("purl", "").startswith("pkg:npm/")}
    assert ("react" in of_npm) == (image.name == "studio")
    assert "vite" not in of_npm


def test_the_bill_names_no_build_tool(image: Image) -> None:
    assert {text.split()[0] for text in image.components(debian=False)} & {"uv", "cyclonedx-bom", "hatchling"} == set()


def test_the_bill_names_every_debian_package(image: Image) -> None:
    assert image.components(debian=True) == image.packages
    assert any(text.startswith("libc6 ") for text in image.packages)
