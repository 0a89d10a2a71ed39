"""A bill of materials names Debian packages beside the Python distributions, for the image as a whole."""

from typing import Any

import pytest

from scripts.sbom import components, packages, whole

LISTING = """\
installed\tlibc6\t2.36-9+deb12u10\tamd64
installed\tlogin\t1:4.13+dfsg1-1+deb12u1\tamd64
config-files\tgone\t1.0\tall
installed\ttzdata\t2025b-0+deb12u1~rc1\tall
"""
BOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "metadata": {"tools": {}},
    "components": [{"name": "epochal-operator", "version": "0.1.0"}, {"name": "kopf", "version": "1.45"}],
}


def test_installed_packages_are_named() -> None:
    found = packages(LISTING, "debian-12")
    assert [(package["name"], package["version"]) for package in found] == [
        ("libc6", "2.36-9+deb12u10"),
        ("login", "1:4.13+dfsg1-1+deb12u1"),
        ("tzdata", "2025b-0+deb12u1~rc1"),
    ]
    assert len({package["bom-ref"] for package in found}) == 3


def test_a_package_url_is_encoded() -> None:
    purls = [package["purl"] for package in packages(LISTING, "debian-12")]
    assert purls[1] == "pkg:deb/debian/login@1%3A4.13%2Bdfsg1-1%2Bdeb12u1?arch=amd64&distro=debian-12"
    assert purls[2] == "pkg:deb/debian/tzdata@2025b-0%2Bdeb12u1~rc1?arch=all&distro=debian-12"


def test_the_bill_names_its_image() -> None:
    added = packages(LISTING, "debian-12")
    made = whole(BOM, "epochal-operator", added)
    component = {"type": "container", "bom-ref": "image", "name": "epochal-operator", "version": "0.1.0"}
    assert made["metadata"] == {"tools": {}, "component": component}
    assert made["components"] == [*BOM["components"], *added]


def test_an_image_without_its_own_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        whole(BOM, "epochal-trainer", [])


def test_packages_of_npm_are_named() -> None:
    """As `npm sbom --sbom-format=cyclonedx` lists them."""
    react = {
        "bom-ref": "react@19.3.1",
        "type": "library",
        "name": "react",
        "version": "19.3.1",
        "purl": "pkg:npm/react@19.3.1",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    of_npm = {"scope": "required", "properties": [{"name": "cdx:npm:package:path", "value": "node_modules/react"}]}
    vite = {"name": "vite", "properties": [{"name": "cdx:npm:package:development", "value": "true"}]}
    assert components({"components": [react | of_npm, vite]}) == [react]
