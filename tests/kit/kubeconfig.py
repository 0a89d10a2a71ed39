"""The kubeconfig of whoever goes to the API server by a way of its own."""

from pathlib import Path

import yaml


def write(file: Path, server: str, token: str) -> Path:
    """Writes a kubeconfig.

    Args:
        file: Where to write it.
        server: Address to go to.
        token: Token that shows who that is.
    """
    entries = {
        "clusters": [{"name": "way", "cluster": {"server": server}}],
        "users": [{"name": "way", "user": {"token": token}}],
        "contexts": [{"name": "way", "context": {"cluster": "way", "user": "way"}}],
    }
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "way"} | entries))
    return file
