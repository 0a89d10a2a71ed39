"""Whether the replay command finds all suggestions of parallel searches again."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from epochal_operator.experiment.ledger.events import Created

from tests.bench.experiments.compare import METHODS, run
from tests.bench.experiments.search import PARALLELISM
from tests.bench.figures import Figure

SEED = 0


def replayed() -> list[Figure]:
    """Replays a search of each kind from its Experiment and ledger alone, in another process."""
    suggested, wrong = 0, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "experiment.yaml"
        for method in METHODS:
            found = run(method, SEED)
            suggested += sum(isinstance(event, Created) for event in found.ledger)
            path.write_text(yaml.safe_dump_all([found.document, found.ledger_object]))
            command = [sys.executable, "-m", "epochal_operator", "replay", str(path)]
            ended = subprocess.run(command, check=False, text=True, capture_output=True)
            if ended.returncode:
                wrong.append(f"{method.name}: {ended.stderr.strip().splitlines()[-1]}")
    return [
        Figure(
            f"suggestions of {len(METHODS)} searches, {PARALLELISM} trials at a time, computed again by "
            "`epochal-operator replay`",
            "",
            f"{suggested} equal" if not wrong else f"of {suggested}: {'; '.join(wrong)}",
            "all equal",
            not wrong,
        )
    ]
