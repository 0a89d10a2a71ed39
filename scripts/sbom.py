# ruff: noqa: INP001 - a program, not a package
"""Makes the software bill of materials of an image whole: to the Python distributions come the Debian packages.

Runs while an image is built, after `cyclonedx-py environment` (https://pypi.org/project/cyclonedx-bom/), by its Python:
`python sbom.py DISTRIBUTION [BILL…] < python.cdx.json > sbom.cdx.json`, where DISTRIBUTION is the one that the image is
for, and each BILL a file with further components, such as the packages of npm that `npm sbom` lists.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

FIELDS = ("db:Status-Status", "Package", "Version", "Architecture")
LISTING = ["dpkg-query", "--show", "--showformat=" + r"\t".join(f"${{{field}}}" for field in FIELDS) + r"\n"]

DEVELOPMENT = {"name": "cdx:npm:package:development", "value": "true"}
"""The property of a package that is no part of the pages."""


def packages(listing: str, distribution: str) -> list[dict[str, Any]]:
    """Returns Debian packages as components of a bill of materials.

    Args:
        listing: What `LISTING` printed: a line for each package.
        distribution: What they belong to, such as debian-12.
    """
    found = []
    for line in listing.splitlines():
        status, name, version, architecture = line.split("\t")
        if status != "installed":
            continue
        # https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='~')}?arch={architecture}&distro={distribution}"
        found.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return found


def whole(bom: dict[str, Any], distribution: str, added: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns a bill of materials for an image.

    Args:
        bom: That of its Python environment.
        distribution: Name of the Python distribution that the image is for, which gives it name and version.
        added: Components that belong to it as well.
    """
    (version,) = (part["version"] for part in bom["components"] if part["name"] == distribution)
    image = {"type": "container", "bom-ref": "image", "name": distribution, "version": version}
    return {**bom, "metadata": {**bom["metadata"], "component": image}, "components": [*bom["components"], *added]}


def components(bill: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the components of a bill of npm, without those that only build pages and without npm's own properties.

    `npm sbom --omit=dev` also omits a package on which another development package depends, such as React.
    """
    fields = ("type", "bom-ref", "name", "version", "purl", "hashes", "licenses")
    served = [part for part in bill["components"] if DEVELOPMENT not in part.get("properties", [])]
    return [{field: part[field] for field in fields if field in part} for part in served]


def main(distribution: str, bills: list[str]) -> None:
    """Reads a bill of materials from standard input, and writes the whole one to standard output."""
    from cyclonedx.schema import SchemaVersion  # type: ignore[import-not-found]  # noqa: PLC0415 - only where an image is built
    from cyclonedx.validation.json import JsonStrictValidator  # type: ignore[import-not-found]  # noqa: PLC0415

    release = platform.freedesktop_os_release()
    listing = subprocess.run(LISTING, check=True, stdout=subprocess.PIPE, text=True).stdout
    added = packages(listing, f"{release['ID']}-{release['VERSION_ID']}")
    for file in bills:
        added += components(json.loads(Path(file).read_text()))
    text = json.dumps(whole(json.load(sys.stdin), distribution, added), indent=1)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"this is no CycloneDX: {error}")
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
