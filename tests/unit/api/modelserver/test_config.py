"""The configuration that the operator passes to a model server."""

import subprocess
import sys

IMPORT = """
from epochal_api.model import field_errors
from epochal_api.modelserver.config import Source
from pydantic import ValidationError

try:
    Source.model_validate({"uri": "s3://b/k", "sha256": "0"})
except ValidationError as error:
    print(*field_errors(error))
"""


def test_messages_do_not_depend_on_other_modules() -> None:
    """A server does not import the spec of a ModelServer, as other tests may have done."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert found == "sha256: must be the SHA-256 of the file: 64 digits 0-9 and a-f\n"
